"""Corrections of who a patient or a donor is: once there are cells, a second person confirms them (rules 1, 11, 17).

A patient is told from others by name, birth date, sex and number; a donor by number, sex, age, blood group (H1, H3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic import wording
from clinic.access import Role
from clinic.fields import fields_of
from clinic.ledger.listener import ledger_value
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.steps import Blocked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from clinic.records import Amendment

IDENTITY = frozenset({"family_name", "given_names", "birth_date", "sex", "record_number"})
"""By what people tell a patient from others: on the wristband, on the label, aloud."""
DONOR_IDENTITY = frozenset({"kind", "donor_number", "name", "relation", "sex", "age_years", "abo", "rhd"})
"""What ties a donor to the cells, to the registry and to the samples."""
KNOW_THE_DONOR = (Role.COORDINATOR, Role.NURSE, Role.PHYSICIAN, Role.TECHNOLOGIST)


def identity_corrections(person: Patient | Donor, *, since: datetime | None = None) -> list[Amendment]:
    """Return the corrections of who somebody is that no second person has confirmed, made since a moment.

    What was corrected and put back by the same corrections says nothing else than before.
    """
    names = DONOR_IDENTITY if isinstance(person, Donor) else IDENTITY
    found = [
        one
        for one in person.amendments
        if one.confirmed_by_id is None and one.corrects(names) and (since is None or one.amended_at >= since)
    ]
    first: dict[str, object] = {}
    for one in found:
        for name, (old, _new) in one.changes.items():
            first.setdefault(name, old)
    changed = any(first[name] != ledger_value(getattr(person, name)) for name in first if name in names)
    return found if changed else []


def corrected_words(corrections: Iterable[Amendment]) -> str:
    """Return in words what corrections changed: “Family name: Lind → Lund (Clara Ode, 3 May 2026, 14:20)”."""
    told = []
    for one in corrections:
        donor = one.record == Donor.__tablename__
        facts, names = (fields_of(Donor), DONOR_IDENTITY) if donor else (fields_of(Patient), IDENTITY)
        for name in [name for name in facts if name in names and name in one.changes]:
            zone, choices = one.amended_by.site.zone, facts[name].choices or {}
            old, new = (_shown(name, value, zone, choices) for value in one.changes[name])
            who = f"{one.amended_by.printed_name}, {wording.moment(one.amended_at, zone)}"
            told.append(f"{facts[name].label}: {old} → {new} ({who})")
    return "; ".join(told)


def donor_doubted(donor: Donor, since: datetime | None) -> list[Blocked]:
    """Return that who a donor is was rewritten by one person since there are cells (rule 17); ``since``: since when."""
    corrections = identity_corrections(donor, since=since) if since is not None else []
    if not corrections:
        return []
    because = (
        f"Who the donor {donor.display_name} is was corrected after the cells were collected, and no second person has "
        f"confirmed it: {corrected_words(corrections)}. Compare the donor's documents and the labels, then confirm it."
    )
    to = ("donors.confirm_correction", {"donor_id": donor.id, "amendment_id": corrections[0].id})
    return [Blocked(rule=17, because=because, who=KNOW_THE_DONOR, fix=to, fix_label="Compare and confirm")]


def _shown(name: str, value: object, zone: str, choices: Mapping[str, str]) -> str:
    if choices:
        return choices.get(str(value), str(value or "empty"))
    return wording.from_iso(str(value), zone) if name == "birth_date" and value else str(value or "empty")
