"""What was known of some cells at a moment that is over, for what is copied from paper (rules 43 to 50; hazard H37).

A hold that was set afterwards did not stand in the way, and a release that was taken afterwards did not permit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.course_records import CourseRecords
from clinic.patients.donors import DonorEligibility
from clinic.products.models import Movement
from clinic.record_kinds import accusing
from clinic.record_pool import Pool
from clinic.release.models import Release
from clinic.release.results import QCResult
from clinic.requests.models import Request

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.products.models import Product

FOUND = (QCResult, Movement, DonorEligibility)
"""With adverse events and disagreements: what may speak against cells, from the moment when it was found."""


def known_then(records: CourseRecords, product: Product, at: datetime) -> CourseRecords:
    """Return records without the decisions on cells, and the findings against them, that came after a moment.

    Where a product was released only afterwards, that release stays, with what it rests on: the gate says how late.
    """
    decided = records.on(product, Release)
    signed = [since for one in decided if (since := one.complete_since(records)) is not None]
    late = bool(signed) and min(signed) > at
    rows = [row for kept in records.pool.rows.values() for row in kept if not _after(row, at, only_no=late)]
    pool = Pool(rows, only=records.pool.only)
    pool.kept = records.pool.kept
    found = CourseRecords(records.course, pool, zone=records.zone)
    found.known_at = at
    return found


def _after(row: Any, at: datetime, *, only_no: bool) -> bool:
    """Whether a row came after a moment; ``only_no``: of the decisions and findings, only those that refuse."""
    if isinstance(row, Release):
        return not (only_no and row.permits) and _moment(row) > at
    if only_no:
        return False
    if isinstance(row, Request):
        return (row.answered_at or row.recorded_at) > at
    return isinstance(row, (*FOUND, *accusing())) and _moment(row) > at


def _moment(row: Any) -> datetime:
    return row.performed_at or row.recorded_at
