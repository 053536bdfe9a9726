"""Once there are cells, one person alone does not rewrite who the patient is (rules 1, 11; hazard H1)."""

from __future__ import annotations

from datetime import date

import pytest

from tests.bedside import released_product
from tests.factories import PASSWORD, day_boxes, patient, published, ready_for_harvest


@pytest.fixture
def own(ward):
    mine = ready_for_harvest(ward.team, patient(ward.team, family_name="Zorn", given_names="Eva"))
    return ward.verified(released_product(mine, ward.team)), mine


def confirm(ward, who, correction):
    url = f"/patients/{correction.record_id}/corrections/{correction.id}"
    return ward.fill(who, url, password=PASSWORD)


CORRECTIONS = [
    pytest.param({"family_name": "Zern"}, id="family name"),
    pytest.param({"given_names": "Ava"}, id="given names"),
    pytest.param(day_boxes("birth_date", date(1999, 1, 1)), id="birth date"),
    pytest.param({"sex": "other"}, id="sex"),
    pytest.param({"record_number": "NEW-1"}, id="record number"),
]


@pytest.mark.rule(1)
@pytest.mark.hazard("H1")
@pytest.mark.parametrize("changed", CORRECTIONS)
def test_a_correction_of_who_the_patient_is_waits_for_a_second_person(ward, own, changed):
    bag, mine = own
    answer = ward.amend("coordinator", mine.patient, **changed)
    assert answer.status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, "no second person has confirmed")
    ward.said_no("replace wristband and labels")
    (correction,) = mine.patient.amendments
    assert confirm(ward, "coordinator", correction).status_code == 422
    ward.give(mine, bag)
    ward.not_given(bag, "no second person has confirmed")
    assert confirm(ward, "nurse2", correction).status_code == 303, ward.refused
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(1)
def test_old_and_new_are_shown_and_the_page_leads_to_the_confirmation(ward, own):
    bag, mine = own
    ward.amend("coordinator", mine.patient, family_name="Other", given_names="Person")
    ward.give(mine, bag)
    ward.not_given(bag, "Family name: Zorn → Other")
    page = ward.browser("nurse").get(f"/patients/{mine.patient_id}").text
    assert f"/patients/{mine.patient_id}/corrections/" in page
    assert "Replace wristband and labels" in page


@pytest.mark.rule(1)
def test_a_correction_after_the_check_stops_the_start(ward, own):
    bag, mine = own
    check = ward.check(mine, bag)
    assert check.clear
    ward.amend("coordinator", mine.patient, family_name="Zern")
    ward.begin(check)
    ward.not_given(bag, "no second person has confirmed")


@pytest.mark.rule(1)
def test_what_was_put_back_needs_nobody(ward, own):
    bag, mine = own
    ward.amend("coordinator", mine.patient, family_name="Zern")
    ward.amend("coordinator", mine.patient, family_name="Zorn")
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


def test_a_correction_before_there_are_cells_needs_nobody(ward):
    mine = ready_for_harvest(ward.team)
    ward.session.commit()
    assert ward.amend("coordinator", mine.patient, family_name="Zern").status_code == 303
    with ward.later(hours=8):
        bag = ward.verified(released_product(mine, ward.team))
        ward.give(mine, bag)
        assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(1)
def test_banked_cells_count_from_their_assignment(ward):
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    (bag,) = ward.banked(ward.donated(donor, version), version)
    ward.session.commit()
    ward.assign(bag, mine)
    ward.release(bag)
    ward.amend("coordinator", mine.patient, given_names="Somebody")
    ward.give(mine, bag)
    ward.not_given(bag, "no second person has confirmed")


def test_one_record_is_not_compared_with_itself(ward, own):
    bag, mine = own
    check = ward.check(mine, bag)
    page = ward.browser("nurse").get(f"/bedside-checks/{check.id}").text
    assert "read both aloud" in page
