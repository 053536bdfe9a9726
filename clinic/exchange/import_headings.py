"""Whether a table and its mapping fit together: the headings, where they are, and how the file is written."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from clinic.exchange.heading_units import unit_faults
from clinic.exchange.import_checks import Fault
from clinic.exchange.import_targets import OWN, slot
from clinic.exchange.separators import MARKS, other_marks
from clinic.exchange.tables import BELOW_TITLES, UNNAMED, other_sheets

if TYPE_CHECKING:
    from clinic.exchange.mapping import Mapping
    from clinic.exchange.tables import Table


def heading_faults(table: Table, mapping: Mapping) -> list[Fault]:
    """Return what keeps table and mapping from fitting together; row 1 is the row of headings."""
    absent = mapping.spoken_for() - set(table.headings)
    if found := _where(table, mapping, absent):
        return [*_elsewhere(table), Fault(row=1, column="", value="", expected=found)]
    problems = [
        Fault(
            row=1,
            column=name,
            value=name,
            expected="a column that the mapping names; otherwise say under [ignored] why it is left out",
        )
        for name in table.headings
        if name not in mapping.spoken_for() and name not in table.unnamed and name not in table.of_rejects
    ]
    problems += [
        Fault(row=1, column=name, value="", expected="this column in the file: the mapping names it")
        for name in sorted(absent)
        if not (name in mapping.ignored and UNNAMED.fullmatch(name))
    ]
    problems += [
        Fault(
            row=1,
            column=column,
            value=target,
            expected=OWN.get(target, "the name of a fact, for example patient.sex, qc.viability, score.month6.spo2"),
        )
        for target, column in mapping.targets()
        if slot(target, mapping.kind) is None
    ]
    problems += [
        Fault(row=1, column=", ".join(said), value=target, expected="one column or part of the mapping for each fact")
        for target, said in mapping.doubled().items()
    ]
    if any(fault.row == 1 for fault in problems) and not table.guesses:
        problems = _elsewhere(table) + problems
    return problems + unit_faults(mapping) + [_of_encoding(table)] * bool(table.guesses)


def _where(table: Table, mapping: Mapping, absent: set[str]) -> str:
    """Return where the headings are that the mapping names, if they are not what was read; "" where nobody knows."""
    wrong = [name for name in table.headings if name not in mapping.spoken_for()]
    if len(table.headings) == 1 and wrong and table.separator and not mapping.separator and other_marks(wrong[0]):
        return IN_QUOTES.format(mark=other_marks(wrong[0])[0])
    for place, (row, cells) in enumerate(islice(table.rows, BELOW_TITLES)):
        texts = [text for text in cells.values() if text]
        if len(absent.intersection(texts)) > (place > 0) or any(_parted(text, absent) for text in texts):
            return f"the headings of the columns; row {row} has them, so say: heading_row = {row}"
    mark = next((mark for name in wrong if table.separator and (mark := _parted(name, absent))), "")
    return f'the headings of the columns, which {mark} separates, so say: separator = "{mark}"' if mark else ""


IN_QUOTES = (
    "cells: each whole line stands in quotation marks, so that it is one cell with {mark} in it. Save the file without "
    "quotation marks around its lines"
)


def _parted(text: str, absent: set[str]) -> str:
    """Return the mark, as a mapping calls it, that parts a text into headings which are absent; "" where none does."""
    parted = ((name, absent.intersection(map(str.strip, text.split(mark)))) for name, mark in MARKS.items())
    return next((name for name, found in parted if len(found) > 1), "")


def _elsewhere(table: Table) -> list[Fault]:
    """Return where the headings may be, if they are not what was read: a row that begins with #, another sheet."""
    row, cells = table.comment
    found = []
    if len(cells) > 1 and len(cells) == len(table.rows.headings):
        said = f"a comment: the row begins with #. If it has the headings, say so: heading_row = {row}"
        found.append(Fault(row=row, column="", value=", ".join(cells)[:60], expected=said))
    if table.others:
        found.append(
            Fault(row=1, column="the sheet", value="", expected=f"these columns. {other_sheets(table.others)}")
        )
    return found


def _of_encoding(table: Table) -> Fault:
    """Return that nobody said how the file is written: names would come in spoiled."""
    reads = "; ".join(f"“{line}” in {name}" for name, line in table.guesses.items())
    return Fault(
        row=1, column="the file", value="", expected=f"UTF-8, or its encoding in the mapping. It reads {reads}"
    )
