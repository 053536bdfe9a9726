"""The laboratory's forms: a run, what goes in, what is done and counted, what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from clinic.extensions import db
from clinic.fields import Range, plain
from clinic.form_fields import (
    DateTimeField,
    DecimalField,
    IntegerField,
    MultiSelectField,
    SelectField,
    StringField,
    YesNoField,
)
from clinic.forms import RecordForm, form_for
from clinic.processing.counts import InProcessCount
from clinic.processing.models import Manipulation, ProcessingRun
from clinic.processing.receiving import BOXES, awaits_receipt
from clinic.products.models import CONTAINERS, Product
from clinic.protocols.catalogues import CELL_TYPES, DOSE_MEASURES, MANIPULATIONS, class_name, within
from clinic.protocols.models import ProtocolVersion, Stage

if TYPE_CHECKING:
    from clinic.protocols.content import Content

MOST_AT_ONCE = 60


def _named(product: Product) -> tuple[str, str]:
    return product.id, f"{product.name} {product.division or ''} · {plain(product.left)} mL left · {product.id}"


INPUTS = ("protocol_version_id", "inputs", *BOXES)
"""What a run begins with: the containers in hand."""


def _asked(says: Content | None, *, frozen: bool) -> dict[str, bool]:
    """Return for each fact that some runs do not have whether this one may have it; ``frozen``: what can go in is.

    Which protocol a run for the bank follows is chosen with the rest, so it may freeze and grow cells.
    """
    steps = [MANIPULATIONS[key] for key in says.manipulations] if says else list(MANIPULATIONS.values())
    freezes = any(step.key == "cryopreserve" for step in steps)
    return {
        "cryo_medium": freezes, "dmso_percent": freezes, "passage": any(step.culture for step in steps),
        "thawed_at": frozen, "added_volume": False,
    }  # fmt: skip


NOT_OFFERED = (
    "this container cannot go into this run, so that different patients' cells are never put together. A run takes "
    "what belongs to its course, or to the bank, has cells left and is in date. Choose from the list, or assign the "
    "container to the course first"
)
"""Why a container is not offered, and what to do (rules 4, 37)."""


class RunForm(form_for(ProcessingRun, without=("ended_at", "waste_volume", "loss_reason"))):
    """A run as it begins: out of which containers, how, with what. What was added is asked with the balance."""

    protocol_version_id = SelectField(
        "Protocol",
        required=True,
        section="Inputs",
        hint="The protocol under which these cells are made and judged",
    )
    inputs = MultiSelectField(
        "Products", many=True, required=True, section="Inputs", hint="The whole remaining volume of each", rule=37,
        unoffered=NOT_OFFERED,
    )  # fmt: skip
    received_intact = YesNoField(
        "Containers intact, labels correct", section="Inputs", conditional=True,
        hint="For what has no receipt yet: it is recorded with the start of the run",
    )  # fmt: skip
    received_temperature = DecimalField(
        "Temperature at receipt", unit="°C", possible=Range(-200, 60), section="Inputs", conditional=True
    )

    def plan(
        self, says: Content | None, available: list[Product], versions: list[tuple[str, str]], *, over: bool = False
    ) -> None:
        """Fill in what the protocol says; offer the containers that hold something.

        ``over``: the run is copied from paper after it ended, so that every fact is asked.
        """
        here = [product for product in available if product.left > 0]
        self.offer("inputs", [_named(product) for product in here])
        if len(here) == 1:
            self.prefill("inputs", [here[0].id], "the only one")
        ask_receipt(self, available)
        self._fields = {name: self._fields[name] for name in INPUTS if name in self._fields} | self._fields
        frozen = any(product.lies_frozen for product in here)
        for name, applies in _asked(says, frozen=frozen).items() if not over else ():
            sent = self._fields[name]
            if not applies and sent.data is None and not sent.text:  # what was sent all the same is read and checked
                del self[name]
        if says is None:
            self.offer("protocol_version_id", versions)
            return
        del self.protocol_version_id
        self.prefill("preparation", says.preparation, "from the protocol")
        self.prefill("vehicle", says.vehicle or None, "from the protocol")

    def leave_out(self, expired: list[str]) -> None:
        """Say under the containers which are not offered, and why."""
        box = self._fields["inputs"]
        box.hint = " ".join([f"{box.hint}.", "Not offered:", *expired]) if expired else box.hint


def banked_versions() -> list[tuple[str, str]]:
    """Return the published versions under which cells may be banked: those for a donor's cells."""
    rows = db.session.scalars(
        select(ProtocolVersion).where(ProtocolVersion.published_at.is_not(None), ProtocolVersion.retired_at.is_(None))
    )
    return [
        (v.id, f"{v.name}: {v.title}") for v in rows if v.stage is Stage.PUBLISHED and "allogeneic" in v.says.relations
    ]


class InputForm(RecordForm):
    """One more container, or a part of it."""

    product_id = SelectField("Product", required=True, rule=37, unoffered=NOT_OFFERED)
    volume = DecimalField(
        "Volume taken", unit="mL", possible=Range("0.01", 3000), hint="Leave blank for the whole remaining volume"
    )
    received_intact = YesNoField("Container intact, label correct", conditional=True, hint="If it has no receipt yet")
    received_temperature = DecimalField("Temperature at receipt", unit="°C", possible=Range(-200, 60), conditional=True)

    def plan(self, available: list[Product]) -> None:
        """Offer the containers that hold something."""
        self.offer("product_id", [_named(product) for product in available])
        ask_receipt(self, available)


def ask_receipt(form: RecordForm, available: list[Product]) -> None:
    """Ask about the receipt only where something that can be taken has none (rule 34)."""
    if not any(awaits_receipt(product) for product in available):
        for name in BOXES:
            del form[name]


class ManipulationForm(form_for(Manipulation)):
    """One thing done: the protocol's own steps come first."""

    def plan(self, says: Content | None, left: list[str]) -> None:
        """Offer what the protocol asks for before the rest, and begin with the first step that is not recorded."""
        asked = says.manipulations if says else ()
        keys = [*asked, *(key for key in MANIPULATIONS if key not in asked)]
        self.offer("kind", [(key, MANIPULATIONS[key].label) for key in keys])
        if left:
            self.prefill("kind", left[0], "next in the protocol")


CountForm = form_for(InProcessCount)


class FinishForm(form_for(ProcessingRun, only=("ended_at", "added_volume", "waste_volume", "loss_reason"))):
    """The end of a run and its balance."""

    def plan(self, run: ProcessingRun) -> None:
        """Fill in what is recorded already."""
        for field in self.visible_fields:
            self.prefill(field.short_name, getattr(run, field.short_name))


def has_no_end(run: ProcessingRun) -> bool:
    """Whether the protocol of a run sets no end for what comes out of it as it is now, so that somebody has to."""
    if run.follows is None:
        return False
    expiry, cold = run.follows.says.expiry, run.cold
    if cold.frozen_at is not None or cold.thawed_at is not None:
        return expiry.thaw_minutes is None and (expiry.frozen_days is None or cold.frozen_at is None)
    return expiry.fresh_hours is None


class OutputForm(RecordForm):
    """One container that came out, or several alike."""

    name = StringField("Product", required=True, hint="Proper name", section="Product")
    cell_type = SelectField(
        "Cell type", choices={key: kind.label for key, kind in CELL_TYPES.items()}, required=True, section="Product"
    )
    container = SelectField("Container", choices=CONTAINERS, required=True, section="Product")
    division = StringField("Division", hint="Leave blank for the next free one", section="Product")
    alike = IntegerField(
        "Number of identical containers", required=True, possible=Range(1, MOST_AT_ONCE), section="Amount"
    )
    volume = DecimalField("Volume of each", unit="mL", possible=Range("0.01", 3000), required=True, section="Amount")
    measure = SelectField("Counted as", choices={key: m.label for key, m in DOSE_MEASURES.items()}, section="Amount")
    amount = DecimalField(
        "Amount in each", possible=Range(0), section="Amount", hint="In the unit of the count",
        unit_by=("measure", {key: m.unit for key, m in DOSE_MEASURES.items()}),
    )  # fmt: skip
    place = StringField("Stored at", section="Where", hint="Tank, shelf, box, position")
    temperature = DecimalField(
        "Storage temperature", unit="°C", possible=Range(-200, 60), section="Where", conditional=True
    )

    expires_at = DateTimeField(
        "Use before",
        past=False,
        section="Product",
        rule=50,
        hint="The protocol sets no end: without one nothing is released. Leave blank what is frozen later",
    )

    def plan(self, run: ProcessingRun) -> None:
        """Fill in the proper name, what is counted, and what the balance leaves; ask for the end that nothing sets."""
        says = run.follows.says if run.follows else None
        if not has_no_end(run):
            del self.expires_at
        source = run.inputs[0].product.source if run.inputs else None
        self.prefill("alike", 1, "prefilled: one")
        if says is None:
            return
        self.prefill("cell_type", says.cell_type, "from the protocol")
        self.prefill("measure", says.dose.measure, "from the protocol")
        self.prefill(
            "name", class_name(says.cell_type, source or "") or CELL_TYPES[says.cell_type].label, "from the protocol"
        )
        unit = DOSE_MEASURES[says.dose.measure].unit
        last = run.counted(says.dose.measure)
        counted = f" The last count: {last.arithmetic} = {last.total_text}." if last is not None else ""
        self._fields["amount"].unit = unit
        self._fields["amount"].hint = f"{unit} for {within(DOSE_MEASURES[says.dose.measure].label)}.{counted}"
        self._fields["volume"].hint = f"{plain(run.loss)} mL are not in a container yet"
