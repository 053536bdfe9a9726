"""The shape of a catalogue: entries with a key and a label, in the order in which a page offers them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from clinic.fields import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

E = TypeVar("E", bound="Entry")
Number = Decimal | int | str


KEY = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""What a key looks like."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One choice: ``key`` is what a record keeps and never changes, ``label`` is what a person reads.

    ``aliases``: other names of it that an imported table may use. ``gone``: no catalogue has it any more; it stands
    for the key that a record still has.
    """

    key: str
    label: str
    aliases: tuple[str, ...] = ()
    gone: bool = False


class Catalogue(dict[str, E]):
    """Entries by key, in order: the built-in ones, then those that the installation adds.

    A key given twice is a mistake of ours: `ValueError`. ``gone``: makes what stands for a key that records may have
    and that is no longer here; ``catalogue[key]`` then returns it, so that no page fails for it, while the key is not
    in the catalogue, `get` does not find it, and nothing offers it.
    """

    def __init__(self, *entries: E, gone: Callable[[str], E] | None = None) -> None:
        super().__init__({entry.key: entry for entry in entries})
        if len(self) != len(entries):
            keys = [entry.key for entry in entries]
            raise ValueError(f"given twice: {sorted({key for key in keys if keys.count(key) > 1})}")
        self.built_in: Mapping[str, E] = MappingProxyType(dict(self))
        self.gone = gone
        self.labels = Labels(self)

    def __missing__(self, key: str) -> E:
        if self.gone is not None and KEY.fullmatch(key):
            return self.gone(key)
        raise KeyError(key)

    @property
    def added(self) -> tuple[E, ...]:
        """The entries of the installation."""
        return tuple(entry for key, entry in self.items() if key not in self.built_in)

    def add(self, entries: Iterable[E]) -> None:
        """Put these entries behind the built-in ones, in place of all that were added before."""
        for entry in self.added:
            del self[entry.key], self.labels[entry.key]
        for entry in entries:
            self[entry.key], self.labels[entry.key] = entry, entry.label

    def words(self, keys: Iterable[str]) -> str:
        """Return the labels of some keys; a key that is no longer in the catalogue is said to be so."""
        return ", ".join(self.labels.get(key, key) for key in keys)


class Labels(dict[str, str]):
    """Label by key of a catalogue: the one that follows it, so that what is declared at import knows what is added.

    A key that is gone from the catalogue is not in it, and reads as being gone.
    """

    def __init__(self, of: Catalogue[Any]) -> None:
        super().__init__({key: entry.label for key, entry in of.items()})
        self.of = of

    def __missing__(self, key: str) -> str:
        return self.of[key].label

    def get(self, key: str, default: Any = None) -> Any:
        """Return a label, also that of a key that is gone; ``default`` for what can be no key of the catalogue."""
        return self[key] if key in self or (self.of.gone is not None and KEY.fullmatch(key)) else default

    def __or__(self, other: Any) -> Any:
        if self.of.gone is not None:
            raise TypeError("a copy would not follow the catalogue; join labels by collections.ChainMap")
        return super().__or__(other)

    def aliases(self) -> Iterator[tuple[str, str]]:
        """Yield each other name of an entry, with its key."""
        return ((name, key) for key, entry in self.of.items() for name in entry.aliases)


def labels(entries: Catalogue[Any]) -> Labels:
    """Return label by key, as the choices of a form; it follows the catalogue."""
    return entries.labels


def gone(key: str) -> str:
    """Return what a page reads for a key that is no longer in its catalogue."""
    return f"{key}, no longer in the catalogues"


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
