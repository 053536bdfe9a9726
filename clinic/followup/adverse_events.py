"""Adverse events: what, how severe (CTCAE grade), how serious, from what, and the clocks that then run."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import JSON, Text, inspect
from sqlalchemy.orm import Mapped, object_session, relationship

from clinic import wording
from clinic.clock import is_later, kept_day
from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import field, fields_of
from clinic.followup.after_death import after_death
from clinic.followup.event_news import said_later, told_anew, unread
from clinic.followup.event_rules import (
    ACCUSE,
    DECIDES,
    DIRE,
    GRAVE,
    SUSPECTED,
    against_cells,
    clock_days,
    report_due,
    told,
)
from clinic.followup.procedures import first_procedure
from clinic.followup.reaction_words import is_severe
from clinic.followup.told_at_visits import choices, visits_of
from clinic.model import reference
from clinic.patients.models import has_died
from clinic.records import Meaning, Origin, Record
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clinic.accounts.models import User
    from clinic.signatures import Amendment, Signature

GRADES = {
    "1": "1, mild", "2": "2, moderate", "3": "3, severe", "4": "4, life-threatening", "5": "5, death",
}  # fmt: skip
GRADE_TEXTS = {
    "1": "Mild; no or mild symptoms; observation only, no intervention.",
    "2": "Moderate; minimal, local or non-invasive treatment; limits instrumental activities of daily living.",
    "3": "Severe but not immediately life-threatening; new or prolonged hospitalization; limits self-care.",
    "4": "Life-threatening; urgent intervention indicated.",
    "5": "Death related to the event.",
}
"""The general grades of CTCAE v5.0 (27 Nov 2017), in short. Not every term has every grade."""
SERIOUS = {
    "death": "Death", "life_threatening": "Life-threatening", "hospitalisation": "New or prolonged hospitalization",
    "disability": "Persistent or significant disability", "congenital": "Congenital anomaly",
    "important": "Other important medical event",
}  # fmt: skip
CAUSALITY = {
    "certain": "Certain", "probable": "Probable", "possible": "Possible", "unlikely": "Unlikely",
    "unrelated": "Not related", "unclassified": "Conditional, more data needed", "unassessable": "Cannot be assessed",
}  # fmt: skip
EXPECTED = {"expected": "Expected", "unexpected": "Unexpected"}
OUTCOMES = {
    "ongoing": "Ongoing", "recovering": "Recovering", "resolved": "Resolved",
    "sequelae": "Resolved with sequelae", "fatal": "Fatal", "unknown": "Unknown",
}  # fmt: skip
ASSESSED = ("grade", "expected", "from_cells", "from_harvest", "from_delivery")
"""What a physician says of an event; who reports it says what happened, when, and whether it is serious."""
OTHER_CAUSES = ("from_drug", "from_disease")
"""What a physician may say too: another drug or the conditioning, and the disease itself."""


class AdverseEvent(Record):
    """One event. Severity (grade) and seriousness are two things (rule 66); 7- and 15-day clocks follow (rule 67)."""

    KIND = "AE"
    NOUN = "Adverse event"
    HAPPENED = "Onset"
    DONE = "Reported by"
    PERSON = "treatment.patient"
    ACCUSES = True
    STARTS = ""
    READ_WITH = ("updates", "notifications")
    RESTS_ON = ("updates",)
    EMPTY_SAYS: ClassVar = {"serious": ("not decided yet: counts as serious until a physician decides", "not serious")}

    treatment_id: Mapped[str] = reference("treatment")
    administration_id: Mapped[str | None] = reference("administration")
    term: Mapped[str | None] = field(
        "What happened", required=True, section="The event", hint="Short, like: fever, septic arthritis"
    )
    symptoms_of: Mapped[str | None] = field(
        "Was this reported at a visit?", conditional=True, added=True, rule=64, section="The event"
    )
    ended_at: Mapped[datetime | None] = field(
        "End", section="The event", hint="Leave blank if ongoing", not_before=("performed_at",)
    )
    aware_on: Mapped[date | None] = field(
        "Date we became aware",
        required=True,
        section="The event",
        hint="Day 0 of the reporting deadline",
        starts="now",
        not_before=("performed_at",),
    )
    grade: Mapped[str | None] = field("Grade (CTCAE v5)", choices=GRADES, conditional=True, section="Assessment")
    serious: Mapped[list[str] | None] = field(
        "Serious because of", JSON(none_as_null=True), choices=SERIOUS, many=True, section="The event", usual=list,
        rule=66, hint="A high grade alone is not serious", conditional=True, asked_if=("seriousness", "yes"),
    )  # fmt: skip
    from_cells: Mapped[str | None] = field(
        "Related to the cells", choices=CAUSALITY, conditional=True, section="Cause (WHO-UMC)"
    )
    from_harvest: Mapped[str | None] = field(
        "Related to the collection", choices=CAUSALITY, conditional=True, section="Cause (WHO-UMC)"
    )
    from_delivery: Mapped[str | None] = field(
        "Related to the administration", choices=CAUSALITY, conditional=True, section="Cause (WHO-UMC)"
    )
    from_drug: Mapped[str | None] = field(
        "Related to another drug or conditioning", choices=CAUSALITY, conditional=True, added=True,
        section="Cause (WHO-UMC)",
    )  # fmt: skip
    from_disease: Mapped[str | None] = field(
        "Related to the disease", choices=CAUSALITY, conditional=True, added=True, section="Cause (WHO-UMC)"
    )
    expected: Mapped[str | None] = field("Expectedness", choices=EXPECTED, conditional=True, section="Assessment")
    outcome: Mapped[str | None] = field("Outcome", choices=OUTCOMES, required=True, section="Outcome")
    action: Mapped[str | None] = field("Action taken", Text, long=True, section="Outcome")
    narrative: Mapped[str | None] = field("Narrative", Text, long=True, identifying=True, section="Outcome")
    reported_on: Mapped[date | None] = field(
        "Report sent on",
        conditional=True,
        section="Outcome",
        hint="To the authority or sponsor",
        not_before=("aware_on",),
    )
    reported_to: Mapped[str | None] = field(
        "Report sent to", conditional=True, section="Outcome", hint="Authority or sponsor, and its reference number"
    )

    treatment: Mapped[Treatment] = relationship()
    updates: Mapped[list[Any]] = relationship("EventUpdate", back_populates="event", order_by="EventUpdate.recorded_at")
    notifications: Mapped[list[Any]] = relationship(
        "EventNotification", back_populates="event", order_by="EventNotification.recorded_at"
    )

    def choices_of(self, name: str) -> Mapping[str, str] | None:
        """Return the visits that told of new symptoms, and that it is something else."""
        if name != "symptoms_of":
            return None
        session = object_session(self) or object_session(self.treatment)
        return choices(visits_of(session, self.treatment.patient.person) if session is not None else [])

    def problems(self, *, at: datetime) -> list[str]:
        """Also rule 65: grade 5, fatal outcome and death go together, as far as each is known. Nothing ends later."""
        found, clinic = super().problems(at=at), self.origin == Origin.CLINIC
        found += after_death(self, "ended_at", "ended_at") if inspect(self).attrs.ended_at.history.has_changes() else []
        fatal = set[bool]()
        if self.outcome is not None or clinic:
            fatal.add(self.outcome == "fatal")
        if self.serious or clinic:  # a source that lists no criterion may not have asked
            fatal.add("death" in (self.serious or ()))
        if self.grade is not None:
            fatal.add(self.grade == "5")
        if clinic and fatal == {True} and not has_died(self.treatment.patient.person):
            found.append(Problem("Died on: required; the event was fatal.", "died_on", rule=65))
        was = inspect(self).attrs.outcome.history.deleted or ()
        if clinic and "fatal" in was and True not in fatal and has_died(self.treatment.patient.person):
            said = (
                "Outcome: this event was fatal, and the patient's record says that the patient died. If it was not so, "
                "take back the day of death first; a second person confirms that."
            )
            found.append(Problem(said, "outcome", rule=65))
        if inspect(self).attrs.symptoms_of.history.has_changes() and self.symptoms_of not in (
            None,
            *(self.choices_of("symptoms_of") or ()),
        ):
            found.append(Problem("Was this reported at a visit? Choose from the list", "symptoms_of", rule=64))
        if len(fatal) == 2:
            said = "Grade 5, outcome fatal and serious because of death go together: select all three or none."
            found.append(Problem(said, "grade" if self.grade is not None else "outcome", rule=65))
        return found

    def questions(self) -> list[Question]:
        """Also rule 66: a high grade of what is not serious. Rule 68: an onset before the first procedure."""
        found, first = super().questions(), first_procedure(self.treatment)
        if self.grade in DIRE and self.serious == [] and self.from_cells is not None:
            said = f"Grade {GRADES[self.grade]}, and no criterion of seriousness applies. Is this right?"
            found.append(Question("grade", said, GRADE_TEXTS[self.grade], rule=66))
        if first is not None and is_later(first, "performed_at", self, "performed_at", self.zone):
            day = wording.moment(first.performed_at, self.zone, first.precision_of("performed_at") or "day")
            said = "The onset is before the first procedure. Is this right?"
            found.append(Question("performed_at", said, f"The first procedure of this course was on {day}.", rule=68))
        return found

    def accusation(self) -> str:
        """Return that it is serious and comes from the cells, or that nobody has decided that it does not (H29).

        It speaks against the cells from the moment when it is written. A physician's signed assessment ends that; a
        correction of what was signed ends it once another physician has confirmed the correction.
        """
        said = self._said_against() or self._grave_and_unread()
        kind = "Serious adverse event" if self.serious else "Adverse event"
        return f"{kind}, {said}: {self.term}" if said else ""

    def _said_against(self) -> str:
        before = next(iter(self._weakened_alone()), None)
        unconfirmed = f"{before}, and the correction is not confirmed by another physician" if before else ""
        return unconfirmed or against_cells(self._standing())

    def _grave_and_unread(self) -> str:
        """Return that nobody answers for grave words, of which nobody who may has said that they are not serious."""
        facts = self._standing()
        unread_here = facts["from_cells"] is None and self.assessed_here and bool(self.signatures)
        return against_cells(facts | {"serious": None}) if unread_here and is_severe(told(facts)) else ""

    def _standing(self) -> dict[str, Any]:
        """Return what says whether it speaks against the cells; what nobody signed yet is not assessed."""
        facts = {name: getattr(self, name) for name in ACCUSE}
        facts["narrative"] = "; ".join([*filter(None, [self.narrative]), *said_later(self)])
        anew = told_anew(self) if self.assessed_here else bool(unread(self))
        return facts | {"from_cells": None} if anew else facts

    @property
    def assessed_here(self) -> bool:
        """Whether a physician here assesses it: it was reported here, or came into a course of this clinic."""
        return self.origin is Origin.CLINIC or self.treatment.origin is Origin.CLINIC

    def _weakened(self) -> Iterator[tuple[Amendment, str]]:
        """Yield each correction that took away what spoke against the cells, the last first, with what that was."""
        after = {name: getattr(self, name) for name in ACCUSE}
        for amendment in reversed(self.amendments):
            before = after | {name: old for name, (old, _new) in amendment.changes.items() if name in ACCUSE}
            said = against_cells(before)
            if said and not against_cells(after):
                yield amendment, said
            after = before

    def _weakened_alone(self) -> list[str]:
        """Return what spoke against the cells before corrections that nobody has confirmed.

        What was signed before the correction is confirmed by another person, what was not by whoever assesses it.
        """
        return [
            said
            for amendment, said in self._weakened()
            if not any(
                s.signed_at >= amendment.amended_at
                and not (self._was_signed(amendment) and s.signed_by.is_same_person(amendment.amended_by))
                for s in self.signatures
            )
        ]

    def _was_signed(self, amendment: Amendment) -> bool:
        return any(s.signed_at < amendment.amended_at for s in self.signatures)

    @classmethod
    def report(
        cls, *, by: User, at: datetime, treatment: Treatment, died_on: date | None = None, **facts: Any
    ) -> AdverseEvent:
        """Return a new event; a fatal one writes the day of death into the patient's record as well (rule 65)."""
        patient = treatment.patient
        if died_on is not None and facts.get("outcome") != "fatal":
            raise RuleBroken(Problem("A date of death needs the outcome “Fatal”.", "died_on", rule=65))
        if died_on is not None and patient.died_on is None:
            patient.amend(by=by, at=at, reason=f"Fatal adverse event: {facts.get('term', '')}", died_on=died_on)
        return cls.log(by=by, at=at, treatment=treatment, **facts)

    @property
    def unassessed(self) -> list[str]:
        """The labels of what a physician has not assessed yet (rule 64)."""
        facts = fields_of(type(self))
        return [facts[name].label for name in (*ASSESSED, "serious") if getattr(self, name) is None]

    def assess(self, *, at: datetime, **facts: Any) -> None:
        """Add a physician's assessment to what was reported; what was assessed before is amended instead (rule 70)."""
        if not self.unassessed:
            raise RuleBroken("This event was assessed already. Amend it to correct the assessment.", rule=70)
        for name in (*ASSESSED, *OTHER_CAUSES, "serious"):
            if getattr(self, name) is None:
                setattr(self, name, facts.get(name))
        self.confirmed = {**self.confirmed, **facts.get("confirmed", {})}
        missing = [
            Problem(f"{fields_of(type(self))[n].label}: required.", n, rule=64) for n in ASSESSED if not facts.get(n)
        ]
        if missing:
            raise RuleBroken(*missing, *self.problems(at=at))
        self.check(at=at)

    def send_report(self, *, at: datetime, reported_on: date | None, reported_to: str | None) -> None:
        """Record that the report was sent; raises `RuleBroken` where it was sent already (rule 67)."""
        if self.reported_on is not None:
            raise RuleBroken("The report was sent already. Amend the event to correct its date.", rule=67)
        if self.clock_days is None:
            raise RuleBroken("No report is due for this event.", rule=67)
        if reported_on is None or not reported_to:
            missing = {"reported_on": reported_on, "reported_to": reported_to}
            raise RuleBroken(
                *(
                    Problem(f"{fields_of(type(self))[n].label}: required.", n, rule=67)
                    for n, v in missing.items()
                    if not v
                )
            )
        self.reported_on, self.reported_to = reported_on, reported_to
        self.check(at=at)

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.AUTHORSHIP) -> Signature:
        """Sign an event that was assessed (rule 64)."""
        if self.origin == Origin.CLINIC and self.unassessed:
            said = f"Assess the event before you sign it. Missing: {', '.join(self.unassessed)}."
            raise RuleBroken(said, rule=64)
        return super().sign(by=by, at=at, meaning=meaning)

    @property
    def is_serious(self) -> bool:
        """Whether any criterion of seriousness applies (21 CFR 312.32(a))."""
        return bool(self.serious)

    @property
    def is_grave(self) -> bool:
        """Whether it was fatal or life-threatening, by seriousness, grade or outcome."""
        return bool(GRAVE & set(self.serious or ())) or self.grade in {"4", "5"} or self.outcome == "fatal"

    @property
    def cells_suspected(self) -> bool:
        """Whether it is serious and may come from the cells; what no physician has signed yet may (hazard H29)."""
        maybe = self._standing()["from_cells"] in {*SUSPECTED, None}
        return (self.is_serious and maybe) or bool(self._said_against())

    @property
    def clock_days(self) -> int | None:
        """The days of the reporting clock, 7 or 15; None where none runs (rule 67)."""
        doubted = [days for facts in self._doubted() if (days := clock_days(facts)) is not None]
        return min([*doubted, *([own] if (own := clock_days(self._facts())) is not None else [])], default=None)

    @property
    def report_due_on(self) -> date | None:
        """The last day on which the report is in time; None where no clock runs or it is sent (rule 67).

        A correction that stops or lengthens the clock counts once a second person has confirmed it.
        """
        known = (report_due(facts) for facts in (self._facts(), *self._doubted()))
        return min((due for due in known if due is not None), default=None)

    def critical_corrections(self) -> list[Amendment]:
        """Return the corrections that another person confirms.

        They stopped or lengthened the reporting clock, or took away what was signed against the cells.
        """
        weakened = (amendment for amendment, _said in self._weakened() if self._was_signed(amendment))
        found = [*(amendment for amendment, _before in self._relaxed()), *weakened]
        return sorted(found, key=lambda one: one.number)

    def _facts(self) -> dict[str, Any]:
        """Return what decides the clock; an assessment that nobody has ever signed is none yet."""
        facts = {name: getattr(self, name) for name in DECIDES}
        if self.origin == Origin.CLINIC and not self.signatures:
            facts |= {name: None for name in ASSESSED if name in DECIDES}
        return facts

    def _relaxed(self) -> Iterator[tuple[Amendment, dict[str, Any]]]:
        """Yield each correction that gave a later deadline or none, the last first, with the facts before it."""
        after = self._facts()
        for amendment in reversed(self.amendments):
            before = after | {
                name: kept_day(old) if old and name.endswith("_on") else old
                for name, (old, _new) in amendment.changes.items()
                if name in DECIDES
            }
            was, becomes = report_due(before), report_due(after)
            if was is not None and (becomes is None or becomes > was):
                yield amendment, before
            after = before

    def _doubted(self) -> list[dict[str, Any]]:
        """Return the facts before each such correction that nobody else has signed since."""
        return [before for amendment, before in self._relaxed() if not self.is_confirmed(amendment)]

    def clock_day(self, on: date) -> int | None:
        """Return the day of the running clock: 0 is the day we learned of it; None where no clock runs."""
        due, days = self.report_due_on, self.clock_days
        return None if due is None or days is None else (on - due).days + days

    def headline(self) -> str:
        grade = f", grade {self.grade}" if self.grade else ""
        return f"{self.term}{grade}{', serious' if self.is_serious else ''}"
