"""The list of products: found by text and state, paged by the database, by a counted few queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, false, or_, select, tuple_, union

from clinic.identifiers import parse_id
from clinic.inventory.product_states import in_state, states
from clinic.inventory.product_states import present as present_at
from clinic.patients.donors import Donor
from clinic.patients.models import Patient, searchable
from clinic.products.models import Movement, Product
from clinic.products.movements import MOVEMENTS
from clinic.release.product_state import ProductState
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PAGE = 50
FACTS = (
    Product.id,
    Product.name,
    Product.division,
    Product.din,
    Product.volume,
    Product.expires_at,
    Product.relation,
    Product.recorded_at,
    Product.treatment_id,
    Patient.id.label("patient_id"),
    Patient.family_name,
    Patient.given_names,
    Patient.record_number,
    Donor.kind.label("donor_kind"),
    Donor.donor_number,
)


ENDS = {
    "1": "Within 24 hours", "3": "Within 3 days", "30": "Within 30 days", "past": "Past its expiry",
    "none": "No expiry recorded",
}  # fmt: skip
"""By when a product expires: a number of days from now, past, or not recorded."""


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """One page of products: rows, their states and places, and the marks at which the pages around it begin."""

    rows: list[Any]
    states: dict[str, ProductState]
    places: dict[str, str]
    after: str
    before: str


def search(  # noqa: PLR0913 - what the list's page was asked for
    session: Session,
    *,
    site_id: str,
    at: datetime,
    text: str = "",
    state: ProductState | None = None,
    ends: str = "",
    present: bool = False,
    after: str = "",
    before: str = "",
) -> Shelf:
    """Return the newest products that fit, from a mark on; a mark is the id of the row next to the page.

    ``ends`` is a key of ``ENDS``; ``present`` leaves out what was given, discarded or processed further.
    """
    chosen: Any = select(Product.id)
    if not present:  # the whole list in its order; what is present is found by its state and sorted: it is little
        chosen = chosen.where(Product.site_id == site_id)
    if text:
        chosen = chosen.where(_fits(site_id, text))
    if state is not None:
        chosen = chosen.where(in_state(session, site_id, state, at))
    if present:
        chosen = chosen.where(Product.id.in_(present_at(site_id)))
    if ends in ENDS:
        chosen = chosen.where(_ends(ends, at))
    mark = parse_id(after or before, Product.KIND)
    place = (
        session.execute(select(Product.recorded_at, Product.id).where(Product.id == mark)).one_or_none()
        if mark
        else None
    )
    here = tuple_(Product.recorded_at, Product.id)
    backwards = bool(before) and place is not None
    if place is not None:
        there = tuple_(*place)
        chosen = chosen.where(here > there if backwards else here < there)
    order = (Product.recorded_at, Product.id) if backwards else (Product.recorded_at.desc(), Product.id.desc())
    shown = chosen.order_by(*order).limit(PAGE + 1)  # only what is shown is joined with whose it is
    rows = list(session.execute(_facts().where(Product.id.in_(shown)).order_by(*order)))
    more = len(rows) > PAGE
    rows = rows[:PAGE][::-1] if backwards else rows[:PAGE]
    ids = [row.id for row in rows]
    return Shelf(
        rows=rows,
        states=states(session, ids, at),
        places=_places(session, ids),
        after=ids[-1] if ids and (more or backwards) else "",
        before=ids[0] if ids and place is not None and (more or not backwards) else "",
    )


def _facts() -> Any:
    return (
        select(*FACTS)
        .join(Donor, Donor.id == Product.donor_id)
        .outerjoin(Treatment, Treatment.id == Product.treatment_id)
        .outerjoin(Patient, Patient.id == Treatment.patient_id)
    )


def _ends(wanted: str, at: datetime) -> Any:
    if wanted == "none":
        return Product.expires_at.is_(None)
    if wanted == "past":
        return Product.expires_at <= at
    return and_(Product.expires_at > at, Product.expires_at <= at + timedelta(days=int(wanted)))


def _fits(site_id: str, text: str) -> Any:
    """Every word is found in the name, the donation number, our number, or the patient's name or record number."""
    exact = parse_id(text, Product.KIND)
    if exact:
        return Product.id == exact
    words = searchable(text).split()
    return and_(*(Product.id.in_(_said(site_id, f"%{word}%")) for word in words)) if words else false()


def _said(site_id: str, said: str) -> Any:
    """Select the products in which a word occurs, each table read by itself from an index that has all it needs.

    One condition over the three tables would join every product of the site before it is asked.
    """
    own = or_(Product.name.ilike(said), Product.din.ilike(said), Product.id.ilike(said))
    people = select(Patient.id).where(Patient.site_id == site_id, Patient.search_text.like(said))
    courses = select(Treatment.id).where(Treatment.patient_id.in_(people))
    donors = select(Donor.id).where(Donor.donor_number.ilike(said))
    return union(
        select(Product.id).where(Product.site_id == site_id, own),
        select(Product.id).where(Product.treatment_id.in_(courses)),
        select(Product.id).where(Product.donor_id.in_(donors)),
    )


def _places(session: Session, ids: list[str]) -> dict[str, str]:
    moved = select(Movement.product_id, Movement.kind, Movement.place).where(Movement.product_id.in_(ids))
    found = {}
    for product_id, kind, place in session.execute(moved.order_by(Movement.performed_at, Movement.recorded_at)):
        found[product_id] = f"{MOVEMENTS[kind]}{', ' + place if place else ''}"
    return found
