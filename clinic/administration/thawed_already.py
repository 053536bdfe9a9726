"""Whether another container of a course is thawed already and waits to be given: who thaws a second is asked (54, 61).

Cells that are thawed are lost within the hour. Containers that only together come to one dose are thawed together.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import object_session

from clinic import wording
from clinic.administration.amounts import dose_in, last_dose
from clinic.administration.dose_change import whole_dose
from clinic.administration.models import Administration
from clinic.course_records import of_course
from clinic.errors import Question
from clinic.patients.models import weight_of
from clinic.products.doses_begun import ONE_DOSE
from clinic.products.graph import ancestry
from clinic.products.models import Product
from clinic.release.models import standing_decision

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.course_records import CourseRecords
    from clinic.products.movements import Movement

GONE = frozenset({"given", "discarded", "returned", "remainder", "shipped"})
"""Movements after a thaw by which a container no longer waits to be given."""


def second_thaw(move: Movement) -> list[Question]:
    """Ask who thaws a container why, where others that wait thawed come to a whole dose without it."""
    session, at = object_session(move.recorded_by), move.performed_at
    if session is None or at is None:
        return []
    with session.no_autoflush:
        product = move.product or session.get(Product, move.product_id)  # a form is judged before it has its container
        if product is None or product.treatment is None:
            return []
        records = of_course(session, product.treatment)
        line = ancestry(records, product)  # what was made of it was thawed with it
        others = [
            one
            for one in records.of(Product)
            if one not in line and product not in ancestry(records, one) and _waits(records, one, at)
        ]
        if not others or not _is_whole(records, others, at):
            return []
    told = "; ".join(f"{_name(one)}, thawed at {wording.time_of_day(one.thawed_at, move.zone)}" for one in others)
    said = f"Another container of this course is thawed and not given yet: {told}. Is this right?"
    why = "Give or discard that one first, or say why both are thawed now: thawed cells are lost if nobody gives them."
    return [Question("performed_at", said, why, rule=54)]


def _name(product: Product) -> str:
    return f"{product.name} {product.division or ''}".strip()


def _waits(records: CourseRecords, one: Product, at: datetime) -> bool:
    """Whether a container was thawed, and is still there to be given at a moment."""
    if one.thawed_at is None or one.given or one.discarded or one.left <= 0:
        return False
    after = {move.kind for move in one.movements if (move.performed_at or move.recorded_at) >= one.thawed_at}
    decided = standing_decision(records, one)
    rejected = decided is not None and decided.decision == "reject"
    return not (after & (GONE - {"given"}) or rejected or (one.end is not None and one.end <= at))


def _is_whole(records: CourseRecords, others: list[Product], at: datetime) -> bool:
    """Whether containers that wait, with what was given of the dose in hand, come to a whole dose by the plan.

    What nobody can work out, for want of a count or of a weight, counts as a whole one.
    """
    dosing, body = records.course.says.dose, weight_of(records.people, at)
    whole, amount = whole_dose(records), Decimal(0)
    given = [one for one in records.of(Administration) if not one.voided]
    _number, begun, in_hand = last_dose(given, dosing, records.zone, whole)
    if begun is not None and at - begun < ONE_DOSE and in_hand < whole:
        amount += in_hand
    for one in others:
        held: Any = dose_in(one, one.left) if one.measure == dosing.measure and one.volume else Decimal(0)
        if not held or (dosing.per_kg and (body is None or not body.kg)):
            return True
        amount += held / body.kg if dosing.per_kg and body is not None and body.kg else held
    return amount >= whole
