"""The form of the decision."""

from __future__ import annotations

from clinic.eligibility.models import Eligibility
from clinic.forms import form_for


class EligibilityForm(form_for(Eligibility)):  # type: ignore[misc] - made from the record
    """The decision whether the patient may be treated so."""
