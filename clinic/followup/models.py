"""What happens after the cells were given: planned visits, visits made or missed, scores."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship, selectinload

from clinic import wording
from clinic.administration.models import Administration
from clinic.clock import day_in
from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import Field, field, plain
from clinic.followup.after_death import after_death, too_late
from clinic.model import Model, reference
from clinic.patients.models import has_died
from clinic.protocols.catalogues import INSTRUMENTS, change, labels, responder, score_fault
from clinic.records import Entry, Origin, Record
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.protocols.content import VisitPlan

MADE = {"made": "Attended", "missed": "Missed", "lost": "Lost to follow-up"}
CONTACT_RESULTS = {
    "reached": "Reached",
    "not_reached": "Not reached",
    "message": "Message left",
    "declined": "Declined",
}
CONTACT_WAYS = {"call": "Call", "e-mail": "E-mail", "letter": "Letter", "in_person": "In person"}
BASELINE = "Baseline"
LOST_AFTER = 3
"""Contacts without an answer after which a patient may be called lost to follow-up (rule 62)."""


class PlannedVisit(Model):
    """One visit that the protocol asks for, with its window. Counted from the day of administration (rule 62)."""

    KIND = "PL"
    NOUN = "Planned visit"
    JUDGED = True
    READ_WITH = ("contacts",)
    __table_args__ = (
        UniqueConstraint("treatment_id", "number"),
        CheckConstraint("opens_on <= closes_on", name="window"),
    )

    treatment_id: Mapped[str] = reference("treatment")
    number: Mapped[int]
    name: Mapped[str] = field("Visit")
    day: Mapped[int] = field("Day")
    due_on: Mapped[date] = field("Due on", index=True)
    opens_on: Mapped[date] = field("Window opens")
    closes_on: Mapped[date] = field("Window closes", index=True)
    contact: Mapped[bool] = mapped_column(default=False)
    instruments: Mapped[list[str]] = mapped_column(default=list)

    administration_id: Mapped[str | None] = reference("administration")

    treatment: Mapped[Treatment] = relationship()
    visit: Mapped[FollowUpVisit | None] = relationship(back_populates="plan", uselist=False)
    contacts: Mapped[list[ContactAttempt]] = relationship(back_populates="plan", order_by="ContactAttempt.performed_at")

    @property
    def day_zero(self) -> date:
        """The day on which the cells were given from which it is counted."""
        return self.due_on - timedelta(days=self.day)

    def move_to(self, day_zero: date) -> None:
        """Count it from another day; its window stays as wide."""
        by = day_zero - self.day_zero
        if by:
            self.due_on, self.opens_on, self.closes_on = self.due_on + by, self.opens_on + by, self.closes_on + by

    def standing(self, on: date) -> str:
        """Return done, missed, overdue, open or planned, for a day."""
        if self.visit is not None:
            return "missed" if self.visit.made in {"missed", "lost"} else "done"
        if on > self.closes_on:
            return "overdue"
        return "open" if on >= self.opens_on else "planned"


def plan_visits(treatment: Treatment, day_zero: date, *, by: User) -> list[PlannedVisit]:
    """Return the visits of the protocol for a course whose cells were first given on a day (rule 62).

    The baseline is read before the cells; where it was made, no visit is planned for it any more.
    """
    session = object_session(treatment)
    chosen = select(FollowUpVisit.id).where(FollowUpVisit.treatment_id == treatment.id, FollowUpVisit.name == BASELINE)
    read = session is not None and session.scalar(chosen.limit(1)) is not None
    return [
        _planned(treatment, visit, day_zero, number=number, name=visit.name, by=by)
        for number, visit in enumerate(treatment.says.visits, start=1)
        if not (read and visit.name == BASELINE)
    ]


def _planned(  # noqa: PLR0913 - what one line of the plan consists of
    treatment: Treatment, visit: VisitPlan, day_zero: date, *, number: int, name: str, by: User
) -> PlannedVisit:
    return PlannedVisit(
        site_id=by.site_id, treatment=treatment, treatment_id=treatment.id, number=number, name=name,
        day=visit.day, due_on=day_zero + timedelta(days=visit.day),
        opens_on=day_zero + timedelta(days=visit.day - visit.before),
        closes_on=day_zero + timedelta(days=visit.day + visit.after),
        contact=visit.contact, instruments=list(visit.instruments),
    )  # fmt: skip


def plan_again(administration: Administration, by: User) -> None:
    """Plan the visits when cells were given, and again when that moment is corrected, in the same transaction.

    The first cells of a course plan all visits of its protocol, a later dose on another day those that come after it.
    Where a start is corrected, the visits without a record move with it.
    """
    session = object_session(administration)
    if session is None or administration.performed_at is None:
        return
    if administration.voided:
        _release_plans(session, administration)
        return
    day_zero = administration.local_day(administration.performed_at)
    course = administration.treatment
    chosen = select(PlannedVisit).where(PlannedVisit.treatment_id == course.id)
    with_visits = chosen.options(selectinload(PlannedVisit.visit), selectinload(PlannedVisit.contacts))
    plans = list(session.scalars(with_visits))
    mine = [plan for plan in plans if plan.administration_id == administration.id]
    if not mine and _is_first(session, administration):
        # plans from before a plan named its cells were made from the first ones
        mine = [plan for plan in plans if plan.administration_id is None]
    if mine:
        for plan in mine:
            if plan.visit is None and not plan.contacts:
                plan.move_to(day_zero)
        return
    made = plan_visits(course, day_zero, by=by) if not plans else _plan_dose(course, plans, day_zero, by)
    for plan in made:
        plan.administration_id = administration.id
    session.add_all(made)


def _is_first(session: Session, administration: Administration) -> bool:
    counts = Administration.outcome.is_distinct_from("voided")
    chosen = select(Administration.id).where(Administration.treatment_id == administration.treatment_id, counts)
    return session.scalar(chosen.order_by(Administration.recorded_at, Administration.id).limit(1)) == administration.id


def _release_plans(session: Session, administration: Administration) -> None:
    """Take the visits of a voided start out of the plan; the next start of the course plans from its own day."""
    chosen = select(PlannedVisit).where(PlannedVisit.administration_id == administration.id)
    for plan in session.scalars(chosen):
        if plan.visit is None and not plan.contacts:
            session.delete(plan)


def _plan_dose(course: Treatment, plans: list[PlannedVisit], day_zero: date, by: User) -> list[PlannedVisit]:
    """Return the visits after one more dose; more cells on a day that is planned from are part of its dose."""
    doses = {plan.day_zero for plan in plans}
    if course.says.dose.doses <= 1 or day_zero in doses:
        return []
    last, dose = max(plan.number for plan in plans), len(doses) + 1
    after = [visit for visit in course.says.visits if visit.day > 0]
    return [
        _planned(course, visit, day_zero, number=last + number, name=f"{visit.name} after dose {dose}", by=by)
        for number, visit in enumerate(after, start=1)
    ]


Administration.when_started.append(plan_again)


class FollowUpVisit(Record):
    """One visit, made or missed; the baseline before the cells is a visit without a plan."""

    KIND = "VI"
    NOUN = "Follow-up visit"
    ASKED_FIRST = False
    HAPPENED = "Visit at"
    DONE = "Seen by"
    QUALIFIED = (("performed_by_id", 0),)
    QUALIFIED_IF = ("made", frozenset({"made"}))
    PERSON = "treatment.patient"
    TELLS_OF_PATIENT = True
    AFTER_DEATH = True

    treatment_id: Mapped[str] = reference("treatment")
    plan_id: Mapped[str | None] = reference("planned_visit", unique=True)
    name: Mapped[str] = field("Visit", required=True, usual=BASELINE, section="Visit")
    made: Mapped[str | None] = field("Visit status", choices=MADE, required=True, usual="made", section="Visit")
    missed_reason: Mapped[str | None] = field(
        "Reason missed", conditional=True, section="Visit", asked_if=("made", "missed", "lost")
    )
    new_symptoms: Mapped[bool | None] = field(
        "New symptom or event", conditional=True, section="Visit", added=True,
        asked_if=("made", "made"), hint="Since the last contact. If yes, you report it as an adverse event next",
    )  # fmt: skip
    alive: Mapped[bool | None] = field("The patient is alive", usual=True, section="Visit")
    notes: Mapped[str | None] = field("Follow-up note", Text, long=True, identifying=True, section="Note")

    treatment: Mapped[Treatment] = relationship()
    plan: Mapped[PlannedVisit | None] = relationship(back_populates="visit")
    scores: Mapped[list[OutcomeScore]] = relationship(back_populates="visit", order_by="OutcomeScore.instrument")

    def problems(self, *, at: datetime) -> list[str]:
        """Also: a missed visit says why; lost to follow-up needs three contacts without an answer (rule 62)."""
        found = super().problems(at=at)
        if self.origin == "clinic" and not self.alive and not has_died(self.treatment.patient.person):
            said = "Enter the date of death in the patient's record first, or report it as an adverse event of grade 5."
            found.append(Problem(said, "alive"))
        found += after_death(self, "alive") if self.made == "made" and self.alive is not False else []
        if self.made in {"missed", "lost"} and not self.missed_reason:
            found.append(Problem("Give the reason why the visit was missed.", "missed_reason", rule=62))
        if self.made == "lost" and self.plan is not None:
            session = object_session(self.plan)
            with session.no_autoflush if session else nullcontext():
                tries = [c for c in self.plan.contacts if c.result in {"not_reached", "message"}]
            if len(tries) < LOST_AFTER:
                said = f"Lost to follow-up needs {LOST_AFTER} contacts without an answer; {len(tries)} are recorded."
                found.append(Problem(said, "made", rule=62))
        plan, made_on = self.plan, self.made_on
        if plan is not None and plan.day > 0 and made_on is not None and made_on < plan.day_zero:
            said = f"Visit at is before the cells were given, {wording.day(plan.day_zero)}."
            found.append(Problem(said, "performed_at", rule=62))
        return found

    def questions(self) -> list[Question]:
        """Also: a visit outside its window is asked about once, and kept as outside (rule 62)."""
        if not self.outside_window or self.plan is None:
            return []
        days = f"{wording.day(self.plan.opens_on)} to {wording.day(self.plan.closes_on)}"
        said = f"{wording.day(self.made_on)} is outside the window of this visit, {days}. Is this right?"
        return [Question("performed_at", said, "The visit is then marked as outside its window.")]

    @property
    def made_on(self) -> date | None:
        """The day on which it was made; None where it was not, or where no day is known."""
        return day_in(self, "performed_at", self.zone) if self.made == "made" else None

    @property
    def outside_window(self) -> bool:
        """Whether it was made before its window opened or after it closed."""
        plan, made_on = self.plan, self.made_on
        return plan is not None and made_on is not None and not plan.opens_on <= made_on <= plan.closes_on

    @property
    def is_baseline(self) -> bool:
        """Whether it is the reading before the cells."""
        return self.name == BASELINE

    def content(self) -> dict[str, Any]:
        """Cover the scores too: they are part of what is signed."""
        return super().content() | {"scores": sorted((s.content() for s in self.scores), key=lambda c: c["id"])}

    def covered(self) -> tuple[Entry, ...]:
        """Also the rows of its scores."""
        return (self, *self.scores)

    def refuse_scores(self) -> None:
        """Refuse scores of a visit that was not made (rule 63)."""
        if self.made != "made" and self.scores:
            raise RuleBroken("A visit that was not attended has no scores: clear them, or select “Attended”.", rule=63)

    def score(
        self, instrument: str, *, by: User, at: datetime, value: Decimal | None, did_not_occur: bool = False,
        **kept: Any,
    ) -> OutcomeScore:  # fmt: skip
        """Record one score of this visit (rule 63). ``kept``: ``confirmed``, why an unusual figure is right."""
        score = OutcomeScore.log(
            by=by, at=at, performed_at=self.performed_at, performed_by_id=self.performed_by_id,
            treatment_id=self.treatment_id, visit_id=self.id, instrument=instrument, value=value,
            did_not_occur=did_not_occur, **kept,
        )  # fmt: skip
        self.scores.append(score)
        return score

    def headline(self) -> str:
        said = ", ".join(score.headline() for score in self.scores[:3])
        return " · ".join(part for part in (self._what(), said) if part)

    def _what(self) -> str:
        if self.made != "made":
            return f"{self.name}: {MADE[self.made].lower() if self.made else 'attendance not recorded'}"
        return f"{self.name}, outside its window" if self.outside_window else self.name


class OutcomeScore(Record):
    """One score of one instrument. What did not occur (no engraftment, no relapse) has no value but says so."""

    KIND = "SC"
    NOUN = "Score"
    ASKED_FIRST = False
    HAPPENED = "Scored at"
    DONE = "Scored by"
    __table_args__ = (CheckConstraint("(value IS NULL) = did_not_occur", name="value_or_not"),)

    treatment_id: Mapped[str] = reference("treatment")
    visit_id: Mapped[str | None] = reference("follow_up_visit")
    instrument: Mapped[str | None] = field("Instrument", choices=labels(INSTRUMENTS), required=True)
    value: Mapped[Decimal | None] = field("Score")
    did_not_occur: Mapped[bool] = field("Did not occur", default=False)
    note: Mapped[str | None] = field("Note")

    treatment: Mapped[Treatment] = relationship(viewonly=True)
    visit: Mapped[FollowUpVisit | None] = relationship(back_populates="scores")

    def problems(self, *, at: datetime) -> list[str]:
        """Also rule 63: within the instrument's range and steps."""
        found = super().problems(at=at)
        found += after_death(self, "performed_at") if self.visit is None or self.visit.alive is not False else []
        instrument = INSTRUMENTS.get(self.instrument or "")
        if instrument is None:
            return found
        if self.value is None and not self.did_not_occur:
            found.append(Problem(f"{instrument.label}: fill in the score", "value"))
        if self.value is not None:
            fault = score_fault(instrument, self.value)
            if fault:
                found.append(Problem(fault, "value", rule=63))
            elif self.origin is Origin.CLINIC:  # an import asks the same of its row
                found += too_late(self, at)
        return found

    def questions(self) -> list[Question]:
        """Also rule 39: a score that is possible, but whose unit was probably mistaken."""
        instrument = INSTRUMENTS.get(self.instrument or "")
        if instrument is None or self.value is None:
            return super().questions()
        asked = Field(label=instrument.label, unit=instrument.unit, expected=instrument.expected)
        question = asked.question("value", self.value)
        return [*super().questions(), *([] if question is None else [replace(question, rule=39)])]

    @property
    def words(self) -> str:
        """The score as a person reads it."""
        if self.value is None:
            own_day = self.course_day is not None and (self.visit is None or self.visit.course_day != self.course_day)
            return f"did not occur by day {self.course_day}" if own_day else "did not occur"
        return INSTRUMENTS[self.instrument or ""].words(self.value)

    def since(self, baseline: Decimal) -> str:
        """Return the change since baseline in words: direction, size, and whether it matters (rule 63)."""
        if self.value is None:
            return ""
        instrument = INSTRUMENTS[self.instrument or ""]
        if instrument.gone:
            return f"{plain(baseline)} at baseline; which way is better is not known"
        better = change(instrument, baseline, self.value)
        if better == 0:
            return f"no change from baseline ({instrument.words(baseline)})"
        way = "better" if better > 0 else "worse"
        size = f"{plain(abs(better))} {way} than baseline ({instrument.words(baseline)})"
        answered = responder(instrument, baseline, self.value)
        if answered is None:
            return f"{size}; no MCID defined"
        return f"{size}; {'at least' if answered else 'less than'} the MCID"

    def headline(self) -> str:
        return f"{INSTRUMENTS[self.instrument or ''].label} {self.words}"


class ContactAttempt(Record):
    """One try to reach a patient about a planned visit."""

    KIND = "CA"
    NOUN = "Contact"
    ASKED_FIRST = False
    HAPPENED = "Attempted at"
    DONE = "Attempted by"

    plan_id: Mapped[str] = reference("planned_visit")
    way: Mapped[str | None] = field("How", choices=CONTACT_WAYS, required=True)
    result: Mapped[str | None] = field("Result", choices=CONTACT_RESULTS, required=True)
    note: Mapped[str | None] = field("Note", identifying=True)

    plan: Mapped[PlannedVisit] = relationship(back_populates="contacts")

    def headline(self) -> str:
        return f"{CONTACT_WAYS.get(self.way or '', '')}: {CONTACT_RESULTS.get(self.result or '', '')}"
