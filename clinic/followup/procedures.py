"""When a course began to be done to the patient."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import object_session

from clinic.administration.models import Administration
from clinic.harvest.models import Harvest

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment


def first_procedure(course: Treatment) -> Harvest | Administration | None:
    """Return the first harvest or administration of a course that has a time."""
    session = object_session(course)
    if session is None:
        return None
    with session.no_autoflush:
        found = [
            session.scalar(
                select(model)
                .where(model.treatment_id == course.id, model.performed_at.is_not(None))
                .order_by(model.performed_at)
                .limit(1)
            )
            for model in (Harvest, Administration)
        ]
    known = [one for one in found if one is not None]
    return min(known, key=lambda one: one.performed_at or datetime.max.replace(tzinfo=UTC), default=None)
