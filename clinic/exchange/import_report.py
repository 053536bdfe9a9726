"""What an import did or would do, as a person reads it: faults of one kind are one line with their rows."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from clinic import wording
from clinic.exchange.exporting import csv_lines
from clinic.exchange.tables import REJECTED
from clinic.record_display import facts
from clinic.records import Entry, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clinic.exchange.import_checks import Fault
    from clinic.exchange.tables import Table

FIGURE = re.compile(r"\d+(?:[.,:-]\d+)*|“[^“”]*”")
FIRST = 5
"""Rows that are named of a group of faults."""
WHOLE = 3
"""Faults of one kind that are still told one by one."""


@dataclass(kw_only=True)
class Group:
    """Faults of one kind in one column: the first of them, and their rows."""

    fault: Fault
    rows: list[int]

    @property
    def where(self) -> str:
        """The first rows in words: “rows 2, 3, 4, 5, 6 and 132 more”."""
        first = ", ".join(str(row) for row in self.rows[:FIRST])
        more = f" and {len(self.rows) - FIRST} more" if len(self.rows) > FIRST else ""
        return f"row{'s' if len(self.rows) > 1 else ''} {first}{more}"

    def __str__(self) -> str:
        fault = self.fault
        said = f"“{fault.value}”" if fault.value else "empty"
        place = f"Column {fault.column}: " if fault.column else ""
        return (
            f"{place}{len(self.rows)} faults of one kind, {self.where}; the first is {said}; expected {fault.expected}"
        )


@dataclass(kw_only=True)
class Report:
    """What an import did, or would do. ``made``: how many records of each noun.

    ``fresh``: rows that no earlier batch has; ``before``: the numbers of the others. ``already``: why nothing is to be
    done. ``batch``: the id of the batch that was made. ``first``: the first rows as they are saved: the number of each,
    and its records, each with its facts as a page shows them: label, value, note.
    """

    kind: str
    file: str
    rows: int = 0
    fresh: int = 0
    skipped: int = 0
    before: set[int] = field(default_factory=set)
    made: Counter[str] = field(default_factory=Counter)
    problems: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    dry_run: bool = False
    already: str = ""
    batch: str = ""
    table: Table | None = None
    first: list[tuple[int, list[tuple[str, list[tuple[str, str, str]]]]]] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether nothing was, or would be, taken in."""
        return bool(self.problems)

    def sentences(self) -> list[str]:
        """Return the report as a person reads it, a line each."""
        made = ", ".join(counted(noun, count) for noun, count in self.made.items())
        if self.refused:
            some = f"{len(self.problems)} {'problem' if len(self.problems) == 1 else 'problems'}"
            place = f", sheet {self.table.sheet}" if self.table is not None and self.table.sheet else ""
            return [*self.notes, *told(self.problems), f"Nothing was imported: {some} in {self.file}{place}."]
        if self.already:
            return [self.already]
        did = "would be imported; this was a dry run" if self.dry_run else "imported"
        some = "1 row was" if self.skipped == 1 else f"{self.skipped} rows were"
        skipped = f" {some} imported before and left out." if self.skipped else ""
        batch = f" This is import {self.batch}." if self.batch else ""
        rows = "1 row" if self.fresh == 1 else f"{self.fresh} rows"
        if not self.dry_run and made:
            return [*self.notes, f"{made} imported from {rows} of {self.file}.{skipped}{batch}"]
        return [*self.notes, f"{rows} of {self.file} {did}: {made or 'nothing new'}.{skipped}{batch}"]


def counted(noun: str, count: int) -> str:
    """Return how many of something there are: “3 patients”."""
    return f"{count:,} {noun[:1].lower()}{noun[1:]}{'' if count == 1 else 's'}"


def shown(record: Any, zone: str) -> list[tuple[str, str, str]]:
    """Return the facts of a record that is not saved yet, in words."""
    found = facts(record, zone) if isinstance(record, Entry) else [("Visit", record.name, "")]
    if isinstance(record, Record) and record.performed_at is not None:
        when = wording.moment(record.performed_at, zone, record.precision_of("performed_at"))
        found.insert(0, (record.HAPPENED, when, ""))
    return [(label, _plain(value), note) for label, value, note in found]


def _plain(value: Any) -> str:
    return value.striptags() if isinstance(value, Markup) else str(value)


def grouped(problems: Iterable[Fault]) -> list[Group]:
    """Return faults by column and kind, in the order of their first rows; figures and quoted texts may differ."""
    found: dict[tuple[str, str, str], Group] = {}
    for fault in problems:
        key = (fault.column, FIGURE.sub("#", fault.expected), fault.ask)
        found.setdefault(key, Group(fault=fault, rows=[])).rows.append(fault.row)
    return list(found.values())


def told(problems: list[Fault]) -> Iterator[str]:
    """Yield the faults as lines: a few of a kind one by one, many as one."""
    groups = grouped(problems)
    many = {(group.fault.column, FIGURE.sub("#", group.fault.expected)) for group in groups if len(group.rows) > WHOLE}
    yield from (str(one) for one in problems if (one.column, FIGURE.sub("#", one.expected)) not in many)
    yield from (str(group) for group in groups if len(group.rows) > WHOLE)


def rejects(table: Table, problems: Iterable[Fault]) -> Iterator[str]:
    """Yield the rows with faults as CSV, as they were read, each with its number in the file and the reasons.

    The mended file can be brought again by the same mapping: it leaves these two columns out.
    """
    headings = [name for name in table.headings if name not in table.of_rejects]
    before = [f"{name} (rejected)" if name in headings else name for name in REJECTED]
    reasons: dict[int, list[str]] = {}
    sheet = f"sheet {table.sheet}, " if table.sheet else ""
    for fault in problems:
        place = f"{sheet}column {fault.column}: " if sheet and fault.column else f"{fault.column or sheet[:-2]}: "
        place = "" if place == ": " else place
        reasons.setdefault(fault.row, []).append(f"{place}expected {fault.expected}")
    faulty = (
        [number, "; ".join(reasons[number]), *(cells[name] for name in headings)]
        for number, cells in table.rows
        if number in reasons
    )
    whole = [[1, "; ".join(reasons[1]), *headings]] if 1 in reasons else []
    yield from csv_lines([*before, *headings], [*whole, *faulty])
