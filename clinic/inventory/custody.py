"""Moving a product: who may, and what must be true before it leaves for the bedside."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from clinic.access import Role
from clinic.errors import RuleBroken, StepBlocked
from clinic.products.models import MOVEMENTS
from clinic.release.product_state import ProductState, state_of
from clinic.release.step import before
from clinic.steps import Blocked

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.products.models import Movement, Product

LABORATORY = frozenset({Role.TECHNOLOGIST})
CARRIES = LABORATORY | {Role.NURSE, Role.PHYSICIAN}
ENDS = LABORATORY | {Role.QUALITY, Role.DIRECTOR}
MOVERS = {
    "received": LABORATORY,
    "stored": LABORATORY,
    "thawed": CARRIES,
    "issued": LABORATORY | {Role.QUALITY},
    "handed_over": CARRIES,
    "returned": CARRIES,
    "shipped": LABORATORY,
    "discarded": ENDS,
}
"""Who writes down which movement. An assignment and a giving have pages of their own."""
MOVES = CARRIES | ENDS
ASKED = {
    "received": ("place", "temperature", "intact", "reason"),
    "stored": ("place", "temperature"),
    "thawed": ("place",),
    "issued": ("handed_to", "place", "temperature", "intact"),
    "handed_over": ("handed_to", "place", "temperature", "intact"),
    "returned": ("place", "temperature", "intact", "reason"),
    "shipped": ("place", "handed_to", "temperature"),
    "discarded": ("reason",),
}
"""Which facts a movement's form asks for, besides when and by whom."""
ICONS = {
    "received": "package-import",
    "stored": "snowflake",
    "thawed": "droplet",
    "issued": "package-export",
    "handed_over": "transfer",
    "returned": "arrow-back-up",
    "shipped": "truck-delivery",
    "discarded": "trash",
}


def offered(product: Product, role: Role) -> list[str]:
    """Return the movements that somebody may write down now: only what is frozen thaws, only what left comes back."""
    last = product.movements[-1].kind if product.movements else ""
    sense = {
        "thawed": product.thawed_at is None and (product.frozen_at is not None or product.cryo_medium is not None),
        "returned": last in {"issued", "handed_over", "shipped"},
    }
    return [kind for kind, roles in MOVERS.items() if role in roles and sense.get(kind, True)]


def may_issue(product: Product, at: datetime) -> list[Blocked]:
    """Return why a product may not leave for the bedside now: not released, expired, of no course, came back broken."""
    found: list[Blocked] = []
    state = state_of(product, at)
    release = ("release.release", {"product_id": product.id})
    if state is ProductState.EXPIRED:
        found.append(Blocked(rule=50, because="The product is expired."))
    elif not state.usable:
        because = f"The product is not released: it is {state.label.lower()}."
        who = (Role.QUALITY,) if state is ProductState.QUARANTINE else ()
        found.append(Blocked(rule=50, because=because, who=who, fix=release, fix_label="Open the release"))
    if product.treatment is None:
        assign = ("products.assign", {"product_id": product.id})
        found.append(
            Blocked(
                rule=4,
                because="The product is assigned to no patient's course.",
                who=(Role.PHYSICIAN, Role.TECHNOLOGIST),
                fix=assign,
                fix_label="Assign it",
            )
        )
    elif product.relation == "autologous" and product.donor.patient_id != product.treatment.patient_id:
        found.append(Blocked(rule=3, because="These are another patient's own cells."))
    returns = [movement for movement in product.movements if movement.kind == "returned"]
    if returns and returns[-1].intact is False:
        found.append(Blocked(rule=60, because=f"It came back damaged: {returns[-1].reason}. It is not issued again."))
    return found + [reason for reason in before(product, at) if reason not in found]


def move(product: Product, *, kind: str, by: User, at: datetime, **facts: Any) -> Movement:
    """Write down a movement; `RuleBroken` for a role that does not do it, `StepBlocked` where nothing may be issued."""
    if by.role not in MOVERS.get(kind, frozenset()):
        who = " or ".join(sorted(role.label for role in MOVERS.get(kind, frozenset())))
        raise RuleBroken(
            f"“{MOVEMENTS.get(kind, kind)}” is written down by {who or 'nobody here'}, not by {by.role.label}."
        )
    reasons = may_issue(product, at) if kind == "issued" else []
    if reasons:
        raise StepBlocked("Issuing the product", reasons)
    return product.move(kind=kind, by=by, at=at, **facts)
