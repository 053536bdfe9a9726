"""How a text file is written: its encoding, the mark between its cells, and its lines."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from clinic.errors import RuleBroken
from clinic.exchange.separators import MARKS, MOST_COLUMNS, MOST_SAMPLED, SAMPLED, said_by, separator_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

MOST_LINE = 1_000_000
OF_REJECTS = re.compile(r"\ufeff?\"?Row(?: \(rejected\))?\"?[,;\t]\"?Why it was refused(?: \(rejected\))?\"?[,;\t\r\n]")
PIECE = 64 * 1024
ENCODINGS = (
    "utf-8", "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1257",
    "iso-8859-1", "iso-8859-2", "iso-8859-15", "cp437", "cp850", "cp852", "mac-roman", "utf-16",
)  # fmt: skip
"""The ways in which a text file may be written."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """How a text file is written. ``note``: that its encoding was guessed; ``guesses``: how a line of it reads."""

    encoding: str
    heading_row: int
    separator: str
    note: str = ""
    guesses: dict[str, str] = field(default_factory=dict)


def look_at(path: Path, encoding: str, heading_row: int, separator: str) -> Written:
    """Return how a text file is written, as far as its mapping says and its bytes tell; raises `RuleBroken`."""
    if encoding == "utf-16" or (encoding in {"", "utf-8"} and _begins_as_utf_16(path)):
        encoding = "utf-16"
        return Written(encoding=encoding, heading_row=heading_row, separator=separator)
    found, note, line = _encoding(path)
    if _of_rejects(path):  # its headings are in its first row, wherever those of the whole table were
        heading_row, separator, encoding = 0, "", encoding if note else "utf-8"
    if encoding and encoding != "utf-8":
        if not note and not _is_ascii(path):
            raise RuleBroken(
                f"{path.name} is written in UTF-8, not in {encoding}: its letters with accents would be spoiled. Leave "
                'the encoding out, or say encoding = "utf-8".'
            )
        return Written(encoding=encoding, heading_row=heading_row, separator=separator)
    if note and encoding:
        raise RuleBroken(f"{path.name} is not UTF-8: line {line} cannot be read. Name its encoding.")
    guesses = _guesses(path, line) if note else {}
    return Written(encoding=found, heading_row=heading_row, separator=separator, note=note, guesses=guesses)


def rows(
    file: IO[str], written: Written, headings: Collection[str] = ()
) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """Return the mark between the cells of a file, and its lines, each with its number and its cells.

    ``headings``: those that the mapping names.
    """
    mark, said = _separator(file, written.heading_row, written.separator, headings)
    return mark, _lines(file, mark, said)


def _begins_as_utf_16(path: Path) -> bool:
    """Whether a file begins with the mark of UTF-16, which no other text begins with."""
    with path.open("rb") as file:
        return file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}


def _is_ascii(path: Path) -> bool:
    with path.open("rb") as file:
        return all(piece.isascii() for piece in iter(lambda: file.read(PIECE), b""))


def _of_rejects(path: Path) -> bool:
    """Whether a file is one of rejected rows, as `clinic.exchange.import_report.rejects` writes it."""
    with path.open("rb") as file:
        return OF_REJECTS.match(file.read(200).decode("utf-8", "replace")) is not None


def _guesses(path: Path, line: int) -> dict[str, str]:
    """Return how the first line that is no UTF-8 reads in the encodings that it may be written in."""
    raw, found = b"", {}
    with path.open("rb") as file:
        for _ in range(line):
            raw = file.readline(MOST_LINE)
    for name in ("windows-1252", "windows-1250", "cp850", "mac-roman"):
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


class _Row:
    """The row that is being read: where it begins, and how long it is over all its lines."""

    def __init__(self) -> None:
        self.begins, self.length = 1, 0

    def lines(self, file: IO[str]) -> Iterator[str]:
        """Yield the lines of a file; raises `RuleBroken` where a row, which quotation marks carry on, has too many."""
        for text in _bounded(file):
            self.length += len(text)
            if self.length > MOST_LINE:
                raise RuleBroken(
                    f"Row {self.begins} is longer than {MOST_LINE:,} characters. Is a quotation mark missing there?"
                )
            yield text

    def ended(self, line: int) -> int:
        """Note that the row ends with a line of the file; return with which one it began."""
        began, self.begins, self.length = self.begins, line + 1, 0
        return began


def _separator(file: IO[str], heading_row: int, wanted: str, headings: Collection[str]) -> tuple[str, bool]:
    """Return the mark between the cells of a text, and whether its first line says nothing but that mark."""
    sample: list[str] = []
    said = ""
    for number, line in enumerate(_bounded(file), start=1):
        if number == 1 and (said := said_by(line)):
            continue
        if sample or (number >= heading_row if heading_row else line.strip() and not line.startswith("#")):
            sample.append(line)
        if len(sample) > SAMPLED or sum(map(len, sample)) > MOST_SAMPLED:
            break
    file.seek(0)
    return MARKS.get(wanted) or said or separator_of(sample, headings), bool(said)


def _lines(file: IO[str], mark: str, said: bool) -> Iterator[tuple[int, list[str]]]:  # noqa: FBT001 - of one file
    # A space may stand before a quotation mark; else both would be part of the text.
    row = _Row()
    reader = csv.reader(row.lines(file), delimiter=mark, strict=True, skipinitialspace=True)
    try:
        for cells in reader:
            line = row.ended(reader.line_num)
            if len(cells) > MOST_COLUMNS:
                raise RuleBroken(
                    f"Row {line} has {len(cells):,} cells; {MOST_COLUMNS:,} columns are the most. Remove the rest."
                )
            yield line, [] if said and line == 1 else cells
    except csv.Error as fault:
        raise RuleBroken(f"Line {reader.line_num} cannot be read as CSV: {fault}.") from fault
