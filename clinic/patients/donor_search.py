"""Finding donors: by number, by a relative's name, by the patient whom the cells come from or are for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, false, or_, select

from clinic.identifiers import parse_id
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.patients.names import searchable

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


def fits(typed: str) -> ColumnElement[bool]:
    """Return the condition that every word is found in a donor's number or name, or in those of a linked patient."""
    conditions = [_said(word) for word in searchable(typed).split()]
    every: Any = and_(*conditions) if conditions else false()
    exact = parse_id(typed, Donor.KIND)
    return or_(every, Donor.id == exact) if exact else every


def _said(word: str) -> Any:
    linked = select(Patient.id).where(Patient.search_text.contains(word, autoescape=True))
    return or_(
        Donor.donor_number.icontains(word, autoescape=True),
        Donor.name.icontains(word, autoescape=True),
        Donor.patient_id.in_(linked),
        Donor.relative_of_id.in_(linked),
    )
