"""How each kind of column of a data set reads its value from a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from clinic import wording
from clinic.clock import part_of, span
from clinic.exchange.parse_cell import NONE

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from clinic.exchange.datasets import Column


class Sign(str):
    """The comparator of a result: a sign alone is no formula, so that CSV keeps it as it is, without an apostrophe."""

    __slots__ = ()


OLDEST_TOLD = 90
COMPARATOR = "comparator"
NO_SHIFT = timedelta()
MONTH, YEAR = timedelta(days=30), timedelta(days=365)
"""How many days the last one of the longest month and year comes after the first."""
NOTHING_BESIDES: dict[str, Any] = {"signers": [], "signed": None, "amended": "no"}


@dataclass(kw_only=True, slots=True)
class Around:
    """The context of a row: who people are, its site and, set anew for each row, its signatures and amendments.

    ``on``: the day of ages. ``precision``: how much is known of the row's days and moments. ``shift``: by how much the
    research variant moves them back.
    """

    people: dict[str, str]
    code: str
    zone: str
    clock: ZoneInfo
    on: date
    besides: dict[str, Any] = field(default_factory=dict)
    precision: dict[str, str] = field(default_factory=dict)
    shift: timedelta = NO_SHIFT


def value_of(column: Column, value: Any, around: Around) -> Any:
    """Return a value as it is exported; of a day or moment no more than is known."""
    if column.key == COMPARATOR and value is not None:
        return Sign(value)
    known = around.precision.get(column.key)
    if known and column.kind == "shifted":
        return _shifted_part(value, around, known)
    if known and column.kind == "age":
        return _ages(value, around, known)
    if known and value is not None and column.kind in {"moment", "wall", "day"}:
        return wording.iso(value, around.zone, known)
    return _READ[column.kind](value, around) if column.kind in _READ else _plain(value)


def _shifted(value: date | None, around: Around, known: str = "day") -> str | None:
    """Return a day, or the day of a moment, moved by the patient's own number of days."""
    if isinstance(value, datetime):  # an evening stays one across the summer hour
        value = value.astimezone(around.clock)
    return wording.iso(value - around.shift, around.zone, known) if value else None


def _shifted_part(value: date | None, around: Around, known: str) -> str | None:
    """Return the months or years in which a moved day can lie of which the month or year is known: 2020-03/2020-04.

    A month that is moved lies in two or three. They follow from the first of these alone, however the month lay in
    them: who reads them learns nothing of the number of days.
    """
    size = {"month": 7, "year": 4}.get(part_of(known))
    found = span(value, known, around.zone)
    if found is None or size is None or not around.shift:
        return _shifted(value, around, known)
    first = found.first - around.shift
    ends = span(first, part_of(known))
    last = (ends.last if ends is not None else first) + (MONTH if size == 7 else YEAR)
    about = "~" if known != part_of(known) else ""
    return "/".join(f"{on.isoformat()[:size]}{about}" for on in (first, last))


def _ages(born: date | None, around: Around, known: str) -> int | str | None:
    """Return the age of somebody whose birth date is known in part: both, where it can be two, 43/44."""
    found = span(born, known, around.zone)
    if found is None:
        return None
    ages = sorted({max(0, _age(day, around.on) or 0) for day in found})
    return ages[0] if len(ages) == 1 else "/".join(map(str, ages))


def _list(value: Any) -> Any:
    return NONE if value == [] else _plain(value)


_READ: dict[str, Callable[[Any, Around], Any]] = {
    "site": lambda _value, around: around.code,
    "zone": lambda _value, around: around.zone,
    "person": lambda value, around: around.people.get(value, value) if value else None,
    "signers": lambda _value, around: "; ".join(around.besides["signers"]),
    "signed": lambda _value, around: _utc(around.besides["signed"]),
    "amended": lambda _value, around: around.besides["amended"],
    "moment": lambda value, _around: _utc(value),
    "wall": lambda value, around: value.astimezone(around.clock).isoformat() if value else None,
    "choices": lambda value, _around: _list(value),
    "age": lambda value, around: _age(value, around.on),
    "shifted": _shifted,
    "shifted signature": lambda _value, around: _shifted(around.besides["signed"], around),
}
"""How each kind of column reads its value; every other kind is written as it is."""


def _utc(value: datetime | None) -> str | None:
    return value.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z" if value else None


def _age(born: date | None, on: date) -> int | None:
    if born is None:
        return None
    return min(OLDEST_TOLD, on.year - born.year - ((on.month, on.day) < (born.month, born.day)))


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_plain(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "; ".join(str(_plain(item)) for item in value)
    return value


def reader_of(column: Column, at: int) -> tuple[int, Callable[[Any, Around], Any] | None]:
    """Return where a column's value is in a row and how it is read; None: as it is."""
    if column.key == COMPARATOR and at >= 0:
        return at, lambda value, _around: None if value is None else Sign(value)
    if column.kind in {"text", "number", "yesno", "day"}:
        return (at, None) if at >= 0 else (0, lambda _value, _around: None)
    return max(at, 0), _READ.get(column.kind, lambda value, _around: _plain(value))
