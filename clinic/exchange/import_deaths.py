"""What a row says of the patient's death: a day is asked for, and nothing may contradict it (rules 23, 65, 69)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from clinic.clock import is_later, span_in
from clinic.exchange.import_checks import Fault
from clinic.exchange.import_targets import Slot
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit

ASKED = "the day of the death in “patient.died_on”, or under [not_recorded] why “died_on” is not known (rule 65)"
Told = tuple[Slot, Any]


def death_faults(history: Any, patient: Any, told: list[Told]) -> list[Fault]:
    """Return what is wrong with what visits and events tell of a death; a death whose day nobody knows counts too.

    ``told``: the visits and events of the row, each with the slot that its faults are about. A history without
    calendar days says once why they are missing; one that has them gives the day or says why it cannot.
    """
    dead = [(slot, one) for slot, one in told if tells_of_death(one)]
    if not dead and patient.died_on is None:
        return []
    found = [history.fault(slot, said) for slot, said in _contradictions(patient, told, dead, history.by.site.zone)]
    if patient.died_on is not None:
        return found
    why = history.not_recorded.get("died_on") or ("" if _has_a_day(history, dead) else history.reason)
    if not why:
        return [*found, history.fault(dead[0][0], ASKED)]
    patient.not_recorded = {**patient.not_recorded, "died_on": why}
    return found


def _has_a_day(history: Any, dead: list[Told]) -> bool:
    """Whether the day of a death could be told: the row has days of the calendar, and not of the course instead."""
    if any(one.performed_at is not None for _slot, one in dead):
        return True
    of_course = all(history.text_of(replace(slot, name="course_day")) for slot, _one in dead)
    return not of_course and any(getattr(one, "performed_at", None) is not None for one in history.records)


def tells_of_death(one: Any) -> bool:
    """Whether a visit or an event says that the patient died."""
    if isinstance(one, AdverseEvent):
        return one.outcome == "fatal" or one.grade == "5" or "death" in (one.serious or ())
    return isinstance(one, FollowUpVisit) and one.alive is False


def _contradictions(patient: Any, told: list[Told], dead: list[Told], zone: str) -> Iterator[tuple[Slot, str]]:
    """Yield each visit of a living patient after the death, by days of the calendar or of the course."""
    for slot, one in told:
        if not (isinstance(one, FollowUpVisit) and one.alive is not False and one.made == "made"):
            continue
        if is_later(one, "performed_at", patient, "died_on", zone) or any(
            _after(one, two, zone) for _slot, two in dead
        ):
            yield slot, "a visit before the patient's death, or that the patient was not alive (rule 69)"


def _after(one: Any, other: Any, zone: str) -> bool:
    """Whether a visit is after the visit or the end of the event that tells of the death."""
    name = "ended_at" if isinstance(other, AdverseEvent) else "performed_at"
    by_calendar = _on_a_later_day(one, other, name, zone)
    days = (one.course_day, None if isinstance(other, AdverseEvent) else other.course_day)
    return by_calendar or (None not in days and days[0] > days[1])


def _on_a_later_day(one: Any, other: Any, name: str, zone: str) -> bool:
    seen, died = span_in(one, "performed_at", zone), span_in(other, name, zone)
    return seen is not None and died is not None and seen.first > died.last
