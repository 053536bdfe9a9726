"""Corrections of a container that a second person confirms."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clinic.records import Amendment

CRITICAL = frozenset({"volume", "amount", "measure", "cell_type", "source", "relation"})
"""Facts of a container whose correction a second person confirms: what it is and holds; so is a later expiry."""


def lasts_longer(correction: Amendment) -> bool:
    """Whether a correction moved the end to later, took it away, or set one by hand where there was none."""
    if "expires_at" not in correction.changes:
        return False
    before, after = correction.changes["expires_at"]
    return None in {before, after} or datetime.fromisoformat(after) > datetime.fromisoformat(before)
