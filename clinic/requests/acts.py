"""The verbs of requests and comments, each with whom it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.access import Role
from clinic.accounts.models import User
from clinic.notices import notify
from clinic.requests import people
from clinic.requests.models import DANGER, KINDS, OBJECTION, SIGNED, Comment, Request

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.records import Entry


def ask(session: Session, record: Entry, *, of: User | Role, by: User, at: datetime, **facts: Any) -> Request:
    """Ask somebody about a record, and tell them. ``facts``: kind, text, due_on."""
    made = Request.ask(record, by=by, at=at, of=of, **people.about(record), **facts)
    session.add(made)
    said = f"{by.printed_name} asks for your {KINDS[made.kind].lower()}: {made.about}{people.of_patient(record)}"
    notify(session, people.asked(session, made), by=by, at=at, text=said, about=made)
    return made


def reply(session: Session, request: Request, record: Entry, *, by: User, at: datetime, **facts: Any) -> None:
    """Answer a request, and tell who asked; a signed disagreement goes to quality. ``facts``: answer, words."""
    request.reply(record, by=by, at=at, **facts)
    said = f"{by.printed_name}: {request.answer_words.lower()}. {request.headline()}"
    told = [request.performed_by] if request.performed_by is not None else []
    notify(session, told, by=by, at=at, text=f"{said}{people.of_patient(record)}", about=request)

    if request.answer == "disagree" and request.kind in SIGNED and request.kind != OBJECTION:
        _have_decided(session, record, str(request.answer_text), by=by, at=at)


def _have_decided(session: Session, record: Entry, said: str, *, by: User, at: datetime) -> None:
    """Ask quality to decide on a signed disagreement; one question about a record at a time is enough."""
    waits = select(Request.id).where(Request.record_id == record.id, Request.kind == OBJECTION)
    waits = waits.where(Request.answered_at.is_(None), Request.withdrawn_at.is_(None))
    if session.scalar(waits.limit(1)) is None:
        ask(session, record, of=Role.QUALITY, by=by, at=at, kind=OBJECTION, text=DECIDE.format(said))


DECIDE = (
    "“{}” Until this is decided, nothing that rests on the record goes on. Compare it with its source, have it "
    "corrected if necessary, then decide."
)


def withdraw(session: Session, request: Request, *, by: User, at: datetime, reason: str) -> None:
    """Take a request back, and tell who was asked."""
    request.withdraw(by=by, at=at, reason=reason)
    said = f"{by.printed_name} no longer asks for this: {request.headline()}"
    notify(session, people.asked(session, request), by=by, at=at, text=said, about=request)


def comment(session: Session, record: Entry, *, by: User, at: datetime, **facts: Any) -> Comment:
    """Write a comment on a record, and tell who did the record; what tells of a danger asks quality for an answer.

    ``facts``: text, and in ``confirmed`` why a danger is no reason for a hold.
    """
    made = Comment.write(record, by=by, at=at, **facts, **people.about(record))
    session.add(made)
    if made.tells_of_danger:
        ask(session, record, of=Role.QUALITY, by=by, at=at, kind=DANGER, text=made.text)
    did = getattr(record, "performed_by", None)
    said = f"{by.printed_name} wrote a comment on {made.about}{people.of_patient(record)}"
    notify(session, [did] if did is not None else [], by=by, at=at, text=said, about=made)
    return made
