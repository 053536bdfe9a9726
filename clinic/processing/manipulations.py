"""One thing done in a run: what, from when to when, with what lot and equipment, by whom (rule 35)."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Mapped, relationship

from clinic.errors import Problem, Question
from clinic.fields import field
from clinic.model import reference
from clinic.processing.cold import frozen_late, not_thawed
from clinic.protocols.catalogues import MANIPULATIONS, labels
from clinic.records import Record
from clinic.wording import day

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinic.accounts.models import User
    from clinic.records import Amendment


class Manipulation(Record):
    """One thing done in a run: what, from when to when, with what, by whom."""

    KIND = "MN"
    NOUN = "Manipulation"
    HAPPENED = "Start"
    QUALIFIED = (("performed_by_id", 0),)

    run_id: Mapped[str] = reference("processing_run")
    kind: Mapped[str | None] = field("Manipulation", choices=labels(MANIPULATIONS), required=True)
    ended_at: Mapped[datetime | None] = field("End", order=-7, not_before=("performed_at",))
    reagent: Mapped[str | None] = field("Reagent or kit")
    lot: Mapped[str | None] = field("Lot")
    lot_expires_on: Mapped[date | None] = field("Lot expires on", past=False, conditional=True, asked_if=("lot", "*"))
    equipment: Mapped[str | None] = field("Equipment")
    detail: Mapped[str | None] = field("Detail", hint="Speed, time, temperature, cooling rate, cell density")

    run: Mapped[Any] = relationship("ProcessingRun", back_populates="manipulations")

    def problems(self, *, at: datetime) -> list[str]:
        """Also rules 35 and 54: no expired lot, and nothing is done to frozen cells before their thaw."""
        found = super().problems(at=at)
        steps = self.run.manipulations if self.run is not None and self.origin == "clinic" else []
        told = [sentence for step in steps for sentence in (not_thawed(self.run, step), frozen_late(self.run, step))]
        said = dict.fromkeys(sentence for sentence in told if sentence)
        found += [Problem(sentence, "performed_at", rule=54) for sentence in said]
        if self.lot and self.lot_expires_on is None and self.origin == "clinic":
            found.append(Problem("Lot expires on: required with a lot", "lot_expires_on", rule=35))
        if self.lot_expires_on and self.performed_at and self.lot_expires_on < self.local_day(self.performed_at):
            said = f"Lot {self.lot or ''} expired on {day(self.lot_expires_on)}: it cannot be used."
            found.append(Problem(said, "lot_expires_on", rule=35))
        return found

    def questions(self) -> list[Question]:
        """Also: a thaw of cells that nobody recorded as frozen; it shortens their life and keeps results (rule 54)."""
        if self.kind != "thaw" or self.origin != "clinic" or self.run is None:
            return []
        froze = any(one.kind == "cryopreserve" for one in self.run.manipulations)
        if froze or not self.run.inputs or any(use.product.was_frozen for use in self.run.inputs):
            return []
        said = "Nothing says that the cells of this run were ever frozen. Were they thawed?"
        return [Question("kind", said, "Record the freezing first, or say what is known of it.", rule=54)]

    def amend(
        self, facts: Mapping[str, Any] | None = None, /, *, by: User, at: datetime, reason: str, **changes: Any
    ) -> Amendment:
        """Correct facts; the containers of the run follow a freezing or a thaw (rule 50)."""
        amendment = super().amend(facts, by=by, at=at, reason=reason, **changes)
        self.run.settle()
        return amendment

    def headline(self) -> str:
        return MANIPULATIONS[self.kind or ""].label if self.kind in MANIPULATIONS else "Manipulation"
