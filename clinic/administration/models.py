"""The bedside check by two people, the administration itself, and the vital signs around it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import CLOCK_SLACK, Range, field, plain
from clinic.model import ADDED, reference
from clinic.products.models import Product
from clinic.protocols.catalogues import BODY_SITES, DOSE_MEASURES, ROUTES, labels, within
from clinic.records import Meaning, Record
from clinic.treatments.models import SIDES, Treatment
from clinic.wording import figure, kilograms, quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clinic.accounts.models import User
    from clinic.patients.models import Weight
    from clinic.records import Amendment, Signature

PREMEDICATION = {"given": "Given", "not_ordered": "Not ordered", "omitted": "Not given"}
CHECK_HOLDS = timedelta(minutes=30)
"""How long a clear bedside check may be used; after that wristband and bag are read again."""


class BedsideCheck(Record):
    """One reading of wristband and bag by two people, clear or refused. A refusal stays on record (hazard H1)."""

    KIND = "BC"
    NOUN = "Bedside check"
    HAPPENED = "Checked at"
    DONE = "Checked by"
    PERSON = "treatment.patient"
    __table_args__ = (CheckConstraint("second_person_id <> performed_by_id", name="two_people"),)

    treatment_id: Mapped[str] = reference("treatment")
    product_id: Mapped[str | None] = reference("product")
    patient_scan: Mapped[str] = field("Wristband as scanned", default="")
    product_scan: Mapped[str] = field("Bag as scanned", default="")
    second_person_id: Mapped[str | None] = reference("user_account")
    clear: Mapped[bool] = field("All checks agree", default=False)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    rests_on: Mapped[str | None] = mapped_column(info=ADDED)

    treatment: Mapped[Treatment] = relationship()
    product: Mapped[Product | None] = relationship()
    second_person: Mapped[User | None] = relationship("User", foreign_keys=[second_person_id])
    administration: Mapped[Administration | None] = relationship(back_populates="bedside_check", uselist=False)
    vital_signs: Mapped[VitalSigns | None] = relationship(back_populates="bedside_check", uselist=False)

    def unusable(self, at: datetime) -> str:
        """Return in one sentence why no cells may be given on this check now; empty: they may."""
        if not self.clear:
            return "This bedside check refused the cells. Nothing may be given on it."
        if self.administration is not None:
            return "This bedside check has already been used. Each check is valid for one administration: scan again."
        if self.performed_at is not None and self.performed_at > at + CLOCK_SLACK:
            return "This bedside check is in the future: the server's clock went back. Scan wristband and bag again."
        if self.performed_at is None or at - self.performed_at > CHECK_HOLDS:
            return (
                f"This bedside check is older than {CHECK_HOLDS.seconds // 60} minutes. Scan wristband and bag again."
            )
        return ""

    @property
    def warnings(self) -> list[dict[str, Any]]:
        """The lines of the evidence that do not refuse but want a reason before the cells are given."""
        return [line for line in self.evidence if line.get("warning")]

    def headline(self) -> str:
        if self.clear:
            return "wristband and bag agree"
        return f"refused. {self.reasons[0]['because']}" if self.reasons else "refused"


class Administration(Record):
    """One product given to one patient. One product, one administration (hazard H15); two people (rule 2)."""

    KIND = "AD"
    NOUN = "Administration"
    HAPPENED = "Start"
    DONE = "Given by"
    PERSON = "treatment.patient"
    __table_args__ = (
        CheckConstraint("verified_by_id <> performed_by_id", name="two_people"),
        CheckConstraint("ended_at IS NULL OR volume_given IS NOT NULL OR origin = 'imported'", name="given_when_ended"),
    )
    when_started: ClassVar[list[Callable[[Administration, User], None]]] = []
    """Callbacks of later rooms when cells were given, or when that moment is corrected, in the same transaction."""

    treatment_id: Mapped[str] = reference("treatment")
    product_id: Mapped[str] = reference("product", unique=True)
    check_id: Mapped[str | None] = reference("bedside_check", unique=True)
    verified_by_id: Mapped[str | None] = field("Verified by", String(12), section="When and who", order=-6)
    ended_at: Mapped[datetime | None] = field(
        "End", reported=True, section="When and who", order=-7, not_before=("performed_at",)
    )
    route: Mapped[str | None] = field("Route", reported=True, choices=labels(ROUTES), required=True, section="Where")
    body_site: Mapped[str | None] = field("Body site", reported=True, choices=labels(BODY_SITES), section="Where")
    side: Mapped[str | None] = field("Side", choices=SIDES, conditional=True, section="Where")
    guidance: Mapped[str | None] = field("Guidance", section="Where", hint="For example: ultrasound, fluoroscopy")
    handed_over_at: Mapped[datetime | None] = field("Product handed over at", reported=True, section="The product")
    viability_before: Mapped[Decimal | None] = field(
        "Viability just before", reported=True, unit="%", possible=Range(0, 100), section="The product"
    )
    volume_issued: Mapped[Decimal | None] = field("Volume issued", unit="mL", possible=Range(0, 3000), section="Volume")
    volume_given: Mapped[Decimal | None] = field(
        "Volume given",
        conditional=True,
        reported=True,
        unit="mL",
        possible=Range(0, 3000),
        section="Volume",
        hint="Leave blank until the end",
    )
    volume_wasted: Mapped[Decimal | None] = field("Volume wasted", unit="mL", possible=Range(0, 3000), section="Volume")
    volume_returned: Mapped[Decimal | None] = field(
        "Volume returned", unit="mL", possible=Range(0, 3000), section="Volume"
    )
    partial_reason: Mapped[str | None] = field(
        "Reason for not giving the whole dose", conditional=True, section="Volume"
    )
    premedication: Mapped[str | None] = field(
        "Premedication", choices=PREMEDICATION, conditional=True, section="Premedication"
    )
    premedication_note: Mapped[str | None] = field("Which, or why not given", conditional=True, section="Premedication")
    filter_used: Mapped[bool | None] = field("Leukocyte filter or irradiation", section="Premedication")
    measure: Mapped[str | None] = field("Dose counted as", choices=labels(DOSE_MEASURES), section="Dose")
    dose: Mapped[Decimal | None] = field("Dose", reported=True, possible=Range(0), section="Dose")
    dose_per_kg: Mapped[Decimal | None] = field("Dose per kg", possible=Range(0), section="Dose")
    weight_kg: Mapped[Decimal | None] = field("Body weight", unit="kg", possible=Range("0.3", 400), section="Dose")
    weight_id: Mapped[str | None] = reference("weight")
    working: Mapped[str | None] = field("Dose calculation", reported=True, section="Dose")
    reaction: Mapped[str | None] = field("Reaction", Text, long=True, section="How it went", hint="Leave blank if none")
    notes: Mapped[str | None] = field("Notes", Text, long=True, identifying=True, section="How it went")

    treatment: Mapped[Treatment] = relationship()
    product: Mapped[Product] = relationship()
    bedside_check: Mapped[BedsideCheck | None] = relationship(back_populates="administration")
    verified_by: Mapped[User | None] = relationship(
        "User", primaryjoin="foreign(Administration.verified_by_id) == User.id", viewonly=True
    )
    vital_signs: Mapped[list[VitalSigns]] = relationship(
        back_populates="administration", order_by="VitalSigns.performed_at"
    )

    def problems(self, *, at: datetime) -> list[str]:
        """Also rules 2, 56, 59: two people, no filter, and the volumes come out even."""
        found = super().problems(at=at)
        first = self.performed_by
        if self.verified_by_id and first is not None and first.is_among({self.verified_by_id}):
            found.append(Problem("The second person must be a different person.", "verified_by_id", rule=2))
        if self.origin != "clinic":
            return found
        if not self.verified_by_id:
            found.append(Problem("Verified by: required; two people give cells.", "verified_by_id", rule=2))
        held = self.product.left if self.product is not None else None
        if self.volume_issued is not None and held is not None and self.volume_issued > held:
            said = f"Volume issued {plain(self.volume_issued)} mL is more than the container has: {plain(held)} mL."
            found.append(Problem(said, "volume_issued", rule=36))
        if self.filter_used and self.treatment.says.cell_type == "hsc":
            said = "Hematopoietic cells are never irradiated or run through a leukocyte filter."
            found.append(Problem(said, "filter_used", rule=56))
        ordered = self.treatment.says.premedication
        if ordered and self.premedication != "given" and not self.premedication_note:
            said = f"Premedication: the protocol orders {ordered}. Record that it was given, or why it was not given."
            found.append(Problem(said, "premedication", rule=58))
        return found + self._volume_problems()

    def questions(self) -> list[Question]:
        """Also rule 54: an end after the protocol's time from thaw is asked about, and the reason stays with it."""
        limit, minutes = self.treatment.says.expiry.thaw_minutes, self.minutes_after_thaw
        if self.origin != "clinic" or self.ended_at is None or limit is None or minutes is None or minutes <= limit:
            return []
        said = f"The end is {minutes} minutes after the thaw; the protocol allows {limit}. Is this right?"
        return [Question("ended_at", said, "Give the reason: it is a deviation from the protocol.", rule=54)]

    def _volume_problems(self) -> list[str]:
        """Rule 59: once the end is recorded, given + wasted + returned is what was issued, to the last digit."""
        if self.volume_given is None:
            missing = Problem("Volume given: required; an end is recorded.", "volume_given")
            return [missing] if self.ended_at else []
        issued = self.volume_issued or Decimal(0)
        used = sum((v or Decimal(0) for v in (self.volume_given, self.volume_wasted, self.volume_returned)), Decimal(0))
        found = []
        if used != issued:
            said = f"Given + wasted + returned = {plain(used)} mL, but {plain(issued)} mL were issued."
            found.append(Problem(said, "volume_given", rule=59))
        if self.volume_given < issued and not self.partial_reason:
            found.append(Problem("Give the reason why the whole dose was not given.", "partial_reason", rule=59))
        return found

    def finish(
        self, *, at: datetime, ended_at: datetime, volume_given: Decimal, weight: Weight | None, **facts: Any
    ) -> None:
        """Record the end of the administration, once and before anyone signs; later changes are amendments."""
        if self.ended_at is not None:
            raise RuleBroken("The end is already recorded. Correct it with an amendment.")
        self.ended_at, self.volume_given = ended_at, volume_given
        for name in ("volume_wasted", "volume_returned", "partial_reason", "reaction"):
            setattr(self, name, facts.get(name))
        self.confirmed = {**self.confirmed, **facts.get("confirmed", {})}
        self.check(at=at)
        self.work_out_dose(weight)

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.AUTHORSHIP) -> Signature:
        """Sign; the second person's signature is the verification. It cannot be signed before the end is recorded."""
        if self.origin == "clinic" and self.ended_at is None:
            raise RuleBroken("Record the end first: a signed record must be complete.")
        meaning = Meaning.VERIFICATION if by.id == self.verified_by_id else meaning
        return super().sign(by=by, at=at, meaning=meaning)

    def work_out_dose(self, weight: Weight | None) -> None:
        """Compute dose and dose per kg from what the container held, and keep the arithmetic (rule 52, law 4)."""
        if weight is not None and weight.kg:
            self.weight_id, self.weight_kg = weight.id, weight.kg
        volume = self.volume_given if self.volume_given is not None else self.volume_issued
        for name, value in self._dose_of(volume).items():
            setattr(self, name, value)

    def _dose_of(self, volume: Decimal | None) -> dict[str, Any]:
        """Return measure, dose, dose per kg and working for a volume, mL; nothing where nobody counted the cells."""
        product = self.product
        if product.amount is None or product.measure is None or not product.volume or volume is None:
            return {}
        measure = DOSE_MEASURES[product.measure]
        dose = _figures(dose_in(product, volume))
        text = (
            f"{quantity(product.amount.normalize(), measure.unit)} × {plain(volume)} mL ÷ {plain(product.volume)} mL"
            f" = {figure(dose, measure.unit)}"
        )
        found = {"measure": product.measure, "dose": dose}
        if self.weight_kg:
            per_kg = _figures(dose_in(product, volume) / self.weight_kg)
            found["dose_per_kg"] = per_kg
            text += f"; ÷ {kilograms(self.weight_kg)} = {figure(per_kg, measure.unit_per_kg)}"
        return found | {"working": text}

    def amend(
        self, facts: Mapping[str, Any] | None = None, /, *, by: User, at: datetime, reason: str, **changes: Any
    ) -> Amendment:
        """Correct facts; a corrected volume corrects the dose that was worked out from it, in the same amendment.

        A corrected start moves what was planned from it.
        """
        changes |= facts or {}
        if changes.get("volume_given", self.volume_given) != self.volume_given:
            changes |= self._dose_of(changes["volume_given"])
        amendment = super().amend(by=by, at=at, reason=reason, **changes)
        if "performed_at" in amendment.changes:
            for follow in self.when_started:
                follow(self, by)
        return amendment

    @property
    def needs_permission(self) -> bool:
        return True

    @property
    def minutes_after_thaw(self) -> int | None:
        """Whole minutes from thaw to the end (or start) of giving."""
        end = self.ended_at or self.performed_at
        if self.product is None or self.product.thawed_at is None or end is None:
            return None
        return int((end - self.product.thawed_at).total_seconds() // 60)

    def unit_of(self, name: str) -> str:
        """Return the unit of the dose, which is its measure's: 6.0 is never told without × 10⁸ (hazard H17)."""
        measure = DOSE_MEASURES.get(self.measure or "")
        return {"dose": measure.unit, "dose_per_kg": measure.unit_per_kg}.get(name, "") if measure else ""

    def headline(self) -> str:
        measure = DOSE_MEASURES.get(self.measure or "")
        dose = ""
        if measure and self.dose is not None:
            dose = f"{figure(self.dose, measure.unit)} {within(measure.label)}"
        elif measure and self.dose_per_kg is not None:
            dose = f"{figure(self.dose_per_kg, measure.unit_per_kg)} {within(measure.label)}"
        site = " ".join(
            p
            for p in (
                (self.side or "").replace("none", ""),
                within(BODY_SITES[self.body_site or ""].label) if self.body_site in BODY_SITES else "",
            )
            if p
        )
        route = within(ROUTES[self.route or ""].label) if self.route in ROUTES else ""
        return ", ".join(part for part in (dose, route, site) if part)


def dose_in(product: Product, volume: Decimal) -> Decimal:
    """Return what a volume out of a container holds, in the unit of its dose measure; 0 where nothing was counted."""
    if product.amount is None or not product.volume:
        return Decimal(0)
    return product.amount * volume / product.volume


def dmso_grams(volume: Decimal, percent: Decimal | None) -> Decimal:
    """Return the DMSO in a volume: mL × % v/v ÷ 100 × 1.1 g/mL (rule 53)."""
    return volume * (percent or Decimal(0)) / 100 * Decimal("1.1")


def _figures(value: Decimal) -> Decimal:
    """Round to four significant figures, as a dose is written."""
    return value if value == 0 else value.quantize(Decimal(1).scaleb(value.adjusted() - 3))


class VitalSigns(Record):
    """One set of vital signs around an administration (rule 57)."""

    KIND = "VS"
    NOUN = "Vital signs"
    HAPPENED = "Measured at"
    DONE = "Measured by"
    PERSON = "treatment.patient"

    treatment_id: Mapped[str] = reference("treatment")
    administration_id: Mapped[str | None] = reference("administration")
    check_id: Mapped[str | None] = reference("bedside_check", unique=True)
    spo2: Mapped[Decimal | None] = field(
        "Oxygen saturation", unit="%", possible=Range(30, 100), expected=Range(92, 100), required=True
    )
    temperature: Mapped[Decimal | None] = field(
        "Temperature", unit="°C", possible=Range(25, 45), expected=Range(35, "37.9"), required=True
    )
    systolic: Mapped[int | None] = field("Systolic pressure", unit="mmHg", possible=Range(30, 300), required=True)
    diastolic: Mapped[int | None] = field("Diastolic pressure", unit="mmHg", possible=Range(10, 200))
    pulse: Mapped[int | None] = field("Pulse", unit="/min", possible=Range(20, 300), required=True)
    breathing: Mapped[int | None] = field("Breathing", unit="/min", possible=Range(4, 120))

    treatment: Mapped[Treatment] = relationship(viewonly=True)
    administration: Mapped[Administration | None] = relationship(back_populates="vital_signs")
    bedside_check: Mapped[BedsideCheck | None] = relationship(back_populates="vital_signs")

    def headline(self) -> str:
        return f"SpO₂ {plain(self.spo2)} %, {plain(self.temperature)} °C, {self.systolic} mmHg, pulse {self.pulse}"
