"""Where the cells of a product came from and what was made of them, column by column from donor to container."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import url_for

from clinic import clock, wording
from clinic.fields import plain
from clinic.products.graph import ancestry, made_of, natural
from clinic.products.models import Product
from clinic.protocols.catalogues import SOURCES, within
from clinic.release.product_state import state_of

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords

SHOWN_MOST = 12
"""Containers drawn in one column; of a cord that went to forty patients the rest is counted."""


def columns(records: CourseRecords, product: Product, at: datetime) -> list[dict[str, Any]]:
    """Return where a product came from and what was made of it."""
    return _drawn(records, [*ancestry(records, product), *made_of(records, product)], at, here=product.id)


def of_course(records: CourseRecords, at: datetime) -> list[dict[str, Any]]:
    """Return where the products of a course came from, banked parents included; [] where there are none."""
    own = records.of(Product)
    return _drawn(records, [*own, *(parent for one in own for parent in ancestry(records, one))], at)


def _drawn(records: CourseRecords, family: list[Product], at: datetime, here: str = "") -> list[dict[str, Any]]:
    """Return the columns that the drawing takes."""
    products = sorted({one.id: one for one in family}.values(), key=lambda one: (natural(one.division), one.id))
    parents: dict[str, set[str]] = defaultdict(set)
    nodes: dict[str, dict[str, Any]] = {}
    for one in products:
        url = url_for("products.show", product_id=one.id) if one.id != here else None
        lines = [f"{plain(one.volume)} mL"] if one.volume else []
        title = f"{one.name} {one.division or ''}".strip()
        nodes[one.id] = _node(title, lines, url, "bag", state_of(records, one, at).tag)
        parents[one.id].add(one.harvest_id or one.run_id or "")
        for use in one.uses:
            parents[use.run_id].add(one.id)
    for run_id in dict.fromkeys(one.run_id for one in products if one.run_id):
        run = records.get(run_id)
        ended = [wording.day(clock.day(run.ended_at, records.zone))] if run.ended_at else []
        nodes[run.id] = _node(run.preparation or "Processing", ended, url_for("processing.show", run_id=run.id), "run")
    for harvest_id in dict.fromkeys(one.harvest_id for one in products if one.harvest_id):
        harvest = records.get(harvest_id)
        source = within(SOURCES[harvest.source].label) if harvest.source in SOURCES else "cells"
        lines = [f"{plain(harvest.volume)} mL"] if harvest.volume else []
        lines += [wording.day(clock.day(harvest.ended_at, records.zone))] if harvest.ended_at else []
        nodes[harvest.id] = _node(f"Harvest, {source}", lines, url_for("harvest.show", harvest_id=harvest.id))
        parents[harvest.id].add(harvest.donor_id)
        donor = records.get(harvest.donor_id)
        if donor is not None:
            nodes[donor.id] = _node(donor.display_name, ["Donor"], url_for("donors.show", donor_id=donor.id))
    return _arranged(nodes, parents) if products else []


def _node(
    title: str, lines: list[str], url: str | None, kind: str = "", tag: tuple[str, str, str] | None = None
) -> dict[str, Any]:
    return {"title": title, "lines": lines, "url": url, "kind": kind, "tag": tag}


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
