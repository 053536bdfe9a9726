"""Banked cells that were assigned to a course and go back to the bank (rules 3, 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.errors import RuleBroken
from clinic.products.movements import AWAY

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.accounts.models import User
    from clinic.products.models import Product
    from clinic.products.movements import Movement

LEFT = {"thawed", "discarded", "unassigned"}
"""Movements after which a container stays with its course."""


def may_go_back(product: Product) -> bool:
    """Whether it was banked and assigned to its course, and is in the laboratory as it was then.

    What was issued is so once it came back intact and quality has signed the return (rule 60); what was started by
    mistake, once the start is voided.
    """
    moves = sorted(product.movements, key=lambda one: one.recorded_at)
    kinds = [movement.kind for movement in moves]
    if product.treatment_id is None or "assigned" not in kinds or product.uses or product.given:
        return False
    since = moves[len(kinds) - kinds[::-1].index("assigned") :]
    if {one.kind for one in since} & LEFT or any(one.damage or one.unauthorized for one in since):
        return False
    left = [one for one in since if one.kind in AWAY]
    return not left or any(one.kind == "returned" for one in since[since.index(left[-1]) :])


def unassign(product: Product, *, by: User, at: datetime, reason: str) -> Movement:
    """Return a product to the bank that was assigned to the wrong course, or whose course was stopped.

    Release decisions for the course end with it. Raises `RuleBroken` for what was issued, thawed, processed or given.
    """
    if not may_go_back(product):
        raise RuleBroken(
            "Only a banked product that was not thawed, processed or given for its course returns to the bank. One "
            "that was issued is returned intact first, and quality signs the return. Quality decides on any other one: "
            "reject or discard it.",
            rule=4,
        )
    movement = product.move(kind="unassigned", place="the bank", by=by, at=at, reason=reason)
    product.treatment = product.treatment_id = None
    return movement
