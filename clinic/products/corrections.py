"""Corrections of a container that a second person confirms."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from clinic import clock

if TYPE_CHECKING:
    from clinic.records import Amendment

COLD = "frozen_at"
CRITICAL = frozenset({"volume", "amount", "measure", "cell_type", "source", "relation"})
"""Facts of a container whose correction a second person confirms: what it is and holds; so is a later expiry."""


def tells_cold(correction: Amendment) -> bool:
    """Whether a correction says of a container that came in whether it is fresh, or when it was frozen (rule 54)."""
    before, after = correction.changes.get("confirmed", (None, None))
    return COLD in correction.changes or (before or {}).get(COLD) != (after or {}).get(COLD)


def lasts_longer(correction: Amendment) -> bool:
    """Whether a correction moved the end to later, took it away, or set one by hand where there was none."""
    if "expires_at" not in correction.changes:
        return False
    before, after = correction.changes["expires_at"]
    if None in {before, after}:
        return True
    if not (":" in before and ":" in after):  # what was known in part is taken from its safe side
        return clock.kept_day(after) >= clock.kept_day(before)
    return datetime.fromisoformat(after) > datetime.fromisoformat(before)
