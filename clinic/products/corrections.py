"""Corrections of a container that a second person confirms."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clinic.records import Amendment

CRITICAL = frozenset({"volume", "amount", "measure", "cell_type", "source", "relation"})
"""Facts of a container whose correction a second person confirms: what it is and holds; so is a later expiry."""


def lasts_longer(correction: Amendment) -> bool:
    """Whether a correction moved the end to later, or took it away."""
    before, after = correction.changes.get("expires_at", (None, None))
    return before is not None and (after is None or datetime.fromisoformat(after) > datetime.fromisoformat(before))
