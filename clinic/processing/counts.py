"""Counts made during a run: concentration × volume = total, the arithmetic kept (rule 38)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Mapped, relationship

from clinic.errors import Question, Unconfirmed
from clinic.fields import SHARE, Range, field, plain
from clinic.model import reference
from clinic.protocols.catalogues import COUNTS, DOSE_MEASURES, labels
from clinic.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

APART = Decimal("0.05")
"""How far a figure may lie from concentration × volume before it needs a reason (rule 38)."""


class InProcessCount(Record):
    """One count during a run: concentration × volume = total, the arithmetic kept (rule 38)."""

    KIND = "CT"
    NOUN = "Count"
    HAPPENED = "Counted at"
    DONE = "Counted by"
    QUALIFIED = (("performed_by_id", 0),)

    run_id: Mapped[str] = reference("processing_run")
    counted: Mapped[str | None] = field("Counted", choices=labels(COUNTS), required=True)
    stage: Mapped[str | None] = field("Stage", hint="For example: after wash, passage 2")
    concentration: Mapped[Decimal | None] = field(
        "Concentration",
        unit="×10⁶/mL",
        unit_by=("counted", {key: f"{one.unit}/mL" for key, one in COUNTS.items()}),
        hint="Particles: ×10⁹/mL",
        possible=Range(0, 100000),
        expected=Range(0, 2000),
        required=True,
    )
    volume: Mapped[Decimal | None] = field("In a volume of", unit="mL", possible=Range("0.01", 10000), required=True)
    viability: Mapped[Decimal | None] = field("Viability", unit="%", possible=Range(0, 100), expected=SHARE)

    run: Mapped[Any] = relationship("ProcessingRun", back_populates="counts")

    @property
    def total(self) -> Decimal | None:
        """Concentration × volume, ×10⁶ (vesicles: ×10⁹)."""
        return None if self.concentration is None or self.volume is None else self.concentration * self.volume

    @property
    def unit(self) -> str:
        """The unit of the concentration: cells are counted in millions, vesicles in thousand millions."""
        return f"{COUNTS[self.counted or ''].unit}/mL" if self.counted in COUNTS else "×10⁶/mL"

    def unit_of(self, name: str) -> str:
        return self.unit if name == "concentration" else ""

    @property
    def what(self) -> str:
        """What was counted, in words."""
        return COUNTS[self.counted or ""].label if self.counted in COUNTS else "Count"

    @property
    def arithmetic(self) -> str:
        """The sum as it is shown: “1.2 ×10⁶/mL × 30 mL” (rule 38)."""
        return f"{plain(self.concentration)} {self.unit} × {plain(self.volume)} mL"

    @property
    def total_text(self) -> str:
        """The total with its unit, without needless zeros."""
        return "" if self.total is None else f"{plain(self.total.normalize())} {self.unit.removesuffix('/mL')}"

    def headline(self) -> str:
        return f"{self.what} {self.arithmetic} = {self.total_text}"


def expected_amount(last: InProcessCount | None, measure: str, volume: Decimal) -> tuple[Decimal, str] | None:
    """Return what a container should hold by a count, in the measure's unit, and the sum (rule 38)."""
    if last is None or last.concentration is None:
        return None
    unit = DOSE_MEASURES[measure]
    amount = last.concentration * volume * (COUNTS[unit.count].each / unit.each)
    said = f"{plain(last.concentration)} {last.unit} × {plain(volume)} mL = {plain(amount.normalize())} {unit.unit}"
    return amount, said


def refuse_other_amount(
    expected: Callable[[str, Decimal], tuple[Decimal, str] | None], volume: Decimal, facts: dict[str, Any]
) -> None:
    """Raise `Unconfirmed` where an amount lies over 5 % from concentration × volume and has no reason (rule 38)."""
    amount, measure = facts.get("amount"), facts.get("measure")
    if amount is None or measure is None or facts.get("confirmed", {}).get("amount"):
        return
    worked_out = expected(measure, volume)
    if worked_out is None or worked_out[0] == 0:
        return
    if abs(amount - worked_out[0]) / worked_out[0] > APART:
        said = f"{plain(amount)} {DOSE_MEASURES[measure].unit}, but the count says {worked_out[1]}. Is this right?"
        raise Unconfirmed([Question("amount", said, "They differ by more than 5 %.", rule=38)])
