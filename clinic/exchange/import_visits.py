"""The visits of a wide row: those that it tells of, and those that were due and of which a score is missing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.clock import span_in
from clinic.exchange.import_days import first_day
from clinic.exchange.import_same_visit import doubled
from clinic.exchange.import_targets import Slot
from clinic.followup.models import BASELINE

if TYPE_CHECKING:
    from datetime import date


def visits_told(history: Any, of_course: dict[str, Any]) -> list[tuple[Slot, Any]]:
    """Make the visits of a row with their scores; each with the slot that faults of the patient's death are about."""
    made, died = [], span_in(of_course["treatment"].patient, "died_on", history.by.site.zone)
    for key in dict.fromkeys(one.key for one in history.given if one.part in {"score", "visit"}):
        name, course_day = history.visit_names.get(key, (key, None))
        scores = [one for one in history.given if one.part == "score" and one.key == key]
        there = [one for one in scores if history.given[one].text is not None or history.given[one].never]
        facts = [one for one in history.given if (one.part, one.key) == ("visit", key)]
        told = there or any(history.given[one].text is not None and not history.given[one].idle for one in facts)
        day = _day_of(history, course_day)
        due = day is None or died is None or died.last >= day  # none after the death
        missing = [one for one in scores if due and one not in there and _due(history, one, name, day, told=bool(told))]
        if not told and not missing:
            continue
        took_place = there or dated(history, key)
        visit = history.make(
            "visit", key, name=name, course_day=course_day, made="made" if took_place else None, **of_course
        )
        for wanted in there:
            history.score(wanted, visit, of_course)
        why = {one.name: history.reason_why(one) for one in missing}
        visit.not_recorded = {**visit.not_recorded, **why}
        history.notes += [
            f"Row {history.row}: {one.name} of “{name}”: {history.given[one].missing}. The words are kept, no figure."
            for one in missing
            if history.given[one].missing and history.given[one].missing[0] != "“"
        ]
        made.append((Slot(part="visit", key=key, name="alive"), visit))
    named = [(Slot(part="visit", key=slot.key, name="name"), visit) for slot, visit in made]
    history.problems += doubled(history, named, first_day(history))
    return made


def dated(history: Any, key: str) -> bool:
    """Whether a row says on which day a visit took place: a date, or in a cell of its own a day of the course."""
    slots = [Slot(part="visit", key=key, name=name) for name in ("performed_at", "course_day")]
    on, day = (history.given.get(one) for one in slots)
    return bool(on and on.text is not None) or bool(day and day.text is not None and day.cell and not day.idle)


def _due(history: Any, wanted: Slot, name: str, day: date | None, *, told: bool) -> bool:
    """Whether a score that a row does not give was due, as far as the table says.

    It says so by a code such as “NA”, by anything else of the visit, or by the day of a visit that is over.
    """
    over = day is not None and day <= clock.day(history.at, history.by.site.zone)
    if history.given[wanted].missing:
        return over or day is None
    return told or (over and name.casefold() != BASELINE.casefold())


def _day_of(history: Any, course_day: int | None) -> date | None:
    """Return the day of a visit of which the day of the course is known, where the first cells have a day."""
    begun = first_day(history)
    return begun + timedelta(days=course_day) if begun is not None and course_day is not None else None
