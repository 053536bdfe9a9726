"""Each form is accepted once: a second post of it redirects to the first one's record (hazards H15, H20).

Every form carries a random key. The first post claims the key in the same transaction as its record; an equal post,
even at the same moment, waits for that transaction and is then redirected to where the first one went.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from hashlib import sha256

from flask import Flask, abort, g, redirect, request
from sqlalchemy import String, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.wrappers import Response

from clinic import clock
from clinic.extensions import db
from clinic.identifiers import LENGTH
from clinic.model import Base

KEY = "idempotency_key"
KEY_SHAPE = range(20, 65)
"""Characters of a key."""
OTHER_FILE = (
    "This form was sent before, without the file that you chose now. What was sent first is saved; this file is not. "
    "Open the page again to send it."
)


class Submission(Base):
    """One accepted form: its key, its sender, the address it redirected to."""

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(LENGTH))
    path: Mapped[str]
    location: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]


def new_key() -> str:
    """Return a key for a form that is shown now."""
    return secrets.token_urlsafe(18)


def _earlier(key: str, user_id: str) -> Response | None:
    row = db.session.execute(
        select(Submission.location, Submission.path, Submission.user_id).where(Submission.key == key)
    ).one_or_none()
    if row is None:
        return None
    if row.user_id != user_id or row.path != request.path:
        abort(400, "This form belongs to another page. Open the page again.")
    if request.files and (files := _with_files(key)) and db.session.get(Submission, files) is None:
        abort(409, OTHER_FILE)
    return redirect(row.location or address(), 303)


def _with_files(key: str) -> str:
    """Return a form's key together with the files that it carries, as a second key; "" for a form without files.

    So the same form with another file (“Back”, another one chosen) is told from one that was only sent twice.
    """
    sent = [(name, one) for name, one in request.files.items(multi=True) if one.filename]
    if not sent:
        return ""
    found = sha256(key.encode())
    for name, one in sent:
        found.update(b"\0" + name.encode() + b"\0")
        while piece := one.stream.read(1 << 20):
            found.update(piece)
        one.stream.seek(0)
    return found.hexdigest()


def address() -> str:
    """Return the address of this page as a browser asks for it, with the prefix under which the app is mounted."""
    return f"{request.script_root}{request.path}"


def claim(user_id: str) -> Response | None:
    """Claim the key of the form that was sent; return the way to the earlier record where it was taken before."""
    key = request.form.get(KEY, "")
    if len(key) not in KEY_SHAPE:
        abort(400, "The form is incomplete. Open the page again and fill in the form there.")
    earlier = _earlier(key, user_id)
    if earlier is not None:
        return earlier
    said = {"user_id": user_id, "path": request.path, "location": "", "at": clock.now()}
    keys = filter(None, [key, _with_files(key)]) if request.files else [key]
    try:
        db.session.execute(insert(Submission), [said | {"key": one} for one in keys])
    except IntegrityError:
        db.session.rollback()
        return _earlier(key, user_id)
    g.claimed = key
    return None


def taken() -> bool:
    """Whether the form that was sent was accepted before."""
    key = request.form.get(KEY, "")
    return db.session.execute(select(Submission.key).where(Submission.key == key)).first() is not None


def led_to(location: str) -> None:
    """Remember where the form that is being taken leads; written with the same commit as its record."""
    key = g.get("claimed")
    if key:
        db.session.execute(update(Submission).where(Submission.key == key).values(location=location))


def init_app(app: Flask) -> None:
    """Offer the key to every template."""
    app.jinja_env.globals["idempotency_key"] = new_key
