"""How much of a day or moment the format of its cell shows: “Mar 2020” is a month, whichever day the number is.

Formats are those of ECMA-376, part 1, 18.8.30 and 18.8.31.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from functools import lru_cache
from typing import TYPE_CHECKING

from clinic.exchange.written_days import RealDate

if TYPE_CHECKING:
    from typing import Any

SAID = re.compile(r'"[^"]*"?|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.DOTALL | re.IGNORECASE)
"""What stands beside the parts of a date: texts, spaces, a color, a language."""
LETTERS = re.compile(r"y+|e+|m+|d+|h+|s+|am/pm", re.IGNORECASE)
DATES = {
    14: "m/d/yy", 15: "d-mmm-yy", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss",
    22: "m/d/yy h:mm",
}  # fmt: skip
"""The formats of dates that a file need not spell out."""


@lru_cache(maxsize=512)
def parts_of(code: str) -> frozenset[str]:
    """Return which of year, month, day and time a format shows."""
    found: list[str] = [one[0][0].lower() for one in LETTERS.finditer(SAID.sub("", code).partition(";")[0])]
    parts: set[str] = set()
    for place, one in enumerate(found):
        around = found[max(place - 1, 0) : place] + found[place + 1 : place + 2]
        of_time = one in "hsa" or (one == "m" and (found[max(place - 1, 0)] == "h" or "s" in around[-1:]))
        parts.add("time" if of_time else {"y": "year", "e": "year", "m": "month", "d": "day"}[one])
    return frozenset(parts)


def shows_otherwise(code: str) -> bool:
    """Whether a format shows less than a day, a time of day, or a day alone, behind which a time may be kept."""
    return bool(parts_of(code)) if LETTERS.search(code) else False


def as_shown(value: Any, code: str) -> Any:
    """Return a date of a cell as far as its format shows it; any other value is itself."""
    if not isinstance(value, date):
        return value
    parts = parts_of(code)
    if {"day", "time"} <= parts:
        at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001
        return RealDate(at.isoformat())
    if parts == {"time"} and isinstance(value, datetime):
        return value.time().isoformat()
    if "day" in parts and isinstance(value, datetime) and value.time() != time():
        return date(value.year, value.month, value.day)  # as the cell shows it, whatever its hour
    if "day" in parts or "time" in parts or not parts:
        return value
    return RealDate(value.isoformat()[: len("2020-03" if "month" in parts else "2020")])
