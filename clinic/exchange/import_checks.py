"""What the facts of one row say about each other: order, place, dose, donor (rules 10, 17, 26, 52, 69)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import object_session

from clinic import clock
from clinic.administration.amounts import worked_out
from clinic.clock import is_later
from clinic.exchange.import_targets import Slot
from clinic.fields import fields_of, plain
from clinic.patients.anonymous import number_problems, tells_of
from clinic.patients.donors import number_taken
from clinic.processing.counts import APART
from clinic.protocols.catalogues import DOSE_MEASURES

if TYPE_CHECKING:
    from clinic.patients.models import Weight


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a row says about one slot: a text (None: not recorded), the column it stands in, and its own writing.

    ``never``: it did not occur, ``by_day`` by that day of the course. ``missing``: what the table says instead of a
    value, “NA” or half of a pair; "" where it says nothing. ``derived``: it follows from another fact of the row.
    ``cell``: whether a cell of the row says it, not the mapping for every row; ``idle``: it places what another cell
    says, and tells of nothing by itself (`clinic.exchange.import_constants`).
    """

    text: str | None
    column: str
    written: str = ""
    never: bool = False
    by_day: int | None = None
    missing: str = ""
    derived: bool = False
    cell: bool = True
    idle: bool = False


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with one cell of the file.

    ``ask``: under which name the mapping may say in ``[confirmed]`` why it is right all the same; "" where nobody may.
    """

    row: int
    column: str
    value: str
    expected: str
    ask: str = ""

    def __str__(self) -> str:
        said = f"“{self.value}”" if self.value else "empty"
        place = f", column {self.column}: {said}" if self.column else ""
        return f"Row {self.row}{place}; expected {self.expected}"


def asked(history: Any, wanted: Slot, said: str, ask: str) -> list[Fault]:
    """Return a fault that the mapping may say is right all the same; what it confirms is a note with the reason."""
    reason, fault = history.confirmed.get(ask), history.fault(wanted, said)
    if reason:
        history.notes.append(f"Row {history.row}: expected {said}. Confirmed: {reason}")
        return []
    how = f"; if it happened so, the mapping says why: [confirmed] '{ask}' = '…'"
    return [replace(fault, expected=said + how, ask=ask)]


def donor_faults(history: Any, donor: Any, patient: Any) -> list[Fault]:
    """Return why a donor number may not be used: it tells who a patient is, or is another donor's (rules 10, 17)."""
    session, number = object_session(history.by), donor.donor_number
    found = tells_of(number, patient.family_name, patient.given_names, patient.record_number)
    if session is not None and not found:
        found = number_problems(session, number, history.by.site_id) + number_taken(session, donor)
    return [history.fault(Slot(part="donor", name="donor_number"), sentence) for sentence in found]


ORDER = (
    ("harvest", "performed_at", "product", "performed_at"), ("harvest", "performed_at", "product", "collected_at"),
    ("harvest", "performed_at", "product", "expires_at"), ("product", "performed_at", "product", "expires_at"),
    ("harvest", "performed_at", "product", "frozen_at"), ("product", "frozen_at", "product", "thawed_at"),
    ("harvest", "ended_at", "administration", "performed_at"),
    ("harvest", "performed_at", "administration", "performed_at"),
    ("product", "performed_at", "administration", "performed_at"),
    ("product", "frozen_at", "administration", "performed_at"),
    ("product", "thawed_at", "administration", "performed_at"),
)  # fmt: skip
"""Which moment of a row precedes which other one (rule 69)."""


def order_faults(history: Any, harvest: Any, product: Any) -> list[Fault]:
    """Return each moment of a container that lies before the collection, or its thaw before its freezing (rule 69)."""
    return list(_in_order(history, {"harvest": harvest, "product": product}))


def given_faults(history: Any, given: Any, harvest: Any, product: Any) -> list[Fault]:
    """Return that cells were given before they were collected, made, frozen or thawed (rule 69)."""
    rows = {"harvest": harvest, "product": product, "administration": given}
    return list(_in_order(history, rows, only="administration"))[:1]


def _in_order(history: Any, rows: dict[str, Any], only: str = "product") -> Iterator[Fault]:
    for first, before, part, name in ORDER:
        if part != only:
            continue
        earlier, later = rows[first], rows[part]
        first_day, its_day = earlier.course_day, later.course_day
        early = name == "performed_at" == before and None not in {first_day, its_day} and first_day > its_day
        if early or after(earlier, before, later, name, history.by.site.zone):
            label = fields_of(type(earlier))[before].label
            said = f"a moment after “{label}” of the {earlier.NOUN.lower()} (rule 69)"
            yield history.fault(Slot(part=part, name="course_day" if early else name), said)


def after(earlier: Any, before: str, later: Any, name: str, zone: str) -> bool:
    """Whether what comes first is later, as far as both moments are known."""
    return is_later(earlier, before, later, name, zone)


def dose_faults(history: Any, given: Any, product: Any, weight: Weight | None) -> list[Fault]:
    """Return that a dose lies over 5 % from what container, volume and body weight say (rule 52)."""
    volume = next((v for v in (given.volume_given, given.volume_issued, product.volume) if v is not None), None)
    kg = given.weight_kg or (weight.kg if weight is not None else None)
    right = worked_out(product, volume, kg)
    found = []
    for name in ("dose", "dose_per_kg"):
        stated, expected = getattr(given, name), right.get(name)
        if stated is None or expected is None or given.measure != product.measure:
            continue
        if abs(stated - expected) > APART * expected:
            measure = DOSE_MEASURES[product.measure]
            unit = measure.unit if name == "dose" else measure.unit_per_kg
            said = f"{plain(Decimal(expected))} {unit}, as amount, volume and body weight say (rule 52)"
            found.append(history.fault(Slot(part="administration", name=name), said))
    return found


def known_parts(moment: datetime | None, precision: str, zone: str) -> tuple[int, ...]:
    """Return year, month, day, hour and minute of a moment on a zone's clock, as far as they are known."""
    if moment is None:
        return ()
    local = clock.local(moment, zone)
    whole = (local.year, local.month, local.day, local.hour, local.minute)
    return whole[: {"year": 1, "month": 2, "day": 3}.get(precision.rsplit(maxsplit=1)[-1] if precision else "", 5)]
