"""The serious events with a report due, and who else must be told of them, as pages show them (rule 67)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from clinic.access import ROUTES, Role, may
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.event_news import signed_before
from clinic.followup.event_records import RECIPIENTS
from clinic.followup.telling import open_duties
from clinic.records import Origin
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from sqlalchemy.orm import Session

    from clinic.course_records import CourseRecords
    from clinic.patients.models import Patient

STANDS = "Serious, unexpected and possibly related to the treatment."
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
    if said := signed_before(event):
        return f"{STANDS} {said}"
    if not event.signed:
        return "Counts as unexpected and related until a physician has assessed and signed it."
    if event.unconfirmed is not None:
        return "A correction stopped the deadline. It counts until a second physician confirms the correction."
    return STANDS


def reports_due(events: Iterable[AdverseEvent], on: date) -> list[dict[str, Any]]:
    """Return the running clocks of some events, the next report first."""
    found = (report_due(event, on) for event in events)
    return sorted((one for one in found if one is not None), key=lambda one: one["due"])


def all_due(records: CourseRecords, events: Iterable[AdverseEvent], on: date, role: Role) -> list[dict[str, Any]]:
    """Return whom some events of a course must still be reported or told to, the soonest first, each with its act."""
    found: list[dict[str, Any]] = []
    for event in events:
        own = report_due(event, on)
        if own is not None:
            to = ("events.report", {"event_id": event.id})
            found.append(own | {"whose": RECIPIENTS["authority"]} | act(to, role, "Record that it was sent"))
        for duty in open_duties(records, event):
            left, gone = (duty.due - on).days, (on - duty.since).days
            found.append(
                {
                    "title": f"{duty.title}: {event.headline()}", "patient": "", "why": duty.because, "due": duty.due,
                    "whose": duty.title, "url": url_for("events.show", event_id=event.id), "of": duty.days,
                    "gone": min(max(gone, 0), duty.days), "days": abs(left), "over": left < 0,
                    "urgent": left <= NEAR_DAYS,
                } | act(duty.to, role, "Record it")
            )  # fmt: skip
    return sorted(found, key=lambda one: one["due"])


def act(to: tuple[str, dict[str, Any]], role: Role, label: str) -> dict[str, Any]:
    """Return the button of a row, or whom it waits for where this role may not press it."""
    if may(role, to[0]):
        return {"act_url": url_for(to[0], **to[1]), "label": label}
    roles = ROUTES.get(to[0]) or frozenset()
    whose = [one.label for one in (Role.NURSE, Role.PHYSICIAN, Role.QUALITY) if one in roles][:2]
    return {"act_url": None, "waits": f"Waiting for {' or '.join(whose)}"}


def of_patient(session: Session, patient: Patient, on: date) -> list[dict[str, Any]]:
    """Return the running clocks of a patient, of all courses."""
    courses = select(Treatment.id).where(Treatment.patient_id == patient.id)
    chosen = select(AdverseEvent).where(AdverseEvent.treatment_id.in_(courses), AdverseEvent.origin == Origin.CLINIC)
    whole = chosen.options(selectinload(AdverseEvent.signatures), selectinload(AdverseEvent.amendments))
    return reports_due(session.scalars(whole), on)
