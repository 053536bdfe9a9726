"""A processing run: products → products, with each manipulation, count and person."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, relationship

from clinic.errors import RuleBroken
from clinic.fields import Range, field
from clinic.model import reference
from clinic.products.models import Product, RunInput
from clinic.protocols.catalogues import MANIPULATIONS, labels
from clinic.records import Record
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.accounts.models import User

COUNTS = {
    "tnc": "Total nucleated cells", "viable": "Viable cells", "cd34": "CD34+ cells", "mnc": "Mononuclear cells",
    "particles": "Particles",
}  # fmt: skip


class ProcessingRun(Record):
    """One run of the laboratory. Banked material belongs to no course; a run keeps donors apart (rule 37)."""

    KIND = "RN"
    NOUN = "Processing"
    HAPPENED = "Start"
    DONE = "Processed by"

    treatment_id: Mapped[str | None] = reference("treatment")
    ended_at: Mapped[datetime | None] = field("End", reported=True, section="When and who", order=-7)
    room: Mapped[str | None] = field("Room or cabinet", section="When and who")
    preparation: Mapped[str | None] = field(
        "Preparation method", reported=True, required=True, section="Method", hint="As it should be cited: kit, gradient, medium, passages"
    )
    vehicle: Mapped[str | None] = field("Vehicle", reported=True, section="Method", hint="In what the cells are given")
    cryo_medium: Mapped[str | None] = field("Cryopreservation medium", reported=True, section="Method")
    dmso_percent: Mapped[Decimal | None] = field("DMSO", unit="% v/v", possible=Range(0, 20), section="Method")
    passage: Mapped[int | None] = field("Passage at the end", section="Method")
    thawed_at: Mapped[datetime | None] = field("Thawed at", section="Method")
    waste_volume: Mapped[Decimal | None] = field(
        "Samples and waste", unit="mL", possible=Range(0, 10000), section="Balance"
    )
    notes: Mapped[str | None] = field("Notes", Text, long=True, identifying=True, section="Notes")

    treatment: Mapped[Treatment | None] = relationship()
    inputs: Mapped[list[RunInput]] = relationship(order_by="RunInput.id")
    outputs: Mapped[list[Product]] = relationship(order_by="Product.division", foreign_keys="Product.run_id")
    manipulations: Mapped[list[Manipulation]] = relationship(back_populates="run", order_by="Manipulation.performed_at")
    counts: Mapped[list[InProcessCount]] = relationship(back_populates="run", order_by="InProcessCount.performed_at")

    def faults(self, *, at: datetime) -> list[str]:
        """Also: the run ends after it starts, and not in the future."""
        found = super().faults(at=at)
        if self.performed_at and self.ended_at and self.ended_at < self.performed_at:
            found.append("End lies before the start.")
        if self.ended_at and self.ended_at > at:
            found.append("End lies in the future.")
        return found

    def content(self) -> dict[str, Any]:
        """Cover inputs, manipulations and counts too: they are part of what is signed."""
        parts = {
            "inputs": sorted([i.product_id, str(i.volume)] for i in self.inputs),
            "outputs": sorted(product.id for product in self.outputs),
            "manipulations": sorted((m.content() for m in self.manipulations), key=lambda c: c["id"]),
            "counts": sorted((c.content() for c in self.counts), key=lambda c: c["id"]),
        }
        return super().content() | parts

    @property
    def input_volume(self) -> Decimal:
        """Volume that went in, mL."""
        return sum((i.volume or i.product.volume or Decimal(0) for i in self.inputs), Decimal(0))

    @property
    def output_volume(self) -> Decimal:
        """Volume that came out in containers, mL."""
        return sum((product.volume or Decimal(0) for product in self.outputs), Decimal(0))

    def take(self, product: Product, *, by: User, at: datetime, volume: Decimal | None = None) -> RunInput:
        """Put a product into the run. Different people's own cells are never pooled (rule 37)."""
        if product.discarded:
            raise RuleBroken("A discarded product cannot be processed.")
        own = {i.product.donor_id for i in self.inputs} | {product.donor_id}
        if len(own) > 1 and "autologous" in {product.relation, *(i.product.relation for i in self.inputs)}:
            raise RuleBroken("Different patients' own cells are never pooled.")
        if volume is not None and product.volume is not None and volume > product.volume:
            raise RuleBroken(f"The container holds {product.volume} mL: {volume} mL cannot be taken from it.")
        taken = RunInput.log(by=by, at=at, run_id=self.id, product_id=product.id, product=product, volume=volume)
        self.inputs.append(taken)
        return taken

    def make(self, *, by: User, at: datetime, volume: Decimal, division: str = "", **facts: Any) -> Product:
        """Make one product of what went in. It keeps the donor, and the donation number unless it is a pool."""
        if not self.inputs:
            raise RuleBroken("Say first what went in: a product comes from products.")
        parents = [i.product for i in self.inputs]
        donors = {parent.donor_id: parent.donor for parent in parents}
        if len(donors) > 1 and "donor" not in facts:
            raise RuleBroken("A pool of several donors needs its own donor entry.")
        parent = parents[0]
        dins = {p.din for p in parents}
        facts.setdefault("donor", parent.donor)
        product = Product.log(
            by=by, at=at, site_id=self.site_id, run_id=self.id, treatment_id=self.treatment_id,
            donor_id=facts["donor"].id, origin=self.origin, source=parent.source, relation=parent.relation,
            din=facts.pop("din", dins.pop() if len(dins) == 1 else None),
            division=division or f"{parent.division or ''}{len(self.outputs) + 1}", volume=volume,
            collected_at=min((p.collected_at for p in parents if p.collected_at), default=None),
            performed_at=self.ended_at or at, performed_by=self.performed_by,
            preparation=self.preparation, vehicle=self.vehicle, cryo_medium=self.cryo_medium,
            dmso_percent=self.dmso_percent, thawed_at=self.thawed_at, **facts,
        )  # fmt: skip
        self.outputs.append(product)
        return product

    def headline(self) -> str:
        return self.preparation or "Processing"


class Manipulation(Record):
    """One thing done in a run: what, from when to when, with what, by whom."""

    KIND = "MN"
    NOUN = "Manipulation"
    HAPPENED = "Start"

    run_id: Mapped[str] = reference("processing_run")
    kind: Mapped[str | None] = field("Manipulation", choices=labels(MANIPULATIONS), required=True)
    ended_at: Mapped[datetime | None] = field("End", order=-7)
    reagent: Mapped[str | None] = field("Reagent or kit")
    lot: Mapped[str | None] = field("Lot")
    lot_expires_on: Mapped[date | None] = field("Lot expires on")
    equipment: Mapped[str | None] = field("Equipment")
    detail: Mapped[str | None] = field("Detail", hint="Speed, time, temperature, cooling rate, cell density")

    run: Mapped[ProcessingRun] = relationship(back_populates="manipulations")

    def faults(self, *, at: datetime) -> list[str]:
        """Also rule 35: no expired lot; and the end comes after the start."""
        found = super().faults(at=at)
        if self.performed_at and self.ended_at and self.ended_at < self.performed_at:
            found.append("End lies before the start.")
        if self.lot_expires_on and self.performed_at and self.lot_expires_on < self.performed_at.date():
            found.append(f"Lot {self.lot or ''} expired on {self.lot_expires_on:%d %b %Y}: it cannot be used.")
        return found

    def headline(self) -> str:
        return MANIPULATIONS[self.kind].label if self.kind in MANIPULATIONS else "Manipulation"


class InProcessCount(Record):
    """One count during a run: concentration × volume = total, the arithmetic kept (rule 38)."""

    KIND = "CT"
    NOUN = "Count"
    HAPPENED = "Counted at"
    DONE = "Counted by"

    run_id: Mapped[str] = reference("processing_run")
    counted: Mapped[str | None] = field("Counted", choices=COUNTS, required=True)
    stage: Mapped[str | None] = field("Stage", hint="For example: after wash, passage 2")
    concentration: Mapped[Decimal | None] = field("Concentration", unit="×10⁶/mL", possible=Range(0, 100000), required=True)
    volume: Mapped[Decimal | None] = field("In a volume of", unit="mL", possible=Range("0.01", 10000), required=True)
    viability: Mapped[Decimal | None] = field("Viability", unit="%", possible=Range(0, 100))

    run: Mapped[ProcessingRun] = relationship(back_populates="counts")

    @property
    def total(self) -> Decimal | None:
        """Concentration × volume, ×10⁶."""
        return None if self.concentration is None or self.volume is None else self.concentration * self.volume

    def headline(self) -> str:
        return f"{COUNTS.get(self.counted or '', 'Count')} {self.concentration} ×10⁶/mL × {self.volume} mL = {self.total} ×10⁶"
