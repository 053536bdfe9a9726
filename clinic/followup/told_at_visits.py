"""Visits that told of new symptoms, as who reports an adverse event chooses among them (rule 64)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import String, cast, exists, or_, select

from clinic import clock, wording
from clinic.followup.models import FollowUpVisit
from clinic.records import Amendment, Origin
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

SOMETHING_ELSE = "other"
NO_VISIT = {SOMETHING_ELSE: "No, something else"}
"""What an event says that is not what a visit told."""
SHOWN = 200
"""Letters of a visit's note that are shown."""


def visits_of(session: Session, people: Iterable[Any]) -> list[FollowUpVisit]:
    """Return the visits of a person, on all records, that ever said whether there were new symptoms, the last first."""
    theirs = select(Treatment.id).where(Treatment.patient_id.in_([one.id for one in people]))
    said = exists().where(
        Amendment.record_id == FollowUpVisit.id, cast(Amendment.changes, String).contains('"new_symptoms"')
    )
    chosen = select(FollowUpVisit).where(
        FollowUpVisit.treatment_id.in_(theirs), FollowUpVisit.origin == Origin.CLINIC,
        or_(FollowUpVisit.new_symptoms.is_not(None), said),
    )  # fmt: skip
    return list(session.scalars(chosen.order_by(FollowUpVisit.recorded_at.desc())))


def choices(visits: Iterable[Any]) -> dict[str, str]:
    """Return the answers to the question which visit told of an event, by the visit's id."""
    return {one.id: f"Yes: {in_words(one)}" for one in visits} | NO_VISIT


def in_words(visit: Any) -> str:
    """Return which visit told what."""
    day = clock.day(visit.performed_at, visit.zone) if visit.performed_at is not None else None
    when = f", {wording.day(day, visit.precision_of('performed_at'))}" if day is not None else ""
    note = " ".join((visit.notes or "").split())
    said = f": {note[:SHOWN]}{'…' if len(note) > SHOWN else ''}" if note else ""
    return f"{visit.name}{when}{said}"
