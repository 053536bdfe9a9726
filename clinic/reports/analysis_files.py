"""The tables for analysis as files: CSV, JSON lines, XLSX with real dates and all digits, and one archive of all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from xlsxwriter import Workbook

from clinic.exchange.exporting import BYTE_ORDER_MARK, csv_lines, json_lines
from clinic.reports.analysis import DICTIONARY, TABLES, dictionary
from clinic.reports.analysis_rows import rows

if TYPE_CHECKING:
    from clinic.reports.analysis import Column, Table
    from clinic.reports.data import Data

FORMATS = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/x-ndjson",
}
TYPES = {"number": "number", "whole": "integer", "yesno": "boolean", "day": "any"}
"""The types of Frictionless table schemas; everything else is a string."""
EARLIEST_IN_A_SHEET = 1900
IN_MEMORY = 4 * 1024 * 1024


def lines(data: Data, table: Table, form: str, *, research: bool) -> Iterator[str]:
    """Yield a table as CSV or as JSON lines; its first line has the keys of the columns."""
    keys = [column.key for column in table.chosen(research=research)]
    found = rows(data, table, research=research)
    return csv_lines(keys, found) if form == "csv" else json_lines(keys, found)


def workbook(data: Data, table: Table, said: Sequence[tuple[str, str]], *, research: bool) -> IO[bytes]:
    """Return a table as XLSX, open at its beginning: dates are dates, and figures keep their digits.

    Three sheets: the table, what each column means, and what was chosen.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller reads and closes it
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    chosen = table.chosen(research=research)
    try:
        with Workbook(file, options | {"strings_to_numbers": False}) as book:
            bold = book.add_format({"bold": True})
            _sheet(book, table.title, [column.key for column in chosen], bold)
            page = _Sheet(book, book.worksheets()[0])
            for line, row in enumerate(rows(data, table, research=research), start=1):
                for place, value in enumerate(row):
                    page.write((line, place), value)
            _sheet(
                book, "Dictionary", DICTIONARY, bold, [r for r in dictionary(research=research) if r[0] == table.name]
            )
            _sheet(book, "About", ("What", "Said"), bold, said)
    except BaseException:  # an interrupt too: a file that nobody was given would stay open
        file.close()
        raise
    file.seek(0)
    return file


def _sheet(book: Any, title: str, head: Sequence[str], bold: Any, found: Iterable[Sequence[str]] = ()) -> None:
    page = book.add_worksheet(title)
    page.freeze_panes(1, 1)
    for place, words in enumerate(head):
        page.write_string(0, place, words, bold)
    for line, row in enumerate(found, start=1):
        for place, words in enumerate(row):
            page.write_string(line, place, words)


class _Sheet:
    """A worksheet that is filled in, with the formats that its cells have."""

    def __init__(self, book: Any, page: Any) -> None:
        self.book, self.page = book, page
        self.day = book.add_format({"num_format": "yyyy-mm-dd"})
        self.digits: dict[int, Any] = {}

    def write(self, at: tuple[int, int], value: Any) -> None:
        """Write one cell."""
        if value is None or value == "":
            return
        if isinstance(value, bool):
            self.page.write_boolean(*at, value)
        elif isinstance(value, Decimal):
            self.page.write_number(*at, value, self._places(max(0, -int(value.as_tuple().exponent))))
        elif isinstance(value, int):
            self.page.write_number(*at, value)
        elif isinstance(value, date) and value.year >= EARLIEST_IN_A_SHEET:
            self.page.write_datetime(*at, datetime.combine(value, time()), self.day)
        else:
            self.page.write_string(*at, value.isoformat() if isinstance(value, date) else str(value))

    def _places(self, places: int) -> Any:
        if places not in self.digits:
            self.digits[places] = self.book.add_format({"num_format": f"0.{'0' * places}" if places else "0"})
        return self.digits[places]


def dictionary_lines(*, research: bool) -> Iterator[str]:
    """Yield as CSV what each column of each table means, a line at a time."""
    return csv_lines(DICTIONARY, dictionary(research=research))


def archive(data: Data, said: Sequence[tuple[str, str]], *, research: bool) -> IO[bytes]:
    """Return a ZIP of all tables as CSV, the dictionary, and a Frictionless data package that describes them."""
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller reads and closes it
    at = data.at.timetuple()[:6]
    counts: dict[str, int] = {}
    with ZipFile(file, "w", ZIP_DEFLATED) as packed:
        for table in TABLES.values():
            counts[table.name] = -1
            with packed.open(ZipInfo(f"{table.name}.csv", at), "w", force_zip64=True) as part:
                for line in lines(data, table, "csv", research=research):
                    part.write(line.removeprefix(BYTE_ORDER_MARK).encode())
                    counts[table.name] += 1
        _put(packed, "dictionary.csv", "".join(dictionary_lines(research=research)), at)
        _put(packed, "datapackage.json", json.dumps(_package(said, counts, research=research), indent=1), at)
    file.seek(0)
    return file  # type: ignore[return-value]


def _put(packed: ZipFile, name: str, text: str, at: Any) -> None:
    packed.writestr(ZipInfo(name, at), text.removeprefix(BYTE_ORDER_MARK).encode(), ZIP_DEFLATED)


def _package(said: Sequence[tuple[str, str]], counts: dict[str, int], *, research: bool) -> dict[str, Any]:
    """Return the description of the archive (Frictionless Tabular Data Package, version 1)."""
    return {
        "profile": "tabular-data-package",
        "name": "cellcourse-analysis",
        "description": "; ".join(f"{label}: {words}" for label, words in said),
        "resources": [
            {
                "profile": "tabular-data-resource", "name": table.name, "title": table.title,
                "path": f"{table.name}.csv", "encoding": "utf-8", "mediatype": "text/csv", "rows": counts[table.name],
                "description": f"{table.row} in each row",
                "schema": _schema(table, research=research),
            }
            for table in TABLES.values()
        ],
    }  # fmt: skip


def _schema(table: Table, *, research: bool) -> dict[str, Any]:
    chosen = table.chosen(research=research)
    return {
        "fields": [_field(column) for column in chosen],
        "primaryKey": chosen[0].key,
        "foreignKeys": [
            {"fields": key, "reference": {"resource": other, "fields": TABLES[other].columns[0].key}}
            for key, other in table.refers
        ],
        "missingValues": [""],
    }


def _field(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {"name": column.key, "title": column.heading, "type": TYPES.get(column.kind, "string")}
    if column.kind == "yesno":
        found |= {"trueValues": ["yes"], "falseValues": ["no"]}
    extra = {"description": column.said, "unit": column.unit, "rdfType": column.code}
    found |= {key: value for key, value in extra.items() if value}
    if column.choices:
        found["constraints"] = {"enum": list(column.choices)}
    return found
