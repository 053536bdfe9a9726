"""What is wrong with the cells of a table before they are read as facts: nothing is guessed and nothing is dropped.

Columns without a heading that hold values, cells in which a spreadsheet could not work out its formula, and figures
whose mark may be a decimal mark or one of thousands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import Boolean, Integer

from clinic.exchange import sheet_parts
from clinic.exchange.import_checks import Fault
from clinic.exchange.import_targets import slot
from clinic.exchange.merged_cells import merged_faults
from clinic.exchange.number_formats import HIDDEN, NOT_READ
from clinic.exchange.parse_cell import WITH_UNIT
from clinic.exchange.spoiled import as_utf_8
from clinic.model import Quantity
from clinic.protocols.catalogues import INSTRUMENTS, QC_TESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinic.exchange.import_targets import Slot
    from clinic.exchange.mapping import Mapping, Target
    from clinic.exchange.tables import Table

ERROR = re.compile(r"#(?:[A-ZÀ-Ý/0-9_]{2,}[!?]|N/A|N/D|N/V|NV|NA)")
"""What a spreadsheet shows where a formula has no result, in any of its languages: #N/A, #REF!, #WERT!, #NAME?."""
UNSIGNED = re.compile(r"^(?:<=|>=|[<>≤≥=])?\s*[+−-]?\s*")
THREE = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
"""A figure whose only mark stands before three digits: 1,250 is 1250 to one writer and 1.25 to another."""


PLAIN_COMMA = re.compile(r"[+−-]?(?:\d+,(?:\d{1,2}|\d{4,})|0,\d{3})", re.ASCII)
"""A figure of which the comma can be a decimal mark only."""


@dataclass(kw_only=True)
class Marks:
    """Which marks the figures of one column have, and its cells that can be read in two ways.

    ``whole``: they are whole numbers, so that three digits behind a mark are thousands as likely as decimals.
    """

    whole: bool = False
    comma: bool = False
    point: bool = False
    plain_comma: bool = False
    plain_point: bool = False
    open: list[tuple[int, str]] = field(default_factory=list)

    def note(self, row: int, text: str) -> None:
        """Learn from one cell."""
        written = WITH_UNIT.fullmatch(text)
        figure = UNSIGNED.sub("", written["figure"] if written is not None else text).strip()
        marks = [one for one in figure if one in ",."]
        self.comma, self.point = self.comma or "," in marks, self.point or "." in marks
        if THREE.fullmatch(figure):
            self.open.append((row, text))
        elif len(marks) == 1:
            self.plain_comma, self.plain_point = self.plain_comma or marks == [","], self.plain_point or marks == ["."]

    def doubtful(self, around: Around) -> Iterator[tuple[int, str]]:
        """Yield the cells that nobody can read without being told which mark is the decimal one."""
        for row, text in self.open:
            if self.whole or (self._comma_may_part() if "," in text else self._point_may_part(around)):
                yield row, text

    def _comma_may_part(self) -> bool:
        return self.point or not self.plain_comma

    def _point_may_part(self, around: Around) -> bool:
        if self.comma or around.typed:
            return True
        return not self.plain_point and (around.commas or around.abroad)


@dataclass(kw_only=True)
class Around:
    """What the rest of a table tells of a point before three digits.

    ``commas``: another column has decimal commas. ``abroad``: the table comes from where they are usual, as far as is
    known: its cells are separated by ; or it has the rejected rows of another file. ``typed``: it is a spreadsheet, in
    which a figure with a point is a number, so that one which is a text was not understood there.
    """

    commas: bool
    abroad: bool
    typed: bool


def cell_faults(table: Table, mapping: Mapping) -> list[Fault]:
    """Return the faults of a table's cells, each by its row and column."""
    found = [
        Fault(
            row=row, column=name, value=value,
            expected="a heading above this column, which holds values. Name it, clear it, or say under [ignored] why "
            "it is left out" + (BELOW.format(row=row) if not any(one.isdigit() for one in value) else ""),
        )
        for name, (row, value) in table.unnamed.items()
        if name not in mapping.spoken_for()
    ]  # fmt: skip
    figures, missing, whole = _figures(mapping), _missing(mapping), _whole(mapping)
    said, marks = mapping.spoken_for() - set(mapping.ignored), {name: Marks(whole=name in whole) for name in figures}
    read = [name for name in table.headings if name in said]
    commas = "," in figures.values()
    for row, cells in table.rows:
        commas = commas or any("," in text and PLAIN_COMMA.fullmatch(text) for text in cells.values())
        for name in read:
            text = cells[name]
            if not text or text in missing.get(name, mapping.missing):
                continue
            if why := _no_value(text, mapping):
                found.append(Fault(row=row, column=name, value=text, expected=why))
            elif name in marks and not figures[name] and ("," in text or "." in text):
                marks[name].note(row, text)
    typed = mapping.holds_dates and not table.of_rejects
    around = Around(commas=commas, abroad=table.separator == ";" or bool(table.of_rejects), typed=typed)
    found += [
        Fault(row=row, column=name, value=text, expected=TWO_WAYS)
        for name, one in marks.items()
        for row, text in one.doubtful(around)
    ]
    return [*found, *merged_faults(table, said)]


def _no_value(text: str, mapping: Mapping) -> str:
    """Return what was expected of a cell that has no value, or none that it shows; "" of any other cell."""
    if text[0] == "#" and ERROR.fullmatch(text):
        return NO_RESULT
    if mapping.encoding and (read := as_utf_8(text, mapping.encoding)):
        return f"letters of {mapping.encoding}: this cell is written in UTF-8, “{read}”. Save the whole file in one way"
    if not mapping.holds_dates or text[-1] != ")":
        return ""
    if text == sheet_parts.NO_RESULT:
        return NOT_WORKED_OUT
    return (UNSEEN if text.endswith(f"({HIDDEN})") else OTHER_DIGITS) if NOT_READ.fullmatch(text) else ""


BELOW = ". If row {row} has the headings, below a row that groups the columns, say so: heading_row = {row}"
NO_RESULT = (
    "a value: the spreadsheet could not work out this cell. Correct its formula, or say under “missing” that it means "
    "“not recorded”"
)
NOT_WORKED_OUT = (
    "a value: no spreadsheet program has worked out the formula of this cell. To have it done, open the file in the "
    "spreadsheet program and save it; else enter the value itself"
)
UNSEEN = (
    "a number that is shown: the format of this cell hides it. Choose another format, clear the cell, or say under "
    "“missing” that it means “not recorded”"
)
OTHER_DIGITS = (
    "a number as it is shown: the cell shows other digits than its number. Enter what is right, in a format that shows "
    "it, or say under “missing” that it means “not recorded”"
)
TWO_WAYS = (
    "a figure that can be read in one way only: the mark may be a decimal mark or one of thousands. Say which mark is "
    'the decimal one: decimal = "," or decimal = "."'
)


def _figures(mapping: Mapping) -> dict[str, str]:
    """Return the columns of figures, each with the decimal mark that the mapping names for it; "" for none."""
    found: dict[str, str] = {}
    for name, wanted in mapping.columns.items():
        for one in wanted:
            place = slot(one.to, mapping.kind)
            if place is not None and is_figure(place):
                found[name] = (one.decimal or mapping.decimal) if found.get(name, "one") else ""
    return found | {pair.time: mapping.decimal for pair in mapping.pairs.values()}


def _whole(mapping: Mapping) -> set[str]:
    """Return the columns of figures that are whole numbers: counts, ages, and days by which something happened."""
    found = {pair.time for pair in mapping.pairs.values()}
    for name, wanted in mapping.columns.items():
        for one in wanted:
            place = slot(one.to, mapping.kind)
            if one.transform in WHOLE or (place is not None and is_figure(place) and _is_count(place)):
                found.add(name)
    return found


WHOLE = frozenset({"whole", "event_day"})


def _is_count(place: Slot) -> bool:
    column = place.model.__table__.columns.get(place.name) if place.model is not None else None
    return column is not None and isinstance(column.type, Integer)


def _missing(mapping: Mapping) -> dict[str, set[str]]:
    """Return what means “not recorded” in each column that a mapping reads, and what it translates otherwise."""
    return {
        name: {*mapping.missing, *(text for one in wanted for text in (*one.missing, *one.values, one.never) if text)}
        for name, wanted in mapping.columns.items()
    }


@lru_cache(maxsize=4096)
def is_figure(place: Slot) -> bool:
    """Whether a fact is a figure."""
    if place.part == "qc" and place.name in QC_TESTS:
        return QC_TESTS[place.name].outcomes is None
    if place.part == "score":
        return place.name not in {"instrument", "did_not_occur"}
    if place.model is None or place.name not in place.model.__table__.columns:
        return False
    if place.fact is not None and place.fact.choices is not None:
        return False
    return isinstance(place.model.__table__.columns[place.name].type, Quantity | Integer)


@lru_cache(maxsize=4096)
def has_codes(place: Slot) -> bool:
    """Whether a number in a cell of a fact is a figure or a code of a choice, and no text such as a record number."""
    if place.part in {"qc", "score"} or is_figure(place):
        return True
    if place.fact is not None and place.fact.choices is not None:
        return True
    column = place.model.__table__.columns.get(place.name) if place.model is not None else None
    return column is not None and isinstance(column.type, Boolean)


AS_WRITTEN = frozenset({"", "years", "whole", "event_day", "grams_to_kg", "pounds_to_kg", "inches_to_cm"})
"""The ways of reading a cell before which a unit may stand behind its figure."""


READS = {
    "grams_to_kg": "g", "pounds_to_kg": "lb", "inches_to_cm": "in", "percent_of_one": "fraction", "years": "years",
    "months_to_days": "months", "weeks_to_days": "weeks",
}  # fmt: skip
"""The unit from which a way of reading a cell converts."""


def has_unit(target: Target) -> bool:
    """Whether the unit of a column's figures is known: the others are converted by what the mapping says."""
    return target.transform in AS_WRITTEN


def unit_of(place: Slot, target: Target) -> str:
    """Return the unit in which the figures of a column are written; "" where none can stand behind them."""
    if target.factor:
        return ""
    if target.transform in READS:
        return READS[target.transform]
    if place.part == "qc" and place.name in QC_TESTS:
        return QC_TESTS[place.name].unit
    if place.part == "score" and place.name in INSTRUMENTS:
        return INSTRUMENTS[place.name].unit
    return place.fact.unit if place.fact is not None else ""
