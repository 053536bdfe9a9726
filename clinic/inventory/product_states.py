"""The states of many products for a list: stored lines, and fresh ones where time has changed them since."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select

from clinic.course_records import around_all
from clinic.judged_lines import ProductLine
from clinic.products.models import Product
from clinic.release.product_state import RESTS_ON, ProductState, state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import Session


def states(session: Session, ids: Sequence[str], at: datetime) -> dict[str, ProductState]:
    """Return the states of some products at a moment."""
    rows = session.execute(
        select(ProductLine.product_id, ProductLine.state, ProductLine.changes_at).where(ProductLine.product_id.in_(ids))
    ).all()
    found = {row.product_id: ProductState(row.state) for row in rows}
    stale = [row.product_id for row in rows if row.changes_at is not None and row.changes_at <= at]
    return found | _fresh(session, [*stale, *(one for one in ids if one not in found)], at)


def in_state(session: Session, site_id: str, state: ProductState, at: datetime) -> ColumnElement[bool]:
    """Return the condition that a product is in a state, for a list that the database filters and pages."""
    here = ProductLine.site_id == site_id
    stale = list(session.scalars(select(ProductLine.product_id).where(here, ProductLine.changes_at <= at)))
    fresh = [product_id for product_id, now in _fresh(session, stale, at).items() if now is state]
    stored = select(ProductLine.product_id).where(here, ProductLine.state == state.value)
    return or_(and_(Product.id.in_(stored), Product.id.not_in(stale)), Product.id.in_(fresh))


USED_UP = (ProductState.GIVEN, ProductState.DISCARDED, ProductState.PROCESSED)


def present(site_id: str) -> Select[Any]:
    """Select the products of which something is left; time alone changes nothing in that."""
    here, left = ProductLine.site_id == site_id, [state.value for state in ProductState if state not in USED_UP]
    return select(ProductLine.product_id).where(here, ProductLine.state.in_(left))


def _fresh(session: Session, ids: Sequence[str], at: datetime) -> dict[str, ProductState]:
    products: list[Any] = list(session.scalars(select(Product).where(Product.id.in_(ids)))) if ids else []
    records = around_all(session, products, only=RESTS_ON)
    return {product.id: state_of(records[product.id], product, at) for product in products}
