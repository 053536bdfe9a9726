"""Thawed cells that are put back into the cold: they are not frozen again (rule 54)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.errors import Problem, RuleBroken
from clinic.wording import moment as in_words

if TYPE_CHECKING:
    from datetime import datetime

COLDEST = 0
"""°C below which thawed cells freeze again [site default]."""
_COLD_PLACE = re.compile(
    r"\b(?:tanks?|freezers?|(?:liquid\s+)?nitrogen|ln\s?2|dewars?|vapou?r(?:\s+phase)?|dry\s+(?:ice|shipper)|cryo\w*"
    r"|deep[\s-]?(?:freeze\w*|frozen)|minus\s+\d+|stickstoff\w*|gefrier\w*|tiefk\w*)\b|(?<![\w\d])[-–−]\s?\d{2,3}\s?(?:°|degrees|c\b)",
    re.IGNORECASE,
)
"""Places in which cells freeze, where nobody wrote a temperature."""


def freezes(temperature: Decimal | None, place: str | None) -> bool:
    """Whether cells freeze at a temperature, °C, or, where none is written, in a place of that name."""
    if temperature is not None:
        return temperature < COLDEST
    return _COLD_PLACE.search(place or "") is not None


def refuse_refreezing(product: Any, kind: str, facts: dict[str, Any], place: str) -> None:
    """Raise `RuleBroken` where a movement would put a container into the cold after its thaw, or does not say how cold.

    Every storage after a thaw says its temperature.
    """
    thawed, at = thawed_since(product), facts.get("performed_at")
    if thawed is None or at is None or at < thawed:
        return
    if not freezes(facts.get("temperature"), place):
        if kind == "stored" and facts.get("temperature") is None:
            when = in_words(thawed, product.zone)
            said = (
                f"These cells were thawed at {when}. Enter the temperature of the place: the name of a place says none."
            )
            raise RuleBroken(Problem(said, "temperature", rule=54))
        return
    said = (
        f"These cells were thawed at {in_words(thawed, product.zone)} and must not be frozen again. Give them within "
        "their time, or discard the product. If they are kept cool and not frozen, enter that temperature."
    )
    raise RuleBroken(Problem(said, "temperature", rule=54))


def refrozen(move: Any) -> str:
    """Return in words that a movement put thawed cells back into the cold; empty: it did not.

    A correction does not take it back: quality decides.
    """
    thawed = thawed_since(move.product) if move.product is not None else None
    if thawed is None or move.performed_at is None or move.kind == "thawed" or move.performed_at <= thawed:
        return ""
    earlier = [
        (_degrees(one.changes.get("temperature", [move.temperature])[0]), one.changes.get("place", [move.place])[0])
        for one in move.amendments
    ]
    if not any(freezes(degrees, place) for degrees, place in ((move.temperature, move.place), *earlier)):
        return ""
    return f"{move.headline()}: put back into the cold after the thaw; thawed cells are not frozen again."


def thawed_since(product: Any) -> datetime | None:
    """Return when cells were thawed that nobody froze since; None: they are not."""
    thawed, frozen = product.thawed_at, product.frozen_at
    return None if thawed is not None and frozen is not None and frozen > thawed else thawed


def _degrees(said: Any) -> Decimal | None:
    return None if said in (None, "") else Decimal(str(said))
