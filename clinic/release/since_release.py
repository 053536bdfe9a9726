"""What refuses released cells at issue and bedside, so that tag and list say it too (rules 14, 15, 17, 20, 50)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.patients.donor_consent import consent_problems
from clinic.patients.donor_screening import contradicting
from clinic.patients.models import has_died
from clinic.processing.step import collections, doubted_donor
from clinic.products.graph import donors

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords
    from clinic.products.models import Product


def refused_since(records: CourseRecords, product: Product) -> list[str]:
    """Return what ended since the release (course, patient's life, donor's consent), and doubts who a donor is.

    Also blood groups that do not agree, of a donor and of the patient. Whatever patient the records are about.
    Empty for records of an earlier moment: the gate asks them at that moment.
    """
    if records.known_at is not None:
        return []
    course, found = product.treatment, list[str]()
    if course is not None and course.stop is not None:
        found.append(f"The course was stopped: {course.stop.reason}.")
    if course is not None and has_died(course.patient.person):
        found.append("The patient has died.")
    givers = donors(records, product)
    others = [donor for donor in givers if donor.kind != "self"]
    found += [contradicting(records, "donor", [donor]) for donor in others]
    own = [donor for donor in givers if donor.kind == "self"]
    found += [contradicting(records, "recipient", [*course.patient.person, *own])] if course is not None else []
    for donor in givers:
        found += [one.because for one in doubted_donor(records, donor)]
        for one in collections(records, product, donor, product.recorded_at) if donor.kind != "self" else ():
            found += [said.because for said in consent_problems(records, donor, one.at, elsewhere=one.elsewhere)]
    return list(dict.fromkeys(said for said in found if said))
