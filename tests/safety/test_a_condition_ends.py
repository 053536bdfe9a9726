"""A release under a condition waits for a result only as long as the result takes, and for its physician (rule 44)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.demo import builder
from clinic.release.models import Release
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest

pytestmark = pytest.mark.rule(44)


@pytest.fixture
def frozen(ward):
    """Cells in the tank, released while the culture is pending."""
    course = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = released_product(course, ward.team, frozen_at=clock.now() - timedelta(hours=1))
    return course, ward.verified(bag)


def thawed(ward, course, bag):
    builder.weigh(ward.team, course.patient, clock.now() - timedelta(hours=2), Decimal("72.5"))
    ward.session.commit()
    ward.move("technologist", bag, "thawed", place="Water bath")


def test_before_the_result_is_due_the_cells_are_given(ward, frozen):
    course, bag = frozen
    with ward.later(days=10):
        thawed(ward, course, bag)
        ward.give(course, bag)
        assert ward.given(bag) is not None, ward.refused
        rail = ward.browser("nurse").get(f"/treatments/{course.id}").text.partition('class="c-rail"')[2]
        released = next(step for step in rail.split("<li ") if ">Release<" in step)
        assert "is-now" in released
        assert "Released, result pending" in released


@pytest.mark.parametrize("days", [16, 25])
def test_after_it_is_overdue_nothing_is_given_until_it_is_read(ward, frozen, days):
    course, bag = frozen
    with ward.later(days=days):
        thawed(ward, course, bag)
        assert ward.tag(bag) == "On hold"
        ward.give(course, bag)
        ward.not_given(bag, "has not been read")
        told = {"reason": "still waiting", "physician_told": ward.team.physician.id}
        assert ward.decide(bag, "conditional", **told).status_code in {409, 422}
        at = clock.now() - timedelta(days=days, hours=2)
        for who in ("technologist", "technologist2"):
            ward.result(bag, "sterility", who, outcome="no_growth", sampled_at=at, sure="late")
        assert ward.tag(bag) == "Released", ward.refused
        ward.give(course, bag)
        assert ward.given(bag) is not None, ward.refused


def test_the_physician_who_is_informed_acknowledges_before_the_cells_are_given(ward):
    course = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(course, ward.team, released=False))
    answer = ward.decide(bag, "conditional", reason="culture pending", physician_told=ward.team.physician.id)
    ward.fill("quality", answer.location, password=PASSWORD)
    ward.give(course, bag)
    ward.not_given(bag, "rule 44")
    (decision,) = ward.session.scalars(select(Release).where(Release.product_id == bag.id))
    assert ward.sign("physician", decision).status_code == 303, ward.refused
    ward.give(course, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.hazard("H12")
def test_after_a_change_since_the_check_only_a_new_scan_is_asked_for(ward):
    course = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(course, ward.team))
    check = ward.check(course, bag)
    ward.fill("nurse", f"/patients/{course.patient_id}/alerts/new", text="pneumonia, febrile")
    answer = ward.begin(check, because="")
    assert answer.status_code in {409, 422}
    ward.said_no("Scan wristband and bag again")
    assert "What did you do about it?" not in answer.text
    assert ward.given(bag) is None
