"""New rows that are judged before they are written, while nobody waits for the write lock (`clinic.unsaved_rows`).

It is the judgement that a commit makes of what was written, `clinic.pathway.projection`, by the same functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from clinic.course_records import around_all, turns
from clinic.judged_lines import CourseLine, ProductLine
from clinic.ledger.listener import Written
from clinic.pathway.event_order import refuse_disorder
from clinic.pathway.projection import by_donor, lines_of, product_lines, replace_lines, touched
from clinic.products.models import Product
from clinic.unsaved_rows import beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.model import Model

Row = tuple[type["Model"], "Mapping[str, Any]"]


class Judged(NamedTuple):
    """The new lines of some courses and products, by their ids."""

    courses: dict[str, list[dict[str, Any]]]
    products: dict[str, list[dict[str, Any]]]


def judge(session: Session, rows: Sequence[Row], at: datetime, *, only: frozenset[str] = frozenset()) -> Judged:
    """Judge each course and product that new rows touch, as if the rows were written.

    ``rows``: the kind and the columns of each; ``only``: the ids of those that are asked about, else all. Raises
    `RuleBroken` where they are out of order. The session keeps nothing of it.
    """
    changed = {str(one["id"]): Written(model, None) for model, one in rows if not only or one["id"] in only}
    judged = Judged({}, {})
    with beside(session, rows):
        courses, products = touched(session, changed)
        asked = None
        for records in by_donor(session, courses):
            refuse_disorder(records, changed, at, read_anew=records.pool is not asked)
            asked = records.pool
            with records.unchanged():
                judged.products.update(_by_product(product_lines(records, records.of(Product), at)))
                judged.courses[records.course.id] = lines_of(records, at)
        for turn in turns(sorted(products - judged.products.keys())):
            banked = session.scalars(select(Product).where(Product.id.in_(turn))).all()
            found = around_all(session, banked)
            first = next((found[one.id] for one in banked if one.treatment_id is None), None)
            if first is not None:
                refuse_disorder(first, changed, at)
            for one in banked:
                judged.products.update(_by_product(product_lines(found[one.id], [one], at)))
    return judged


def _by_product(lines: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    return ((line["product_id"], [line]) for line in lines)


def keep(session: Session, judged: Judged) -> None:
    """Keep the lines of what was judged before, in the transaction that writes it."""
    for model, column, found in (
        (CourseLine, CourseLine.treatment_id, judged.courses), (ProductLine, ProductLine.product_id, judged.products),
    ):  # fmt: skip
        for turn in turns(list(found)):
            replace_lines(session, model, column, turn, [line for key in turn for line in found[key]])
