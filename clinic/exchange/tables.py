"""Read a table from a CSV or XLSX file: headings and rows of text, each with its number in the file."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from python_calamine import CalamineError, CalamineWorkbook

from clinic.errors import RuleBroken
from clinic.fields import RUNS_AS_FORMULA

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Table:
    """A file's table. ``rows``: number of the line in the file, counted from 1, and its cells by heading."""

    headings: list[str]
    rows: list[tuple[int, dict[str, str]]]
    note: str = ""


def read(path: Path) -> Table:
    """Return the table of a file. Raises `RuleBroken` with a sentence where it cannot be one."""
    if not path.is_file():
        raise RuleBroken(f"There is no file {path.name}.")
    if path.stat().st_size > MOST_BYTES:
        raise RuleBroken(f"{path.name} is larger than {MOST_BYTES // 1024**2} MB. Split it.")
    if path.suffix.lower() in {".xlsx", ".xls", ".ods"}:
        return _table(_sheet(path), "")
    text, note = _decoded(path)
    return _table(_lines(text), note)


def _decoded(path: Path) -> tuple[str, str]:
    raw = path.read_bytes()
    if b"\x00" in raw[:4096]:
        raise RuleBroken(f"{path.name} is not a text file. Save it as CSV in UTF-8, or as XLSX.")
    try:
        return raw.decode("utf-8-sig"), ""
    except UnicodeDecodeError as fault:
        before = raw[: fault.start].count(b"\n") + 1
        note = f"{path.name} is not UTF-8 (line {before}), so it was read as Latin-1: check names with accents."
        return raw.decode("latin-1"), note


def _lines(text: str) -> list[tuple[int, list[str]]]:
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    kept = io.StringIO(text, newline="")
    reader = csv.reader(kept, delimiter=delimiter, strict=True)
    found = []
    try:
        before = 0
        for cells in reader:
            line, before = before + 1, reader.line_num
            if cells and not cells[0].startswith("#") and any(cell.strip() for cell in cells):
                found.append((line, cells))
    except csv.Error as fault:
        raise RuleBroken(f"Line {reader.line_num} cannot be read as CSV: {fault}.") from fault
    return found


def _sheet(path: Path) -> list[tuple[int, list[str]]]:
    try:
        book = CalamineWorkbook.from_path(str(path))
        rows = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, OSError, IndexError) as fault:
        raise RuleBroken(f"{path.name} cannot be read as a spreadsheet: {fault}.") from fault
    found = []
    for line, cells in enumerate(rows, start=1):
        texts = [_cell(cell) for cell in cells]
        if any(texts) and not texts[0].startswith("#"):
            found.append((line, texts))
    return found


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value).strip()


def _table(lines: list[tuple[int, list[str]]], note: str) -> Table:
    if not lines:
        raise RuleBroken("The file has no headings: its first line that is no # comment must name the columns.")
    _number, headings = lines[0]
    headings = [_unguarded(name) for name in headings]
    twice = sorted({name for name in headings if name and headings.count(name) > 1})
    if twice:
        raise RuleBroken(f"Two columns have the same heading: {', '.join(twice)}.")
    rows = []
    for number, cells in lines[1:]:
        if len(cells) > len(headings) and any(cell.strip() for cell in cells[len(headings) :]):
            raise RuleBroken(f"Row {number} has {len(cells)} cells, but there are {len(headings)} headings.")
        padded = [*cells, *[""] * (len(headings) - len(cells))]
        rows.append((number, {name: _unguarded(cell) for name, cell in zip(headings, padded, strict=False)}))
    return Table(headings=headings, rows=rows, note=note)


def _unguarded(cell: str) -> str:
    """Take away the apostrophe that our exports put before a text which a spreadsheet would run as a formula."""
    if len(cell) > 1 and cell[0] == "'" and cell[1] in RUNS_AS_FORMULA:
        return cell[1:]
    return cell.strip()
