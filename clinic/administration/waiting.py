"""What waits at the bedside for all courses of a site, each list by one query."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import exists, or_

from clinic.access import Role
from clinic.administration.models import Administration
from clinic.processing.release import RELEASING, Release
from clinic.products.models import Movement, Product, RunInput
from clinic.records import Origin, signed_now
from clinic.steps import Waiting
from clinic.treatments.models import Treatment
from clinic.treatments.waiting import about, consented, courses, person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

BEDSIDE = frozenset({Role.NURSE, Role.PHYSICIAN})


def bedside(session: Session, at: datetime) -> list[Waiting]:
    """Return released products that were not given, the thawed ones first, and administrations that nobody signed."""
    given = exists().where(Administration.product_id == Product.id)
    taken = exists().where(RunInput.product_id == Product.id)
    gone = exists().where(Movement.product_id == Product.id, Movement.kind == "discarded")
    released = exists().where(Release.product_id == Product.id, Release.decision.in_(RELEASING), signed_now(Release))
    stopped = exists().where(
        Release.product_id == Product.id, Release.decision.in_(("hold", "reject")), signed_now(Release)
    )
    rows = session.execute(
        courses(Product.id.label("product_id"), Product.name, Product.division, Product.expires_at, Product.thawed_at)
        .join(Product, Product.treatment_id == Treatment.id)
        .where(
            Product.origin == Origin.CLINIC,
            released,
            ~stopped,
            ~given,
            ~gone,
            ~taken,
            consented(at),
            or_(Product.expires_at.is_(None), Product.expires_at > at),
        )
    )
    waiting = [
        Waiting(
            patient=person(row),
            title="Check at the bedside",
            why=f"{row.name} {row.division or ''} is released{', and thawed' if row.thawed_at else ''}: {about(row)}.",
            who=BEDSIDE,
            to=("administration.bedside", {"id": row.id}),
            due_at=row.expires_at,
            due_words="use before",
        )
        for row in rows
    ]
    unsigned = session.execute(
        courses(Administration.id.label("administration_id"), Administration.performed_at)
        .join(Administration, Administration.treatment_id == Treatment.id)
        .where(Administration.origin == Origin.CLINIC, ~signed_now(Administration))
    )
    return waiting + [
        Waiting(
            patient=person(row),
            title="Sign the administration",
            why=f"Given, not signed: {about(row)}.",
            who=BEDSIDE,
            to=("administration.show", {"id": row.administration_id}),
            due_at=row.performed_at,
            due_words="given",
        )
        for row in unsigned
    ]
