"""Days of the course in a row: they are judged like dates as soon as the day of the first cells is known (63, 69).

Where no more than the month or the year of the first cells is known, only what is impossible on each of its days is
refused. The day that the mapping gives to the name of a visit says when it was due, and is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import inspect
from sqlalchemy.orm import object_session

from clinic import clock
from clinic.administration.models import Administration
from clinic.clock import Span, earliest, span_in
from clinic.exchange.import_checks import Fault
from clinic.exchange.import_targets import Slot
from clinic.fields import plain
from clinic.followup.after_death import CLOSE, MOST, impossible_day, is_day
from clinic.followup.models import FollowUpVisit, OutcomeScore
from clinic.patients.models import Patient
from clinic.protocols.catalogues import INSTRUMENTS
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from datetime import date

SURVIVAL = ("survival_days", "survival_status")


class Told(NamedTuple):
    """One day of the course that a row tells, in which cell, and whether only a living patient can have had it."""

    slot: Slot
    day: int | Decimal
    alive: bool
    never: bool = False


def first_span(history: Any) -> Span | None:
    """Return when the first cells that a row tells of were given, as far as it is known."""
    given = [one for one in history.records if isinstance(one, Administration) and one.counts]
    return earliest(span_in(one, "performed_at", history.by.site.zone) for one in given)


def first_day(history: Any) -> date | None:
    """Return the day of the first cells that a row tells of; None where no whole day is known."""
    found = first_span(history)
    return None if found is None else found.day


def day_faults(history: Any) -> list[Fault]:
    """Return each day of the course that is none, has not come yet, or was after the death or before the birth."""
    told = {one.slot: one for record in history.records for one in _told(history, record)}
    found = {slot: said for slot, one in told.items() if (said := _no_day(one))}
    dated = any(isinstance(one, FollowUpVisit) and one.performed_at is not None for one in history.records)
    course = _course(history) if dated or told.keys() - found.keys() else None
    if course is not None:
        before = history.known.first_span(course) if inspect(course).persistent else None
        zero = earliest([first_span(history), before])
        today, people = clock.day(history.at, history.by.site.zone), _people(course)
        for slot, one in (told if zero is not None else {}).items():
            if slot not in found and zero is not None:
                why = impossible_day(one.day, zero, people, today, alive=one.alive)
                said = f"a possible day of the course: day {plain(Decimal(one.day))} {why} (rule 69)"
                found |= {slot: said} if why else {}
        found = _two_days(history, zero) | _before_the_cells(history, course, zero) | found
    return [history.fault(slot, said) for slot, said in found.items()]


def _two_days(history: Any, zero: Span | None) -> dict[Slot, str]:
    """Return the days of the course that are not those of the date beside them; the first day is 0 or 1."""
    found = dict[Slot, str]()
    for record in history.records:
        slot, on = history.slots.get(record.id), None
        if slot is None or getattr(record, "course_day", None) is None or zero is None:
            continue
        place = replace(slot, name="course_day")
        given = history.given.get(place)
        if given is not None and given.text is not None:
            on = span_in(record, "performed_at", history.by.site.zone)
        least, most = on.days_since(zero) if on is not None else (record.course_day, record.course_day)
        if not least - CLOSE <= record.course_day <= most + CLOSE:
            days = f"{least}" if least == most else f"{least} to {most}"
            found[place] = f"day {days} of the course, which is the date beside it, or no day at all (rule 69)"
    return found


def _before_the_cells(history: Any, course: Treatment, zero: Span | None) -> dict[Slot, str]:
    """Return the dates before the first cells of visits that are due after them, by their day or the protocol's."""
    found, due = dict[Slot, str](), {" ".join(one.name.casefold().split()): one.day for one in course.says.visits}
    for record in history.records:
        slot = history.slots.get(record.id)
        if slot is None or zero is None or not isinstance(record, FollowUpVisit):
            continue
        name = " ".join((record.name or "").casefold().split())
        day = due.get(name, 0) if record.course_day is None else record.course_day
        on = span_in(record, "performed_at", history.by.site.zone)
        if day > 0 and on is not None and on.last < zero.first:
            said = f"a day after the first cells, {zero.told}: “{record.name}” is day {day} of the course (rule 62)"
            found[replace(slot, name="performed_at")] = said
    return found


def _no_day(one: Told) -> str:
    """Return what was expected in place of a number that is no day of a course at all."""
    possible = INSTRUMENTS["survival_days"].range
    if one.never and Decimal(one.day) not in possible:
        return f"the last day of the course on which it had not happened, {possible} (rule 63)"
    return f"a day of the course, from −{MOST} to {MOST}" if abs(one.day) > MOST else ""


def _told(history: Any, record: Any) -> Iterator[Told]:
    slot = history.slots.get(record.id)
    if slot is None:
        return
    if isinstance(record, OutcomeScore):
        given = history.given.get(slot)
        if given is not None and given.by_day is not None:
            living = record.instrument not in SURVIVAL  # what contradicts the time of survival is asked about (rule 65)
            yield Told(slot, given.by_day, living, never=True)
        elif record.value is not None and is_day(record.instrument):
            yield Told(slot, record.value, record.instrument not in SURVIVAL)
        return
    place = replace(slot, name="course_day")
    day, given = getattr(record, "course_day", None), history.given.get(place)
    if day is not None and given is not None and given.text is not None:
        yield Told(place, day, _of_the_living(history, record))


def _of_the_living(history: Any, record: Any) -> bool:
    """Whether a record can only be of a patient who lives; a visit may be one that tells of the death."""
    if not isinstance(record, FollowUpVisit):
        return bool(record.PERSON) and not record.AFTER_DEATH
    scores = [one for one in history.records if isinstance(one, OutcomeScore) and one.instrument == SURVIVAL[1]]
    dead = any(one.value == 1 and (one.visit is record or one.visit_id == record.id) for one in scores)
    return record.made == "made" and record.alive is not False and not dead


def _course(history: Any) -> Treatment | None:
    """Return the course that a row is about: of the row, or one that is recorded."""
    own = next((one for one in history.records if isinstance(one, Treatment)), None)
    id_ = next((one.treatment_id for one in history.records if getattr(one, "treatment_id", None)), None)
    session = object_session(history.by)
    return own if own is not None or id_ is None or session is None else session.get(Treatment, id_)


def _people(course: Treatment) -> list[Patient]:
    patient = course.patient
    return patient.person if inspect(patient).persistent else [patient]
