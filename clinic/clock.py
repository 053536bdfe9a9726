"""The only place that reads the time, and decides which day a moment belongs to.

Times are aware and UTC. A day exists only on somebody's wall clock: 11:30 in Greenwich is tomorrow in Auckland. So
`day` asks for the zone of a site, and nothing else in the program takes the date of a moment.

Of some days no more than the month or the year is known: a record keeps such a day as the first one of its month or
year, and beside it how much is known (`Entry.precision`). Whoever compares or counts days asks here: a rule is broken
only where it is broken on every day that each of two can be, and a day that nobody knows is not counted with.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo


class NotOnTheClock(ValueError):
    """The wall clock skipped this time: the clocks went forward."""


class TwiceOnTheClock(ValueError):
    """The wall clock showed this time twice: the clocks went back. A person has to choose which one."""


def now() -> datetime:
    """Return this moment, aware, in UTC."""
    return datetime.now(UTC)


def local(moment: datetime, zone: str) -> datetime:
    """Return the same moment on the wall clock of a zone, e.g. ``Europe/Berlin``."""
    return moment.astimezone(ZoneInfo(zone))


def day(moment: datetime, zone: str) -> date:
    """Return the calendar day that a moment has on the wall clock of a zone."""
    return moment.astimezone(ZoneInfo(zone)).date()


def midnight_after(on: date, zone: str) -> datetime:
    """Return the moment at which a calendar day is over in a zone."""
    return start_of(on + timedelta(days=1), zone)


def last_moment_of(on: date, zone: str) -> datetime:
    """Return the last moment that a calendar day still has in a zone: one microsecond before it is over."""
    return midnight_after(on, zone) - timedelta(microseconds=1)


def today(zone: str) -> date:
    """Return today's date in a zone."""
    return day(now(), zone)


def start_of(on: date, zone: str) -> datetime:
    """Return the first moment of a day on the wall clock of a zone, in UTC."""
    return datetime.combine(on, time.min, ZoneInfo(zone)).astimezone(UTC)


def from_wall(moment: datetime, zone: str, *, second: bool | None = None) -> datetime:
    """Return a naive wall-clock time of a zone as aware UTC.

    ``second`` says which of two is meant where the clock showed this time twice: False the first (summer time), True
    the second (winter time). Raises `NotOnTheClock` for a time that was skipped in spring, and `TwiceOnTheClock` for
    one that came twice in autumn while ``second`` is None: a clinical time must mean one moment (hazard H30).
    """
    place = ZoneInfo(zone)
    if moment.replace(tzinfo=place).astimezone(UTC).astimezone(place).replace(tzinfo=None) != moment:
        raise NotOnTheClock(f"{moment:%H:%M} did not exist on this day: the clocks went forward")
    if second is None and came_twice(moment, zone):
        raise TwiceOnTheClock(f"{moment:%H:%M} occurred twice on this day: the clocks went back")
    return moment.replace(tzinfo=place, fold=int(second or False)).astimezone(UTC)


def came_twice(moment: datetime, zone: str) -> bool:
    """Return whether the wall clock of a zone showed this time of day twice on its day."""
    place = ZoneInfo(zone)
    wall = moment.replace(tzinfo=None)
    first, second = (wall.replace(tzinfo=place, fold=fold).utcoffset() for fold in (0, 1))
    back = wall.replace(tzinfo=place, fold=0).astimezone(UTC).astimezone(place).replace(tzinfo=None)
    return first != second and back == wall


ESTIMATED = "estimated "
SHAPES = {"month": "%b %Y", "year": "%Y"}


def part_of(precision: str) -> str:
    """Return how much of a day or moment is known: day, month or year; "" for all. Estimated or not does not count."""
    return precision.removeprefix(ESTIMATED)


def said(value: date, zone: str, precision: str = "") -> str:
    """Return a day or moment as people write it on a zone's wall clock, no more of it than is known.

    14 May 2026, 10:42; May 2026.
    """
    if not isinstance(value, datetime):
        return said_day(value, precision)
    return said_day(day(value, zone), precision) if precision else f"{local(value, zone):%-d %b %Y, %H:%M}"


def said_day(on: date, precision: str = "") -> str:
    """Return a calendar day as people write it, no more of it than is known: 14 May 2026, May 2026, about 2026."""
    shape = SHAPES.get(part_of(precision), "%-d %b %Y")
    return f"{'about ' if precision.startswith(ESTIMATED) else ''}{on:{shape}}"


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
    first, known = day(value, zone) if isinstance(value, datetime) else value, part_of(precision)
    if known == "year":
        return Span(first.replace(month=1, day=1), first.replace(month=12, day=31))
    if known == "month":
        return Span(first.replace(day=1), first.replace(day=monthrange(first.year, first.month)[1]))
    return Span(first, first)


class Window(NamedTuple):
    """The first and the last moment at which something can have been; the same where its moment is known."""

    first: datetime
    last: datetime


def window(moment: datetime, precision: str, zone: str) -> Window:
    """Return when a moment of which only the day, month or year is known can have been; "": itself."""
    found = span(moment, precision, zone) if precision else None
    return (
        Window(moment, moment)
        if found is None
        else Window(start_of(found.first, zone), last_moment_of(found.last, zone))
    )


def window_in(row: Any, name: str) -> Window | None:
    """Return when a moment of a record can have been; None where it has none."""
    value = getattr(row, name)
    if value is None:
        return None
    known = row.precision_of(name)
    return window(value, known, row.zone) if known else Window(value, value)


def kept_day(text: str) -> date:
    """Return the day of a day or moment as an amendment keeps it, the first one where its month or year was known."""
    return date.fromisoformat(f"{text.rstrip('~')}-01-01"[:10])


def years_on(born: Span, on: date) -> tuple[int, int]:
    """Return the least and the most whole years that somebody can be on a day; the same where they are known."""
    least, most = (on.year - day.year - ((on.month, on.day) < (day.month, day.day)) for day in (born.last, born.first))
    return max(0, least), max(0, most)


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
        days = [day(value, zone) if isinstance(value, datetime) else value for value in (one, other)]
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
