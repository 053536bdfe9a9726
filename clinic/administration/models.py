"""The bedside check by two people, the administration itself, and the vital signs around it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.fields import Range, field, plain
from clinic.model import reference
from clinic.products.models import Product
from clinic.protocols.catalogues import BODY_SITES, DOSE_MEASURES, ROUTES, labels
from clinic.records import Record
from clinic.treatments.models import SIDES, Treatment

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.patients.models import Weight

PREMEDICATION = {"given": "Given", "not_ordered": "Not ordered", "omitted": "Left out"}


class BedsideCheck(Record):
    """One reading of wristband and bag by two people, clear or refused. A refusal stays on record (hazard H1)."""

    KIND = "BC"
    NOUN = "Bedside check"
    HAPPENED = "Checked at"
    DONE = "Checked by"
    __table_args__ = (CheckConstraint("second_person_id <> performed_by_id", name="two_people"),)

    treatment_id: Mapped[str] = reference("treatment")
    product_id: Mapped[str | None] = reference("product")
    patient_scan: Mapped[str] = field("Wristband as scanned", default="")
    product_scan: Mapped[str] = field("Bag as scanned", default="")
    second_person_id: Mapped[str | None] = reference("user_account")
    clear: Mapped[bool] = field("All checks agree", default=False)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(default=list)

    treatment: Mapped[Treatment] = relationship()
    product: Mapped[Product | None] = relationship()
    second_person: Mapped[User | None] = relationship("User", foreign_keys=[second_person_id])

    def headline(self) -> str:
        return "Bedside check: clear" if self.clear else "Bedside check: refused"


class Administration(Record):
    """One product given to one patient. One product, one administration (hazard H15); two people (rule 2)."""

    KIND = "AD"
    NOUN = "Administration"
    HAPPENED = "Start"
    DONE = "Given by"
    __table_args__ = (CheckConstraint("verified_by_id <> performed_by_id", name="two_people"),)

    treatment_id: Mapped[str] = reference("treatment")
    product_id: Mapped[str] = reference("product", unique=True)
    check_id: Mapped[str | None] = reference("bedside_check", unique=True)
    verified_by_id: Mapped[str | None] = field("Verified by", String(12), section="When and who", order=-6)
    ended_at: Mapped[datetime | None] = field("End", section="When and who", order=-7)
    route: Mapped[str | None] = field("Route", choices=labels(ROUTES), required=True, section="Where")
    body_site: Mapped[str | None] = field("Body site", choices=labels(BODY_SITES), section="Where")
    side: Mapped[str | None] = field("Side", choices=SIDES, section="Where")
    guidance: Mapped[str | None] = field("Guidance", section="Where", hint="For example: ultrasound, fluoroscopy")
    handed_over_at: Mapped[datetime | None] = field("Product handed over at", section="The product")
    viability_before: Mapped[Decimal | None] = field(
        "Viability just before", unit="%", possible=Range(0, 100), section="The product"
    )
    volume_issued: Mapped[Decimal | None] = field("Volume issued", unit="mL", possible=Range(0, 3000), section="Volume")
    volume_given: Mapped[Decimal | None] = field(
        "Volume given", unit="mL", possible=Range(0, 3000), required=True, section="Volume"
    )
    volume_wasted: Mapped[Decimal | None] = field("Volume wasted", unit="mL", possible=Range(0, 3000), section="Volume")
    volume_returned: Mapped[Decimal | None] = field("Volume returned", unit="mL", possible=Range(0, 3000), section="Volume")
    partial_reason: Mapped[str | None] = field("Why not the whole dose", section="Volume")
    premedication: Mapped[str | None] = field("Premedication", choices=PREMEDICATION, section="Premedication")
    premedication_note: Mapped[str | None] = field("Which, or why left out", section="Premedication")
    filter_used: Mapped[bool | None] = field("Leukocyte filter or irradiation", section="Premedication")
    measure: Mapped[str | None] = field("Dose counted as", choices=labels(DOSE_MEASURES), section="Dose")
    dose: Mapped[Decimal | None] = field("Dose", possible=Range(0), section="Dose")
    dose_per_kg: Mapped[Decimal | None] = field("Dose per kg", possible=Range(0), section="Dose")
    weight_kg: Mapped[Decimal | None] = field("Body weight", unit="kg", possible=Range("0.3", 400), section="Dose")
    weight_id: Mapped[str | None] = reference("weight")
    working: Mapped[str | None] = field("How the dose was worked out", section="Dose")
    reaction: Mapped[str | None] = field("Reaction", Text, long=True, section="How it went", hint="Empty: none seen")
    notes: Mapped[str | None] = field("Notes", Text, long=True, identifying=True, section="How it went")

    treatment: Mapped[Treatment] = relationship()
    product: Mapped[Product] = relationship()
    check: Mapped[BedsideCheck | None] = relationship()
    verified_by: Mapped[User | None] = relationship(
        "User", primaryjoin="foreign(Administration.verified_by_id) == User.id", viewonly=True
    )
    vital_signs: Mapped[list[VitalSigns]] = relationship(
        back_populates="administration", order_by="VitalSigns.performed_at"
    )

    def faults(self, *, at: datetime) -> list[str]:
        """Also rules 2, 56, 59: two people, no filter, and the volumes come out even."""
        found = super().faults(at=at)
        if self.verified_by_id and self.verified_by_id == self.performed_by_id:
            found.append("The second person must be somebody else.")
        if self.ended_at and self.performed_at and self.ended_at < self.performed_at:
            found.append("End lies before the start.")
        if self.ended_at and self.ended_at > at:
            found.append("End lies in the future.")
        if self.origin != "clinic":
            return found
        if not self.verified_by_id:
            found.append("Verified by is missing: two people give cells.")
        if self.filter_used and self.treatment.says.cell_type == "hsc":
            found.append("Hematopoietic cells are never irradiated or run through a leukocyte filter.")
        issued = self.volume_issued or Decimal(0)
        used = sum((v or Decimal(0) for v in (self.volume_given, self.volume_wasted, self.volume_returned)), Decimal(0))
        if used != issued:
            found.append(f"Given + wasted + returned = {plain(used)} mL, but {plain(issued)} mL were issued.")
        if self.volume_given is not None and self.volume_given < issued and not self.partial_reason:
            found.append("Say why not the whole dose was given.")
        return found

    def work_out_dose(self, weight: Weight | None) -> None:
        """Compute dose and dose per kg from what the container held, and keep the arithmetic (rule 52, law 4)."""
        product = self.product
        if product.amount is None or product.measure is None or not product.volume or self.volume_given is None:
            return
        measure = DOSE_MEASURES[product.measure]
        dose = product.amount * self.volume_given / product.volume
        self.measure, self.dose = product.measure, _figures(dose)
        text = f"{_short(product.amount)} {measure.unit} × {plain(self.volume_given)} mL ÷ {plain(product.volume)} mL = {_short(self.dose)} {measure.unit}"
        if weight is not None and weight.kg:
            self.weight_id, self.weight_kg = weight.id, weight.kg
            self.dose_per_kg = _figures(dose / weight.kg)
            text += f"; ÷ {plain(weight.kg)} kg = {_short(self.dose_per_kg)} {measure.unit_per_kg}"
        self.working = text

    @property
    def minutes_after_thaw(self) -> int | None:
        """Whole minutes from thaw to the end (or start) of giving."""
        end = self.ended_at or self.performed_at
        if self.product.thawed_at is None or end is None:
            return None
        return int((end - self.product.thawed_at).total_seconds() // 60)

    def headline(self) -> str:
        measure = DOSE_MEASURES.get(self.measure or "")
        dose = f"{_short(self.dose)} {measure.unit} {measure.label.lower()}" if measure and self.dose is not None else ""
        if not dose and measure and self.dose_per_kg is not None:
            dose = f"{_short(self.dose_per_kg)} {measure.unit_per_kg} {measure.label.lower()}"
        site = " ".join(p for p in ((self.side or "").replace("none", ""), BODY_SITES[self.body_site].label.lower() if self.body_site in BODY_SITES else "") if p)
        route = ROUTES[self.route].label.lower() if self.route in ROUTES else ""
        return ", ".join(part for part in (dose, route, site) if part)


def _figures(value: Decimal) -> Decimal:
    """Round to four significant figures, as a dose is written."""
    return value if value == 0 else value.quantize(Decimal(1).scaleb(value.adjusted() - 3))


def _short(value: Decimal | None) -> str:
    return "" if value is None else plain(value.normalize())


class VitalSigns(Record):
    """One set of vital signs around an administration (rule 57)."""

    KIND = "VS"
    NOUN = "Vital signs"
    HAPPENED = "Measured at"
    DONE = "Measured by"

    treatment_id: Mapped[str] = reference("treatment")
    administration_id: Mapped[str | None] = reference("administration")
    spo2: Mapped[Decimal | None] = field("Oxygen saturation", unit="%", possible=Range(30, 100), expected=Range(92, 100), required=True)
    temperature: Mapped[Decimal | None] = field("Temperature", unit="°C", possible=Range(25, 45), expected=Range(35, "37.9"), required=True)
    systolic: Mapped[int | None] = field("Systolic pressure", unit="mmHg", required=True)
    diastolic: Mapped[int | None] = field("Diastolic pressure", unit="mmHg")
    pulse: Mapped[int | None] = field("Pulse", unit="/min", required=True)
    breathing: Mapped[int | None] = field("Breathing", unit="/min")

    administration: Mapped[Administration | None] = relationship(back_populates="vital_signs")

    def faults(self, *, at: datetime) -> list[str]:
        """Also: pressures and rates that no living patient has are typing errors."""
        found = super().faults(at=at)
        for name, low, high in (("systolic", 30, 300), ("diastolic", 10, 200), ("pulse", 20, 300), ("breathing", 4, 120)):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                found.append(f"{name.capitalize()} must be {low} to {high}, not {value}.")
        return found

    def headline(self) -> str:
        return f"SpO₂ {plain(self.spo2)} %, {plain(self.temperature)} °C, {self.systolic} mmHg, pulse {self.pulse}"


