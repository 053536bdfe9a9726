"""Which records the rows of an import became, and where these are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flask import url_for
from sqlalchemy import select

from clinic.extensions import db
from clinic.model import Model
from clinic.patients.models import Patient

if TYPE_CHECKING:
    from clinic.exchange.batches import ImportBatch

PAGES = {
    "PT": ("pathway.patient", "patient_id"), "DN": ("donors.show", "donor_id"),
    "TR": ("pathway.course", "treatment_id"), "HV": ("harvest.show", "harvest_id"),
    "PR": ("products.show", "product_id"), "AD": ("administration.show", "administration_id"),
    "VI": ("followup.show", "visit_id"), "AE": ("events.show", "event_id"),
}  # fmt: skip
"""Where a record has a page of its own, by the letters of its id."""


class RowRecords(NamedTuple):
    """The records that one row became. ``people`` and the rest by kind, each record as id, name and address."""

    row: int
    people: list[tuple[str, str, str]]
    kinds: list[tuple[str, list[tuple[str, str, str]]]]

    @property
    def others(self) -> int:
        """How many records there are beside the people."""
        return sum(len(some) for _, some in self.kinds)


def links(rows: list[Any], batch: ImportBatch) -> list[RowRecords]:
    """Return each row with the records that it became."""
    names = _names([said for one in rows for said in one.records])
    found = []
    for one in rows:
        people, kinds = list[tuple[str, str, str]](), dict[str, list[tuple[str, str, str]]]()
        for said in one.records:
            record = said, names[said], _page_of(said, batch)
            (people if said.startswith(Patient.KIND) else kinds.setdefault(names[said], [])).append(record)
        found.append(RowRecords(one.row, people, list(kinds.items())))
    return found


def _names(ids: list[str]) -> dict[str, str]:
    """Return what each record is: the name of a patient, else the kind of record."""
    nouns = {m.class_.KIND: m.class_.NOUN for m in Model.registry.mappers if hasattr(m.class_, "NOUN")}
    people = [one for one in ids if one.startswith(Patient.KIND)]
    named = {one.id: one.display_name for one in db.session.scalars(select(Patient).where(Patient.id.in_(people)))}
    return {one: named.get(one) or nouns.get(one[:2], "Record") for one in ids}


def _page_of(record_id: str, batch: ImportBatch) -> str:
    """Return the address of a record's own page; "" where it has none, or was taken back."""
    endpoint, name = PAGES.get(record_id[:2], ("", ""))
    named: dict[str, Any] = {name: record_id}
    return url_for(endpoint, **named) if endpoint and batch.taken_back_at is None else ""
