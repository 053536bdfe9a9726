"""What somebody searched for, kept on the server while its list is read, so that no address holds a name or a number.

A search is sent as a form and answered with a redirect to the list, whose address holds only a random key: Back, reload
and the next page then work as for any page. The words lie in files of the instance, away from the database, so that a
search waits for no writer; only the person who searched can read them, for as long as a sign-in lasts at most.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask import current_app, redirect, request, url_for
from werkzeug.wrappers import Response

from clinic.accounts.security import ABSOLUTE

KEY = re.compile(r"[A-Za-z0-9_-]{22}")
NAME = "search"
"""The name of the key in an address: ``/patients?search=…``."""


def _folder() -> Path:
    folder = Path(current_app.instance_path) / "searches"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _forget_old(folder: Path) -> None:
    oldest = time.time() - ABSOLUTE.total_seconds()
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # another search forgot it at the same moment
            if file.stat().st_mtime < oldest:
                file.unlink()


def answer(user_id: str, endpoint: str, **words: str) -> Response:
    """Keep the words of a search and redirect to its list; a search for nothing leads to the whole list."""
    asked = {name: text for name, text in words.items() if text}
    if not asked:
        return redirect(url_for(endpoint), 303)
    folder, key = _folder(), secrets.token_urlsafe(16)
    _forget_old(folder)
    file = folder / key
    file.touch(mode=0o600)
    file.write_text(json.dumps({"user": user_id, "endpoint": endpoint, "words": asked}))
    return redirect(url_for(endpoint, search=key), 303)


def asked(user_id: str) -> dict[str, str]:
    """Return the words that this person searched for on this list; none where the key is nobody's or another's."""
    key = request.args.get(NAME, "")
    file = _folder() / key
    if not KEY.fullmatch(key) or not file.is_file():
        return {}
    kept: dict[str, Any] = json.loads(file.read_text())
    return kept["words"] if (kept["user"], kept["endpoint"]) == (user_id, request.endpoint) else {}


def place() -> dict[str, Any]:
    """Return the part of an address that leads to the same search again, for its further pages."""
    key = request.args.get(NAME, "")
    return {NAME: key} if KEY.fullmatch(key) else {}
