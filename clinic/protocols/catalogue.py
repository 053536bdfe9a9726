"""The shape of a catalogue: entries with a key and a label, in the order in which a page offers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from clinic.fields import Range

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

E = TypeVar("E", bound="Entry")
Number = Decimal | int | str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One choice: ``key`` is what a record keeps and never changes, ``label`` is what a person reads."""

    key: str
    label: str


class Catalogue(Mapping[str, E]):
    """Entries by key, in order. A key given twice is a mistake of ours: `ValueError`."""

    def __init__(self, *entries: E) -> None:
        self._entries = {entry.key: entry for entry in entries}
        if len(self._entries) != len(entries):
            keys = [entry.key for entry in entries]
            raise ValueError(f"given twice: {sorted({key for key in keys if keys.count(key) > 1})}")

    def __getitem__(self, key: str) -> E:
        return self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def words(self, keys: Iterable[str]) -> str:
        """Return the labels of some keys; a key that is no longer in the catalogue as it is."""
        return ", ".join(self[key].label if key in self else key for key in keys)


def labels(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Return label by key, as the choices of a form."""
    return {key: entry.label for key, entry in entries.items()}


def within(label: str) -> str:
    """Return a label as written within a sentence: its first letter small, names and abbreviations as they are."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def at_least(low: Number) -> Range:
    """Return the range from ``low`` upwards, ``low`` included."""
    return Range(low=Decimal(low))


def at_most(high: Number) -> Range:
    """Return the range up to ``high``, ``high`` included."""
    return Range(high=Decimal(high))


def more_than(low: Number) -> Range:
    """Return the range above ``low``, ``low`` left out."""
    return Range(low=Decimal(low), above=True)


def less_than(high: Number) -> Range:
    """Return the range under ``high``, ``high`` left out."""
    return Range(high=Decimal(high), below=True)


def between(low: Number, high: Number) -> Range:
    """Return the range from ``low`` to ``high``, both included."""
    return Range(low=Decimal(low), high=Decimal(high))


UCUM: Mapping[str, str] = MappingProxyType({
    "%": "%", "mL": "mL", "kg": "kg", "°C": "Cel", "h": "h", "days": "d", "mmHg": "mm[Hg]", "mmol/L": "mmol/L",
    "EU/mL": "[EU]/mL", "EU/kg": "[EU]/kg", "g/kg": "g/kg", "×10⁶": "10*6", "×10⁸": "10*8", "×10⁹": "10*9",
    "×10⁶/mL": "10*6/mL", "×10⁹/mL": "10*9/mL", "×10⁶/kg": "10*6/kg", "×10⁷/kg": "10*7/kg", "×10⁸/kg": "10*8/kg",
    "×10⁹/kg": "10*9/kg", "L/min": "L/min", "m": "m", "cm": "cm", "mm": "mm", "nm": "nm", "µg/mL": "ug/mL", "µm": "um",
    "×10⁷": "10*7", "×10⁵/kg": "10*5/kg", "per 1000 cells": "/10*3", "copies/cell": "{copies}/{cell}",
})  # fmt: skip
"""Printed unit → UCUM code, for exchange. A unit that is not here has none."""
