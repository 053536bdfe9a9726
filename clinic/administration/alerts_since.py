"""Alerts that were written after the decision on eligibility: whoever decided has not read them (rule 23)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clinic import clock
from clinic.administration.known_facts import INFECTED
from clinic.eligibility.models import Eligibility, counting
from clinic.patients.alert_changes import texts_since
from clinic.patients.doubted import is_after
from clinic.patients.ruled_out import affirmed, of_the_patient
from clinic.wording import pieces

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.course_records import CourseRecords

_AGENT = re.compile(
    r"\b(hiv|hbv|hcv|htlv|cmv|ebv|mrsa|vre|esbl)\b|hepatitis|syphilis|malaria|septic|(?<!non.)reactive\b|\bgrew\b"
    r"|cultures?\b.{0,20}(positive|growth)|(positive|growth).{0,20}cultures?\b|\bvir(us|al)\b|bacteri|neutropeni",
    re.IGNORECASE,
)

_VACCINATED = re.compile(
    r"(?:[\w-]+\s+){0,2}[\w-]*(?:vaccin|immuni[sz])\w*(?:\s+(?:against|for)\s+[\w-]+(?:\s+[a-d]\b)?)?", re.IGNORECASE
)


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


def tells_of_infection(text: str) -> bool:
    """Whether an alert speaks of an infection: whoever is at the bedside asks whether it is over."""
    known = (affirmed(of_the_patient(_VACCINATED.sub(" ", one))) for one in pieces(text))
    return any(INFECTED.search(said) or _AGENT.search(said) for said in known)


def said_since(text: str) -> str:
    """Return why no cells may be given after such an alert, and what ends that."""
    return (
        f"An alert was written after the decision on eligibility: {text.removesuffix('.')}. A physician decides on "
        "eligibility again, or closes the alert where it is wrong. Then scan wristband and bag again."
    )
