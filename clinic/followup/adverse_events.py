"""Adverse events: what, how severe (CTCAE grade), how serious, from what, and the clocks that then run."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, relationship

from clinic.errors import Problem, RuleBroken
from clinic.fields import field
from clinic.model import reference
from clinic.records import Record
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.accounts.models import User

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
    "unclassified": "Conditional, more data needed", "unassessable": "Cannot be assessed",
}  # fmt: skip
EXPECTED = {"expected": "Expected", "unexpected": "Unexpected"}
OUTCOMES = {
    "ongoing": "Ongoing", "recovering": "Recovering", "resolved": "Resolved",
    "sequelae": "Resolved with sequelae", "fatal": "Fatal", "unknown": "Unknown",
}  # fmt: skip
SUSPECTED = {"certain", "probable", "possible"}


class AdverseEvent(Record):
    """One event. Severity (grade) and seriousness are two things (rule 66); 7- and 15-day clocks follow (rule 67)."""

    KIND = "AE"
    NOUN = "Adverse event"
    HAPPENED = "Onset"
    DONE = "Reported by"
    PERSON = "treatment.patient"
    AFTER_DEATH = True
    ACCUSES = True
    STARTS = ""

    treatment_id: Mapped[str] = reference("treatment")
    administration_id: Mapped[str | None] = reference("administration")
    term: Mapped[str | None] = field(
        "What happened", required=True, section="The event", hint="Short, like: fever, septic arthritis"
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
    grade: Mapped[str | None] = field("Grade (CTCAE v5)", choices=GRADES, required=True, section="Assessment")
    serious: Mapped[list[str]] = field(
        "Serious because of", choices=SERIOUS, many=True, section="Assessment", default=list,
        hint="Tick nothing if not serious. A high grade alone is not serious",
    )  # fmt: skip
    from_cells: Mapped[str | None] = field(
        "Related to the cells", choices=CAUSALITY, required=True, section="Cause (WHO-UMC)"
    )
    from_harvest: Mapped[str | None] = field(
        "Related to the collection", choices=CAUSALITY, required=True, section="Cause (WHO-UMC)"
    )
    from_delivery: Mapped[str | None] = field(
        "Related to the administration", choices=CAUSALITY, required=True, section="Cause (WHO-UMC)"
    )
    expected: Mapped[str | None] = field("Expectedness", choices=EXPECTED, required=True, section="Assessment")
    outcome: Mapped[str | None] = field("Outcome", choices=OUTCOMES, required=True, section="Outcome")
    action: Mapped[str | None] = field("Action taken", Text, long=True, section="Outcome")
    narrative: Mapped[str | None] = field("Narrative", Text, long=True, identifying=True, section="Outcome")
    reported_on: Mapped[date | None] = field(
        "Report sent on", section="Outcome", hint="To the authority or sponsor", not_before=("aware_on",)
    )

    treatment: Mapped[Treatment] = relationship()

    def problems(self, *, at: datetime) -> list[str]:
        """Also rules 64 to 68: grade 5, fatal and death go together."""
        found = super().problems(at=at)
        if self.origin == "clinic" and self.grade == "5" and self.treatment.patient.died_on is None:
            found.append(Problem("Died on: required; grade 5 is death.", "died_on", rule=65))
        fatal = {self.grade == "5", self.outcome == "fatal", "death" in self.serious}
        if len(fatal) == 2 and self.origin == "clinic":
            said = "Grade 5, outcome fatal and serious because of death go together: select all three or none."
            found.append(Problem(said, "grade", rule=65))
        return found

    def accusation(self) -> str:
        """Return that it is serious and comes certainly or probably from the cells (hazard H29)."""
        if not self.is_serious or self.from_cells not in {"certain", "probable"}:
            return ""
        likely = "certainly" if self.from_cells == "certain" else "probably"
        return f"Serious adverse event, {likely} from the cells: {self.term}"

    @classmethod
    def report(
        cls, *, by: User, at: datetime, treatment: Treatment, died_on: date | None = None, **facts: Any
    ) -> AdverseEvent:
        """Return a new event; a fatal one writes the day of death into the patient's record as well (rule 65)."""
        patient = treatment.patient
        if died_on is not None and facts.get("grade") != "5":
            raise RuleBroken(Problem("A date of death needs grade 5.", "died_on", rule=65))
        if died_on is not None and patient.died_on is None:
            patient.amend(by=by, at=at, reason=f"Adverse event, grade 5: {facts.get('term', '')}", died_on=died_on)
        return cls.log(by=by, at=at, treatment=treatment, **facts)

    @property
    def is_serious(self) -> bool:
        """Whether any criterion of seriousness applies (21 CFR 312.32(a))."""
        return bool(self.serious)

    @property
    def suspected(self) -> bool:
        """Whether cells, harvest or delivery may have caused it."""
        return bool({self.from_cells, self.from_harvest, self.from_delivery} & SUSPECTED)

    @property
    def clock_days(self) -> int | None:
        """7 calendar days if fatal or life-threatening, else 15; only serious, unexpected, suspected (312.32(c))."""
        if not (self.is_serious and self.suspected and self.expected == "unexpected"):
            return None
        return 7 if {"death", "life_threatening"} & set(self.serious) else 15

    @property
    def report_due_on(self) -> date | None:
        """The last day on which the report is in time (rule 67); None where no clock runs or it is sent."""
        if self.clock_days is None or self.aware_on is None or self.reported_on is not None:
            return None
        return self.aware_on + timedelta(days=self.clock_days)

    def clock_day(self, on: date) -> int | None:
        """Return the day of the running clock: 0 is the day we learned of it; None where no clock runs."""
        return None if self.report_due_on is None or self.aware_on is None else (on - self.aware_on).days

    def headline(self) -> str:
        grade = f", grade {self.grade}" if self.grade else ""
        return f"{self.term}{grade}{', serious' if self.is_serious else ''}"
