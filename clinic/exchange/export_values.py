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
    """Return a day, or the day of a moment, moved by the patient's own number of days; of what is nobody's, none."""
    if not around.shift:
        return None
    if isinstance(value, datetime):  # an evening stays one across the summer hour
        value = value.astimezone(around.clock)
    return wording.iso(value - around.shift, around.zone, known) if value else None


def _shifted_part(value: date | None, around: Around, known: str) -> str | None:
    """Return the months or years in which a moved day can lie of which the month or year is known: 2020-03/2020-04.

    A month that is moved lies in two or three. They follow from the first of these alone, however the month lay in
    them: who reads them learns nothing of the number of days.
    """
    size = {"month": 7, "year": 4}.get(part_of(known))
    found = span(value, known, around.zone) if around.shift else None
    if found is None or size is None:
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
    "facts": lambda value, _around: "; ".join(value or ()),
    "whether signed": lambda _value, around: around.besides["signed"] is not None,
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


def reader_of(
    column: Column, at: int = -1, convert: Callable[[Any], Any] | None = None
) -> tuple[int, Callable[[Any, Around], Any] | None]:
    """Return where a column's value is in a row as the driver gives it, and how it is read; None: as it is.

    ``convert`` makes of it what the record holds, see `row_reader.converter`.
    """
    if at < 0:
        return 0, _READ.get(column.kind, lambda _kept, _around: None)
    if column.key == COMPARATOR:
        return at, lambda kept, _around: None if kept is None else Sign(kept)
    if column.kind == "choice":  # the driver gives the word itself, which is what is written
        return at, None
    if column.kind in AS_IT_IS:
        return at, None if convert is None else lambda kept, _around: None if kept is None else convert(kept)
    return at, _read_after(column.kind, convert)


AS_IT_IS = frozenset({"text", "number", "yesno", "day"})


def _read_after(kind: str, convert: Callable[[Any], Any] | None) -> Callable[[Any, Around], Any]:
    """Return how a kind is read of what the driver gives, with a short way for what most rows hold."""
    read = _READ.get(kind, lambda value, _around: _plain(value))
    if convert is None:
        return read
    if kind == "moment":
        return lambda kept, _around: _utc_of(kept, convert)
    if kind in {"map", "facts"}:
        return lambda kept, around: "" if kept == "{}" else read(None if kept is None else convert(kept), around)
    return lambda kept, around: read(None if kept is None else convert(kept), around)


def _utc_of(kept: Any, convert: Callable[[Any], Any]) -> str | None:
    """Return a moment as `_utc` writes it; SQLite keeps it as a text in UTC, of which it is a part."""
    if type(kept) is str:
        return f"{kept[:10]}T{kept[11:19]}Z"
    return None if kept is None else _utc(convert(kept))
