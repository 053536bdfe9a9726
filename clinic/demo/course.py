"""Walk one course through the clinic, by the same verbs and gates as the pages: order, consent, …, follow-up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.consent.models import Consent
from clinic.consent.step import CONSENT
from clinic.demo import facts, laboratory
from clinic.demo.laboratory import HOUR, MINUTE
from clinic.eligibility.models import Eligibility
from clinic.eligibility.step import ELIGIBILITY
from clinic.harvest.models import Harvest
from clinic.harvest.step import HARVEST
from clinic.patients.donors import Donor
from clinic.patients.models import Patient, Weight
from clinic.processing.step import PROCESSING
from clinic.protocols.catalogues import BODY_SITES
from clinic.records import Meaning
from clinic.release.models import Release, decide
from clinic.release.step import RELEASE
from clinic.treatments.models import Treatment, sites_for

if TYPE_CHECKING:
    from clinic.demo.people import House
    from clinic.products.models import Product
    from clinic.protocols.models import ProtocolVersion

D = Decimal


@dataclass(kw_only=True)
class Walk:
    """One course on its way. Every method is one act of the clinic at one moment, by whoever does it there."""

    house: House
    patient: Patient
    version: ProtocolVersion
    kg: Decimal
    note: str
    course: Any = None
    own: Donor | None = None
    luck: float = 1.0
    products: list[Product] = field(default_factory=list)

    @property
    def says(self) -> Any:
        """What the protocol of this course says."""
        return self.version.says

    def order(self, at: datetime, **chosen: Any) -> Treatment:
        """Order the course as a physician, and sign; an order of a donor's cells is signed when the donor is named."""
        house, says = self.house, self.says
        by = house.hand(house.physician)
        condition, route = chosen.pop("condition", says.conditions[0]), chosen.pop("route", says.routes[0])
        site = chosen.pop("body_site", None) or next(iter(sites_for(condition, route)), None)
        side = house.pick("left", "right") if site and BODY_SITES[site].sided else None
        self.course = house.add(
            by,
            Treatment.log(
                by=by,
                at=at,
                performed_at=at,
                performed_by=by,
                patient=self.patient,
                protocol_version=self.version,
                condition=condition,
                route=route,
                body_site=site,
                side=chosen.pop("side", side),
                relation=chosen.pop("relation", says.relations[0].value),
                source=chosen.pop("source", says.sources[0]),
                weight_kg=self.kg,
                source_note=self.note,
                **chosen,
            ),
        )
        house.begin(self.course)
        if self.course.relation == "autologous":
            house.sign(by, self.course, at + 3 * MINUTE)
        return self.course

    def consent(self, at: datetime, *, signed: bool = True) -> Consent:
        """Take the consent on paper as a physician, write it down, sign."""
        house = self.house
        by = house.hand(house.physician)
        CONSENT.admit(self.course, by=by, at=at)
        child = (self.patient.age_on(at.date()) or 0) < 18
        names = self.patient.given_names or ""
        consent = house.add(
            by,
            Consent.log(
                by=by,
                at=at + 20 * MINUTE,
                performed_at=at,
                performed_by=by,
                patient=self.patient,
                protocol_version=self.version,
                scope="treatment",
                form_version="2.1",
                signer="parents" if child else "patient",
                source_note=self.note,
                copy_given=True,
                signer_name=f"Parents of {names}" if child else f"{names} {self.patient.family_name}",
            ),
        )
        if signed:
            house.sign(by, consent, at + 22 * MINUTE)
        return consent

    def eligible(self, at: datetime, **more: Any) -> Eligibility:
        """Decide as a physician that the patient is eligible, and sign."""
        house = self.house
        by = house.hand(house.physician)
        ELIGIBILITY.admit(self.course, by=by, at=at)
        none = {
            "active_infection": False,
            "pregnancy": "not_applicable" if self.patient.sex == "male" else "excluded",
            "malignancy": self.says.field == "hematology"
            and self.course.condition not in {"nonmalignant", "hemoglobinopathy"},
        }
        if self.course.is_child or (self.patient.age_on(at.date()) or 0) > 55:
            none["pregnancy"] = "not_applicable"
        decision = house.add(
            by,
            Eligibility.log(
                by=by,
                at=at + 10 * MINUTE,
                performed_at=at,
                performed_by=by,
                treatment=self.course,
                eligible=True,
                source_note=self.note,
                **none | more,
            ),
        )
        house.sign(by, decision, at + 12 * MINUTE)
        return decision

    def weigh(self, at: datetime, kg: Decimal | None = None) -> Weight:
        """Weigh the patient, as a nurse."""
        by = self.house.hand(self.house.nurse)
        return self.house.add(
            by,
            Weight.log(
                by=by,
                at=at + 2 * MINUTE,
                performed_at=at,
                performed_by=by,
                patient=self.patient,
                kg=kg or self.kg,
                source_note=self.note,
            ),
        )

    def named(self, donor: Donor, at: datetime) -> None:
        """Say whose cells they are; where the protocol asks for it, both are typed twice (rule 20)."""
        house = self.house
        by = house.hand(house.physician)
        self.course.name_donor(donor, by=by, at=at)
        house.sign(by, self.course, at + 3 * MINUTE)
        if self.says.screening.two_blood_groups:
            laboratory.blood_groups(house, at, patient=self.patient, abo=self.patient.abo, rhd=self.patient.rhd)

    def harvest(self, at: datetime, *, signed: bool = True, contained: bool = True, **more: Any) -> Harvest:
        """Collect as a physician; a nurse checks the label; what was collected goes into one container."""
        house = self.house
        by = house.hand(house.physician)
        HARVEST.admit(self.course, by=by, at=at)
        donor = self.course.donor or self._own_donor(at)
        harvest = laboratory.collect(
            house,
            at,
            self.course.source,
            donor,
            note=self.note,
            treatment=self.course,
            limits=self.says.harvest,
            **more,
        )
        if contained:
            done = (harvest.ended_at or at) + 12 * MINUTE
            house.hand(by)
            self.products.append(harvest.collect(by=by, at=done, volume=harvest.volume_to_label))
            if signed:
                house.sign(by, harvest, done + 5 * MINUTE)
                laboratory.received(house, self.products[-1], done + 20 * MINUTE)
        return harvest

    def _own_donor(self, at: datetime) -> Donor:
        if self.own is None:
            patient = self.patient
            self.own = laboratory.house_donor(
                self.house,
                at,
                kind="self",
                patient=patient,
                sex=patient.sex,
                abo=patient.abo,
                rhd=patient.rhd,
                source_note=self.note,
            )
        return self.own

    def process(
        self, at: datetime, *, until: datetime, finished: bool = True, per_kg: Decimal | None = None
    ) -> list[Product]:
        """Process what was collected; a second technologist verifies. Unfinished: the culture is running."""
        house, making = self.house, facts.plan(self.says, self.kg)
        by = house.hand(house.technologist)
        PROCESSING.admit(self.course, by=by, at=at)
        run = laboratory.begin(
            house,
            at,
            until if finished else None,
            self.says,
            treatment=self.course,
            note=self.note,
            frozen=making.frozen,
        )
        starting = list(self.products)
        for product in starting:
            run.take(product, by=by, at=at)
        if not finished:
            house.session.flush()
            return []
        made = laboratory.formulate(
            house,
            run,
            until,
            self.version,
            volume=making.volume,
            amounts=[per_kg * self.kg if per_kg else making.amount],
            note=self.note,
        )
        self.products = made
        if making.frozen:
            laboratory.store(house, made, until + HOUR)
        return made

    def test(  # noqa: PLR0913 - facts of one kind of record
        self,
        product: Product,
        at: datetime,
        *,
        until: datetime,
        skip: frozenset[str] = frozenset(),
        bad: str = "",
        overrides: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        """Test a product. A culture is pending until its days are over. ``until``: nothing is known later."""
        kg = self.kg if product.amount is not None else None
        laboratory.examine(
            self.house,
            product,
            self.version,
            at,
            until=until,
            skip=skip,
            bad=bad,
            overrides={**self._known(product, kg), **(overrides or {})},
            note=self.note,
        )

    def _known(self, product: Product, kg: Decimal | None) -> dict[str, dict[str, Any]]:
        """Return the results that follow from what the product is: doses per kg, blood group, count."""
        known: dict[str, dict[str, Any]] = {}
        if kg and product.measure == "cd34" and product.amount is not None:
            known["cd34_dose"] = {"value": (product.amount / kg).quantize(D("0.01"))}
        if product.measure == "tnc_7" and kg and product.amount is not None:
            known["tnc_dose_7"] = {"value": (product.amount / kg).quantize(D("0.01"))}
        if product.measure == "tnc_8" and product.amount is not None:
            known["tnc"] = {"value": product.amount.quantize(D("0.01"))}
        if product.donor.abo and product.donor.rhd:
            known["abo_rh"] = {"outcome": f"{product.donor.abo}{'+' if product.donor.rhd == 'positive' else '-'}"}
        return known

    def release(self, product: Product, at: datetime, decision: str = "conforms", **more: Any) -> Release:
        """Quality decides and signs; an exception is signed by the medical director as well."""
        house = self.house
        by = house.hand(house.quality)
        RELEASE.admit(self.course, by=by, at=at)
        house.hand(by)
        house.session.flush()
        if decision == "conditional":
            more = {
                "reason": "14-day culture pending; Gram stain without organisms",
                "physician_told": self.house.physician.printed_name,
                **more,
            }
        found = house.add(
            by, decide(product, self.version, by=by, at=at, decision=decision, source_note=self.note, **more)
        )
        house.sign(by, found, at + 4 * MINUTE, meaning=Meaning.RELEASE)
        if decision == "exceptional":
            house.sign(house.director, found, at + 30 * MINUTE, meaning=Meaning.APPROVAL)
        return found
