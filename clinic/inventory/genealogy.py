"""Where the cells of a product came from and what was made of them, column by column from donor to container."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import select

from clinic.fields import plain
from clinic.harvest.models import Harvest
from clinic.patients.donors import Donor
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product, RunInput, ancestors, descendants
from clinic.protocols.catalogues import SOURCES, within
from clinic.release.product_state import states

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SHOWN_MOST = 12
"""Containers drawn in one column; of a cord that went to forty patients the rest is counted."""


def columns(session: Session, product: Product, at: datetime) -> list[dict[str, Any]]:
    """Return where a product came from and what was made of it, by nine queries however large the family is."""
    return _drawn(session, {*ancestors(session, product.id), *descendants(session, product.id)}, at, here=product.id)


def of_course(session: Session, course_id: str, at: datetime) -> list[dict[str, Any]]:
    """Return where the products of a course came from, banked parents included; [] where there are none."""
    own = session.execute(select(Product.id, Product.run_id).where(Product.treatment_id == course_id)).all()
    runs: dict[str | None, str] = {}
    for product_id, run_id in own:
        runs.setdefault(run_id or product_id, product_id)
    family = {product_id for product_id, _run in own}
    for product_id in runs.values():  # containers of one run have the same parents
        family.update(ancestors(session, product_id))
    return _drawn(session, family, at) if own else []


def _drawn(session: Session, family: set[str], at: datetime, here: str = "") -> list[dict[str, Any]]:
    """Return the columns that the drawing takes."""
    rows = session.execute(
        select(
            Product.id,
            Product.name,
            Product.division,
            Product.volume,
            Product.expires_at,
            Product.donor_id,
            Product.harvest_id,
            Product.run_id,
        )
        .where(Product.id.in_(family))
        .order_by(Product.division, Product.id)
    ).all()
    tags = states(session, [(row.id, row.volume, row.expires_at) for row in rows], at)
    parents: dict[str, set[str]] = defaultdict(set)
    nodes: dict[str, dict[str, Any]] = {}
    for row in rows:
        nodes[row.id] = {
            "title": f"{row.name} {row.division or ''}".strip(),
            "lines": [f"{plain(row.volume)} mL"] if row.volume else [],
            "url": url_for("products.show", product_id=row.id) if row.id != here else None,
            "kind": "bag",
            "tag": tags[row.id].tag,
        }
        parents[row.id].add(row.harvest_id or row.run_id)
    for run_id, product_id in session.execute(
        select(RunInput.run_id, RunInput.product_id).where(
            RunInput.run_id.in_({row.run_id for row in rows if row.run_id}), RunInput.product_id.in_(family)
        )
    ):
        parents[run_id].add(product_id)
    _add_origins(session, rows, nodes, parents)
    return _arranged(nodes, parents)


def _add_origins(session: Session, rows: Any, nodes: dict[str, Any], parents: dict[str, set[str]]) -> None:
    runs = select(ProcessingRun.id, ProcessingRun.preparation, ProcessingRun.ended_at).where(
        ProcessingRun.id.in_({r.run_id for r in rows if r.run_id})
    )
    for run in session.execute(runs):
        ended = [f"{run.ended_at:%-d %b %Y}"] if run.ended_at else []
        nodes[run.id] = {
            "title": run.preparation or "Processing",
            "lines": ended,
            "url": url_for("processing.show", run_id=run.id),
            "kind": "run",
            "tag": None,
        }
    harvests = select(Harvest.id, Harvest.source, Harvest.volume, Harvest.ended_at, Harvest.donor_id)
    for harvest in session.execute(harvests.where(Harvest.id.in_({r.harvest_id for r in rows if r.harvest_id}))):
        source = within(SOURCES[harvest.source].label) if harvest.source in SOURCES else "cells"
        lines = [f"{plain(harvest.volume)} mL"] if harvest.volume else []
        lines += [f"{harvest.ended_at:%-d %b %Y}"] if harvest.ended_at else []
        nodes[harvest.id] = {
            "title": f"Harvest, {source}",
            "lines": lines,
            "url": url_for("harvest.show", harvest_id=harvest.id),
            "kind": "",
            "tag": None,
        }
        parents[harvest.id].add(harvest.donor_id)
    wanted = {harvest_donor for node in list(parents) for harvest_donor in parents[node] if harvest_donor not in nodes}
    for donor in session.scalars(select(Donor).where(Donor.id.in_(wanted))):
        nodes[donor.id] = {
            "title": donor.display_name,
            "lines": ["Donor"],
            "url": url_for("donors.show", donor_id=donor.id),
            "kind": "",
            "tag": None,
        }


def _arranged(nodes: dict[str, Any], parents: dict[str, set[str]]) -> list[dict[str, Any]]:
    """Put every node one column behind the last of its parents, and say from which of that column it comes."""
    depth: dict[str, int] = {}

    def place(key: str, seen: tuple[str, ...] = ()) -> int:
        if key not in depth:
            above = [place(parent, (*seen, key)) for parent in parents[key] if parent in nodes and parent not in seen]
            depth[key] = 1 + max(above, default=-1)
        return depth[key]

    found: dict[int, list[str]] = defaultdict(list)
    for key in nodes:
        found[place(key)].append(key)
    arranged = []
    before: list[str] = []
    for number in sorted(found):
        keys = found[number]
        shown = [
            {**nodes[key], "after": [i for i, parent in enumerate(before) if parent in parents[key]]}
            for key in keys[:SHOWN_MOST]
        ]
        if len(keys) > SHOWN_MOST:
            shown.append(
                {
                    "title": f"and {len(keys) - SHOWN_MOST} more",
                    "lines": [],
                    "url": None,
                    "kind": "",
                    "tag": None,
                    "after": [],
                }
            )
        arranged.append(
            {
                "label": {"": "Donors and harvests", "run": "Processing", "bag": "Products"}[nodes[keys[0]]["kind"]],
                "nodes": shown,
            }
        )
        before = keys[:SHOWN_MOST]
    return arranged
