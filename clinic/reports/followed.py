"""How long each course was observed after its first cells: until death, or until the last day that is known."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import ContactAttempt, FollowUpVisit, OutcomeScore, PlannedVisit

if TYPE_CHECKING:
    from datetime import date, datetime

    from clinic.reports.data import Data
    from clinic.reports.dimensions import Course

COMPLETE_ENOUGH = 0.8
"""Clark's C below which an outcome must not be read from a chart [site default]."""
YEAR = 365


class Followed(NamedTuple):
    """One course: days from its first cells to death (``died``) or to the last day known; ``could``: days until now.

    ``could`` is None where there is no calendar: a published history was observed as long as its table says.
    """

    course: Course
    days: int
    died: bool
    could: int | None


def followed(data: Data) -> tuple[list[Followed], list[str]]:
    """Return the observation of each course begun in the period, and the courses of which nothing is known."""
    last = _last_seen(data)
    told = _told(data)
    found, missing = [], []
    for id_, first in data.begun.items():
        course = first.course
        if id_ in told:
            days, died = told[id_]
            found.append(Followed(course, days, died, None if first.on is None else (data.today - first.on).days))
        elif first.on is None:
            missing.append(id_)
        else:
            end = course.died_on or max(first.on, last.get(id_, first.on))
            could = max(0, (data.today - first.on).days)
            found.append(Followed(course, max(0, (end - first.on).days), course.died_on is not None, could))
    return found, missing


def _told(data: Data) -> dict[str, tuple[int, bool]]:
    """Return survival as scores tell it, for histories without dates: days, and whether the patient died."""
    wanted = ("survival_days", "survival_status")
    found: dict[str, dict[str, int]] = {}
    for row in data.read(
        OutcomeScore.treatment_id,
        OutcomeScore.instrument,
        OutcomeScore.value,
        where=[OutcomeScore.instrument.in_(wanted), OutcomeScore.value.is_not(None)],
        order=[OutcomeScore.recorded_at, OutcomeScore.id],
    ):
        course = data.courses.get(row.treatment_id)
        if course is not None and course.origin == "imported":
            found.setdefault(row.treatment_id, {})[row.instrument] = int(row.value)
    return {id_: (one[wanted[0]], one[wanted[1]] == 1) for id_, one in found.items() if len(one) == len(wanted)}


def _last_seen(data: Data) -> dict[str, date]:
    """Return the last day on which a patient of a course was seen, reached, given cells or had an event begin."""
    latest: dict[str, datetime] = {one.course.id: one.at for one in data.administrations if one.at is not None}
    rows = data.read(
        FollowUpVisit.treatment_id,
        FollowUpVisit.performed_at,
        where=[FollowUpVisit.made == "made", FollowUpVisit.performed_at.is_not(None)],
    )
    rows += data.read(
        PlannedVisit.treatment_id,
        ContactAttempt.performed_at,
        join=(ContactAttempt, ContactAttempt.plan_id == PlannedVisit.id),
        where=[ContactAttempt.result == "reached", ContactAttempt.performed_at.is_not(None)],
    )
    rows += data.read(
        AdverseEvent.treatment_id, AdverseEvent.performed_at, where=[AdverseEvent.performed_at.is_not(None)]
    )
    for course, at in rows:
        if at <= data.at + timedelta(days=1) and (course not in latest or at > latest[course]):
            latest[course] = at
    return {course: day for course, at in latest.items() if (day := data.day(at)) is not None}


def potential(one: Followed, horizon: int) -> float:
    """Return the days for which a course could have been observed up to a horizon (Clark's C)."""
    whole = horizon if one.could is None else min(horizon, one.could)
    return min(one.days, whole) if one.died else whole


def completeness(some: list[Followed], horizon: int) -> tuple[float, float]:
    """Return the days observed and the days that could have been, up to a horizon; their ratio is Clark's C."""
    whole = sum(potential(one, horizon) for one in some)
    return sum(min(one.days, potential(one, horizon)) for one in some), whole


def too_weak(some: list[Followed], horizon: int = YEAR) -> str:
    """Return why outcomes of some courses must not be read from a chart: too much follow-up is missing; empty: may."""
    seen, whole = completeness(some, horizon)
    if not whole or seen / whole >= COMPLETE_ENOUGH:
        return ""
    return (
        f"Follow-up within {horizon} days is {100 * seen / whole:.0f} % complete (Clark's C), under the limit of "
        f"{100 * COMPLETE_ENOUGH:.0f} %. Patients who did not come back may have done worse, or better."
    )
