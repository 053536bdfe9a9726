"""Corrections of a container that a second person confirms."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinic.records import Amendment

CRITICAL = frozenset({"volume", "amount", "measure", "cell_type", "source", "relation"})
"""Facts of a container whose correction a second person confirms: what it is and holds; so is a later expiry."""


def lasts_longer(correction: Amendment) -> bool:
    """Whether a correction moved the end to later, took it away, or set one by hand where there was none."""
    if "expires_at" not in correction.changes:
        return False
    before, after = correction.changes["expires_at"]
    return None in {before, after} or datetime.fromisoformat(after) > datetime.fromisoformat(before)


def confirmed_by_another(corrections: Sequence[Amendment]) -> list[Amendment]:
    """Return which corrections of a container, in their order, a second person confirms (rules 1, 36, 38, 50).

    So does the first end of a container that has none: what nothing limits, one person alone could let last for years.
    """
    return [one for one in corrections if one.corrects(CRITICAL) or lasts_longer(one)]
