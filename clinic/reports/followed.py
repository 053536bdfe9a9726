"""How long each course was observed after its first cells: until death, or until the last day that is known."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, or_

from clinic.clock import Span, shifted
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import ContactAttempt, FollowUpVisit, OutcomeScore, PlannedVisit

if TYPE_CHECKING:
    from collections.abc import Iterable
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
    ``until``: of a death of which only a range of days is known, the last of them; ``days`` is then the first.
    """

    course: Course
    days: int
    died: bool
    could: int | None
    until: int | None = None


class Observed(NamedTuple):
    """Courses observed for days that are known; deaths of which a range of days is; and those without, by reason."""

    found: list[Followed]
    ranged: list[Followed]
    missing: list[tuple[str, list[str]]]


def followed(data: Data) -> tuple[list[Followed], list[tuple[str, list[str]]]]:
    """Return the observation of each course begun in the period, and the courses that have none, by reason.

    All that is known counts, wherever it was written down: the day of death on the record, a visit or event that tells
    of the death, scores of survival, what “did not occur by day N”, and the last day heard of, of the calendar or of
    the course. The record's day of death counts before every other; without a death the last that is known counts.
    Of a death or of first cells of which no more than the month or year is known, no days are made up.
    """
    seen = observed(data)
    return seen.found, seen.missing


def observed(data: Data) -> Observed:
    """Return the same, and apart the deaths of which it is known between which days after the first cells they were.

    What was written down under another course of the patient counts as well, by days of the calendar.
    """
    starts = {one.course.id: one for one in data.every_administration if one.first}
    heard = _heard(data, starts)
    elsewhere = _by_patient(data, starts, heard)
    found, ranged = [], list[Followed]()
    without: dict[str, list[str]] = {NOTHING: [], NO_DAY: [], IN_PART: [], NO_START: []}
    for id_, first in data.begun.items():
        could = None if first.when is None else max(0, (data.today - first.when.last).days)
        scores, death, last, by_day = heard[id_]
        others = [one for one in elsewhere[first.course.patient] if one.course != id_]
        dead = [one for one in others if one.died]
        if death is not None or first.course.died is not None or scores.dead or dead:
            days = _until_death(first, scores, death, [one.on for one in dead if one.on is not None])
            if days is None:
                without[NO_DAY].append(id_)
            elif days[0] == days[1]:
                found.append(Followed(first.course, max(0, days[0]), died=True, could=could))
            else:
                without[IN_PART].append(id_)
                ranged.append(Followed(first.course, max(0, days[0]), died=True, could=could, until=days[1]))
            continue
        alive = [one.on.first for one in others if one.on is not None] + ([] if last is None else [last])
        latest: date | None = max(alive, default=None)
        known = _until_seen(first, latest, [scores.until, *by_day])
        if known is not None:
            found.append(Followed(first.course, max(0, known), died=False, could=could))
        else:
            without[NOTHING if first.when is None else NO_START].append(id_)
    told_of = [(why, ids) for why, ids in without.items() if ids or why in {NOTHING, NO_DAY}]
    return Observed(found, ranged, told_of)


class Known(NamedTuple):
    """What one course tells of its patient: the days on which he or she died or lived; None where they are not known.

    Days of the course are turned into those of the calendar by its first cells.
    """

    course: str
    on: Span | None
    died: bool


class Heard(NamedTuple):
    """What is known of one course: its scores, its death, the last day of the calendar, and days of the course."""

    told: Told
    death: Death | None
    last: date | None
    by_day: list[int]


def _heard(data: Data, starts: dict[str, Given]) -> dict[str, Heard]:
    """Return what is known of each course of the site, whatever the filters choose."""
    (told, timed), deaths, last = _told(data), _deaths(data), _last_seen(data)
    by_day = _seen_by_day(data, starts, timed)
    return {
        id_: Heard(told.get(id_, Told()), deaths.get(id_), last.get(id_), by_day.get(id_, []))
        for id_ in data.every_course
    }


def _by_patient(data: Data, starts: dict[str, Given], heard: dict[str, Heard]) -> dict[str, list[Known]]:
    """Return what the courses of each patient tell."""
    found: dict[str, list[Known]] = defaultdict(list)
    for id_, (scores, death, last, by_day) in heard.items():
        course, since = data.every_course[id_], starts.get(id_)
        when = None if since is None else since.when
        spans = [course.died, _after(when, scores.died)]
        spans += [] if death is None else [death.on, _after(when, death.course_day)]
        died = [one for one in spans if one is not None]
        if died or death is not None or scores.dead:
            exact = next((one for one in died if one.day is not None), None)
            found[course.patient].append(Known(id_, exact or next(iter(died), None), died=True))
        alive = [_after(when, day) for day in (scores.until, *by_day)]
        alive += [None if last is None else Span(last, last)]
        found[course.patient] += [Known(id_, one, died=False) for one in alive if one is not None]
    return found


def _after(when: Span | None, days: int | None) -> Span | None:
    return None if when is None or days is None else shifted(when, days)


def by_first(everybody: list[Followed]) -> tuple[list[Followed], list[str]]:
    """Return each patient once, by the first course, and the ids of the later courses."""
    firsts: dict[str, Followed] = {}
    for one in everybody:
        firsts.setdefault(one.course.patient, one)
    return list(firsts.values()), [one.course.id for one in everybody if firsts[one.course.patient] is not one]


LATER = "later courses of a patient who counts already"
NOTHING = "neither dates nor days of survival are recorded"
NO_DAY = "the patient died, on a day that is not recorded"
IN_PART = "the patient died; of the death or of the first cells no more than the month or year is known"
NO_START = "of the first cells no more than the month or year is known"


class Told(NamedTuple):
    """What scores tell of a course: the last day observed without a death, the day of death, and that there was one."""

    until: int | None = None
    died: int | None = None
    dead: bool = False


def _until_death(first: Given, told: Told, death: Death | None, others: list[Span]) -> tuple[int, int] | None:
    """Return the least and the most days until a death, the same where its day is known; None where nothing tells.

    The record's day counts first, then the scores, then the visit or event that tells of the death; then ``others``,
    the days of the death that other courses of the patient tell.
    """
    spans = [one for one in (first.course.died, death.on if death is not None else None, *others) if one is not None]
    ranges = [one.days_since(first.when) for one in spans] if first.when is not None else []
    if ranges and first.course.died is not None and ranges[0][0] == ranges[0][1]:
        return ranges[0]
    if told.died is not None:
        return told.died, told.died
    exact = next((one for one in ranges if one[0] == one[1]), None)
    if exact is None and death is not None and death.course_day is not None:
        exact = (death.course_day, death.course_day)
    return exact or next(iter(ranges), None)


def _until_seen(first: Given, last: date | None, by_day: Iterable[int | None]) -> int | None:
    """Return days until the last day on which a living patient was known; None where none can be counted."""
    since, seen = first.on, [day for day in by_day if day is not None]
    if since is not None:
        seen.append((max(since, last or since) - since).days)
    return max(seen, default=None)


def _told(data: Data) -> tuple[dict[str, Told], set[str]]:
    """Return what scores of imported courses tell of survival, and by which day something had not occurred yet.

    And the visits that have a time of survival, whose own day is that of nothing else.

    A time and its status belong together by their visit, else by their course. A time without a status is observation.
    """
    by_visit: dict[str, dict[Any, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    until: dict[str, int] = {}
    timed = set[str]()
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
        course = data.every_course.get(row.treatment_id)
        if course is None or course.origin != "imported":
            continue
        if row.did_not_occur and row.course_day is not None:
            until[course.id] = max(row.course_day, until.get(course.id, 0))
        elif row.value is not None:
            timed |= {row.visit_id} if row.instrument == TIME else set()
            by_visit[course.id][row.visit_id][row.instrument] = int(row.value)
    return {id_: _together(by_visit.get(id_, {}), until.get(id_)) for id_ in {*by_visit, *until}}, timed


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

    on: Span | None
    course_day: int | None


def _deaths(data: Data) -> dict[str, Death]:
    """Return the deaths that visits and events tell of, the first of each course."""
    found: dict[str, Death] = {}
    visits = data.read(
        FollowUpVisit.treatment_id,
        FollowUpVisit.performed_at,
        FollowUpVisit.precision,
        FollowUpVisit.course_day,
        where=[FollowUpVisit.alive.is_(False)],
        order=[FollowUpVisit.performed_at, FollowUpVisit.course_day, FollowUpVisit.id],
    )
    for id_, at, part, course_day in visits:
        found.setdefault(id_, Death(data.when(at, part), course_day))
    event = AdverseEvent
    for row in data.read(
        event.treatment_id, event.ended_at, event.performed_at, event.precision, event.course_day, event.outcome,
        event.grade,
        order=[event.performed_at, event.id],
    ):  # fmt: skip
        if row.outcome == "fatal" or row.grade == "5":
            name = "ended_at" if row.ended_at is not None else "performed_at"
            on = data.when(getattr(row, name), row.precision, name)
            found.setdefault(row.treatment_id, Death(on, row.course_day))
    return found


def _seen_by_day(data: Data, starts: dict[str, Given], timed: set[str]) -> dict[str, list[int]]:
    """Return the days of the course on which a patient was seen or had an event begin, up to today.

    ``timed``: visits whose scores say how long the patient was observed; when they were due says nothing.
    """
    rows = data.read(
        FollowUpVisit.treatment_id, FollowUpVisit.course_day,
        where=[
            FollowUpVisit.course_day.is_not(None), FollowUpVisit.performed_at.is_(None), FollowUpVisit.id.not_in(timed),
            or_(FollowUpVisit.made == "made", and_(FollowUpVisit.made.is_(None), FollowUpVisit.alive.is_(True))),
        ],
    )  # fmt: skip
    undated = [AdverseEvent.course_day.is_not(None), AdverseEvent.performed_at.is_(None)]
    rows += data.read(AdverseEvent.treatment_id, AdverseEvent.course_day, where=undated)
    found: dict[str, list[int]] = defaultdict(list)
    for course, day in rows:
        first = starts.get(course)
        most = None if first is None or first.when is None else (data.today - first.when.first).days
        if first is not None and day >= 0 and (most is None or day <= most + 1):
            found[course].append(day)
    return found


def _last_seen(data: Data) -> dict[str, date]:
    """Return the last day on which a patient of a course was seen, reached, given cells or had an event begin.

    Of a month or a year it is the first day: on that one the patient lived.
    """
    latest: dict[str, datetime] = {one.course.id: one.at for one in data.every_administration if one.at is not None}
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
