"""A day by which a page filters: as its three boxes say it, or whole in an address."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def day_asked(sent: Mapping[str, str], name: str = "day") -> tuple[str, dict[str, str]]:
    """Return the day of a filter, as ISO 8601 where it is one, and what stands in its three boxes.

    An address may also hold it whole (``name``); what is no date is returned as it was sent.
    """
    whole = sent.get(name, "").strip()[:40]
    parts = {part: sent.get(f"{name}-{part}", "").strip()[:10] for part in ("d", "m", "y")}
    if not whole and any(parts.values()):
        whole = "-".join(part.rjust(width, "0") for part, width in ((parts["y"], 4), (parts["m"], 2), (parts["d"], 2)))
    with suppress(ValueError):
        found = date.fromisoformat(whole)
        parts = {"d": str(found.day), "m": str(found.month), "y": str(found.year)}
    return whole, parts
