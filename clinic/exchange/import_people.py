"""Who of a table may already be registered: the same name and birth date, or a donor's name (rules 11, 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.patients.names import name_key
from clinic.wording import born, person

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.orm import Session


class KnownPeople:
    """The patients and the named donors of a site, read once: by name as it sounds, patients by birth date too."""

    def __init__(self, session: Session, site_id: str) -> None:
        columns = (
            Patient.name_key, Patient.birth_date, Patient.family_name, Patient.given_names, Patient.record_number,
        )  # fmt: skip
        rows = session.execute(select(*columns).where(Patient.site_id == site_id, Patient.name_key != ""))
        self.patients: dict[Any, list[str]] = {}
        for row in rows:
            said = f"{person(row.family_name, row.given_names)}, {born(row.birth_date)}, {row.record_number}"
            self.patients.setdefault((row.name_key, row.birth_date), []).append(said)
        named = select(Donor.id, Donor.name).where(Donor.site_id == site_id, Donor.name.is_not(None))
        self.donors: dict[str, list[str]] = {}
        for key, name in session.execute(named):
            self.donors.setdefault(name_key(name), []).append(f"{name}, {key}")

    def learn(self, row: int, records: Iterable[Any]) -> None:
        """Know the people of a row too, so that a later row of the same table is told that it may be one of them."""
        for one in records:
            said = f"{one.display_name} of row {row}" if isinstance(one, (Patient, Donor)) else ""
            if isinstance(one, Patient) and one.birth_date is not None:
                key = (name_key(one.family_name, one.given_names), one.birth_date)
                self.patients.setdefault(key, []).append(said)
            elif isinstance(one, Donor) and one.name:
                self.donors.setdefault(name_key(one.name), []).append(said)

    def like(self, record: Any) -> list[str]:
        """Return in words who may be the same person as a patient or donor of the table."""
        if isinstance(record, Patient) and record.birth_date is not None:
            return self.patients.get((name_key(record.family_name, record.given_names), record.birth_date), [])
        return self.donors.get(name_key(record.name), []) if isinstance(record, Donor) and record.name else []


def similar_people(known: KnownPeople, row: int, records: Iterable[Any]) -> Iterator[str]:
    """Yield a note for each patient or donor of a row who may be known already; each is confirmed by a person."""
    people = [one for one in records if isinstance(one, (Patient, Donor))]
    for record in people:
        for said in known.like(record):
            what = record.NOUN.lower()
            yield (
                f"Row {row}: {record.display_name} may be the same {what} as {said}. Is this the same person? Compare "
                "both records; if they are one person's, use the known one or merge them."
            )
    known.learn(row, people)
