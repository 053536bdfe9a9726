"""The graph of cells: which containers share cells with which, among records that were read.

Containers share cells when they come from one harvest or one run, when one went into the other, or when both went
into one pool. What is found in one of them says something about all of them (hazards H9, H29).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clinic.patients.donors import Donor
from clinic.products.models import Product, RunInput

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords


def parents(records: CourseRecords, product: Product) -> list[Product]:
    """Return what went into the run that made a product."""
    inputs = [] if product.run_id is None else records.pool.on(product.run_id, "processing_run", RunInput)
    return [parent for one in inputs if (parent := records.get(one.product_id)) is not None]


def ancestry(records: CourseRecords, product: Product) -> list[Product]:
    """Return a product and all that it was made of, back to what was harvested."""
    found: dict[str, Product] = {}
    waiting = [product]
    while waiting:
        one = waiting.pop()
        if one.id not in found:
            found[one.id] = one
            if one.run_id is not None:
                waiting += parents(records, one)
    return list(found.values())


def made_of(records: CourseRecords, product: Product) -> list[Product]:
    """Return all containers that were made of a product, itself included."""
    found: dict[str, Product] = {}
    waiting = [product]
    while waiting:
        one = waiting.pop()
        if one.id not in found:
            found[one.id] = one
            for use in one.uses:
                waiting += records.pool.on(use.run_id, "processing_run", Product)
    return list(found.values())


def natural(division: str | None) -> list[tuple[bool, int, str]]:
    """Return the key that puts numbered divisions in their order: A1, A2, A11."""
    parts = re.findall(r"\d+|\D+", division or "")
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def relatives(records: CourseRecords, product: Product) -> list[Product]:
    """Return all other containers that share cells with a product."""
    found: dict[str, Product] = {}
    waiting = [product]
    while waiting:
        one = waiting.pop()
        if one.id in found:
            continue
        found[one.id] = one
        for run_id in (one.run_id, *(use.run_id for use in records.pool.on(one.id, "product", RunInput))):
            if run_id is not None:
                waiting += _in_run(records, run_id)
        waiting += records.pool.index(Product, "harvest_id").get(one.harvest_id or "", ())
    return [one for one in found.values() if one.id != product.id]


def _in_run(records: CourseRecords, run_id: str) -> list[Product]:
    """Return what went into a run and what came out of it."""
    inputs = records.pool.on(run_id, "processing_run", RunInput)
    parents = [parent for one in inputs if (parent := records.get(one.product_id)) is not None]
    return [*parents, *records.pool.on(run_id, "processing_run", Product)]


def donors(records: CourseRecords, product: Product) -> list[Donor]:
    """Return every donor in the ancestry of a product: who gave what was harvested, and whom a pool names."""
    found: dict[str, Donor] = {}
    for one in ancestry(records, product):
        harvest = records.get(one.harvest_id)
        for donor in (records.get(one.donor_id), records.get(harvest.donor_id) if harvest is not None else None):
            if donor is not None:
                found[donor.id] = donor
    return list(found.values())
