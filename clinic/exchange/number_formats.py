"""What a spreadsheet shows around a number by the format of its cell: 0.4 shown as 40%, 154 shown as 154 lb.

Who fills in a table sees what is shown, so that is what is read. Formats are those of ECMA-376, part 1, 18.8.30 and
18.8.31: up to four sections, for positive, negative and zero figures and for text, or with conditions.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILT_IN = {9: "0%", 10: "0.00%"}
"""The formats that a file need not spell out and that show more than the number."""
MOST_STYLES = 65_536
"""Styles of cells, as spreadsheet programs allow."""
MOST_CODE = 1_000
WIDE = 16_384
TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_.|\*.|\[\$(?P<money>[^\]-]*)[^\]]*\]|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<digits>General|[0#?])|(?P<power>[eE][+-])|(?P<percent>%)|(?P<end>;)|(?P<plain>.)",
    re.DOTALL | re.IGNORECASE,
)
CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d{1,30}(?:\.\d{1,30})?)", re.ASCII)
SIGNS = frozenset({"<", ">", "<=", ">=", "≤", "≥"})
BEFORE = frozenset({"%", "kg", "g", "mg", "µg", "lb", "lbs", "oz", "st", "ml", "l", "dl", "cm", "mm", "in", "ft"})
"""Units that count in front of a figure too; other words there, as of a number of a patient, are no units."""


@dataclass(kw_only=True)
class Section:
    """What one section of a format shows around a figure."""

    condition: tuple[str, Decimal] | None = None
    before: str = ""
    behind: str = ""
    percents: int = 0
    thousands: int = 0
    digits: bool = False

    def fits(self, value: Decimal) -> bool:
        """Whether its condition, if it has one, is met."""
        if self.condition is None:
            return True
        sign, limit = self.condition
        return (value < limit and "<" in sign) or (value > limit and ">" in sign) or (value == limit and "=" in sign)

    @cached_property
    def power(self) -> int:
        """By which power of ten the shown figure is larger."""
        return 2 * self.percents - 3 * self.thousands

    @cached_property
    def sign(self) -> str:
        """A sign in front, as of <0.05."""
        return said if (said := self.before.strip()) in SIGNS else ""

    @cached_property
    def unit(self) -> str:
        """The unit, with the space before it."""
        behind = self.behind.rstrip()
        first = behind.lstrip()[:1]
        if first.isalpha() or first in {"%", "°", "×", "/"} or (first and unicodedata.category(first) == "Sc"):
            return behind
        return f" {self.before.strip()}" if self.before.strip().casefold() in BEFORE else ""

    @cached_property
    def shows(self) -> bool:
        """Whether it shows another figure than the number, or more."""
        return self.digits and bool(self.sign or self.unit or self.power)


@lru_cache(maxsize=512)
def sections(code: str) -> tuple[Section, ...]:
    """Return the sections of a format."""
    found = [Section()]
    for token in TOKEN.finditer(code[:MOST_CODE]):
        one, kind = found[-1], token.lastgroup
        text = token.group(kind) if kind else " "
        if kind == "end":
            found.append(Section())
        elif kind == "bracket":
            if said := CONDITION.fullmatch(text):
                one.condition = (said[1], Decimal(said[2]))
        elif kind in {"digits", "power"}:
            one.digits, one.behind, one.thousands = True, "", 0
        elif text == "," and kind == "plain" and one.digits and not one.behind:
            one.thousands += 1  # behind the last digit each divides by a thousand
        else:
            one.percents += kind == "percent"
            if one.digits:
                one.behind += text
            else:
                one.before += text
    return tuple(found)


def shown(value: float, code: str) -> str | None:
    """Return a number as its format shows it, with all of its digits; None where the format shows only the number."""
    parts, held = list(sections(code)), Decimal(f"{value:.15g}")
    conditional = any(one.condition is not None for one in parts[:2])
    if conditional:
        section = next((one for one in parts[:3] if one.fits(held)), None)
    elif held < 0 and len(parts) > 1:
        section = parts[1]
    else:
        section = parts[2] if held == 0 and len(parts) > 2 else parts[0]
    if section is None or not section.shows:
        return None
    figure = format((held.scaleb(section.power)).normalize() + 0, "f")
    if re.fullmatch(r"-?\d{1,3}\.\d{3}", figure):
        figure += "0"  # 1.125 is no 1125: a number has no mark
    return f"{section.sign}{figure}{section.unit}"


@dataclass(kw_only=True)
class Styles:
    """The formats of a workbook, learned from its styles: by the number that a cell names."""

    codes: dict[int, str] = field(default_factory=lambda: dict(BUILT_IN))
    of_cells: list[int] = field(default_factory=list)
    inside: str = ""
    known: dict[str, int] = field(default_factory=dict)

    def element(self, kind: str, said: dict[str, str]) -> None:
        """Learn from one element of the styles."""
        if kind in {"numFmts", "cellXfs", "cellStyleXfs", "dxfs"}:
            self.inside = kind
        elif kind == "numFmt" and self.inside == "numFmts":
            self.codes[_whole(said.get("numFmtId", ""))] = said.get("formatCode", "")[:MOST_CODE]
        elif kind == "xf" and self.inside == "cellXfs":
            if len(self.of_cells) >= MOST_STYLES:
                raise ValueError(f"it has more than {MOST_STYLES:,} styles of cells")
            self.of_cells.append(_whole(said.get("numFmtId", "")))

    def shows_more(self, style: str) -> int:
        """Return the number of a style that shows more than the number of its cells; -1 for any other."""
        if (found := self.known.get(style)) is None:
            number = _whole(style)
            found = number if any(one.shows for one in sections(self.code(number))) else -1
            if len(self.known) < MOST_STYLES:
                self.known[style] = found
        return found

    def code(self, style: int) -> str:
        """Return the format of a style; "" where it has none."""
        return self.codes.get(self.of_cells[style], "") if style < len(self.of_cells) else ""


def _whole(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{1,6}", text, re.ASCII) else 0


@dataclass(kw_only=True)
class Formatted:
    """The cells of a sheet that show more than their number, a few bytes each: a sheet has up to a million."""

    styles: Styles
    places: array[int] = field(default_factory=lambda: array("q"))
    kinds: array[int] = field(default_factory=lambda: array("i"))
    sorted: bool = True

    def note(self, row: int, column: int, style: str) -> None:
        """Learn of one cell with a number; rows and columns are counted from 1."""
        if (number := self.styles.shows_more(style)) >= 0:
            place = row * WIDE + column
            self.sorted = self.sorted and (not self.places or self.places[-1] < place)
            self.places.append(place)
            self.kinds.append(number)

    def applied(self, rows: Iterator[list[Any]]) -> Iterator[list[Any]]:
        """Yield the rows of the sheet, with such cells as they are shown."""
        if not self.sorted:
            pairs = sorted(dict(zip(self.places, self.kinds, strict=True)).items())
            self.places, self.kinds = array("q", (one for one, _ in pairs)), array("i", (one for _, one in pairs))
        for row, cells in zip(count(1), rows, strict=False):
            first, last = (bisect_left(self.places, at * WIDE) for at in (row, row + 1))
            for place in range(first, last):
                column = self.places[place] - row * WIDE - 1
                value = cells[column] if column < len(cells) else None
                if isinstance(value, int | float) and not isinstance(value, bool):
                    said = shown(value, self.styles.code(self.kinds[place]))
                    cells[column] = value if said is None else said
            yield cells
