"""Banked cells that were assigned to a course and go back to the bank (rules 3, 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.errors import RuleBroken

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.accounts.models import User
    from clinic.products.models import Product
    from clinic.products.movements import Movement

LEFT = {"issued", "handed_over", "shipped", "given", "thawed", "discarded", "unassigned"}
"""Movements after which a container stays with its course."""


def may_go_back(product: Product) -> bool:
    """Whether it was banked and assigned to its course, and nothing happened to it for the course yet."""
    kinds = [movement.kind for movement in sorted(product.movements, key=lambda one: one.recorded_at)]
    if product.treatment_id is None or "assigned" not in kinds or product.uses:
        return False
    return not {*kinds[len(kinds) - kinds[::-1].index("assigned") :]} & LEFT


def unassign(product: Product, *, by: User, at: datetime, reason: str) -> Movement:
    """Return a product to the bank that was assigned to the wrong course, or whose course was stopped.

    Release decisions for the course end with it. Raises `RuleBroken` for what was issued, thawed, processed or given.
    """
    if not may_go_back(product):
        raise RuleBroken(
            "Only a banked product that was not thawed, processed or issued for its course returns to the bank. "
            "Quality decides on any other one: reject or discard it.",
            rule=4,
        )
    movement = product.move(kind="unassigned", place="the bank", by=by, at=at, reason=reason)
    product.treatment = product.treatment_id = None
    return movement
