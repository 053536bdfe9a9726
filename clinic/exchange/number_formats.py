"""What a spreadsheet shows around a number by the format of its cell: 0.4 shown as 40%, 154 shown as 154 lb.

Who fills in a table sees what is shown, so that is what is read: 17 shown as OLD-00017 is that text, and 0 shown as
“k.A.” is no 0. A number that is hidden, or of which other digits are shown, is told and not read. Formats are those of
ECMA-376, part 1, 18.8.30 and 18.8.31: up to four sections, for positive, negative and zero figures and for text, or
with conditions.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

from clinic.exchange import date_formats, parse_cell

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNTS = '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)'
FIGURES = {1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%"}
BUILT_IN = FIGURES | {41: ACCOUNTS, 42: ACCOUNTS, 43: ACCOUNTS, 44: ACCOUNTS, **date_formats.DATES}
"""The formats that a file need not spell out and that show another text than the number."""
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
MONTH = 2
"""Decimals that can be a month."""
SIGNS = frozenset({"<", ">", "<=", ">=", "≤", "≥"})
BEFORE = frozenset({"%", "kg", "g", "mg", "µg", "lb", "lbs", "oz", "st", "ml", "l", "dl", "cm", "mm", "in", "ft"})
"""Units that count in front of a figure too; other words there, as of a number of a patient, are no units."""


DASHES = "-−–— "
HIDDEN, OTHERWISE = "hidden by its format", "shown as"
NOT_READ = re.compile(rf"\S+ \((?:{HIDDEN}|{OTHERWISE} .+)\)", re.DOTALL)
"""How a number is told of which the cell shows nothing, or other digits."""


@dataclass(kw_only=True)
class Section:
    """What one section of a format shows around a figure.

    ``whole``: the places of digits before the decimal mark, with the texts between them. ``zero``: whether it shows a
    digit of 0 too. ``of_dates``: it has letters that stand for parts of a date. ``bare``: nothing but a color.
    ``places``: how many decimals it always shows.
    """

    condition: tuple[str, Decimal] | None = None
    before: str = ""
    behind: str = ""
    percents: int = 0
    thousands: int = 0
    digits: bool = False
    zero: bool = False
    point: bool = False
    fraction: bool = False
    of_dates: bool = False
    bare: bool = False
    places: int = 0
    whole: list[tuple[bool, str]] = field(default_factory=list)

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
    def unit(self) -> str:
        """What stands behind the figure, with the space before it; a unit in front stands there too."""
        return f" {self.before.strip()}" if self._unit_in_front else self.behind.rstrip()

    @cached_property
    def lead(self) -> str:
        """What stands in front: a sign as of <0.05, a text as of OLD-17; a plus says nothing."""
        if (said := self.before.strip()) in SIGNS:
            return said
        return "" if said in {"", "+"} or self._unit_in_front else self.before.lstrip()

    @cached_property
    def _unit_in_front(self) -> bool:
        return self.before.strip().casefold() in BEFORE and not self.behind.strip()

    @cached_property
    def least(self) -> int:
        """How many digits it shows at least before the decimal mark."""
        return sum(text == "0" for digit, text in self.whole if digit)

    @cached_property
    def parts(self) -> bool:
        """Whether a text stands between its digits, other than what sets thousands apart."""
        return any(text.strip(parse_cell.SPACES) for digit, text in self.whole if not digit)

    @cached_property
    def shows(self) -> bool:
        """Whether it shows another figure than the number, or more, or less."""
        if self.of_dates or self.bare:
            return False
        if not self.digits or not self.zero:
            return not self.fraction
        return bool(self.lead or self.unit or self.power or self.least > 1 or self.parts)

    def placed(self, digits: str) -> str:
        """Return the digits before the decimal mark as it shows them: 12345678 as 123-45-678."""
        digits = digits.zfill(self.least)
        if not self.parts:
            return digits
        found, left = "", digits
        for digit, text in reversed(self.whole):
            found = (left[-1:] if digit else text * bool(left)) + found
            left = left[:-1] if digit else left
        return left + found


@lru_cache(maxsize=512)
def sections(code: str) -> tuple[Section, ...]:
    """Return the sections of a format."""
    code = code[:MOST_CODE]
    found, seen = [Section()], [""]
    for token in TOKEN.finditer(code):
        kind = token.lastgroup
        text = token.group(kind) if kind else " "
        if kind == "end":
            found.append(Section())
            seen.append("")
            continue
        _learn(found[-1], kind, text, code[token.end() : token.end() + 1])
        seen[-1] += "" if kind == "bracket" else "x"
    for one, said in zip(found, seen, strict=True):
        one.bare = not said and code.count(";") == 0  # a color alone
    return tuple(found)


def _learn(one: Section, kind: str | None, text: str, following: str) -> None:
    """Learn from one part of a section; ``following``: the character behind it."""
    plain = kind == "plain"
    if kind == "bracket":
        if said := CONDITION.fullmatch(text):
            one.condition = (said[1], Decimal(said[2]))
        one.of_dates |= text.casefold().strip("hms") == ""
    elif kind in {"digits", "power"} or (plain and text == "@"):
        if kind == "digits" and not one.point:
            one.whole += [(False, one.behind)] * bool(one.behind and one.whole) + [(True, text)]
        one.places += kind == "digits" and one.point and text == "0"
        one.zero |= text not in {"#", "?"}
        one.digits, one.behind, one.thousands = True, "", 0
    elif plain and text == "." and not one.point:
        one.point = True
    elif plain and text == "/" and one.digits and following and following in "?#0123456789":
        one.fraction, one.behind = True, ""
    elif plain and text == "," and one.digits and not one.behind:
        one.thousands += 1  # behind the last digit each divides by a thousand
    elif not (one.fraction and plain and text.isdigit()):
        one.percents += kind == "percent"
        one.of_dates |= plain and text.isalpha() and not one.digits
        if one.digits:
            one.behind += text
        else:
            one.before += text


def _of(value: Decimal, parts: list[Section]) -> tuple[Section | None, bool]:
    """Return the section for a figure, and whether it is the one for negative figures."""
    if len(parts) in {2, 3} and parts[-1].digits and not parts[-1].whole and not parts[-1].point:
        parts = parts[:-1]  # the last one is for texts
    if any(one.condition is not None for one in parts[:2]):
        return next((one for one in parts[:3] if one.fits(value)), None), False
    if value < 0 and len(parts) > 1:
        return parts[1], True
    return (parts[2] if value == 0 and len(parts) > 2 else parts[0]), False


def shown(value: float, code: str) -> str | None:
    """Return a number as its format shows it, with all of its digits; None where the format shows only the number."""
    held = Decimal(f"{value:.15g}")
    section, negative = _of(held, list(sections(code))) if code.strip() else (None, False)
    if section is None or not section.shows:
        return _year_and_month(held, section)
    figure = held.scaleb(section.power).normalize() + 0
    if not section.digits or (held == 0 and not section.zero):
        text = (section.before + section.behind).strip()
    else:
        text = _written(figure, section, negative=negative)
    plain = format(held.normalize() + 0, "f")
    if held == 0 and text and not text.strip(DASHES):  # accounts write 0 as a dash
        return None
    if not text:
        return f"{plain} ({HIDDEN})"
    if (read := _read(text)) is not None and read != figure:
        return f"{plain} ({OTHERWISE} {text})"
    return None if text == plain else text


def _year_and_month(held: Decimal, section: Section | None) -> str | None:
    """Return 1980.1 as 1980.10 where its cell shows that: it may be a year and a month; None for any other figure."""
    months = section is not None and section.places == MONTH and not section.of_dates
    if months and 1000 <= held < 10000 and held.scaleb(1) == held.scaleb(1).to_integral_value():
        return format(held, ".2f")
    return None


def _written(figure: Decimal, section: Section, *, negative: bool) -> str:
    """Return a figure with what its section shows around it."""
    whole, point, decimals = format(abs(figure), "f").partition(".")
    digits = section.placed(whole) + point + decimals
    if re.fullmatch(r"\d{1,3}\.\d{3}", digits) and not section.parts:
        digits += "0"  # 1.125 is no 1125: a number has no mark
    lead, behind = section.lead, section.unit
    if negative and not lead.strip("-−( "):
        return f"-{digits}{behind.removesuffix(')')}"
    return f"{lead}{'-' if figure < 0 and not negative else ''}{digits}{behind}"


def _read(text: str) -> Decimal | None:
    """Return the figure as which a text would be read; None where it is none."""
    try:
        return parse_cell.number(parse_cell.figure_of(text).lstrip("<>≤≥= "))
    except parse_cell.NotThat:
        return None


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
            code = self.code(number)
            found = number if code.strip() and _shows(code) else -1
            if len(self.known) < MOST_STYLES:
                self.known[style] = found
        return found

    def code(self, style: int) -> str:
        """Return the format of a style; "" where it has none."""
        return self.codes.get(self.of_cells[style], "") if style < len(self.of_cells) else ""


def _shows(code: str) -> bool:
    """Whether a format shows more than the number, less than the day, or the last 0 of a year and a month."""
    return any(one.shows or one.places == MONTH for one in sections(code)) or date_formats.shows_otherwise(code)


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
                code = self.styles.code(self.kinds[place])
                if isinstance(value, int | float) and not isinstance(value, bool):
                    said = shown(value, code)
                    cells[column] = value if said is None else said
                elif value is not None:
                    cells[column] = date_formats.as_shown(value, code)
            yield cells
