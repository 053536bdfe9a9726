"""The follow-up that is still to come of cells that were given elsewhere (rule 62)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.administration.models import Administration
from clinic.clock import day_in
from clinic.followup.models import FollowUpVisit, PlannedVisit, plan_visits
from clinic.patients.models import has_died

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from clinic.accounts.models import User


def visits_to_come(records: Iterable[Any], course: Any, patient: Any, *, by: User, at: datetime) -> list[PlannedVisit]:
    """Return the protocol's visits after today, counted from the first cells that a row dates; none after a death.

    Visits in the past were made elsewhere or not at all, and a visit that the row tells of is not planned again.
    """
    made = list(records)
    zone = by.site.zone
    given = [one for one in made if isinstance(one, Administration) and one.counts]
    days = [day for one in given if (day := day_in(one, "performed_at", zone)) is not None]
    if not days or has_died([patient]):
        return []
    today, day_zero = clock.day(at, zone), min(days)
    seen = [one for one in made if isinstance(one, FollowUpVisit)]
    return [
        plan  # names no cells: those of the first day of the course
        for plan in plan_visits(course, day_zero, by=by)
        if plan.due_on > today and not any(is_that(plan, one, zone) for one in seen)
    ]


def is_that(plan: PlannedVisit, visit: FollowUpVisit, zone: str) -> bool:
    """Whether a visit is the planned one: by its name, or because it was made in its window.

    One that is known by the day of its course alone is taken for made on that day after the first cells.
    """
    if (visit.name or "").casefold() == plan.name.casefold():
        return True
    on = day_in(visit, "performed_at", zone)
    if visit.performed_at is None and visit.course_day is not None and plan.administration_id is None:
        known = clock.shifted(clock.Span(plan.day_zero, plan.day_zero), visit.course_day)
        on = None if known is None else known.day
    return on is not None and plan.opens_on <= on <= plan.closes_on
