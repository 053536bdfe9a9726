"""Read a sheet of an XLSX file, after it was measured: what is too large is refused before it is unpacked.

A spreadsheet is a packed folder of XML. A few kilobytes of it can unpack to gigabytes, one cell in the last corner
makes a table of 17 thousand million cells, and a document type can multiply a text. So the file is first read as a
stream that keeps nothing: how much it unpacks to, and how far its cells reach.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from contextlib import suppress
from posixpath import normpath
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

from clinic.errors import RuleBroken
from clinic.exchange.number_formats import Formatted, Styles
from clinic.exchange.sheet_parts import STYLES, TEXTS, Errors, Extent, Hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

MOST_UNPACKED = 48 * 1024 * 1024
MOST_PARTS = 500
MOST_SPREAD = 48 * 1024 * 1024
"""Characters of all cells together: a text that is kept once can stand in every cell, where the reader copies it."""
PIECE = 64 * 1024
LOCAL_HEADER = struct.Struct("<26xHH")
FIRST = (STYLES, TEXTS)
MARKED_UTF_8 = 0x800
XML = (".xml", ".rels", ".vml")


Range = tuple[int, int, int, int]
UNREADABLE = (CalamineError, BadZipFile, OSError, IndexError, ValueError, NotImplementedError)


class Sheet(NamedTuple):
    """The rows of a sheet, and what is told of it.

    ``others``: the names of the other sheets of its file; ``passed``: those in front of it that are hidden, where none
    was named. ``merged``: the ranges of cells that are one, first row, first column, last row, last column, counted
    from 1. ``hidden``: its rows with cells, and its columns, from the first to the last, that nobody sees.
    """

    rows: Iterator[list[Any]]
    others: tuple[str, ...]
    passed: tuple[str, ...] = ()
    merged: tuple[Range, ...] = ()
    hidden: Hidden = Hidden()


class Measured(NamedTuple):
    """What was learned of a part while it was measured."""

    errors: Errors
    formatted: Formatted | None = None
    hidden: Hidden = Hidden()


def read(path: Path, most_columns: int, most_rows: int, name: str = "") -> Sheet:
    """Return the rows of a sheet, from its first row and column on. Raises `RuleBroken` with a sentence.

    ``name``: the sheet's name, in whatever case, or its number counted from 1; "" for the first that is not hidden.
    """
    try:
        measured = _measure(path, most_columns, most_rows)
        book = CalamineWorkbook.from_path(str(path))
        number = _sheet_number(book.sheet_names, name) if name else _first_seen(book)
        if number is None:
            raise RuleBroken(f"{path.name} has no sheet “{name}”. Its sheets: {', '.join(book.sheet_names)}.")
        sheet = book.get_sheet_by_index(number)
        part = plain_name(_part_of(path, book.sheet_names[number]))
        if part not in measured:  # else a unit that its cells show would be lost
            raise BadZipFile("its parts are named in an unusual way")
        seen = measured[part]
        merged = tuple(
            (r + 1, c + 1, below + 1, right + 1) for (r, c), (below, right) in sheet.merged_cell_ranges or ()
        )
    except (*UNREADABLE, expat.ExpatError, zlib.error, struct.error) as fault:
        raise RuleBroken(
            f"{path.name} cannot be read as a spreadsheet: {fault}. Open it in a spreadsheet program and save it again."
        ) from fault
    before = [""] * (sheet.start[1] if sheet.start else 0)
    rows = ([*before, *row] for row in sheet.iter_rows())
    others = tuple(one for place, one in enumerate(book.sheet_names) if place != number)
    if seen.formatted is not None:
        rows = seen.formatted.applied(rows)
    passed = () if name else tuple(book.sheet_names[:number])
    return Sheet(_with_errors(rows, seen.errors), others, passed, merged, seen.hidden)


def _first_seen(book: CalamineWorkbook) -> int:
    """Return the first sheet that somebody sees who opens the file."""
    seen = (place for place, one in enumerate(book.sheets_metadata) if one.visible == SheetVisibleEnum.Visible)
    return next(seen, 0)


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


def plain_name(name: str) -> str:
    """Return the name of a part in one way, however a link writes it."""
    return normpath(unquote(name).replace("\\", "/")).casefold()


def _names_of(part: ZipInfo) -> set[str]:
    """Return what a part may be called: a name without a mark that it is UTF-8 was read as if a DOS had written it."""
    found = {part.filename}
    if not part.flag_bits & MARKED_UTF_8 and not part.filename.isascii():
        for encoding in ("utf-8", "windows-1252"):
            with suppress(UnicodeError):
                found.add(part.filename.encode("cp437").decode(encoding))
    return {plain_name(name) for name in found}


def _elements(xml: bytes) -> list[tuple[str, dict[str, str]]]:
    """Return the elements of a part that was measured before, each with its attributes."""
    found: list[tuple[str, dict[str, str]]] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, said: found.append((name.rpartition(":")[2], said))
    parser.Parse(xml, True)  # noqa: FBT003 - expat's own: there is no more
    return found


def _sheet_number(names: list[str], name: str) -> int | None:
    """Return which sheet is meant, counted from 0; None where there is none, or are two, of that name or number."""
    if name in names:
        return names.index(name)
    alike = [place for place, one in enumerate(names) if one.strip().casefold() == name.strip().casefold()]
    if len(alike) == 1:
        return alike[0]
    return int(name) - 1 if name.isdecimal() and 0 < int(name) <= len(names) else None


def _measure(path: Path, most_columns: int, most_rows: int) -> dict[str, Measured]:
    """Raise `RuleBroken` where a part, or all together, is larger than what is taken in.

    Returns, by part, the cells of which the formula has no result, and those that show more than their number.
    """
    found: dict[str, Measured] = {}
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
            extent = Extent(path.name, part.filename, most_columns, most_rows, styles, raised)
            look = extent.look if part.filename.lower().endswith(XML) else _ignore
            left -= _unpack(file, part, left, look)
            hidden = Hidden(tuple(sorted(extent.hidden_rows)), tuple(extent.hidden_columns))
            found |= dict.fromkeys(_names_of(part), Measured(extent.errors, extent.formatted, hidden))
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
