"""The facts that a column may go to: “patient.sex”, “qc.viability”, “score.month6.spo2”."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Boolean, Date, Integer

from clinic.administration.models import Administration
from clinic.fields import Field, fields_of
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit
from clinic.harvest.models import Harvest
from clinic.model import Quantity, UTCDateTime
from clinic.patients.donors import Donor
from clinic.patients.models import Patient, Weight
from clinic.products.models import Product
from clinic.protocols.catalogues import INSTRUMENTS, QC_TESTS
from clinic.records import Record
from clinic.release.results import QCResult
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterator

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
CELLS = frozenset({"weight", "harvest", "product", "administration", "qc"})
KINDS = {
    "patients": frozenset({"patient", "weight", "row"}),
    "courses": frozenset({*PARTS, "qc", "score", "row"}),
    "further-courses": frozenset({*PARTS, "qc", "score", "row"}),
    "administrations": frozenset({"patient", "course", *CELLS, "row"}),
    "scores": frozenset({"patient", "course", "visit", "score", "row"}),
    "events": frozenset({"patient", "course", "event", "row"}),
}
SAMPLED = ("qc", "sampled_at")
"""When the samples of a row were taken: a culture is final some days after that (rule 44)."""
NEW_PEOPLE = frozenset({"patients", "courses"})
"""Kinds of import whose rows are patients who are new here; those of the others are registered."""
ONE_EACH = frozenset({"administrations", "scores", "events"})
"""Kinds of import with a row for each of what they add: its targets need no key in the middle."""
NAMES = {
    "patient.record_number": ("Record number of a registered patient", "a record number"),
    "patient.key": ("Key with which the patient came in", "the “row.key” of an earlier row of this source"),
    "course.key": ("Key with which the course came in", "the “row.key” of an earlier row of this source"),
    "course.chain_of_identity": ("Chain of identity of the course", "a chain of identity"),
}
"""What names a patient who is registered, or one of the courses, and how it is written."""
LONG_SCORE = {
    "instrument": ("Instrument", "the key or the label of an instrument"), "value": ("Score", "a figure"),
    "did_not_occur": ("Did not occur", "yes or no"),
}  # fmt: skip
"""The facts of a score where a row has one."""
FORMS = (
    (UTCDateTime, "2026-11-23 14:05, 2026-11-23, 2026-11 or 2026"),
    (Quantity, "a figure"),
    (Boolean, "yes or no"),
    (Integer, "a whole number"),
    (Date, "2026-11-23, 2026-11 or 2026"),
    (JSON, "key: value, separated by ;"),
)
"""How the values of a column are written, by its type."""
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
        return QCResult if (self.part, self.name) == SAMPLED else PARTS.get(self.part)

    @property
    def fact(self) -> Field | None:
        """What is declared about it."""
        return fields_of(self.model).get(self.name) if self.model else None


def slot(target: str, kind: str) -> Slot | None:
    """Return the slot that a target names, None where there is none."""
    found = _slot(target, kind)
    if found is not None and found.part == "score" and found.name not in INSTRUMENTS:
        return found if kind in ONE_EACH and found.name in LONG_SCORE else None
    return found


@lru_cache(maxsize=4096)
def _slot(target: str, kind: str) -> Slot | None:
    """Return the slot that a target names; whether its instrument is in the catalogue is asked each time."""
    words = target.split(".")
    part = words[0]
    if part not in KINDS.get(kind, ()):
        return None
    if kind not in NEW_PEOPLE and part in {"patient", "course"}:
        named = target in NAMES and not (kind == "further-courses" and part == "course")
        return Slot(part=part, name=words[1]) if named else None
    if part == "score" and kind in ONE_EACH and words[1:2] and words[1] in LONG_SCORE:
        return Slot(part=part, name=words[1]) if len(words) == 2 else None
    if part in SEVERAL and kind not in ONE_EACH:
        if len(words) != 3:
            return None
        found = Slot(part=part, key=words[1], name=words[2])
    elif len(words) == 2:
        found = Slot(part=part, name=words[1])
    else:
        return None
    return found if _known(found) else None


def _known(wanted: Slot) -> bool:
    if wanted.part == "row":
        return wanted.name == "key"
    if wanted.part == "qc":
        return wanted.name in QC_TESTS or wanted.name == SAMPLED[1]
    if wanted.part == "score":
        return True
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


def described(kind: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield each target of a kind of import: the kind, the target, its fact, its unit, and the values that it may have.

    ``KEY`` in a target is a word of the mapping's own, which tells several visits or events of one row apart.
    """
    several = SEVERAL if kind not in ONE_EACH else frozenset()
    yield from ((kind, to, *said) for to, said in _named(kind).items())
    for part, model in PARTS.items():
        if part not in KINDS[kind] or (part == "patient" and kind not in NEW_PEOPLE):
            continue
        middle = ".KEY." if part in several else "."
        for name, fact in fields_of(model).items():
            if _known(Slot(part=part, name=name)):
                choices = "; ".join(f"{key} = {label}" for key, label in (fact.choices or {}).items())
                choices += "; none = None of them" if fact.many else ""
                yield kind, f"{part}{middle}{name}", fact.label, fact.unit, choices or _form(model, name)
        if issubclass(model, Record):
            day = "Day of the course, counted from the first cells"
            yield kind, f"{part}{middle}course_day", day, "days", "a whole number"
    yield from _of_catalogues(kind)
    yield kind, "row.key", "Key of the row in its source", "", "a text that no other row of the source has"


def _named(kind: str) -> dict[str, tuple[str, str, str]]:
    """Return the targets that name a registered patient or course: each with its fact, unit and values."""
    named = NAMES.items() if kind not in NEW_PEOPLE else ()
    return {to: (label, "", form) for to, (label, form) in named if slot(to, kind) is not None}


def _of_catalogues(kind: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield the targets that are a protocol, a test or an instrument."""
    if "treatment" in KINDS[kind]:
        yield kind, "treatment.protocol", "Protocol", "", "the code of a protocol that is published here"
    for key, test in QC_TESTS.items() if "qc" in KINDS[kind] else ():
        words = "; ".join(f"{one} = {label}" for one, label in (test.outcomes or {}).items())
        yield kind, f"qc.{key}", test.label, test.unit, words or "a figure, also like <0.05"
    if "qc" in KINDS[kind]:
        yield kind, "qc.sampled_at", "Samples taken at", "", _form(QCResult, "sampled_at")
    if "score" in KINDS[kind]:
        for name, (label, form) in LONG_SCORE.items() if kind in ONE_EACH else ():
            yield kind, f"score.{name}", label, "", form
        middle = ".KEY." if kind not in ONE_EACH else "."
        for key, instrument in INSTRUMENTS.items():
            words = "; ".join(f"{value} = {word}" for value, word in (instrument.grades or {}).items())
            form = words or f"a figure, {instrument.range}"
            yield kind, f"score{middle}{key}", instrument.label, instrument.unit, form


def _form(model: Any, name: str) -> str:
    """Return in words how a value of a column is written."""
    kind = model.__table__.columns[name].type
    for types, words in FORMS:
        if isinstance(kind, types):
            return words
    return "text"
