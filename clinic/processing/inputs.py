"""What may go into a run: of the same course, whole, in time, and never two patients' own cells together."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import object_session

from clinic.errors import RuleBroken
from clinic.fields import plain
from clinic.harvest.models import Harvest
from clinic.products.what_cells import not_together, tissues
from clinic.record_content import unflushed
from clinic.wording import moment

if TYPE_CHECKING:
    from clinic.products.models import Product


def refuse_input(run: Any, product: Product, wanted: Decimal, at: datetime) -> None:
    """Raise `RuleBroken` where a product, of which ``wanted`` mL are taken, may not go into a run (rules 4, 36, 37)."""
    if product.discarded or product.given:
        raise RuleBroken("A product that was discarded or given cannot be processed.", rule=50)
    if any(i.product_id == product.id for i in run.inputs):
        raise RuleBroken("This product is already an input of the run.")
    if product.run_id == run.id:
        raise RuleBroken("A product of this run cannot be its own input.")
    if run.treatment_id is not None and product.treatment_id != run.treatment_id:
        raise RuleBroken("This product belongs to another course. Assign a banked one to this course first.", rule=4)
    if run.treatment_id is None and product.treatment_id is not None:
        raise RuleBroken("A product of a patient's course is processed in that course, not for the bank.")
    if product.expired(at) and run.paper != {}:  # what is being copied from paper was done: it is marked instead
        ended = moment(product.end, run.zone, product.end_known)
        raise RuleBroken(f"This product expired: use before {ended}.", rule=50)
    own = {i.product.donor_id for i in run.inputs} | {product.donor_id}
    if len(own) > 1 and "autologous" in {product.relation, *(i.product.relation for i in run.inputs)}:
        raise RuleBroken("Different patients' own cells are never pooled.", rule=37)
    course, version = run.treatment, run.follows
    with unflushed(product):
        found = _tissues(run, [*(one.product for one in run.inputs), product])
    if said := not_together(version.says if version else None, found, course.source if course else None):
        raise RuleBroken(said, rule=37)
    if wanted <= 0 or wanted > product.left:
        raise RuleBroken(
            f"The container has {plain(product.left)} mL left: {plain(wanted)} mL cannot be taken from it.", rule=36
        )


def _tissues(run: Any, products: list[Product]) -> list[str]:
    """Return the tissues from which all that went into some products was collected."""
    session = object_session(run) or object_session(products[-1])
    line, waiting = dict[str, Any](), list[Any](products)
    while waiting:
        one = waiting.pop()
        if one.id not in line:
            line[one.id] = one
            made = session.get(type(run), one.run_id) if session is not None and one.run_id else None
            waiting += [each.product for each in made.inputs] if made is not None else []
    return tissues(line.values(), lambda key: session.get(Harvest, key) if session is not None and key else None)
