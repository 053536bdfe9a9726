"""Look-back: every container that shares cells or a donor with one, and every patient who got any of it (rule 72)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import or_, select

from clinic import wording
from clinic.course_records import around
from clinic.inventory.product_states import states
from clinic.products.graph import donors, relatives
from clinic.products.models import Product

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

COLUMNS = [
    ("Product", "product", False),
    ("State", "state", False),
    ("Recipient", "patient", False),
    ("Record number", "number", False),
    ("Given at", "given", False),
    ("Where", "place", False),
]


def rows(session: Session, product: Product, at: datetime) -> list[list[Any]]:
    """Return a row for each related container, what was given first: whom to call, then what is still there."""
    records = around(session, product)
    family = [product.id, *(one.id for one in relatives(records, product))]
    givers = [donor.id for donor in donors(records, product)]
    found = session.scalars(select(Product).where(or_(Product.id.in_(family), Product.donor_id.in_(givers))))
    return rows_of(session, found.unique(), records.zone, at)


def rows_of(session: Session, containers: Iterable[Product], zone: str, at: datetime) -> list[list[Any]]:
    """Return a row for each of some containers, what was given first."""
    products = sorted(containers, key=lambda one: (not one.given, one.recorded_at, one.id))
    known = states(session, [one.id for one in products], at)
    return [_row(one, zone, known[one.id].tag) for one in products]


def _row(product: Product, zone: str, tag: tuple[str, str, str]) -> list[Any]:
    patient = product.treatment.patient if product.treatment is not None else None
    moved = [move.performed_at for move in product.movements if move.kind == "given"] if product.given else []
    name = f"{product.name} {product.division or ''}".strip()
    whose = (patient.display_name, url_for("pathway.patient", patient_id=patient.id)) if patient is not None else None
    return [
        (name, url_for("products.show", product_id=product.id)),
        tag,
        whose,
        patient.record_number if patient is not None else None,
        wording.moment(moved[-1] if moved else None, zone),
        product.place_text,
    ]
