"""What is learned of one part of an XLSX file while its pieces pass by: how far it reaches, and what its cells show.

What is larger than a table may be is refused before the file is unpacked.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, NamedTuple, NoReturn
from xml.parsers import expat

from clinic.errors import RuleBroken
from clinic.exchange.number_formats import Formatted, Styles
from clinic.exchange.rich_text import RichText

MOST_AREA = 1_000_000
"""Cells of the rectangle around everything that is filled in; the reader keeps all of it in memory."""
MOST_COUNTED = 2_000_000
"""What a part may say that it holds: the reader makes room for that many before it looks whether they are there."""
MOST_TEXT = 32_767
"""Characters of one text, as spreadsheet programs allow."""
MOST_ERRORS = 50_000
NO_RESULT = "(formula without a result)"
"""What stands for a cell of which nobody worked out the formula: programs that only write a file leave that open."""
CELL = re.compile(r"([A-Za-z]{1,3})(\d{1,7})", re.ASCII)
ROW = re.compile(r"\d{1,7}", re.ASCII)
DIGITS = re.compile(r"\d+", re.ASCII)
COUNTS = frozenset({"count", "uniquecount"})
YES = frozenset({"1", "true"})
BESIDE = frozenset({"col", "mergeCell"})
STYLES, TEXTS = "xl/styles.xml", "sharedstrings.xml"
Errors = dict[tuple[int, int], str]
"""Cells that the reader does not show as they are: of a formula without a result, with a raised sign.

Row and column, counted from 1, and what stands there.
"""
MOST_MERGED = 50_000
NOT_UTF_8 = "one of its parts is not UTF-8"
UTF_8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1"})


class Hidden(NamedTuple):
    """What nobody sees of a sheet: its rows that are written, and its columns, each from the first to the last."""

    rows: tuple[int, ...] = ()
    columns: tuple[tuple[int, int], ...] = ()


class Extent:
    """How far the cells of one part reach, found while its pieces pass by."""

    def __init__(  # noqa: PLR0913, PLR0917 - of one part, and what it shares with the others
        self, name: str, part: str, most_columns: int, most_rows: int, styles: Styles, raised: dict[int, str]
    ) -> None:
        self.name, self.most_columns, self.most_rows = name, most_columns, most_rows
        self.of_sheets = part.lower().endswith("workbook.xml.rels")
        self.row = self.column = self.last_row = self.last_column = 0
        self.errors: Errors = {}
        self.merged, self.row_hidden = 0, False
        self.hidden_rows: set[int] = set()
        self.hidden_columns: list[tuple[int, int]] = []
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
        self.parser.XmlDeclHandler = self._declared

    def look(self, piece: bytes) -> None:
        """Read on."""
        if b"\x00" in piece:
            raise ValueError(NOT_UTF_8)  # the reader, which knows no other, would see other elements
        self.parser.Parse(piece, False)  # noqa: FBT003 - expat's own: more pieces come

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in UTF_8:
            raise ValueError(f"{NOT_UTF_8} but {encoding[:40]}")

    def _no_document_type(self, *_: Any) -> NoReturn:
        raise RuleBroken(f"{self.name} defines a document type, as no spreadsheet does. Save it again as XLSX.")

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        kind, said = name.rpartition(":")[2], attributes.get("r", "")
        self._judge_counts(attributes)
        if kind == "row":
            self._row(said, hidden=attributes.get("hidden") in YES)
        elif kind == "c":
            self._cell(said, attributes)
        elif kind == "f":
            self.formula = True
        elif kind == "v":
            self._value()
        elif (kind == "si" and self.texts) or kind == "is":
            self.lengths += [0] * self.texts
            self.rich.begin()
            self.in_rich, self.parser.CharacterDataHandler = True, self._text if self.texts else self.rich.add
        elif self.in_rich:
            self.rich.element(kind, attributes)
        elif kind in BESIDE:
            self._beside(kind, attributes)
        elif kind == "Relationship" and self.of_sheets and not attributes.get("Target", "").lower().endswith(".xml"):
            raise ValueError("one of its parts is no XML")
        elif self.styles is not None:
            self.styles.element(kind, attributes)

    def _row(self, said: str, *, hidden: bool) -> None:
        """Learn which row begins."""
        if said and not ROW.fullmatch(said):
            raise ValueError(f"no row is called {said[:20]}")
        self.row, self.column, self.row_hidden = int(said) if said else self.row + 1, 0, hidden

    def _cell(self, said: str, attributes: dict[str, str]) -> None:
        """Learn where a cell stands and what it holds."""
        if self.row_hidden:
            self.hidden_rows.add(self.row)
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

    def _beside(self, kind: str, attributes: dict[str, str]) -> None:
        """Learn of columns that are hidden, and how many ranges of cells are one."""
        self.merged += kind == "mergeCell"
        if self.merged > MOST_MERGED:
            raise RuleBroken(f"{self.name} has more than {MOST_MERGED:,} ranges of merged cells. Unmerge them.")
        ends = [attributes.get(one, "") for one in ("min", "max")]
        if kind == "col" and attributes.get("hidden") in YES and all(map(ROW.fullmatch, ends)):
            self.hidden_columns += [(int(ends[0]), int(ends[1]))] * (len(self.hidden_columns) < self.most_columns)

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
        self.rich.add(text)
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
