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
    from collections.abc import Iterable

MARKS = {",": ",", ";": ";", "|": "|", "tab": "\t"}
"""The marks that can separate cells, by what a mapping calls them."""
SAMPLED = 50
"""Rows that are looked at."""
SAID = re.compile(r"\ufeff?\"?sep=(?P<mark>[,;|\t])\"?[,;|\t]*\s*", re.IGNORECASE)


def said_by(line: str) -> str:
    """Return the mark that a first line names; "" where it names none."""
    found = SAID.fullmatch(line)
    return found["mark"] if found else ""


def separator_of(lines: Iterable[str]) -> str:
    """Return the mark that separates the cells of a table; ``lines``: the headings, and the rows below them."""
    some = list(islice((line for line in lines if line.strip()), SAMPLED))
    best, found = (0.0, 0), ","
    for mark in MARKS.values():
        widths = _widths(some, mark)
        if widths and widths[0] > 1:
            alike = sum(width == widths[0] for width in widths) / len(widths)
            if (alike, widths[0]) > best:
                best, found = (alike, widths[0]), mark
    if best == (0.0, 0):  # one column: a mark that parts none of its cells
        return next((mark for mark in MARKS.values() if set(_widths(some, mark)) <= {1}), ",")
    return found


def _widths(lines: list[str], mark: str) -> list[int]:
    """Return how many cells each row has, separated by a mark."""
    try:
        return [len(cells) for cells in csv.reader(lines, delimiter=mark, skipinitialspace=True)]
    except csv.Error:
        return []
