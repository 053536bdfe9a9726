"""What waits in consent and eligibility for all courses of a site, each list by one query."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, exists, or_, select

from clinic.access import Role
from clinic.consent.models import Consent, Withdrawal
from clinic.eligibility.models import Eligibility
from clinic.patients.models import Patient
from clinic.protocols.catalogues import BODY_SITES, CONDITIONS, within
from clinic.records import Origin, signed_now
from clinic.steps import Waiting
from clinic.treatments.models import Stop, Treatment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MOST = 40
"""Lines of one kind that a worklist reads; the soonest come first."""


def courses(*more: Any) -> Any:
    """Return a select over the running courses written in this clinic, with what a line about one shows."""
    stopped = exists().where(Stop.treatment_id == Treatment.id)
    return (
        select(
            Treatment.id,
            Treatment.patient_id,
            Treatment.planned_on,
            Treatment.condition,
            Treatment.body_site,
            Treatment.side,
            Patient.family_name,
            Patient.given_names,
            Patient.record_number,
            *more,
        )
        .select_from(Treatment)
        .join(Patient, Patient.id == Treatment.patient_id)
        .where(Treatment.origin == Origin.CLINIC, ~stopped)
        .order_by(Treatment.planned_on.is_(None), Treatment.planned_on, Treatment.id)
        .limit(MOST)
    )


def person(row: Any) -> str:
    """Return whom a line is about, by two identifiers: family and given name, record number."""
    return f"{(row.family_name or '').upper()}, {row.given_names or ''} · {row.record_number}"


def about(row: Any) -> str:
    """Return what is treated: “left knee, osteoarthritis of the knee”."""
    site = within(BODY_SITES[row.body_site].label) if row.body_site in BODY_SITES else ""
    side = row.side if row.side in {"left", "right"} else ""
    condition = within(CONDITIONS[row.condition].label) if row.condition in CONDITIONS else ""
    return ", ".join(part for part in (f"{side} {site}".strip(), condition) if part)


def due(row: Any) -> datetime | None:
    """Return the planned day as the moment by which earlier steps must be done."""
    return datetime.combine(row.planned_on, time(7), UTC) if row.planned_on else None


def consented(at: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a course has a signed, unexpired, present consent to its version (rule 14)."""
    withdrawn = exists().where(Withdrawal.consent_id == Consent.id)
    return exists().where(
        Consent.patient_id == Treatment.patient_id,
        Consent.scope == "treatment",
        Consent.protocol_version_id == Treatment.protocol_version_id,
        or_(Consent.expires_on.is_(None), Consent.expires_on >= at.date()),
        signed_now(Consent),
        ~withdrawn,
    )


def found_eligible() -> ColumnElement[bool]:
    """Return the SQL condition that a physician signed that the patient is eligible (rule 23)."""
    return exists().where(
        Eligibility.treatment_id == Treatment.id, Eligibility.eligible.is_(True), signed_now(Eligibility)
    )


def consents(session: Session, at: datetime) -> list[Waiting]:
    """Return the courses without a consent that holds."""
    who = frozenset({Role.PHYSICIAN, Role.NURSE, Role.COORDINATOR})
    rows = session.execute(courses().where(~consented(at)))
    return [
        Waiting(
            patient=person(row),
            title="Consent",
            why=f"No signed consent to this treatment holds: {about(row)}.",
            who=who,
            to=("pathway.course", {"treatment_id": row.id}),
            due_at=due(row),
            due_words="for the planned day",
        )
        for row in rows
    ]


def eligibilities(session: Session, at: datetime) -> list[Waiting]:
    """Return the courses on whose patient no physician has decided, and those whose order nobody signed."""
    decided = exists().where(Eligibility.treatment_id == Treatment.id, signed_now(Eligibility))
    rows = session.execute(courses().where(consented(at), ~decided))
    return [
        Waiting(
            patient=person(row),
            title="Decide on the eligibility",
            why=f"Consent is signed; nothing else has to come first: {about(row)}.",
            who=frozenset({Role.PHYSICIAN}),
            to=("pathway.course", {"treatment_id": row.id}),
            due_at=due(row),
            due_words="for the planned day",
        )
        for row in rows
    ]
