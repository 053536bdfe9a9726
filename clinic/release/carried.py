"""Which results of a container are true of what was only thawed, washed or formulated from it (rules 40 to 44).

Identity, karyotype or mycoplasma do not change in an hour at the bench, and cannot be read again within the hour in
which thawed cells are given; one run or several may thaw and wash them, of one bag or of some that each have the
result. What handling changes or can bring in (viability, germs, endotoxin) is tested anew, as the line of the test
says. A result that is out of its
limits holds the whole family anyway, see `clinic.release.evidence`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.processing.models import ProcessingRun
from clinic.protocols.catalogues import QC_TESTS
from clinic.release.results import QCResult, Verdict

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords
    from clinic.products.models import Product

KEEPING = frozenset({"receive", "thaw", "split", "pool", "wash", "formulate"})
"""Steps that leave the cells what they are."""


def judged_results(records: CourseRecords, product: Product) -> list[QCResult]:
    """Return the results by which a container is judged: its own, and of tests that it has none of, those carried."""
    own = records.on(product, QCResult)
    tested = {one.test for one in own}
    return [*own, *(one for one in _carried(records, product) if one.test not in tested)]


def _carried(records: CourseRecords, product: Product) -> list[QCResult]:
    run = records.get(product.run_id) if product.run_id is not None else None
    if not isinstance(run, ProcessingRun) or product.thawed_at is None:
        return []
    before = [use.product for use in run.inputs]
    kinds, cells = {one.kind for one in run.manipulations}, {one.cell_type for one in before}
    if not kinds <= KEEPING or cells != {product.cell_type}:
        return []
    of = [[one for one in judged_results(records, bag) if _stays(one)] for bag in before]
    everywhere = set[str | None].intersection(*({one.test for one in found} for found in of))
    return list({one.id: one for found in of for one in found if one.test in everywhere}.values())


def _stays(one: QCResult) -> bool:
    test = QC_TESTS.get(one.test or "")
    final = one.verdict is not Verdict.PENDING and one.unconfirmed is None
    return test is not None and not test.tested_anew_after_opening and final
