"""Make records of one row about a patient who is registered: a further course, cells given, scores, or an event.

What a row adds is judged as on its page. It never changes what is there, and never makes cells givable: cells that come
in so were given elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from clinic.exchange import parse_cell
from clinic.exchange.import_checks import Given
from clinic.exchange.import_course import History
from clinic.exchange.import_deaths import tells_of_death
from clinic.exchange.import_followup import visits_to_come
from clinic.exchange.import_known import contradictions
from clinic.exchange.import_targets import Slot
from clinic.followup.adverse_events import may_be_serious
from clinic.patients.models import Patient, has_died
from clinic.protocols.catalogues import INSTRUMENTS
from clinic.records import Origin
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.followup.models import FollowUpVisit

NUMBER, PATIENT_KEY = Slot(part="patient", name="record_number"), Slot(part="patient", name="key")
COURSE_KEY, IDENTITY = Slot(part="course", name="key"), Slot(part="course", name="chain_of_identity")
CAME_IN = "the key of a row that came in from this source; “source” in the mapping must be the same"
DEADLINE = (
    "none: a serious event of a course of this clinic is reported on its page, where its deadline begins (rule 67)"
)
DIED = "the day of the death on the patient's record first, or as the grade 5 event of a page (rule 65)"


class Addition(History):
    """A row about somebody who is registered."""

    def _patient(self) -> Patient | None:
        number, key = self._text(NUMBER), self._text(PATIENT_KEY)
        found = self.known.patient(number) if number else None
        if number and found is None:
            self._fault(NUMBER, "the record number of a patient who is registered here (rule 1)")
        if key:
            same = self.known.by_key(Patient, key)
            if same is None or (found is not None and not same.is_same_person(found)):
                self._fault(PATIENT_KEY, CAME_IN if same is None else "the key of this patient's row (rule 1)")
                return None
            found = found or same
        return found

    def _course_named(self) -> Treatment | None:
        """Return the course that the row is about, and say why none is named; a patient's only course needs no name."""
        before, patient = len(self.problems), self._patient()
        chosen = []
        for wanted, find in ((COURSE_KEY, self._by_key), (IDENTITY, self.known.by_identity)):
            text = self._text(wanted)
            if not text:
                continue
            course = find(text)
            if course is None:
                self._fault(wanted, CAME_IN if wanted is COURSE_KEY else "the chain of identity of a course here")
            elif (patient and not course.patient.is_same_person(patient)) or any(one is not course for one in chosen):
                self._fault(wanted, "a course of this patient (rule 1)")
            chosen += [course] if course is not None else []
        if len(self.problems) > before:
            return None
        if not chosen and patient is not None:
            chosen = self.known.courses(patient)
        if len(chosen) == 1:
            return chosen[0]
        said = (
            f"which of the {len(chosen)} courses: “course.key” or “course.chain_of_identity”"
            if chosen
            else "a patient with a course: “patient.record_number”, “patient.key” or “course.key”"
        )
        self._fault(NUMBER, said)
        return None

    def _by_key(self, key: str) -> Treatment | None:
        return self.known.by_key(Treatment, key)

    def _deaths(self, patient: Any, told: list[tuple[Slot, Any]]) -> None:
        """Say that a death is written down on the patient's record first: an import changes none."""
        if not has_died(patient.person):
            dead = [(slot, one) for slot, one in told if tells_of_death(one)]
            self.problems += [self.fault(self._about_death(slot, one), DIED) for slot, one in dead]

    def _about_death(self, slot: Slot, one: Any) -> Slot:
        facts = [replace(slot, name=name) for name in ("outcome", "grade", "serious")]
        said = {"outcome": "fatal", "grade": "5"}
        return next((at for at in facts if getattr(one, at.name, None) == said.get(at.name, "")), slot)


class FurtherCourse(Addition):
    """A whole course of a registered patient, with its cells and its follow-up."""

    def build(self, kind: str) -> None:  # noqa: ARG002 - one kind
        before, patient = len(self.problems), self._patient()
        if patient is None:
            if len(self.problems) == before:
                self._fault(NUMBER, "“patient.record_number” or “patient.key”: whose course it is")
            return
        self._weighed(patient)
        self._course(patient)

    def _weighed(self, patient: Patient) -> None:
        if self._has("weight", "kg"):
            self._make("weight", "", patient_id=patient.id)


class FurtherAdministration(FurtherCourse):
    """Cells that were given elsewhere under a course that came in."""

    def build(self, kind: str) -> None:  # noqa: ARG002 - one kind
        course = self._course_named()
        if course is None:
            return
        given = Slot(part="administration", name="performed_at")
        if course.origin is not Origin.IMPORTED:
            said = "a course that was imported: cells given under a course of this clinic are recorded at the bedside"
            self._fault(NUMBER, said)
            return
        if not self._has("administration"):
            self._fault(given, "when or how much was given; cells that were not given are recorded on their pages")
            return
        if course.donor is None:
            self._fault(NUMBER, "a course whose donor is recorded: name the donor on its page first")
            return
        self._weighed(course.patient)
        self._cells(course, course.donor, course.protocol_version)
        if not self.known.planned(course):
            self.records += visits_to_come(self.records, course, course.patient, by=self.by, at=self.at)


class FurtherScores(Addition):
    """The scores of one visit, or one score of it; rows of the same course, name and day are one visit."""

    def build(self, kind: str) -> None:  # noqa: ARG002 - one kind
        course = self._course_named()
        if course is None:
            return
        self._named_score()
        of_course = {"treatment": course, "treatment_id": course.id}
        wanted = [one for one in self.given if one.part == "score" and self._scored(one)]
        took_place = wanted or self._text(Slot(part="visit", name="performed_at")) is not None
        day = self._text(Slot(part="visit", name="course_day"))
        name = f"Day {day}" if day else "Visit"
        visit = self._make("visit", "", name=name, made="made" if took_place else None, **of_course)
        same = self.known.visit(visit)
        if same is not None:
            self.records.remove(visit)
            contradictions(self, same, "visit")
        else:
            visit.plan_id = self.known.plan_of(visit)
        for one in wanted:
            self._add(one, same or visit, of_course)
        self._deaths(course.patient, [(Slot(part="visit", name="alive"), same or visit)])

    def _scored(self, wanted: Slot) -> bool:
        return self.given[wanted].text is not None or self.given[wanted].never

    def _named_score(self) -> None:
        """Put a score that names its instrument in a cell in the place of that instrument."""
        empty = Given(text=None, column="score.value")
        slots = {name: Slot(part="score", name=name) for name in ("instrument", "value", "did_not_occur")}
        named, value, unseen = (self.given.pop(slot, None) for slot in slots.values())
        if named is None or named.text is None:
            if value is not None and value.text is not None:
                self._fault(slots["instrument"], "the instrument of the score")
            return
        labels = {key: instrument.label for key, instrument in INSTRUMENTS.items()}
        try:
            never = bool(unseen is not None and unseen.text and parse_cell.yes_no(unseen.text))
            instrument = parse_cell.one_of(named.text, labels)
        except parse_cell.NotThat as fault:
            self.given[slots["instrument"]] = named
            self._fault(slots["instrument"], str(fault))
            del self.given[slots["instrument"]]
            return
        said = replace(value or empty, column=named.column, never=never or bool(value and value.never))
        self.given[Slot(part="score", name=instrument)] = said
        if said.text is None and not said.never:
            self._fault(Slot(part="score", name=instrument), "a score, or that it did not occur")

    def _add(self, wanted: Slot, visit: FollowUpVisit, of_course: dict[str, Any]) -> None:
        """Add a score to a visit; one that was recorded or signed here is amended instead (rule 70)."""
        if visit.origin is not Origin.IMPORTED or visit.signatures:
            said = "a visit that was imported and that nobody has signed; amend this one on its page (rule 70)"
            self._fault(wanted, said)
            return
        stored = {one.instrument for one in visit.scores} if inspect(visit).persistent else set()
        if wanted.name in stored or (visit.id, wanted.name) in self.known.scored:
            self._fault(wanted, "each instrument once a visit; a score that is there is amended on its page (rule 70)")
            return
        self.known.scored.add((visit.id, wanted.name))
        self._score(wanted, visit, of_course)


class FurtherEvent(Addition):
    """One adverse event."""

    def build(self, kind: str) -> None:  # noqa: ARG002 - one kind
        course = self._course_named()
        if course is None:
            return
        event = self._make("event", "", treatment=course, treatment_id=course.id)
        if may_be_serious(event.serious) and self.known.treated_here(course):
            self._fault(Slot(part="event", name="serious"), DEADLINE)
        self._deaths(course.patient, [(Slot(part="event", name="outcome"), event)])


ADDITIONS: dict[str, type[History]] = {
    "further-courses": FurtherCourse, "administrations": FurtherAdministration, "scores": FurtherScores,
    "events": FurtherEvent,
}  # fmt: skip
"""What makes records of a row, by kind of import."""
