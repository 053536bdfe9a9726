"""One fact, declared once on its column: its label, unit, limits and code.

    volume: Mapped[Decimal | None] = field("Volume collected", unit="mL", possible=Range(1, 3000))

From it come the form, its check and hint, the page, the timeline, the export heading and the data dictionary.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import MappedColumn, mapped_column

if TYPE_CHECKING:
    from collections.abc import Mapping

_counter = count()

RUNS_AS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a text begins that a spreadsheet would run; the full-width signs count too. An apostrophe goes before it."""


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


def plain(value: Decimal | None) -> str:
    """Return a quantity as written on paper: no exponent, its digits kept, a true minus sign."""
    return "" if value is None else format(value, "f").replace("-", "−")


@dataclass(frozen=True, kw_only=True)
class Field:
    """What a person reads about one column. ``possible``: outside it is a typing error, refused.

    ``expected``: outside it asks once "is this right?" and keeps the reason. ``identifying`` facts (names,
    birth date, contact, free text) are dropped from research exports (rule 73). ``reported``: one of the facts that
    a published course should tell (DOSES, MIBO, vial to vein); counted in a course's completeness.
    ``code`` is ``SYSTEM|CODE``.
    """

    label: str
    unit: str = ""
    hint: str = ""
    section: str = ""
    possible: Range | None = None
    expected: Range | None = None
    choices: Mapping[str, str] | None = None
    many: bool = False
    required: bool = False
    long: bool = False
    identifying: bool = False
    reported: bool = False
    code: str = ""
    order: int = 0

    @property
    def heading(self) -> str:
        """Label and unit, as a table's or an export's heading has them."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def words(self, value: object) -> str:
        """Return a stored value as a person reads it, without its unit."""
        if value is None or value == []:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, list):
            return ", ".join(self.words(item) for item in value)
        if isinstance(value, Decimal):
            return plain(value)
        return (self.choices or {}).get(str(value), str(value))


def field(  # noqa: PLR0913 - one argument for each thing that is declared
    label: str,
    *column: Any,
    unit: str = "",
    hint: str = "",
    section: str = "",
    possible: Range | None = None,
    expected: Range | None = None,
    choices: Mapping[str, str] | None = None,
    many: bool = False,
    required: bool = False,
    long: bool = False,
    identifying: bool = False,
    reported: bool = False,
    code: str = "",
    order: int | None = None,
    **more: Any,
) -> MappedColumn[Any]:
    """Declare a column together with what a person reads about it; see `Field`. The rest goes to the column."""
    fact = Field(
        label=label, unit=unit, hint=hint, section=section, possible=possible, expected=expected, choices=choices,
        many=many, required=required, long=long, identifying=identifying, reported=reported, code=code,
        order=next(_counter) if order is None else order,
    )  # fmt: skip
    return mapped_column(*column, info={"field": fact}, **more)


def fields_of(model: type) -> dict[str, Field]:
    """Return the declared facts of a model by attribute name, in the order in which they were declared."""
    columns: Any = model.__table__.columns  # type: ignore[attr-defined]
    found = {column.key: column.info["field"] for column in columns if "field" in column.info}
    return dict(sorted(found.items(), key=lambda pair: pair[1].order))
