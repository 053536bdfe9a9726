"""Reactions and events over HTTP."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from clinic import clock
from clinic.eligibility.models import Eligibility
from clinic.followup.adverse_events import AdverseEvent


def reaction(ward, given, signs, **typed):
    url = f"/administrations/{given.id}/events/reaction"
    return ward.fill("nurse", url, sure="seen", signs=signs, performed_at=clock.now(), **typed)


def adverse_event(ward, course, term, who="nurse", **typed):
    facts = {"term": term, "outcome": "ongoing", "performed_at": clock.now() - timedelta(minutes=2)}
    facts |= {"symptoms_of": "other"}
    facts |= {} if typed.get("serious") else {"seriousness": "no"}
    answer = ward.fill(who, f"/treatments/{course.id}/adverse-events/new", sure="seen", **(facts | typed))
    assert answer.status_code == 303, ward.refused
    return newest(ward, AdverseEvent)


def newest(ward, model):
    ward.session.expire_all()
    return ward.session.scalars(select(model).order_by(model.recorded_at.desc())).first()


def decide(ward, course, who="physician", **typed):
    said = {"active_infection": False, "pregnancy": "not_applicable", "malignancy": False, "eligible": True}
    url = f"/treatments/{course.id}/eligibility/new"
    answer = ward.fill(who, url, sure="asked", performed_at=clock.now(), **(said | typed))
    assert answer.status_code == 303, ward.refused
    return newest(ward, Eligibility)


def assess(ward, event, who="physician", **typed):
    """A physician assesses an event, mild and unlikely from the cells where a story says nothing else, and signs it."""
    causes = dict.fromkeys(("from_cells", "from_harvest", "from_delivery"), "unlikely")
    facts = {"grade": "2", "expected": "unexpected"} | causes | typed
    answer = ward.fill(who, f"/adverse-events/{event.id}/assessment", sure="seen", **facts)
    assert answer.status_code == 303, ward.refused
    assert ward.sign(who, ward.session.get(AdverseEvent, event.id)).status_code == 303, ward.refused
