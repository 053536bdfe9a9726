"""A dose outside the protocol's window that a physician approved for one course, with the reason (rule 52)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, relationship

from clinic.access import Role
from clinic.eligibility.models import COMPLETE
from clinic.errors import Problem
from clinic.fields import Range, field, plain
from clinic.model import reference
from clinic.protocols.catalogues import DOSE_MEASURES
from clinic.records import Record

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.course_records import CourseRecords
    from clinic.treatments.models import Treatment


FURTHEST = 2
"""How many times the protocol's highest dose one physician approves alone: beyond it another physician, quality or the
medical director signs too. A default of this clinic."""
SECONDS = frozenset({Role.PHYSICIAN, Role.QUALITY, Role.DIRECTOR})


class DoseChange(Record):
    """Another dose for one course, in the unit of its protocol. It counts from a physician's signature."""

    KIND = "DC"
    NOUN = "Dose change"
    HAPPENED = "Decided at"
    DONE = "Decided by"
    PERSON = "treatment.patient"
    QUALIFIED = (("performed_by_id", 52),)

    treatment_id: Mapped[str] = reference("treatment")
    low: Mapped[Decimal | None] = field("Lowest dose", possible=Range(0), required=True, section="Approved dose")
    high: Mapped[Decimal | None] = field("Highest dose", possible=Range(0), required=True, section="Approved dose")
    reason: Mapped[str | None] = field("Reason", Text, long=True, required=True, section="Approved dose")

    treatment: Mapped[Treatment] = relationship(back_populates="dose_changes")

    def problems(self, *, at: datetime) -> list[str]:
        """Also: a physician decides, and the range is one."""
        found = super().problems(at=at)
        if self.performed_by is not None and self.performed_by.role is not Role.PHYSICIAN:
            found.append(Problem("A physician decides on another dose.", "performed_by_id", rule=52))
        if self.high is not None and self.high <= 0:
            found.append(Problem("Highest dose: must be more than 0.", "high", rule=52))
        if self.low is not None and self.high is not None and self.low > self.high:
            found.append(Problem("Highest dose: less than the lowest dose.", "high"))
        return found

    @property
    def far(self) -> bool:
        """Whether it goes so far beyond the protocol's window that one physician does not approve it alone (H17)."""
        window = self.treatment.says.dose.window
        return window.high is not None and self.high is not None and self.high > FURTHEST * window.high

    @property
    def approved(self) -> bool:
        """Whether a physician signed the present content; a dose far from the protocol's also another person."""
        signed = self.present_signatures
        physicians = [one for one in signed if one.role == Role.PHYSICIAN]
        if not physicians or not self.far:
            return bool(physicians)
        first = physicians[0].signed_by
        return any(one.role in SECONDS and not one.signed_by.is_same_person(first) for one in signed)

    @property
    def window(self) -> Range:
        """The approved range."""
        return Range(self.low, self.high)

    def unit_of(self, name: str) -> str:
        """Return the unit in which the protocol doses."""
        return dose_unit(self.treatment) if name in {"low", "high"} else ""

    def headline(self) -> str:
        range_ = plain(self.low) if self.low == self.high else f"{plain(self.low)} to {plain(self.high)}"
        return f"{range_} {dose_unit(self.treatment)}"


def dose_unit(course: Treatment) -> str:
    """Return the unit in which a course's protocol doses: “×10⁶/kg”."""
    dosing = course.says.dose
    measure = DOSE_MEASURES[dosing.measure]
    return measure.unit_per_kg if dosing.per_kg else measure.unit


def dose_limits(records: CourseRecords) -> tuple[Range, DoseChange | None]:
    """Return the window within which a course's cells may be given, and the approved change that it comes from.

    The last approved change takes the place of the protocol's window. One that was written later and is not approved
    yet permits nothing more, and what it no longer permits is not given (rule 52).
    """
    found = sorted(records.of(DoseChange), key=lambda one: (one.recorded_at, one.id))
    change = next((one for one in reversed(found) if one.approved), None)
    window = change.window if change is not None else records.course.says.dose.window
    low, high = window.low, window.high
    for later in found[found.index(change) + 1 :] if change is not None else found:
        low = max((end for end in (low, later.low) if end is not None), default=None)
        high = min((end for end in (high, later.high) if end is not None), default=None)
    same_low, same_high = low == window.low, high == window.high
    return Range(low, high, above=window.above and same_low, below=window.below and same_high), change


def whole_dose(records: CourseRecords) -> Decimal:
    """Return from which amount a dose is whole: most of the usual one, or the least that a physician approved."""
    limits, change = dose_limits(records)
    return limits.low if change is not None and limits.low is not None else COMPLETE * records.course.says.dose.usual
