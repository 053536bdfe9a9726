"""How much DMSO a freezing medium holds by its name, and whether a figure contradicts it (rules 53, 54)."""

from __future__ import annotations

import re
from decimal import Decimal

from clinic.errors import Problem
from clinic.fields import plain
from clinic.patients.allergens import ADDITIVES, mentions
from clinic.patients.names import searchable

NAMED = (
    # CryoStor CS2, CS5, CS10: 2, 5 and 10 % DMSO (BioLife Solutions); Synth-a-Freeze and CELLBANKER: 10 %
    (re.compile(r"\bcs ?-?(?P<percent>2|5|10)\b", re.IGNORECASE), None),
    (re.compile(r"synth.?a.?freeze|cellbanker", re.IGNORECASE), Decimal(10)),
)
_DMSO = r"(?:dmso|dimethyl\s*sul(?:f|ph)oxide|me2so)"
_FIGURE = r"(?P<percent>\d+(?:[.,]\d+)?)\s*(?:%|percent|vol\.?\s*%)\s*(?:\(?[vw]\s*/\s*[vw]\)?)?"
_STATED = (
    re.compile(rf"{_FIGURE}\s*{_DMSO}", re.IGNORECASE),
    re.compile(rf"{_DMSO}\s*[:=(]?\s*{_FIGURE}", re.IGNORECASE),
)
_WITHOUT = re.compile(rf"{_DMSO}[\s-]*free|(?:without|no|free of)\s+{_DMSO}|cryosofree", re.IGNORECASE)
_DILUTED = re.compile(r"dilut|\d\s*[:+]\s*\d|mixed|half|final", re.IGNORECASE)
_NO_MEDIUM = re.compile(r"\W*(none|no|nil|n\W?a|not (frozen|applicable|used)|fresh|-+)\W*", re.IGNORECASE)
CLOSE = Decimal("0.5")
"""% v/v by which a figure may differ from the name of the medium."""


def names_medium(medium: str | None) -> bool:
    """Whether a box says a freezing medium: “none” and “not frozen” name none."""
    return bool(medium and medium.strip()) and not _NO_MEDIUM.fullmatch(medium or "")


def dmso_named(medium: str | None) -> Decimal | None:
    """Return how much DMSO a medium holds by its name, % v/v; None where the name does not say."""
    text = medium or ""
    if _WITHOUT.search(text):
        return Decimal(0)
    for pattern in _STATED:
        if (found := pattern.search(text)) is not None:
            return Decimal(found["percent"].replace(",", "."))
    for pattern, percent in NAMED:
        if (found := pattern.search(text)) is not None:
            return percent if percent is not None else Decimal(found["percent"])
    return None


def contradicts(medium: str | None, percent: Decimal | None) -> list[Problem]:
    """Return that the figure for DMSO is not that of the named medium; empty: they agree, or one is not known."""
    if percent is None or not names_medium(medium):
        return []
    named = dmso_named(medium)
    holds = (
        named is None and not _WITHOUT.search(medium or "") and mentions(searchable(medium or ""), ADDITIVES["DMSO"])
    )
    if holds and percent == 0:
        said = f"DMSO: {medium} contains DMSO, so it cannot be 0 %. Enter how much of it is in the container, % v/v."
        return [Problem(said, "dmso_percent", rule=53)]
    if named is None or (abs(named - percent) <= CLOSE and (percent > 0) == (named > 0)):
        return []
    if 0 < percent < named and _DILUTED.search(medium or ""):
        return []
    said = (
        f"DMSO: {medium} has {plain(named)} %, not {plain(percent)} %. Correct one of them. If the medium was diluted, "
        "write so beside its name: “diluted 1:1”."
    )
    return [Problem(said, "dmso_percent", rule=53)]
