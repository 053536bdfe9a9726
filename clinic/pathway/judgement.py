"""What is true of one course at one moment: each step's progress, its actions, and when time will change them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from clinic.administration.models import Administration
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit
from clinic.pathway.order import current
from clinic.patients.models import has_died
from clinic.products.models import Product
from clinic.records import Origin
from clinic.steps import NOT_RECORDED, Progress, State, is_history

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords
    from clinic.steps import Action, Blocked, Step


@dataclass(frozen=True)
class Standing:
    """One step of one course at one moment."""

    step: Step
    progress: Progress
    actions: list[Action]


def judge(records: CourseRecords, at: datetime) -> list[Standing]:
    """Return the progress and the open tasks of every step of a course."""
    with records.unchanged():
        found = [Standing(step, step.progress(records, at), list(step.actions(records, at))) for step in current()]
        over = records.course.origin is Origin.IMPORTED and settled(records)
    return [_over(one) for one in found] if over else found


def settled(records: CourseRecords) -> bool:
    """Whether a course that was imported is over: nothing of it was done here, and nothing is left to do.

    Its cells were given or discarded, or, where none are recorded, it tells what came after; or the patient has died.
    """
    course = records.course
    if course.stop is not None or not is_history(records, or_used=True) or course.signed:
        return False
    if any(given.origin is Origin.CLINIC for given in records.of(Administration)):
        return False
    if has_died(records.people):
        return True
    cells = [one for one in records.of(Product) if one.treatment_id == course.id]
    if cells:
        return all(one.given or one.discarded or (one.uses and one.left <= 0) for one in cells)
    seen = any(not one.is_baseline for one in records.of(FollowUpVisit))
    return seen or bool(records.of(Administration) or records.of(AdverseEvent))


def _over(one: Standing) -> Standing:
    """Return a step of a settled history: what it does not tell is not to be done any more."""
    undone = one.progress.state in {State.TO_DO, State.BLOCKED}
    return replace(one, progress=Progress(state=State.DONE, word=NOT_RECORDED)) if undone else one


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
