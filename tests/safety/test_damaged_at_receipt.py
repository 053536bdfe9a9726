"""Quality decides on what arrived damaged before it is processed: rejected, or accepted with a reason (rule 34)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.processing.models import ProcessingRun
from clinic.release.models import Release
from tests.factories import PASSWORD, harvested, ready_for_harvest
from tests.safety.scenes import scene

pytestmark = pytest.mark.rule(34)
DECIDE, PROCESS = "Decide what to do with the product", "Process the cells"


@scene
def leaking(ward):
    """Marrow whose bag leaks at the receipt."""
    course = ready_for_harvest(ward.team)
    bag = harvested(course, ward.team).products[0]
    at = clock.now() - timedelta(minutes=20)
    told = {"place": "Laboratory", "temperature": "20", "intact": False, "reason": "leaks", "performed_at": at}
    assert ward.move("technologist", bag, "received", **told).status_code == 303, ward.refused
    return course, bag


def today(ward, who):
    return ward.browser(who).get("/").text


def start(ward, course, bag):
    facts = {"inputs": [bag.id], "performed_at": clock.now()}
    return ward.fill("technologist", f"/treatments/{course.id}/processing/new", **facts)


def test_what_arrived_damaged_is_on_the_list_of_quality(ward, leaking):
    _course, bag = leaking
    assert DECIDE in today(ward, "quality")
    assert PROCESS not in today(ward, "technologist")
    assert ward.decide(bag, "reject", reason="leaks, cannot be used").status_code == 303, ward.refused
    assert ward.tag(bag) == "Rejected"
    assert DECIDE not in today(ward, "quality")
    assert PROCESS not in today(ward, "technologist")
    told = {"reason": "leaks, rejected"}
    assert ward.move("technologist", bag, "discarded", **told).status_code == 303, ward.refused


def test_quality_accepts_it_with_a_reason_and_it_is_processed(ward, leaking):
    course, bag = leaking
    assert start(ward, course, bag).status_code == 422
    ward.said_no("rule 34", "leaks")
    assert ward.decide(bag, "accept").status_code == 422
    ward.said_no("Reason: required")
    assert ward.decide(bag, "accept", reason="outer wrap leaks, inner bag whole").status_code == 303, ward.refused
    assert start(ward, course, bag).status_code == 422  # a yes counts from its signature
    assert "Sign the decision" in today(ward, "quality")
    made = ward.session.scalars(select(Release)).one()
    assert ward.fill("quality", f"/records/{made.id}/signature", password=PASSWORD).status_code == 303, ward.refused
    assert ward.tag(bag) == "In quarantine"
    assert DECIDE not in today(ward, "quality")
    assert PROCESS in today(ward, "technologist")
    assert start(ward, course, bag).status_code == 303, ward.refused
    assert ward.session.scalars(select(ProcessingRun)).one().inputs[0].product_id == bag.id


def test_what_is_found_after_the_acceptance_is_decided_on_again(ward, leaking):
    course, bag = leaking
    ward.decide(bag, "accept", reason="inner bag whole")
    made = ward.session.scalars(select(Release)).one()
    ward.fill("quality", f"/records/{made.id}/signature", password=PASSWORD)
    ward.result(bag, "gram_stain", outcome="organisms")
    assert start(ward, course, bag).status_code == 422
    assert DECIDE in today(ward, "quality")
    assert ward.decide(bag, "accept", reason="still").status_code == 422
    ward.said_no("cannot be accepted for processing")
    assert ward.decide(bag, "reject", reason="organisms").status_code == 303, ward.refused


def test_a_rejection_is_overturned_by_other_people(ward, leaking):
    course, bag = leaking
    ward.decide(bag, "reject", reason="leaks")
    assert ward.decide(bag, "accept", reason="after all").status_code in {409, 422}
    ward.said_no("rejected it")
    assert start(ward, course, bag).status_code == 422


def test_nothing_is_accepted_that_a_run_made(ward, leaking):
    answer = ward.browser("quality").get(f"/products/{leaking[1].id}/release").text
    assert "Accepted for processing" in answer
    bag = harvested(leaking[0], ward.team, side="left").products[0]
    assert "Accepted for processing" not in ward.browser("quality").get(f"/products/{bag.id}/release").text
