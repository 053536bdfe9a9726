"""Earlier reactions to cells among the adverse events, for the gate at the bedside (rule 23)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clinic import clock, wording
from clinic.administration.models import Administration, PastReaction
from clinic.followup.adverse_events import SUSPECTED, AdverseEvent

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords

_SEVERE = re.compile(r"anaphyla|angioedema|bronchospasm|cytokine release", re.IGNORECASE)
_ALLERGIC = re.compile(r"allerg|hypersens|urticaria|infusion.{0,12}reaction|transfusion.{0,12}reaction", re.IGNORECASE)


def reactions(records: CourseRecords) -> list[PastReaction]:
    """Return the patient's reactions to cells or their administration in any course.

    Severe are an anaphylaxis and the like, and every event of grade 4 or 5.
    """
    return [_told(records, event) for event in records.every(AdverseEvent) if _counts(event)]


def _counts(event: AdverseEvent) -> bool:
    if not {event.from_cells, event.from_delivery} & SUSPECTED:
        return False
    text = f"{event.term or ''} {event.narrative or ''}"
    return event.grade in {"3", "4", "5"} or bool(_SEVERE.search(text) or _ALLERGIC.search(text))


def _told(records: CourseRecords, event: AdverseEvent) -> PastReaction:
    on = wording.day(clock.day(event.performed_at, records.zone)) if event.performed_at else "not dated"
    grade = f"grade {event.grade}" if event.grade else ""
    words = ", ".join(part for part in (event.term, grade, on) if part)
    severe = event.grade in {"4", "5"} or bool(_SEVERE.search(event.term or ""))
    return PastReaction(words=words, at=event.performed_at, severe=severe)


Administration.past_reactions.append(reactions)
