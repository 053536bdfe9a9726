"""What waits at the bedside for all courses of a site, each list by one query."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import exists, or_

from clinic.access import Role
from clinic.administration.models import Administration
from clinic.products.models import Movement, Product, RunInput
from clinic.records import Origin, signed_now
from clinic.release.models import RELEASING, Release
from clinic.steps import Waiting
from clinic.treatments.models import Treatment
from clinic.treatments.waiting import about, consented, courses, person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

HURRY = timedelta(hours=2)
"""From here on cells that wait come before everything else."""
BEDSIDE = frozenset({Role.NURSE, Role.PHYSICIAN})


def bedside(session: Session, at: datetime) -> list[Waiting]:
    """Return released products that were not given, and whose time is not over."""
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
    return [
        Waiting(
            patient=person(row),
            title="Check at the bedside",
            why=f"{row.name} {row.division or ''} is released{', and thawed' if row.thawed_at else ''}: {about(row)}.",
            who=BEDSIDE,
            to=("administration.bedside", {"treatment_id": row.id}),
            due_at=row.expires_at,
            due_words="use before",
            danger=row.expires_at is not None and row.expires_at - at <= HURRY,
        )
        for row in rows
    ]
