"""When a course began to be done to the patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import object_session

from clinic.administration.models import Administration
from clinic.harvest.models import Harvest

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.treatments.models import Treatment


def first_procedure(course: Treatment) -> datetime | None:
    """Return when the first harvest or administration of a course began."""
    session = object_session(course)
    if session is None:
        return None
    with session.no_autoflush:
        moments = [
            session.scalar(select(func.min(model.performed_at)).where(model.treatment_id == course.id))
            for model in (Harvest, Administration)
        ]
    return min((moment for moment in moments if moment is not None), default=None)
