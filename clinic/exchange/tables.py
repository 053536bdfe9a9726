"""Read a table from a CSV or XLSX file: headings and rows of text, each with its number in the file."""

from __future__ import annotations

import codecs
import csv
import json
import re
import tempfile
import weakref
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from clinic import wording
from clinic.errors import RuleBroken
from clinic.exchange import spreadsheets
from clinic.fields import RUNS_AS_FORMULA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_BYTES = 50 * 1024 * 1024
MOST_ROWS = 100_000
MOST_COLUMNS = 1_000
MOST_CELLS = 5_000_000
MOST_HEADING = 1_000
MOST_TEXT = 32_767
"""Characters of one cell: as many as a spreadsheet's has."""
MOST_LINE = 1_000_000
UNNAMED = re.compile(r"column \d{1,4}")
"""What a column without a heading is called by its place."""
REJECTED = ("Row", "Why it was refused")
"""The columns that a file of rejected rows has before its own; an import of the mended file leaves them out."""
OF_REJECTS = re.compile(r"\ufeff?\"?Row(?: \(rejected\))?\"?[,;\t]\"?Why it was refused(?: \(rejected\))?\"?[,;\t\r\n]")
PIECE = 64 * 1024
UNREADABLE = re.compile("[\x00\x80-\x9f]")
ENCODINGS = (
    "utf-8", "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1257",
    "iso-8859-1", "iso-8859-2", "iso-8859-15", "utf-16",
)  # fmt: skip
"""The ways in which a text file may be written."""


class Rows:
    """The rows of a table, kept on the disk: read as often as wanted, and never in memory together."""

    def __init__(self, headings: list[str], lines: Iterable[tuple[int, list[str]]]) -> None:
        self.headings, self.count = headings, 0
        self.without: frozenset[int] = frozenset()
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the table
        weakref.finalize(self, self.file.close)
        for line in lines:
            self.file.write(json.dumps(line).encode() + b"\n")
            self.count += 1

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self.count

    def numbered(self) -> Iterator[tuple[int, tuple[int, dict[str, str]]]]:
        """Yield the rows that are not left out (`without`), each with its place among all rows, counted from 1."""
        return ((place, one) for place, one in enumerate(self, start=1) if one[0] not in self.without)

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each row: its number in the file, counted from 1, and its cells by heading."""
        place = 0
        for _ in range(self.count):
            self.file.seek(place)
            number, cells = json.loads(self.file.readline())
            place = self.file.tell()
            yield number, dict(zip(self.headings, cells, strict=True))


@dataclass(frozen=True, kw_only=True)
class Table:
    """A file's table. ``rows``: number of the line in the file, counted from 1, and its cells by heading.

    ``unnamed``: columns without a heading that hold values, by the name that stands in for it: its first row and value.
    ``sheet``: the sheet of a spreadsheet, where it was named.
    ``note``: that its encoding was guessed; ``guesses``: what the first such line reads in each likely one.
    """

    headings: list[str]
    rows: Rows
    note: str = ""
    guesses: dict[str, str] = field(default_factory=dict)
    unnamed: dict[str, tuple[int, str]] = field(default_factory=dict)
    sheet: str = ""

    @property
    def of_rejects(self) -> list[str]:
        """The two columns in front that tell, in a file of rejected rows, which row it was and why it was refused."""
        first = self.headings[: len(REJECTED)]
        return first if [name.removesuffix(" (rejected)") for name in first] == list(REJECTED) else []


def read(path: Path, *, encoding: str = "", sheet: str = "", heading_row: int = 0) -> Table:
    """Return the table of a file. Raises `RuleBroken` with a sentence where it cannot be one, or is too large.

    ``sheet``: name or number of the sheet of a spreadsheet, else its first; ``heading_row``: the row of the headings,
    counted from 1, else the first that is no # comment.
    """
    if encoding and encoding not in ENCODINGS:
        raise RuleBroken(f"No encoding is called “{encoding[:40]}”. Available: {', '.join(ENCODINGS)}.")
    if not isinstance(heading_row, int) or not 0 <= heading_row <= MOST_ROWS:
        raise RuleBroken(f"The row of the headings is a number from 1 to {MOST_ROWS:,}, or empty for the first row.")
    if not path.is_file():
        raise RuleBroken(f"There is no file {path.name}.")
    if path.stat().st_size > MOST_BYTES:
        raise RuleBroken(f"{path.name} is larger than {MOST_BYTES // 1024**2} MB. Split it.")
    if path.suffix.lower() in {".xls", ".ods", ".xlsb", ".xlsm"}:
        raise RuleBroken(f"{path.name} is a spreadsheet of a kind that is not imported. Save it as XLSX or as CSV.")
    if path.suffix.lower() == ".xlsx":
        return replace(_table(_kept(_sheet(path, sheet), heading_row), "", {}), sheet=sheet)
    if _of_rejects(path):  # its headings are in its first row, wherever those of the whole table were
        with path.open("rb") as file:
            encoding = "" if file.read(3) == codecs.BOM_UTF8 else encoding
        heading_row = 0
    if encoding and encoding != "utf-8":
        return _text(path, encoding, heading_row)
    guessed, note, line = _encoding(path)
    if note and encoding:
        raise RuleBroken(f"{path.name} is not UTF-8: line {line} cannot be read. Name its encoding.")
    return _text(path, guessed, heading_row, note, _guesses(path, line) if note else {})


def _of_rejects(path: Path) -> bool:
    """Whether a file is one of rejected rows, as `clinic.exchange.import_report.rejects` writes it."""
    with path.open("rb") as file:
        return OF_REJECTS.match(file.read(200).decode("utf-8", "replace")) is not None


def _text(path: Path, encoding: str, heading_row: int, note: str = "", guesses: dict[str, str] | None = None) -> Table:
    try:
        with path.open(encoding=encoding, newline="") as file:
            return _table(_kept(_lines(file, heading_row), heading_row), note, guesses or {})
    except UnicodeError as fault:
        raise RuleBroken(f"{path.name} cannot be read as {encoding}: {fault}.") from fault


def _guesses(path: Path, line: int) -> dict[str, str]:
    """Return how the first line that is no UTF-8 reads in the encodings that it may be written in."""
    raw, found = b"", {}
    with path.open("rb") as file:
        for _ in range(line):
            raw = file.readline(MOST_LINE)
    for name in ("windows-1252", "windows-1250"):
        try:
            found[name] = raw.decode(name).strip()[:60]
        except UnicodeDecodeError:
            continue
    return found


def _encoding(path: Path) -> tuple[str, str, int]:
    """Return the encoding of a text file, a note where it had to be guessed, and the line that tells."""
    decoder, lines = codecs.getincrementaldecoder("utf-8-sig")(), 0
    with path.open("rb") as file:
        if b"\x00" in file.read(4096):
            raise RuleBroken(f"{path.name} is not a text file. Save it as CSV in UTF-8, or as XLSX.")
        file.seek(0)
        while True:
            piece = file.read(PIECE)
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as fault:
                before = lines + fault.object[: fault.start].count(b"\n") + 1
                note = f"{path.name} is not UTF-8 (line {before}), so it was read as Latin-1: check names with accents."
                return "latin-1", note, before
            if not piece:
                return "utf-8-sig", "", 0
            lines += piece.count(b"\n")


def _bounded(file: IO[str]) -> Iterator[str]:
    """Yield the lines of a file, of which none is so long that it fills the memory."""
    number = 0
    while line := file.readline(MOST_LINE):
        number += 1
        if len(line) == MOST_LINE:
            raise RuleBroken(f"Line {number} is longer than {MOST_LINE:,} characters. Is this a table?")
        yield line


def _kept(lines: Iterable[tuple[int, list[str]]], heading_row: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the headings and the rows below them; what stands above, and # comments there, are left out."""
    begun = False
    for line, cells in lines:
        above = line < heading_row if heading_row else bool(cells) and cells[0].startswith("#")
        if any(cell.strip() for cell in cells) and (begun or not above):
            begun = True
            yield line, cells


def _lines(file: IO[str], heading_row: int) -> Iterator[tuple[int, list[str]]]:
    first = ""
    for number, line in enumerate(_bounded(file), start=1):
        if line.strip() and (number >= heading_row if heading_row else not line.startswith("#")):
            first = line
            break
    file.seek(0)
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(_bounded(file), delimiter=delimiter, strict=True)
    try:
        before = 0
        for cells in reader:
            line, before = before + 1, reader.line_num
            yield line, cells
    except csv.Error as fault:
        raise RuleBroken(f"Line {reader.line_num} cannot be read as CSV: {fault}.") from fault


def _sheet(path: Path, sheet: str) -> Iterator[tuple[int, list[str]]]:
    for line, cells in enumerate(spreadsheets.read(path, MOST_COLUMNS, MOST_ROWS, sheet), start=1):
        yield line, [_cell(cell) for cell in cells]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        text = str(int(value)) if value.is_integer() else repr(value)
        return f"{text}0" if re.fullmatch(r"-?\d{1,3}\.\d{3}", text) else text  # 1.125 is no 1125: a number has no mark
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value).strip()


def _table(lines: Iterator[tuple[int, list[str]]], note: str, guesses: dict[str, str]) -> Table:
    first_row, found = next(lines, (0, []))
    if not found:
        raise RuleBroken("The file has no headings: its first line that is no # comment must name the columns.")
    for number, name in enumerate(found, start=1):
        _refuse_unreadable(name, f"The heading {number}", guessed=bool(guesses))
    headings = [_unguarded(name) for name in found]
    unnamed = {f"column {number}": number for number, name in enumerate(headings, start=1) if not name}
    headings = [name or f"column {number}" for number, name in enumerate(headings, start=1)]
    if len(headings) > MOST_COLUMNS:
        raise RuleBroken(f"The file has {len(headings)} columns; {MOST_COLUMNS:,} are the most that can be imported.")
    for number, name in enumerate(headings, start=1):
        if len(name) > MOST_HEADING:
            raise RuleBroken(
                f"The heading {number} has {len(name):,} characters; {MOST_HEADING:,} are the most. Is this a table?"
            )
    twice = sorted(name for name, count in Counter(headings).items() if name and count > 1)
    if twice:
        raise RuleBroken(
            f"Two columns have the same heading: {', '.join(twice)}. Give each its own. If this row only groups the "
            f"columns, name the row of their headings: heading_row = {first_row + 1}."
        )
    first: dict[str, tuple[int, str]] = {}
    rows = Rows(headings, _noting(_checked(lines, headings, guessed=bool(guesses)), unnamed, first))
    rows.headings = ["" if name in unnamed and name not in first else name for name in headings]
    return Table(
        headings=[name for name in rows.headings if name],
        rows=rows,
        unnamed=first,
        note=note,
        guesses=guesses,
    )


def _noting(
    lines: Iterator[tuple[int, list[str]]], unnamed: dict[str, int], first: dict[str, tuple[int, str]]
) -> Iterator[tuple[int, list[str]]]:
    """Pass rows on, and note the first value of each column that has no heading."""
    for number, cells in lines:
        for name, place in unnamed.items():
            if cells[place - 1]:
                first.setdefault(name, (number, cells[place - 1]))
        yield number, cells


def _checked(
    lines: Iterator[tuple[int, list[str]]], headings: list[str], *, guessed: bool
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows below the headings, each as wide as they are."""
    most = min(MOST_ROWS, MOST_CELLS // len(headings))
    for count, (number, cells) in enumerate(lines, start=1):
        if count > most:
            raise RuleBroken(
                f"The file has more than {most:,} rows; a table may have {MOST_ROWS:,} rows and {MOST_CELLS:,} cells."
                " Split it."
            )
        if len(cells) > len(headings) and any(cell.strip() for cell in cells[len(headings) :]):
            raise RuleBroken(f"Row {number} has {len(cells)} cells, but there are {len(headings)} headings.")
        for name, cell in zip(headings, cells, strict=False):
            if len(cell) > MOST_TEXT:
                raise RuleBroken(
                    f"Row {number}, column {name}: the text has {len(cell):,} characters; {MOST_TEXT:,} fit in a cell."
                )
            _refuse_unreadable(cell, f"Row {number}, column {name}", guessed=guessed)
        padded = [*cells[: len(headings)], *[""] * (len(headings) - len(cells))]
        yield number, [_unguarded(cell) for cell in padded]


def _refuse_unreadable(text: str, where: str, *, guessed: bool) -> None:
    """Refuse what cannot be stored, and what only a wrong encoding makes of a letter: else the letter would be lost.

    ``guessed``: nobody has said yet how the file is written; that is asked instead.
    """
    found = None if text.isprintable() else UNREADABLE.search(text)
    if found and (found[0] == "\0" or not guessed):
        raise RuleBroken(
            f"{where} contains a character that cannot be stored (U+{ord(found[0]):04X}). Correct it, or name the "
            "encoding in which the file is written."
        )


def _unguarded(cell: str) -> str:
    """Take away the apostrophe that our exports put before a text which a spreadsheet would run as a formula."""
    if len(cell) > 1 and cell[0] == "'" and cell[1] in RUNS_AS_FORMULA:
        return wording.recorded(cell[1:])
    return wording.recorded(cell).strip()
