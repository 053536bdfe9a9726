"""Which dose of the protocol comes next, and from when on (rule 61)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from clinic import clock
from clinic.administration.amounts import last_dose
from clinic.administration.dose_change import whole_dose
from clinic.products.doses_begun import ONE_DOSE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.administration.models import Administration
    from clinic.course_records import CourseRecords


@dataclass(frozen=True)
class NextDose:
    """The dose that the next container belongs to: its number of how many, and when it is due; None: now."""

    number: int
    planned: int
    due_at: datetime | None = None

    @property
    def words(self) -> str:
        """Which dose it is, where there are several: “Dose 2 of 3”."""
        return f"Dose {self.number} of {self.planned}" if self.planned > 1 else ""


def next_dose(records: CourseRecords, given: Iterable[Administration], at: datetime) -> NextDose | None:
    """Return which dose comes next after what was given in a course; None where the protocol has no further one.

    A container belongs to the dose in hand until that comes to a whole one, for 24 hours after it began.
    """
    dosing, zone = records.course.says.dose, records.zone
    counted = list(given)
    least = whole_dose(records)
    number, begun, amount = last_dose(counted, dosing, zone, least)
    whole, last = amount >= least, number >= dosing.doses
    if begun is None or (not whole and (last or at - begun < ONE_DOSE)):
        return NextDose(max(number, 1), dosing.doses)
    return None if last else NextDose(number + 1, dosing.doses, _due(records, counted))


def _due(records: CourseRecords, given: Iterable[Administration]) -> datetime | None:
    days, zone = records.course.says.dose.days_between, records.zone
    last = max((clock.day(one.performed_at, zone) for one in given if one.performed_at is not None), default=None)
    return clock.midnight_after(last + timedelta(days=days - 1), zone) if last is not None and days else None


def turns(records: CourseRecords, given: Iterable[Administration]) -> Iterable[datetime]:
    """Return when a dose that is not whole is no longer added to, and when the next one is due."""
    counted = list(given)
    _number, begun, _amount = last_dose(counted, records.course.says.dose, records.zone, whole_dose(records))
    due = _due(records, counted)
    return [moment for moment in (begun + ONE_DOSE if begun is not None else None, due) if moment is not None]
