"""Units as people write them: “kg”, “lbs”, “×10⁶ cells/kg”, “10^5/kg”, “IU/L”; the same unit in two ways is one."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

TIME = "time"
MEASURES: dict[str, dict[str, str]] = {
    "mass": {
        "g": "1", "gm": "1", "gms": "1", "gr": "1", "gram": "1", "gramme": "1", "gramm": "1", "mcg": "0.000001",
        "kgs": "1000", "kilo": "1000", "kilos": "1000", "lb": "453.59237", "lbs": "453.59237", "pound": "453.59237",
        "pfund": "500", "oz": "28.349523125", "ounce": "28.349523125", "st": "6350.29318", "stone": "6350.29318",
        "stones": "6350.29318", "t": "1000000", "ton": "1000000", "tonne": "1000000",
    },
    "length": {
        "m": "1", "meter": "1", "metre": "1", "in": "0.0254", "inch": "0.0254", "inches": "0.0254", '"': "0.0254",
        "zoll": "0.0254", "ft": "0.3048", "foot": "0.3048", "feet": "0.3048", "'": "0.3048", "yd": "0.9144",
        "yard": "0.9144", "mile": "1609.344",
    },
    "volume": {
        "l": "1", "liter": "1", "litre": "1", "cc": "0.001", "ccm": "0.001", "floz": "0.0295735295625",
        "gal": "3.785411784", "gallon": "3.785411784", "pint": "0.473176473", "mls": "0.001",
    },
    TIME: {
        "s": "1", "sec": "1", "secs": "1", "second": "1", "sekunde": "1", "min": "60", "mins": "60", "minute": "60",
        "minuten": "60", "h": "3600", "hr": "3600", "hrs": "3600", "hour": "3600", "std": "3600", "stunde": "3600",
        "stunden": "3600", "d": "86400", "day": "86400", "tag": "86400", "w": "604800",
        "wk": "604800", "wks": "604800", "week": "604800", "woche": "604800", "wochen": "604800", "mo": "2629800",
        "mon": "2629800", "mos": "2629800", "mth": "2629800", "mths": "2629800", "month": "2629800",
        "monat": "2629800", "monate": "2629800", "y": "31557600", "yr": "31557600", "yrs": "31557600",
        "year": "31557600", "jahr": "31557600", "jahre": "31557600", "decade": "315576000",
    },
    "amount": {"mol": "1", "mole": "1", "molar": "1"},
    "charge": {"eq": "1"},
    "pressure": {"pa": "1", "mmhg": "133.322", "torr": "133.322", "bar": "100000", "cmh2o": "98.0665"},
    "iu": {"iu": "1", "ie": "1"},
    "u": {"u": "1", "unit": "1"},
    "eu": {"eu": "1"},
    "copies": {"copy": "1", "copies": "1", "vcn": "1"},
    "celsius": {"°c": "1", "degc": "1", "celsius": "1"},
    "fahrenheit": {"°f": "1", "degf": "1", "fahrenheit": "1"},
    "beats": {"beat": "1"},
    "": {
        "%": "0.01", "percent": "0.01", "pct": "0.01", "perc": "0.01", "prozent": "0.01", "‰": "0.001",
        "permille": "0.001", "ppm": "0.000001", "fraction": "1", "ratio": "1", "proportion": "1", "anteil": "1",
        "cell": "1", "zellen": "1", "cfu": "1", "viable": "1", "v": "1", "mnc": "1", "particle": "1",
        "dozen": "12", "thousand": "1000", "tsd": "1000", "k": "1000", "million": "1000000", "mio": "1000000",
        "mill": "1000000", "mln": "1000000", "billion": "1000000000", "mrd": "1000000000",
    },
}  # fmt: skip
"""What each unit is in the first one of what it measures; months and years are those of the calendar on average."""
PREFIXES = {
    "p": "1e-12", "n": "1e-9", "u": "1e-6", "m": "1e-3", "c": "1e-2", "d": "1e-1", "k": "1e3",
    "pico": "1e-12", "nano": "1e-9", "micro": "1e-6", "mikro": "1e-6", "milli": "1e-3", "centi": "1e-2",
    "zenti": "1e-2", "deci": "1e-1", "dezi": "1e-1", "kilo": "1e3",
}  # fmt: skip
SHORT = frozenset({"g", "m", "l", "s", "mol", "eq", "pa", "iu", "u", "eu"})
LONG = frozenset({"gram", "gramme", "gramm", "meter", "metre", "liter", "litre", "mole", "second"})
BASES = {name: (measure, Decimal(size)) for measure, names in MEASURES.items() for name, size in names.items()}
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
SAME = {
    "μ": "u",
    "µ": "u",
    "×": "x",
    "·": "*",
    "−": "-",
    "–": "-",
    "\u2033": '"',
    "”": '"',
    "\u2032": "'",
    "\u2019": "'",
}
POWER = re.compile(r"x?10\^?([+-]?[1-9]\d?)|x?1e\+?0*([1-9]\d?)|e\+?0*([1-9]\d?)|x?(10+)|x?1((?:[ ,.]?000)+)")
ATOM = re.compile(r"([^\W\d_]+|[°%‰\"'][^\W\d_]*|cmh2o)(?:\^?([+-]?[1-9]))?")
MOST = 60
"""Characters of what can be a unit."""


class Unit(NamedTuple):
    """What a unit measures, each with its power, and its size in the first units of these."""

    measures: tuple[tuple[str, int], ...]
    size: Decimal

    @property
    def of_time(self) -> bool:
        """Whether it is one of time alone."""
        return self.measures == ((TIME, 1),)


@lru_cache(maxsize=4096)
def unit(text: str) -> Unit | None:
    """Return the unit that a text is; None where it is none."""
    said = _plain(text)
    if not said or len(said) > MOST:
        return None
    over = re.split(r"/|\bper\b|\bpro\b", said)
    measures: dict[str, int] = {}
    size = Decimal(1)
    for place, part in enumerate(over):
        if not part.strip():
            if place == 0 and len(over) > 1:
                continue  # “/µL”, “per kg”
            return None
        factors = _factors(part)
        if factors is None:
            return None
        for measure, power, one in factors:
            turned = power if place == 0 else -power
            size *= one**turned
            if measure:
                measures[measure] = measures.get(measure, 0) + turned
    return Unit(tuple(sorted((name, power) for name, power in measures.items() if power)), size)


def same(one: Unit, other: Unit) -> bool:
    """Whether figures in one unit are figures in the other."""
    return one.measures == other.measures and abs(one.size / other.size - 1) < Decimal("1e-9")


def are_same(one: str, other: str) -> bool:
    """Whether two texts are the same unit."""
    first, second = unit(one), unit(other)
    return first is not None and second is not None and same(first, second)


def _plain(text: str) -> str:
    raised = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+", lambda found: "^" + found[0].translate(RAISED), text)
    said = unicodedata.normalize("NFKC", "".join(SAME.get(one, one) for one in raised)).casefold()
    said = "".join(SAME.get(one, one) for one in said)
    said = re.sub(r"^\s*(in|units?|unit of)\s*[:=]?\s+(?=\S)", "", said)
    said = re.sub(r"\b(of )?body ?weight\b|\bbw\b", " ", said)
    return said.strip().rstrip(".")


def _factors(part: str) -> list[tuple[str, int, Decimal]] | None:
    """Return what each word of a product measures, its power and its size; None where a word is no unit."""
    found, words = [], re.sub(r"(?<=[\d])\s*(?=[^\W\d_])(?!e\d)", " ", part.replace("*", " ")).split()
    for word in words:
        one = _number(word) or _atom(word)
        if one is None:
            return None
        found.append(one)
    return found or None


def _number(word: str) -> tuple[str, int, Decimal] | None:
    if word == "x":
        return "", 1, Decimal(1)
    found = POWER.fullmatch(word)
    if found is None:
        return None
    exponent = found[1] or found[2] or found[3]
    figure = found[4] or (re.sub(r"[ ,.]", "", "1" + found[5]) if found[5] else "")
    return "", 1, Decimal(10) ** int(exponent) if exponent else Decimal(figure)


def _atom(word: str) -> tuple[str, int, Decimal] | None:
    found = ATOM.fullmatch(word.rstrip("."))
    if found is None:
        return None
    name, power = found[1], int(found[2] or 1)
    known = BASES.get(name) or BASES.get(name.removesuffix("s")) if len(name) > 1 else BASES.get(name)
    if known is None:
        known = _prefixed(name) or _prefixed(name.removesuffix("s"))
    if known is None:
        return None
    measure, size = known
    if measure == "length" and power == 3:
        return "volume", 1, size**3 * 1000
    return measure, power, size


def _prefixed(name: str) -> tuple[str, Decimal] | None:
    for length in (1, 4, 5):
        prefix, base = name[:length], name[length:]
        if prefix in PREFIXES and base in (SHORT if length == 1 else LONG):
            measure, size = BASES[base]
            return measure, size * Decimal(PREFIXES[prefix])
    return None
