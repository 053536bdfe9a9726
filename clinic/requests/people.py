"""Who may be asked, in the words of a form, and what they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.access import WRITERS, Role
from clinic.accounts.models import User
from clinic.errors import Problem, RuleBroken
from clinic.patients.banner import patient_of
from clinic.requests.models import DANGER, KINDS, OBJECTION, Request, undecided

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.records import Entry

ROLE = "role:"
"""Begins the value of a choice that names a role in place of a person."""


def choices(session: Session, asker: User) -> list[tuple[str, str]]:
    """Return whom a person may ask: the roles of the site, then its active staff who write in records."""
    chosen = select(User).where(User.active, User.role.in_(WRITERS), User.id != asker.id).order_by(User.printed_name)
    staff = list(session.scalars(chosen))
    roles = sorted({one.role for one in staff}, key=lambda role: role.label)
    return [(f"{ROLE}{role.value}", f"Any {role.label}") for role in roles] + [(one.id, one.label) for one in staff]


def kinds(session: Session, record: Entry) -> list[tuple[str, str]]:
    """Return what may be asked about a record: a decision on an objection only where one is open."""
    said = session.scalars(select(Request).where(Request.record_id == record.id, Request.decisive())).all()
    return [(kind, label) for kind, label in KINDS.items() if kind != DANGER and (kind != OBJECTION or undecided(said))]


def chosen(session: Session, value: str) -> User | Role:
    """Return the role or the person of a choice."""
    if value.startswith(ROLE):
        return Role(value.removeprefix(ROLE))
    found = session.scalar(select(User).where(User.id == value))
    if found is None:
        raise RuleBroken(Problem("Choose from the list.", "whom"))
    return found


def asked(session: Session, request: Request) -> list[User]:
    """Return the accounts that a request is put to."""
    if request.asked_of is not None:
        return [request.asked_of]
    role = Role(request.asked_role or "")
    return list(session.scalars(select(User).where(User.active, User.role == role, User.site_id == request.site_id)))


def about(record: Entry) -> dict[str, Any]:
    """Return in words what record it is, and its patient, as a request and a comment keep them."""
    patient = patient_of(record)
    return {"about": named(record), "patient": patient, "patient_id": patient.id if patient is not None else None}


def named(record: Entry) -> str:
    """Return what a record is called in one line."""
    said = record.headline()
    return (record.NOUN if said in {"", record.NOUN} else f"{record.NOUN}: {said}")[:300]


def of_patient(record: Any) -> str:
    """Return “, FAMILY, Given” of the patient whom a row is about; nothing where it is about none."""
    patient = patient_of(record)
    return f", {patient.display_name}" if patient is not None else ""
