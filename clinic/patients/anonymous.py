"""A tracking code tells nobody who a patient is: no name and no record number in it (rule 10; 21 CFR 1271.290)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import select

from clinic.errors import Problem
from clinic.patients.models import Patient
from clinic.patients.names import compact, searchable
from clinic.read_once import kept

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ANONYMOUS = "Use a number that does not identify a person."
SPOKEN = 4
"""A name or number of this length counts anywhere in a code; a shorter one only as a part of its own."""


def number_problems(session: Session, number: str | None, site_id: str) -> list[str]:
    """Return why a tracking code may not be used: it contains the name or record number of a patient (rule 10).

    Every patient of the site is compared, without accents, case and marks (21 CFR 1271.290(c)).
    """
    if not number:
        return []
    names, records = kept(session, ("identifying", site_id), lambda: _identifying(session, site_id))
    parts, whole = _parts(number)
    inside = {whole[i:j] for i in range(len(whole)) for j in range(i + SPOKEN, len(whole) + 1)} | parts
    if not inside.isdisjoint(names):
        return [_named()]
    return [_numbered()] if not inside.isdisjoint(records) else []


def _identifying(session: Session, site_id: str) -> tuple[set[str], set[str]]:
    """Return the words of the names of all patients of a site, and their record numbers without marks."""
    names: set[str] = set()
    records: set[str] = set()
    columns = (Patient.family_name, Patient.given_names, Patient.record_number)
    with session.no_autoflush:
        for family, given, record in session.execute(select(*columns).where(Patient.site_id == site_id)).yield_per(
            1000
        ):
            names.update(searchable(family or "").split(), searchable(given or "").split())
            records.add(compact(record or ""))
    return {word for word in names if len(word) > 1}, {word for word in records if len(word) > 1}


def _named() -> Problem:
    return Problem(f"Donor number contains the name of a patient. {ANONYMOUS}", "donor_number", rule=10)


def _numbered() -> Problem:
    return Problem(f"Donor number contains the record number of a patient. {ANONYMOUS}", "donor_number", rule=10)


def tells_of(number: str | None, family: str | None, given: str | None, record: str | None) -> list[str]:
    """Return that a tracking code contains the name or the record number of one patient (rule 10)."""
    parts, whole = _parts(number or "")
    words = [*searchable(family or "").split(), *searchable(given or "").split()]
    if any(_contains(word, parts, whole) for word in words):
        return [_named()]
    return [_numbered()] if _contains(compact(record or ""), parts, whole) else []


@lru_cache(maxsize=8)
def _parts(number: str) -> tuple[frozenset[str], str]:
    """Return the words of a tracking code, those between its figures too, and all of it without marks."""
    whole = compact(number)
    words = {*searchable(number).split(), *"".join(c if c.isalpha() else " " for c in whole).split()}
    return frozenset(words), whole


def _contains(word: str, parts: frozenset[str], whole: str) -> bool:
    return len(word) > 1 and (word in parts or (len(word) >= SPOKEN and word in whole))
