"""What was said against the patient on her or his other courses, since a decision here (rule 23)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.eligibility.models import (
    Eligibility,
    concerns_all,
    counting,
    order,
    other_courses,
    stops_elsewhere,
)
from clinic.patients.merging import known_here_at

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.course_records import CourseRecords


def said_elsewhere(records: CourseRecords, counts: Eligibility, at: datetime) -> list[str]:
    """Return what was said of the person on other courses that asks for a new decision on this one."""
    found = []
    no = no_elsewhere(records, counts, at)
    if no is not None:
        who = "Another physician decides again here" if no.unconfirmed is not None else "Decide again here"
        said = "; ".join(no.of_the_person(records.course.condition))
        found.append(
            f"{no.done_by} decided “not eligible” on the patient's other course ({no.treatment.title}): {said}. {who}."
        )
    return found + [
        f"{one.told}. Decide again here." for one in stops_elsewhere(records, counts, at) if concerns_all(one)
    ]


def no_elsewhere(records: CourseRecords, counts: Eligibility, at: datetime) -> Eligibility | None:
    """Return the standing “no” on another course of the person that a “yes” here has not answered; None without one.

    All count but those that clearly concern only their course, such as another protocol's own criteria.
    """
    here = records.course.condition
    last = [counting(records.on(course, Eligibility), at) for course in other_courses(records)]
    standing = [one for one in last if one is not None and one.still_no and one.of_the_person(here)]
    return max((one for one in standing if not _answers(records, counts, one)), key=order, default=None)


def _answers(records: CourseRecords, yes: Eligibility, no: Eligibility) -> bool:
    """Whether a “yes” was written after a “no” and after what it tells of; a softened one, by another physician.

    A “no” on another record of the person is read here since the two records were merged.
    """
    decided = (no.performed_at or no.recorded_at) > (yes.performed_at or yes.recorded_at)
    told = known_here_at(records, no.treatment.patient_id, no.said_of_the_person_at)
    if told > yes.written_at or decided:
        return False
    waits = no.unconfirmed
    people = [yes.performed_by, *(one.signed_by for one in yes.present_signatures)]
    return waits is None or any(one is not None and not one.is_same_person(waits.amended_by) for one in people)
