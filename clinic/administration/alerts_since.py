"""Alerts that were written after the decision on eligibility: whoever decided has not read them (rule 23)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic import clock
from clinic.eligibility.models import Eligibility, counting
from clinic.patients.alert_changes import texts_since
from clinic.patients.doubted import is_after

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.course_records import CourseRecords


def alerts_since(records: CourseRecords, at: datetime) -> list[str]:
    """Return the active alerts that were written or changed after the decision that counts in this course.

    Every one counts, whatever its words; those of a similar name tell nothing of the body. What one person took away
    again counts as it was said, if it rules cells out, until a physician closes it or another person confirms that.
    Without a decision that counts there is none: cells are not given then, and whoever decides reads them all.
    """
    decided = counting(records.of(Eligibility), at)
    if decided is None or decided.performed_at is None:
        return []
    day, moment, found = clock.day(at, records.zone), decided.performed_at, list[str]()
    for alert in (one for person in records.people for one in person.alerts if one.about_id is None):
        for text, written in texts_since(alert, day):
            if not is_after(moment, decided.written_at, written, written):
                found.append(text)
    return list(dict.fromkeys(text.strip() for text in found))


def said_since(text: str) -> str:
    """Return why no cells may be given after such an alert, and what ends that."""
    return (
        f"An alert was written after the decision on eligibility: {text.removesuffix('.')}. A physician decides on "
        "eligibility again, or closes the alert where it is wrong. Then scan wristband and bag again."
    )
