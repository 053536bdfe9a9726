"""What is asked of all patients of a site: clocks of adverse events that run, visits open or overdue; a query each."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, select, tuple_

from clinic.access import Role
from clinic.followup.adverse_events import SUSPECTED, AdverseEvent
from clinic.followup.models import FollowUpVisit, PlannedVisit
from clinic.patients.models import Patient
from clinic.records import Origin, Record, signed_now
from clinic.steps import Waiting
from clinic.treatments.models import Stop, Treatment

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import InstrumentedAttribute, Session

REPORTERS = frozenset({Role.NURSE, Role.PHYSICIAN})
VISITORS = frozenset({Role.COORDINATOR, Role.NURSE, Role.PHYSICIAN})
WORKLIST = 50
FAST = {"death", "life_threatening"}
PERSON = (
    Patient.id.label("patient_id"),
    Patient.family_name,
    Patient.given_names,
    Patient.record_number,
    Patient.birth_date,
)


def events_with_clock(session: Session, on: date, limit: int = WORKLIST) -> list[tuple[Row, date]]:
    """Return rows (event and person) whose 7- or 15-day clock runs, with the last day; the most urgent first (rule 67).

    An overdue one is among them: a clock stops when the report is sent, not when its day is over.
    """
    suspected = (
        AdverseEvent.from_cells.in_(SUSPECTED)
        | AdverseEvent.from_harvest.in_(SUSPECTED)
        | AdverseEvent.from_delivery.in_(SUSPECTED)
    )
    rows = session.execute(
        select(
            AdverseEvent.id,
            AdverseEvent.treatment_id,
            AdverseEvent.term,
            AdverseEvent.grade,
            AdverseEvent.serious,
            AdverseEvent.aware_on,
            *PERSON,
        )
        .join(Treatment, Treatment.id == AdverseEvent.treatment_id)
        .join(Patient, Patient.id == Treatment.patient_id)
        .where(
            AdverseEvent.reported_on.is_(None),
            AdverseEvent.expected == "unexpected",
            suspected,
            AdverseEvent.aware_on <= on,
            AdverseEvent.origin == "clinic",
        )
        .order_by(AdverseEvent.aware_on, AdverseEvent.id)
        .limit(10 * limit)
    )
    running = [
        (row, row.aware_on + timedelta(days=7 if FAST & set(row.serious) else 15)) for row in rows if row.serious
    ]
    return sorted(running, key=lambda pair: (pair[1], pair[0].id))[:limit]


def _visits(after: tuple[date, str] | None, limit: int) -> Select:
    chosen = (
        select(
            PlannedVisit.id,
            PlannedVisit.treatment_id,
            PlannedVisit.name,
            PlannedVisit.due_on,
            PlannedVisit.opens_on,
            PlannedVisit.closes_on,
            PlannedVisit.contact,
            *PERSON,
        )
        .join(Treatment, Treatment.id == PlannedVisit.treatment_id)
        .join(Patient, Patient.id == Treatment.patient_id)
        .outerjoin(FollowUpVisit, FollowUpVisit.plan_id == PlannedVisit.id)
        .outerjoin(Stop, Stop.treatment_id == Treatment.id)
        .where(FollowUpVisit.id.is_(None), Stop.id.is_(None), Patient.died_on.is_(None))
        .order_by(PlannedVisit.closes_on, PlannedVisit.id)
        .limit(limit)
    )
    return chosen.where(tuple_(PlannedVisit.closes_on, PlannedVisit.id) > after) if after else chosen


def overdue_visits(
    session: Session, on: date, limit: int = WORKLIST, after: tuple[date, str] | None = None
) -> list[Row]:
    """Return planned visits that are over and not written down; ``after``: end and id of the last one shown."""
    return list(session.execute(_visits(after, limit).where(PlannedVisit.closes_on < on)))


def visits_open(session: Session, on: date, limit: int = WORKLIST, after: tuple[date, str] | None = None) -> list[Row]:
    """Return planned visits that are in their window and not made yet; ``after`` as above."""
    return list(session.execute(_visits(after, limit).where(PlannedVisit.closes_on >= on, PlannedVisit.opens_on <= on)))


def unsigned(session: Session, model: type[Record], name: InstrumentedAttribute[Any]) -> list[Row]:
    """Return rows (id, name, when it was written down, person) of visits or events that nobody has signed."""
    about: Any = model
    return list(
        session.execute(
            select(about.id, name.label("name"), about.recorded_at, *PERSON)
            .join(Treatment, Treatment.id == about.treatment_id)
            .join(Patient, Patient.id == Treatment.patient_id)
            .where(about.origin == Origin.CLINIC, ~signed_now(model))
            .order_by(about.recorded_at, about.id)
            .limit(WORKLIST)
        )
    )


def person(row: Row) -> str:
    """Return a patient as a worklist names her or him: two identifiers."""
    name = ", ".join(part for part in ((row.family_name or "").upper(), row.given_names or "") if part)
    born = f"born {row.birth_date:%-d %b %Y}" if row.birth_date else ""
    return " · ".join(part for part in (name, row.record_number or "", born) if part)


def waiting(session: Session, at: datetime) -> list[Waiting]:
    """Return clocks that run, visits that are overdue or open, and what nobody has signed; five queries."""
    on = at.date()
    clocks = events_with_clock(session, on)
    found = [
        Waiting(
            patient=person(row),
            title="Send the report",
            danger=True,
            who=frozenset({Role.PHYSICIAN, Role.QUALITY}),
            why=f"{row.term}, serious, unexpected: day {(on - row.aware_on).days} of {(last - row.aware_on).days}.",
            to=("events.show", {"event_id": row.id}),
            due_at=_end(last),
            due_words="report due",
        )
        for row, last in clocks
    ]
    told = {row.id for row, _last in clocks}
    for model, name, title, to, key, who in (
        (AdverseEvent, AdverseEvent.term, "Judge and sign the event", "events.show", "event_id", {Role.PHYSICIAN}),
        (FollowUpVisit, FollowUpVisit.name, "Sign the visit", "followup.show", "visit_id", REPORTERS),
    ):
        found += [
            Waiting(
                patient=person(row),
                title=title,
                why=f"{row.name}: written down, not signed.",
                who=frozenset(who),
                to=(to, {key: row.id}),
                due_at=row.recorded_at,
                due_words="written down",
            )
            for row in unsigned(session, model, name)
            if row.id not in told
        ]
    for rows, title, word in (
        (overdue_visits(session, on), "Follow up an overdue visit", "window closed"),
        (visits_open(session, on), "Make the visit", "window closes"),
    ):
        found += [
            Waiting(
                patient=person(row),
                title=title,
                why=f"{row.name}, due {row.due_on:%-d %b %Y}.",
                who=VISITORS,
                to=("followup.visit", {"plan_id": row.id}),
                due_at=_end(row.closes_on),
                due_words=word,
            )
            for row in rows
        ]
    return found


def _end(day: date) -> datetime:
    """Return the evening of a day, when what is due on it is late."""
    return datetime.combine(day, time(20), UTC)
