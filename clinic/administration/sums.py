"""What earlier doses come to: until a second person has signed a correction, the most that was recorded counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from clinic.administration.amounts import dose_in
from clinic.administration.models import Administration
from clinic.patients.doubted import alone, figures, starts
from clinic.release.dmso import dmso_content
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords
    from clinic.products.models import Product

DAY = timedelta(hours=24)


def used(administration: Administration) -> Decimal:
    """Return what was given, mL; while the end is not recorded, what was issued.

    What was issued less by a correction that nobody has confirmed is nowhere else, so that it counts as given.
    """
    given, issued = figures(administration, "volume_given"), figures(administration, "volume_issued")
    if not given:
        return max(issued, default=Decimal(0))
    return max(given) + (max(issued) - (administration.volume_issued or Decimal(0)) if issued else Decimal(0))


def most_in(product: Product, volume: Decimal) -> Decimal:
    """Return what a volume out of a container holds at most, by what is recorded or was before open corrections."""
    now = dose_in(product, volume)
    amounts, volumes = figures(product, "amount"), [one for one in figures(product, "volume") if one]
    return max([now, *(amount * volume / whole for amount in amounts for whole in volumes)])


def given_within(given: Administration, at: datetime, span: timedelta) -> bool:
    """Whether cells were given within a span before a moment, by what is recorded or was before open corrections."""
    return any(at - moment < span for moment in starts(given))


def counted_as(product: Product, measure: str) -> bool:
    """Whether the cells of a container are, or were before an open correction, counted by a measure."""
    return measure in {product.measure, *(one.changes.get("measure", [None])[0] for one in alone(product))}


def dmso_at_most(records: CourseRecords, product: Product) -> Decimal | None:
    """Return how much DMSO was in a container that was given, % v/v; the most before open corrections."""
    content, run = dmso_content(records, product), records.get(product.run_id)
    said = [percent for one in (product, run) if one is not None for percent in figures(one, "dmso_percent")]
    return content if content is None else max([content, *said])


def given_to_patient(records: CourseRecords) -> list[Administration]:
    """Return what the patient was given in all courses, oldest first; what was voided was not given.

    What one person has corrected to nothing counts until a second one has signed that.
    """
    own = {course.id for course in records.every(Treatment) if course.patient_id in records.people_ids}
    mine = [given for given in records.every(Administration) if given.treatment_id in own]
    return [given for given in mine if given.counts or any(figures(given, "volume_given"))]
