"""How long each course was observed after its first cells: until death, or until the last day that is known."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import or_

from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import ContactAttempt, FollowUpVisit, OutcomeScore, PlannedVisit

if TYPE_CHECKING:
    from datetime import date, datetime

    from clinic.reports.data import Data, Given
    from clinic.reports.dimensions import Course

COMPLETE_ENOUGH = 0.8
"""Clark's C below which an outcome must not be read from a chart [site default]."""
YEAR = 365
TIME, STATUS = "survival_days", "survival_status"


class Followed(NamedTuple):
    """One course: days from its first cells to death (``died``) or to the last day known; ``could``: days until now.

    ``could`` is None where there is no calendar: a published history was observed as long as its table says.
    """

    course: Course
    days: int
    died: bool
    could: int | None


def followed(data: Data) -> tuple[list[Followed], list[tuple[str, list[str]]]]:
    """Return the observation of each course begun in the period, and the courses that have none, by reason.

    All that is known counts, wherever it was written down: the day of death on the record, a visit or event that tells
    of the death, scores of survival, what “did not occur by day N”, and the last day heard of. The record's day of
    death counts before every other; without a death the last that is known counts.
    """
    last, told, deaths = _last_seen(data), _told(data), _deaths(data)
    found, unknown, undated = [], list[str](), list[str]()
    for id_, first in data.begun.items():
        seen, since = _ended(first, told.get(id_, Told()), deaths.get(id_), last.get(id_)), first.on
        if seen is None:
            unknown.append(id_)
        elif seen[0] is None:
            undated.append(id_)
        else:
            could = None if since is None else max(0, (data.today - since).days)
            found.append(Followed(first.course, max(0, seen[0]), seen[1], could))
    return found, [(NOTHING, unknown), (NO_DAY, undated)]


def by_first(everybody: list[Followed]) -> tuple[list[Followed], list[str]]:
    """Return each patient once, by the first course, and the ids of the later courses."""
    firsts: dict[str, Followed] = {}
    for one in everybody:
        firsts.setdefault(one.course.patient, one)
    return list(firsts.values()), [one.course.id for one in everybody if firsts[one.course.patient] is not one]


LATER = "later courses of a patient who counts already"
NOTHING = "neither dates nor days of survival are recorded"
NO_DAY = "the patient died, on a day that is not recorded"


class Told(NamedTuple):
    """What scores tell of a course: the last day observed without a death, the day of death, and that there was one."""

    until: int | None = None
    died: int | None = None
    dead: bool = False


def _ended(first: Given, told: Told, death: Death | None, last: date | None) -> tuple[int | None, bool] | None:
    """Return days until the death or the last day known, and whether it was a death; None where nothing is known."""
    since, died_on = first.on, first.course.died_on
    if died_on is not None and since is not None:
        return (died_on - since).days, True
    if told.died is not None:
        return told.died, True
    if died_on is not None or death is not None or told.dead:
        on = death.on if death is not None else None
        by_calendar = (on - since).days if on is not None and since is not None else None
        return by_calendar if by_calendar is not None or death is None else death.course_day, True
    days = [(max(since, last or since) - since).days] if since is not None else []
    days += [told.until] if told.until is not None else []
    return (max(days), False) if days else None


def _told(data: Data) -> dict[str, Told]:
    """Return what scores of imported courses tell of survival, and by which day something had not occurred yet.

    A time and its status belong together by their visit, else by their course. A time without a status is observation.
    """
    by_visit: dict[str, dict[Any, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    until: dict[str, int] = {}
    for row in data.read(
        OutcomeScore.treatment_id,
        OutcomeScore.visit_id,
        OutcomeScore.instrument,
        OutcomeScore.value,
        OutcomeScore.did_not_occur,
        OutcomeScore.course_day,
        where=[or_(OutcomeScore.instrument.in_((TIME, STATUS)), OutcomeScore.did_not_occur)],
        order=[OutcomeScore.recorded_at, OutcomeScore.id],
    ):
        course = data.courses.get(row.treatment_id)
        if course is None or course.origin != "imported":
            continue
        if row.did_not_occur and row.course_day is not None:
            until[course.id] = max(row.course_day, until.get(course.id, 0))
        elif row.value is not None:
            by_visit[course.id][row.visit_id][row.instrument] = int(row.value)
    return {id_: _together(by_visit.get(id_, {}), until.get(id_)) for id_ in {*by_visit, *until}}


def _together(visits: dict[Any, dict[str, int]], until: int | None) -> Told:
    pairs = [(one[TIME], one[STATUS]) for one in visits.values() if len(one) == 2]
    loose = {key: value for one in visits.values() if len(one) == 1 for key, value in one.items()}
    if len(loose) == 2:
        pairs.append((loose.pop(TIME), loose.pop(STATUS)))
    died = min((days for days, status in pairs if status == 1), default=None)
    alive = [days for days, status in pairs if status != 1]
    alive += [days for days in (loose.get(TIME), until) if days is not None]
    return Told(max(alive, default=None), died, died is not None or loose.get(STATUS) == 1)


class Death(NamedTuple):
    """A death as a visit or an event tells of it: the day by which, of the calendar or of the course."""

    on: date | None
    course_day: int | None


def _deaths(data: Data) -> dict[str, Death]:
    """Return the deaths that visits and events tell of, the first of each course."""
    found: dict[str, Death] = {}
    visits = data.read(
        FollowUpVisit.treatment_id,
        FollowUpVisit.performed_at,
        FollowUpVisit.course_day,
        where=[FollowUpVisit.alive.is_(False)],
        order=[FollowUpVisit.performed_at, FollowUpVisit.course_day, FollowUpVisit.id],
    )
    for id_, at, course_day in visits:
        found.setdefault(id_, Death(data.day(at), course_day))
    event = AdverseEvent
    for row in data.read(
        event.treatment_id, event.ended_at, event.performed_at, event.course_day, event.outcome, event.grade,
        order=[event.performed_at, event.id],
    ):  # fmt: skip
        if row.outcome == "fatal" or row.grade == "5":
            found.setdefault(row.treatment_id, Death(data.day(row.ended_at or row.performed_at), row.course_day))
    return found


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
