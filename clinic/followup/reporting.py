"""The serious events of a patient with a report due, as every page about the patient shows them (rule 67)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from clinic.followup.adverse_events import AdverseEvent
from clinic.records import Origin
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from sqlalchemy.orm import Session

    from clinic.patients.models import Patient

NEAR_DAYS = 3
"""From so many days before its end a report is urgent."""


def report_due(event: AdverseEvent, on: date) -> dict[str, Any] | None:
    """Return the running clock of an event on a day, its days as boxes; None where no report is due.

    ``of``: days in all, ``gone``: of them, ``days``: left, or late where ``over``.
    """
    due, day, days = event.report_due_on, event.clock_day(on), event.clock_days
    if event.origin is not Origin.CLINIC or due is None or day is None or days is None:
        return None
    left = (due - on).days
    return {
        "title": event.headline(), "patient": "", "why": _why(event),
        "url": url_for("events.show", event_id=event.id), "due": due,
        "of": days, "gone": min(max(day, 0), days), "days": abs(left), "over": left < 0, "urgent": left <= NEAR_DAYS,
    }  # fmt: skip


def _why(event: AdverseEvent) -> str:
    if not event.signed:
        return "Counts as unexpected and related until a physician has assessed and signed it."
    if event.unconfirmed is not None:
        return "A correction stopped the deadline. It counts until a second physician confirms the correction."
    return "Serious, unexpected and possibly related to the treatment."


def reports_due(events: Iterable[AdverseEvent], on: date) -> list[dict[str, Any]]:
    """Return the running clocks of some events, the next report first."""
    found = (report_due(event, on) for event in events)
    return sorted((one for one in found if one is not None), key=lambda one: one["due"])


def of_patient(session: Session, patient: Patient, on: date) -> list[dict[str, Any]]:
    """Return the running clocks of a patient, of all courses."""
    courses = select(Treatment.id).where(Treatment.patient_id == patient.id)
    chosen = select(AdverseEvent).where(AdverseEvent.treatment_id.in_(courses), AdverseEvent.origin == Origin.CLINIC)
    whole = chosen.options(selectinload(AdverseEvent.signatures), selectinload(AdverseEvent.amendments))
    return reports_due(session.scalars(whole), on)
