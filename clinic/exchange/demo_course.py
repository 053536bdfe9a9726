"""Walk one course through the clinic, by the same verbs and gates as the pages: order, consent, …, follow-up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.administration import bedside
from clinic.administration.models import VitalSigns
from clinic.administration.step import ADMINISTRATION
from clinic.exchange import demo_facts as facts
from clinic.exchange import demo_laboratory as laboratory
from clinic.exchange.demo_laboratory import DAY, HOUR, MINUTE
from clinic.followup.models import FollowUpVisit, PlannedVisit
from clinic.harvest.models import Harvest
from clinic.harvest.step import HARVEST
from clinic.patients.consent import Consent
from clinic.patients.donors import Donor
from clinic.patients.models import Patient, Weight
from clinic.processing.release import Release, decide
from clinic.processing.release_step import RELEASE
from clinic.processing.step import PROCESSING
from clinic.protocols.catalogues import BODY_SITES, ROUTES
from clinic.records import Meaning
from clinic.treatments.models import Eligibility, Treatment, sites_for
from clinic.treatments.step import CONSENT, ELIGIBILITY

if TYPE_CHECKING:
    from clinic.exchange.demo_people import House
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
        """The physician orders the course and signs."""
        house, says = self.house, self.says
        by = house.hand(house.physician)
        condition, route = chosen.pop("condition", says.conditions[0]), chosen.pop("route", says.routes[0])
        site = chosen.pop("body_site", None) or next(iter(sites_for(condition, route)), None)
        side = house.pick("left", "right") if site and BODY_SITES[site].sided else None
        self.course = house.add(by, Treatment.log(
            by=by, at=at, performed_at=at, performed_by=by, patient=self.patient, protocol_version=self.version,
            condition=condition, route=route, body_site=site, side=chosen.pop("side", side), relation=chosen.pop("relation", says.relations[0].value),
            source=chosen.pop("source", says.sources[0]), weight_kg=self.kg, source_note=self.note, **chosen,
        ))  # fmt: skip
        house.begin(self.course)
        house.sign(by, self.course, at + 3 * MINUTE)
        return self.course

    def consent(self, at: datetime, *, signed: bool = True) -> Consent:
        """The physician takes the consent on paper, writes it down, signs."""
        house = self.house
        by = house.hand(house.physician)
        CONSENT.admit(self.course, by=by, at=at)
        child = (self.patient.age_on(at.date()) or 0) < 18
        names = self.patient.given_names or ""
        consent = house.add(by, Consent.log(
            by=by, at=at + 20 * MINUTE, performed_at=at, performed_by=by, patient=self.patient, protocol_version=self.version, scope="treatment",
            form_version="2.1", signer="parents" if child else "patient", source_note=self.note, copy_given=True,
            signer_name=f"Parents of {names}" if child else f"{names} {self.patient.family_name}",
        ))  # fmt: skip
        if signed:
            house.sign(by, consent, at + 22 * MINUTE)
        return consent

    def eligible(self, at: datetime, **more: Any) -> Eligibility:
        """The physician decides that the patient is eligible, and signs."""
        house = self.house
        by = house.hand(house.physician)
        ELIGIBILITY.admit(self.course, by=by, at=at)
        none = {"active_infection": False, "pregnancy": "not_applicable" if self.patient.sex == "male" else "excluded", "malignancy": self.says.field == "hematology" and self.course.condition not in {"nonmalignant", "hemoglobinopathy"}}
        if self.course.is_child or (self.patient.age_on(at.date()) or 0) > 55:
            none["pregnancy"] = "not_applicable"
        decision = house.add(by, Eligibility.log(
            by=by, at=at + 10 * MINUTE, performed_at=at, performed_by=by, treatment=self.course, eligible=True, source_note=self.note, **none | more,
        ))  # fmt: skip
        house.sign(by, decision, at + 12 * MINUTE)
        return decision

    def weigh(self, at: datetime, kg: Decimal | None = None) -> Weight:
        """A nurse weighs the patient."""
        by = self.house.hand(self.house.nurse)
        return self.house.add(by, Weight.log(by=by, at=at + 2 * MINUTE, performed_at=at, performed_by=by, patient=self.patient, kg=kg or self.kg, source_note=self.note))

    def named(self, donor: Donor, at: datetime) -> None:
        """Say whose cells they are; where the protocol asks for it, both are typed twice (rule 20)."""
        house = self.house
        by = house.hand(house.physician)
        self.course.name_donor(donor, by=by, at=at)
        if self.says.screening.two_blood_groups:
            laboratory.blood_groups(house, at, patient=self.patient, abo=self.patient.abo, rhd=self.patient.rhd)

    def harvest(self, at: datetime, *, signed: bool = True, contained: bool = True, **more: Any) -> Harvest:
        """The physician collects; a nurse checks the label; what was collected goes into one container."""
        house = self.house
        by = house.hand(house.physician)
        HARVEST.admit(self.course, by=by, at=at)
        donor = self.course.donor or self._own_donor(at)
        harvest = laboratory.collect(house, at, self.course.source, donor, note=self.note, treatment=self.course, limits=self.says.harvest, **more)
        if contained:
            done = harvest.ended_at + 12 * MINUTE
            house.hand(by)
            self.products.append(harvest.collect(by=by, at=done, volume=harvest.volume))
            if signed:
                house.sign(by, harvest, done + 5 * MINUTE)
                laboratory.received(house, self.products[-1], done + 20 * MINUTE)
        return harvest

    def _own_donor(self, at: datetime) -> Donor:
        if self.own is None:
            patient = self.patient
            self.own = laboratory.house_donor(self.house, at, kind="self", patient=patient, sex=patient.sex, abo=patient.abo, rhd=patient.rhd, source_note=self.note)
        return self.own

    def process(self, at: datetime, *, until: datetime, finished: bool = True, per_kg: Decimal | None = None) -> list[Product]:
        """The technologist processes what was collected; a second one verifies. Unfinished: the culture is running."""
        house, making = self.house, facts.plan(self.says, self.kg)
        by = house.hand(house.technologist)
        PROCESSING.admit(self.course, by=by, at=at)
        run = laboratory.begin(house, at, until if finished else None, self.says, treatment=self.course, note=self.note, frozen=making.frozen)
        starting = list(self.products)
        for product in starting:
            run.take(product, by=by, at=at)
        if not finished:
            house.session.flush()
            return []
        made = laboratory.formulate(house, run, until, self.version, volume=making.volume, amounts=[per_kg * self.kg if per_kg else making.amount], note=self.note)
        self.products = made
        if making.frozen:
            laboratory.store(house, made, until + HOUR)
        return made

    def test(self, product: Product, at: datetime, *, until: datetime, skip: frozenset[str] = frozenset(), bad: str = "", overrides: dict[str, dict[str, Any]] | None = None) -> None:
        """Test a product. A culture is final after its days: before that it is pending. ``until``: nothing is known later."""
        kg = self.kg if product.amount is not None else None
        laboratory.test(self.house, product, self.version, at, until=until, skip=skip, bad=bad, overrides={**self._known(product, kg), **(overrides or {})}, note=self.note)

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
            more = {"reason": "14-day culture pending; Gram stain without organisms", "physician_told": self.house.physician.printed_name, **more}
        found = house.add(by, decide(product, self.version, by=by, at=at, decision=decision, source_note=self.note, **more))
        house.sign(by, found, at + 4 * MINUTE, meaning=Meaning.RELEASE)
        if decision == "exceptional":
            house.sign(house.director, found, at + 30 * MINUTE, meaning=Meaning.APPROVAL)
        return found

    def thaw(self, product: Product, at: datetime) -> None:
        """The technologist issues a container to the ward; what was frozen is thawed first."""
        by = self.house.technologist
        self.house.hand(by)
        if product.cryo_medium:
            product.move(kind="thawed", place="Water bath, 37 °C", by=by, at=at)
        product.move(kind="issued", place="Day clinic", handed_to=self.house.nurse.printed_name, by=by, at=at + 8 * MINUTE, temperature=D("21.0"), intact=True)

    def give(self, product: Product, at: datetime, *, kg: Decimal | None = None, finished: bool = True, later_signs: bool = True, **more: Any) -> Any:
        """Two people read wristband and bag, then one of them gives the cells; vital signs before, at 15 minutes, at the end."""
        house, nurse, second = self.house, self.house.nurse, self.house.physician
        self.weigh(at - HOUR, kg)
        house.session.flush()
        ADMINISTRATION.admit(self.course, by=nurse, at=at)
        self.thaw(product, at - 25 * MINUTE)
        house.hand(nurse)
        house.session.flush()
        check = bedside.read(
            house.session, self.course, by=nurse, at=at - 5 * MINUTE, second=second, patient_scan=self.patient.id,
            product_scan=product.id, vitals=laboratory.vitals(house, child=kg is not None and kg < 20),
        )  # fmt: skip
        house.session.flush()
        if not check.clear:
            return check
        route, length = ROUTES[self.course.route], (40 if ROUTES[self.course.route].systemic else 8) * MINUTE
        site = self.course.body_site if self.course.body_site in route.sites else route.sites[0]
        side = self.course.side if BODY_SITES[site].sided else None
        ordered = self.says.premedication
        given = bedside.give(
            house.session, check, by=nurse, at=at, performed_by_id=nurse.id, because="Read once more by both; the physician agrees.",
            performed_at=at, route=self.course.route, body_site=site, side=side, volume_issued=product.volume,
            handed_over_at=at - 17 * MINUTE, premedication="given" if ordered else "not_ordered", filter_used=False,
            viability_before=D(house.random.randrange(84, 98)), source_note=self.note, guidance=more.pop("guidance", None),
        )  # fmt: skip
        house.session.flush()
        if not finished:
            return given
        for minutes in (15, int(length / MINUTE) + 1):
            when = at + minutes * MINUTE
            given.vital_signs.append(VitalSigns.log(by=nurse, at=when, performed_at=when, performed_by=nurse, treatment_id=self.course.id, **laboratory.vitals(house, child=kg is not None and kg < 20)))
        given.finish(at=at + length, ended_at=at + length, volume_given=more.pop("volume_given", product.volume), weight=self.course.weight_at(at), **more)
        if later_signs:
            house.sign(nurse, given, at + length + 10 * MINUTE)
            house.sign(second, given, at + length + 20 * MINUTE)
        return given

    def baseline(self, at: datetime, scores: dict[str, Decimal | None] | None = None) -> FollowUpVisit:
        """A nurse scores the patient before the cells."""
        instruments = next((visit.instruments for visit in self.says.visits if visit.name == "Baseline"), ())
        return self._visit(at, None, "Baseline", scores if scores is not None else {name: facts.score(name, 0, self.luck, self.house.random) for name in instruments})

    def follow(self, *, until: datetime, missed: dict[str, str] | None = None, left_out: frozenset[str] = frozenset(), scores: dict[str, dict[str, Decimal | None]] | None = None) -> None:
        """Make the planned visits that are due by a moment; some are missed for a reason, some nobody wrote down."""
        self.house.session.flush()
        plans = self.house.session.scalars(select(PlannedVisit).where(PlannedVisit.treatment_id == self.course.id).order_by(PlannedVisit.number)).all()
        for plan in plans:
            when = self.hour(plan.due_on + self.house.random.randrange(0, 2) * DAY if plan.closes_on > plan.due_on else plan.due_on, 10)
            if when > until or plan.name in left_out or plan.visit is not None:
                continue
            if missed and plan.name in missed:
                self._visit(when, plan, plan.name, {}, made="missed", missed_reason=missed[plan.name])
            else:
                given = (scores or {}).get(plan.name)
                self._visit(when, plan, plan.name, given if given is not None else {name: facts.score(name, plan.day, self.luck, self.house.random) for name in plan.instruments})

    def _visit(self, at: datetime, plan: PlannedVisit | None, name: str, scores: dict[str, Decimal | None], **more: Any) -> FollowUpVisit:
        house = self.house
        by = house.hand(house.nurse2)
        visit = house.add(by, FollowUpVisit.log(by=by, at=at + 25 * MINUTE, performed_at=at, performed_by=by, treatment=self.course, plan=plan, name=name, source_note=self.note, **more))
        for instrument, value in scores.items():
            visit.score(instrument, by=by, at=at + 25 * MINUTE, value=value, did_not_occur=value is None)
        house.sign(by, visit, at + 28 * MINUTE)
        return visit

    def hour(self, day: date, hour: int, minute: int = 0) -> datetime:
        """Return a moment of a day on this site's clock."""
        from zoneinfo import ZoneInfo  # noqa: PLC0415

        return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(self.house.site.zone))
