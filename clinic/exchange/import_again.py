"""What a row may tell a second time: cells given, or an event, of which one of the two days is known in part or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from clinic.clock import Span, shifted, span_in
from clinic.followup.after_death import CLOSE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from decimal import Decimal

    from clinic.administration.models import Administration
    from clinic.followup.adverse_events import AdverseEvent


class Day(NamedTuple):
    """When something was: by the calendar, as far as it is known, and by the day of the course."""

    on: Span | None
    course_day: int | None

    def may_be(self, other: Day) -> bool:
        """Whether two things can have been on the same day; what tells no day at all may be on any."""
        if self.on is not None and other.on is not None:
            return self.on.first <= other.on.last and other.on.first <= self.on.last
        if self.course_day is not None and other.course_day is not None:
            return abs(self.course_day - other.course_day) <= (CLOSE if self.on or other.on else 0)
        return True

    @property
    def in_part(self) -> bool:
        """Whether the day is not known to the day."""
        return self.on.day is None if self.on is not None else self.course_day is None


def day_of(record: Any, zone: str, zero: date | None) -> Day:
    """Return when a record was; days of the course and of the calendar follow from each other by the first cells."""
    on, by_course = span_in(record, "performed_at", zone), record.course_day
    if on is None and by_course is not None and zero is not None:
        on = shifted(Span(zero, zero), by_course)
    elif by_course is None and on is not None and on.day is not None and zero is not None:
        by_course = (on.day - zero).days
    return Day(on, by_course)


class Earlier:
    """What earlier rows of a table told, by what it is about: events by course and name, cells given by person."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, str], list[tuple[int, Day]]] = {}
        self._given: dict[str, list[tuple[int, Day, Decimal | None]]] = {}

    def event(self, key: tuple[str, str], row: int, day: Day) -> int | None:
        """Return the row that told of an event of the same name that may be on the same day; learn this one."""
        known = self._events.setdefault(key, [])
        found = next((earlier for earlier, other in known if earlier < row and day.may_be(other)), None)
        if (row, day) not in known:
            known.append((row, day))
        return found

    def given(self, person: str, row: int, day: Day, volume: Decimal | None) -> int | None:
        """Return the row that told of cells of that volume which may be the same; learn this one.

        Two containers of one day are two: rows are the same only where one of them does not tell the day.
        """
        known = self._given.setdefault(person, [])
        found = next(
            (
                earlier
                for earlier, other, amount in known
                if earlier < row and (day.in_part or other.in_part) and day.may_be(other) and amount == volume
            ),
            None,
        )
        if (row, day, volume) not in known:
            known.append((row, day, volume))
        return found


def same_cells(given: Administration, day: Day, others: Iterable[tuple[Administration, Day]]) -> list[Administration]:
    """Return the administrations that a row may tell again: of the day; without one, of the same volume too."""
    return [
        one
        for one, other in others
        if day.may_be(other) and (None not in {day.on, other.on} or one.volume_given == given.volume_given)
    ]


def called(event: AdverseEvent) -> str:
    """Return the name by which an event is known again."""
    return " ".join((event.term or "").casefold().split())
