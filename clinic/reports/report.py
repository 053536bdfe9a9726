"""What a report is: one declared object, and one function that returns its rows.

Page, CSV, XLSX, JSON and the list of records behind each figure are loops over what that function returns, so that
they cannot disagree. A count is made of the ids that it counts; its link opens the list of just these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, NamedTuple

from clinic import wording
from clinic.fields import plain
from clinic.reports.asking import Option
from clinic.reports.page_columns import PageColumn, page_columns
from clinic.reports.statistics import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from clinic.reports.data import Data
    from clinic.reports.geometry import Drawing

Value = int | Decimal | date | str | None


class Figure(NamedTuple):
    """One figure of a table: its value, None where it cannot be told, and the ids of the records behind it."""

    value: Value
    of: tuple[str, ...] | None = None

    @property
    def shown(self) -> str:
        """The figure as pages show it, a day as everywhere; an en dash where it cannot be told."""
        if self.value is None:
            return "–"
        if isinstance(self.value, date):
            return wording.day(self.value)
        return plain(self.value) if isinstance(self.value, Decimal) else str(self.value)


def count(ids: Iterable[str]) -> Figure:
    """Return the number of some records; records named twice count once."""
    found = tuple(dict.fromkeys(ids))
    return Figure(len(found), found)


def number(value: float | Decimal | None, digits: int = 1, of: Iterable[str] | None = None) -> Figure:
    """Return a measured or calculated figure, rounded to some digits after the point."""
    behind = None if of is None else tuple(dict.fromkeys(of))
    if value is None:
        return Figure(None, behind)
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    rounded = exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)
    return Figure(abs(rounded) if rounded == 0 else rounded, behind)


def rate(value: float | None, digits: int = 1) -> Figure:
    """Return a rate rounded to some digits after the point; one below 1 to three figures, for 0.00 would be none."""
    small = value is not None and 0 < value < 1
    return number(value, max(digits, 2 - math.floor(math.log10(value))) if small and value else digits)


def percent(part: float, whole: float, digits: int = 1) -> Figure:
    """Return part ÷ whole in percent; None of nothing."""
    return number(100 * part / whole, digits) if whole else Figure(None)


def share(part: Iterable[str], whole: Iterable[str]) -> tuple[Figure, Figure, Figure, Figure, Figure]:
    """Return part, whole, part ÷ whole in percent, and its exact limits (Clopper and Pearson)."""
    some, all_ = count(part), count(whole)
    n, of = len(some.of or ()), len(all_.of or ())
    low, high = clopper_pearson(n, of) if of else (None, None)
    ends = [number(None if end is None else 100 * end, 1) for end in (low, high)]
    return some, all_, percent(n, of), ends[0], ends[1]


class Column(NamedTuple):
    """One column of a report's table. ``key`` names it in addresses and for programs."""

    key: str
    heading: str
    numeric: bool = True


class Row(NamedTuple):
    """One row: what it is about, and a figure for each column. ``key`` names it in addresses."""

    key: str
    label: str
    figures: tuple[Figure, ...]


class Aside(NamedTuple):
    """Records beside the table: counted in, left out or missing, and why."""

    key: str
    label: str
    figure: Figure


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a report found.

    ``included``: the records that it is about, ``of`` is what they are (“courses”). ``missing``: of these, what lacks
    a fact that the report needs, by reason. ``excluded``: what the definition leaves out, by reason. ``finding``: the
    answer in one or two sentences. ``dictionary``: what its columns are, where a heading does not say it. ``weak``: why
    an outcome must not be read from the chart; empty: it may.
    """

    columns: tuple[Column, ...]
    rows: Sequence[Row]
    of: str
    included: Iterable[str]
    finding: str
    first: str = "Group"
    total: Row | None = None
    missing: Sequence[tuple[str, Iterable[str]]] = ()
    excluded: Sequence[tuple[str, Iterable[str]]] = ()
    drawings: Sequence[Drawing] = ()
    notes: Sequence[str] = ()
    dictionary: Sequence[tuple[str, str]] = ()
    weak: str = ""

    @property
    def all_rows(self) -> list[Row]:
        """The rows with their sum."""
        return [*self.rows, *([self.total] if self.total else [])]

    @property
    def page_columns(self) -> list[PageColumn]:
        """The columns of its table on a page."""
        return page_columns(self.columns)

    @property
    def asides(self) -> list[Aside]:
        """The records that are counted in, missing and left out."""
        found = [Aside("included", f"{self.of[:1].upper()}{self.of[1:]} included", count(self.included))]
        for kind, word, told in (("missing", "Missing", self.missing), ("excluded", "Not included", self.excluded)):
            counted = [(reason, count(ids)) for reason, ids in told]
            found += [
                Aside(f"{kind}-{place}", f"{word}: {reason}", figure)
                for place, (reason, figure) in enumerate(counted)
                if figure.value
            ]
        return found

    def behind(self, row: str, column: str) -> tuple[str, tuple[str, ...]] | None:
        """Return in words what a figure counts, and the ids behind it; None where there is no such figure."""
        for one in self.all_rows:
            if one.key == row:
                for head, figure in zip(self.columns, one.figures, strict=True):
                    if head.key == column and figure.of is not None:
                        return f"{one.label}: {head.heading}", figure.of
        for aside in self.asides:
            if aside.key == row and column == "n":
                return aside.label, aside.figure.of or ()
        return None


@dataclass(frozen=True, kw_only=True)
class Report:
    """One report. ``name`` is its address, ``topic`` what it is called, ``title`` its question, ``says`` one sentence.

    ``counted_by``: the date by which a period chooses. ``by``: dimensions by which its rows can be grouped, the usual
    one first; () where the rows are fixed. ``version`` counts changes of the definition. ``checked`` says against what
    or by whom the definition was checked, on ``checked_on``; after ``next_review`` the page says that it is due.
    ``judged``: it reads the stored judgment, which has to be made anew for a moment of the past.
    """

    name: str
    topic: str
    title: str
    says: str
    group: str
    data_set: str
    numerator: str
    denominator: str
    counted_by: str
    figures: Callable[[Data], Result]
    by: tuple[str, ...] = ()
    method: str = ""
    source: str = ""
    version: int = 1
    checked: str = "A second, independent calculation in the tests of the program. Not yet reviewed by this clinic"
    checked_on: date = date(2026, 11, 26)
    next_review: date = date(2027, 11, 26)
    options: tuple[Option, ...] = field(default=())
    judged: bool = False


def totalled(label: str, rows: Sequence[Row], columns: Sequence[Column], keys: Iterable[str]) -> Row:
    """Return the sum of some columns over the rows: each record counts once; other columns stay empty."""
    summed = set(keys)
    figures = []
    for place, column in enumerate(columns):
        parts = [row.figures[place].of or () for row in rows]
        figures.append(count(id_ for part in parts for id_ in part) if column.key in summed else Figure(None))
    return Row("total", label, tuple(figures))
