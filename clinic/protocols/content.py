"""What a protocol version says: values only, never a condition (house rule: protocols are data, not programs).

Kept as JSON in `ProtocolVersion.content`; every key names an entry of a catalogue in `catalogues.py`.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from clinic.fields import Range


class Relation(StrEnum):
    """Whose cells the patient gets."""

    AUTOLOGOUS = "autologous"
    ALLOGENEIC = "allogeneic"

    @property
    def label(self) -> str:
        """Words for the page."""
        return {"autologous": "The patient's own (autologous)", "allogeneic": "A donor's (allogeneic)"}[self.value]


class RegulatoryPath(StrEnum):
    """Under which rules the product is made and given (21 CFR 1271.10, .15; R17)."""

    HCTP_361 = "361"
    BIOLOGIC_351 = "351"
    SAME_PROCEDURE = "same_procedure"
    MEDICAL_PRACTICE = "medical_practice"

    @property
    def label(self) -> str:
        """Words for the page."""
        return {
            "361": "361 HCT/P (minimally manipulated, homologous use)",
            "351": "351 biologic (trial or licence)",
            "same_procedure": "Same surgical procedure",
            "medical_practice": "Medical practice under national law",
        }[self.value]


class Part(BaseModel):
    """Base of the parts of a protocol: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Exact = Annotated[Decimal, PlainSerializer(lambda value: format(value, "f"), return_type=str, when_used="json")]


class QCSpec(Part):
    """One test that a product must pass, and the limit that judges it, with its source.

    ``test`` is a key of ``QC_TESTS``. A measured test has ``limit`` (in the test's unit), a test with an outcome
    has ``accepted`` (a key of that test's outcomes). ``may_be_pending``: a conditional release may go ahead of
    the result (rule 44). ``mandatory`` False: recorded, not judged. ``readers``: how many different people read it.
    """

    test: str
    limit: Range | None = None
    accepted: str | None = None
    mandatory: bool = True
    may_be_pending: bool = False
    readers: int = 1
    source: str


class DoseWindow(Part):
    """The dose of one administration. ``measure`` is a key of ``DOSE_MEASURES``; per kg of body weight or in all."""

    measure: str
    per_kg: bool
    window: Range
    usual: Exact
    doses: int = 1
    days_between: int | None = None
    weight_valid_days: int = 30
    source: str


class Expiry(Part):
    """How long the product may be used. Judged from the end of collection, the thaw, the freezing."""

    fresh_hours: int | None = None
    thaw_minutes: int | None = None
    frozen_days: int | None = None
    storage: Range | None = None
    source: str


class VisitPlan(Part):
    """One follow-up visit: its day after administration (0 is the day itself), its window in days, its instruments."""

    name: str
    day: int
    before: int
    after: int
    contact: bool = False
    instruments: tuple[str, ...] = ()


class HarvestLimits(Part):
    """Limits of the collection that this protocol sets (rules 28 to 32); None: the general rule alone."""

    volume: Range | None = None
    ml_per_kg: Exact | None = None
    ml_per_pass: Exact | None = None
    anticoagulant_ratio: Range | None = None
    source: str = ""


class Infectious(Part):
    """Donor screening asked for: keys of ``MARKERS``, and how old the sample may be before collection (rule 19)."""

    markers: tuple[str, ...] = ()
    valid_days: int = 30
    two_blood_groups: bool = False


class Content(Part):
    """All that one protocol version says."""

    title: str
    field: str
    conditions: tuple[str, ...]
    cell_type: str
    sources: tuple[str, ...]
    routes: tuple[str, ...]
    relations: tuple[Relation, ...]
    preparation: str
    manipulations: tuple[str, ...]
    vehicle: str = ""
    qc: tuple[QCSpec, ...]
    dose: DoseWindow
    expiry: Expiry
    harvest: HarvestLimits = HarvestLimits()
    screening: Infectious = Infectious()
    visits: tuple[VisitPlan, ...]
    premedication: str = ""
    logs: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    verifies: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    homologous: bool = False
    regulatory_path: RegulatoryPath
    evidence: str
    ethics: str
    demonstration: bool = False
    sources_read: tuple[str, ...] = ()
