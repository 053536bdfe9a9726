"""Where cells come from: the patient, a relative, an unrelated or a cord donor, and whether they may be used."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, relationship

from clinic.fields import Range, field
from clinic.model import reference
from clinic.patients.models import BLOOD_GROUPS, RHD, SEXES, Patient
from clinic.protocols.catalogues import REACTIVE
from clinic.records import Entry, Record

DONOR_KINDS = {
    "self": "The patient",
    "related": "A relative",
    "unrelated": "An unrelated donor",
    "cord": "A cord (mother's donation at birth)",
}
ELIGIBILITY = {"eligible": "Eligible", "ineligible": "Not eligible", "incomplete": "Not complete"}
MARKER_RESULTS = {**REACTIVE, "not_done": "Not done"}
RELATIVES_ALLOWED = {"parent", "child", "sibling", "half_sibling", "grandparent", "aunt_uncle", "niece_nephew"}


class Donor(Entry):
    """Who cells come from. An unrelated or cord donor has a number and no name (21 CFR 1271.290)."""

    KIND = "DN"
    NOUN = "Donor"
    __table_args__ = (
        CheckConstraint("(kind = 'self') = (patient_id IS NOT NULL)", name="self_is_the_patient"),
        CheckConstraint("kind NOT IN ('unrelated', 'cord') OR name IS NULL", name="strangers_have_no_name"),
    )

    kind: Mapped[str] = field("Donor", choices=DONOR_KINDS, required=True, section="Who")
    donor_number: Mapped[str | None] = field(
        "Donor number", section="Who", index=True, hint="Of the registry or the cord bank. Never a name or record number"
    )
    name: Mapped[str | None] = field("Name", identifying=True, section="Who", hint="Only of a relative")
    relation: Mapped[str | None] = field("Relation to the patient", section="Who")
    sex: Mapped[str | None] = field("Sex", choices=SEXES, section="About the donor")
    age_years: Mapped[Decimal | None] = field(
        "Age at donation", unit="years", possible=Range(0, 100), section="About the donor"
    )
    abo: Mapped[str | None] = field("Blood group", choices=BLOOD_GROUPS, section="About the donor")
    rhd: Mapped[str | None] = field("RhD", choices=RHD, section="About the donor")
    hla_match: Mapped[str | None] = field("HLA match", section="About the donor", hint="For example 10/10")
    cmv: Mapped[str | None] = field(
        "Cytomegalovirus", choices={"present": "Present", "absent": "Absent"}, section="About the donor"
    )
    patient_id: Mapped[str | None] = reference("patient", unique=True)

    patient: Mapped[Patient | None] = relationship()
    eligibilities: Mapped[list[DonorEligibility]] = relationship(
        back_populates="donor", order_by="DonorEligibility.performed_at"
    )
    typings: Mapped[list[BloodTyping]] = relationship(back_populates="donor", order_by="BloodTyping.performed_at")

    @property
    def display_name(self) -> str:
        """The patient's name, the relative's, or kind and number."""
        if self.patient is not None:
            return self.patient.display_name
        if self.name:
            return self.name
        return f"{DONOR_KINDS[self.kind]} {self.donor_number or self.id}"

    def faults(self, *, at: datetime) -> list[str]:
        """Also: a stranger has a number and no name; a number holds nobody's name or record number (rule 10)."""
        found = super().faults(at=at)
        if self.kind in {"unrelated", "cord"}:
            if self.name:
                found.append("An unrelated or cord donor is kept without a name: use the donor number.")
            if not self.donor_number:
                found.append("Donor number is missing.")
        if self.kind == "related" and not self.relation:
            found.append("Relation to the patient is missing.")
        return found

    def eligibility(self) -> DonorEligibility | None:
        """Return the last signed determination."""
        signed = [determination for determination in self.eligibilities if determination.signed]
        return signed[-1] if signed else None


class DonorEligibility(Record):
    """One determination of a donor: history, infectious disease markers, the summary (21 CFR 1271.50 to .90)."""

    KIND = "DE"
    NOUN = "Donor eligibility"
    HAPPENED = "Determined at"
    DONE = "Determined by"

    donor_id: Mapped[str] = reference("donor")
    sample_taken_on: Mapped[date | None] = field("Blood sample taken on", required=True, section="Markers")
    markers: Mapped[dict[str, str]] = field("Markers", section="Markers", default=dict)
    history: Mapped[str | None] = field(
        "History", long=True, section="History", hint="Risks, travel, vaccination, transfusion, inherited disease, cancer"
    )
    outcome: Mapped[str | None] = field("The donor is", choices=ELIGIBILITY, required=True, section="Summary")
    urgent_need: Mapped[str | None] = field(
        "Urgent medical need", long=True, section="Summary",
        hint="Only where a donor is used who is not eligible or not completely examined (21 CFR 1271.60, .65)",
    )  # fmt: skip
    physician_told: Mapped[str | None] = field("Physician who was told", section="Summary")

    donor: Mapped[Donor] = relationship(back_populates="eligibilities")

    def faults(self, *, at: datetime) -> list[str]:
        """Also: a reactive marker is never “eligible”; an incomplete set of markers is not “eligible”."""
        found = super().faults(at=at)
        reactive = [marker for marker, result in self.markers.items() if result in {"reactive", "indeterminate"}]
        if reactive and self.outcome == "eligible":
            found.append(f"A donor with a reactive or indeterminate marker ({', '.join(reactive)}) is not eligible.")
        if self.outcome == "eligible" and "not_done" in self.markers.values():
            found.append("A marker was not done, so the determination is not complete.")
        return found

    def missing(self, markers: tuple[str, ...]) -> list[str]:
        """Return the markers asked for that have no result."""
        return [marker for marker in markers if self.markers.get(marker, "not_done") == "not_done"]

    def headline(self) -> str:
        return f"Donor {ELIGIBILITY.get(self.outcome or '', '').lower()}"


class BloodTyping(Record):
    """One blood group from one sample. A donor and a recipient each need two that agree (rule 20)."""

    KIND = "BT"
    NOUN = "Blood group"
    HAPPENED = "Sample taken at"
    DONE = "Typed by"
    __table_args__ = (CheckConstraint("(patient_id IS NULL) <> (donor_id IS NULL)", name="of_one_person"),)

    patient_id: Mapped[str | None] = reference("patient")
    donor_id: Mapped[str | None] = reference("donor")
    sample_number: Mapped[str | None] = field("Sample number", required=True, section="Blood group")
    abo: Mapped[str | None] = field("Blood group", choices=BLOOD_GROUPS, required=True, section="Blood group")
    rhd: Mapped[str | None] = field("RhD", choices=RHD, required=True, section="Blood group")

    patient: Mapped[Patient | None] = relationship(back_populates="typings")
    donor: Mapped[Donor | None] = relationship(back_populates="typings")

    def headline(self) -> str:
        return f"Blood group {self.abo} {RHD.get(self.rhd or '', '')}, sample {self.sample_number}"
