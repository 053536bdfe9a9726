"""One donor is one record, a later “no” counts, a sample is taken while there are cells, figures agree."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from clinic import clock
from clinic.eligibility.models import Eligibility
from clinic.patients.donors import Donor, DonorEligibility
from clinic.products.models import Product
from tests.bedside import released_product
from tests.factories import (
    PASSWORD,
    day_boxes,
    published,
    ready_for_harvest,
)
from tests.safety.scenes import scene


@pytest.mark.rule(17)
@pytest.mark.hazard("H27")
@pytest.mark.parametrize("kind", ["unrelated", "cord"])
@pytest.mark.parametrize("number", ["R-777777", "r 777777", "R777777", "r/777-777 "])
def test_a_donor_number_belongs_to_one_donor(ward, number, kind):
    known = ward.giver(donor_number="R-777777")
    ward.determine(known, "ineligible", signed=True, hiv_nat="reactive")
    answer = ward.fill("coordinator", "/donors/new", kind=kind, donor_number=number, sex="female")
    ward.said_no(f"already belongs to donor {known.id}")
    assert f'href="/donors/{known.id}"' in answer.text
    assert ward.session.scalar(select(func.count()).select_from(Donor)) == 1


@pytest.mark.rule(17)
def test_a_number_is_not_amended_into_that_of_another_donor(ward):
    ward.giver(donor_number="R-777777")
    other = ward.giver(donor_number="R-1")
    ward.amend("coordinator", other, donor_number="r/777777")
    ward.said_no("already belongs to donor")
    ward.session.expire_all()
    assert other.donor_number == "R-1"


@pytest.mark.rule(17)
def test_a_donor_keeps_the_own_number_and_takes_one_that_nobody_ever_had(ward):
    one = ward.giver(donor_number="R-777777")
    assert ward.amend("coordinator", one, donor_number="r 777777").status_code == 303
    assert ward.amend("coordinator", one, donor_number="R-777778").status_code == 303
    assert ward.fill("coordinator", "/donors/new", kind="cord", donor_number="R-777777").status_code == 422
    ward.said_no("no other donor gets it")
    assert ward.fill("coordinator", "/donors/new", kind="cord", donor_number="R-77777").status_code == 303


@scene
def cord(ward):
    """A released bag out of the bank, its course, its donor."""
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    (bag,) = ward.banked(ward.donated(donor, version), version)
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    ward.assign(bag, mine)
    ward.release(bag)
    return bag, mine, donor


def determined(ward, donor, outcome, at, *signers, **found):
    """A determination over HTTP, dated as told, with these signatures."""
    last = donor.eligibilities[0]
    markers = {f"marker_{name}": found.get(name, said) for name, said in last.markers.items()}
    day = clock.day(at, "Europe/Berlin") - timedelta(days=1)
    facts = {
        "outcome": outcome,
        "history": "CJD in the family",
        "performed_at": at,
        **day_boxes("sample_taken_on", day),
    }
    answer = ward.fill("physician", f"/donors/{donor.id}/eligibility/new", sure="asked", **markers, **facts)
    assert answer.status_code == 303, ward.refused
    record = ward.session.get(DonorEligibility, re.search(r"DE-\w+", answer.location)[0])
    for who in signers:
        assert ward.sign(who, record).status_code == 303
    ward.session.expire_all()
    return record


@pytest.mark.rule(17)
@pytest.mark.hazard("H13")
@pytest.mark.parametrize("outcome", ["ineligible", "incomplete"])
@pytest.mark.parametrize("signers", [(), ("physician",)])
@pytest.mark.parametrize("before", [timedelta(hours=5), timedelta(days=200)])
def test_a_no_about_a_donor_counts_from_when_it_is_written(ward, cord, outcome, signers, before):
    bag, mine, donor = cord
    first = donor.eligibilities[-1]
    determined(ward, donor, outcome, first.performed_at - before, *signers)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 18", "not eligible", "not complete")
    assert "Not eligible" in ward.browser("quality").get("/donors").text or outcome == "incomplete"


@pytest.mark.rule(18)
@pytest.mark.parametrize("signers", [("physician",), ("physician", "physician2"), ("physician", "quality")])
def test_a_donor_who_is_not_eligible_is_made_eligible_by_two(ward, cord, signers):
    bag, mine, donor = cord
    determined(ward, donor, "ineligible", clock.now() - timedelta(days=60), "physician")
    determined(ward, donor, "eligible", clock.now() - timedelta(minutes=1), *signers)
    ward.give(mine, bag)
    if len(signers) == 1:
        ward.not_given(bag, "two people have signed")
    else:
        assert "no longer" not in " ".join(ward.refused) or ward.given(bag) is None


@pytest.mark.rule(19)
def test_a_completed_examination_needs_one_physician(ward):
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    determined(ward, donor, "incomplete", clock.now() - timedelta(days=41), "physician", hiv_nat="not_done")
    determined(ward, donor, "eligible", clock.now() - timedelta(days=40, hours=1), "physician")
    (bag,) = ward.banked(ward.donated(donor, version), version)
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    ward.assign(bag, mine)
    ward.release(bag)
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(17)
def test_one_person_does_not_correct_a_no_about_a_donor_away(ward, cord):
    bag, mine, donor = cord
    no = determined(ward, donor, "ineligible", clock.now() - timedelta(minutes=2), "physician")
    ward.amend("physician", no, outcome="eligible")
    ward.sign("physician", no)
    ward.give(mine, bag)
    ward.not_given(bag, "second person has confirmed")


NO = {
    "eligible": "no", "reasons": "septic since the night", "active_infection": "no", "malignancy": "no",
    "pregnancy": "not_applicable",
}  # fmt: skip


@pytest.mark.rule(23)
@pytest.mark.hazard("H12")
@pytest.mark.parametrize("before", [timedelta(hours=5), timedelta(days=200)])
@pytest.mark.parametrize("signed", [False, True])
def test_a_no_about_a_patient_counts_from_when_it_is_written(ward, before, signed):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    yes = ward.session.scalar(select(Eligibility))
    answer = ward.fill(
        "physician",
        f"/treatments/{mine.id}/eligibility/new",
        sure="asked",
        **NO,
        performed_at=yes.performed_at - before,
    )
    assert answer.status_code == 303, ward.refused
    if signed:
        ward.fill(
            "physician", f"/records/{re.search(r'EL-[A-Z0-9]+', answer.location)[0]}/signature", password=PASSWORD
        )
    ward.give(mine, bag)
    ward.not_given(bag, "septic since the night")


KNEE = [("tnc", "90", "tnc_8"), ("tnc", "0.6", "tnc_8"), ("cd34_count", "6.4", "cd34"), ("cd34_dose", "6", "cd34")]


@pytest.mark.rule(38, by="http")
@pytest.mark.parametrize(("test", "value", "measure"), KNEE)
def test_a_result_that_contradicts_the_amount_of_its_container_is_asked_about(ward, test, value, measure):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, amount="6", released=False))
    bag.measure = measure
    ward.session.commit()
    ward.result(bag, test, value=value)
    ward.said_no("the container is recorded with", "rule 38")
    assert not [one for one in ward.results(bag, test) if str(one.value) == value]
    reason = {f"{test}_why": "counted twice, the container's label is wrong"}
    assert ward.result(bag, test, value=value, **reason).status_code == 303


@pytest.mark.rule(38)
@pytest.mark.parametrize(("value", "agrees"), [("6.2", True), ("5.8", True), ("6.4", False)])
def test_a_result_near_the_amount_asks_nothing(ward, value, agrees):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, amount="6", released=False))
    assert (ward.result(bag, "tnc", value=value).status_code == 303) is agrees


@pytest.mark.rule(38, by="amendment")
def test_a_contradiction_without_a_reason_is_a_point_of_the_release(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, amount="6", released=False))
    (first,) = ward.results(bag, "tnc")
    ward.amend("technologist", first, value="90")
    ward.sign("technologist2", first)
    ward.decide(bag, "conditional", reason="culture pending", physician_told=ward.team.physician.printed_name)
    ward.said_no("the container is recorded with 6")
    ward.amend("technologist", first, note="the amount of the label is that of the other bag")
    ward.sign("technologist2", first)
    answer = ward.decide(bag, "conditional", reason="culture pending", physician_told=ward.team.physician.printed_name)
    assert answer.status_code == 303, ward.refused


@pytest.mark.rule(69)
@pytest.mark.hazard("H26")
@pytest.mark.parametrize("end", ["given", "discarded"])
def test_no_sample_is_taken_of_cells_that_are_gone(ward, end):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    if end == "given":
        ward.give(mine, bag)
        ward.end(ward.given(bag))
    else:
        ward.move("technologist", bag, "discarded", reason="the patient is ill")
    before = clock.now() - timedelta(minutes=40)
    with ward.later(days=14):
        ward.result(bag, "sterility", outcome="no_growth")
        ward.said_no(f"after the container was {end}")
        assert ward.result(bag, "sterility", outcome="no_growth", sampled_at=before).status_code == 303, ward.refused
        made = ward.results(bag, "sterility")[-1]
        ward.amend("technologist", made, sampled_at=clock.now() - timedelta(minutes=30))
        ward.session.expire_all()
        assert clock.now() - made.sampled_at > timedelta(days=13)


@pytest.mark.rule(69)
@pytest.mark.parametrize("ago", [timedelta(days=15), timedelta(hours=3)])
def test_no_sample_is_taken_before_there_are_cells(ward, ago):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    ward.result(bag, "sterility", outcome="no_growth", sampled_at=clock.now() - ago)
    ward.said_no("before these cells were made")
    ward.result(bag, "viability", value="96", sampled_at=clock.now() - ago)
    assert len(ward.results(bag, "viability")) == 1


@pytest.mark.rule(69)
def test_no_sample_is_taken_of_cells_that_were_processed_completely(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    raw = ward.session.scalar(select(Product).where(Product.harvest_id.is_not(None)))
    ward.result(raw, "sterility", outcome="no_growth", sampled_at=clock.now() - timedelta(minutes=5))
    ward.said_no("after the container was processed completely")
    assert (
        ward.result(raw, "sterility", pending="yes", sterility_pending="yes", sampled_at=bag.performed_at).status_code
        == 303
    )
