"""What must be told of a protocol before anybody agrees to it: how it is regulated, what is proven, who approved it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.protocols.catalogue import within
from clinic.protocols.cells import MANIPULATIONS
from clinic.protocols.conditions import CONDITIONS
from clinic.protocols.content import RegulatoryPath, Relation
from clinic.protocols.delivery import ROUTES

if TYPE_CHECKING:
    from clinic.protocols.content import Content


def unproven(content: Content) -> list[str]:
    """Return the labels of its indications that nobody has proven (rule 74)."""
    return [CONDITIONS[key].label for key in content.conditions if key in CONDITIONS and CONDITIONS[key].unproven]


def more_than_minimal(content: Content) -> list[str]:
    """Return the labels of the laboratory steps that are more than minimal manipulation (21 CFR 1271.3(f), rule 22)."""
    return [
        MANIPULATIONS[key].label
        for key in content.manipulations
        if key in MANIPULATIONS and MANIPULATIONS[key].more_than_minimal
    ]


def claims(content: Content) -> list[tuple[str, str]]:
    """Return label and words of what the order and the consent show (rules 22 and 74)."""
    found = [("Regulatory path", content.regulatory_path.label)]
    more = more_than_minimal(content)
    systemic = any(ROUTES[key].systemic for key in content.routes if key in ROUTES)
    if content.regulatory_path is RegulatoryPath.HCTP_361 and systemic and Relation.ALLOGENEIC in content.relations:
        found.append(("Donor", "Acts on the whole body: a donor is a relative of first or second degree (rule 22)"))
    found.append(
        ("Manipulation", f"More than minimal: {', '.join(within(label) for label in more)}" if more else "Minimal")
    )
    found.append(("Use", "Homologous" if content.homologous else "Not claimed to be homologous"))
    wanting = unproven(content)
    if wanting:
        found.append(("Not proven for", ", ".join(wanting)))
    return [*found, ("Evidence", content.evidence or "Not stated"), ("Ethics approval", content.ethics or "Not stated")]
