"""Who and what a table names that is registered already, or that an earlier row of it made."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.administration.models import Administration
from clinic.consent.models import Consent
from clinic.exchange import parse_cell
from clinic.exchange.batches import ImportedRow, known_rows
from clinic.exchange.import_again import Day, Earlier, called, day_of, same_cells
from clinic.exchange.import_followup import is_that
from clinic.exchange.import_same_visit import KnownVisits, name_of
from clinic.exchange.import_survival import KnownSurvival
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.after_death import first_cells
from clinic.followup.models import FollowUpVisit, PlannedVisit
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.patients.names import compact
from clinic.patients.numbers import Bearer, bearers
from clinic.records import Origin
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.clock import Span
    from clinic.exchange.mapping import Mapping

LOOSE = frozenset({"donor_number", "age_years", "hla_match", "not_recorded"})
"""Facts of a donor that are compared otherwise, or differ from one donation or recipient to the next."""

OF_ITS_DAY = frozenset({"name", "performed_at", "course_day"})
"""Facts of a visit by which it was found: they are compared there (`clinic.exchange.import_same_visit`)."""


@dataclass(kw_only=True)
class TableWide:
    """What a whole table says of each visit that it makes: scores that are there, and why others are not.

    ``earlier``: the events and cells given of earlier rows.
    A visit is made by its first row; what later rows say of it is known from the pass before.
    """

    scored: set[tuple[Any, ...]] = field(default_factory=set)
    missing: dict[tuple[Any, ...], dict[str, str]] = field(default_factory=dict)
    earlier: Earlier = field(default_factory=Earlier)

    def missing_of(self, key: tuple[Any, ...]) -> dict[str, str]:
        """Return why scores of a visit are missing that no row has."""
        return {name: why for name, why in self.missing.get(key, {}).items() if (*key, name) not in self.scored}


class Known:
    """What one pass over a table knows. Donors and visits that several rows share are made once."""

    def __init__(self, session: Session, by: User, mapping: Mapping, wide: TableWide) -> None:
        self.session, self.by, self.mapping, self.wide = session, by, mapping, wide
        self.donors: dict[str, Donor] = {}
        self.visits = KnownVisits(session, by.site.zone, self.first_given)
        self.survival = KnownSurvival(session, self.courses, self.first_given)
        self.scored: set[tuple[str, str]] = set()
        self.plans: set[str] = set()
        self._begun: dict[str, Span | None] = {}
        self._courses: dict[str, list[Treatment]] = {}

    @cached_property
    def consents_since(self) -> datetime | None:
        """When the first consent was recorded at this site: from then on what it collects has one (rule 14)."""
        chosen = select(Consent.recorded_at).where(Consent.site_id == self.by.site_id, Consent.origin == Origin.CLINIC)
        return self.session.scalar(chosen.order_by(Consent.recorded_at).limit(1))

    @cached_property
    def _patients(self) -> dict[str, Bearer]:
        borne = bearers(self.session, Patient, "record_number", site_id=self.by.site_id)
        return {compact(one.number): one for one in reversed(borne)}

    @cached_property
    def _donors(self) -> dict[str, Bearer]:
        borne = bearers(self.session, Donor, "donor_number", site_id=self.by.site_id)
        return {compact(one.number): one for one in reversed(borne)}

    def patient(self, number: str) -> Patient | None:
        """Return the patient who has a record number now; one that was replaced names nobody (rule 1)."""
        one = self._patients.get(compact(number))
        return None if one is None or one.until is not None else self.session.get(Patient, one.id)

    def by_key(self, model: type[Any], key: str) -> Any:
        """Return the first record of a kind that the row with a key of the same source became."""
        for written in [key, f"{key}.0"] if key.isdecimal() else [key]:  # as whole numbers once were kept
            named = f"{self.mapping.source}: {written}"
            apart = f"{self.mapping.source}: further-courses: {written}"
            for one in known_rows(self.session, self.by.site_id, ImportedRow.source_key, [named, apart]).values():
                ids = [record for record in one.records if record.startswith(model.KIND)]
                if ids:
                    return self.session.get(model, ids[0])
        return None

    def by_identity(self, chain: str) -> Treatment | None:
        """Return the course with a chain of identity."""
        chosen = select(Treatment).where(Treatment.site_id == self.by.site_id, Treatment.chain_of_identity == chain)
        return self.session.scalar(chosen)

    def courses(self, patient: Patient) -> list[Treatment]:
        """Return the courses of a person, the first recorded first."""
        if patient.id not in self._courses:
            of_person = Treatment.patient_id.in_([one.id for one in patient.person])
            chosen = select(Treatment).where(of_person).order_by(Treatment.recorded_at, Treatment.id)
            self._courses[patient.id] = list(self.session.scalars(chosen))
        return self._courses[patient.id]

    def own_donor(self, patient: Patient) -> Donor | None:
        """Return the patient as the donor of own cells, where a course made her or him one before."""
        return self.session.scalar(select(Donor).where(Donor.patient_id == patient.id))

    def donor(self, number: str | None) -> Donor | None:
        """Return the donor with a number: of an earlier row, or of an import.

        A donor who was recorded here is named by a further course of a registered patient only.
        """
        key = compact(number or "")
        if not key or key in self.donors:
            return self.donors.get(key)
        one = self._donors.get(key)
        found = None if one is None or one.until is not None else self.session.get(Donor, one.id)
        here = self.mapping.kind == "further-courses"
        return found if found is not None and (here or found.origin is Origin.IMPORTED) else None

    def learn_donor(self, number: str | None, donor: Donor) -> None:
        """Know the donor that a row made, so that later rows name the same one."""
        if key := compact(number or ""):
            self.donors[key] = donor

    def planned(self, course: Treatment) -> bool:
        """Whether visits of a course are planned already, or earlier cells with a day were given."""
        chosen = select(PlannedVisit.id).where(PlannedVisit.treatment_id == course.id).limit(1)
        given = select(Administration.id).where(
            Administration.treatment_id == course.id, Administration.performed_at.is_not(None)
        )
        return self.session.scalar(chosen) is not None or self.session.scalar(given.limit(1)) is not None

    def treated_here(self, course: Treatment) -> bool:
        """Whether a course is of this clinic, or cells were given here under one that came in."""
        given = select(Administration.id).where(
            Administration.treatment_id == course.id, Administration.origin == Origin.CLINIC
        )
        return course.origin is Origin.CLINIC or self.session.scalar(given.limit(1)) is not None

    def first_span(self, course: Treatment) -> Span | None:
        """Return when the first recorded cells of a course were given, as far as it is known."""
        if course.id not in self._begun:
            self._begun[course.id] = first_cells(self.session, course.id)
        return self._begun[course.id]

    def first_given(self, course: Treatment) -> date | None:
        """Return the day of the first cells of a course, where a whole day is known."""
        begun = self.first_span(course)
        return None if begun is None else begun.day

    def given_before(self, patient: Patient, given: Administration, day: Day) -> list[Administration]:
        """Return the administrations of a person, in whatever course, that may be the one of a row."""
        courses = {one.id: one for one in self.courses(patient)}
        chosen = select(Administration).where(Administration.treatment_id.in_(courses)).order_by(Administration.id)
        others = [
            (one, day_of(one, self.by.site.zone, self.first_given(courses[one.treatment_id or ""])))
            for one in self.session.scalars(chosen)
            if one is not given and one.counts
        ]
        return same_cells(given, day, others)

    def same_events(self, course: Treatment, event: AdverseEvent) -> list[AdverseEvent]:
        """Return the events of a course that are called the same and may have begun on the same day."""
        chosen = select(AdverseEvent).where(AdverseEvent.treatment_id == course.id).order_by(AdverseEvent.id)
        wanted, day = called(event), self._day_of(course, event)
        others = (one for one in self.session.scalars(chosen) if one is not event and called(one) == wanted)
        return [one for one in others if day.may_be(self._day_of(course, one))]

    def earlier_row(self, course: Treatment, event: AdverseEvent, row: int) -> int | None:
        """Return the row of the table that tells of an event of the same name and day before, if one does."""
        return self.wide.earlier.event((course.id, called(event)), row, self._day_of(course, event))

    def _day_of(self, course: Treatment, record: AdverseEvent | Administration) -> Day:
        return day_of(record, self.by.site.zone, self.first_given(course))

    def plan_of(self, visit: FollowUpVisit) -> str | None:
        """Return the id of the planned visit that a visit is, where nothing is recorded for it yet."""
        done = select(FollowUpVisit.id).where(FollowUpVisit.plan_id == PlannedVisit.id)
        chosen = select(PlannedVisit).where(PlannedVisit.treatment_id == visit.treatment_id, ~done.exists())
        for plan in self.session.scalars(chosen.order_by(PlannedVisit.due_on)):
            if plan.id not in self.plans and is_that(plan, visit, self.by.site.zone):
                self.plans.add(plan.id)
                return plan.id
        return None


def visit_key(one: FollowUpVisit) -> tuple[Any, ...]:
    """Return what tells a visit from others in each pass over a table: its course, name, day and day of the course."""
    return one.treatment_id, name_of(one), one.performed_at, one.course_day


def contradictions(history: Any, record: Any, part: str) -> None:
    """Say where a row contradicts a record that is there: an import never changes one (rule 70)."""
    loose = LOOSE | (OF_ITS_DAY if part == "visit" else frozenset())
    for wanted, given in history.given.items():
        if (wanted.part, wanted.key) != (part, "") or given.text is None or wanted.name in loose:
            continue
        fact, column = wanted.fact, record.__table__.columns[wanted.name]
        label = fact.label if fact is not None else wanted.name
        try:
            said = parse_cell.cell(given.text, column, fact, history.by.site.zone)
        except parse_cell.NotThat as fault:
            history.problems.append(history.fault(wanted, f"{fault} ({label})"))
            continue
        if said != getattr(record, wanted.name):
            of = f"the {record.NOUN.lower()} {record.id}"
            expected = f"“{label}” as {of} has it: an import never changes a record (rule 70)"
            history.problems.append(history.fault(wanted, expected))
