"""Make records of one row about a patient who is registered: a further course, cells given, scores, or an event.

What a row adds is judged as on its page. It never changes what is there, and never makes cells givable: cells that come
in so were given elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from clinic.administration.models import Administration
from clinic.exchange import import_rows, parse_cell
from clinic.exchange.import_again import day_of
from clinic.exchange.import_checks import Given, asked
from clinic.exchange.import_course import History
from clinic.exchange.import_days import first_span
from clinic.exchange.import_deaths import tells_of_death
from clinic.exchange.import_followup import visits_to_come
from clinic.exchange.import_known import contradictions, visit_key
from clinic.exchange.import_survival import survival_faults
from clinic.exchange.import_targets import Slot
from clinic.exchange.import_visits import dated
from clinic.followup.adverse_events import ASSESSED, OTHER_CAUSES
from clinic.followup.event_rules import may_be_serious
from clinic.followup.models import MADE
from clinic.patients.models import Patient, has_died
from clinic.protocols.catalogues import INSTRUMENTS, labels
from clinic.records import Origin
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.followup.models import FollowUpVisit

NUMBER, PATIENT_KEY = Slot(part="patient", name="record_number"), Slot(part="patient", name="key")
COURSE_KEY, IDENTITY = Slot(part="course", name="key"), Slot(part="course", name="chain_of_identity")
TERM = Slot(part="event", name="term")
ROW_KEY, GIVEN_AT = Slot(part="row", name="key"), Slot(part="administration", name="performed_at")
CAME_IN = "the key of a row that came in from this source; “source” in the mapping must be the same"
DEADLINE = (
    "none: a serious event of a course of this clinic is reported on its page, where its deadline begins (rule 67)"
)
JUDGED_HERE = "none: a physician of this clinic assesses an event of its courses, on the event's page (rule 64)"
DIED = "the day of the death on the patient's record first, or as the grade 5 event of a page (rule 65)"


class Addition(History):
    """A row about somebody who is registered."""

    def _patient(self) -> Patient | None:
        number, key = self.text_of(NUMBER), self.text_of(PATIENT_KEY)
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
            text = self.text_of(wanted)
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
        self._given_before(patient)

    def _given_before(self, patient: Patient) -> None:
        """Ask about cells given to the same person that are recorded already and may be the same: once or twice."""
        given = next((one for one in self.records if isinstance(one, Administration)), None)
        if self.text_of(ROW_KEY) or given is None:
            return
        begun = self.known.first_given(given.treatment) if inspect(given.treatment).persistent else None
        day = day_of(given, self.by.site.zone, begun)
        for one in self.known.given_before(patient, given, day):
            said = (
                f"cells that are not recorded yet: the administration {one.id} is or may be of that day. A row is "
                "never changed: correct it by amendment (rule 70)"
            )
            self.problems += asked(self, GIVEN_AT, said, "administration.repeated")
        row = self.known.wide.earlier.given(patient.person_id or patient.id, self.row, day, given.volume_given)
        if row is not None:
            said = f"other cells than those of row {row}, of the same volume: one of the two days is known in part"
            self.problems += asked(self, GIVEN_AT, said, "administration.repeated")

    def _weighed(self, patient: Patient) -> None:
        if self._has("weight", "kg"):
            self.make("weight", "", patient_id=patient.id)


class FurtherAdministration(FurtherCourse):
    """Cells that were given elsewhere under a course that came in."""

    def build(self, kind: str) -> None:  # noqa: ARG002 - one kind
        course = self._course_named()
        if course is None:
            return
        if course.origin is not Origin.IMPORTED:
            said = "a course that was imported: cells given under a course of this clinic are recorded at the bedside"
            self._fault(NUMBER, said)
            return
        if not self._has("administration"):
            self._fault(GIVEN_AT, "when or how much was given; cells that were not given are recorded on their pages")
            return
        if course.donor is None:
            self._fault(NUMBER, "a course whose donor is recorded: name the donor on its page first")
            return
        self._weighed(course.patient)
        self._cells(course, course.donor, course.protocol_version)
        self._given_before(course.patient)
        self.problems += survival_faults(
            self, course.patient, self.known.first_span(course) or first_span(self), course
        )
        if not self.known.planned(course):
            self.records += visits_to_come(self.records, course, course.patient, by=self.by, at=self.at)


class FurtherScores(Addition):
    """The scores of one visit, or one score of it; rows of the same course, name and day are one visit."""

    def build(self, kind: str) -> None:  # noqa: ARG002 - one kind
        course = self._course_named()
        if course is None:
            return
        self._named_score()
        if not any(
            one.part in {"visit", "score"} and (said.text or said.never or said.missing)
            for one, said in self.given.items()
        ):
            self.notes.append(f"Row {self.row}: no visit is made, since its cells say nothing of one.")
            return
        of_course = {"treatment": course, "treatment_id": course.id}
        wanted = [one for one in self.given if one.part == "score" and self._scored(one)]
        took_place = wanted or dated(self, "")
        day = self.text_of(Slot(part="visit", name="course_day"))
        name = f"Day {day}" if day else "Visit"
        visit = self.make("visit", "", name=name, made="made" if took_place else None, **of_course)
        same = self.known.visits.find(self, visit)
        self._note_missing(visit, same)
        if same is not None:
            self.records.remove(visit)
            contradictions(self, same, "visit")
        else:
            visit.plan_id = self.known.plan_of(visit)
        for one in wanted:
            self._add(one, same or visit, of_course, told=visit)
        self._deaths(course.patient, [(Slot(part="visit", name="alive"), same or visit)])
        self.problems += survival_faults(self, course.patient, self.known.first_span(course), course)

    def _note_missing(self, visit: FollowUpVisit, same: FollowUpVisit | None) -> None:
        """Keep why scores are missing with a visit that the table makes; one that was there stays as it is."""
        key, wide = visit_key(same or visit), self.known.wide
        for one in (at for at in self.given if at.part == "score"):
            if self._scored(one):
                wide.scored.add((*key, one.name))
            elif self.given[one].missing:
                wide.missing.setdefault(key, {})[one.name] = self.reason_why(one)
                if same is not None and same.id not in self.known.visits.made:
                    self.notes.append(f"Row {self.row}: the visit is recorded, and stays without this score.")
        if same is None:
            visit.not_recorded = {**visit.not_recorded, **wide.missing_of(key)}

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
        try:
            never = bool(unseen is not None and unseen.text and parse_cell.yes_no(unseen.text))
            instrument = parse_cell.one_of(named.text, labels(INSTRUMENTS))
        except parse_cell.NotThat as fault:
            self.given[slots["instrument"]] = named
            self._fault(slots["instrument"], str(fault))
            del self.given[slots["instrument"]]
            return
        said = replace(
            value or replace(empty, column=named.column), never=never or bool(value and value.never)
        )  # a fault of the score is told of its own column
        self.given[Slot(part="score", name=instrument)] = said
        if said.text is None and not said.never and not said.missing and (why := self.not_recorded.get("value")):
            self.given[Slot(part="score", name=instrument)] = replace(said, missing=why)
        elif said.text is None and not said.never and not said.missing and not said.written:  # else it is told already
            self._fault(Slot(part="score", name=instrument), "a score, or that it did not occur")

    def _add(self, wanted: Slot, visit: FollowUpVisit, of_course: dict[str, Any], *, told: FollowUpVisit) -> None:
        """Add a score to a visit; one that was recorded or signed here is amended instead (rule 70).

        ``told``: the visit as this row tells it; its day is that of the score.
        """
        if self._is_there(wanted, visit):
            return
        if visit.origin is not Origin.IMPORTED or visit.signatures:
            said = "a visit that was imported and that nobody has signed; amend this one on its page (rule 70)"
            self._fault(wanted, said)
            return
        stored = {one.instrument for one in visit.scores} if inspect(visit).persistent else set()
        if wanted.name in stored or (visit.id, wanted.name) in self.known.scored:
            self._fault(wanted, "each instrument once a visit; a score that is there is amended on its page (rule 70)")
            return
        if visit.made in {"missed", "lost"}:
            self._fault(wanted, f"no score: the visit is recorded as “{MADE[visit.made].lower()}” (rule 63)")
            return
        self.known.scored.add((visit.id, wanted.name))
        self.score(wanted, visit, of_course, told=told)

    def _is_there(self, wanted: Slot, visit: FollowUpVisit) -> bool:
        """Whether a visit that was there has the same score, in whatever way it is written."""
        if (visit.id, wanted.name) in self.known.scored or not inspect(visit).persistent:
            return False
        given = self.given[wanted]
        said = None if given.text is None else import_rows.value_of(wanted, given.text, self.by.site.zone)
        for one in visit.scores:
            stored = None if one.value is None else import_rows.value_of(wanted, str(one.value), self.by.site.zone)
            if one.instrument == wanted.name and (stored, one.did_not_occur) == (said, given.never):
                return given.by_day is None or given.by_day == one.course_day
        return False


class FurtherEvent(Addition):
    """One adverse event."""

    def build(self, kind: str) -> None:  # noqa: ARG002 - one kind
        course = self._course_named()
        if course is None:
            return
        if not self._has("event"):
            self.notes.append(f"Row {self.row}: no adverse event is made, since its cells say nothing of one.")
            return
        event = self.make("event", "", treatment=course, treatment_id=course.id)
        for one in [] if self.text_of(ROW_KEY) else self.known.same_events(course, event):
            said = (
                f"an event that is not recorded yet: {one.id} is the same, or may be, with other facts. A record is "
                "never changed by an import: correct it by amendment (rule 70)"
            )
            self.problems += asked(self, TERM, said, "event.repeated")
        first = None if self.text_of(ROW_KEY) else self.known.earlier_row(course, event, self.row)
        if first is not None:
            said = f"another event than that of row {first}, called the same, which may have begun on the same day"
            self.problems += asked(self, TERM, said, "event.repeated")
        if self.known.treated_here(course):
            if may_be_serious(event.serious):
                self._fault(Slot(part="event", name="serious"), DEADLINE)
            for name in (*ASSESSED, *OTHER_CAUSES):
                if getattr(event, name) is not None:
                    self._fault(Slot(part="event", name=name), JUDGED_HERE)
        self._deaths(course.patient, [(Slot(part="event", name="outcome"), event)])


ADDITIONS: dict[str, type[History]] = {
    "further-courses": FurtherCourse, "administrations": FurtherAdministration, "scores": FurtherScores,
    "events": FurtherEvent,
}  # fmt: skip
"""What makes records of a row, by kind of import."""
