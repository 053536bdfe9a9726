"""The receipt of what was collected, before it goes into a run (rule 34).

Where harvest and laboratory are apart, the technologist records the receipt on the product's page. Where they are one
room, the same questions are in the form that starts the run: container intact and label correct, temperature where the
protocol has a range. So every run begins with cells that somebody looked at, and the course in one room needs no
further page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.errors import Problem, RuleBroken
from clinic.fields import plain
from clinic.products.movements import WARMEST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from clinic.accounts.models import User
    from clinic.products.models import Product

BOXES = ("received_intact", "received_temperature")
"""The boxes of a form that ask about the receipt."""


def awaits_receipt(product: Product) -> bool:
    """Whether no receipt says that container and label were right; what a run made was here from its beginning."""
    if product.harvest_id is None:
        return False
    return not any(move.kind == "received" and move.intact is not None for move in product.movements)


def receive(run: Any, products: Sequence[Product], facts: dict[str, Any], *, by: User, at: datetime) -> None:
    """Record the receipt of what has none at the start of a run; `RuleBroken` where it may go into no run (rule 34).

    ``facts``: what a form says, of which the boxes about the receipt are taken out.
    """
    intact, degrees = (facts.pop(name, None) for name in BOXES)
    for product in products:
        if awaits_receipt(product):
            _refuse(product, intact=intact, degrees=degrees, begun=run.performed_at)
            product.move(
                kind="received", place=run.room or "Laboratory", temperature=degrees, intact=True, by=by, at=at,
                performed_at=run.performed_at, performed_by=run.performed_by,
            )  # fmt: skip


def _refuse(product: Product, *, intact: bool | None, degrees: Decimal | None, begun: datetime | None) -> None:
    """Ask for what a receipt needs; what is damaged or out of range is received by itself, and quality decides."""
    name = f"{product.name} {product.division or ''}".strip()
    alone = f"Record the receipt of {name} on its page: it goes into quarantine and quality decides on it."
    if intact is None:
        said = f"Containers intact, labels correct: required, because the receipt of {name} is not recorded."
        raise RuleBroken(Problem(said, "received_intact", rule=34))
    if not intact:
        said = f"What is damaged or wrongly labeled goes into no run. {alone}"
        raise RuleBroken(Problem(said, "received_intact", rule=34))
    allowed = product.storage_range(begun)
    if degrees is None and allowed is not None:
        said = f"Temperature at receipt: required; the protocol's range is {allowed} °C."
        raise RuleBroken(Problem(said, "received_temperature", rule=34))
    if degrees is not None and (degrees > WARMEST or (allowed is not None and degrees not in allowed)):
        said = f"{plain(degrees)} °C at receipt is out of range. {alone}"
        raise RuleBroken(Problem(said, "received_temperature", rule=34))
