"""How many doses of a course were begun, by the containers that were given (rules 23, 61)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from clinic.products.models import Product

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords

ONE_DOSE = timedelta(hours=24)
"""The bags of one dose are given within this of the first one."""


def doses_begun(records: CourseRecords) -> int:
    """Return how many doses of the course were begun: the containers of one within 24 hours are one dose.

    One whose giving has no moment, as a history may tell it, is a dose of its own.
    """
    own = [one for one in records.of(Product) if one.given]
    mine = [
        (move.performed_at, one.id)
        for one in own
        for move in one.movements
        if move.kind == "given" and move.performed_at is not None
    ]
    dated = {product_id for _moment, product_id in mine}
    number, begun = sum(one.id not in dated for one in own), None
    for moment, _product_id in sorted(mine):
        if begun is None or moment - begun >= ONE_DOSE:
            number, begun = number + 1, moment
    return number
