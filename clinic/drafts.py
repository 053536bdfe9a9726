"""Drafts: unfinished forms, kept on the server for the person who typed them.

“Save draft” keeps one, and so does a form that is sent after the session ran out. The form comes back filled in;
saving the record ends the draft. A draft is not a record: it is in no ledger, export or search.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import request
from sqlalchemy import String, UniqueConstraint, delete, insert, select
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.datastructures import MultiDict

from clinic import clock
from clinic.extensions import db
from clinic.identifiers import LENGTH, new_id
from clinic.model import Base

if TYPE_CHECKING:
    from collections.abc import Sequence

NEVER_KEPT = ("csrf_token", "idempotency_key", "password", "second_password", "do", "version")
MOST_TEXT = 100_000


class Draft(Base):
    """One unfinished form of one person at one address."""

    __table_args__ = (UniqueConstraint("user_id", "path"),)

    id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(LENGTH), index=True)
    path: Mapped[str]
    title: Mapped[str]
    typed: Mapped[dict[str, Any]]
    at: Mapped[datetime]


def keep(user_id: str) -> bool:
    """Save the posted form as the draft of this address, replacing an earlier one; False if the form is empty."""
    typed = {name: values for name, values in request.form.to_dict(flat=False).items() if name not in NEVER_KEPT}
    title = typed.pop("draft_title", [""])[0]
    if not any(value for values in typed.values() for value in values) or len(str(typed)) > MOST_TEXT:
        return False
    end(user_id, request.path)
    db.session.execute(
        insert(Draft).values(
            id=new_id("DR"), user_id=user_id, path=request.path, title=title, typed=typed, at=clock.now()
        )
    )
    return True


def end(user_id: str, path: str) -> None:
    """Delete the draft of an address, because its record was saved."""
    db.session.execute(delete(Draft).where(Draft.user_id == user_id, Draft.path == path))


def at_hand(user_id: str) -> tuple[MultiDict[str, str], datetime] | None:
    """Return this person's draft for this address as form data, and when it was saved."""
    row = db.session.execute(
        select(Draft.typed, Draft.at).where(Draft.user_id == user_id, Draft.path == request.path)
    ).one_or_none()
    return (MultiDict(row.typed), row.at) if row else None


def mine(user_id: str) -> Sequence[Any]:
    """Return path, title and time of a person's drafts, the newest first."""
    return db.session.execute(
        select(Draft.path, Draft.title, Draft.at).where(Draft.user_id == user_id).order_by(Draft.at.desc()).limit(10)
    ).all()
