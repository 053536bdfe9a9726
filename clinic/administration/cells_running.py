"""Cells that run into a patient now, for every page about her or him: which, and why they are to be stopped (rule 43).

Whoever writes down what stops them, an alert, an allergy, a result, sees on the next page that cells are running.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import String, func, literal_column, select

from clinic import clock, wording
from clinic.access import may
from clinic.administration.models import Administration
from clinic.administration.step import stop_because
from clinic.course_records import of_course
from clinic.pages import me
from clinic.patients.banner import RunningCells
from clinic.record_pool import in_order
from clinic.records import Origin
from clinic.release.after_giving import courses_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

STOPS = "giving.stop_early"


def running_in(patient_id: Any, person_id: Any, dialect: str) -> Any:
    """Return, as part of a query, the ids of what runs into a person, parted by commas; None where nothing does."""
    joined = func.group_concat if dialect == "sqlite" else func.string_agg
    return (
        select(joined(Administration.id, literal_column("','"), type_=String))
        .where(
            Administration.treatment_id.in_(courses_of(patient_id, person_id)),
            Administration.ended_at.is_(None),
            Administration.origin == Origin.CLINIC,
        )
        .scalar_subquery()
    )


def told(session: Session, ids: str) -> list[RunningCells]:
    """Return what is said of cells that run, by the ids that `running_in` found; most pages have read these records."""
    found = [given for one in ids.split(",") if (given := session.get(Administration, one)) is not None]
    return [_told(session, given) for given in sorted(found, key=in_order) if given.running and not given.voided]


def _told(session: Session, given: Administration) -> RunningCells:
    since = f", since {wording.time_of_day(given.performed_at, given.zone)}" if given.performed_at is not None else ""
    return RunningCells(
        what=f"{given.product.name} {given.product.division or ''}".strip() + since,
        url=url_for("administration.show", administration_id=given.id),
        stop=stop_because(of_course(session, given.treatment), given, clock.now()),
        stop_url=url_for(STOPS, administration_id=given.id) if may(me().role, STOPS) else "",
    )
