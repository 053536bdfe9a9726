"""The forms of a course: the order within what its protocol version allows, the decision, the donor, the stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from clinic import clock, wording
from clinic.access import own_site
from clinic.form_fields import SelectField, TextAreaField
from clinic.forms import RecordForm, form_for
from clinic.patients.donors import DONOR_KINDS, OTHERS, Donor
from clinic.protocols.catalogues import BODY_SITES, CONDITIONS, ROUTES, SOURCES
from clinic.treatments.models import RELATIONS, SIDES, Stop, Treatment, sites_for

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.patients.models import Patient
    from clinic.protocols.content import Content


class OrderForm(form_for(Treatment, without={"chain_of_identity"})):  # type: ignore[misc] - made from the record
    """The order of a course. Only what its protocol version allows is offered (rule 55)."""

    def plan(self, patient: Patient, says: Content) -> None:
        """Offer what the version allows; one choice alone is filled in, and so is the last weight."""
        self._allow("condition", [(key, CONDITIONS[key].label) for key in says.conditions if key in CONDITIONS])
        self._allow("relation", [(relation.value, RELATIONS[relation.value]) for relation in says.relations])
        self._allow("source", [(key, SOURCES[key].label) for key in says.sources])
        self._allow("route", [(key, ROUTES[key].label) for key in says.routes])
        self._places(says)
        if patient.birth_date is not None:
            del self.age_years
        weight = patient.weight_at(clock.now())
        if weight is not None and weight.performed_at is not None:
            self.prefill("weight_kg", weight.kg, f"weighed {wording.day(clock.day(weight.performed_at, self.zone))}")

    def _allow(self, name: str, pairs: list[tuple[str, str]]) -> None:
        only = pairs[0][0] if len(pairs) == 1 else None
        self.offer(name, pairs, chosen=only, filled="the only option in this protocol")

    def _places(self, says: Content) -> None:
        pairs = [(condition, route) for condition in says.conditions for route in says.routes]
        places = list(dict.fromkeys(site for pair in pairs for site in sites_for(*pair)))
        if not places:
            del self.body_site
        else:
            self._allow("body_site", [(key, BODY_SITES[key].label) for key in places])
            self._fields["body_site"].required = all(CONDITIONS[key].sites for key in says.conditions)
        if any(BODY_SITES[key].sided for key in places):
            self.offer("side", [(key, SIDES[key]) for key in ("left", "right")])
            self._fields["side"].required = all(BODY_SITES[key].sided for key in places)
            self._fields["side"].hint = "The patient's left or right. Two sides are two courses"
        else:
            del self.side


class StopForm(form_for(Stop)):  # type: ignore[misc] - made from the record
    """The end of a course before its plan."""


class DonorForm(RecordForm):
    """Whose cells the patient gets."""

    donor_id = SelectField("Donor", required=True, section="The donor")
    reason = TextAreaField("Reason for another donor", conditional=True, section="The donor")

    def plan(self, course: Treatment, offered: list[tuple[str, str]]) -> None:
        """Offer the donors; a first one is named without a reason."""
        self.offer("donor_id", offered)
        if course.donor_id is None:
            del self.reason

    @property
    def why(self) -> str:
        """The reason for another donor than the one before."""
        return (self.reason.data or "") if "reason" in self else ""


def donors(session: Session) -> list[tuple[str, str]]:
    """Return id and words of everybody who gives cells to others; strangers go by their number (rule 10)."""
    columns = (Donor.id, Donor.kind, Donor.name, Donor.donor_number, Donor.relation, Donor.hla_match)
    others = select(*columns).where(*own_site(session, Donor), OTHERS)
    found = others.order_by(Donor.kind, Donor.donor_number, Donor.name).limit(500)
    told = []
    for row in session.execute(found):
        who = row.name or f"{DONOR_KINDS[row.kind]} {row.donor_number or row.id}"
        match = f"HLA {row.hla_match}" if row.hla_match else ""
        told.append((row.id, ", ".join(part for part in (who, row.relation, match) if part)))
    return told
