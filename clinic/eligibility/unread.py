"""What was written about the patient while the form of a decision was open: who decides reads it first (rule 23)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic import wording
from clinic.course_records import table_of
from clinic.errors import Problem, RuleBroken
from clinic.ledger.models import digest
from clinic.record_kinds import telling

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.course_records import CourseRecords


def known(records: CourseRecords) -> list[Any]:
    """Return what a decision rests on besides its own course: alerts, events, visits and givings of the person."""
    alerts = [alert for person in records.people for alert in person.alerts]
    theirs = {one.id for one in records.every(type(records.course)) if one.patient_id in records.people_ids}
    rows = [row for kind in telling() for row in records.every(kind) if row.treatment_id in theirs]
    return sorted([*alerts, *rows], key=lambda row: (_written(row), row.id))


def mark(records: CourseRecords) -> str:
    """Return what the form of a decision says that it has shown."""
    return digest([f"{row.id} {len(row.amendments)} {len(_added(row))}" for row in known(records)])[:16]


def refuse_unread(records: CourseRecords, shown: str | None) -> None:
    """Raise `RuleBroken` where something was written since a form was shown; ``shown``: its mark, None without one."""
    if not shown or shown == mark(records):
        return
    last = known(records)[-1]
    said = last.text if table_of(type(last)) == "alert" else f"{type(last).NOUN}: {last.headline()}"
    when = wording.moment(_written(last), records.zone)
    raise RuleBroken(
        Problem(f"Written since you opened this form, {when}: {said}. Read it, then save again.", "eligible", rule=23)
    )


def _written(row: Any) -> datetime:
    added = (one.recorded_at for one in _added(row))
    return max([row.recorded_at, *(one.amended_at for one in row.amendments), *added])


def _added(row: Any) -> list[Any]:
    """Return the follow-up reports of an event."""
    return getattr(row, "updates", [])
