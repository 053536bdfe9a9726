"""Corrections of who a patient is: once there are cells, a second person confirms them (rules 1, 11; hazard H1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic import wording
from clinic.fields import fields_of
from clinic.ledger.listener import ledger_value
from clinic.patients.models import SEXES, Patient

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from clinic.records import Amendment

IDENTITY = frozenset({"family_name", "given_names", "birth_date", "sex", "record_number"})
"""By what people tell a patient from others: on the wristband, on the label, aloud."""


def identity_corrections(patient: Patient, *, since: datetime | None = None) -> list[Amendment]:
    """Return the corrections of who a patient is that no second person has confirmed, made since a moment.

    What was corrected and put back by the same corrections says nothing else than before.
    """
    found = [
        one
        for one in patient.amendments
        if one.confirmed_by_id is None and one.corrects(IDENTITY) and (since is None or one.amended_at >= since)
    ]
    first: dict[str, object] = {}
    for one in found:
        for name, (old, _new) in one.changes.items():
            first.setdefault(name, old)
    changed = any(first[name] != ledger_value(getattr(patient, name)) for name in first if name in IDENTITY)
    return found if changed else []


def corrected_words(corrections: Iterable[Amendment]) -> str:
    """Return in words what corrections changed: “Family name: Lind → Lund (Clara Ode, 3 May 2026, 14:20)”."""
    told = []
    for one in corrections:
        for name in [name for name in fields_of(Patient) if name in IDENTITY and name in one.changes]:
            zone = one.amended_by.site.zone
            old, new = (_shown(name, value, zone) for value in one.changes[name])
            who = f"{one.amended_by.printed_name}, {wording.moment(one.amended_at, zone)}"
            told.append(f"{fields_of(Patient)[name].label}: {old} → {new} ({who})")
    return "; ".join(told)


def _shown(name: str, value: object, zone: str) -> str:
    if name == "sex":
        return SEXES.get(str(value), str(value or "empty"))
    return wording.from_iso(str(value), zone) if name == "birth_date" and value else str(value or "empty")
