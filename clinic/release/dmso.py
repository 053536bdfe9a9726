"""How much DMSO is in a container (rule 53)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from clinic.access import Role
from clinic.products.graph import parents
from clinic.products.media import names_medium
from clinic.steps import Blocked

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords
    from clinic.products.models import Product


def dmso_content(records: CourseRecords, product: Product) -> Decimal | None:
    """Return how much DMSO is in a container at most, % v/v; None where it was frozen and nobody recorded it.

    What a run made of cells with DMSO has as much of it. What it washed after the thaw has no more than what went in;
    of cells that were never frozen a wash leaves none (rule 53).
    """
    run = records.get(product.run_id)
    for one in (product, run):
        if one is not None and getattr(one, "dmso_percent", None) is not None:
            return one.dmso_percent
    washed = any(step.kind == "wash" for step in getattr(run, "manipulations", ()))
    thawed_before = washed and product.thawed_at is not None
    if (
        names_medium(product.cryo_medium)
        or names_medium(getattr(run, "cryo_medium", None))
        or (product.frozen_at is not None and not thawed_before)
    ):
        return None
    if washed and not thawed_before:
        return Decimal(0)
    known = [dmso_content(records, parent) for parent in parents(records, product)]
    found = [percent for percent in known if percent is not None]
    return None if len(found) < len(known) else max(found, default=Decimal(0))


def not_recorded(records: CourseRecords, product: Product) -> list[Blocked]:
    """Ask for the DMSO of cells that a run thawed, before they are released: at the bedside their clock runs."""
    if product.run_id is None or product.thawed_at is None or product.frozen_at is None:
        return []
    run = records.get(product.run_id)
    if not any(step.kind in {"thaw", "wash"} for step in getattr(run, "manipulations", ())):
        return []
    if dmso_content(records, product) is not None:
        return []
    because = (
        "These cells were frozen and thawed, and neither this container nor what it was made of has its DMSO recorded. "
        "Record its DMSO in % v/v; 0 for a medium without DMSO."
    )
    fix = ("record_pages.amendment", {"record_id": product.id})
    return [Blocked(rule=53, because=because, who=(Role.TECHNOLOGIST,), fix=fix, fix_label="Record the DMSO")]
