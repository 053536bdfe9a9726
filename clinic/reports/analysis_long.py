"""The long tables for analysis: one row a visit, a score, an adverse event, each with the key of its course."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.exchange.parse_cell import NONE
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit, OutcomeScore, PlannedVisit
from clinic.protocols.catalogues import INSTRUMENTS
from clinic.reports.analysis_read import begun, chosen_courses, day_of, grouped, missing, told, turns
from clinic.reports.baselines import is_baseline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from clinic.reports.data import Data

    Line = tuple[dict[str, Any], date | None]
EVENT = (
    "term", "grade", "outcome", "expected", "from_cells", "from_harvest", "from_delivery", "from_drug", "from_disease",
)  # fmt: skip


def visits(data: Data) -> Iterator[Line]:
    """Yield every visit of the chosen courses, made or missed, with the day on which it was due."""
    zero = begun(data)
    for turn in turns(chosen_courses(data)):
        made = grouped(data, FollowUpVisit, FollowUpVisit.treatment_id, turn, FollowUpVisit.performed_at)
        counts = grouped(data, OutcomeScore, OutcomeScore.treatment_id, turn)
        plans = {
            one.id: one
            for found in grouped(data, PlannedVisit, PlannedVisit.treatment_id, turn).values()
            for one in found
        }
        for id_ in turn:
            scored = [one.visit_id for one in counts[id_]]
            known = {(one.visit_id, one.instrument) for one in counts[id_]}
            for one in made[id_]:
                plan, day = plans.get(one.plan_id), day_of(data, one, None, zero.get(id_))
                yield {
                    "visit_id": one.id, "course_id": id_, "origin": one.origin.value, "visit": one.name,
                    "baseline": is_baseline(one.name, day), "made": one.made, "alive": one.alive,
                    "on": told(data, one), "course_day": day,
                    "due": plan.due_on if plan is not None else None, "scores": scored.count(one.id),
                    "missing": [why for why in missing(one.not_recorded) if (one.id, why[0]) not in known],
                }, zero.get(id_)  # fmt: skip


def scores(data: Data) -> Iterator[Line]:
    """Yield every score of the chosen courses, and each that a table should have had and did not, with the reason."""
    zero = begun(data)
    for turn in turns(chosen_courses(data)):
        found = grouped(data, OutcomeScore, OutcomeScore.treatment_id, turn, OutcomeScore.performed_at)
        made = grouped(data, FollowUpVisit, FollowUpVisit.treatment_id, turn, FollowUpVisit.performed_at)
        for id_ in turn:
            by_id = {one.id: one for one in made[id_]}
            known = {(one.visit_id, one.instrument) for one in found[id_]}
            for one in found[id_]:
                visit = by_id.get(one.visit_id)
                yield _of_visit(data, visit, zero.get(id_)) | {
                    "score_id": one.id, "course_id": id_, "origin": one.origin.value, "instrument": one.instrument,
                    "value": one.value, "unit": INSTRUMENTS[one.instrument].unit, "did_not_occur": one.did_not_occur,
                    "on": told(data, one), "course_day": day_of(data, one, visit, zero.get(id_)),
                }, zero.get(id_)  # fmt: skip
            for visit in made[id_]:
                for name, why in sorted((visit.not_recorded or {}).items()):
                    if name in INSTRUMENTS and (visit.id, name) not in known:
                        yield _of_visit(data, visit, zero.get(id_)) | {
                            "score_id": f"{visit.id}-{name}", "course_id": id_, "origin": visit.origin.value,
                            "instrument": name, "unit": INSTRUMENTS[name].unit, "not_recorded": True, "why": why,
                            "on": told(data, visit),
                            "course_day": day_of(data, visit, None, zero.get(id_)),
                        }, zero.get(id_)  # fmt: skip


def _of_visit(data: Data, visit: Any, zero: date | None) -> dict[str, Any]:
    if visit is None:
        return {"not_recorded": False}
    before = is_baseline(visit.name, day_of(data, visit, None, zero))
    return {"visit_id": visit.id, "visit": visit.name, "baseline": before, "not_recorded": False}


def events(data: Data) -> Iterator[Line]:
    """Yield every adverse event of the chosen courses."""
    zero = begun(data)
    for turn in turns(chosen_courses(data)):
        found = grouped(data, AdverseEvent, AdverseEvent.treatment_id, turn, AdverseEvent.performed_at)
        for id_ in turn:
            for one in found[id_]:
                yield {name: getattr(one, name) for name in EVENT} | {
                    "event_id": one.id, "course_id": id_, "administration_id": one.administration_id,
                    "origin": one.origin.value, "onset": told(data, one), "ended": told(data, one, "ended_at"),
                    "course_day": day_of(data, one, None, zero.get(id_)),
                    "serious": None if one.serious is None else "; ".join(one.serious) or NONE,
                    "missing": missing(one.not_recorded),
                }, zero.get(id_)  # fmt: skip
