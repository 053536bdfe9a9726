"""Days of which no more than the month or the year may be known: when they can be, and what comes after what.

A record keeps such a day as the first one of its month or year, and beside it how much is known (`Entry.precision`).
Whoever compares or counts days asks here: a rule is broken only where it is broken on every day that each of two can
be, and a day that nobody knows is not counted with.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from clinic import clock
from clinic.clock import part_of


class Span(NamedTuple):
    """The first and the last day on which something can have been; the same where its day is known."""

    first: date
    last: date

    @property
    def day(self) -> date | None:
        """The day, where it is known."""
        return self.first if self.first == self.last else None

    @property
    def year(self) -> int | None:
        """The year, where it is known."""
        return self.first.year if self.first.year == self.last.year else None

    @property
    def told(self) -> date | str:
        """The day, or as text no more than is known of it: 2020-05, 2020."""
        if self.day is not None:
            return self.day
        return self.first.isoformat()[: 7 if self.first.month == self.last.month else 4]

    def days_since(self, other: Span) -> tuple[int, int]:
        """Return the least and the most days that can be between another day and this one."""
        return (self.first - other.last).days, (self.last - other.first).days


def span(value: date | None, precision: str = "", zone: str = "Etc/UTC") -> Span | None:
    """Return when a day or a moment can have been, in days of a zone's clock; None where there is none."""
    if value is None:
        return None
    first, known = clock.day(value, zone) if isinstance(value, datetime) else value, part_of(precision)
    if known == "year":
        return Span(first.replace(month=1, day=1), first.replace(month=12, day=31))
    if known == "month":
        return Span(first.replace(day=1), first.replace(day=monthrange(first.year, first.month)[1]))
    return Span(first, first)


def span_in(row: Any, name: str, zone: str) -> Span | None:
    """Return when a day or moment of a record can have been."""
    return span(getattr(row, name), row.precision_of(name), zone)


def day_in(row: Any, name: str, zone: str) -> date | None:
    """Return the day of a day or moment of a record; None where no more than its month or year is known."""
    found = span_in(row, name, zone)
    return None if found is None else found.day


def last_day_in(row: Any, name: str) -> date:
    """Return the last day that a day of a record can be."""
    found = span(getattr(row, name), row.precision_of(name))
    return date.max if found is None else found.last


def earliest(spans: Iterable[Span | None]) -> Span | None:
    """Return when the first of several was; None where there is none."""
    known = [one for one in spans if one is not None]
    return Span(min(one.first for one in known), min(one.last for one in known)) if known else None


def shifted(start: Span, days: int) -> Span | None:
    """Return when a day was that is counted from another one; None where the calendar ends before."""
    try:
        return Span(start.first + timedelta(days=days), start.last + timedelta(days=days))
    except OverflowError:
        return None


def later(one: date, other: date, zone: str, known: tuple[str, str] = ("", "")) -> bool:
    """Whether a day or moment is later than another one, whatever days the two were of those that they can be.

    ``known``: how much of each is known. Moments are compared as such where all of both is known, else by their days.
    """
    if known == ("", "") and isinstance(one, datetime) is isinstance(other, datetime):
        return one > other
    if known == ("", ""):
        days = [clock.day(value, zone) if isinstance(value, datetime) else value for value in (one, other)]
        return days[0] > days[1]
    first, second = span(one, known[0], zone), span(other, known[1], zone)
    return first is not None and second is not None and first.first > second.last


def is_later(one: Any, name: str, other: Any, its: str, zone: str) -> bool:
    """Whether a moment of a record is later than one of another record, to the minute, as far as both are known."""
    value, then = getattr(one, name), getattr(other, its)
    if value is None or then is None:
        return False
    if isinstance(value, datetime):  # what happened within the same minute has no order
        value = value.replace(second=0, microsecond=0)
    return later(value, then, zone, (one.precision_of(name), other.precision_of(its)))
