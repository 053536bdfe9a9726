"""One fact, declared once on its column: its label, unit, limits and code.

    volume: Mapped[Decimal | None] = field("Volume collected", unit="mL", possible=Range(1, 3000))

From it come the form, its check and hint, the page, the timeline, the export heading and the data dictionary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import MappedColumn, mapped_column

from clinic import clock
from clinic.clock import later, said, said_day
from clinic.errors import Question

if TYPE_CHECKING:
    from collections.abc import Mapping

_counter = count()

CLOCK_SLACK = timedelta(minutes=2)
"""How far a typed time may be ahead of the server's clock before it counts as the future (rule 69)."""
FIRST_YEAR, LAST_YEAR = 1900, 2199
"""No birth, act or expiry that a clinic records is outside these years: another year is a typing error."""
SHORT_TEXT, LONG_TEXT = 500, 10_000
"""The most characters of one line and of several lines of text, where the field declares no other length."""

RUNS_AS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters of a text that a spreadsheet would run as a formula, full-width signs included. An apostrophe is put
before it."""


@dataclass(frozen=True, init=False)
class Range:
    """A closed range of quantities; an end that is None is open. ``above`` / ``below`` exclude their end."""

    low: Decimal | None = None
    high: Decimal | None = None
    above: bool = False
    below: bool = False

    def __init__(
        self,
        low: Decimal | int | str | None = None,
        high: Decimal | int | str | None = None,
        *,
        above: bool = False,
        below: bool = False,
    ) -> None:
        ends = {"low": None if low is None else Decimal(low), "high": None if high is None else Decimal(high)}
        for name, value in (ends | {"above": above, "below": below}).items():
            object.__setattr__(self, name, value)

    def __contains__(self, value: Decimal) -> bool:
        if self.low is not None and (value < self.low or (self.above and value == self.low)):
            return False
        return not (self.high is not None and (value > self.high or (self.below and value == self.high)))

    def __str__(self) -> str:
        low, high = plain(self.low), plain(self.high)
        if self.low is None and self.high is None:
            return "any value"
        if self.high is None:
            return f"more than {low}" if self.above else f"{low} or more"
        if self.low is None:
            return f"less than {high}" if self.below else f"{high} or less"
        if self.above or self.below:
            return f"{'more than' if self.above else 'from'} {low}, {'less than' if self.below else 'up to'} {high}"
        return low if self.low == self.high else f"{low} to {high}"


class Share(Range):
    """Expected percentages: none at all, or more than 1; 0.95 is probably 95 % that was typed as a fraction."""

    def __contains__(self, value: Decimal) -> bool:
        return super().__contains__(value) and (value == 0 or abs(value) > 1)

    def __str__(self) -> str:
        return f"0, or more than 1, {f'from {plain(self.low)} ' if self.low else ''}up to {plain(self.high)}"


SHARE = Share(0, 100)


def plain(value: Decimal | None) -> str:
    """Return a quantity as written on paper: no exponent, its digits kept, a true minus sign."""
    return "" if value is None else format(value, "f").replace("-", "−")


def about(label: str, sentence: str) -> str:
    """Return a sentence after the label that it is about; one that is a question has its mark already."""
    return f"{label} {sentence[:1].upper()}{sentence[1:]}" if label.endswith("?") else f"{label}: {sentence}"


@dataclass(frozen=True, kw_only=True)
class Field:
    """What a person reads about one column, and all that one value of it must satisfy.

    ``possible``: outside it is a typing error, refused. ``expected``: outside it asks once "is this right?" and keeps
    the reason. ``conditional``: a rule may ask for it, depending on other facts, so no form calls it optional.
    ``asked_if``: another fact of the form and the values with which this one applies, ``*`` for any value; a page shows
    it only then, or where something stands in it.

    Of a day or a moment: ``past`` says that it may not be in the future; ``not_before`` and ``not_after`` name other
    facts of the record, or dotted paths such as ``patient.birth_date``, that it may not precede or follow.
    ``starts``: "now" or "me", what a new record's form begins with. ``max_length``: the most characters of a text.

    ``identifying`` facts (names, birth date, contact, free text) are dropped from research exports (rule 73).
    ``unit_by``: the fact whose choice names the unit, and the unit of each choice; ``unit`` holds for all others.
    ``reported``: one of the facts that a published course should report (DOSES, MIBO, vial to vein); counted in a
    course's completeness. ``code`` is ``SYSTEM|CODE``. ``rule`` is the number of the rule that says which values are
    possible; what is refused ends with it.
    """

    label: str
    unit: str = ""
    unit_by: tuple[str, Mapping[str, str]] | None = None
    hint: str = ""
    section: str = ""
    possible: Range | None = None
    expected: Range | None = None
    choices: Mapping[str, str] | None = None
    many: bool = False
    required: bool = False
    conditional: bool = False
    asked_if: tuple[str, ...] = ()
    long: bool = False
    max_length: int | None = None
    past: bool = True
    not_before: tuple[str, ...] = ()
    not_after: tuple[str, ...] = ()
    starts: str = ""
    identifying: bool = False
    reported: bool = False
    code: str = ""
    rule: int = 0
    order: int = 0

    @property
    def heading(self) -> str:
        """Label and unit, as a table's or an export's heading has them."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def longest(self) -> int:
        """The most characters that a text of this field may have."""
        return self.max_length or (LONG_TEXT if self.long else SHORT_TEXT)

    @property
    def missing(self) -> str:
        """The sentence that asks for a value."""
        return about(self.label, "required")

    def words(self, value: object, zone: str = "") -> str:
        """Return a stored value as a person reads it, without its unit; a moment on the clock of ``zone``."""
        if value is None or value == []:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, list):
            return ", ".join(self.words(item) for item in value)
        if isinstance(value, Decimal):
            return plain(value)
        if zone and isinstance(value, date):
            return clock.said(value, zone) if isinstance(value, datetime) else said_day(value)
        return (self.choices or {}).get(str(value), str(value))

    def figure(self, value: object) -> str:
        """Return a value in words with its unit."""
        return f"{self.words(value)} {self.unit}".rstrip()

    def problems(self, value: Any, *, at: datetime | None = None, zone: str = "Etc/UTC", known: str = "") -> list[str]:
        """Return what is wrong with one value by itself, a sentence each.

        Form, record, import and amendment all call this. ``at`` is the moment of writing: a day or a moment that must
        be past is compared with it, a day on the calendar of ``zone``. ``known``: how much of a day or moment is.
        """
        if value is None or value in ("", []):
            return [self.missing] if self.required else []
        if self.many or self.choices is not None:
            chosen = value if self.many else [value]
            right = self.choices is None or all(one in self.choices for one in chosen)
            return [] if right else [f"{self.label}: choose from the list"]
        if isinstance(value, date):
            return self._time_problems(value, at, zone, known)
        if isinstance(value, str):
            too_long = f"{self.label}: {len(value):,} characters are too many; use at most {self.longest:,}"
            return [too_long] if len(value) > self.longest else []
        if self.possible is not None and value not in self.possible:
            return [
                f"{self.label} {self.figure(value)} is not possible: it must be {self.possible} {self.unit}".rstrip()
            ]
        return []

    def _time_problems(self, value: date, at: datetime | None, zone: str, known: str) -> list[str]:
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            return [f"{self.label}: the year {value.year} is not possible; use four digits, from {FIRST_YEAR} on"]
        if self.past and at is not None and later(value, at + CLOCK_SLACK, zone):
            return [f"{self.label}, {said(value, zone, known)}, is in the future"]
        return []

    def order_problems(
        self, value: date, other: tuple[date, Field, str], *, before: bool, zone: str, known: str = ""
    ) -> list[str]:
        """Return why a day or a moment does not agree with another one that it may not precede or follow.

        ``other``: that one, its declaration, and how much of it is known; ``known``: how much of this one. What the two
        can be without contradiction is none.
        """
        that, its, of_it = other
        wrong = later(that, value, zone, (of_it, known)) if before else later(value, that, zone, (known, of_it))
        if not wrong:
            return []
        word = "before" if before else "after"
        return [f"{self.label}, {said(value, zone, known)}, is {word} “{its.label}”, {said(that, zone, of_it)}"]

    def question(self, name: str, value: Any) -> Question | None:
        """Return what to ask about a value that is possible but not expected; None where it is expected."""
        if self.expected is None or value is None or value in self.expected:
            return None
        more = self.expected.high is not None and value > self.expected.high
        return Question(
            name,
            f"{self.label} {self.figure(value)} is {'more' if more else 'less'} than expected. Is this right?",
            f"Expected: {self.expected} {self.unit}. It is possible, so please confirm.",
        )


def field(
    label: str, *column: Any, order: int | None = None, added: bool = False, usual: Any = None, **declared: Any
) -> MappedColumn[Any]:
    """Declare a column together with what a person reads about it; see `Field`. The rest goes to the column.

    ``added``: it came after records were signed, so that no hash covers it while it is empty. ``usual``: what a record
    of this clinic says where nobody says otherwise, or what makes it; what comes in from elsewhere stays not recorded.
    """
    facts = {name: declared.pop(name) for name in FACTS & declared.keys()}
    fact = Field(label=label, order=next(_counter) if order is None else order, **facts)
    more = (
        {"field": fact}
        | ({"added": True} if added else {})
        | ({} if usual is None else {"usual": usual})
        | declared.pop("info", {})
    )
    return mapped_column(*column, info=more, **declared)


FACTS = frozenset(Field.__dataclass_fields__) - {"label", "order"}
"""What may be declared about a field."""


@cache
def fields_of(model: type) -> Mapping[str, Field]:
    """Return the declared facts of a model by attribute name, in the order in which they were declared."""
    columns: Any = model.__table__.columns  # type: ignore[attr-defined]
    found = {column.key: column.info["field"] for column in columns if "field" in column.info}
    return MappingProxyType(dict(sorted(found.items(), key=lambda pair: pair[1].order)))


NUMBER = re.compile(r"[-−+]?(\d+([.,]\d*)?|[.,]\d+)")


class Unreadable(ValueError):
    """What was typed cannot be read; the message says how to write it."""


def parse_decimal(text: str) -> Decimal:
    """Return the number that was typed; one point or comma before the decimals, nothing else (hazard H17)."""
    typed = text.strip().replace("\u202f", "").replace("\u00a0", "")
    if not NUMBER.fullmatch(typed) or (not typed.isascii() and "−" not in typed):
        raise Unreadable(f"“{text.strip()}” is not a number. Write it like 1.5 or 1,5, without thousands marks")
    return Decimal(typed.replace("−", "-").replace(",", "."))


def parse_whole(text: str) -> int:
    """Return the whole number that was typed."""
    if not re.fullmatch(r"\d{1,9}", text.strip(), re.ASCII):
        raise Unreadable(f"“{text.strip()}” is not a whole number")
    return int(text.strip())
