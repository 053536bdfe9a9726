"""Read a sheet of an XLSX file, after it was measured: what is too large is refused before it is unpacked.

A spreadsheet is a packed folder of XML. A few kilobytes of it can unpack to gigabytes, one cell in the last corner
makes a table of 17 thousand million cells, and a document type can multiply a text. So the file is first read as a
stream that keeps nothing: how much it unpacks to, and how far its cells reach.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from python_calamine import CalamineError, CalamineWorkbook

from clinic.errors import RuleBroken
from clinic.exchange.number_formats import Formatted, Styles
from clinic.exchange.rich_text import RichText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

MOST_UNPACKED = 48 * 1024 * 1024
MOST_PARTS = 500
MOST_AREA = 1_000_000
"""Cells of the rectangle around everything that is filled in; the reader keeps all of it in memory."""
MOST_COUNTED = 2_000_000
"""What a part may say that it holds: the reader makes room for that many before it looks whether they are there."""
MOST_TEXT = 32_767
"""Characters of one text, as spreadsheet programs allow."""
MOST_SPREAD = 48 * 1024 * 1024
"""Characters of all cells together: a text that is kept once can stand in every cell, where the reader copies it."""
MOST_ERRORS = 50_000
NO_RESULT = "(formula without a result)"
"""What stands for a cell of which nobody worked out the formula: programs that only write a file leave that open."""
PIECE = 64 * 1024
LOCAL_HEADER = struct.Struct("<26xHH")
CELL = re.compile(r"([A-Za-z]{1,3})(\d{1,7})", re.ASCII)
ROW = re.compile(r"\d{1,7}", re.ASCII)
DIGITS = re.compile(r"\d+", re.ASCII)
COUNTS = frozenset({"count", "uniquecount"})
STYLES, TEXTS = "xl/styles.xml", "sharedstrings.xml"
FIRST = (STYLES, TEXTS)
Errors = dict[tuple[int, int], str]
"""Cells that the reader does not show as they are: of a formula without a result, with a raised sign.

Row and column, counted from 1, and what stands there.
"""
XML = (".xml", ".rels", ".vml")


UNREADABLE = (CalamineError, BadZipFile, OSError, IndexError, ValueError, NotImplementedError)


class Sheet(NamedTuple):
    """The rows of a sheet, and the names of the other sheets of its file."""

    rows: Iterator[list[Any]]
    others: tuple[str, ...]


def read(path: Path, most_columns: int, most_rows: int, name: str = "") -> Sheet:
    """Return the rows of a sheet, from its first row and column on. Raises `RuleBroken` with a sentence.

    ``name``: the sheet's name, in whatever case, or its number counted from 1; "" for the first one.
    """
    try:
        measured = _measure(path, most_columns, most_rows)
        book = CalamineWorkbook.from_path(str(path))
        number = _sheet_number(book.sheet_names, name)
        if number is None:
            raise RuleBroken(f"{path.name} has no sheet “{name}”. Its sheets: {', '.join(book.sheet_names)}.")
        sheet = book.get_sheet_by_index(number)
        without_result, formatted = measured.get(_part_of(path, book.sheet_names[number]), ({}, None))
    except (*UNREADABLE, expat.ExpatError, zlib.error, struct.error) as fault:
        raise RuleBroken(f"{path.name} cannot be read as a spreadsheet: {fault}.") from fault
    before = [""] * (sheet.start[1] if sheet.start else 0)
    rows = ([*before, *row] for row in sheet.iter_rows())
    others = tuple(one for place, one in enumerate(book.sheet_names) if place != number)
    return Sheet(_with_errors(formatted.applied(rows) if formatted is not None else rows, without_result), others)


def _with_errors(rows: Iterator[list[Any]], errors: dict[tuple[int, int], str]) -> Iterator[list[Any]]:
    """Yield rows with what stands in the cells whose formula has no result, #N/A: the reader leaves them empty."""
    by_row: dict[int, list[tuple[int, str]]] = {}
    for (row, column), text in errors.items():
        by_row.setdefault(row, []).append((column, text))
    number = 0
    for number, cells in enumerate(rows, start=1):
        yield _filled(cells, by_row.get(number, ()))
    for below in range(number + 1, max(by_row, default=0) + 1):
        yield _filled([], by_row.get(below, ()))


def _filled(cells: list[Any], errors: Iterable[tuple[int, str]]) -> list[Any]:
    for column, text in errors:
        cells = [*cells, *[""] * (column - len(cells))]
        cells[column - 1] = text
    return cells


def _part_of(path: Path, name: str) -> str:
    """Return which part of the file a sheet is, by its name; "" where the file does not say it."""
    with ZipFile(path) as packed:
        told = {one.filename.lower(): one.filename for one in packed.infolist()}
        sheets = _elements(packed.read(told["xl/workbook.xml"])) if "xl/workbook.xml" in told else []
        links = "xl/_rels/workbook.xml.rels"
        targets = {
            one.get("Id"): one.get("Target", "")
            for kind, one in (_elements(packed.read(told[links])) if links in told else [])
            if kind == "Relationship"
        }
    for kind, one in sheets:
        if kind == "sheet" and one.get("name") == name:
            link = next((said for key, said in one.items() if key.rpartition(":")[2] == "id"), "")
            target = targets.get(link, "")
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return ""


def _elements(xml: bytes) -> list[tuple[str, dict[str, str]]]:
    """Return the elements of a part that was measured before, each with its attributes."""
    found: list[tuple[str, dict[str, str]]] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, said: found.append((name.rpartition(":")[2], said))
    parser.Parse(xml, True)  # noqa: FBT003 - expat's own: there is no more
    return found


def _sheet_number(names: list[str], name: str) -> int | None:
    """Return which sheet is meant, counted from 0; None where there is none, or are two, of that name or number."""
    if not name or name in names:
        return names.index(name) if name else 0
    alike = [place for place, one in enumerate(names) if one.strip().casefold() == name.strip().casefold()]
    if len(alike) == 1:
        return alike[0]
    return int(name) - 1 if name.isdecimal() and 0 < int(name) <= len(names) else None


def _measure(path: Path, most_columns: int, most_rows: int) -> dict[str, tuple[Errors, Formatted]]:
    """Raise `RuleBroken` where a part, or all together, is larger than what is taken in.

    Returns, by part, the cells of which the formula has no result, and those that show more than their number.
    """
    found: dict[str, tuple[Errors, Formatted]] = {}
    styles = Styles()
    lengths: list[int] = []
    raised: dict[int, str] = {}
    named: list[Counter[int]] = []
    with ZipFile(path) as packed, path.open("rb") as file:
        parts = packed.infolist()
        if len(parts) > MOST_PARTS:
            raise RuleBroken(f"{path.name} has {len(parts)} parts; a spreadsheet may have {MOST_PARTS}.")
        left = MOST_UNPACKED
        for part in sorted(parts, key=lambda one: not one.filename.lower().endswith(FIRST)):  # what the cells name
            extent = _Extent(path.name, part.filename, most_columns, most_rows, styles, raised)
            look = extent.look if part.filename.lower().endswith(XML) else _ignore
            left -= _unpack(file, part, left, look)
            found[part.filename] = extent.errors, extent.formatted
            lengths += extent.lengths
            named.append(extent.named)
            if left < 0:
                raise RuleBroken(
                    f"{path.name} unpacks to more than {MOST_UNPACKED // 1024**2} MB. Split it, or save it as CSV."
                )
    spread = max((sum(times * sum(lengths[of : of + 1]) for of, times in one.items()) for one in named), default=0)
    if spread > MOST_SPREAD:
        raise RuleBroken(
            f"The cells of {path.name} hold {spread // 1024**2:,} million characters; {MOST_SPREAD // 1024**2} are the "
            "most that can be imported. Split it, or leave out long texts."
        )
    return found


def _unpack(file: IO[bytes], part: ZipInfo, left: int, look: Callable[[bytes], None]) -> int:
    """Return how many bytes a part unpacks to, or one more than are left; what the file states of it is not trusted."""
    file.seek(part.header_offset)
    name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    file.seek(name + extra, 1)
    if part.compress_type not in {ZIP_STORED, ZIP_DEFLATED} or part.flag_bits & 1:
        raise BadZipFile("it is encrypted, or packed in an unusual way")
    inflate = zlib.decompressobj(-zlib.MAX_WBITS) if part.compress_type == ZIP_DEFLATED else None
    packed, size = part.compress_size, 0
    while size <= left and packed > 0 and (read := file.read(min(PIECE, packed))):
        packed -= len(read)
        while read and size <= left:
            piece = inflate.decompress(read, PIECE) if inflate else read
            read = inflate.unconsumed_tail if inflate else b""
            size += len(piece)
            look(piece)
    return size


def _ignore(_piece: bytes) -> None:
    """Look at nothing: a picture, which the reader leaves alone."""


class _Extent:
    """How far the cells of one part reach, found while its pieces pass by."""

    def __init__(  # noqa: PLR0913, PLR0917 - of one part, and what it shares with the others
        self, name: str, part: str, most_columns: int, most_rows: int, styles: Styles, raised: dict[int, str]
    ) -> None:
        self.name, self.most_columns, self.most_rows = name, most_columns, most_rows
        self.of_sheets = part.lower().endswith("workbook.xml.rels")
        self.row = self.column = self.last_row = self.last_column = 0
        self.errors: Errors = {}
        self.styles = styles if part.lower() == STYLES else None
        self.formatted, self.style = Formatted(styles=styles), ""
        self.number = self.formula = self.result = self.worded = False
        self.wrong: tuple[int, int] | None = None
        self.texts = part.lower().endswith(TEXTS)
        self.raised, self.rich, self.in_rich = raised, RichText(), False
        self.lengths: list[int] = []
        self.named: Counter[int] = Counter()
        self.shared, self.digits = False, ""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._element
        self.parser.EndElementHandler = self._ends
        self.parser.StartDoctypeDeclHandler = self._no_document_type

    def look(self, piece: bytes) -> None:
        """Read on."""
        if b"\x00" in piece:
            raise ValueError(
                "one of its parts is not UTF-8"
            )  # the reader, which knows no other, would see other elements
        self.parser.Parse(piece, False)  # noqa: FBT003 - expat's own: more pieces come

    def _no_document_type(self, *_: Any) -> NoReturn:
        raise RuleBroken(f"{self.name} defines a document type, as no spreadsheet does. Save it again as XLSX.")

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        kind, said = name.rpartition(":")[2], attributes.get("r", "")
        self._judge_counts(attributes)
        if kind == "row":
            if said and not ROW.fullmatch(said):
                raise ValueError(f"no row is called {said[:20]}")
            self.row, self.column = int(said) if said else self.row + 1, 0
        elif kind == "c":
            self._cell(said, attributes)
        elif kind == "f":
            self.formula = True
        elif kind == "v":
            self._value()
        elif (kind == "si" and self.texts) or kind == "is":
            self.lengths += [0] * self.texts
            self.rich.begin()
            self.in_rich, self.parser.CharacterDataHandler = True, self._text if self.texts else self.rich.text
        elif self.in_rich:
            self.rich.element(kind, attributes)
        elif kind == "Relationship" and self.of_sheets and not attributes.get("Target", "").lower().endswith(".xml"):
            raise ValueError("one of its parts is no XML")
        elif self.styles is not None:
            self.styles.element(kind, attributes)

    def _cell(self, said: str, attributes: dict[str, str]) -> None:
        """Learn where a cell stands and what it holds."""
        place = CELL.fullmatch(said)
        if said and place is None:
            raise ValueError(f"no cell is called {said[:20]}")
        self.column = _number(place[1].upper()) if place else self.column + 1
        self.row = int(place[2]) if place else self.row
        self.last_row, self.last_column = max(self.last_row, self.row), max(self.last_column, self.column)
        self._judge()
        self.parser.CharacterDataHandler = None
        self.wrong = (self.row, self.column) if attributes.get("t") == "e" else None
        self.shared = attributes.get("t") == "s"
        self.number, self.style = attributes.get("t", "n") == "n", attributes.get("s", "0")
        self.formula, self.result, self.worded = False, False, attributes.get("t") == "str"

    def _value(self) -> None:
        """Learn from the value of a cell, as far as its kind says that it is wrong, shared, or a number."""
        self.result = self.worded  # a text may be empty
        if self.number:
            self.formatted.note(self.row, self.column, self.style)
        if self.wrong is not None:
            self.parser.CharacterDataHandler = self._no_result
        elif self.shared:
            self.digits, self.parser.CharacterDataHandler = "", self._index
        elif self.formula:
            self.parser.CharacterDataHandler = self._a_result

    def _ends(self, name: str) -> None:
        kind = name.rpartition(":")[2]
        if self.in_rich:
            self._rich_ends(kind)
        if kind == "c" and self.formula and not self.result and not self.shared:
            self._without_result((self.row, self.column), NO_RESULT)
        if kind == "v" and self.shared:
            self.shared, self.parser.CharacterDataHandler = False, None
            if DIGITS.fullmatch(self.digits.strip()):
                self.named[int(self.digits)] += 1
                self._as_shown(self.raised.get(int(self.digits), ""))

    def _rich_ends(self, kind: str) -> None:
        self.rich.ends(kind)
        if kind in {"si", "is"}:
            self.in_rich = False
            if self.texts and self.rich.shown:
                self.raised[len(self.lengths) - 1] = self.rich.shown
            elif not self.texts:
                self._as_shown(self.rich.shown)

    def _as_shown(self, text: str) -> None:
        """Keep a text of which a part is raised: the reader would make 91 of 9 with a raised 1."""
        if text and len(self.errors) >= MOST_ERRORS:
            raise RuleBroken(f"{self.name} has more than {MOST_ERRORS:,} cells with raised or lowered signs. Split it.")
        if text:
            self.errors[self.row, self.column] = text

    def _index(self, digits: str) -> None:
        self.digits = (self.digits + digits)[:12]

    def _text(self, text: str) -> None:
        self.lengths[-1] += len(text)
        self.rich.text(text)
        if self.lengths[-1] > MOST_TEXT:
            raise RuleBroken(
                f"{self.name} has a text of more than {MOST_TEXT:,} characters; that many fit in a cell. Shorten it."
            )

    def _no_result(self, text: str) -> None:
        if self.wrong is not None and text.strip():
            self.result = True
            self._without_result(self.wrong, text.strip())

    def _a_result(self, text: str) -> None:
        self.result = self.result or bool(text.strip())

    def _without_result(self, place: tuple[int, int], text: str) -> None:
        """Keep what stands in a cell that the reader leaves empty; none of them is dropped."""
        if len(self.errors) >= MOST_ERRORS:
            raise RuleBroken(
                f"{self.name} has more than {MOST_ERRORS:,} cells without a result of their formula. Open it in the "
                "spreadsheet program, save it, and correct what shows an error."
            )
        self.errors.setdefault(place, text)

    def _judge_counts(self, attributes: dict[str, str]) -> None:
        for name, said in attributes.items():
            if name.rpartition(":")[2].casefold() not in COUNTS:
                continue
            digits = said.strip().lstrip("+0")
            if DIGITS.fullmatch(digits) and (len(digits) > len(str(MOST_COUNTED)) or int(digits) > MOST_COUNTED):
                raise RuleBroken(
                    f"{self.name} says that it holds {digits[:20]} parts of one kind; a spreadsheet of its "
                    f"size holds at most {MOST_COUNTED:,}. Open it in a spreadsheet program and save it again."
                )

    def _judge(self) -> None:
        if self.last_column > self.most_columns:
            self._refuse(f"a cell in column {self.last_column}; {self.most_columns:,} columns")
        if self.last_row > self.most_rows + 1:
            self._refuse(f"a cell in row {self.last_row}; {self.most_rows:,} rows")
        if self.last_row * self.last_column > MOST_AREA:
            self._refuse(f"{self.last_row} rows of {self.last_column} columns; {MOST_AREA:,} cells")

    def _refuse(self, what: str) -> NoReturn:
        raise RuleBroken(f"{self.name} has {what} are the most that can be imported. Split it, or clear what is empty.")


def _number(letters: str) -> int:
    """Return the number of a column: A is 1, XFD is 16384."""
    found = 0
    for letter in letters:
        found = found * 26 + ord(letter) - ord("A") + 1
    return found
