"""A report as a file: CSV, XLSX and JSON, each with its definition, filters, time zone and the state of the ledger."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from xlsxwriter import Workbook

from clinic.exchange.exporting import csv_lines

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.reports.report import Report, Result, Value

FORMATS = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "json": "application/json",
}


@dataclass(frozen=True, kw_only=True)
class Made:
    """A report as it was made: for what, when, by whose clock, and on which state of the ledger."""

    report: Report
    result: Result
    said: list[tuple[str, str]]
    at: datetime
    at_words: str
    zone: str
    head: tuple[int, str] | None
    site: str

    @property
    def ledger(self) -> str:
        """The state of the ledger in words."""
        return f"entry {self.head[0]}, {self.head[1][:12]}" if self.head else "no entries yet"

    def facts(self) -> list[tuple[str, str]]:
        """Return all that is printed with the figures, in order: label and words."""
        report = self.report
        return [
            ("Report", report.title),
            ("Answer", self.result.finding),
            *self.said,
            ("Time zone", self.zone),
            ("Data as of", f"{self.at_words}; ledger {self.ledger}"),
            *((aside.label, aside.figure.shown) for aside in self.result.asides),
            *([("Read with care", self.result.weak)] if self.result.weak else []),
            ("Data set", report.data_set),
            ("Numerator", report.numerator),
            ("Denominator", report.denominator),
            ("Method", report.method or "Counts"),
            *([("Source", report.source)] if report.source else []),
            *self.result.dictionary,
            ("Definition", f"version {report.version}, checked {report.checked_on}: {report.checked}"),
            ("Next review", str(report.next_review)),
        ]

    def noted(self) -> list[tuple[str, str]]:
        """Return the facts with the notes of the figures, where a format has no other place for these."""
        return [*self.facts(), *(("Note", words) for words in self.result.notes)]


def as_csv(made: Made) -> str:
    """Return the table, with all that is said about it in comment lines (#) before its headings."""
    comments = [f"{label}: {words}" for label, words in made.noted()]
    columns = [made.result.first, *(column.heading for column in made.result.columns)]
    rows = [[row.label, *(figure.value for figure in row.figures)] for row in made.result.all_rows]
    return "".join(csv_lines(columns, rows, comments))


def as_json(made: Made) -> str:
    """Return the report as one object; quantities are text, so that no digit is lost."""
    result = made.result
    told = {
        "report": made.report.name,
        "title": made.report.title,
        "version": made.report.version,
        "at": made.at.isoformat(),
        "zone": made.zone,
        "ledger": {"number": made.head[0], "hash": made.head[1]} if made.head else None,
        "filters": dict(made.said),
        "definition": dict(made.facts()),
        "answer": result.finding,
        "asides": [{"key": one.key, "label": one.label, "n": one.figure.value} for one in result.asides],
        "columns": [{"key": column.key, "heading": column.heading} for column in result.columns],
        "rows": [
            {"key": row.key, "label": row.label}
            | {c.key: _plain(figure.value) for c, figure in zip(result.columns, row.figures, strict=True)}
            for row in result.all_rows
        ],
        "notes": list(result.notes),
    }
    return json.dumps(told, ensure_ascii=False, indent=1)


def _plain(value: Value) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, date) else value


def as_xlsx(made: Made) -> bytes:
    """Return a workbook of three sheets: what the report says and was asked, its table, the records behind it."""
    file = io.BytesIO()
    result = made.result
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(file, options) as book:
        bold = book.add_format({"bold": True})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        about, table, records = (book.add_worksheet(name) for name in ("Report", "Figures", "Records"))
        about.set_column(0, 0, 22)
        about.set_column(1, 1, 100, wrapped)
        for line, (label, words) in enumerate(made.noted()):
            about.write_string(line, 0, label, bold)
            about.write_string(line, 1, words)
        table.freeze_panes(1, 1)
        table.set_column(0, 0, 36)
        for place, words in enumerate([result.first, *(column.heading for column in result.columns)]):
            table.write_string(0, place, words, bold)
        for line, row in enumerate(result.all_rows, start=1):
            table.write_string(line, 0, row.label)
            for place, figure in enumerate(row.figures, start=1):
                _write(table, line, place, figure.value)
        _write_records(records, result, bold)
    return file.getvalue()


def _write(sheet: Any, line: int, place: int, value: Value) -> None:
    if value is None:
        return
    if isinstance(value, int | Decimal):
        sheet.write_number(line, place, value)
    else:
        sheet.write_string(line, place, value.isoformat() if isinstance(value, date) else value)


def _write_records(sheet: Any, result: Result, bold: Any) -> None:
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, 1, 36)
    for place, words in enumerate((result.first, "Figure", "Record")):
        sheet.write_string(0, place, words, bold)
    line = 0
    for row in result.rows:
        for column, figure in zip(result.columns, row.figures, strict=True):
            for id_ in figure.of or ():
                line += 1
                for place, words in enumerate((row.label, column.heading, id_)):
                    sheet.write_string(line, place, words)
