"""What the gate asks of the cold: a thaw is on record, and not too long ago (rule 54; hazards H10, H11)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from clinic.access import Role
from clinic.products.limits import COLD_UNKNOWN, cold_unknown

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.administration.verdict import Verdict
    from clinic.products.models import Product
    from clinic.treatments.models import Treatment

THAW_WARNING = 30
"""Minutes after thaw from which the bedside is warned (rule 54)."""


def thawed(verdict: Verdict, product: Product) -> None:
    """Ask for a thaw on record of what was frozen (rule 54), last of all: what something else stops is not thawed."""
    if product.thawed_at is not None or not product.lies_frozen:
        return
    because, who = "The product was frozen, and no thaw is recorded.", (Role.TECHNOLOGIST, Role.NURSE)
    fix: dict[str, Any] = {"fix": ("products.move", {"product_id": product.id, "kind": "thawed"})}
    if verdict.blocked:
        because, fix = f"{because} Do not thaw it while anything else stops it.", {}
    verdict.fault("Thawed", 54, because, "no (needed: yes)", who=who, fix_label="Record the thaw", **fix)


def thaw(verdict: Verdict, course: Treatment, product: Product, at: datetime) -> None:
    """Minutes since thaw within the protocol's (rule 54)."""
    limit = course.says.expiry.thaw_minutes
    if product.thawed_at is None:
        if cold_unknown(product):
            verdict.fault(
                "Fresh or thawed", 54, COLD_UNKNOWN, "not recorded", who=(Role.TECHNOLOGIST, Role.QUALITY),
                fix=("products.cold", {"product_id": product.id}), fix_label="Record it",
            )  # fmt: skip
        return
    minutes = int((at - product.thawed_at).total_seconds() // 60)
    over = limit is not None and at - product.thawed_at >= timedelta(minutes=limit)  # as the page says: expired
    values = (f"{minutes} min", f"less than {limit} min" if limit else "no limit")
    if over:
        verdict.fault(
            "Time after thaw",
            54,
            f"Too long after thaw: {minutes} minutes. The product expired after {limit} minutes.",
            *values,
        )
    elif minutes >= THAW_WARNING:
        verdict.warn("Time after thaw", 54, *values)
    else:
        verdict.fine("Time after thaw", 54, *values)
