"""What was asked and said about one record, for its page; what waits for one person, for Today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import false, func, or_, select
from sqlalchemy.orm import lazyload

from clinic import record_display, wording
from clinic.access import WRITERS, may
from clinic.accounts.models import User
from clinic.extensions import db
from clinic.pages import me, staff_choices, zone
from clinic.patients.models import Patient
from clinic.records import Signature
from clinic.requests.models import ANSWERERS, DANGER, DECIDERS, KINDS, OBJECTION, Comment, Request

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.records import Entry

TAGS = {
    "agree": ("ok", "check", "Agrees"), "disagree": ("danger", "alert-octagon", "Disagrees"),
    "answered": ("ok", "message", "Answered"),
}  # fmt: skip
MOST = 50
"""Requests that Today lists; the rest is counted."""


def of_record(record: Entry) -> dict[str, Any]:
    """Return the requests and comments on a record, its reviews as signatures, and what this user may add."""
    session, place = db.session(), zone()
    asked = session.scalars(select(Request).where(Request.record_id == record.id).order_by(Request.recorded_at)).all()
    said = session.scalars(select(Comment).where(Comment.record_id == record.id).order_by(Comment.recorded_at)).all()
    people = dict(staff_choices()) if asked or said else {}
    return {
        "discussion": {
            "requests": [_request(one, people, place) for one in asked],
            "comments": [_comment(one, people, place) for one in said],
            "ask_url": url_for("requests.ask", record_id=record.id) if me().role in WRITERS else None,
            "comment_url": url_for("requests.comment", record_id=record.id) if me().role in WRITERS else None,
            "hold_url": hold_url(record),
        },
        "reviews": _reviews(session, record, [one.id for one in asked if one.answered_at is not None], place),
    }


def hold_url(record: Entry) -> str | None:
    """Return where a product is put on hold, by whoever may; None of another record."""
    if record.__tablename__ != "product" or not may(me().role, "release.hold"):
        return None
    return url_for("release.hold", product_id=record.id)


def _reviews(session: Session, record: Entry, ids: list[str], place: str) -> list[tuple[str, str, str]]:
    """Return who reviewed a record, what the signature says of it, and the line with time and seal."""
    if not ids:
        return []
    chosen = select(Signature, Request).join(Request, Request.id == Signature.record_id).where(Request.id.in_(ids))
    return [
        (
            f"{signature.printed_name}, {signature.role}",
            f"{KINDS[request.kind]}: {request.answer_words.lower()}"
            + ("" if request.seen_hash == record.content_hash else " (of an earlier version: amended since)"),
            f"{wording.moment(signature.signed_at, place)} · {record_display.seal(signature.content_hash)}",
        )
        for signature, request in session.execute(chosen.order_by(Signature.signed_at))
    ]


def _request(one: Request, people: dict[str, str], place: str) -> dict[str, Any]:
    whom = people.get(one.asked_of_id or "", "") or f"any {one.whom}"
    lines = [f"{people.get(one.performed_by_id or '', '')} asked {whom}, {wording.moment(one.performed_at, place)}"]
    if one.due_on is not None and one.open:
        lines.append(f"answer by {wording.day(one.due_on)}")
    if one.answered_at is not None:
        who = people.get(one.answered_by_id or "", "")
        lines.append(f"answered by {who}, {wording.moment(one.answered_at, place)}")
    if one.withdrawn_at is not None:
        who, when = people.get(one.withdrawn_by_id or "", ""), wording.moment(one.withdrawn_at, place)
        lines.append(f"withdrawn by {who}, {when}: {one.withdrawn_reason}")
    return {
        "title": KINDS[one.kind], "text": one.text, "lines": lines, "answer": one.answer_text,
        "url": url_for("requests.show", request_id=one.id), "tag": tag_of(one),
    }  # fmt: skip


def tag_of(one: Request) -> tuple[str, str, str]:
    """Return the tag of a request: kind, icon, word."""
    if one.withdrawn_at is not None:
        return ("rest", "x", "Withdrawn")
    if not one.answer:
        return ("wait", "hourglass", "Open")
    kind, icon, _word = TAGS[one.answer]
    return (kind, icon, one.answer_words)


def _comment(one: Comment, people: dict[str, str], place: str) -> dict[str, Any]:
    struck = ""
    if one.struck_at is not None:
        who, when = people.get(one.struck_by_id or "", ""), wording.moment(one.struck_at, place)
        struck = f"Struck by {who}, {when}: {one.struck_reason}"
    strikes = me().role in WRITERS and one.may_be_struck_by(me())
    return {
        "text": one.text, "struck": struck,
        "line": f"{people.get(one.performed_by_id or '', '')}, {wording.moment(one.performed_at, place)}",
        "strike_url": url_for("requests.strike", comment_id=one.id) if strikes else None,
    }  # fmt: skip


def waiting(session: Session, user: User) -> tuple[list[dict[str, Any]], int]:
    """Return the open requests to a person, due first, and how many there are in all; one statement."""
    if not may(user.role, "requests.answer"):
        return [], 0
    chosen = (
        select(Request, Patient, User.printed_name, func.count().over().label("total"))
        .join(User, User.id == Request.performed_by_id)
        .join(Patient, Patient.id == Request.patient_id, isouter=True)
        .where(Request.site_id == user.site_id, Request.answered_at.is_(None), Request.withdrawn_at.is_(None))
        .where(or_(Request.asked_of_id == user.id, Request.asked_role == user.role.value, _decides(user)))
        .where(Request.performed_by_id != user.id)
        .order_by(Request.due_on.is_(None), Request.due_on, Request.recorded_at, Request.id)
        .limit(MOST)
    )
    rows = session.execute(chosen.options(lazyload("*"))).all()
    shown = [
        {
            "title": KINDS[row.Request.kind], "about": row.Request.about, "text": row.Request.text,
            "by": row.printed_name, "due_on": row.Request.due_on, "patient": _person(row.Patient),
            "url": url_for("requests.answer", request_id=row.Request.id),
        }
        for row in rows
    ]  # fmt: skip
    return shown, rows[0].total if rows else 0


def _decides(user: User) -> Any:
    """Return the condition that finds the objections on which a person may decide."""
    kinds = [kind for kind, roles in ((OBJECTION, DECIDERS), (DANGER, ANSWERERS)) if user.role in roles]
    return Request.kind.in_(kinds) if kinds else false()


def _person(patient: Patient | None) -> str:
    """Return a patient by two identifiers; nothing where a request is about none."""
    return f"{patient.display_name} · {patient.record_number or ''}".rstrip(" ·") if patient is not None else ""
