"""Which mark separates the cells of a text file: that one at which headings and rows have equally many cells.

Marks inside quotation marks do not count. The mapping may name the mark; so may a first line “sep=;”, as spreadsheet
programs write it.
"""

from __future__ import annotations

import csv
import re
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MARKS = {",": ",", ";": ";", "|": "|", "tab": "\t"}
"""The marks that can separate cells, by what a mapping calls them."""
MOST_COLUMNS = 1_000
SAMPLED, MOST_SAMPLED = 50, 1_000_000
"""Rows that are looked at, and their characters."""
SAID = re.compile(r"\ufeff?\"?sep=(?P<mark>[,;|\t])\"?[,;|\t]*\s*", re.IGNORECASE)


def said_by(line: str) -> str:
    """Return the mark that a first line names; "" where it names none."""
    found = SAID.fullmatch(line)
    return found["mark"] if found else ""


def separator_of(lines: Iterable[str], headings: Collection[str] = ()) -> str:
    """Return the mark that separates the cells of a table; ``lines``: the headings, and the rows below them.

    ``headings``: those that the mapping names, where there is one: they tell more than how wide the rows are.
    """
    some = list(islice((line for line in lines if line.strip()), SAMPLED))
    split = {mark: cut for mark in MARKS.values() if (cut := _split(some, mark)) and len(cut[0]) > 1}
    if not split:  # one column: a mark that parts none of its cells
        return next((mark for mark in MARKS.values() if {len(one) for one in _split(some, mark)} <= {1}), ",")
    return max(split, key=lambda mark: (_named(split[mark][0], headings), *_fits(split[mark], mark)))


def other_marks(heading: str) -> list[str]:
    """Return the marks, as a mapping calls them, that a heading contains: one of them may separate the cells."""
    return [name for name, mark in MARKS.items() if mark in heading]


def _named(cells: list[str], headings: Collection[str]) -> int:
    """Return how many of the cells of the first row are headings that somebody named."""
    return sum(one.strip().removeprefix("\ufeff") in headings for one in cells)


def _fits(split: list[list[str]], mark: str) -> tuple[float, float, int, bool]:
    """Return how well a mark fits: rows as wide as the headings, few spaces behind it, many cells.

    Where all that is alike, a comma is one of the text or of a figure, as in “Weight, kg” and “70,5”.
    """
    wide = len(split[0])
    alike = sum(len(one) == wide for one in split) / len(split)
    behind = [cell[:1].isspace() for one in split for cell in one[1:]]
    spaced = sum(behind) / len(behind) if behind else 0
    return alike, -spaced, wide, mark != ","


def _split(lines: list[str], mark: str) -> list[list[str]]:
    """Return the cells of each row, separated by a mark; the spaces behind it stay, unless quotation marks follow."""
    try:
        rows = csv.reader((re.sub(rf"(^|{re.escape(mark)}) +(?=\")", r"\1", line) for line in lines), delimiter=mark)
        return [cells[: MOST_COLUMNS + 1] for cells in rows if cells]
    except csv.Error:
        return []
