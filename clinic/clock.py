"""The only place that reads the time, and decides which day a moment belongs to.

Times are aware and UTC. A day exists only on somebody's wall clock: 11:30 in Greenwich is tomorrow in Auckland. So
`day` asks for the zone of a site, and nothing else in the program takes the date of a moment.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
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
