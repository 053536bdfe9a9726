"""What is true of one course at one moment: each step's progress, its actions, and when time will change them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from clinic.pathway.order import current
from clinic.steps import State

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords
    from clinic.steps import Action, Blocked, Progress, Step


@dataclass(frozen=True)
class Standing:
    """One step of one course at one moment."""

    step: Step
    progress: Progress
    actions: list[Action]


def judge(records: CourseRecords, at: datetime) -> list[Standing]:
    """Return the progress and the open tasks of every step of a course."""
    with records.unchanged():
        return [Standing(step, step.progress(records, at), list(step.actions(records, at))) for step in current()]


def blocked(found: list[Standing], records: CourseRecords, at: datetime) -> tuple[Step, list[Blocked]] | None:
    """Return the first blocked step with all its reasons; None if nothing is blocked."""
    for one in found:
        if one.progress.state in {State.BLOCKED, State.TO_DO} and records.course.stop is None:
            reasons = one.step.reasons(records, at)
            if reasons:
                return one.step, reasons
    return None


def changes_at(records: CourseRecords, at: datetime) -> datetime | None:
    """Return the next moment at which time alone changes the judgement; None where it never will."""
    return min((moment for step in current() for moment in step.moments(records) if moment > at), default=None)
