"""Who of a table may already be registered: the same name and birth date, or a similar donor (rules 11, 17)."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import select

from clinic.exchange.import_targets import Slot
from clinic.patients.donor_likeness import alike, described
from clinic.patients.donors import Donor
from clinic.patients.lookalikes import born_of, known_of_birth, may_agree
from clinic.patients.models import Patient
from clinic.patients.names import name_key
from clinic.wording import born, person

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.orm import Session

    from clinic.clock import Span
    from clinic.exchange.import_checks import Fault


class KnownDonors:
    """The named donors of a site and those of the rows before: one donor has one record (rule 17)."""

    def __init__(self, session: Session, site_id: str) -> None:
        named = select(Donor).where(Donor.site_id == site_id, Donor.kind == "related", Donor.name.is_not(None))
        with session.no_autoflush:
            self.donors = list(session.scalars(named.order_by(Donor.recorded_at, Donor.id)))
        self.row_of: dict[str, int] = {}

    def like(self, donor: Donor, row: int) -> str:
        """Return in words who may be the same donor as one of a row, whom the later rows are compared with too."""
        if not donor.name:
            return ""
        found = alike(donor, self.donors)
        self.donors.append(donor)
        self.row_of[donor.id] = row
        return "; ".join(
            f"{one.display_name} of row {self.row_of[one.id]}" if one.id in self.row_of else described(one)
            for one in found
        )


def donor_asked(history: Any, donor: Donor) -> list[Fault]:
    """Return that a similar donor is known, unless the mapping says why this is another person (rule 17)."""
    known = history.donors.like(donor, history.row)
    if not known:
        return []
    reason, said = history.confirmed.get("rule 17"), f"A similar donor is recorded already: {known}"
    if reason:
        donor.confirmed = {**(donor.confirmed or {}), "name": reason}
        history.notes.append(f"Row {history.row}: {said} (rule 17). Confirmed: {reason}")
        return []
    told = "If it is the same person, take the row out and record the course with the known donor by hand."
    how = "If it is right, the mapping says why this is another person: [confirmed] 'rule 17' = '…'"
    fault = history.fault(Slot(part="donor", name="name"), f"another donor. {said} (rule 17). {told} {how}")
    return [replace(fault, ask="rule 17")]


class Alike(str):
    """A note that a patient of a row may be registered already: the row, and who is known; "" of the same table."""

    __slots__ = ("patient_id", "row")

    def __new__(cls, text: str, row: int, patient_id: str) -> Self:
        """Make a note."""
        found = super().__new__(cls, text)
        found.row, found.patient_id = row, patient_id
        return found


Seen = tuple[str, str]
"""Somebody who is known, in words, and her or his id; "" of the same table."""
MOST_BIRTHS = 1_000
"""Birth dates of one name that one known in part is compared with."""
MOST_ALIKE = 3
"""People of one name and birth date that a patient of a table is compared with."""
NAME_SHOWN = 80


def _short(name: str) -> str:
    return name if len(name) <= NAME_SHOWN else f"{name[: NAME_SHOWN - 1]}…"


class KnownPeople:
    """The patients of a site, read once: by name as it sounds and birth date.

    Where a birth date is known in part, all of the name are compared whose birth date can be the same.
    """

    def __init__(self, session: Session, site_id: str) -> None:
        columns = (
            Patient.name_key, Patient.birth_date, Patient.family_name, Patient.given_names, Patient.record_number,
            Patient.id, Patient.precision,
        )  # fmt: skip
        rows = session.execute(select(*columns).where(Patient.site_id == site_id, Patient.name_key != ""))
        self.patients: dict[tuple[str, Span | None], list[Seen]] = {}
        self.births: dict[str, dict[Span, None]] = {}
        self.in_part: dict[str, dict[Span, None]] = {}
        for row in rows:
            when = born(row.birth_date, known_of_birth(row))
            said = f"{person(row.family_name, row.given_names)}, {when}, {row.record_number}"
            self._keep(row.name_key, born_of(row), (said, row.id))

    def learn(self, row: int, records: Iterable[Patient]) -> None:
        """Know the people of a row too, so that a later row of the same table is told that it may be one of them."""
        for one in records:
            name = name_key(one.family_name, one.given_names)
            if one.birth_date is not None and name:  # whoever has no name is like nobody
                self._keep(name, born_of(one), (f"{_short(one.display_name)} of row {row}", ""))

    def _keep(self, name: str, birth: Span | None, seen: Seen) -> None:
        known = self.patients.setdefault((name, birth), [])
        if len(known) < MOST_ALIKE:  # who bears the name of all others is compared with some of them
            known.append(seen)
        if birth is not None:
            self.births.setdefault(name, {})[birth] = None
            if birth.day is None:
                self.in_part.setdefault(name, {})[birth] = None

    def like(self, record: Patient) -> list[Seen]:
        """Return in words who may be the same person as a patient of the table, each with the id of who is known."""
        name, birth = name_key(record.family_name, record.given_names), born_of(record)
        if birth is None:
            return []
        found = list(self.patients.get((name, birth), ()))
        others = self.in_part if birth.day is not None else self.births
        for other in islice(others.get(name, ()), MOST_BIRTHS):
            if other != birth and may_agree(birth, other):
                found += self.patients[name, other]
        return found[:MOST_ALIKE]


def similar_people(known: KnownPeople, row: int, records: Iterable[Any]) -> Iterator[str]:
    """Yield a note for each patient of a row who may be known already; each is confirmed by a person."""
    people = [one for one in records if isinstance(one, Patient)]
    for record in people:
        for said, patient_id in known.like(record):
            name = _short(record.display_name)
            text = (
                f"Row {row}: {name} may be the same patient as {said}. Is this the same person? Compare "
                "both records; if they are one person's, use the known one or merge them."
            )
            yield Alike(text, row, patient_id)
    known.learn(row, people)
