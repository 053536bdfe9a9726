"""What is said of a protocol before anybody agrees to it: how it is regulated, what is proven, who approved it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.protocols.catalogue import within
from clinic.protocols.cells import MANIPULATIONS
from clinic.protocols.conditions import CONDITIONS
from clinic.protocols.content import RegulatoryPath, Relation
from clinic.protocols.delivery import ROUTES
from clinic.protocols.facts import leaves

if TYPE_CHECKING:
    from clinic.protocols.content import Content


def unproven(content: Content) -> list[str]:
    """Return the labels of its unproven indications (rule 74)."""
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
    more, not_proven = more_than_minimal(content), unproven(content)
    found = [(leaf.fact.label, leaf.words(content)) for leaf in leaves(type(content)) if leaf.fact.claim]
    found.append(
        ("Manipulation", f"More than minimal: {', '.join(within(label) for label in more)}" if more else "Minimal")
    )
    systemic = any(ROUTES[key].systemic for key in content.routes if key in ROUTES)
    if content.regulatory_path is RegulatoryPath.HCTP_361 and systemic and Relation.ALLOGENEIC in content.relations:
        found.append(("Donor", "Acts on the whole body: a donor is a relative of first or second degree (rule 22)"))
    if not_proven:
        found.append(("Not proven for", ", ".join(not_proven)))
    return found
