"""What was seen while cells were given: notes of a reaction, vital signs far out of range, and what answers them (23).

A note stands as it was worst until a physician has confirmed its correction with a second person. An adverse event that
a physician has signed since answers a note of the same thing, but none that is graver than the event.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from clinic import clock, wording
from clinic.access import Role
from clinic.administration.events import reactions, severity
from clinic.administration.models import PastReaction
from clinic.administration.severity import says_none, worst
from clinic.administration.vital_signs import BEARABLE, VitalSigns
from clinic.fields import fields_of
from clinic.followup.event_rules import SUSPECTED
from clinic.followup.reaction_words import is_mild, is_severe
from clinic.patients.doubted import alone, kept_moment, starts
from clinic.patients.names import searchable
from clinic.protocols.catalogue import within
from clinic.records import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.administration.models import Administration
    from clinic.course_records import CourseRecords
    from clinic.followup.adverse_events import AdverseEvent
    from clinic.records import Record
    from clinic.signatures import Amendment

_BEFORE, _AFTER = timedelta(minutes=15), timedelta(hours=24)
"""How long before and after what was seen during the giving an adverse event begins that tells the same."""
_LONG = 5
_OF_ANYBODY = frozenset({"patient", "patients", "during", "after", "while", "infusion", "injection", "cells"})
_UNTOLD = {"severe": "severe reaction", "moderate": "moderate reaction", "unknown": "reaction, severity not known"}
"""What is told of one that stops, where nothing else is written of it."""
_GRADES = {"severe": 3, "moderate": 2}
"""The least grade of an event that answers a note. Whoever does not know leaves it to the physician."""


class _Note(NamedTuple):
    """What was written of a reaction: its words, how severe it was said to be, when it was seen and written."""

    text: str
    said: str | None
    at: datetime | None
    written: datetime

    @property
    def grave(self) -> bool:
        """Whether it stops cells: not said to be mild, or its words do not say so either."""
        return self.said not in {"mild", None} or not is_mild(self.text)

    @property
    def grade(self) -> int:
        """The least grade of an event that tells of it."""
        return 3 if is_severe(self.text) else _GRADES.get(self.said or "", 1)


def seen_during(records: CourseRecords, given: Administration, events: list[AdverseEvent]) -> list[PastReaction]:
    """Return what was seen during an administration; left out is what a physician has assessed since."""
    found = []
    for note in _notes(given):
        if not any(_answers(event, given, note) for event in events):
            words = f"{note.text[:160]}, {day_of(records, note.at)}"
            found.append(PastReaction(words, note.at, note.grave, note.written, grave=note.grave))
    return found + _measured(records, given)


def _notes(given: Administration) -> list[_Note]:
    names, found = ("signs", "measures"), []
    for one in given.events:
        if one.kind == "stopped" and is_severe(reason := "; ".join(_texts(one, ("reason",), without_physician(one)))):
            found.append(_Note(reason, None, one.performed_at, written(one, ("reason",))))
        if one.kind != "reaction":
            continue
        said = worst([one.severity, *_before(one, "severity")])
        text = "; ".join(_texts(one, names, without_physician(one))) or _UNTOLD.get(said or "", "")
        if text:
            found.append(_Note(text, said, one.performed_at, written(one, (*names, "severity"))))
    return found + _at_the_end(given)


def _at_the_end(given: Administration) -> list[_Note]:
    """Return what is written on the administration itself: its reaction, or the severe reason why it was stopped.

    What only repeats the notes of its course is none.
    """
    doubted, names = without_physician(given), ("reaction", "partial_reason", "reaction_severity")
    said = worst([given.reaction_severity, *_before(given, "reaction_severity")])
    told, because = _texts(given, names[:1], doubted), _texts(given, names[1:2], doubted)
    noted = severity(given)
    if worst([said, noted]) == noted:
        told = [text for text in told if text != reactions(given)]
    elif not told and said in _UNTOLD:
        told = [_UNTOLD[said]]
    if not told and not is_severe("; ".join(because)):
        return []
    at = given.ended_at or given.performed_at
    since = max(one for one in (written(given, names), at) if one is not None)
    return [_Note("; ".join([*told, *because]), said, at, since)]


def _answers(event: AdverseEvent, given: Administration, note: _Note) -> bool:
    """Whether a physician has signed, since a note, an event of the same cells and time that is as grave.

    It is one that may come of the cells or their delivery, or its name says what the note says. Of another event a
    physician decides on eligibility.
    """
    onset, at = event.performed_at, note.at
    if event.administration_id != given.id or onset is None or at is None:
        return False
    signed = [one.signed_at for one in event.present_signatures if one.role == Role.PHYSICIAN.value]
    if max(signed, default=note.written - _AFTER) < note.written or _grade(event) < note.grade:
        return False
    begun = min(at, given.performed_at or at)
    if not begun - _BEFORE <= onset <= at + _AFTER:
        return False
    named = same_words(event.term or "", note.text)
    return bool({event.from_cells, event.from_delivery} & SUSPECTED or named)


def _grade(event: AdverseEvent) -> int:
    """Return how grave an event is by its grade, at least as one of grade 3 where it is serious."""
    return max(int(event.grade or 1), 3 if event.serious else 1)


def same_words(one: str, other: str) -> bool:
    """Whether two texts share a word that tells something."""
    return bool(_long_words(one) & _long_words(other))


def _long_words(text: str) -> set[str]:
    return {word for word in searchable(text).split() if len(word) >= _LONG and word not in _OF_ANYBODY}


def _measured(records: CourseRecords, given: Administration) -> list[PastReaction]:
    """Return the vital signs that were so far out of range while the cells ran that these are stopped."""
    found = []
    for signs in records.on(given, VitalSigns):
        if signs.check_id is None and given.origin is Origin.CLINIC and _while_it_ran(signs, given):
            measured = {name: [getattr(signs, name), *map(Decimal, _before(signs, name))] for name in BEARABLE}
            bad = [(n, v) for n, values in measured.items() for v in values if signs.outside(BEARABLE, {n: v})]
            facts = fields_of(VitalSigns)
            told = [f"{within(facts[n].label)} {facts[n].figure(v)}" for n, v in bad]
            if told:
                since = written(signs, (*BEARABLE, "performed_at"))
                words = f"{', '.join(told)}, {day_of(records, signs.performed_at)}"
                found.append(PastReaction(words, signs.performed_at, severe=True, written=since, grave=True))
    return found


def _while_it_ran(signs: VitalSigns, given: Administration) -> bool:
    """Whether they were taken between start and end, by what is said of that now or was before a doubted correction."""
    before = [kept_moment(text, signs.zone) for text in _before(signs, "performed_at")]
    taken = [moment for moment in (signs.performed_at, *before) if moment is not None]
    start, end = min(starts(given), default=None), max(starts(given, "ended_at"), default=None)
    return start is not None and any(_minute(start) <= one and (end is None or one <= end) for one in taken)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def without_physician(record: Record) -> list[Amendment]:
    """Return the corrections that two people, one of them a physician, do not stand for."""
    return [one for one in record.amendments if not _confirmed(record, one)]


def _confirmed(record: Record, one: Amendment) -> bool:
    if not record.is_confirmed(one):
        return False
    since = [signature.role for signature in record.signatures if signature.signed_at >= one.amended_at]
    return one.amended_by.role is Role.PHYSICIAN or Role.PHYSICIAN.value in since


def _before(record: Record, name: str) -> list[str]:
    """Return what a fact said before doubted corrections, as an amendment keeps it."""
    changes = [one.changes[name][0] for one in without_physician(record) if name in one.changes]
    return [old for old in changes if old is not None]


def _texts(record: Record, names: tuple[str, ...], doubted: Iterable[Amendment]) -> list[str]:
    """Return what is written under some names, and what some corrections took away.

    “None”, “no reaction” and the like are nothing, whatever stands in the other boxes.
    """
    said = [getattr(record, name) for name in names]
    said += [one.changes[name][0] for one in doubted for name in names if name in one.changes]
    return [text for text in dict.fromkeys(text.strip() for text in said if text) if not says_none(text)]


def ever(record: Record, names: tuple[str, ...]) -> str:
    """Return what is written under some names, and what a correction took away that no other person has signed."""
    return "; ".join(_texts(record, names, alone(record)))


def written(record: Record, names: tuple[str, ...]) -> datetime:
    """Return when what is written under some names was written last."""
    changed = [one.amended_at for one in record.amendments if one.corrects(frozenset(names))]
    return max([record.recorded_at, *changed])


def day_of(records: CourseRecords, at: datetime | None) -> str:
    """Return a day in words, on the clock of the site."""
    return wording.day(clock.day(at, records.zone)) if at is not None else "not dated"
