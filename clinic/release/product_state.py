"""What state a product is in: derived from its movements, runs, decisions and clock, never stored."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, not_, or_, select
from sqlalchemy.orm import object_session, selectinload

from clinic.products.models import Movement, Product, RunInput
from clinic.records import Amendment, Signature
from clinic.release.models import RELEASING, Release, evidence, standing_decision
from clinic.release.results import QCResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

ENDS = ("given", "discarded")


class ProductState(StrEnum):
    """What may be done with a product, in the order in which one state hides the other."""

    DISCARDED = "discarded"
    GIVEN = "given"
    PROCESSED = "processed"
    REJECTED = "rejected"
    HOLD = "hold"
    EXPIRED = "expired"
    RELEASED = "released"
    CONDITIONAL = "conditional"
    EXCEPTIONAL = "exceptional"
    QUARANTINE = "quarantine"

    @property
    def label(self) -> str:
        """The word on the tag."""
        return {
            "discarded": "Discarded",
            "given": "Given",
            "processed": "Processed further",
            "rejected": "Rejected",
            "hold": "On hold",
            "expired": "Expired",
            "released": "Released",
            "conditional": "Released, result pending",
            "exceptional": "Released by exception",
            "quarantine": "In quarantine",
        }[self.value]

    @property
    def tag(self) -> tuple[str, str, str]:
        """Kind, icon and word, as the pages' tag takes them."""
        kind, icon = {
            "discarded": ("rest", "trash"),
            "given": ("rest", "check"),
            "processed": ("rest", "arrow-right"),
            "rejected": ("danger", "ban"),
            "hold": ("wait", "hand-stop"),
            "expired": ("danger", "alert-octagon"),
            "released": ("ok", "circle-check"),
            "conditional": ("wait", "hourglass"),
            "exceptional": ("bad", "alert-triangle"),
            "quarantine": ("wait", "lock"),
        }[self.value]
        return kind, icon, self.label

    @property
    def usable(self) -> bool:
        """Whether it may be issued and given."""
        return self in {ProductState.RELEASED, ProductState.CONDITIONAL, ProductState.EXCEPTIONAL}


DECIDED = {
    "conforms": ProductState.RELEASED,
    "conditional": ProductState.CONDITIONAL,
    "exceptional": ProductState.EXCEPTIONAL,
    "hold": ProductState.HOLD,
    "reject": ProductState.REJECTED,
}


def derive(  # noqa: PLR0913 - a state follows from all of them
    at: datetime, *, ends: set[str], left: Decimal, used: bool, expires_at: datetime | None, decision: Release | None
) -> ProductState:
    """Return the state that follows from the kinds of its last movements, what is left, its end and its decision."""
    for end in ENDS:
        if end in ends:
            return ProductState(end)
    if used and left <= 0:
        return ProductState.PROCESSED
    decided = DECIDED[decision.decision or "hold"] if decision else ProductState.QUARANTINE
    if decided in {ProductState.REJECTED, ProductState.HOLD}:
        return decided
    return ProductState.EXPIRED if expires_at is not None and at >= expires_at else decided


def state_of(product: Product, at: datetime) -> ProductState:
    """Return the state of one product at a moment."""
    session = object_session(product)
    if session is None:
        ends = {movement.kind for movement in product.movements}
        return derive(
            at, ends=ends, left=product.left, used=bool(product.uses), expires_at=product.expires_at, decision=None
        )
    return states(session, [(product.id, product.volume, product.expires_at)], at)[product.id]


def states(
    session: Session, products: Iterable[tuple[str, Decimal | None, datetime | None]], at: datetime
) -> dict[str, ProductState]:
    """Return the state of many products (id, volume, use before) by five queries, however many they are."""
    rows = list(products)
    ids = [row[0] for row in rows]
    ends: dict[str, set[str]] = defaultdict(set)
    for product_id, kind in session.execute(
        select(Movement.product_id, Movement.kind).where(Movement.product_id.in_(ids), Movement.kind.in_(ENDS))
    ):
        ends[product_id].add(kind)
    taken: dict[str, list[Decimal | None]] = defaultdict(list)
    for product_id, volume in session.execute(
        select(RunInput.product_id, RunInput.volume).where(RunInput.product_id.in_(ids))
    ):
        taken[product_id].append(volume)
    releases: dict[str, list[Release]] = defaultdict(list)
    chosen = select(Release).where(Release.product_id.in_(ids)).options(selectinload(Release.signatures))
    for release in session.scalars(chosen.order_by(Release.recorded_at, Release.id)):
        releases[release.product_id].append(release)
    results: dict[str, list[QCResult]] = defaultdict(list)
    if releases:
        read = (
            select(QCResult).where(QCResult.product_id.in_(list(releases))).order_by(QCResult.performed_at, QCResult.id)
        )
        for result in session.scalars(read):
            results[result.product_id].append(result)
    found = {}
    for product_id, volume, expires_at in rows:
        whole = volume or Decimal(0)
        left = whole - sum((whole if part is None else part for part in taken[product_id]), Decimal(0))
        decision = (
            standing_decision(releases[product_id], evidence(results[product_id])) if releases[product_id] else None
        )
        found[product_id] = derive(
            at, ends=ends[product_id], left=left, used=bool(taken[product_id]), expires_at=expires_at, decision=decision
        )
    return found


def _decided(*decisions: str) -> ColumnElement[bool]:
    """Return the SQL condition that the last standing decision is one of these.

    Written with times where `Release.holds` compares hashes: signed, not amended since, and no result written down or
    amended after it. The two agree as long as nobody changes rows behind the program; the tag on the page is exact.
    """
    later_result = exists().where(QCResult.product_id == Release.product_id, QCResult.recorded_at > Release.recorded_at)
    amended_result = exists().where(
        Amendment.record_id == QCResult.id,
        QCResult.product_id == Release.product_id,
        Amendment.amended_at > Release.recorded_at,
    )
    signed = exists().where(Signature.record_id == Release.id)
    stands = or_(Release.decision.not_in(RELEASING), and_(signed, not_(later_result), not_(amended_result)))
    last = (
        select(Release.decision)
        .where(Release.product_id == Product.id, stands)
        .order_by(Release.recorded_at.desc(), Release.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return last.in_(decisions) if decisions else last.is_(None)


def in_state(state: ProductState, at: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a product is in a state, for a list that the database filters and pages."""
    moved = {end: exists().where(Movement.product_id == Product.id, Movement.kind == end) for end in ENDS}
    used = exists().where(RunInput.product_id == Product.id)
    if state.value in moved:
        return moved[state.value]
    here = not_(or_(*moved.values()))
    if state is ProductState.PROCESSED:
        return and_(here, used)
    decision = {kind: key for key, kind in DECIDED.items()}.get(state)
    if state in {ProductState.REJECTED, ProductState.HOLD}:
        return and_(here, _decided(str(decision)))
    over = and_(Product.expires_at.is_not(None), Product.expires_at <= at)
    stopped = _decided("hold", "reject")
    if state is ProductState.EXPIRED:
        return and_(here, not_(used), over, or_(_decided(), not_(stopped)))
    return and_(here, not_(used), not_(over), _decided(str(decision)) if decision else _decided())
