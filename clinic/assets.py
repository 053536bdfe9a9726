"""Style sheet, script, font and icons: each at an address that names its content, so that browsers keep it for good.

`tools/set_up.py` makes them, packed too; see `clinic/static/css` and `clinic/static/js` for what is ours.
"""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flask import request, send_from_directory
from markupsafe import Markup
from werkzeug.security import safe_join

if TYPE_CHECKING:
    from flask import Flask, Response

STATIC = Path(__file__).resolve().parent / "static"
FOR_GOOD = 365 * 24 * 3600


BUNDLES = ("vendor/clinic.css", "vendor/clinic.js", "vendor/icons.svg")
"""What every page asks for, and the set-up makes."""


def missing() -> list[str]:
    """Return which of the files that every page asks for are not there."""
    return [name for name in BUNDLES if not (STATIC / name).is_file()]


@cache
def version(name: str) -> str:
    """Return the content hash of a static file, the same as `tools/assets.py` writes; "" if there is no file."""
    file = STATIC / name
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.is_file() else ""


def asset(name: str) -> str:
    """Return the address of a static file, under the prefix where the app is mounted."""
    return f"{request.script_root}/static/{name}?v={version(name)}"


def icon(name: str) -> Markup:
    """Return an icon of the sprite. Always show it with a word."""
    return _drawn(request.script_root, name)


@cache
def _drawn(root: str, name: str) -> Markup:
    """Return an icon where the app is mounted at a path; a page shows dozens, and there are not many more."""
    sprite = f"{root}/static/vendor/icons.svg?v={version('vendor/icons.svg')}"
    return Markup('<svg class="c-icon" aria-hidden="true" focusable="false"><use href="{}#i-{}"/></svg>').format(
        sprite, name
    )


def send(filename: str) -> Response:
    """Send a static file, packed where the browser takes that; kept for good where the address names its content."""
    wanted = safe_join(str(STATIC), filename)
    packed = wanted is not None and "gzip" in request.accept_encodings and Path(f"{wanted}.gz").is_file()
    known = bool(wanted) and request.args.get("v", "") == version(filename) != ""
    response = send_from_directory(
        STATIC,
        f"{filename}.gz" if packed else filename,
        mimetype=mimetypes.guess_type(filename)[0],
        max_age=FOR_GOOD if known else None,
    )
    if packed:
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    response.cache_control.public = True
    if known:
        response.cache_control.immutable = True
    return response


def init_app(app: Flask) -> None:
    """Serve the static files, and give templates the addresses of what they ask for."""
    app.add_url_rule("/static/<path:filename>", endpoint="static", view_func=send)
    app.jinja_env.globals.update(asset=asset, draw_icon=icon)
