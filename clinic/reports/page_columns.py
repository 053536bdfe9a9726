"""The columns of a report on a page: an estimate and its interval share one; files keep a column for each figure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

INTERVALS = {"low": ("high", "95 % interval"), "lower": ("upper", "quartiles")}
"""What the key of a lower end says → the same of the upper end, and what the interval is called in a heading."""
LOWER = re.compile(r"(?P<before>(?:.+-)?)(?P<end>low|lower)(?P<day>\d*)")


class PageColumn(NamedTuple):
    """One column of a page: the place of its figure in a row, key and heading; ``ends``: two more figures follow it."""

    place: int
    key: str
    heading: str
    numeric: bool
    ends: bool


def page_columns(columns: Iterable[tuple[str, str, bool]]) -> list[PageColumn]:
    """Return the columns of a page for key, heading and whether it is of numbers of each column of the files.

    A lower end and an upper end, which their keys tell, belong to the estimate in the column before them.
    """
    every = list(columns)
    found: list[PageColumn] = []
    place = 0
    while place < len(every):
        key, heading, numeric = every[place]
        name = _interval([key for key, _, _ in every[place + 1 : place + 3]])
        found.append(PageColumn(place, key, f"{heading} ({name})" if name else heading, numeric, bool(name)))
        place += 3 if name else 1
    return found


class Told(NamedTuple):
    """A figure of a kept report: what is shown."""

    shown: str


class ToldRow(NamedTuple):
    """A row of a kept report: its label, key, and a figure for each column of the files."""

    key: str
    label: str
    figures: list[Told]


def told_table(told: dict[str, Any]) -> tuple[list[PageColumn], list[ToldRow]]:
    """Return columns and rows of the table of a kept report, from its JSON file."""
    keys = [column["key"] for column in told["columns"]]
    shown = [["–" if row[key] is None else str(row[key]) for key in keys] for row in told["rows"]]
    rows = [
        ToldRow(row["key"], row["label"], [Told(words) for words in figures])
        for row, figures in zip(told["rows"], shown, strict=True)
    ]
    return page_columns((one["key"], one["heading"], True) for one in told["columns"]), rows


def _interval(keys: list[str]) -> str:
    """Return what the interval is called whose ends the two next columns are; empty: they are none."""
    low = LOWER.fullmatch(keys[0]) if len(keys) == 2 else None
    if low is None:
        return ""
    high, name = INTERVALS[low["end"]]
    return name if keys[1] == f"{low['before']}{high}{low['day']}" else ""
