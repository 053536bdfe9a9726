"""New symptoms that a visit told of, and the adverse event that says of itself that it is them (rules 23, 64)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.followup.reaction_words import is_severe
from clinic.followup.seen import ever, same_words, without_physician
from clinic.patients.ruled_out import same_meaning
from clinic.records import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime


def tells_of_symptoms(visit: Any) -> bool:
    """Whether a visit tells of something new, or did before a correction that no physician stands for."""
    doubted = [one for one in without_physician(visit) if "new_symptoms" in one.changes] if visit.amendments else []
    before = [one.changes["new_symptoms"][0] for one in doubted]
    return visit.origin is Origin.CLINIC and True in (visit.new_symptoms, *before)


def last_said(visit: Any) -> datetime:
    """Return when a visit last told something new: a slip of the pen in its note says nothing."""
    found = [visit.recorded_at]
    for one in visit.amendments:
        note = one.changes.get("notes")
        if "new_symptoms" in one.changes or (note and not same_meaning(note[0] or "", note[1] or "")):
            found.append(one.amended_at)
    return max(found)


def is_answered(visit: Any, events: Iterable[Any], is_grave: Callable[[Any], bool]) -> bool:
    """Whether an event was reported here that says that it is what the visit told; of a grave note, a grave one.

    An event that was never asked which visit it belongs to is one where it is of the same record and has a word of the
    note, or where the note is empty.
    """
    told, note = last_said(visit), ever(visit, ("notes",))
    for one in events:
        if one.origin is not Origin.CLINIC or _last_written(one) < told or (is_severe(note) and not is_grave(one)):
            continue
        if one.symptoms_of == visit.id or (one.symptoms_of is None and _seems_to_be(one, visit, note)):
            return True
    return False


def _seems_to_be(event: Any, visit: Any, note: str) -> bool:
    same = event.treatment.patient_id == visit.treatment.patient_id
    return same and (not note or same_words(event.term or "", note))


def _last_written(event: Any) -> datetime:
    rows = [*(one.amended_at for one in event.amendments), *(one.recorded_at for one in event.updates)]
    return max([event.recorded_at, *rows])
