"""From when and until when a container can be sampled (rule 69)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import object_session

from clinic import wording
from clinic.errors import Problem
from clinic.harvest.models import Harvest
from clinic.processing.models import ProcessingRun

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.products.models import Product


def out_of_time(result: Any, label: str) -> list[str]:
    """Return that a sample was taken before there were cells, or after they were gone (rule 69).

    A sample may be drawn from the run that fills the container, so the run's start counts. What came back of cells
    that were given can be sampled until it is discarded.
    """
    product, sampled_at = result.product, result.sampled_at
    if sampled_at is None or result.origin != "clinic":
        return []
    begun, gone, how = _lifetime(product)
    if begun is not None and sampled_at < begun.replace(second=0, microsecond=0):
        said = f"{label}: the sample was taken before these cells were made ({wording.moment(begun, product.zone)})."
        return [Problem(said, "sampled_at", rule=69)]
    if gone is None or sampled_at <= gone:
        return []
    said = (
        f"{label}: the sample was taken after the container was {how} ({wording.moment(gone, product.zone)}). For a "
        "retained sample enter when it was drawn."
    )
    if how == "given":
        said += " For a remainder that came back, record its return first."
    return [Problem(said, "sampled_at", rule=69)]


def _lifetime(product: Product) -> tuple[datetime | None, datetime | None, str]:
    """Return from when and until when a container can be sampled, as far as it is known, and what ended it."""
    session = object_session(product)
    if session is None:
        return None, None, ""
    with session.no_autoflush:
        run = session.get(ProcessingRun, product.run_id) if product.run_id else None
        harvest = session.get(Harvest, product.harvest_id) if product.harvest_id else None
        runs = [session.get(ProcessingRun, use.run_id) for use in product.uses]
    made = [one.performed_at for one in (run, harvest, product) if one is not None and one.performed_at is not None]
    ends = [(move.performed_at, "discarded") for move in product.movements if move.kind == "discarded"]
    if product.given and not product.remainder:
        ends += [(move.performed_at, "given") for move in product.movements if move.kind == "given"][-1:]
    finished = [one.ended_at for one in runs if one is not None and one.ended_at is not None]
    if finished and len(finished) == len(runs) and product.left <= 0:
        ends.append((max(finished), "processed completely"))
    known = [(moment, how) for moment, how in ends if moment is not None]
    gone, how = min(known, default=(None, ""))
    return min(made, default=None), gone, how
