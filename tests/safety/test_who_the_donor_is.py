"""One person alone does not rewrite who gave the cells; page, list and gate say the same (rules 1, 15, 17)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.judged_lines import ProductLine
from tests.bedside import released_product
from tests.factories import PASSWORD, boxes, published, ready_for_harvest
from tests.safety.scenes import scene

STOP = {"reason": "The patient moved away"}


@scene
def banked(ward):
    version = published(ward.team, "UC-MSC-RA")
    facts = {"sex": "female", "age_years": Decimal(30), "abo": "A", "rhd": "positive", "donor_number": "R-1001"}
    donor = ward.giver(kind="unrelated", **facts)
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    (bag,) = ward.banked(ward.donated(donor, version), version)
    ward.session.commit()
    ward.assign(bag, mine)
    ward.release(bag)
    return bag, mine, donor


def confirm(ward, who, donor, correction):
    return ward.fill(who, f"/donors/{donor.id}/corrections/{correction.id}", password=PASSWORD)


def line(ward, bag):
    ward.session.expire_all()
    return ward.session.scalar(select(ProductLine.state).where(ProductLine.product_id == bag.id))


CHANGED = [{"donor_number": "R-9001"}, {"abo": "O"}, {"rhd": "negative"}, {"sex": "male"}, {"age_years": "40"}]


@pytest.mark.rule(17)
@pytest.mark.hazard("H3")
@pytest.mark.parametrize("changed", CHANGED)
def test_who_the_donor_is_waits_for_a_second_person(ward, banked, changed):
    bag, mine, donor = banked
    assert ward.tag(bag) == "Released"
    assert ward.amend("coordinator", donor, **changed).status_code == 303, ward.refused
    assert ward.tag(bag) == "On hold"
    ward.give(mine, bag)
    ward.not_given(bag, "no second person has confirmed")
    (correction,) = donor.amendments
    assert "Confirm the correction" in ward.browser("nurse").get("/").text
    assert f"/corrections/{correction.id}" in ward.browser("nurse").get(f"/donors/{donor.id}").text
    assert confirm(ward, "coordinator", donor, correction).status_code == 422
    assert ward.tag(bag) == "On hold"
    assert confirm(ward, "nurse", donor, correction).status_code == 303, ward.refused
    assert ward.tag(bag) == "Released"


@pytest.mark.rule(17)
def test_what_was_put_back_or_filled_in_or_came_before_the_cells_needs_nobody(ward, banked):
    bag, mine, donor = banked
    ward.amend("coordinator", donor, abo="O")
    ward.amend("coordinator", donor, abo="A")
    assert ward.tag(bag) == "Released"
    ward.amend("coordinator", donor, hla_match="9/10")
    assert ward.tag(bag) == "Released"
    fresh = ward.giver()
    ward.session.commit()
    assert ward.amend("coordinator", fresh, donor_number="R-77").status_code == 303
    version = published(ward.team, "UC-MSC-RA")
    (later,) = ward.banked(ward.donated(fresh, version), version)
    ward.session.commit()
    assert ward.tag(later) == "In quarantine"
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(3)
def test_a_patient_as_own_donor_stays_that(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    ward.session.commit()
    donor = bag.donor
    assert ward.amend("coordinator", donor, kind="unrelated").status_code == 422
    ward.said_no("cannot change: Donor")
    answer = ward.amend("coordinator", donor, kind="unrelated", donor_number="R-5")
    assert answer.status_code == 422
    ward.said_no("own cells")
    ward.session.expire_all()
    assert (donor.kind, donor.donor_number, donor.patient_id) == ("self", None, mine.patient_id)


@pytest.mark.rule(15)
@pytest.mark.parametrize("place", ["", "/release"])
def test_pages_and_lists_say_that_the_donor_withdrew(ward, banked, place):
    bag, mine, donor = banked
    consent = donor.consents[0]
    gone = clock.now() - timedelta(minutes=2)
    assert ward.amend("coordinator", consent, **boxes("withdrawn_at", gone)).status_code == 303, ward.refused
    assert ward.tag(bag) == "On hold"
    assert line(ward, bag) == "hold"
    shown = ward.browser("quality").get(f"/products/{bag.id}{place}").text
    assert "withdrew the consent to donate" in shown
    assert "In force" not in shown
    assert "withdrew the consent to donate" in ward.browser("quality").get("/").text
    ward.give(mine, bag)
    ward.not_given(bag, "withdrew the consent to donate")


@pytest.mark.rule(50)
def test_pages_and_lists_say_that_the_course_was_stopped(ward, banked):
    bag, mine, _donor = banked
    stopped = ward.fill("physician", f"/treatments/{mine.id}/stop", **STOP)
    assert stopped.status_code == 303, ward.refused
    if "/signature" in stopped.location:
        ward.fill("physician", stopped.location, password=PASSWORD)
    assert ward.tag(bag) == "On hold"
    assert line(ward, bag) == "hold"
    shown = ward.browser("quality").get(f"/products/{bag.id}").text
    assert "The course was stopped" in shown
    assert "In force" not in shown
    back = ward.fill("quality", f"/products/{bag.id}/unassignment", reason="course stopped")
    assert back.status_code == 303, ward.refused
    assert ward.tag(bag) == "In quarantine"
