"""A correction of a weight that changes a dose counts when a second person has signed it (rules 51, 52)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest


@pytest.fixture
def heavy(ward):
    """A released bag with nearly three times the dose of the patient's weight."""
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team, amount="200"))
    (weight,) = mine.patient.weights
    ward.session.commit()
    ward.give(mine, bag)
    ward.not_given(bag, "rule 52")
    ward.refused.clear()
    return bag, mine, weight


@pytest.mark.rule(51, 52)
def test_a_weight_is_not_corrected_alone_so_that_a_refused_dose_passes(ward, heavy):
    bag, mine, weight = heavy
    assert ward.amend("nurse", weight, kg="140").status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, "72.5 to 140 kg")
    ward.sign("nurse", weight)
    ward.give(mine, bag)
    ward.not_given(bag, "A second person compares")
    assert ward.sign("physician", weight).status_code == 303, ward.refused
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(51)
def test_small_steps_come_to_a_great_one(ward, heavy):
    bag, mine, weight = heavy
    for kg in ("79", "86", "94", "103", "113", "124", "136"):
        assert ward.amend("nurse", weight, kg=kg).status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, "A second person compares")


@pytest.mark.rule(51)
def test_a_weight_is_not_moved_out_of_the_way_alone(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team))
    ward.session.commit()
    url = f"/patients/{mine.patient_id}/weights/new"
    ward.fill("nurse", url, kg="40", sure="child scale", performed_at=clock.now() - timedelta(minutes=5))
    last = next(one for one in mine.patient.weights if one.kg == 40)
    answer = ward.amend("nurse", last, performed_at=clock.now() - timedelta(days=9))
    assert answer.status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, "to another time")


@pytest.mark.rule(51)
def test_a_small_correction_needs_nobody(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team))
    (weight,) = mine.patient.weights
    ward.session.commit()
    assert ward.amend("nurse", weight, kg="72").status_code == 303
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


def test_a_consent_that_is_sent_to_the_course_goes_to_the_patient(ward):
    mine = ready_for_harvest(ward.team)
    ward.session.commit()
    answer = ward.fill("coordinator", f"/treatments/{mine.id}/consents/new", scope="treatment")
    assert answer.status_code == 307
    assert f"/patients/{mine.patient_id}/consents/new" in answer.location


def test_an_acknowledgment_is_on_the_list_of_the_named_physician_only(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, released=False))
    ward.session.commit()
    decided = ward.decide(bag, "conditional", reason="culture pending", physician_told=ward.team.physician.id)
    ward.fill("quality", decided.location, password=PASSWORD)
    assert "Acknowledge the release" in ward.browser("physician").get("/").text
    mine_first, others = ward.browser("physician2").get("/").text.partition("Waiting for others")[::2]
    assert "Acknowledge the release" not in mine_first
    assert "Acknowledge the release" in others
