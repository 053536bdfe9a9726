"""What the page of a signature shows where a version is published or retired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.protocols import wording
from clinic.protocols.claims import claims

if TYPE_CHECKING:
    from clinic.protocols.models import ProtocolVersion


def publishing(chosen: ProtocolVersion) -> dict[str, Any]:
    """Return what is read before a version is published."""
    earlier = chosen.protocol.published()
    then = "is retired; its courses continue, and a new course needs consent to the new version"
    return {
        "heading": f"Publish: {chosen.name}",
        "lede": chosen.says.title,
        "version": chosen.version,
        "meaning": "I have read this version in full. New courses can start under it",
        "label": "Publish",
        "facts": [
            *wording.plan(chosen.says),
            *wording.dose(chosen.says),
            ("Tests", str(len(chosen.says.qc)), ""),
            ("Visits", str(len(chosen.says.visits)), ""),
            *((label, said, "") for label, said in claims(chosen.says)),
            *([("Then", f"{earlier.name} {then}", "")] if earlier else []),
        ],
    }


def retiring(chosen: ProtocolVersion) -> dict[str, Any]:
    """Return what is read before a version is retired."""
    return {
        "heading": f"Retire: {chosen.name}",
        "lede": chosen.says.title,
        "version": chosen.version,
        "label": "Retire",
        "icon": "archive",
        "meaning": "No new course can start under this version; its current courses continue",
        "facts": wording.plan(chosen.says),
    }
