"""The records of a course for a judgement: read from the session, or gathered in memory where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect
from sqlalchemy.orm import object_session

from clinic.consent.models import Consent, valid
from clinic.course_records import CourseRecords, around, of_course
from clinic.model import Model
from clinic.release.models import Release, decisions
from clinic.release.results import QCResult

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.products.models import Product
    from clinic.treatments.models import Treatment


def records_of(course: Treatment, *more: Model) -> CourseRecords:
    """Return the records of a course; ``more``: rows in memory that nothing of the course leads to."""
    session = object_session(course)
    if session is not None:
        session.flush()
        return of_course(session, course)
    found: dict[str, Model] = {}
    waiting: list[Any] = [course, *more]
    while waiting:
        row = waiting.pop()
        if isinstance(row, Model) and row.id not in found:
            found[row.id] = row
            for relation in inspect(type(row)).relationships:
                value = row.__dict__.get(relation.key)
                waiting += value if isinstance(value, list) else [value]
    return CourseRecords(course, found.values(), zone=course.recorded_by.site.zone)


def records_around(product: Product) -> CourseRecords:
    """Return the records of a product's course, or of its family."""
    session = object_session(product)
    assert session is not None
    session.flush()
    return around(session, product)


def valid_consent(course: Treatment, at: datetime) -> Consent | None:
    """Return the consent to the treatment that holds at a moment."""
    return valid(records_of(course), at)


def decisions_on(product: Product) -> list[Release]:
    """Return the decisions on a product, the earliest first."""
    return decisions(records_around(product), product)


def results_on(product: Product) -> list[QCResult]:
    """Return the results of a product, the earliest first."""
    return records_around(product).on(product, QCResult)
