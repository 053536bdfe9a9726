"""What waits in the harvest for all courses of a site, each list by one query."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import exists

from clinic.access import Role
from clinic.harvest.models import Harvest
from clinic.products.models import Product
from clinic.records import Origin, signed_now
from clinic.steps import Waiting
from clinic.treatments.models import Treatment
from clinic.treatments.waiting import about, consented, courses, due, found_eligible, person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def harvests(session: Session, at: datetime) -> list[Waiting]:
    """Return the courses whose harvest may begin, and the harvests that nobody has signed."""
    begun = exists().where(Harvest.treatment_id == Treatment.id) | exists().where(Product.treatment_id == Treatment.id)
    ready = session.execute(courses().where(consented(at), found_eligible(), ~begun))
    waiting = [
        Waiting(
            patient=person(row),
            title="Harvest",
            why=f"Consent and eligibility are signed: {about(row)}.",
            who=frozenset({Role.NURSE, Role.PHYSICIAN}),
            to=("pathway.course", {"treatment_id": row.id}),
            due_at=due(row),
            due_words="planned",
        )
        for row in ready
    ]
    unsigned = session.execute(
        courses(Harvest.id.label("harvest_id"), Harvest.ended_at)
        .join(Harvest, Harvest.treatment_id == Treatment.id)
        .where(Harvest.origin == Origin.CLINIC, ~signed_now(Harvest))
    )
    return waiting + [
        Waiting(
            patient=person(row),
            title="Sign the harvest",
            why=f"Written down, not signed: {about(row)}.",
            who=frozenset({Role.PHYSICIAN}),
            to=("harvest.show", {"harvest_id": row.harvest_id}),
            due_at=row.ended_at,
            due_words="collected",
        )
        for row in unsigned
    ]
