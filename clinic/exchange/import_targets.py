"""The facts that a column may go to: “patient.sex”, “qc.viability”, “score.month6.spo2”."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from clinic.administration.models import Administration
from clinic.fields import Field, fields_of
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit
from clinic.harvest.models import Harvest
from clinic.patients.donors import Donor
from clinic.patients.models import Patient, Weight
from clinic.products.models import Product
from clinic.protocols.catalogues import INSTRUMENTS, QC_TESTS
from clinic.records import Record
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.model import Model

PARTS: dict[str, type[Any]] = {
    "patient": Patient,
    "weight": Weight,
    "donor": Donor,
    "treatment": Treatment,
    "harvest": Harvest,
    "product": Product,
    "administration": Administration,
    "visit": FollowUpVisit,
    "event": AdverseEvent,
}
KINDS = {"patients": frozenset({"patient", "weight"}), "courses": frozenset({*PARTS, "qc", "score"})}
SEVERAL = frozenset({"visit", "event", "score"})
"""Parts of which a row may hold several: the second word of their targets tells them apart."""
NOT_FROM_A_TABLE = frozenset({"performed_by_id", "verified_by_id", "label_checked_by_id", "chain_of_identity"})
"""People of this clinic, and identities that it gives itself."""
OWN = {"treatment.chain_of_identity": "no chain of identity: this clinic gives each course its own (rule 8)"}
"""What is expected instead of a target that a table must not fill."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One target, taken apart. ``key`` tells several visits, scores or events of one row apart."""

    part: str
    name: str
    key: str = ""

    @property
    def model(self) -> type[Model] | None:
        """The kind of record whose column it is; None for a test result and a score, which are rows of their own."""
        return PARTS.get(self.part)

    @property
    def fact(self) -> Field | None:
        """What is declared about it."""
        return fields_of(self.model).get(self.name) if self.model else None


@lru_cache(maxsize=4096)
def slot(target: str, kind: str) -> Slot | None:
    """Return the slot that a target names, None where there is none."""
    words = target.split(".")
    part = words[0]
    if part not in KINDS.get(kind, ()):
        return None
    if part in SEVERAL:
        if len(words) != 3:
            return None
        found = Slot(part=part, key=words[1], name=words[2])
    elif len(words) == 2:
        found = Slot(part=part, name=words[1])
    else:
        return None
    return found if _known(found) else None


def _known(wanted: Slot) -> bool:
    if wanted.part == "qc":
        return wanted.name in QC_TESTS
    if wanted.part == "score":
        return wanted.name in INSTRUMENTS
    if wanted.part == "treatment" and wanted.name == "protocol":
        return True
    model = PARTS[wanted.part]
    if wanted.name in NOT_FROM_A_TABLE:
        return False
    return (
        wanted.name in fields_of(model)
        or wanted.name == "not_recorded"
        or (wanted.name == "course_day" and issubclass(model, Record))
    )


def targets(kind: str) -> list[str]:
    """Return every target of a kind of import, as a mapping may name it."""
    found = []
    for part, model in PARTS.items():
        if part not in KINDS[kind]:
            continue
        middle = ".KEY." if part in SEVERAL else "."
        found += [f"{part}{middle}{name}" for name in fields_of(model) if name not in NOT_FROM_A_TABLE]
    if kind == "courses":
        found += [
            "treatment.protocol",
            *(f"qc.{test}" for test in QC_TESTS),
            *(f"score.KEY.{name}" for name in INSTRUMENTS),
        ]
    return found
