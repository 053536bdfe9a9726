"""Who may give cells, and what must be true first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import object_session

from clinic.access import Role
from clinic.administration.bedside import administrations_of, waiting_products
from clinic.administration.models import Administration, BedsideCheck, VitalSigns
from clinic.administration.waiting import bedside
from clinic.patients.models import Patient
from clinic.products.models import products_of
from clinic.records import Signature
from clinic.steps import Action, Blocked, Progress, State, Step, Waiting
from clinic.treatments import gates
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LOGS = frozenset({Role.NURSE, Role.PHYSICIAN})
SIGNS = frozenset({Role.NURSE, Role.PHYSICIAN})
WORKLIST = 50
"""How many open administrations the worklist shows at most."""


def blockers(course: Treatment, at: datetime) -> list[Blocked]:
    """Consent, eligibility and donor again, and a released product that nobody was given yet (rules 14 to 23, 50)."""
    session = object_session(course)
    collected = [p.collected_at for p in waiting_products(session, course) if p.collected_at] if session else []
    return gates.may_go_on(course, at) + gates.donor(course, min(collected, default=at)) + cells(course)


def cells(course: Treatment) -> list[Blocked]:
    """Return why no released product waits for this course; empty: one does."""
    session = object_session(course)
    if session is None or waiting_products(session, course):
        return []
    made = products_of(session, course.id)
    given = {a.product_id for a in administrations_of(session, course)}
    left = [p for p in made if p.id not in given and not p.discarded]
    if not left:
        because = (
            "All products of this course were given or discarded."
            if made
            else "There is no product for this course yet."
        )
        return [Blocked(because=because, rule=50, who=(Role.TECHNOLOGIST,))]
    return [
        Blocked(
            because="No product of this course is released.",
            rule=50,
            who=(Role.QUALITY,),
            fix=("products.show", {"product_id": left[-1].id}),
            fix_label="Open the product",
        )
    ]


def progress(course: Treatment, at: datetime) -> Progress:
    """Done when every dose of the protocol was given and signed."""
    session = object_session(course)
    found = administrations_of(session, course) if session else []
    if not found:
        closed = bool(blockers(course, at))
        return Progress(state=State.BLOCKED if closed else State.TO_DO, word="Blocked" if closed else "To do")
    last = found[-1]
    who = last.performed_by.printed_name if last.performed_by else ""
    if last.origin == "clinic" and last.ended_at is None:
        return Progress(state=State.NOW, word="Being given", by=who)
    if any(a.origin == "clinic" and not a.signed for a in found):
        return Progress(state=State.NOW, word="Not signed", by=who)
    doses = course.says.dose.doses
    days = len({a.performed_at.date() if a.performed_at else a.course_day for a in found})
    if days < doses and course.stop is None and any(a.origin == "clinic" for a in found):
        return Progress(state=State.NOW, word=f"Dose {days} of {doses}", by=who)
    return Progress(state=State.DONE, word="Signed" if last.signed else "Imported", by=who)


def actions(course: Treatment, at: datetime) -> list[Action]:
    """Write down the end, take vital signs, sign; scan wristband and bag for the next product."""
    session = object_session(course)
    if session is None:
        return []
    waiting: list[Action] = []
    for given in administrations_of(session, course):
        to = ("administration.show", {"administration_id": given.id})
        if given.origin != "clinic" or given.signed:
            continue
        if given.ended_at is None:
            waiting.append(
                Action(
                    title="Write down the end",
                    why=f"{given.headline()}: begun, its end is not written down.",
                    who=tuple(LOGS),
                    to=("administration.finish", {"administration_id": given.id}),
                    due_at=_end_by(course, given),
                )
            )
        else:
            waiting.append(
                Action(
                    title="Sign the administration",
                    why=f"{given.headline()}: written down, not signed.",
                    who=tuple(SIGNS),
                    to=to,
                )
            )
    if not waiting and not blockers(course, at):
        product = waiting_products(session, course)[0]
        why = f"{product.headline()} is released. Two people scan wristband and bag first."
        waiting.append(
            Action(
                title="Give the cells",
                why=why,
                who=tuple(LOGS),
                to=("administration.bedside", {"treatment_id": course.id}),
                due_at=_thaw_end(course, product.thawed_at) or product.expires_at,
            )
        )
    return waiting


def _thaw_end(course: Treatment, thawed_at: datetime | None) -> datetime | None:
    minutes = course.says.expiry.thaw_minutes
    return thawed_at + timedelta(minutes=minutes) if thawed_at and minutes else None


def _end_by(course: Treatment, given: Administration) -> datetime | None:
    return _thaw_end(course, given.product.thawed_at)


def waiting(session: Session, at: datetime) -> list[Waiting]:
    """Return what may be given, what was begun and not ended, what was ended and not signed; two queries."""
    signed = select(Signature.id).where(Signature.record_id == Administration.id).exists()
    rows = session.execute(
        select(
            Administration.id,
            Administration.ended_at,
            Administration.performed_at,
            Patient.family_name,
            Patient.given_names,
            Patient.record_number,
        )
        .join(Treatment, Treatment.id == Administration.treatment_id)
        .join(Patient, Patient.id == Treatment.patient_id)
        .where(Administration.origin == "clinic", ~signed)
        .order_by(Administration.performed_at, Administration.id)
        .limit(WORKLIST)
    )
    found = bedside(session, at)
    for row in rows:
        who = (
            ", ".join(part for part in ((row.family_name or "").upper(), row.given_names or "") if part)
            or row.record_number
            or ""
        )
        name = "finish" if row.ended_at is None else "show"
        title = "Write down the end" if row.ended_at is None else "Sign the administration"
        why = "The cells are being given." if row.ended_at is None else "Written down, not signed."
        found.append(
            Waiting(
                patient=f"{who} · {row.record_number or ''}",
                title=title,
                why=why,
                who=LOGS,
                to=(f"administration.{name}", {"administration_id": row.id}),
                due_at=row.ended_at or row.performed_at,
                due_words="ended" if row.ended_at else "begun",
            )
        )
    return found


ADMINISTRATION = Step(
    name="administration",
    title="Administration",
    icon="vaccine",
    records=(BedsideCheck, Administration, VitalSigns),
    endpoint="administration.index",
    begin="administration.bedside",
    logs=LOGS,
    signs=SIGNS,
    blockers=blockers,
    progress=progress,
    actions=actions,
    waiting=waiting,
)
