"""The one place that asks what time it is. Times are aware and UTC; a site's zone is for pages and exports."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def now() -> datetime:
    """Return this moment, aware, in UTC."""
    return datetime.now(UTC)


def local(moment: datetime, zone: str) -> datetime:
    """Return the same moment on the wall clock of a zone, e.g. ``Europe/Berlin``."""
    return moment.astimezone(ZoneInfo(zone))


def said(moment: datetime, zone: str) -> str:
    """Return a moment as people write it on a zone's wall clock: 14 May 2026, 10:42."""
    return f"{local(moment, zone):%-d %b %Y, %H:%M}"


def day(moment: datetime, zone: str) -> date:
    """Return the calendar day of a moment on a zone's clock."""
    return local(moment, zone).date()


def midnight_after(on: date, zone: str) -> datetime:
    """Return the moment at which a calendar day is over in a zone."""
    return datetime.combine(on + timedelta(days=1), time(0), ZoneInfo(zone)).astimezone(UTC)


def today(zone: str) -> date:
    """Return the calendar day that it is now in a zone."""
    return local(now(), zone).date()


def from_wall(moment: datetime, zone: str) -> datetime:
    """Return a naive wall-clock time of a zone as aware UTC.

    Raises ``ValueError`` where the wall clock never showed that time (spring) or showed it twice (autumn):
    a clinical time must mean one moment (hazard H30).
    """
    place = ZoneInfo(zone)
    first, second = moment.replace(tzinfo=place, fold=0), moment.replace(tzinfo=place, fold=1)
    if first.astimezone(UTC).astimezone(place).replace(tzinfo=None) != moment:
        raise ValueError(f"{moment:%d %b %Y, %H:%M} did not exist here: the clocks went forward")
    if first.utcoffset() != second.utcoffset():
        raise ValueError(
            f"{moment:%d %b %Y, %H:%M} happened twice here: the clocks went back. Write a time outside that hour"
        )
    return first.astimezone(UTC)
