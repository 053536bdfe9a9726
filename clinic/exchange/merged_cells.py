"""Cells of a spreadsheet that are merged: the value stands in the first of them, and the others are empty.

Whether it counts for all rows beneath is for a person to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.exchange.import_checks import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinic.exchange.spreadsheets import Range
    from clinic.exchange.tables import Table

EXPECTED = (
    "cells of their own: {range} are merged, and only the first of them has the value. Unmerge them and enter what is "
    "right in each"
)


def merged_faults(table: Table, read: set[str]) -> Iterator[Fault]:
    """Yield the merged ranges of a table that spread over cells which are read, below the headings.

    ``read``: the columns that the mapping reads. Merged titles above the headings are no part of the table.
    """
    below = [one for one in table.merged if one[2] > table.heading_line]
    if not below:
        return
    values = _first_values(table, below)
    lines = [row for row, _cells in table.rows]
    for one in below:
        top, left, bottom, right = one
        columns = [name for name in table.rows.headings[left - 1 : right] if name]
        rows = [row for row in lines if top <= row <= bottom]
        of_headings = top <= table.heading_line
        spreads = len(rows) + of_headings > 1 or len(columns) > 1
        if rows and spreads and values.get(one) and not read.isdisjoint(columns):
            said = EXPECTED.format(range=f"{_cell(left, top)}:{_cell(right, bottom)}")
            yield Fault(row=max(top, rows[0]), column=columns[0], value=values[one], expected=said)


def _first_values(table: Table, ranges: list[Range]) -> dict[Range, str]:
    """Return what stands in the first cell of each range; "" where that is empty."""
    headings, found = table.rows.headings, {}
    by_row: dict[int, list[Range]] = {}
    for one in ranges:
        by_row.setdefault(one[0], []).append(one)
        if one[0] <= table.heading_line:
            found[one] = headings[one[1] - 1] if one[1] <= len(headings) else ""
    for row, cells in table.rows:
        for one in by_row.get(row, ()):
            name = headings[one[1] - 1] if one[1] <= len(headings) else ""
            found[one] = cells[name] if name else ""
    return found


def _cell(column: int, row: int) -> str:
    """Return what a spreadsheet calls a cell: D2."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row}"
