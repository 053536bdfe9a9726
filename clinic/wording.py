"""The one way to write a person's name, a day, a moment, a duration, a figure with its unit, and how urgent it is.

Pages, sentences, labels, imports and exports all use it, so that a thing reads the same everywhere.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from clinic import clock
from clinic.clock import ESTIMATED, part_of, said_day
from clinic.fields import plain

if TYPE_CHECKING:
    pass

NOT_RECORDED = "not recorded"
KEPT = Decimal("0.1"), Decimal(1000)
"""A figure between these keeps the exponent of its unit, so that it can be compared with a limit in that unit."""
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
POWER = re.compile("×\\s*10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)")
ISO = re.compile(
    r"(?P<y>\d{4})-(?P<m>\d{2})(-(?P<d>\d{2})(?P<time>[T ]\d{2}:\d{2}[\d:.]*(Z|[+-]\d{2}:\d{2}))?)?(?P<about>~)?",
    re.ASCII,
)
INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
"""Soft hyphen, spaces and joiners of no width, direction marks: they are invisible, and make equal texts differ."""

BARRED = str.maketrans({
    "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i", "ħ": "h", "ŧ": "t",
})  # fmt: skip
"""Letters that Unicode does not take apart, as people without that key type them."""


UNRECORDED = re.compile(f"{INVISIBLE.pattern[:-1]}\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]")
"""What no record keeps: invisible characters, and control characters that are no space."""


def recorded(text: str) -> str:
    """Return a text as a record keeps it: without invisible and control characters."""
    return text if text.isascii() and text.isprintable() else UNRECORDED.sub("", text)


def visible(text: str) -> str:
    """Return a text without its invisible characters."""
    return text if text.isascii() else INVISIBLE.sub("", text)


def person(family: str | None, given: str | None, number: str | None = None) -> str:
    """Return a patient's name: family name in capitals, then given names; the record number where there is no name."""
    name = ", ".join(part for part in ((family or "").upper(), given or "") if part)
    return name or (f"Name not recorded ({number})" if number else "Name not recorded")


def born(on: date | None, precision: str = "") -> str:
    """Return a birth date as shown with a name."""
    return f"born {day(on, precision)}" if on else "birth date not known"


def day(on: date | None, precision: str = "") -> str:
    """Return a calendar day, 22 Nov 2026; "" where there is none.

    ``precision`` says how much of it is known: "" or "day" all, "month" and "year" no more than that; "estimated "
    in front means about.
    """
    if on is None:
        return ""
    return said_day(on, precision)


def short_day(on: date | None) -> str:
    """Return a day without its year: 22 Nov."""
    return "" if on is None else f"{on:%-d %b}"


def weekday(on: date | None) -> str:
    """Return the weekday and the year of a day, as shown with its short form: Sunday 2026."""
    return "" if on is None else f"{on:%A %Y}"


def long_day(on: date) -> str:
    """Return a day with its weekday and its month in full: Sunday 22 November 2026."""
    return f"{on:%A %-d %B %Y}"


def time_of_day(at: datetime | None, zone: str) -> str:
    """Return the time on a zone's wall clock: 13:55."""
    return "" if at is None else f"{clock.local(at, zone):%H:%M}"


def moment(at: datetime | None, zone: str, precision: str = "") -> str:
    """Return a moment on a zone's wall clock: 22 Nov 2026, 13:55; "" where there is none.

    Of a moment of which only the day, month or year is known, that is all that is written. A time that came twice
    when the clocks went back says which of the two it is.
    """
    if at is None:
        return ""
    wall = clock.local(at, zone)
    if precision:
        return day(clock.day(at, zone), precision)
    twice = ("winter time" if wall.fold else "summer time") if clock.came_twice(wall, zone) else ""
    return f"{wall:%-d %b %Y, %H:%M}{f' ({twice})' if twice else ''}"


def when(at: datetime | None, zone: str, precision: str = "") -> str:
    """Return a moment, and in words that it is not recorded where there is none."""
    return moment(at, zone, precision) or NOT_RECORDED


def iso(at: datetime | date | None, zone: str, precision: str = "") -> str:
    """Return a day or moment for another program, ISO 8601: no more of it than is known, ``~`` where estimated."""
    if at is None:
        return ""
    if not precision:
        return clock.local(at, zone).isoformat() if isinstance(at, datetime) else at.isoformat()
    on = clock.day(at, zone) if isinstance(at, datetime) else at
    size = {"month": 7, "year": 4}.get(part_of(precision), 10)
    return on.isoformat()[:size] + ("~" if precision.startswith(ESTIMATED) else "")


def from_iso(text: str, zone: str) -> str:
    """Return a day or moment that was kept as ISO 8601 as a person reads it; "" where the text is none."""
    found = ISO.fullmatch(text)
    if found is None:
        return ""
    precision = (ESTIMATED if found["about"] else "") + ("day" if found["d"] else "month" if found["m"] else "year")
    try:
        if found["time"]:
            return moment(datetime.fromisoformat(text), zone)
        return day(date(int(found["y"]), int(found["m"] or 1), int(found["d"] or 1)), precision)
    except ValueError:
        return ""


def quoted(text: str) -> str:
    """Return somebody's words in quotation marks, with one full stop at their end: what they wrote may have it."""
    said = text.strip()
    return f"“{said}”" if said.endswith((".", "!", "?", "…")) else f"“{said}”."


def days(number: int) -> str:
    """Return a number of days in words."""
    return "1 day" if number == 1 else f"{number} days"


def years(number: int, year: str = " years", month: str = " months") -> str:
    """Return a number of days, two years or more, in full years and months: 4 years 11 months."""
    whole, rest = divmod(number, 365)
    months = min(rest * 12 // 365, 11)
    return f"{whole}{year}" + (f" {months}{month[:-1] if months == 1 and len(month) > 3 else month}" if months else "")


def duration(span: timedelta) -> str:
    """Return a length of time, however it is directed: 14 min, 2 h 14 min, 3 days, 4 years 11 months."""
    minutes = int(abs(span).total_seconds() // 60)
    whole = minutes // 1440
    if whole >= 730:
        return years(whole)
    if whole >= 2:
        return days(whole)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def figure(value: Decimal | None, unit: str = "", *, digits: int = 3) -> str:
    """Return a calculated figure, to three significant figures, always with its unit: 6.4 × 10⁶/kg.

    Nothing before the decimal point is rounded. For recorded figures see `quantity`, which keeps all digits.
    """
    if value is None:
        return NOT_RECORDED
    value, unit = _scaled(value, unit)
    if value:
        value = value.quantize(Decimal(1).scaleb(min(0, value.adjusted() - digits + 1))).normalize()
    return _with_unit(abs(value) if value == 0 else value, unit)


def quantity(value: Decimal | int | None, unit: str = "") -> str:
    """Return a figure as it was recorded, all its digits kept, with its unit."""
    if value is None:
        return NOT_RECORDED
    figure = Decimal(value)
    return _with_unit(*_scaled(figure, unit)) if POWER.search(unit) else _with_unit(figure, unit)


def _with_unit(value: Decimal, unit: str) -> str:
    whole, point, rest = plain(value).partition(".")
    if len(whole.lstrip("−")) > 4:
        whole = f"{int(whole.replace('−', '-')):,}".replace(",", "\u202f").replace("-", "−")
    return f"{whole}{point}{rest} {POWER.sub(lambda found: f'× 10{found[1]}', unit)}".rstrip()


def _scaled(value: Decimal, unit: str) -> tuple[Decimal, str]:
    """Return figure and unit in one style: where the figure is tiny or huge, the exponent goes by thousands."""
    found = POWER.search(unit)
    if found is None or value == 0 or KEPT[0] <= abs(value) < KEPT[1]:
        return value, unit
    power = int(found[1].translate(LOWERED))
    wanted = (power + value.adjusted()) // 3 * 3
    written = f"× 10{str(wanted).translate(RAISED)}" if wanted else ""
    return value.scaleb(power - wanted), POWER.sub(written, unit)


def kilograms(kg: Decimal | None) -> str:
    """Return a body weight with its unit."""
    return quantity(kg, "kg")


def pieces(text: str, most: int = 240, again: int = 60) -> list[str]:
    """Return a text in pieces of so many characters, cut between words, each with the end of the one before.

    Patterns that read free text take the square of its length: of pieces it is a few milliseconds for any text.
    """
    found, start = list[str](), 0
    while len(text) - start > most:
        end = text.rfind(" ", start + again + 1, start + most) + 1 or start + most
        found.append(text[start:end])
        start = text.find(" ", end - again, end - 1) + 1 or end - again
    return [*found, text[start:]]


def natural(text: str | None) -> tuple[tuple[int, int, str], ...]:
    """Return the key by which numbered things are put in order: A1, A2 … A11, not A1, A11, A2."""
    parts = re.findall(r"\d+|\D+", text or "", re.ASCII)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
