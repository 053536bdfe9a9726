"""Forms of patients: registering without a second record of one person, allergies, the end of an alert."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from clinic import clock, wording
from clinic.errors import RuleBroken
from clinic.fields import Field
from clinic.form_fields import DateField, SelectField, TextAreaField
from clinic.forms import form_for
from clinic.patients.lookalikes import Perhaps
from clinic.patients.models import Alert, Patient

if TYPE_CHECKING:
    from clinic.patients.lookalikes import Alike

SAME = {"no": "No, another person", "yes": "Yes, the same person"}
ANSWERS_DO = (
    "Yes: the alert is shown as a caution; of more than an everyday one only a physician says so. No, or I do not "
    "know: nothing is collected or given until a physician decides; cells that are running are stopped"
)
"""What follows from each answer of who writes an alert."""
QUESTION = {"same_person", "same_why", "birth_note"}


class BirthDateField(DateField):
    """A birth date of which only the month and year, or only the year, may be known: ``known`` says how much."""

    known = ""

    def read_parts(self, typed: list[str]) -> date | None:
        """Return the day; of a month or a year its first one."""
        day, month, year = typed[:3]
        self.known = "" if day or not year else "month" if month else "year"
        return super().read_parts(["1", month or "1", year] if self.known else typed)


class AsksWhetherSame:
    """Mixed into the form of a new person: asks once whether a similar one who is recorded is the same person."""

    alike: Any = ()
    same_person: Any = SelectField("Is this the same person?", choices=SAME, section="Same person?")
    same_why: Any

    @property
    def sections(self) -> list[tuple[str, list[Any]]]:
        """Without the question, which is drawn beside the people it is about."""
        return [(title, boxes) for title, boxes in super().sections if title != "Same person?"]  # type: ignore[misc]

    @property
    def said_another(self) -> str:
        """The reason why this is another person, empty unless that was answered."""
        return (self.same_why.data or "") if self.same_person.data == "no" else ""

    def ask(self, alike: Any, noun: str, question: str) -> None:
        """Show who is alike, and say what is still to be answered."""
        self.alike, self.same_person.required = alike, True
        if self.same_person.data == "yes":
            self.same_person.errors = [f"Open that {noun} below and continue there. Nothing was saved"]
        elif self.same_person.data == "no":
            self.same_why.errors = ["Enter how you know that it is another person"]
        else:
            self.same_person.errors = [question]


class PatientForm(
    AsksWhetherSame, form_for(Patient, without=("died_on", "abo", "rhd"), other={"birth_date": BirthDateField})
):
    """A new patient. If a similar patient is registered, the form asks once whether it is the same person."""

    birth_note = SelectField(
        "If the birth date is not known", choices={"estimated": "Estimated", "unknown": "Unknown"}, section="Who",
        hint="If not all is known, enter the year, or month and year, above",
    )  # fmt: skip

    same_why = TextAreaField(
        "If another person: how do you know?",
        long=True,
        section="Same person?",
        hint="One sentence, for example: other address, asked both. Saved with both records",
    )

    def ask_about(self, alike: list[Alike]) -> None:
        """Show who is alike, and say what is still to be answered."""
        self.ask(alike, "patient", "A similar patient is already registered: confirm whether it is the same person")

    def take(self, broken: RuleBroken, field: str = "") -> None:
        """Show who is alike where that is what was said."""
        if isinstance(broken, Perhaps):
            self.ask_about(broken.alike)
        else:
            super().take(broken, field)

    def facts(self) -> dict[str, Any]:
        """Return what was filled in, without the question, and how much of the birth date is known."""
        return {name: value for name, value in super().facts().items() if name not in QUESTION} | self._birth()

    def declared(self) -> dict[str, Any]:
        """Return the same for the record to judge its facts together."""
        return super().declared() | self._birth()

    def _birth(self) -> dict[str, Any]:
        """Return how much of the birth date is known, as the record keeps it."""
        born, note = self._fields["birth_date"], self.birth_note.data
        if note == "unknown" and born.data is None:
            return {"not_recorded": {"birth_date": "Unknown"}}
        known = f"{wording.ESTIMATED}{born.known or 'day'}" if note == "estimated" else born.known
        return {"precision": {"birth_date": known}} if known and born.data is not None else {}


class AllergyForm(
    form_for(
        Patient,
        only=("allergy_status", "allergies", "allergies_asked_on"),
        extra={
            "amend_reason": Field(label="Why is it updated?", section="Reason", hint="Leave blank if asked at a visit")
        },
    )
):
    """The answer about allergies, with the day on which it was given."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._fields["allergies_asked_on"].required = True
        self.prefill("allergies_asked_on", clock.today(self.zone), "prefilled: today")

    def changes(self) -> dict[str, Any]:
        """Return what was filled in, with the reason for the amendment."""
        facts = self.facts()
        return facts | {"reason": facts.pop("amend_reason") or "Asked at a visit"}


class AlertForm(form_for(Alert)):
    """A new alert. Whoever writes it says whether cells wait until a physician has read it."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        ask_writer(self)


def ask_writer(form: Any, _alert: Alert | None = None) -> None:
    """Ask who writes or amends an alert whether cells may go on; of a likeness there is no such question."""
    if "may_go_on" in form._fields:
        form["may_go_on"].required = True
        form["may_go_on"].hint = ANSWERS_DO


ReadingForm = form_for(Alert, only=())
ClosingForm = form_for(
    Alert, only=(), extra={"reason": Field(label="Why does it no longer apply?", long=True, required=True)}
)
