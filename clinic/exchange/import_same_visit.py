"""Which visit a row tells of: one course, one name and one day are one visit, however the day is told.

A day may be told as a date, as a date and time, as a day of the course, or not yet. Days of the course and days of the
calendar are compared by the day of the first cells, where it is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import inspect, select

from clinic.exchange.import_checks import Fault, asked, known_parts
from clinic.exchange.import_targets import Slot
from clinic.followup.models import FollowUpVisit

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from clinic.treatments.models import Treatment

SAME, OPEN, PERHAPS, APART = range(4)
"""Of two visits of one course and name: the same day; one has none so far; it cannot be told; two days."""
ASK = "visit.day"
PLACES = tuple(Slot(part="visit", name=name) for name in ("performed_at", "course_day", "name"))
Parts = tuple[int, ...]


def name_of(visit: FollowUpVisit) -> str:
    """Return the name by which a visit is known again."""
    return " ".join((visit.name or "").casefold().split())


class Said(NamedTuple):
    """A day as one row or record tells it: year, month and day as far as known, and the day of the course."""

    on: Parts
    course_day: int | None

    @property
    def whole(self) -> bool:
        """Whether the day of the calendar is known."""
        return len(self.on) == 3


@dataclass(kw_only=True)
class Days:
    """The days of a visit that is known: ``own`` of its record and of rows about it, ``scored`` of its scores."""

    own: set[Parts] = field(default_factory=set)
    scored: set[Parts] = field(default_factory=set)
    course_days: set[int] = field(default_factory=set)

    def learn(self, said: Said) -> None:
        """Know the day that a row tells of this visit."""
        self.scored |= {said.on} if said.whole else set()
        self.course_days |= set() if said.course_day is None else {said.course_day}

    def against(self, said: Said, zero: date | None, window: tuple[int, int] | None) -> int:
        """Return how a day that a row tells is to these: `SAME`, `OPEN`, `PERHAPS` or `APART`.

        ``zero``: the day of the first cells. ``window``: the first and last day of the course on which the protocol
        wants a visit of this name.
        """
        told = {one for one in self.own if one}
        if not (said.on or said.course_day is not None) or not (told or self.scored or self.course_days):
            return OPEN
        if said.on in told or (said.whole and said.on in self.scored):
            return SAME
        if said.on and told:
            return PERHAPS if any(_maybe(said.on, one) for one in told) else APART
        return self._by_course(said, zero, window)

    def _by_course(self, said: Said, zero: date | None, window: tuple[int, int] | None) -> int:
        """Compare days of the course: the one side has no date, or neither has."""
        ours, theirs = _course_days(self.own | self.scored, self.course_days, zero), _said_days(said, zero)
        inside = window is not None and all(window[0] <= day <= window[1] for day in ours | theirs)
        if ours & theirs:
            return SAME
        both_by_course = not said.on and bool(self.course_days)
        scores_alone = said.whole and not self.course_days  # nothing but its scores has days
        if both_by_course or scores_alone:
            return APART
        return SAME if inside and ours and theirs else PERHAPS


def _maybe(one: Parts, other: Parts) -> bool:
    known = min(len(one), len(other))
    return one[:known] == other[:known]


def _course_days(dates: set[Parts], course_days: set[int], zero: date | None) -> set[int]:
    known = {date(*one) for one in dates if len(one) == 3} if zero is not None else set()
    return course_days | {(one - zero).days for one in known if zero is not None}


def _said_days(said: Said, zero: date | None) -> set[int]:
    return _course_days({said.on}, set() if said.course_day is None else {said.course_day}, zero)


class KnownVisits:
    """The visits of courses that are recorded, and those that earlier rows of a table made."""

    def __init__(self, session: Session, zone: str, first_given: Callable[[Treatment], date | None]) -> None:
        self.session, self.zone, self.first_given = session, zone, first_given
        self.made: set[str] = set()
        self._visits: dict[str, list[tuple[FollowUpVisit, Days]]] = {}
        self._zero: dict[str, date | None] = {}

    def find(self, history: Any, made: FollowUpVisit) -> FollowUpVisit | None:
        """Return the visit that a row tells of where it is known, else learn the one that the row makes.

        What cannot be told is asked about; what the mapping confirms is that visit.
        """
        name, said, course = name_of(made), said_of(made, self.zone), made.treatment
        self._learn(course)
        found = [one for one in self._visits[course.id] if name_of(one[0]) == name]
        zero, window = self._zero[course.id], _window(course, name)
        how = [days.against(said, zero, window) for _visit, days in found]
        several = [one for one, kind in zip(found, how, strict=True) if kind in {OPEN, PERHAPS}]
        if SAME in how:
            visit, days = found[how.index(SAME)]
            _of_its_day(history, days, said, zero)
        elif not several:
            self._visits[course.id].append((made, days_of(made, self.zone)))
            self.made.add(made.id)
            return None
        else:
            visit, days = several[0]
            _ask(history, visit, alone=len(several) == 1, open_=OPEN in how and PERHAPS not in how, zero=zero)
        days.learn(said)
        return visit

    def _learn(self, course: Treatment) -> None:
        if course.id in self._visits:
            return
        chosen = select(FollowUpVisit).where(FollowUpVisit.treatment_id == course.id).order_by(FollowUpVisit.id)
        self._zero[course.id] = self.first_given(course)
        self._visits[course.id] = [(one, days_of(one, self.zone)) for one in self.session.scalars(chosen)]


def said_of(one: Any, zone: str) -> Said:
    """Return the day that a visit or a score tells of itself."""
    return Said(known_parts(one.performed_at, one.precision_of("performed_at"), zone)[:3], one.course_day)


def days_of(visit: FollowUpVisit, zone: str) -> Days:
    """Return the days of a visit: its own, or where it has no date, those of the scores that are stored with it."""
    said, stored = said_of(visit, zone), inspect(visit).persistent
    dated = [said_of(one, zone) for one in visit.scores if one.performed_at] if stored and not said.on else []
    days = set() if said.course_day is None else {said.course_day}
    return Days(own={said.on}, scored={one.on for one in dated if one.whole}, course_days=days)


def _of_its_day(history: Any, days: Days, said: Said, zero: date | None) -> None:
    """Say that a row tells a day of the course that the visit of its date does not have."""
    known = _course_days(days.own | days.scored, days.course_days, zero)
    if said.course_day is not None and known and said.course_day not in known:
        expected = (
            f"day {' or '.join(map(str, sorted(known)))} of the course, as the visit of that date has it (rule 70)"
        )
        history.problems.append(history.fault(Slot(part="visit", name="course_day"), expected))


def _window(course: Treatment, name: str) -> tuple[int, int] | None:
    plans = (one for one in course.says.visits if " ".join(one.name.casefold().split()) == name)
    plan = next(plans, None)
    return None if plan is None else (plan.day - plan.before, plan.day + plan.after)


def _ask(history: Any, visit: FollowUpVisit, *, alone: bool, open_: bool, zero: date | None) -> None:
    """Ask whether a row tells of a visit of that name that is known; of several, the row has to say which."""
    if alone and open_:
        return
    wanted = next(one for one in PLACES if history.text_of(one) is not None or one.name == "name")
    if not alone:
        said = f"the day of the visit: several visits of this course are called “{visit.name}”"
        history.problems.append(history.fault(wanted, said))
        return
    on = "-".join(f"{one:02}" for one in said_of(visit, history.by.site.zone).on)
    by = f"day {visit.course_day} of the course" if visit.course_day is not None else on
    more = "" if zero is not None or visit.course_day is None else "; the day of the first cells is not recorded"
    said = (
        f"the day of the visit “{visit.name}” that is known, {by}{more}. If it is that visit, confirm it; another "
        "visit has another name"
    )
    history.problems += asked(history, wanted, said, ASK)


def doubled(history: Any, told: list[tuple[Slot, Any]], zero: date | None) -> list[Fault]:
    """Return each visit of a wide row whose name an earlier one of the row has without another day."""
    found, zone = [], history.by.site.zone
    for place, (slot, visit) in enumerate(told):
        said = said_of(visit, zone)
        for _slot, other in told[:place]:
            if name_of(other) == name_of(visit) and days_of(other, zone).against(said, zero, None) != APART:
                expected = f"each visit once: another one of this row is called “{visit.name}” and has no other day"
                found.append(history.fault(slot, expected))
                break
    return found
