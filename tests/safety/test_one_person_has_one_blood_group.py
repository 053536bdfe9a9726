"""Blood groups of one person that contradict each other may be two people's: no cells until it is cleared (20, 21)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from clinic.patients.donors import BloodTyping
from tests.bedside import released_product
from tests.factories import PASSWORD, patient, published, ready_for_harvest
from tests.safety.moments import minutes
from tests.safety.reacting import newest
from tests.safety.scenes import scene
from tests.safety.test_asked_again_while_it_runs import type_again
from tests.safety.test_facts_of_the_whole_person import banked, released
from tests.safety.test_written_since_the_decision import stopped

pytestmark = [pytest.mark.rule(20, 21), pytest.mark.hazard("H1")]
STOP = "Stop giving these cells"


@scene
def own(ward) -> Any:
    """A patient's own cells under a protocol that asks for no typing; the record says O positive."""
    mine = ready_for_harvest(ward.team, patient(ward.team, abo="O", rhd="positive"))
    assert not mine.says.screening.two_blood_groups
    return ward.verified(released_product(mine, ward.team)), mine


@scene
def foreign(ward) -> Any:
    """A donor's cells; donor and patient are O positive by their records."""
    one = patient(ward.team, abo="O", rhd="positive")
    bag, mine, donor = banked(ward, one, giver=ward.giver(abo="O", rhd="positive"))
    released(ward, bag, mine)
    return bag, mine, donor


def again(ward, mine, abo, rhd, number="ZZ-2"):
    facts = {"abo": abo, "rhd": rhd, "performed_at": minutes(9), "performed_by_id": ward.team.technologist.id}
    url = f"/patients/{mine.patient_id}/blood-groups/new"
    assert ward.fill("technologist", url, sample_number=number, sure="read", **facts).status_code == 303, ward.refused


@pytest.mark.parametrize("whose", ["own", "foreign"])
@pytest.mark.parametrize("group", [("B", "negative"), ("O", "negative"), ("AB", "positive")])
def test_a_sample_against_the_record_stops_before_the_start(ward, request, whose, group):
    bag, mine = request.getfixturevalue(whose)[:2]
    type_again(ward, f"/patients/{mine.patient_id}", *group)
    assert ward.tag(bag) == "On hold"
    check = ward.check(mine, bag)
    assert not check.clear
    said = [one["because"] for one in check.reasons if one["because"].startswith("The recipient's blood")]
    assert len(set(said)) == 1, check.reasons
    (line,) = [one for one in check.evidence if one["check"] == "One blood group, recipient"]
    assert line["left"] == "record: O RhD positive"
    assert line["right"] == f"typed: {group[0]} RhD {group[1]}, sample ZZ-1"
    ward.begin(check, because="typed again tomorrow, the physician agrees")
    ward.not_given(bag, "blood groups do not agree")


@pytest.mark.parametrize("whose", ["own", "foreign"])
def test_a_sample_against_the_record_stops_cells_that_run(ward, request, whose):
    bag, mine = request.getfixturevalue(whose)[:2]
    ward.give(mine, bag)
    given = ward.given(bag)
    assert given is not None, ward.refused
    type_again(ward, f"/patients/{mine.patient_id}", "B", "negative")
    assert "blood groups do not agree" in stopped(ward)
    assert STOP in ward.browser("nurse").get(f"/administrations/{given.id}").text


def test_two_samples_that_differ_stop_a_patients_own_cells(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    ward.session.commit()
    type_again(ward, f"/patients/{mine.patient_id}", "A", "positive")
    assert ward.check(mine, bag).clear
    again(ward, mine, "B", "positive")
    check = ward.check(mine, bag)
    assert "The recipient's blood groups do not agree." in [one["because"] for one in check.reasons]


def test_a_donors_sample_against_the_donors_record_stops(ward, foreign):
    bag, mine, donor = foreign
    type_again(ward, f"/donors/{donor.id}", "B", "negative")
    assert ward.tag(bag) == "On hold"
    assert not ward.check(mine, bag).clear
    ward.not_given(bag, "The donor's blood groups do not agree")


def test_a_sample_that_agrees_stops_nothing_and_its_correction_needs_the_one_signature(ward, own):
    bag, mine = own
    type_again(ward, f"/patients/{mine.patient_id}", "O", "positive")
    assert "Released" in ward.tag(bag)
    check = ward.check(mine, bag)
    assert check.clear, check.reasons
    ward.begin(check, because="")
    assert ward.given(bag) is not None, ward.refused


def test_the_typing_is_corrected_and_signed_by_a_second_person(ward, own):
    bag, mine = own
    type_again(ward, f"/patients/{mine.patient_id}", "B", "negative")
    typing = newest(ward, BloodTyping)
    ward.sign("technologist", typing)
    ward.amend("technologist", typing, abo="O", rhd="positive")
    assert not ward.check(mine, bag).clear
    ward.sign("technologist2", newest(ward, BloodTyping))
    assert "Released" in ward.tag(bag)
    assert ward.check(mine, bag).clear


def test_the_record_is_corrected_and_confirmed_by_a_second_person(ward, own):
    bag, mine = own
    type_again(ward, f"/patients/{mine.patient_id}", "B", "negative")
    assert ward.amend("coordinator", mine.patient, abo="B", rhd="negative").status_code == 303, ward.refused
    assert not ward.check(mine, bag).clear
    ward.session.expire_all()
    (change,) = mine.patient.unconfirmed
    url = f"/patients/{mine.patient_id}/corrections/{change.id}"
    assert ward.fill("coordinator", url, password=PASSWORD).status_code >= 400
    assert ward.fill("nurse", url, password=PASSWORD).status_code == 303, ward.refused
    assert "Released" in ward.tag(bag)
    assert ward.check(mine, bag).clear


def test_groups_of_two_people_that_do_not_fit_remain_a_warning_with_a_reason(ward):
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    (bag,) = ward.banked(ward.donated(donor, version), version)
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    ward.group(donor, "A", "positive")
    ward.group(mine.patient, "O", "negative")
    ward.assign(bag, mine)
    ward.release(bag)
    check = ward.check(mine, bag)
    assert check.clear, check.reasons
    assert "Blood groups differ" in [line["check"] for line in check.warnings]
    ward.begin(check)
    assert ward.given(bag) is not None, ward.refused


def test_the_page_of_the_check_names_the_groups_of_patient_and_donor_apart(ward, session):
    one = patient(ward.team, abo="A", rhd="positive")
    bag, mine, _donor = banked(ward, one, giver=ward.giver(abo="O", rhd="positive"))
    released(ward, bag, mine)
    check = ward.check(mine, bag)
    page = ward.browser("nurse").get(f"/bedside-checks/{check.id}").text
    said = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Blood group A RhD positive Blood group of the donor O RhD positive" in said
    assert "Blood group" not in said[said.index("Wristband and bag compared") :].split("Chain of identity")[0]
