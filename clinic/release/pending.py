"""Results that a release waits for, and from when on they are overdue (rule 44).

A condition says that a result will come. It ends with the day on which the result is due: what was not read by then
stops the product until somebody reads it or quality decides anew, knowing that it is overdue.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from clinic import clock, wording
from clinic.protocols.catalogues import CLEAN, QC_TESTS
from clinic.release.carried import judged_results
from clinic.release.results import QCResult, Verdict, standing

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords
    from clinic.products.models import Product

LONGEST = 28
"""Days after the sample within which any result is there; a culture for mycoplasma takes as long [site default]."""


class Awaited(NamedTuple):
    """A test without a final result: when it is due, and from when on it is overdue."""

    test: str
    due_at: datetime
    overdue_at: datetime

    def sentence(self, zone: str) -> str:
        """Say that it is overdue and what to do."""
        due = wording.day(clock.day(self.due_at, zone))
        said = f"{QC_TESTS[self.test].label} was due on {due} and has not been read."
        return f"{said} Enter the result; until then only quality can decide on this product again."


def awaited(records: CourseRecords, product: Product) -> list[Awaited]:
    """Return the tests of a product that its protocol lets wait, or that look for germs, and that nobody has read."""
    version, results = product.judged_under, judged_results(records, product)
    asked = {spec.test: spec for spec in version.says.qc if spec.mandatory} if version is not None else {}
    found = []
    for test in dict.fromkeys([*asked, *(result.test or "" for result in results if result.test in CLEAN)]):
        readings, spec = standing(results, test), asked.get(test)
        if any(one.verdict is not Verdict.PENDING for one in readings) or not (
            readings or (spec and spec.may_be_pending)
        ):
            continue
        due = _due(product, test, readings)
        if due is not None:
            end = clock.from_wall(
                datetime.combine(clock.day(due, records.zone) + timedelta(days=1), datetime.min.time()), records.zone
            )
            found.append(Awaited(test, due, end))
    return found


def overdue(records: CourseRecords, product: Product, at: datetime) -> list[Awaited]:
    """Return what is awaited of a product and should have been read on an earlier day."""
    return [one for one in awaited(records, product) if one.overdue_at <= at]


def _due(product: Product, test: str, readings: list[QCResult]) -> datetime | None:
    """Return when a result is due: the last day of a culture, else some weeks after the sample or the container."""
    if readings and readings[-1].final_at is not None:
        return readings[-1].final_at
    last = readings[-1] if readings else None
    begun = (last.sampled_at or last.performed_at) if last is not None else product.performed_at
    return None if begun is None else begun + timedelta(days=QC_TESTS[test].final_after_days or LONGEST)
