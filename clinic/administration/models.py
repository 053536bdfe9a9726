"""The bedside check by two people, the administration itself, and the vital signs around it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import CheckConstraint, Index, String, Text, column, inspect, or_
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.administration import together, voiding
from clinic.administration.amounts import unusual_dose, worked_out
from clinic.administration.past_reactions import PastReaction
from clinic.administration.placing import words_of
from clinic.administration.severity import SEVERITIES, unanswered
from clinic.administration.together import CHECK_HOLDS, COUNTED
from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import SHARE, Range, field, plain
from clinic.model import ADDED, reference
from clinic.products.models import Product
from clinic.protocols.catalogues import BODY_SITES, DOSE_MEASURES, ROUTES, labels, within
from clinic.records import Meaning, Record
from clinic.treatments.models import SIDES, Treatment
from clinic.wording import figure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clinic.accounts.models import User
    from clinic.administration.events import InfusionEvent
    from clinic.administration.vital_signs import VitalSigns
    from clinic.course_records import CourseRecords
    from clinic.patients.models import Weight
    from clinic.records import Amendment, Signature

PREMEDICATION = {"given": "Given", "not_ordered": "Not ordered", "omitted": "Not given"}
OUTCOMES = {"aborted": "Stopped early", "voided": "Voided: started by mistake, nothing was given"}
"""How an administration ended where it did not run as planned."""
ASKED_AT_THE_END = ("body_site", "guidance", "handed_over_at", "viability_before", "filter_used", "notes")
"""What may be told when the cells were given, rather than before."""
NOT_VOIDED = or_(column("outcome").is_(None), column("outcome") != "voided")


class BedsideCheck(Record):
    """One reading of wristband and bag by two people, clear or refused. A refusal stays on record (hazard H1)."""

    KIND = "BC"
    NOUN = "Bedside check"
    HAPPENED = "Checked at"
    DONE = "Checked by"
    QUALIFIED = (("performed_by_id", 2), ("second_person_id", 2))
    QUALIFIED_IF = ("clear", frozenset({True}))
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
    volume: Mapped[Decimal | None] = field("Volume to give", unit="mL", possible=Range("0.01", 3000), info=ADDED)

    treatment: Mapped[Treatment] = relationship()
    product: Mapped[Product | None] = relationship()
    second_person: Mapped[User | None] = relationship("User", foreign_keys=[second_person_id])
    administration: Mapped[Administration | None] = relationship(back_populates="bedside_check", uselist=False)
    vital_signs: Mapped[VitalSigns | None] = relationship(back_populates="bedside_check", uselist=False)

    def unusable(self, at: datetime) -> str:
        """Return in one sentence why no cells may be given on this check now; empty: they may."""
        return together.unusable(self, at)

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
    READ_WITH = ("events",)
    ACCUSES = True
    NOUN = "Administration"
    HAPPENED = "Start"
    DONE = "Given by"
    QUALIFIED = (("performed_by_id", 2), ("verified_by_id", 2))
    PERSON = "treatment.patient"
    needs_permission = True
    __table_args__ = (
        CheckConstraint("verified_by_id <> performed_by_id", name="two_people"),
        CheckConstraint("ended_at IS NULL OR volume_given IS NOT NULL OR origin = 'imported'", name="given_when_ended"),
        Index(
            "ix_administration_once", "product_id", unique=True, sqlite_where=NOT_VOIDED, postgresql_where=NOT_VOIDED
        ),
    )
    when_started: ClassVar[list[Callable[[Administration, User], None]]] = []
    """Callbacks of later rooms when cells were given, when that moment is corrected, and when the start was voided,
    in the same transaction."""
    past_reactions: ClassVar[list[Callable[[CourseRecords], list[PastReaction]]]] = []
    """Callbacks of later rooms, which keep the adverse events: the patient's reactions to earlier cells."""

    treatment_id: Mapped[str] = reference("treatment")
    product_id: Mapped[str] = reference("product")
    check_id: Mapped[str | None] = reference("bedside_check", unique=True)
    verified_by_id: Mapped[str | None] = field("Verified by", String(12), section="When and who", order=-6)
    ended_at: Mapped[datetime | None] = field(
        "End", reported=True, section="When and who", order=-7, not_before=("performed_at",)
    )
    route: Mapped[str | None] = field(
        "Route", reported=True, choices=labels(ROUTES), required=True, section="Where", rule=55
    )
    body_site: Mapped[str | None] = field("Body site", reported=True, choices=labels(BODY_SITES), section="Where")
    side: Mapped[str | None] = field("Side", choices=SIDES, conditional=True, section="Where")
    guidance: Mapped[str | None] = field("Guidance", section="Where", hint="For example: ultrasound, fluoroscopy")
    handed_over_at: Mapped[datetime | None] = field("Product handed over at", reported=True, section="The product")
    viability_before: Mapped[Decimal | None] = field(
        "Viability just before", reported=True, unit="%", possible=Range(0, 100), expected=SHARE, section="The product"
    )
    volume_issued: Mapped[Decimal | None] = field("Volume issued", unit="mL", possible=Range(0, 3000), section="Volume")
    volume_given: Mapped[Decimal | None] = field(
        "Volume given", conditional=True, reported=True, unit="mL", possible=Range(0, 3000), section="Volume",
    )  # fmt: skip
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
    outcome: Mapped[str | None] = field("How it ended", choices=OUTCOMES, section="How it went", added=True)
    reaction: Mapped[str | None] = field("Reaction", Text, long=True, section="How it went", hint="Leave blank if none")
    reaction_severity: Mapped[str | None] = field(
        "How severe it was", choices=SEVERITIES, conditional=True, added=True, asked_if=("reaction", "*"),
        section="How it went",
    )  # fmt: skip
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

    events: Mapped[list[InfusionEvent]] = relationship(
        back_populates="administration", order_by="(InfusionEvent.performed_at, InfusionEvent.recorded_at)"
    )

    @property
    def voided(self) -> bool:
        """Whether it was started by mistake and nothing was given: it does not count as an administration."""
        return self.outcome == "voided" and not self.volume_given

    @property
    def counts(self) -> bool:
        """Whether the patient got any of the cells, or may be getting them."""
        return not self.voided and self.volume_given != 0

    @property
    def running(self) -> bool:
        """Whether the cells are being given: the end is not recorded yet."""
        return self.origin == "clinic" and self.ended_at is None

    @property
    def not_applicable(self) -> frozenset[str]:
        """Only the void of a start is corrected; how the others ended follows from their end."""
        return frozenset() if self.outcome == "voided" else frozenset({"outcome"})

    def choices_of(self, name: str) -> Mapping[str, str] | None:
        """Return what a voided start may be corrected to; None for other facts."""
        return voiding.ENDED if name == "outcome" and self.outcome == "voided" else None

    def critical_corrections(self) -> list[Amendment]:
        """Return the corrections that may lower a sum of doses (rules 42, 52, 53, 61)."""
        return [one for one in self.amendments if one.corrects(COUNTED)]

    def written_now(self, *names: str) -> bool:
        """Whether one of some facts is new or was changed since the record was stored."""
        return any(inspect(self).attrs[name].history.has_changes() for name in names)

    def problems(self, *, at: datetime) -> list[str]:
        """Also rules 2, 26, 36, 54 to 56, 58, 59: two people, the ordered place, in time, and volumes that add up."""
        found, first = [*super().problems(at=at), *together.container_problems(self)], self.performed_by
        if self.verified_by_id and first is not None and first.is_among({self.verified_by_id}):
            found.append(Problem("The second person must be a different person.", "verified_by_id", rule=2))
        if self.origin != "clinic":
            return found + together.corrected_problems(self)
        found += unanswered(self, "reaction", "reaction_severity")
        if not self.verified_by_id:
            found.append(Problem("Verified by: required; two people give cells.", "verified_by_id", rule=2))
        if self.filter_used and self.treatment.says.cell_type == "hsc":
            said = "Hematopoietic cells are never irradiated or run through a leukocyte filter."
            found.append(Problem(said, "filter_used", rule=56))
        ordered = self.treatment.says.premedication
        if ordered and self.premedication != "given" and not self.premedication_note:
            said = f"Premedication: the protocol orders {ordered}. Record that it was given, or why it was not given."
            found.append(Problem(said, "premedication", rule=58))
        return found + together.problems(self)

    def questions(self) -> list[Question]:
        """Also rules 2 and 54: a start long after the check, and an end after the protocol's time from thaw."""
        if self.origin != "clinic" or self.voided:
            return unusual_dose(self)
        found, explain = together.no_time(self) + together.less_issued(self), "Say why: it deviates from the protocol."
        checked = self.bedside_check.performed_at if self.bedside_check is not None else None
        if checked is not None and self.performed_at is not None and self.performed_at > checked + CHECK_HOLDS:
            said = f"Start is more than {CHECK_HOLDS.seconds // 60} minutes after the bedside check. Is this right?"
            found.append(Question("performed_at", said, explain, rule=2))
        limit, minutes = self.treatment.says.expiry.thaw_minutes, self.minutes_after_thaw
        if self.ended_at is not None and limit is not None and minutes is not None and minutes > limit:
            said = f"The end is {minutes} minutes after the thaw; the protocol allows {limit}. Is this right?"
            found.append(Question("ended_at", said, explain, rule=54))
        return found

    def finish(
        self, *, at: datetime, ended_at: datetime, volume_given: Decimal, weight: Weight | None,
        by: User | None = None, **facts: Any,
    ) -> None:  # fmt: skip
        """Record the end of the administration, once and before anyone signs; later changes are amendments."""
        if self.ended_at is not None:
            raise RuleBroken("The end is already recorded. Correct it with an amendment.")
        self.ended_at, self.volume_given, self.by_hand = ended_at, volume_given, by is not None
        for name in ("volume_wasted", "volume_returned", "partial_reason", "reaction", "reaction_severity"):
            setattr(self, name, facts.get(name))
        for name in ASKED_AT_THE_END:
            if facts.get(name) not in {None, ""}:
                setattr(self, name, facts[name])
        self.confirmed = {**self.confirmed, **facts.get("confirmed", {})}
        self.check(at=at)
        self.work_out_dose(weight)
        self._send_back(by or self.performed_by, at)

    def _send_back(self, by: User | None, at: datetime) -> None:
        """Note in the chain of custody that a part came back: it is discarded, and never given again (rule 60)."""
        product = self.product
        if self.voided or not self.volume_returned or product is None or product.remainder or by is None:
            return
        product.move(kind="remainder", place="laboratory", by=by, at=at)

    def abort(  # noqa: PLR0913 - what one record consists of
        self, *, at: datetime, ended_at: datetime, volume_given: Decimal, because: str, returned: bool,
        weight: Weight | None, **facts: Any,
    ) -> None:  # fmt: skip
        """Stop before all was given: how much was given, why, and whether the rest goes back or is discarded."""
        rest = (self.volume_issued or Decimal(0)) - volume_given
        if rest < 0:
            said = f"Volume given: more than the {plain(self.volume_issued)} mL that were issued."
            raise RuleBroken(Problem(said, "volume_given", rule=59))
        left = {"volume_returned": rest} if returned else {"volume_wasted": rest}
        self.outcome = "aborted"
        self.finish(
            at=at, ended_at=ended_at, volume_given=volume_given, partial_reason=because, weight=weight, **left, **facts
        )

    def void(self, *, by: User, at: datetime, because: str) -> None:
        """Take back a start that was pressed by mistake, while nothing left the bag: it may then be given again."""
        if self.ended_at is not None:
            raise RuleBroken("The end is already recorded. Correct it with an amendment.")
        begun = together.not_void(self, at)
        if begun:
            said = f"{begun} Stop early instead, with 0 mL given where nothing reached the patient."
            raise RuleBroken(Problem(said, "untouched", rule=59))
        self.outcome, self.confirmed = "voided", {**self.confirmed}
        end, nothing = max(at.replace(second=0, microsecond=0), self.performed_at or at), Decimal(0)
        back = {"volume_returned": self.volume_issued or nothing, "partial_reason": because}
        self.finish(at=at, ended_at=end, volume_given=nothing, weight=None, **back)
        self.product.move(kind="not_given", place=self.treatment.chain_of_identity, by=by, at=at, reason=because)
        for follow in self.when_started:
            follow(self, by)

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.AUTHORSHIP) -> Signature:
        """Sign; the second person's signature is the verification. It cannot be signed before the end is recorded."""
        if self.origin == "clinic" and self.ended_at is None:
            raise RuleBroken("Record the end first: a signed record must be complete.")
        meaning = Meaning.VERIFICATION if by.id == self.verified_by_id else meaning
        authors = [one for one in (self.performed_by, self.recorded_by) if one is not None]
        named = self.voided or self.origin != "clinic"  # who voids a start signs that with a second person
        if meaning is Meaning.AUTHORSHIP and not named and not by.is_among({one.id for one in authors}):
            names = " or ".join(dict.fromkeys(one.printed_name for one in authors))
            raise RuleBroken(f"Who gave the cells signs this record: {names}. You are not named in it.", rule=2)
        return super().sign(by=by, at=at, meaning=meaning)

    def work_out_dose(self, weight: Weight | None) -> None:
        """Compute dose and dose per kg from what the container held, and keep the arithmetic (rule 52, law 4)."""
        if weight is not None and weight.kg:
            self.weight_id, self.weight_kg = weight.id, weight.kg
        volume = self.volume_given if self.volume_given is not None else self.volume_issued
        for name, value in worked_out(self.product, volume, self.weight_kg).items():
            setattr(self, name, value)

    def amend(
        self, facts: Mapping[str, Any] | None = None, /, *, by: User, at: datetime, reason: str, **changes: Any
    ) -> Amendment:
        """Correct facts: a volume corrects its dose, a start moves the plan, the end of a void gives the bag."""
        changes |= facts or {}
        voiding.may_end(self, changes)
        if changes.get("volume_given", self.volume_given) != self.volume_given:
            changes |= worked_out(self.product, changes["volume_given"], self.weight_kg)
        amendment = super().amend(by=by, at=at, reason=reason, **changes)
        voiding.count_again(self, amendment)
        if self.origin == "clinic" and "volume_returned" in amendment.changes:
            self._send_back(by, at)
        if "performed_at" in amendment.changes:
            self.product.correct_giving(self.performed_at, by=by, at=at, reason=reason)
            for follow in self.when_started:
                follow(self, by)
        return amendment

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
        site = words_of(self.body_site, self.side) if self.body_site in BODY_SITES else ""
        route = within(ROUTES[self.route or ""].label) if self.route in ROUTES else ""
        how, dose = voiding.how_it_ended(self), "" if self.outcome == "voided" else dose
        return ", ".join(part for part in (how, dose, route, site) if part)
