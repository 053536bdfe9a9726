"""What a follow-up may not say: that a dead patient was seen, or that something came on a day that has not come yet."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import object_session

from clinic import clock, wording
from clinic.administration.models import Administration
from clinic.clock import Span, earliest, is_later, shifted, span, span_in
from clinic.errors import Problem
from clinic.fields import plain
from clinic.protocols.catalogues import INSTRUMENTS
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.patients.models import Patient
    from clinic.records import Record

CLOSE = 1
"""Days by which two sources may differ about a day of the course: the day of the cells is day 0 or day 1."""


def after_death(record: Record, name: str, moment: str = "performed_at") -> list[Problem]:
    """Return that a fact is after the death: that a patient who had died was seen, or that an event ended later.

    A day that is known in part may be before it.
    """
    course = getattr(record, "treatment", None)
    dead = course.patient.record_of_death if course is not None and course.patient is not None else None
    if dead is None or not is_later(record, moment, dead, "died_on", record.zone):
        return []
    on = wording.day(dead.died_on, dead.precision_of("died_on"))
    said = f"The patient died on {on}, before this. Correct the date, or the day of death on the patient's record."
    return [Problem(said, name, rule=69)]


def is_day(instrument: str | None) -> bool:
    """Whether a score is itself a day of the course, as that of a recovery."""
    return instrument in INSTRUMENTS and INSTRUMENTS[instrument or ""].unit == "days"


def impossible_day(day: Decimal | int, zero: Span, people: Iterable[Patient], today: date, *, alive: bool) -> str:
    """Return why nothing can have been on a day of the course, whenever the first cells were; "": it can (rule 69).

    ``alive``: only a living patient can have had it, so that it is not after the death.
    """
    on = shifted(zero, int(day) - CLOSE) if abs(day) < MOST else None
    if on is None or on.first > today:
        return "is in the future"
    for one in people if alive else ():
        died = span(one.died_on, one.precision_of("died_on"))
        if died is not None and on.first > died.last:
            return f"is after the death, {wording.day(one.died_on, one.precision_of('died_on'))}"
    on = shifted(zero, int(day) + CLOSE) or on
    for one in people:
        born = span(one.birth_date, one.precision_of("birth_date"))
        if born is not None and born.first > on.last:
            return f"is before the birth, {wording.day(one.birth_date, one.precision_of('birth_date'))}"
    return ""


MOST = 50_000
"""Days before and after the cells; no person lives for longer."""


def first_cells(session: Session, treatment_id: str) -> Span | None:
    """Return when the first cells of a course were given, as far as it is known."""
    chosen = select(Administration).where(
        Administration.treatment_id == treatment_id, Administration.performed_at.is_not(None)
    )
    with session.no_autoflush:
        given = [one for one in session.scalars(chosen.order_by(Administration.performed_at)) if one.counts]
        return earliest(span_in(one, "performed_at", one.zone) for one in given)


def too_late(score: Any, at: datetime) -> list[Problem]:
    """Return that a score is a day of the course that has not come yet, or is after the death (rule 69)."""
    session = object_session(score.recorded_by)
    if session is None or score.value is None or not is_day(score.instrument):
        return []
    course, zero = session.get(Treatment, score.treatment_id), first_cells(session, score.treatment_id)
    if course is None or zero is None:
        return []
    why = impossible_day(score.value, zero, course.patient.person, clock.day(at, score.zone), alive=True)
    said = f"{INSTRUMENTS[score.instrument].label}: day {plain(score.value)} after the first cells {why}."
    return [Problem(said, "value", rule=69)] if why else []
