"""Days and moments that are written in some other way than ISO 8601: by a pattern such as ``DD.MM.YYYY hh:mm``."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from clinic.exchange.day_words import hint, month_of
from clinic.exchange.parse_cell import ISO, PARTLY, NotThat, without


class RealDate(str):
    """A day or moment that its file holds as a date, not as a text of one; written as ISO 8601 writes it."""

    __slots__ = ()


PARTS = {
    "YYYY": "year", "MMMM": "word", "MMM": "word", "MON": "word", "MM": "month", "M": "month", "DD": "day", "D": "day",
    "hh": "hour", "h": "hour", "mm": "minute", "ss": "second", "AM": "half",
}  # fmt: skip
"""What may stand in a pattern, and which part of a moment it is."""
PART = re.compile("YYYY|MMMM|MMM|MON|MM|DD|hh|mm|ss|AM|[A-Za-z%]")
USED = "use YYYY, MM or MON, DD, hh, mm, ss, AM, once each"
NEEDS = (
    ("minute", "hour", "mm are the minutes of an hour, hh; write MM for the month"),
    ("second", "minute", "ss are the seconds of a minute, mm"),
    ("half", "hour", "AM tells the half of the day of an hour, hh"),
    ("hour", "day", "hh are the hours of a day, DD"),
    ("day", "month", "DD is the day of a month, MM"),
)
"""What no part can do without, and what to say where it is not there."""
WIDTHS = {"year": "[0-9]{4}", "word": r"[^\W\d_]{3,}\.?", "half": r"[AaPp]\.?\s?[Mm]\.?"}


class Pattern(NamedTuple):
    """A pattern: what a text of it looks like, and how long ISO 8601 writes what it says.

    ``compact``: parts stand beside each other without a mark, so that each has all of its digits.
    """

    form: re.Pattern[str]
    length: int
    compact: bool


@lru_cache(maxsize=512)
def date_pattern(pattern: str) -> Pattern:
    """Return a way to write days and moments; raises `ValueError` with what is wrong with it."""
    tokens = list(PART.finditer(pattern))
    if re.search("(?<!Y)YY(?!Y)", pattern):
        raise ValueError(
            f"“{pattern}” is no way to write a day: of a year of two digits nobody knows the century; write YYYY"
        )
    kinds = [PARTS.get(one[0], "") for one in tokens]
    said = {"month" if one == "word" else one for one in kinds}
    for part, within, why in NEEDS:
        if part in said and within not in said:
            raise ValueError(f"“{pattern}” is no way to write a day: {why}")
    if "year" not in said or "" in said or len(said) < len(kinds):
        raise ValueError(f"“{pattern}” is no way to write a day; {USED}")
    form, end, compact = "", 0, False
    for token, kind in zip(tokens, kinds, strict=True):
        form += _literal(pattern[end : token.start()])
        beside = [one for one in tokens if token.start() == one.end() or token.end() == one.start()]
        compact = compact or bool(beside)
        form += f"(?P<{kind}>{WIDTHS.get(kind, '[0-9]{2}' if beside else '[0-9]{1,2}')})"
        end = token.end()
    day = len("2026-11-23" if "day" in said else "2026-11") if "month" in said else len("2026")
    length = len("2026-11-23T14:05:00") if "hour" in said else day
    return Pattern(re.compile(form + _literal(pattern[end:]), re.IGNORECASE), length, compact)


def _literal(text: str) -> str:
    return r"\s+".join(re.escape(one) for one in re.split(r"\s+", text))


def date_patterns(said: str) -> list[str]:
    """Return the ways to write days that a mapping names for a column, separated by ;."""
    return [one.strip() for one in said.split(";") if one.strip()]


def dated(text: str, pattern: str, *, held: bool = False, rejected: bool = False) -> str:
    """Return a day or moment that is written in some other way as ISO 8601 writes it; raises `NotThat`.

    ``held``: the file may hold it as a date itself, beside texts; such a cell is read as it is. ``rejected``: the file
    has rejected rows, of which nobody knows any more what was a date itself.
    """
    if isinstance(text, RealDate) or WITH_OFFSET.fullmatch(text):
        return text
    patterns = date_patterns(pattern)
    found = {said for one in patterns if (said := _dated(text.removesuffix("~"), one, held=held and not rejected))}
    if held and (ISO.fullmatch(text) or (rejected and PARTLY.fullmatch(text))):
        if not found or not any(one.startswith("YYYY-D") for one in patterns):
            return text
        if rejected and found != {text}:
            raise NotThat("a day that can be read in one way only. Mend this row in the whole table and bring that")
    if len(found) > 1:
        raise NotThat(f"a day or moment that only one of {' and '.join(patterns)} reads")
    if not found:
        raise NotThat(f"a day or moment written {' or '.join(patterns)}{_remedy(text, patterns, held=held)}")
    return found.pop() + "~" * text.endswith("~")


def _dated(text: str, pattern: str, *, held: bool) -> str:
    """Return a day or moment as ISO 8601 writes it; "" where it is not written in this way."""
    read = date_pattern(pattern)
    found = read.form.fullmatch(text)
    if found is None or (held and LOST.fullmatch(text)):
        return ""
    said = found.groupdict()
    month = month_of(said["word"]) if "word" in said else int(said.get("month", 1))
    try:
        hour = _hour(int(said.get("hour", 0)), said.get("half", ""))
        at = datetime(  # noqa: DTZ001 - a wall clock
            int(said["year"]), month, int(said.get("day", 1)), hour, int(said.get("minute", 0)),
            int(said.get("second", 0)),
        )  # fmt: skip
    except ValueError:
        return ""
    return at.isoformat()[: read.length]


WITH_OFFSET = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:?\d{2})", re.ASCII)
"""A moment of ISO 8601 with its offset: no pattern says what it says, and it can be read in one way only."""
LOST = re.compile(r"\d{4}[.,]\d", re.ASCII)
"""A year and a month that a spreadsheet took for a number: 1980.1 may have been 1980.10."""


def _hour(hour: int, half: str) -> int:
    """Return an hour of the day; with AM or PM behind, noon is 12 PM."""
    if not half:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("no such hour")
    return hour % 12 + 12 * (half[0] in "Pp")


def _remedy(text: str, patterns: list[str], *, held: bool) -> str:
    """Return what may be done about a cell that none of the ways of a column reads."""
    if held and LOST.fullmatch(text):
        return ". A spreadsheet leaves out the last 0 of a number: enter the month with both digits, as a text"
    if text.isdecimal() and any(date_pattern(one).compact for one in patterns):
        return ": digits are missing or too many. Where a spreadsheet left out a 0 in front, enter it again, as a text"
    return hint(text) or without(text)
