"""A product is one container of cells (bag, vial, syringe): the node of the graph of cells.

Harvests and processing runs make products, an administration ends one. Where a product is now is its last
movement; what state it is in follows from the records that hang on it.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import CheckConstraint, ColumnElement, Index, UniqueConstraint, or_, select, true, union_all
from sqlalchemy.orm import Mapped, aliased, object_session, relationship

from clinic import wording
from clinic.errors import Problem, RuleBroken
from clinic.fields import Range, field, plain
from clinic.model import among, few, reference
from clinic.patients.donors import Donor
from clinic.products import limits
from clinic.products.corrections import CRITICAL, lasts_longer, tells_cold
from clinic.products.donation_numbers import DIN, spell_din
from clinic.products.limits import known_of, limit_of, limit_stated, unusual
from clinic.products.media import contradicts, names_medium
from clinic.products.movements import STAYS_AWAY, Movement, away_at, whereabouts
from clinic.products.refreezing import refuse_refreezing
from clinic.protocols.catalogues import CELL_TYPES, DOSE_MEASURES, SOURCES, labels, within
from clinic.protocols.content import Relation
from clinic.protocols.models import ProtocolVersion
from clinic.record_content import corrected
from clinic.records import Entry, Meaning, Record
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.clock import Window
    from clinic.course_records import Scope
    from clinic.records import Amendment, Signature

CONTAINERS = {"bag": "Bag", "vial": "Vial", "syringe": "Syringe", "tube": "Tube", "mould": "Mould"}
GIVINGS = frozenset({"given", "not_given"})


OF_WHAT_IS_GIVEN = frozenset({"amount", "preparation", "vehicle"})
"""What is told of cells as they are given; of what was collected and then processed nobody asks it."""


class Product(Record):
    """One container of cells. Made by a harvest or a run; its amount is in its dose measure's unit."""

    KIND = "PR"
    NOUN = "Product"
    HAPPENED = "Produced at"
    DONE = "Produced by"
    READ_ORDER = -1
    READ_WITH = ("uses", "movements")
    RESTS_ON = ("movements",)
    CONFIRMS_NOTHING = frozenset({Meaning.REVIEW})  # a physician acknowledges what was corrected after the giving
    when_times_change: ClassVar[list[Callable[[Product], None]]] = []
    begun_by: ClassVar[list[Callable[[Product], Window | None]]] = []
    __table_args__ = (
        UniqueConstraint("site_id", "din", "division"), Index(None, "site_id", "recorded_at", "id"),
        Index("ix_product_search", "site_id", "name", "din", "donor_id", "treatment_id", "id"),
        CheckConstraint("(harvest_id IS NULL) <> (run_id IS NULL)", name="made_by_one"),
    )  # fmt: skip

    donor_id: Mapped[str] = reference("donor")
    treatment_id: Mapped[str | None] = reference("treatment")
    harvest_id: Mapped[str | None] = reference("harvest")
    run_id: Mapped[str | None] = reference("processing_run")
    protocol_version_id: Mapped[str | None] = reference("protocol_version")
    name: Mapped[str | None] = field("Product", required=True, hint="Proper name, for example MSC, Cord Tissue")
    cell_type: Mapped[str | None] = field("Cell type", choices=labels(CELL_TYPES))
    source: Mapped[str | None] = field("Origin of tissue", choices=labels(SOURCES), required=True)
    relation: Mapped[str | None] = field("Whose cells", choices={r.value: r.label for r in Relation}, required=True)
    container: Mapped[str | None] = field("Container", choices=CONTAINERS)
    din: Mapped[str | None] = field("Donation number", hint="With its check character")
    division: Mapped[str | None] = field("Division", hint="Letter or number of this container")
    volume: Mapped[Decimal | None] = field(
        "Volume", reported=True, unit="mL", possible=Range("0.01", 3000), required=True
    )
    measure: Mapped[str | None] = field("Counted as", choices=labels(DOSE_MEASURES))
    amount: Mapped[Decimal | None] = field("Amount", reported=True, possible=Range(0), hint="In the unit of the count")
    preparation: Mapped[str | None] = field("Preparation method", reported=True)
    vehicle: Mapped[str | None] = field("Vehicle", reported=True)
    cryo_medium: Mapped[str | None] = field("Cryopreservation medium")
    dmso_percent: Mapped[Decimal | None] = field("DMSO", unit="% v/v", possible=Range(0, 20))
    collected_at: Mapped[datetime | None] = field("Collection ended at")
    frozen_at: Mapped[datetime | None] = field("Frozen at")
    thawed_at: Mapped[datetime | None] = field("Thawed at")
    expires_at: Mapped[datetime | None] = field("Use before", past=False, index=True)

    donor: Mapped[Donor] = relationship()
    treatment: Mapped[Treatment | None] = relationship()
    protocol_version: Mapped[ProtocolVersion | None] = relationship()
    movements: Mapped[list[Movement]] = relationship(
        back_populates="product", order_by="(Movement.performed_at, Movement.recorded_at)"
    )
    uses: Mapped[list[RunInput]] = relationship(back_populates="product", order_by="RunInput.recorded_at")

    @classmethod
    def found(cls, scope: Scope) -> Any:
        """Return the condition that finds the cells of the courses with their whole family."""
        scope.given = {"products": scope.product_ids, "courses": scope.pool.ids("treatment")}
        return _family_of(scope.dialect) if any(scope.given.values()) else None

    @property
    def judged_under(self) -> ProtocolVersion | None:
        """The protocol version that judges it: its course's; for banked cells the one that they were made under."""
        return self.protocol_version if self.treatment is None else self.treatment.protocol_version

    @property
    def left(self) -> Decimal:
        """Volume that no processing run has taken yet, mL; an input that names no volume took all of it."""
        volume = self.volume or Decimal(0)
        return volume - sum((volume if use.volume is None else use.volume for use in self.uses), Decimal(0))

    use_before = property(limits.latest)
    end = property(limits.end_of)
    end_known = property(limits.end_known)

    aged_from = property(limits.aged_from)
    end_text = property(limits.end_text)
    keep_to_expiry = limits.keep_to_expiry

    @property
    def without_end(self) -> bool:
        """Whether nothing says until when it may be used; what lies frozen gets its end when it is thawed (rule 50).

        Fresh cells of a protocol that counts hours have none while nothing says when they were collected.
        """
        if self.judged_under is None or self.use_before is not None:
            return False
        expiry = self.judged_under.says.expiry
        if self.lies_frozen or self.frozen_at:
            return self.expires_at is None and not expiry.thaw_minutes
        return self.expires_at is None or expiry.fresh_hours is not None

    def follow(self, known: Mapping[str, str] | None = None, /, **times: Any) -> None:
        """Take over times and tissue that follow from its harvest and run, and the end that follows (rule 50).

        ``known``: how much is known of these. An earlier end that somebody set stays. What was made of it follows too:
        ``when_times_change``.
        """
        if all(getattr(self, name) == moment for name, moment in times.items()):
            return
        by_rule = self.expires_at is None or self.expires_at == self.use_before
        new = {name for name, moment in times.items() if getattr(self, name) != moment}
        for name in new:
            setattr(self, name, times[name])
        kept = {name: part for name, part in (self.precision or {}).items() if name not in new}
        self.precision = kept | {name: part for name, part in (known or {}).items() if name in new} or None
        self.keep_to_expiry(anew=by_rule)
        for settle in self.when_times_change:
            settle(self)

    def critical_corrections(self) -> list[Amendment]:
        """Return the corrections of what it is or holds, whether it was frozen, or a longer end (1, 36, 38, 50)."""
        return [one for one in self.amendments if one.corrects(CRITICAL) or lasts_longer(one) or tells_cold(one)]

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.VERIFICATION) -> Signature:
        """Confirm a correction of somebody else; a physician acknowledges what was corrected after the giving."""
        if meaning is Meaning.REVIEW and not (self.given and self.amendments):
            raise RuleBroken("Nothing of this product was corrected after it was given.")
        if meaning is Meaning.REVIEW:
            return super().sign(by=by, at=at, meaning=meaning)
        correction = self.unconfirmed
        if correction is None:
            raise RuleBroken("There is no correction of this product to confirm.")
        if by.is_same_person(correction.amended_by):
            raise RuleBroken("You made this correction. A second person confirms it.", rule=45)
        return super().sign(by=by, at=at, meaning=meaning)

    def fill_keys(self, session: Session | None = None) -> None:
        """Also fill in until when it may be used."""
        super().fill_keys(session)
        if self.expires_at is None:
            self.expires_at = self.end

    @property
    def lies_frozen(self) -> bool:
        """Whether it was frozen and not thawed since."""
        return self.thawed_at is None and self.was_frozen

    @property
    def was_frozen(self) -> bool:
        """Whether it was ever frozen. What contains freezing medium was, with DMSO or without, whoever forgot when."""
        return (
            self.frozen_at is not None
            or bool(self.dmso_percent)
            or (bool(self.cryo_medium) and names_medium(self.cryo_medium))
        )

    def unit_of(self, name: str) -> str:
        """Return the unit of what the amount counts."""
        return DOSE_MEASURES[self.measure].unit if name == "amount" and self.measure else ""

    @property
    def amount_text(self) -> str:
        """Amount with what is counted, to three significant figures: “3.6 × 10⁶ viable cells”."""
        if self.amount is None or self.measure is None:
            return ""
        measure = DOSE_MEASURES[self.measure]
        return f"{wording.figure(self.amount, measure.unit)} {within(measure.label)}"

    @property
    def place_text(self) -> str:
        """Where it is now, as a line begins: its last movement; a start that was voided by mistake says nothing."""
        moves = [one for one in self.movements if one.kind != "not_given" or not self.given]
        return whereabouts((one.kind, one.place) for one in moves)

    @property
    def place(self) -> str:
        """Where it is now, within a sentence; the place itself is spelled as it was written."""
        return self.place_text[:1].lower() + self.place_text[1:]

    @property
    def discarded(self) -> bool:
        """Whether it was thrown away."""
        return any(movement.kind == "discarded" for movement in self.movements)

    @property
    def given(self) -> bool:
        """Whether it was given to a patient."""
        told = [m.kind for m in sorted(self.movements, key=attrgetter("recorded_at")) if m.kind in GIVINGS]
        return told[-1:] == ["given"]

    @property
    def remainder(self) -> bool:
        """Whether a part of it came back after the rest was given; all that is left to do is to discard it."""
        return self.given and any(movement.kind == "remainder" for movement in self.movements)

    def problems(self, *, at: datetime) -> list[str]:
        """Also: a donation number has its shape; an amount says what is counted."""
        found = super().problems(at=at)
        found += contradicts(self.cryo_medium, self.dmso_percent) if self.cryo_medium else []
        if self.din and not DIN.fullmatch(self.din):
            found.append("Donation number: scan it, or type all 13 characters and its check character.")
        if self.din:
            session = object_session(self) or object_session(self.recorded_by)
            found += another_donors(session, self.din, self.donor_id or (self.donor.id if self.donor else None))
        if self.amount is not None and self.measure is None:
            found.append("Enter what the amount counts.")
        if self.uses and self.left < 0:
            found.append(f"Volume: runs already took more than {plain(self.volume)} mL from it.")
        stated = limit_stated(self) if self.origin != "clinic" and "expires_at" in corrected(self) else None
        allowed = limit_of(self) if self.origin == "clinic" else stated
        if allowed is not None and self.expires_at is not None and self.expires_at > allowed.last:
            ends = wording.moment(allowed.last, self.zone, known_of(allowed))
            said = f"Use before cannot be later than the protocol allows: {ends}."
            found.append(Problem(said, "expires_at", rule=50))
        return found

    questions = unusual  # pyright: ignore[reportAssignmentType] - called with the container

    def storage_range(self, at: datetime | None) -> Range | None:
        """Return the protocol's storage range, °C, where it applies at a moment (rule 48).

        A range below 0 °C is for what is frozen, another one for what is fresh. Thawed cells have their own clock.
        """
        allowed = self.judged_under.says.expiry.storage if self.judged_under is not None else None
        if allowed is None or (self.thawed_at is not None and (at is None or at >= self.thawed_at)):
            return None
        frozen = self.was_frozen and (self.frozen_at is None or at is None or at >= self.frozen_at)
        return allowed if frozen == (allowed.high is not None and allowed.high < 0) else None

    def expired(self, at: datetime) -> bool:
        """Whether its time is over at a moment (rule 50); without an end it never expires by itself."""
        return (end := self.end) is not None and at >= end

    def assign(self, treatment: Treatment, *, by: User, at: datetime) -> Movement:
        """Give a banked product to one course; own cells only ever go to their donor (rules 3, 4)."""
        if self.treatment_id is not None:
            raise RuleBroken(
                "This product already belongs to a course. If that is the wrong one, quality or a physician returns it "
                "to the bank on its page."
            )
        if self.relation == "autologous" and not self.donor.is_patient(treatment.patient):
            raise RuleBroken("These are a patient's own cells. They must not be given to anyone else.")
        if treatment.relation != self.relation:
            raise RuleBroken("The course is planned with the other kind of cells (autologous or allogeneic).")
        if self.discarded or self.given or self.left <= 0:
            raise RuleBroken("Nothing of this product is left to assign.")
        self.treatment, self.treatment_id = treatment, treatment.id
        self.keep_to_expiry()
        return self.move(kind="assigned", place=treatment.chain_of_identity, by=by, at=at)

    def correct_giving(self, moment: datetime | None, *, by: User, at: datetime, reason: str) -> None:
        """Move when it was given with the corrected start, or its own giving would count as an earlier one."""
        for move in [move for move in self.movements if move.kind == "given"][-1:]:
            if move.performed_at != moment:
                move.amend(by=by, at=at, reason=reason, performed_at=moment)

    def move(self, *, kind: str, by: User, at: datetime, place: str = "", **facts: Any) -> Movement:
        """Record one movement; what was given or discarded does not move, unless an earlier thaw is known late."""
        facts.setdefault("performed_at", at)
        facts.setdefault("performed_by", by)
        gone = [one.performed_at for one in self.movements if one.kind in {"discarded", "given"} and one.performed_at]
        late = kind == "thawed" and facts["performed_at"] < min(gone, default=at)  # known only afterwards
        if self.discarded and not late:
            raise RuleBroken("This product was discarded.")
        follows = late or kind in {"not_given", "remainder"} or (kind == "discarded" and self.remainder)
        if self.given and not follows:
            raise RuleBroken("This product was given to the patient. A remainder that came back can be discarded.")
        if kind == "thawed":
            limits.refuse_thaw(self, facts["performed_at"])
        refuse_refreezing(self, kind, facts, place)
        if kind not in STAYS_AWAY and away_at(self, facts["performed_at"]):
            said = f"This product left the laboratory: it was {self.place}. Record its return first, with temperature"
            raise RuleBroken(f"{said} and integrity; quality then authorizes a new issue.", rule=60)
        movement = Movement.log(by=by, at=at, product_id=self.id, kind=kind, place=place or None, **facts)
        self.movements.append(movement)
        if kind == "thawed":
            self.follow(thawed_at=movement.performed_at)
        return movement

    def headline(self) -> str:
        volume = f"{plain(self.volume)} mL" if self.volume else ""
        return " · ".join(part for part in (self.name, volume, self.amount_text) if part)


class RunInput(Entry):
    """One product that went into one processing run: the edge of the graph that a run draws."""

    KIND = "RI"
    NOUN = "Input"
    __table_args__ = (UniqueConstraint("run_id", "product_id"),)

    run_id: Mapped[str] = reference("processing_run")
    product_id: Mapped[str] = reference("product")
    volume: Mapped[Decimal | None] = field("Volume taken", unit="mL", possible=Range(0, 3000))

    product: Mapped[Product] = relationship(back_populates="uses")


def bearer(session: Session | None, din: str, division: str | None) -> str | None:
    """Return the id of the product that bears a donation number with a division, None where it is free."""
    if session is None:
        return None
    return session.scalar(select(Product.id).where(Product.din == din, Product.division == division).limit(1))


def another_donors(session: Session | None, din: str, donor_id: str | None) -> list[Problem]:
    """Return that a donation number is already in use for another donor's cells (rule 6); empty: it is not."""
    if session is None or donor_id is None:
        return []
    with session.no_autoflush:
        chosen = select(Product.id).where(Product.din == din, Product.donor_id != donor_id).limit(1)
        known = session.scalar(chosen)
    if known is None:
        return []
    said, check = spell_din(din)
    text = f"Donation number {said} {check} belongs to the cells of another donor ({known}). Read the label again."
    return [Problem(text, "din", rule=6)]


def unused(session: Session | None, din: str, division: str | None) -> None:
    """Refuse a donation number and division that a product bears already: they are never used twice (rule 6)."""
    if (known := bearer(session, din, division)) is not None:
        said, check = spell_din(din)
        raise RuleBroken(
            f"Donation number {said} {check}, division {division} is taken by {known}. It must not be used twice."
        )


def family(seeds: ColumnElement[bool], dialect: str) -> Any:
    """Return a select of the ids of some products and of all that share cells with them, by one recursive query."""
    here, there = aliased(Product), aliased(Product)
    mine, also = aliased(RunInput), aliased(RunInput)
    # each way from one container to a next one: the select of the next ones, and the column of the first
    steps: list[tuple[Any, Any]] = [
        (select(there.id).join(here, there.run_id == here.run_id), here.id),
        (select(there.id).join(here, there.harvest_id == here.harvest_id), here.id),
        (select(also.product_id.label("id")).join(here, here.run_id == also.run_id), here.id),
        (select(there.id).join(mine, mine.run_id == there.run_id), mine.product_id),
        (select(also.product_id.label("id")).join(mine, mine.run_id == also.run_id), mine.product_id),
    ]
    tree = select(Product.id).where(seeds).cte("family", recursive=True)
    if dialect == "sqlite":
        tree = tree.union(*(near.join(tree, tree.c.id == first).where(few(tree.c.id)) for near, first in steps))
    else:  # PostgreSQL takes one recursive term
        near = union_all(*(step.where(first == tree.c.id) for step, first in steps)).lateral("near")
        tree = tree.union(select(near.c.id).select_from(tree.join(near, true())))
    return select(tree.c.id)


@cache
def _family_of(dialect: str) -> Any:
    """Return the condition that finds the families of ``products`` and of the products of ``courses``, by ids."""
    return Product.id.in_(family(or_(among(Product.id, "products"), among(Product.treatment_id, "courses")), dialect))
