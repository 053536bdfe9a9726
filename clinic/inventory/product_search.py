"""The list of products: found by text and state, paged by the database, by a counted few queries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, exists, false, func, literal, or_, select, union

from clinic.identifiers import parse_id
from clinic.inventory.product_states import USED_UP, in_state, states
from clinic.inventory.product_states import present as present_at
from clinic.judged_lines import ProductLine
from clinic.model import like_any_case
from clinic.paging import page, place_of
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.patients.names import searchable
from clinic.products.models import Movement, Product
from clinic.products.movements import whereabouts
from clinic.release.product_state import ProductState
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PAGE = 50
OWN = (
    Product.id, Product.name, Product.division, Product.din, Product.volume, Product.expires_at, Product.treatment_id,
    Product.precision,
)  # fmt: skip
WHOSE = (
    Product.id, Patient.id.label("patient_id"), Patient.family_name, Patient.given_names, Patient.record_number,
    Donor.kind.label("donor_kind"), Donor.donor_number,
)  # fmt: skip


ENDS = {
    "1": "Within 24 hours", "3": "Within 3 days", "30": "Within 30 days", "past": "Past its expiry",
    "none": "No expiry recorded",
}  # fmt: skip
"""By when a product expires: a number of days from now, past, or not recorded."""


SORTS = {"urgent": "Most urgent first", "newest": "Newest first"}
"""Orders of the list. Most urgent: what is on hold waits for a decision, then what expires first."""
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
LIVE = frozenset(ProductState) - {*USED_UP}
"""States of which a clinic holds few products, so that they are sorted when they are read."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the list shows: words, a state, an end (a key of `ENDS`), only what is in stock, and its order.

    ``present`` leaves out what was given, discarded or processed further.
    """

    text: str = ""
    state: ProductState | None = None
    ends: str = ""
    present: bool = False
    sort: str = ""

    @property
    def order(self) -> str:
        """The order that it has: what is in stock by urgency, a longer list by time, unless another is asked."""
        return "newest" if not self.few else self.sort if self.sort in SORTS else "urgent"

    @property
    def few(self) -> bool:
        """Whether only products in stock can fit."""
        return self.present or self.state in LIVE


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """One page of products: rows, their states and places, how many fit, and the marks of the pages around it."""

    rows: list[Any]
    states: dict[str, ProductState]
    places: dict[str, str]
    total: int
    after: str
    before: str


def search(  # noqa: PLR0913 - what the list's page was asked for, and the place in it
    session: Session, asked: Asked, *, site_id: str, at: datetime, after: str = "", before: str = ""
) -> Shelf:
    """Return a page of the products that fit, from a mark on; a mark is the id of the row next to the page."""
    fits = _conditions(session, asked, site_id, at)
    chosen: Any = select(*OWN).where(*fits)
    if not asked.few:  # the whole list in its order; what is in stock is found by its state and sorted: it is little
        chosen = chosen.where(Product.site_id == site_id)
    urgent = asked.order == "urgent"
    order = (*_urgency(), Product.id) if urgent else (Product.recorded_at, Product.id)
    place = place_of(session, order, parse_id(after or before, Product.KIND))
    found = page(session, chosen, order=order, place=place, backwards=bool(before), descending=not urgent, size=PAGE)
    ids = [row.id for row in found.rows]
    whose = {row.id: row._asdict() for row in session.execute(_whose().where(Product.id.in_(ids)))} if ids else {}
    whole = not (found.before or found.after)
    return Shelf(
        rows=[SimpleNamespace(**row._asdict() | whose[row.id]) for row in found.rows],
        states=states(session, ids, at),
        places=_places(session, ids),
        total=len(ids) if whole else _count(session, fits, site_id),
        after=found.after,
        before=found.before,
    )


def _conditions(session: Session, asked: Asked, site_id: str, at: datetime) -> list[Any]:
    found = [_fits(site_id, asked.text)] if asked.text else []
    if asked.state is not None:
        found.append(in_state(session, site_id, asked.state, at))
    if asked.present:
        found.append(Product.id.in_(present_at(site_id)))
    return [*found, _ends(asked.ends, at)] if asked.ends in ENDS else found


def _urgency() -> tuple[Any, Any]:
    """Return what is on hold before the rest, then the end; neither is ever null."""
    held = exists().where(ProductLine.product_id == Product.id, ProductLine.state == ProductState.HOLD.value)
    end = func.coalesce(Product.expires_at, literal(NEVER, Product.expires_at.type))
    return case((held, 0), else_=1), end


def _count(session: Session, fits: list[Any], site_id: str) -> int:
    """Return how many products fit; of the whole list by the states that are stored of each of them."""
    line = ProductLine.state.in_([state.value for state in ProductState])
    lines = select(ProductLine.product_id).where(ProductLine.site_id == site_id, line)
    found = select(Product.id).where(*fits) if fits else lines
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def _whose() -> Any:
    """Select whose products are: only what is shown is joined with it."""
    return (
        select(*WHOSE)
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
    own = or_(*(like_any_case(column, said) for column in (Product.name, Product.din, Product.id)))
    people = select(Patient.id).where(Patient.site_id == site_id, Patient.search_text.like(said))
    courses = select(Treatment.id).where(Treatment.patient_id.in_(people))
    donors = select(Donor.id).where(like_any_case(Donor.donor_number, said))
    return union(
        select(Product.id).where(Product.site_id == site_id, own),
        select(Product.id).where(Product.treatment_id.in_(courses)),
        select(Product.id).where(Product.donor_id.in_(donors)),
    )


def _places(session: Session, ids: list[str]) -> dict[str, str]:
    moved = select(Movement.product_id, Movement.kind, Movement.place).where(Movement.product_id.in_(ids))
    found = defaultdict(list)
    for product_id, kind, place in session.execute(moved.order_by(Movement.performed_at, Movement.recorded_at)):
        found[product_id].append((kind, place))
    return {product_id: whereabouts(moves) for product_id, moves in found.items()}
