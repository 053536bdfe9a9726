"""Recalculate what time alone has changed, and check that the stored lines match a fresh judgement."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from clinic.accounts.models import Site
from clinic.course_records import around_all, load, turns
from clinic.judged_lines import CourseLine, ProductLine
from clinic.ledger.listener import lock_site
from clinic.pathway.order import current
from clinic.pathway.projection import lines_of, product_lines, store
from clinic.products.models import Product
from clinic.reading import reading
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

EVERY = 60
"""Seconds between two sweeps of the server."""
AGAIN = "; run clinic sweep --all"
COMPARED = (
    "step", "state", "word", "title", "why", "roles", "endpoint", "target", "since", "due_at", "danger", "people",
    "barred", "failing",
)  # fmt: skip


def sweep(session: Session, at: datetime, *, whole: bool = False) -> int:
    """Judge anew each course and product whose moment has passed or that has no lines; return how many there were.

    ``whole``: all of them, since an update of the program can judge otherwise than what is stored.
    Commits after some courses at a time, so that writers do not wait long.
    """
    count = 0
    with reading():
        sites = session.scalars(select(Site.id)).all()
        session.rollback()
    for site_id in sites:
        with reading():
            courses, products = (all_of if whole else stale)(session, site_id, at)
            session.rollback()
        for turn in turns(courses):
            count += _stored(session, site_id, turn, set(), at)
        for turn in turns(products):
            count += _stored(session, site_id, [], set(turn), at)
    return count


def _stored(session: Session, site_id: str, courses: list[str], products: set[str], at: datetime) -> int:
    lock_site(session, site_id)
    store(session, courses, products, at)
    session.commit()
    return len(courses) + len(products)


def all_of(session: Session, site_id: str, _at: datetime) -> tuple[list[str], list[str]]:
    """Return the ids of all courses of a site, and of its products that no course has."""
    banked = select(Product.id).where(Product.site_id == site_id, Product.treatment_id.is_(None))
    courses = select(Treatment.id).where(Treatment.site_id == site_id)
    return list(session.scalars(courses)), list(session.scalars(banked))


def stale(session: Session, site_id: str, at: datetime) -> tuple[list[str], list[str]]:
    """Return the ids of the courses and of the products of a site whose lines are out of date or missing.

    A course that was there before the pathway was given one more step has no line of it yet.
    """
    lines = select(CourseLine.treatment_id).where(CourseLine.site_id == site_id)
    late = lines.where(CourseLine.changes_at <= at)
    unjudged = (Treatment.id.not_in(lines.where(CourseLine.step == step.name)) for step in current())
    courses = select(Treatment.id).where(Treatment.site_id == site_id, or_(Treatment.id.in_(late), *unjudged))
    states = select(ProductLine.product_id).where(ProductLine.site_id == site_id)
    over = states.where(ProductLine.changes_at <= at)
    products = select(Product.id).where(
        Product.site_id == site_id, or_(Product.id.in_(over), Product.id.not_in(states))
    )
    return list(session.scalars(courses)), list(session.scalars(products))


def disagreements(session: Session, at: datetime) -> Iterator[str]:
    """Yield a sentence for each course or product whose stored lines do not match a fresh judgement.

    A line over which time has passed is left out: a list judges it in memory.
    """
    for turn in turns(session.scalars(select(Treatment.id).order_by(Treatment.id)).all()):
        for course_id, records in load(session, turn).items():
            if course_id not in turn:
                continue
            stored = session.scalars(select(CourseLine).where(CourseLine.treatment_id == course_id)).all()
            said = sorted(_key({name: getattr(line, name) for name in COMPARED}) for line in stored)
            late = any(line.changes_at is not None and line.changes_at <= at for line in stored)
            if not late and said != sorted(_key(line) for line in lines_of(records, at)):
                yield f"course {course_id}: the stored lines do not match the records{AGAIN}"
            yield from _other_states(session, product_lines(records, records.of(Product), at), at)
    banked = select(Product.id).where(Product.treatment_id.is_(None)).order_by(Product.id)
    for turn in turns(session.scalars(banked).all()):
        products = session.scalars(select(Product).where(Product.id.in_(turn))).all()
        found = around_all(session, products)
        judged = [line for one in products for line in product_lines(found[one.id], [one], at)]
        yield from _other_states(session, judged, at)


def _other_states(session: Session, judged: list[dict[str, Any]], at: datetime) -> Iterator[str]:
    """Yield a sentence for each product whose stored line says another state, or another end of it, than is judged."""
    for product in judged:
        line = session.get(ProductLine, product["product_id"])
        if line is not None and line.changes_at is not None and line.changes_at <= at:
            continue
        if line is None or line.state != product["state"]:
            yield f"product {product['product_id']}: the stored state is not {product['state']}{AGAIN}"
        elif line.changes_at != product["changes_at"]:
            yield f"product {product['product_id']}: the stored state ends at another moment{AGAIN}"


def _key(line: dict[str, Any]) -> str:
    return repr([line[name] for name in COMPARED])


def keep_sweeping(judge: Callable[[], None], stop: threading.Event, every: float = EVERY) -> threading.Thread:
    """Start a thread that recalculates at once and then every minute, until it is stopped."""

    def run() -> None:
        while not stop.is_set():
            judge()
            stop.wait(every)

    thread = threading.Thread(target=run, name="sweep", daemon=True)
    thread.start()
    return thread
