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
    """Return when a visit last told something new: a slip of the pen in its note, or that there was none, says none."""
    found = [visit.recorded_at]
    for one in visit.amendments:
        note = one.changes.get("notes")
        said_yes = one.changes.get("new_symptoms", [None, None])[1] is True
        if said_yes or (note and not same_meaning(note[0] or "", note[1] or "")):
            found.append(one.amended_at)
    return max(found)


def reported(visit: Any, events: Iterable[Any]) -> list[Any]:
    """Return the events reported here since a visit told something new that say that they are it.

    An event that was never asked which visit it belongs to is one where it is of the same record and has a word of the
    note, or where the note is empty.
    """
    told, note = last_said(visit), ever(visit, ("notes",))
    return [
        one
        for one in events
        if one.origin is Origin.CLINIC and _named(one) >= told
        if one.symptoms_of == visit.id or (one.symptoms_of is None and _seems_to_be(one, visit, note))
    ]


def is_answered(visit: Any, events: Iterable[Any], is_grave: Callable[[Any], bool]) -> bool:
    """Whether an event was reported that is what a visit told; of a grave note, a grave one, or one that is signed."""
    grave = is_severe(ever(visit, ("notes",)))
    return any(not grave or is_grave(one) or one.signed for one in reported(visit, events))


def _seems_to_be(event: Any, visit: Any, note: str) -> bool:
    same = event.treatment.patient_id == visit.treatment.patient_id
    return same and (not note or same_words(event.term or "", note))


def _named(event: Any) -> datetime:
    """Return when an event last came to say which visit told of it, or a physician signed what was added to it."""
    named = [one.amended_at for one in event.amendments if "symptoms_of" in one.changes]
    added = [one.recorded_at for one in event.updates if one.kind == "follow_up" and one.signed and event.symptoms_of]
    return max([event.recorded_at, *named, *added])
