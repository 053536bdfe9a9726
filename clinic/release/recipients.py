"""What happened to whoever got cells speaks against those that share them: on any record of the person (hazard H29)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import object_session

from clinic import clock
from clinic.patients.doubted import starts
from clinic.patients.models import Patient
from clinic.products.models import GIVINGS, Product
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from clinic.course_records import CourseRecords


def recipients(records: CourseRecords, family: Sequence[Product], events: Iterable[Any]) -> dict[str, str]:
    """Return whose each course is of given cells and of events: the person's id by the course's."""
    ids = {one.treatment_id for one in (*family, *events) if one.treatment_id is not None}
    found: dict[str, str] = {}
    for course_id in ids:
        course = records.get(course_id)
        patient = records.get(course.patient_id) if isinstance(course, Treatment) else None
        if isinstance(patient, Patient):
            found[course_id] = patient.person_id or patient.id
    session = object_session(family[0]) if family else None
    unread = sorted(ids - found.keys())
    if unread and session is not None:  # another recipient's courses are not read with the records of this one
        whose = select(Treatment.id, func.coalesce(Patient.person_id, Patient.id)).join(Treatment.patient)
        rows = session.execute(whose.where(Treatment.id.in_(unread)))
        found |= {row[0]: row[1] for row in rows}
    return found


def came_after(
    records: CourseRecords, event: Any, given: Product, family: Sequence[Product], people: dict[str, str]
) -> bool:
    """Whether an event befell whoever got some cells, and not before them; ``people`` as from `recipients`.

    An event that a physician signed in a course with other cells of its own is one of those.
    """
    own, other = people.get(given.treatment_id or ""), people.get(event.treatment_id)
    if own is None or own != other or _was_before(event, given):
        return False
    return event.treatment_id == given.treatment_id or not (event.signed and _of_other_cells(records, event, family))


def _of_other_cells(records: CourseRecords, event: Any, family: Sequence[Product]) -> bool:
    kin = {one.id for one in family}
    cells = [one for one in records.every(Product) if one.treatment_id == event.treatment_id and one.id not in kin]
    return any(one.given and not _was_before(event, one) for one in cells)


def _was_before(event: Any, given: Product) -> bool:
    """Whether an event began before cells were given: by its last possible moment, and by every moment it ever had."""
    start = next((one.performed_at for one in reversed(given.movements) if one.kind in GIVINGS), None)
    onsets = starts(event)
    if start is None or not onsets:
        return False
    known = event.precision_of("performed_at")
    if known:
        days = clock.span(event.performed_at, known, event.zone)
        return days is not None and days.last < clock.day(start, event.zone)
    return all(_minute(one) < _minute(start) for one in onsets)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
