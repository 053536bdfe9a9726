"""A line list as a page shows it and as a file: CSV, XLSX and JSON, the rows or the counts of their groups."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import IO, TYPE_CHECKING, Any

from xlsxwriter import Workbook

from clinic import wording
from clinic.exchange.exporting import csv_lines
from clinic.exchange.parse_cell import NONE
from clinic.fields import plain
from clinic.reports.line_asking import grouping_words
from clinic.reports.line_list import names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from clinic.reports.line_columns import Item
    from clinic.reports.line_list import Group, Line, Listing, Names

FORMATS = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
ROWS, COUNTS = "rows", "counts"
MOST_IN_CELL = 32_767
"""Characters that a cell of a spreadsheet holds."""


@dataclass(frozen=True, kw_only=True)
class ListFile:
    """What a file of a list is made of: the list, what is printed with it, its groups, and how many rows there are."""

    listing: Listing
    said: Sequence[tuple[str, str]]
    groups: Sequence[Group]
    count: int
    session: Session

    def rows(self) -> Iterator[tuple[Line, Names]]:
        """Yield every row with the names that it may need."""
        staff = has_staff(self.listing)
        for lines in self.listing.lines(self.session):
            known = names(self.session, [line.patient_id for line in lines], staff=staff)
            yield from ((line, known) for line in lines)

    @property
    def heads(self) -> list[str]:
        """The headings of the columns."""
        return [one.title for one in self.listing.columns]

    @property
    def count_heads(self) -> list[str]:
        """The headings of the counts."""
        return [*(grouping_words(one) for one in self.listing.by), "Rows"]


def has_staff(listing: Listing) -> bool:
    """Whether a list names staff: in a column, a filter or its groups."""
    items = [*listing.columns, *(one.item for one in listing.filters), *(one.item for one in listing.by)]
    return any(one.kind == "person" for one in items)


def in_words(item: Item, value: Any, line: Line, known: Names, zone: str) -> str:
    """Return a value as the page shows it; "" where nothing is recorded."""
    if isinstance(value, datetime):
        return wording.moment(value, zone, line.precision.get(item.key, ""))
    if isinstance(value, date):
        return wording.day(value, line.precision.get(item.key, ""))
    if isinstance(value, Decimal):
        return plain(value)
    found = cell(item, value, line, known, zone)
    return "" if found is None else str(found)


def cell(item: Item, value: Any, line: Line, known: Names, zone: str) -> Any:
    """Return a value as CSV and XLSX have it: choices and names in words, days and moments as ISO 8601."""
    if value is None:
        return None
    if isinstance(value, date):
        return wording.iso(value, zone, line.precision.get(item.key, ""))
    if isinstance(value, list):
        return "; ".join(str(item.choices.get(str(one), _words(one))) for one in value) or NONE
    return _words(value) if item.kind not in SAID else SAID[item.kind](item, value, known)


SAID: dict[str, Callable[[Item, Any, Names], Any]] = {
    "patient": lambda _item, value, known: known.patients.get(value, value),
    "person": lambda _item, value, known: known.staff.get(value, value),
    "yesno": lambda _item, value, _known: "yes" if value else "no",
    "choice": lambda item, value, _known: item.choices.get(_key(value), _key(value)),
}
"""How kinds of columns say a value that is not said as it is stored."""


def _key(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def _words(value: Any) -> Any:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_words(one)}" for key, one in value.items())
    return value


def as_csv(file: ListFile, part: str) -> Iterator[str]:
    """Yield the rows or the counts, with all that is said about them in comment lines (#) before the headings."""
    comments = [f"{label}: {words}" for label, words in file.said]
    if part == COUNTS:
        found: Iterable[Sequence[Any]] = ([*group.labels, group.count] for group in file.groups)
        yield from csv_lines(file.count_heads, found, comments)
    else:
        yield from csv_lines(file.heads, _cells(file), comments)


def _cells(file: ListFile) -> Iterator[list[Any]]:
    listing = file.listing
    for line, known in file.rows():
        pairs = zip(listing.columns, line.values, strict=True)
        yield [cell(item, value, line, known, listing.zone) for item, value in pairs]


def as_json(file: ListFile, _part: str) -> Iterator[str]:
    """Yield one object: what was asked, the counts, and each row by the keys of its columns, choices as their keys."""
    listing = file.listing
    head = {
        "list": listing.of.dataset.name,
        "asked": dict(file.said),
        "count": file.count,
        "columns": [
            {"key": one.key, "heading": one.heading, "unit": one.unit, "choices": dict(one.choices)}
            for one in listing.columns
        ],
        "by": [one.key for one in listing.by],
        "groups": [{"labels": list(one.labels), "count": one.count} for one in file.groups],
    }
    yield json.dumps(head, ensure_ascii=False, indent=1)[:-2] + ',\n "rows": [\n'
    between = ""
    for line, known in file.rows():
        pairs = zip(listing.columns, line.values, strict=True)
        told = {item.key: _plain(item, value, line, known, listing.zone) for item, value in pairs}
        yield between + json.dumps(told, ensure_ascii=False)
        between = ",\n"
    yield "\n]}\n"


def _plain(item: Item, value: Any, line: Line, known: Names, zone: str) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date) or item.kind in {"patient", "person"}:
        return cell(item, value, line, known, zone)
    return value


def as_xlsx(file: ListFile) -> IO[bytes]:
    """Return a workbook, open at its beginning: what was asked, the rows, and the counts where there are groups."""
    made = tempfile.TemporaryFile()  # noqa: SIM115 - the caller reads and closes it
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    try:
        with Workbook(made, options | {"strings_to_numbers": False}) as book:
            bold = book.add_format({"bold": True})
            _sheet(book, "List", file.heads, _cells(file), bold)
            if file.listing.by:
                _sheet(book, "Counts", file.count_heads, ([*one.labels, one.count] for one in file.groups), bold)
            _sheet(book, "About", ["What", "Said"], file.said, bold)
    except BaseException:  # an interrupt too: a file that nobody was given would stay open
        made.close()
        raise
    made.seek(0)
    return made


def _sheet(book: Any, title: str, heads: Sequence[str], found: Iterable[Sequence[Any]], bold: Any) -> None:
    page = book.add_worksheet(title)
    page.freeze_panes(1, 0)
    for place, words in enumerate(heads):
        page.write_string(0, place, words, bold)
    for line, row in enumerate(found, start=1):
        for place, value in enumerate(row):
            if isinstance(value, int | Decimal):
                page.write_number(line, place, value)
            elif value is not None and value != "":
                page.write_string(line, place, _fitting(str(value)))


def _fitting(text: str) -> str:
    """Return a text that a cell can hold; what is cut off is said."""
    if len(text) <= MOST_IN_CELL:
        return text
    cut = f" … [the first part of {len(text):,} characters; CSV and JSON have all of them]"
    return text[: MOST_IN_CELL - len(cut)] + cut
