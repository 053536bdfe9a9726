"""What is known to stop cells before anybody scans them: the gate itself is asked, see `gate.judge`.

The page of a course and of the bedside check say it, so that nobody thaws or carries what would be refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.administration.bedside import known_of
from clinic.administration.gate import judge
from clinic.administration.scanning import Wristband
from clinic.administration.step import ADMINISTRATION, giving_now
from clinic.administration.sums import given_to_patient
from clinic.administration.verdict import Bedside

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from clinic.course_records import CourseRecords
    from clinic.products.models import Product
    from clinic.steps import Blocked

THAW = "products.move"
"""A thaw that is still to come is the next task, and nothing that somebody has to resolve."""


def known_against(records: CourseRecords, product: Product, at: datetime) -> list[Blocked]:
    """Return what a container would be refused for at its scan, whoever reads it and whatever is measured."""
    bedside = Bedside(
        records=records,
        wristband=Wristband(patient_id=records.course.patient_id),
        wearer=records.course.patient,
        product=product,
        earlier=given_to_patient(records),
        steps=ADMINISTRATION.earlier,
        **known_of(records, product, at),
    )
    return [one for one in judge(bedside, at, asked=False).blocked if one.fix is None or one.fix[0] != THAW]


def known_of_course(records: CourseRecords, at: datetime) -> list[Blocked]:
    """Return what stops the cells that wait to be given in a course now, each reason once."""
    return each_once(one for product in giving_now(records, at) for one in known_against(records, product, at))


def each_once(reasons: Iterable[Blocked]) -> list[Blocked]:
    """Return reasons in their order, those that say the same once."""
    return list({one.because: one for one in reasons}.values())
