"""The unit that a heading says its column has: “Weight (lb)”, “Height, in”, “weight_g”, “Volume/L”."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from clinic.exchange.import_checks import Fault
from clinic.exchange.import_targets import slot
from clinic.exchange.mapping import Target
from clinic.exchange.table_cells import is_figure, unit_of
from clinic.exchange.units import Unit, same, unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinic.exchange.mapping import Mapping

BRACKETS = re.compile(r"[(\[{\uff08]([^()\[\]{}\uff08\uff09]*)[)\]}\uff09]")
BETWEEN = re.compile(r"[\s,;:/|_.\-–—]+|(?<=[a-z])(?=[A-Z])|(?=%)")
ALSO_WORDS = frozenset({
    "in", "st", "min", "mo", "mon", "no", "pa", "eq", "std", "mill", "foot", "stone", "gm", "fraction", "ratio",
    "proportion", "anteil", "ton",
})  # fmt: skip
"""Units that are words too: behind a name they are units only of what the fact measures."""
LETTER = re.compile(r"[a-z]\d?")
"""“m” and “m3” behind a name may be a meter, and month 3."""
PER = re.compile(r"(per|pro)\b", re.IGNORECASE)
AMOUNT = re.compile(r"[x×]?\s*\d|million|mio|thousand|billion", re.IGNORECASE)
MONTH, OF_ONE = "month", re.compile(r"\s*0(?:[.,]0)?\s*(?:-|–|—|to|\.\.+|…|bis)\s*1(?:[.,]0)?\s*")


def told_otherwise(heading: str, wanted: str) -> str:
    """Return the unit of a heading that is another one than its figures must have; "" where it is the same or none.

    ``wanted``: the unit of the figures, as `clinic.exchange.table_cells.unit_of` has it; "" where none is known.
    """
    return _told_otherwise(heading, wanted) if wanted else ""


@lru_cache(maxsize=4096)
def _told_otherwise(heading: str, wanted: str) -> str:
    right = unit(wanted)
    for text, said in _in_brackets(heading, right) or _behind(heading, right):
        if right is None or not same(said, right):
            return text
    return ""


def _in_brackets(heading: str, right: Unit | None) -> list[tuple[str, Unit]]:
    found = []
    for part in BRACKETS.findall(heading):
        pieces = [part, *re.split(r"[,;:|]", part), *_first_words(part)]
        said = next(((one.strip(), known) for one in pieces if (known := _unit(one, right)) is not None), None)
        if said is not None:
            found.append(said)
    return found


def _first_words(part: str) -> Iterator[str]:
    """Yield the first word of what stands in brackets where it can be nothing but a unit: “kg at consent”."""
    word = part.split(maxsplit=1)[0] if part.split() else ""
    if word == "%" or (len(word) > 1 and word.casefold() not in ALSO_WORDS):
        yield word


def _unit(text: str, right: Unit | None) -> Unit | None:
    """Return the unit that a text is for such a fact: a time tells when something was, unless the fact is a time."""
    of_time = right is not None and right.of_time
    text = MONTH if of_time and text.strip().casefold() == "m" else text
    said = unit("fraction" if OF_ONE.fullmatch(text) and right is not None and not right.measures else text)
    return None if said is None or (said.of_time and not of_time) else said


def _behind(heading: str, right: Unit | None) -> list[tuple[str, Unit]]:
    """Return the unit that stands behind a name, or is the whole heading: the longest text that is another one.

    None where a text behind the name is the right one, as “days” of “First cells, days”.
    """
    name = BRACKETS.sub(" ", heading).strip()
    places = [(0, ""), *((found.end(), found[0]) for found in BETWEEN.finditer(name))]
    texts = [(name[place:].replace("_", " "), mark) for place, mark in places]
    counted = any(PER.match(text) for text, _mark in texts)
    found = []
    for text, mark in texts:
        said = _unit(text, right) if text else None
        if said is not None and right is not None and same(said, right):
            return []
        if said is None or (counted and not AMOUNT.match(text)):
            continue  # “cells per kg” says not how many
        if not _is_remnant(said, mark, right, text):
            found.append((text, said))
    return found[:1]


def _is_remnant(said: Unit, mark: str, right: Unit | None, text: str) -> bool:
    """Whether a text is no unit of its own: “cells” counts things, and the kg of “CD34/kg” is a part of the unit."""
    words = text.casefold().split()
    if any(word in ALSO_WORDS or LETTER.fullmatch(word) for word in words):
        return right is None or said.measures != right.measures
    if not said.measures and said.size == 1:
        return True
    return "/" in mark and right is not None and {(name, -power) for name, power in said.measures} <= {*right.measures}


def unit_faults(mapping: Mapping) -> list[Fault]:
    """Return each column whose heading has another unit than its figures would be read in (`wanted_unit`)."""
    columns = [(name, target) for name, wanted in mapping.columns.items() for target in wanted]
    columns += [
        (pair.time, Target.model_validate({"to": to, "as": pair.transform})) for to, pair in mapping.pairs.items()
    ]
    found = []
    for name, target in columns:
        wanted = wanted_unit(target, mapping.kind)
        called = target.to.rpartition(".")[2] == name.casefold()  # by the fact's own name
        if not called and (said := told_otherwise(name, wanted)):
            found.append(Fault(row=1, column=name, value=name, expected=sentence(said, wanted)))
    return found


def wanted_unit(target: Target, kind: str) -> str:
    """Return the unit in which the figures of a column must stand; "" where none is known, or a factor converts it."""
    place = slot(target.to, kind)
    if place is None or target.factor or not (is_figure(place) or place.name == "course_day"):
        return ""
    return unit_of(place, target) or ("days" if place.name == "course_day" else "")


def sentence(said: str, wanted: str) -> str:
    """Return what is wrong with a heading in another unit, and what to do."""
    return (
        f"a column in {wanted}: its heading says “{said[:40]}”. Convert it by “as” or “factor” in the mapping; if its "
        f'figures are in {wanted} all the same, say so by factor = "1"'
    )
