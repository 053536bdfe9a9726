"""A processing run: products → products, with each manipulation, count and person."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, object_session, relationship

from clinic.access import Role
from clinic.clock import window_in
from clinic.errors import Problem, RuleBroken
from clinic.fields import Range, Share, field, fields_of, plain
from clinic.model import reference
from clinic.paging import natural_order
from clinic.patients.donors import Donor
from clinic.processing.closing import balance_of, refuse_end, refuse_signature, steps_left
from clinic.processing.cold import Cold, cold_after, known_of, medium_after, own_medium, thawed_since, times_of
from clinic.processing.corrections import critical
from clinic.processing.counts import InProcessCount, expected_amount, refuse_other_amount
from clinic.processing.inputs import refuse_input
from clinic.processing.manipulations import Manipulation
from clinic.products.limits import first_end
from clinic.products.media import contradicts
from clinic.products.models import Product, RunInput, bearer, unused
from clinic.products.what_cells import pooled, refuse_other_type
from clinic.protocols.catalogues import DOSE_MEASURES
from clinic.protocols.models import ProtocolVersion
from clinic.record_content import unflushed
from clinic.records import Entry, Meaning, Record
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinic.accounts.models import User
    from clinic.records import Amendment, Signature


class ProcessingRun(Record):
    """One run of the laboratory. Banked material belongs to no course; a run keeps donors apart (rule 37)."""

    KIND = "RN"
    NOUN = "Processing"
    HAPPENED = "Start"
    DONE = "Processed by"
    needs_permission = True
    QUALIFIED = (("performed_by_id", 0),)
    READ_WITH = ("manipulations", "counts")

    treatment_id: Mapped[str | None] = reference("treatment")
    protocol_version_id: Mapped[str | None] = reference("protocol_version")
    ended_at: Mapped[datetime | None] = field(
        "End", reported=True, section="When and who", order=-7, starts="now", not_before=("performed_at",)
    )
    room: Mapped[str | None] = field("Room or cabinet", section="When and who")
    preparation: Mapped[str | None] = field(
        "Preparation method",
        reported=True,
        required=True,
        section="Method",
        hint="As it should be cited: kit, gradient, medium, passages",
    )
    vehicle: Mapped[str | None] = field(
        "Vehicle", reported=True, section="Method", hint="Solution in which the cells are given"
    )
    cryo_medium: Mapped[str | None] = field("Cryopreservation medium", reported=True, section="Method")
    dmso_percent: Mapped[Decimal | None] = field(
        "DMSO", unit="% v/v", possible=Range(0, 20), expected=Share(0, 20), section="Method"
    )
    passage: Mapped[int | None] = field("Passage at the end", section="Method")
    thawed_at: Mapped[datetime | None] = field("Thawed at", section="Method")
    added_volume: Mapped[Decimal | None] = field(
        "Volume added",
        unit="mL",
        possible=Range(0, 100000),
        conditional=True,
        section="Balance",
        hint="Medium, wash, vehicle, freezing medium",
    )
    waste_volume: Mapped[Decimal | None] = field(
        "Samples and waste", unit="mL", possible=Range(0, 110000), section="Balance"
    )
    loss_reason: Mapped[str | None] = field(
        "Reason for a loss of more than 10 %",
        conditional=True,
        section="Balance",
        hint="Only if more than 10 % is lost",
    )
    notes: Mapped[str | None] = field("Notes", Text, long=True, identifying=True, section="Notes")

    treatment: Mapped[Treatment | None] = relationship()
    protocol_version: Mapped[ProtocolVersion | None] = relationship()
    inputs: Mapped[list[RunInput]] = relationship(order_by="RunInput.id")
    outputs: Mapped[list[Product]] = relationship(
        order_by=lambda: (*natural_order(Product.division), Product.id), foreign_keys="Product.run_id"
    )
    manipulations: Mapped[list[Manipulation]] = relationship(back_populates="run", order_by="Manipulation.performed_at")
    counts: Mapped[list[InProcessCount]] = relationship(back_populates="run", order_by="InProcessCount.performed_at")

    def problems(self, *, at: datetime) -> list[str]:
        """Also: the volumes come out, and the DMSO is that of the medium (rules 36, 53)."""
        found = super().problems(at=at) + contradicts(self.cryo_medium, self.dmso_percent)
        if self.origin == "clinic" and self.inputs and self.loss < 0:
            said = f"More came out than went in: {self.balance}. Record what was added."
            found.append(Problem(said, "added_volume", rule=36))
        return found

    @property
    def not_applicable(self) -> frozenset[str]:
        """What is not frozen has no freezing medium."""
        return frozenset() if self.frozen_at else frozenset({"cryo_medium"})

    @property
    def follows(self) -> ProtocolVersion | None:
        """The protocol version that it follows: its course's, or the one that banked cells are made under."""
        return self.protocol_version if self.treatment is None else self.treatment.protocol_version

    def content(self) -> dict[str, Any]:
        """Cover inputs, manipulations and counts too: they are part of what is signed."""
        parts = {
            "inputs": sorted([i.product_id, str(i.volume)] for i in self.inputs),
            "outputs": sorted(product.id for product in self.outputs),
            "manipulations": sorted((m.content() for m in self.manipulations), key=lambda c: c["id"]),
            "counts": sorted((c.content() for c in self.counts), key=lambda c: c["id"]),
        }
        return super().content() | parts

    def covered(self) -> tuple[Entry, ...]:
        """Also the rows of what is part of it."""
        return (self, *self.inputs, *self.outputs, *self.manipulations, *self.counts)

    @property
    def input_volume(self) -> Decimal:
        """Volume that went in, mL."""
        return sum((i.volume or i.product.volume or Decimal(0) for i in self.inputs), Decimal(0))

    @property
    def output_volume(self) -> Decimal:
        """Volume that came out in containers, mL."""
        return sum((product.volume or Decimal(0) for product in self.outputs), Decimal(0))

    @property
    def loss(self) -> Decimal:
        """Volume that went in or was added and is in no container, sample or waste, mL; negative: more came out."""
        out = self.output_volume + (self.waste_volume or Decimal(0))
        return self.input_volume + (self.added_volume or Decimal(0)) - out

    @property
    def loss_share(self) -> Decimal:
        """The loss as a share of all that went in, 0 to 1."""
        whole = self.input_volume + (self.added_volume or Decimal(0))
        return self.loss / whole if whole else Decimal(0)

    @property
    def balance(self) -> str:
        """The sum in words: “60 mL in + 10 mL added − 40 mL in containers − 25 mL samples and waste = 5 mL lost”."""
        return balance_of(self)

    @property
    def collected_at(self) -> datetime | None:
        """When the first of what went in was collected; None where the end of one collection is not recorded."""
        return first_end(one.product.collected_at for one in self.inputs)

    @property
    def cold(self) -> Cold:
        """When its cells were frozen and thawed, by what went in and by what was done in it, in the order of time."""
        return cold_after(self)

    @property
    def frozen_at(self) -> datetime | None:
        """When its cells were frozen, here or before; None where they lie frozen no more."""
        return self.cold.frozen_at if self.cold.thawed_at is None else None

    def take(self, product: Product, *, by: User, at: datetime, volume: Decimal | None = None) -> RunInput:
        """Put a product, or a part of it, into the run. Different people's own cells are never pooled (rule 37).

        What all runs take from one container is never more than it holds (rule 36, hazard H16).
        """
        self._open()
        wanted = product.left if volume is None else volume
        refuse_input(self, product, wanted, at)
        taken = RunInput.log(
            by=by, at=at, site_id=self.site_id, run_id=self.id, product_id=product.id, product=product, volume=wanted
        )
        self.inputs.append(taken)
        self.settle()
        return taken

    def make(self, *, by: User, at: datetime, volume: Decimal, division: str = "", **facts: Any) -> Product:
        """Make one product of what went in. It keeps the donor, and the donation number unless it is a pool (rule 37).

        All containers, samples and waste together hold no more than what went in and was added (rule 36). An amount
        that lies more than 5 % from concentration × volume needs ``confirmed={"amount": reason}`` (rule 38).
        """
        self._open()
        if not self.inputs:
            raise RuleBroken("Record the inputs first.")
        if volume > self.loss:
            raise RuleBroken(
                f"{plain(volume)} mL cannot be added: {self.balance} are left. Record what was added.", rule=36
            )
        refuse_other_type(self.follows.says if self.follows else None, facts.get("cell_type"))
        parents = [i.product for i in self.inputs]
        donor: Donor = facts.pop("donor", None) or parents[0].donor  # each donor of a pool is judged (rule 37)
        dins = {p.din for p in parents}
        din = facts.pop("din", None) or (dins.pop() if len(dins) == 1 else None)
        division = division or self._next_division(parents)
        if any(product.division == division for product in self.outputs):
            said = f"Division {division} is already used in this run. Each container has its own division."
            raise RuleBroken(said, rule=37)
        if din:
            unused(object_session(self), din, division)
        refuse_other_amount(self.expected_amount, volume, facts)
        cold = self.cold
        facts.setdefault("thawed_at", cold.thawed_at)
        product = Product.log(
            by=by,
            at=at,
            site_id=self.site_id,
            run_id=self.id,
            treatment=self.treatment,
            treatment_id=self.treatment_id,
            protocol_version=self.follows,
            donor=donor,
            origin=self.origin,
            source=pooled(p.source for p in parents),
            relation=parents[0].relation,
            din=din,
            division=division,
            volume=volume,
            collected_at=self.collected_at,
            performed_at=self.ended_at or at,
            performed_by=self.performed_by,
            preparation=self.preparation,
            vehicle=self.vehicle,
            frozen_at=cold.frozen_at,
            precision=known_of(self, cold._asdict() | {"collected_at": self.collected_at}) or None,
            **medium_after(self, parents),
            **facts,
        )
        self.outputs.append(product)
        product.keep_to_expiry()
        return product

    def enter(self, part: Manipulation | InProcessCount) -> None:
        """Write a manipulation or a count into the run; a signed run does not change any more."""
        self._open()
        part.run_id = self.id
        if isinstance(part, Manipulation):
            self.manipulations.append(part)
            part.check(at=part.recorded_at)
            self.settle()
        else:
            self.counts.append(part)

    def settle(self) -> None:
        """Let its containers, and what was made of them, follow what was recorded or corrected later (rules 50, 54)."""
        sources = {i.product.source for i in self.inputs}
        for one in self.inputs:
            one.product.follow(thawed_at=thawed_since(one.product, self))
        for product in self.outputs:
            source = product.source if product.source in sources else pooled(sources)
            times = times_of(self, product)
            product.follow(known_of(self, times), source=source, **times, **own_medium(self, product))

    def finish(self, *, at: datetime, **facts: Any) -> None:
        """Fill in what is known only at the end: end, volumes added and wasted; what stands there is amended.

        `Unconfirmed` for steps of the protocol that are not recorded; ``confirmed`` has the reason at ``ended_at``.
        """
        self._open()
        self.confirmed = {**self.confirmed, **(facts.pop("confirmed", None) or {})}
        for name, value in facts.items():
            if value is None:
                continue
            if getattr(self, name) not in (None, value):
                label = fields_of(type(self))[name].label
                raise RuleBroken(f"{label} is already recorded. Correct it with an amendment.")
            setattr(self, name, value)
        self.settle()
        problems = self.problems(at=at)
        if problems:
            raise RuleBroken(*problems)
        if self.ended_at is not None:
            refuse_end(self, self.steps_left)

    @property
    def steps_left(self) -> list[str]:
        """The steps of its protocol that are recorded neither here nor in the runs that made what went in."""
        session = object_session(self)
        return steps_left(self, lambda run_id: session.get(ProcessingRun, run_id) if session and run_id else None)

    def _open(self) -> None:
        if self.signed:
            raise RuleBroken("The run is signed. Its inputs and outputs can no longer change.")

    def _next_division(self, parents: list[Product]) -> str:
        """Return the first of A1, A2, … that no container of the same parents bears."""
        stem = (parents[0].division or "") if len(parents) == 1 else "P"
        din = parents[0].din if len({p.din for p in parents}) == 1 else None
        taken = {product.division for product in self.outputs}
        return next(
            division
            for division in (f"{stem}{number}" for number in count(1))
            if division not in taken and (not din or bearer(object_session(self), din, division) is None)
        )

    def counted(self, measure: str) -> InProcessCount | None:
        """Return the last count of what a dose measure counts."""
        kind = DOSE_MEASURES[measure].count
        return next((one for one in reversed(self.counts) if one.counted == kind), None)

    def expected_amount(self, measure: str, volume: Decimal) -> tuple[Decimal, str] | None:
        """Return what a container should hold by the last count, in the measure's unit, and the sum (rule 38)."""
        return expected_amount(self.counted(measure), measure, volume)

    def amend(
        self, facts: Mapping[str, Any] | None = None, /, *, by: User, at: datetime, reason: str, **changes: Any
    ) -> Amendment:
        """Correct facts; what follows from them in its containers follows."""
        amendment = super().amend(facts, by=by, at=at, reason=reason, **changes)
        self.settle()
        return amendment

    def critical_corrections(self) -> list[Amendment]:
        """Return the corrections of a signed run's volumes, times of cold or counts (rules 36, 38, 50)."""
        return critical(self)

    @property
    def verifiers(self) -> tuple[Role, ...]:
        """Roles whose second signature the protocol asks for; empty: none."""
        said = self.follows.says.verifies.get("processing", ()) if self.follows else ()
        return tuple(Role(role) for role in said)

    @property
    def wants_verification(self) -> bool:
        """Whether a second person must verify it (domain b: second-person check of calculations and labels)."""
        return bool(self.verifiers)

    @property
    def verified(self) -> bool:
        """Whether a second person has checked the present content."""
        return any(signature.meaning == Meaning.VERIFICATION for signature in self.present_signatures)

    @property
    def hands(self) -> set[str]:
        """The ids of everybody who worked in it, wrote it down or signed as its author."""
        parts = (self, *self.manipulations, *self.counts)
        people = {person for one in parts for person in (one.performed_by_id, one.recorded_by_id)}
        people |= {s.signed_by_id for s in self.signatures if s.meaning == Meaning.AUTHORSHIP}
        return {person for person in people if person}

    def meaning_for(self, by: User) -> Meaning:  # noqa: ARG002 - whoever signs second, verifies
        """Return what the next signature says: the author's first, then the second person's."""
        return Meaning.VERIFICATION if self.signed else Meaning.AUTHORSHIP

    def sign(self, *, by: User, at: datetime, meaning: Meaning | None = None) -> Signature:
        """Sign as author, then as the second person, who had no hand in it (hazard H25)."""
        refuse_signature(self, [] if self.signed else self.steps_left)
        if meaning is None or meaning is Meaning.AUTHORSHIP:
            meaning = self.meaning_for(by)
        if meaning is Meaning.VERIFICATION:
            if by.is_among(self.hands):
                raise RuleBroken("The second person must not have taken part in the processing.")
            if self.verifiers and by.role not in self.verifiers:
                allowed = " or ".join(role.label for role in self.verifiers)
                raise RuleBroken(f"Under this protocol the processing is verified by {allowed}.")
        elif by.role is not Role.TECHNOLOGIST:
            raise RuleBroken("The technologist responsible for the processing signs first.")
        return super().sign(by=by, at=at, meaning=meaning)

    def headline(self) -> str:
        return self.preparation or "Processing"


def settle_uses(product: Product) -> None:
    """Let the runs that a product went into, and what they made, follow a change of its times."""
    session = object_session(product)
    for use in product.uses:
        run = session.get(ProcessingRun, use.run_id) if session is not None else None
        if run is not None:
            run.settle()


def aged_from(product: Product) -> Any:
    """Return the window in which the first of what went into the run of a product counts, or the run's start."""
    session = object_session(product)
    with unflushed(product):
        run = session.get(ProcessingRun, product.run_id) if session is not None and product.run_id else None
        inputs = [one.product for one in run.inputs] if run is not None else []
        since = [window_in(one, "collected_at") or one.aged_from for one in inputs]
    return min(filter(None, since), default=window_in(run, "performed_at") if run else None)


Product.when_times_change.append(settle_uses)
Product.begun_by.append(aged_from)
