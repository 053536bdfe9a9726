"""Each form is accepted once: a second post of it redirects to the first one's record (hazards H15, H20).

Every form carries a random key. The first post claims the key in the same transaction as its record; an equal post,
even at the same moment, waits for that transaction and is then redirected to where the first one went.
"""

from __future__ import annotations

import secrets
from datetime import datetime

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
KEY_SHAPE = 20


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
    return redirect(row.location or address(), 303)


def address() -> str:
    """Return the address of this page as a browser asks for it, with the prefix under which the app is mounted."""
    return f"{request.script_root}{request.path}"


def claim(user_id: str) -> Response | None:
    """Claim the key of the form that was sent; return the way to the earlier record where it was taken before."""
    key = request.form.get(KEY, "")
    if len(key) < KEY_SHAPE:
        abort(400, "The form is incomplete. Open the page again and fill in the form there.")
    earlier = _earlier(key, user_id)
    if earlier is not None:
        return earlier
    try:
        db.session.execute(
            insert(Submission).values(key=key, user_id=user_id, path=request.path, location="", at=clock.now())
        )
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
