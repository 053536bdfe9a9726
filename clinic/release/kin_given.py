"""What is said of other containers after cells that share their origin were given: a physician assesses it (K7, H29).

Quality rejects the sister bag for mould, somebody throws a parent away with the label of another patient: whoever got
the cells is told of it as of growth that is found then, see `clinic.release.after_giving`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from clinic.course_records import around_all
from clinic.products.graph import ancestry
from clinic.products.models import Movement, Product
from clinic.record_pool import once
from clinic.release.after_giving import courses_of, family_of_given, given_beside
from clinic.release.evidence import suffered
from clinic.release.kin import SPEAKS, said_of, said_of_relatives
from clinic.release.models import Release

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.course_records import CourseRecords
    from clinic.records import Record


@once
def said_since_given(records: CourseRecords, product: Product) -> list[tuple[Record, str]]:
    """Return what speaks against given cells and was written since, with a sentence each; empty: nothing.

    Of its sisters, of what it was made of, and of itself: a rest with mould, a giving that was stopped for it. What
    quality took into account in a signed decision since is none.
    """
    begun = min((at for one in product.movements if one.kind == "given" for at in _moments(one)), default=None)
    if begun is None or not product.given:
        return []
    found = {record.id: (record, said) for record, said in said_of_relatives(records, product)}
    line = ancestry(records, product)
    for one in line:
        kinship = "the container itself" if one is product else "from which it was made"
        found |= {record.id: (record, said) for record, said in said_of(records, one, kinship)}
    found |= {
        move.id: (move, said)
        for move, said in suffered(records, product, line)
        if said and move.product_id != product.id and move.id not in found
    }
    return [
        (record, said)
        for record, said in found.values()
        if max([record.recorded_at, *(one.amended_at for one in record.amendments)]) >= begun
        and not any(_knew(records, one, record) for one in records.on(product, Release))
    ]


def _moments(move: Movement) -> list[datetime]:
    return [at for at in (move.performed_at, move.recorded_at) if at is not None]


def _knew(records: CourseRecords, decision: Release, record: Record) -> bool:
    """Whether a decision to release took a record into account and is signed by all who must."""
    return decision.releases and record.id in (decision.basis or {}) and not decision.lacks(records)


def kin_in_given(patient_id: Any, person_id: Any, dialect: str) -> Any:
    """Return, as part of a query, the id of a container that a patient got, where something may be said of its kin.

    The sentences are read in `kin_in_words`; where nothing was rejected, held, discarded or stopped, nothing is read.
    """
    got = family_of_given(patient_id, person_id, dialect)
    spoken = or_(*(select(kind.id).where(kind.product_id.in_(got), one.may).exists() for kind, one in SPEAKS.items()))
    given = select(Movement.product_id).where(Movement.product_id == Product.id, Movement.kind == "given").exists()
    chosen = select(Product.id).where(Product.treatment_id.in_(courses_of(patient_id, person_id)), given, spoken)
    return chosen.order_by(Product.id).limit(1).scalar_subquery()


def kin_in_words(session: Session, product_id: str, _zone: str) -> str:
    """Say what was written against the cells of a patient since they were given, and what is done; empty: nothing."""
    given = given_beside(session, product_id)
    records = around_all(session, given)
    told = {
        record.id: f"{product.name} {product.division or ''}".strip() + f", given to this patient: {said}"
        for product in given
        for record, said in said_since_given(records[product.id], product)
    }
    if not told:
        return ""
    return (
        f"{' '.join(told.values())} This is said of cells that this patient received or that share their origin. A "
        "physician assesses it and informs the patient (rule 43)."
    )
