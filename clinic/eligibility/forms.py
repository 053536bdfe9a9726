"""The form of the decision."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.eligibility.models import Eligibility
from clinic.forms import form_for

if TYPE_CHECKING:
    from clinic.patients.models import Patient

VALID_DAYS = 90
"""Days for which a decision is proposed to be valid."""


class EligibilityForm(form_for(Eligibility)):  # type: ignore[misc] - made from the record
    """The decision whether the patient may be treated so."""

    asks_pregnancy = True

    def plan(self, patient: Patient) -> None:
        """Ask nothing about a pregnancy that the patient's record rules out; propose how long the decision is valid."""
        until = clock.today(self.zone) + timedelta(days=VALID_DAYS)
        self.prefill("valid_until", until, f"prefilled: {VALID_DAYS} days")
        self.asks_pregnancy = patient.may_be_pregnant
        if not self.asks_pregnancy:
            del self.pregnancy, self.pregnancy_tested_on

    def facts(self) -> dict[str, Any]:
        """Return what was filled in; where a pregnancy is not asked about, it is not possible."""
        return super().facts() | ({} if self.asks_pregnancy else {"pregnancy": "not_applicable"})

    def declared(self) -> dict[str, Any]:
        """Return the same for the record to judge its facts together."""
        return super().declared() | ({} if self.asks_pregnancy else {"pregnancy": "not_applicable"})
