"""Numbers that tell rows apart and that a program wrote as figures: 17.0 in place of 17.

A program that keeps a column of whole numbers with a blank as figures writes each with a decimal. Without its mark 17.0
would be 170, which may be another patient's number (rule 1).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clinic.exchange.import_checks import Fault
from clinic.exchange.parse_cell import code_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clinic.exchange.mapping import Mapping
    from clinic.exchange.tables import Table

NUMBER = "patient.record_number"
KEYS = frozenset({NUMBER, "row.key", "course.key", "patient.key", "donor.donor_number"})
FIGURE = re.compile(r"(\d{1,18})\.0+", re.ASCII)


def whole_columns(table: Table, mapping: Mapping) -> frozenset[str]:
    """Return the columns of numbers and keys in which each is a whole number written with decimals, as 17.0."""
    open_ = {name: said for name, said in _columns(mapping).items() if name in table.headings}
    told = set[str]()
    for _number, (_row, cells) in table.rows.numbered() if open_ else ():
        for name, missing in [*open_.items()]:
            if not (text := cells[name]) or code_of(text, missing):
                continue
            if FIGURE.fullmatch(text):
                told.add(name)
            else:
                del open_[name]
        if not open_:
            break
    return frozenset(open_.keys() & told)


def as_whole(cells: dict[str, str], columns: Iterable[str]) -> dict[str, str]:
    """Return the cells of a row with the whole numbers of some columns without decimals."""
    changed = {name: found[1] for name in columns if (found := FIGURE.fullmatch(cells[name]))}
    return cells | changed if changed else cells


def key_faults(table: Table, mapping: Mapping, whole: frozenset[str]) -> Iterator[Fault]:
    """Yield each record number with a decimal among others without: nobody knows whether it is 17 or 170."""
    columns = [
        name for name, wanted in mapping.columns.items()
        if name not in whole and name in table.headings and any(one.to == NUMBER for one in wanted)
    ]  # fmt: skip
    for _number, (row, cells) in table.rows.numbered() if columns else ():
        for name in columns:
            if found := FIGURE.fullmatch(cells[name]):
                said = f"a record number as it is written elsewhere: is it {found[1]}? Format the column as text"
                yield Fault(row=row, column=name, value=cells[name], expected=f"{said} (rule 1)")


def key_notes(whole: Iterable[str]) -> list[str]:
    """Return what is told of such columns."""
    return [f"Column {name}: its whole numbers are written with decimals; 17.0 was read as 17." for name in whole]


def _columns(mapping: Mapping) -> dict[str, set[str]]:
    """Return the columns of numbers and keys, each with what means “not recorded” there."""
    found: dict[str, set[str]] = {}
    for name, wanted in mapping.columns.items():
        if any(one.to in KEYS for one in wanted):
            found[name] = {*mapping.missing, *(code for one in wanted for code in one.missing)}
    return found
