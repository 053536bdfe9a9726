"""Which corrections of a signed run a second person confirms: volumes, times of cold, counts (rules 36, 38, 50)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clinic.records import Amendment, Entry

CRITICAL = frozenset({"ended_at", "thawed_at", "added_volume", "waste_volume", "cryo_medium", "dmso_percent"})
CRITICAL_COUNT = frozenset({"counted", "concentration", "volume", "viability"})
CRITICAL_COLD = frozenset({"kind", "performed_at", "ended_at"})


def critical(run: Any) -> list[Amendment]:
    """Return such corrections of a `clinic.processing.models.ProcessingRun` after its first signature, in order."""
    parts: list[tuple[Entry, frozenset[str]]] = [(run, CRITICAL)]
    parts += [(count, CRITICAL_COUNT) for count in run.counts]
    parts += [(one, CRITICAL_COLD) for one in run.manipulations if one.kind in {"cryopreserve", "thaw"}]
    since = min((signature.signed_at for signature in run.signatures), default=None)
    found = [
        one
        for part, names in parts
        for one in part.amendments
        if since is not None and one.amended_at >= since and one.corrects(names)
    ]
    return sorted(found, key=lambda one: one.amended_at) if run.origin == "clinic" else []
