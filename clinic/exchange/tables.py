"""Read a table from a CSV or XLSX file: headings and rows of text, each with its number in the file."""

from __future__ import annotations

import json
import re
import tempfile
import weakref
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinic import wording
from clinic.errors import RuleBroken
from clinic.exchange import spreadsheets, text_files
from clinic.exchange.separators import MARKS, MOST_COLUMNS
from clinic.exchange.text_files import ENCODINGS
from clinic.exchange.written_days import RealDate
from clinic.fields import RUNS_AS_FORMULA

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

MOST_BYTES = 50 * 1024 * 1024
MOST_ROWS = 100_000
MOST_CELLS = 5_000_000
MOST_HEADING = 1_000
MOST_TEXT = 32_767
"""Characters of one cell: as many as a spreadsheet's has."""
BELOW_TITLES = 20
"""Rows in which headings may stand below titles."""
UNNAMED = re.compile(r"column \d{1,4}")
"""What a column without a heading is called by its place."""
REJECTED = ("Row", "Why it was refused")
"""The columns that a file of rejected rows has before its own; an import of the mended file leaves them out."""
UNREADABLE = re.compile("[\x00\x80-\x9f]")
READING = ("encoding", "sheet", "heading_row", "separator")
"""What a mapping says of how its file is read."""


class Rows:
    """The rows of a table, kept on the disk: read as often as wanted, and never in memory together."""

    def __init__(self, headings: list[str], lines: Iterable[tuple[int, list[str]]]) -> None:
        self.headings, self.count = headings, 0
        self.without: frozenset[int] = frozenset()
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the table
        weakref.finalize(self, self.file.close)
        for line in lines:
            real = [place for place, cell in enumerate(line[1]) if isinstance(cell, RealDate)]
            self.file.write(json.dumps([*line, real]).encode() + b"\n")
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
            number, cells, real = json.loads(self.file.readline())
            place = self.file.tell()
            for one in real:
                cells[one] = RealDate(cells[one])
            yield number, dict(zip(self.headings, cells, strict=True))


@dataclass(frozen=True, kw_only=True)
class Table:
    """A file's table. ``rows``: number of the line in the file, counted from 1, and its cells by heading.

    ``unnamed``: columns without a heading that hold values, by the name that stands in for it: its first row and value.
    ``sheet``: the sheet of a spreadsheet, where it was named; ``others``: its other sheets, where none was.
    ``separator``: the mark between the cells of a text; "" in a spreadsheet. ``comment``: the row above the headings
    that begins with # and may be theirs: its number and cells.
    ``heading_line``: the row of the headings. ``merged``: the ranges of cells of a spreadsheet that are one. ``told``:
    what nobody sees of it and was read, or was not read.
    ``note``: that its encoding was guessed; ``guesses``: what the first such line reads in each likely one.
    """

    headings: list[str]
    rows: Rows
    note: str = ""
    guesses: dict[str, str] = field(default_factory=dict)
    unnamed: dict[str, tuple[int, str]] = field(default_factory=dict)
    sheet: str = ""
    others: tuple[str, ...] = ()
    separator: str = ""
    comment: tuple[int, list[str]] = (0, [])
    heading_line: int = 1
    merged: tuple[spreadsheets.Range, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def of_rejects(self) -> list[str]:
        """The two columns in front that tell, in a file of rejected rows, which row it was and why it was refused."""
        first = self.headings[: len(REJECTED)]
        return first if [name.removesuffix(" (rejected)") for name in first] == list(REJECTED) else []


def read(  # noqa: PLR0913 - how a file is read
    path: Path,
    *,
    encoding: str = "",
    sheet: str = "",
    heading_row: int = 0,
    separator: str = "",
    headings: Collection[str] = (),
) -> Table:
    """Return the table of a file. Raises `RuleBroken` with a sentence where it cannot be one, or is too large.

    ``sheet``: name or number of the sheet of a spreadsheet, else the first that is not hidden; ``heading_row``: the row
    of the headings, counted from 1, else the first that is no # comment; ``separator``: the mark between the cells of a
    text, one of `MARKS`, else the one at which its rows are as wide as the headings; ``headings``: those that the
    mapping names.
    """
    if separator and separator not in MARKS:
        raise RuleBroken(f"No separator is called “{separator[:40]}”. Available: {' '.join(MARKS)}.")
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
        return _of_spreadsheet(path, sheet, heading_row)
    written = text_files.look_at(path, encoding, heading_row, separator)
    try:
        with path.open(encoding=written.encoding, newline="") as file:
            mark, lines = text_files.rows(file, written, headings)
            return _told(lines, written.heading_row, note=written.note, guesses=written.guesses, separator=mark)
    except UnicodeError as fault:
        raise RuleBroken(f"{path.name} cannot be read as {written.encoding}: {fault}.") from fault


def _told(lines: Iterable[tuple[int, list[str]]], heading_row: int, **said: Any) -> Table:
    """Return the table of some lines, with what is known of its file."""
    above: list[tuple[int, list[str]]] = []
    table = _table(_kept(lines, heading_row, above), guessed=bool(said.get("guesses")))
    return replace(table, comment=above[-1] if above else (0, []), **said)


def _of_spreadsheet(path: Path, sheet: str, heading_row: int) -> Table:
    """Return the table of one sheet; where others are there and none was named, what is wrong says how to choose."""
    read = spreadsheets.read(path, MOST_COLUMNS, MOST_ROWS, sheet)
    others = () if sheet else read.others
    lines = ((line, [_cell(cell) for cell in cells]) for line, cells in enumerate(read.rows, start=1))
    try:
        table = _told(lines, heading_row, sheet=sheet, others=others, merged=read.merged)
        return replace(table, told=tuple(_unseen(table, read)))
    except RuleBroken as fault:
        if not others:
            raise
        raise RuleBroken(f"{fault} {other_sheets(others)}") from fault


def _unseen(table: Table, read: spreadsheets.Sheet) -> Iterator[str]:
    """Yield what nobody sees who opens the file: hidden sheets in front, which are not read, rows and columns."""
    if read.passed:
        named = ", ".join(f"“{name}”" for name in read.passed[:10])
        yield f"The first sheet that is not hidden was read. Hidden in front of it: {named}."
    hidden = set(read.hidden.rows)
    if hidden := [row for row, _cells in table.rows if row in hidden] if hidden else []:
        rows = ", ".join(map(str, hidden[:10])) + ", …" * (len(hidden) > 10)
        yield f"{len(hidden):,} hidden {'row was' if len(hidden) == 1 else 'rows were'} read too: {rows}."
    names = [
        name
        for number, name in enumerate(table.rows.headings, start=1)
        if name and any(first <= number <= last for first, last in read.hidden.columns)
    ]
    if names:
        said = ", ".join(f"“{name[:40]}”" for name in names[:10]) + ", …" * (len(names) > 10)
        yield f"{len(names):,} hidden {'column is' if len(names) == 1 else 'columns are'} part of the table: {said}."


def other_sheets(others: tuple[str, ...]) -> str:
    """Say which other sheets a file has, and how one of them is chosen."""
    named = ", ".join(f"“{name}”" for name in others[:10]) + ", …" * (len(others) > 10)
    return (
        f"The first sheet that is not hidden was read. The file has others: {named}. To read one of them, name it: "
        f'sheet = "{others[0]}".'
    )


def _kept(
    lines: Iterable[tuple[int, list[str]]], heading_row: int, left_out: list[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    """Yield the headings and the rows below them; what stands above, and # comments there, are left out."""
    begun = False
    for line, cells in lines:
        above = line < heading_row if heading_row else bool(cells) and cells[0].startswith("#")
        if any(cell.strip() for cell in cells) and (begun or not above):
            begun = True
            yield line, cells
        elif above and not begun and not heading_row:
            left_out[:] = [(line, [cell.strip() for cell in cells])]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        held = Decimal(value if value.is_integer() else f"{value:.15g}")  # 6.1 - 4 is 2.1; what is behind, noise
        text = format(held.normalize() + 0, "f")
        return f"{text}0" if re.fullmatch(r"-?\d{1,3}\.\d{3}", text) else text  # 1.125 is no 1125: a number has no mark
    if isinstance(value, datetime | date):
        return RealDate(value.isoformat())
    if isinstance(value, RealDate):
        return value
    return str(value).strip()


def _table(lines: Iterator[tuple[int, list[str]]], *, guessed: bool) -> Table:
    first_row, found = next(lines, (0, []))
    if not found:
        raise RuleBroken("The file has no headings: its first line that is no # comment must name the columns.")
    for number, name in enumerate(found, start=1):
        _refuse_unreadable(name, f"The heading {number}", guessed=guessed)
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
    rows = Rows(headings, _noting(_checked(lines, headings, guessed=guessed), unnamed, first))
    rows.headings = ["" if name in unnamed and name not in first else name for name in headings]
    return Table(
        headings=[name for name in rows.headings if name],
        rows=rows,
        unnamed=first,
        heading_line=first_row,
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
            words = count == 1 or (count <= BELOW_TITLES and not any(map(str.isdigit, "".join(cells))))
            title = f" If row {number} has the headings, say so: heading_row = {number}." * words
            raise RuleBroken(f"Row {number} has {len(cells)} cells, but there are {len(headings)} headings.{title}")
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

    A quotation mark behind a tab or a wide space would be part of the text.

    ``guessed``: nobody has said yet how the file is written; that is asked instead.
    """
    if text[:1].isspace() and text.lstrip()[:1] == '"':
        raise RuleBroken(f"{where}: white space stands before the quotation marks. Remove it.")
    found = None if text.isprintable() else UNREADABLE.search(text)
    if found and (found[0] == "\0" or not guessed):
        raise RuleBroken(
            f"{where} contains a character that cannot be stored (U+{ord(found[0]):04X}). Correct it, or name the "
            "encoding in which the file is written."
        )


def _unguarded(cell: str) -> str:
    """Take away the apostrophe that our exports put before a text which a spreadsheet would run as a formula."""
    if isinstance(cell, RealDate):
        return cell
    if len(cell) > 1 and cell[0] == "'" and cell[1] in RUNS_AS_FORMULA:
        return wording.recorded(cell[1:])
    return wording.recorded(cell).strip()
