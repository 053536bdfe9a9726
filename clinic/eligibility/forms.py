"""The form of the decision."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.eligibility.models import ANSWERS, Eligibility
from clinic.form_fields import SelectField
from clinic.forms import form_for

if TYPE_CHECKING:
    from clinic.patients.models import Patient
    from clinic.treatments.models import Treatment

VALID_DAYS = 90
"""Days for which a decision is proposed to be valid."""


class EligibilityForm(form_for(Eligibility, without=("criteria",))):  # type: ignore[misc] - made from the record
    """The decision whether the patient may be treated so."""

    asks_pregnancy = True
    criteria: tuple[str, ...] = ()
    """The exclusion criteria of the protocol, one question each."""

    def plan(self, patient: Patient) -> None:
        """Ask nothing about a pregnancy that the patient's record rules out; propose how long the decision is valid."""
        until = clock.today(self.zone) + timedelta(days=VALID_DAYS)
        self.prefill("valid_until", until, f"prefilled: {VALID_DAYS} days")
        self.prefill("concerns", "patient", "prefilled: the patient")
        self.asks_pregnancy = patient.may_be_pregnant
        if not self.asks_pregnancy:
            del self.pregnancy, self.pregnancy_tested_on

    def facts(self) -> dict[str, Any]:
        """Return what was filled in; where a pregnancy is not asked about, it is not possible."""
        return self._with_the_rest(super().facts())

    def declared(self) -> dict[str, Any]:
        """Return the same for the record to judge its facts together."""
        return self._with_the_rest(super().declared())

    def _with_the_rest(self, found: dict[str, Any]) -> dict[str, Any]:
        said = {one: found.pop(name, None) or self[name].data for name, one in _names(self.criteria)}
        found |= {"criteria": {one: answer for one, answer in said.items() if answer}} if self.criteria else {}
        if "eligible" in found:  # only a “no” is asked what it concerns
            found["concerns"] = (found.get("concerns") or "patient") if found["eligible"] is False else None
        return found | ({} if self.asks_pregnancy else {"pregnancy": "not_applicable"})


def form_for_course(course: Treatment) -> type[EligibilityForm]:
    """Return the form with a question for each exclusion criterion of the course's protocol (rule 23)."""
    criteria = course.says.patient.exclusions
    asked: dict[str, Any] = {
        name: SelectField(one, choices=ANSWERS, section="Exclusions", required=True) for name, one in _names(criteria)
    }
    return type("EligibilityOfCourse", (EligibilityForm,), {"criteria": criteria, **asked})


def _names(criteria: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(f"criterion_{number}", one) for number, one in enumerate(criteria)]
