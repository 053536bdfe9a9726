"""Which vital signs stopped the start of cells: whoever decides on eligibility again sees them first (rules 23, 57)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic import wording
from clinic.access import Role
from clinic.administration.vital_signs import KNOWN_FOR, VitalSigns, not_borne
from clinic.eligibility.models import Eligibility
from clinic.fields import fields_of
from clinic.patients.doubted import is_after
from clinic.protocols.catalogues import within
from clinic.steps import Action

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.course_records import CourseRecords


def stopping(records: CourseRecords, at: datetime) -> list[tuple[str, str]]:
    """Return each vital sign that stopped the last start of a day, in words, and when it was measured.

    Empty once a physician has decided since, or once they were measured again and stop nothing.
    """
    taken = [
        (one.performed_at, one.recorded_at, one)
        for one in records.of(VitalSigns)
        if one.check_id is not None and one.performed_at is not None and at - KNOWN_FOR < one.performed_at <= at
    ]
    if not taken:
        return []
    measured, written, last = max(taken, key=lambda one: one[:2])
    decided = [(one.performed_at, one.recorded_at) for one in records.of(Eligibility) if one.signed]
    if any(when is not None and is_after(when, noted, measured, written) for when, noted in decided):
        return []
    facts, when = fields_of(VitalSigns), wording.moment(measured, records.zone)
    names = not_borne(records, last)
    return [(f"{facts[name].label} {facts[name].figure(getattr(last, name))}", when) for name in names]


def decide_on_them(records: CourseRecords, at: datetime) -> list[Action]:
    """Ask a physician to decide on vital signs that stopped a start, with their values."""
    found = stopping(records, at)
    if not found:
        return []
    said = f"{', '.join(within(one) for one, _when in found)}, measured {found[0][1]}"
    why = f"No cells were begun: {said}. See the patient first: “eligible” lets the cells be begun with this."
    to = ("eligibility.new", {"treatment_id": records.course.id})
    title = "Decide on the eligibility again"
    return [Action(title=title, why=why, who=(Role.PHYSICIAN,), to=to, danger=True)]


Eligibility.stopped_starts.append(stopping)
