"""A harvest: donor → starting products."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, String, Text, select
from sqlalchemy.orm import Mapped, object_session, relationship

from clinic.clock import window_in
from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import Range, field
from clinic.harvest import limits
from clinic.model import ADDED, reference
from clinic.paging import natural_order
from clinic.patients.donors import Donor
from clinic.patients.doubted import starts
from clinic.patients.weighing import doubted
from clinic.products.models import Product, another_donors, bearer, unused
from clinic.protocols.catalogues import (
    ANESTHESIA,
    ANTICOAGULANTS,
    BODY_SITES,
    METHODS,
    SOURCES,
    labels,
    within,
)
from clinic.records import Record
from clinic.treatments.models import SIDES, Treatment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinic.accounts.models import User
    from clinic.clock import Window
    from clinic.records import Amendment

CRITICAL = frozenset({"performed_at", "ended_at", "volume", "source"})
DAY = timedelta(hours=24)
WITH_ANTICOAGULANT = ("anticoagulant", *(key for key in ANTICOAGULANTS if key != "none"))
WITH_FASTING = ("anaesthesia", *(key for key, one in ANESTHESIA.items() if one.fasting))
FASTING = {"confirmed": "Confirmed", "not_needed": "Not needed", "not_fasted": "Not fasted"}


NOT_SIGNED = {False: "is recorded but not signed", True: "was amended and is not signed again"}
"""What a harvest lacks, by whether it was signed before."""


class Harvest(Record):
    """One collection at one site of the body; two sides are two harvests (rule 26)."""

    KIND = "HV"
    NOUN = "Harvest"
    HAPPENED = "Start"
    DONE = "Collected by"
    QUALIFIED = (("performed_by_id", 0), ("label_checked_by_id", 0))
    PERSON = "donor.patient"
    needs_permission = True
    __table_args__ = (CheckConstraint("label_checked_by_id <> performed_by_id", name="label_second_person"),)

    treatment_id: Mapped[str | None] = reference("treatment")
    donor_id: Mapped[str] = reference("donor")
    ended_at: Mapped[datetime | None] = field(
        "End",
        reported=True,
        required=True,
        section="When and who",
        order=-7,
        starts="now",
        not_before=("performed_at",),
    )
    source: Mapped[str | None] = field("Source", reported=True, choices=labels(SOURCES), required=True, section="Site")
    body_site: Mapped[str | None] = field(
        "Body site", reported=True, choices=labels(BODY_SITES), required=True, section="Site"
    )
    side: Mapped[str | None] = field("Side", choices=SIDES, conditional=True, section="Site")
    time_out_at: Mapped[datetime | None] = field(
        "Time-out at",
        section="Site",
        conditional=True,
        not_after=("performed_at",),
        hint="Right patient, right side, right procedure, confirmed aloud by the team",
    )
    method: Mapped[str | None] = field(
        "Method", reported=True, choices=labels(METHODS), required=True, section="Method"
    )
    anaesthesia: Mapped[str | None] = field(
        "Anesthesia", reported=True, choices=labels(ANESTHESIA), required=True, section="Method"
    )
    fasting: Mapped[str | None] = field(
        "Fasting", choices=FASTING, conditional=True, section="Method", asked_if=WITH_FASTING,
        hint="Required with this anesthesia",
    )  # fmt: skip
    weight_kg: Mapped[Decimal | None] = field(
        "Body weight", unit="kg", possible=Range("0.3", 400), expected=Range(2, 180), section="Method",
        conditional=True, info=ADDED, hint="On the day of the harvest. Limits per kg are judged by it",
    )  # fmt: skip
    lidocaine_mg: Mapped[Decimal | None] = field(
        "Total lidocaine", unit="mg", possible=Range(0, 10000), section="Method"
    )
    passes: Mapped[int | None] = field("Punctures or passes", reported=True, section="Method")
    cd34_before: Mapped[Decimal | None] = field(
        "CD34 count before collection",
        conditional=True,
        unit="/µL",
        possible=Range(0, 5000),
        section="Method",
        hint="Peripheral blood only, after mobilization",
    )
    volume: Mapped[Decimal | None] = field(
        "Volume collected",
        reported=True,
        unit="mL",
        possible=Range("0.1", 10000),
        expected=Range(5),
        required=True,
        section="What was collected",
        hint="Without anticoagulant. Tissue in mL",
    )
    containers: Mapped[int | None] = field("Containers", section="What was collected", usual=1)
    anticoagulant: Mapped[str | None] = field(
        "Anticoagulant", reported=True, choices=labels(ANTICOAGULANTS), required=True, section="Anticoagulant"
    )
    anticoagulant_volume: Mapped[Decimal | None] = field(
        "Anticoagulant volume",
        conditional=True,
        unit="mL",
        possible=Range(0, 1000),
        section="Anticoagulant",
        asked_if=WITH_ANTICOAGULANT,
    )
    anticoagulant_lot: Mapped[str | None] = field(
        "Anticoagulant lot",
        conditional=True,
        section="Anticoagulant",
        hint="Scan the code on the bag, or type the lot",
        asked_if=WITH_ANTICOAGULANT,
    )
    anticoagulant_expires_on: Mapped[date | None] = field(
        "Anticoagulant lot expires on",
        conditional=True,
        past=False,
        section="Anticoagulant",
        info=ADDED,
        asked_if=WITH_ANTICOAGULANT,
    )
    din: Mapped[str | None] = field(
        "Donation number",
        section="Containers and labels",
        hint="Scan it, or type it with its check character. Leave blank to use the product number only",
    )
    label_checked_by_id: Mapped[str | None] = field(
        "Label checked by a second person", String(12), section="Containers and labels"
    )
    handed_over_at: Mapped[datetime | None] = field(
        "Handed over at", reported=True, section="Containers and labels", not_before=("performed_at",)
    )
    transport: Mapped[str | None] = field(
        "Transport conditions", reported=True, section="Containers and labels", hint="For example: cool box 2 to 8 °C"
    )
    complications: Mapped[str | None] = field("Complications", Text, long=True, section="How it went")
    notes: Mapped[str | None] = field("Notes", Text, long=True, identifying=True, section="How it went")

    treatment: Mapped[Treatment | None] = relationship()
    donor: Mapped[Donor] = relationship()
    products: Mapped[list[Product]] = relationship(order_by=lambda: (*natural_order(Product.division), Product.id))

    def problems(self, *, at: datetime) -> list[str]:
        """Also rules 26, 27, 29, 31, 33: site and side, time-out, fasting, lidocaine, lot, order of times."""
        found = [limits.time_out_said(self, one) for one in super().problems(at=at)]
        checker = self.label_checked_by_id
        if self.din:
            session = object_session(self) or object_session(self.recorded_by)
            found += another_donors(session, self.din, self.donor_id or (self.donor.id if self.donor else None))
        if checker and self.performed_by is not None and self.performed_by.is_among({checker}):
            said = "A second person checks the label, not the person who collected."
            found.append(Problem(said, "label_checked_by_id", rule=12))
        if self.origin != "clinic":
            return found
        return found + limits.site(self) + limits.safety(self) + limits.papers(self)

    def questions(self) -> list[Question]:
        """Also rules 7, 28, 29, 30, 32: times, a number's year, volumes, lidocaine, anticoagulant that are odd."""
        asked = limits.times(self) + limits.volumes(self) + limits.additives(self)
        return asked + limits.donation(self) if self.din else asked

    @property
    def not_applicable(self) -> frozenset[str]:
        """CD34+ cells are counted beforehand where they are, or by the order should be, collected from the blood."""
        named = {self.source, self.treatment.source} if self.treatment is not None else {None}
        known = None not in named and not any(
            one.harvest == "apheresis" for key, one in SOURCES.items() if key in named
        )
        return frozenset({"cd34_before"}) if known else frozenset()

    @property
    def body_weight(self) -> Decimal | None:
        """The weight that limits per kg are judged by, kg: recorded with the harvest, else the patient's last one.

        A patient's weight is that of own cells only; a donor's is recorded with the harvest (rules 28, 29). Of two that
        are far from each other the lighter one, until a second person has confirmed the other one (rule 51).
        """
        course, ended = self.treatment, self.ended_at
        if course is None or course.relation != "autologous" or ended is None:
            return self.weight_kg
        last, weighed = course.patient.weight_at(ended), [one for same in course.patient.person for one in same.weights]
        newer = [
            one
            for one in (doubted(weighed) if len(weighed) > 1 else [])
            if one.performed_at is not None and last is not None and last.performed_at <= one.performed_at <= ended
        ]
        known = [one.kg for one in (*([last] if last is not None else []), *newer) if one.kg]
        if self.weight_kg is not None:
            return limits.lighter(self, known)
        if known:
            return min(known)
        next_day = [one.kg for one in weighed if one.kg and one.performed_at is not None
            and ended < one.performed_at <= ended + DAY]  # fmt: skip
        return min((one for one in (course.weight_kg, *next_day) if one), default=None)

    @property
    def per_kg(self) -> Decimal | None:
        """Volume ÷ body weight, mL/kg, to one decimal; None where the weight is not known."""
        if self.volume is None or not self.body_weight:
            return None
        return (self.volume / self.body_weight).quantize(Decimal("0.1"))

    def of_the_day(self) -> list[Harvest]:
        """Return all harvests of the same donor within a day, in any course: limits of a body are sums over them."""
        near = self.donor if self.donor is not None else self.treatment
        session = object_session(near) if near is not None else None
        if session is None or self.performed_at is None:
            return [self]
        donor_id = self.donor.id if self.donor is not None else self.donor_id
        with session.no_autoflush:
            chosen = select(Harvest).where(Harvest.donor_id.in_(limits.one_person(self.donor, donor_id)))
            others = session.scalars(chosen.where(Harvest.id != self.id)).all()
        at = self.performed_at
        return [self, *(one for one in others if any(abs(start - at) < DAY for start in starts(one)))]

    def amend(
        self, facts: Mapping[str, Any] | None = None, /, *, by: User, at: datetime, reason: str, **changes: Any
    ) -> Amendment:
        """Correct facts; what was collected, and what was made of it, follows a corrected end and source."""
        name = self.product_name
        amendment = super().amend(facts, by=by, at=at, reason=reason, **changes)
        for product in self.products if "source" in amendment.changes else ():
            product.follow(source=self.source, name=self.product_name if product.name == name else product.name)
        for product in self.products if self.ended_at is not None else ():  # a history may not know the end
            product.follow(collected_at=self.ended_at, performed_at=self.ended_at)
        return amendment

    def critical_corrections(self) -> list[Amendment]:
        """Return the corrections of times, volume or source after a signature: a second person confirms them."""
        since = min((signature.signed_at for signature in self.signatures), default=None)
        found = self.amendments if since is not None and self.origin == "clinic" else []
        return [one for one in found if since is not None and one.amended_at >= since and one.corrects(CRITICAL)]

    @property
    def volume_to_label(self) -> Decimal:
        """Volume collected that no container holds yet, mL."""
        return (self.volume or Decimal(0)) - sum((p.volume or Decimal(0) for p in self.products), Decimal(0))

    def collect(self, *, by: User, at: datetime, volume: Decimal, division: str = "", **facts: Any) -> Product:
        """Make one starting product of what was collected; together they hold no more than that (rule 36)."""
        if volume > self.volume_to_label:
            raise RuleBroken(
                f"Only {self.volume_to_label} mL of {self.volume} mL are left to put into a container.", rule=36
            )
        division = division or self._next_division()
        if self.din:
            unused(object_session(self), self.din, division)
        product = Product.log(
            by=by,
            at=at,
            site_id=self.site_id,
            donor_id=self.donor_id,
            donor=self.donor,
            treatment=self.treatment,
            treatment_id=self.treatment_id,
            harvest_id=self.id,
            origin=self.origin,
            name=facts.pop("name", None) or self.product_name,
            source=self.source,
            relation="autologous" if self.donor.kind == "self" else "allogeneic",
            container=facts.pop("container", "bag"),
            din=self.din,
            division=division,
            volume=volume,
            collected_at=self.ended_at,
            performed_at=self.ended_at,
            performed_by=self.performed_by,
            **facts,
        )
        self.products.append(product)
        return product

    def _next_division(self) -> str:
        """Return the first of A, B, … Z, A1, B1, … that no container of this donation bears (rule 37)."""
        taken = {product.division for product in self.products}
        letters = (f"{letter}{turn or ''}" for turn in count() for letter in ascii_uppercase)
        free = (one for one in letters if one not in taken)
        session, din = object_session(self), self.din
        return next(one for one in free if not din or bearer(session, din, one) is None)

    @property
    def product_name(self) -> str:
        """The proper name of what comes out of the collection, before any processing."""
        source = SOURCES.get(self.source or "")
        if source is None:
            return "Cells"
        established = (source.class_names.get(cell_type) for cell_type in ("hsc", "mnc", "msc", "svf"))
        return next((name for name in established if name), source.label)

    def headline(self) -> str:
        place = " ".join(
            part
            for part in (
                (self.side or "").replace("none", ""),
                within(BODY_SITES[self.body_site or ""].label) if self.body_site in BODY_SITES else "",
            )
            if part
        )
        source = within(SOURCES[self.source or ""].label) if self.source in SOURCES else "cells"
        volume = f"{self.volume} mL" if self.volume is not None else ""
        return ", ".join(part for part in (source, place, volume) if part)


def aged_from(product: Product) -> Window | None:
    """Return when what a product holds was collected, by its harvest: the end, else the start (rule 50)."""
    session = object_session(product)
    harvest = session.get(Harvest, product.harvest_id) if session is not None and product.harvest_id else None
    return None if harvest is None else window_in(harvest, "ended_at") or window_in(harvest, "performed_at")


Product.begun_by.append(aged_from)
