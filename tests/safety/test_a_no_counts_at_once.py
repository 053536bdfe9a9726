"""A yes counts from its signature, a no from the moment it is written, wherever somebody looks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.processing.models import ProcessingRun
from tests.bedside import released_product
from tests.factories import eligible, harvested, published, ready_for_harvest
from tests.safety.driver import Sheet, Ward
from tests.safety.scenes import scene


@scene
def cord(ward: Ward):
    """A released bag out of the bank, its course, its donor."""
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    (bag,) = ward.banked(ward.donated(donor, version), version)
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    ward.assign(bag, mine)
    ward.release(bag)
    return bag, mine, donor


@scene
def own(ward: Ward):
    """A released bag of a patient's own cells, and its course."""
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


@pytest.mark.rule(23)
@pytest.mark.hazard("H12")
def test_not_eligible_because_of_sepsis_counts_before_anybody_signs_it(ward, own):
    bag, mine = own
    ward.fill(
        "physician", f"/treatments/{mine.id}/eligibility/new", active_infection=True, pregnancy="excluded",
        malignancy=False, eligible=False, reasons="sepsis", performed_by_id=ward.team.physician.id,
    )  # fmt: skip
    ward.give(mine, bag)
    ward.not_given(bag, "rule 23", "sepsis", "not eligible", "infection")


@pytest.mark.rule(23)
def test_a_signed_yes_of_yesterday_does_not_outweigh_an_unsigned_no_of_today(ward, own):
    bag, mine = own
    eligible(mine, ward.team, at=clock.now() - timedelta(days=1))
    eligible(
        mine, ward.team, at=clock.now() - timedelta(minutes=30), signed=False, eligible=False,
        reasons="temperature 39.4 °C since the night",
    )  # fmt: skip
    ward.give(mine, bag)
    ward.not_given(bag, "rule 23", "39.4", "not eligible")


@pytest.mark.rule(23)
@pytest.mark.hazard("H12")
def test_a_no_is_not_turned_into_a_yes_by_one_physician(ward, own):
    bag, mine = own
    no = eligible(
        mine, ward.team, at=clock.now() - timedelta(minutes=30), signed=False, eligible=False, reasons="sepsis"
    )
    ward.amend("physician", no, eligible=True, reasons="")
    ward.session.expire_all()
    assert no.eligible
    ward.sign("physician", no)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 23", "second physician")


@pytest.mark.rule(17)
@pytest.mark.hazard("H13")
@pytest.mark.parametrize("outcome", ["ineligible", "incomplete"])
def test_a_determination_against_the_donor_counts_before_anybody_signs_it(ward, cord, outcome):
    bag, mine, donor = cord
    found = {"hiv_nat": "reactive"} if outcome == "ineligible" else {"hiv_nat": "not_done"}
    ward.determine(donor, outcome, signed=False, **found)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 17", "rule 18", "rule 19", "donor is not eligible", "HIV", "donor")


@pytest.mark.rule(60)
@pytest.mark.parametrize("wrong", ["syringe cracked", "label torn off"])
def test_a_container_that_came_back_damaged_is_refused_at_the_bedside_too(ward, own, wrong):
    bag, mine = own
    ward.move("technologist", bag, "issued", handed_to="N. Rask", intact=True)
    ward.move("nurse", bag, "returned", place="Ward 3", intact=False, reason=wrong)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 60", "damaged", wrong, "intact")


@pytest.mark.hazard("H18")
def test_a_container_is_not_moved_over_a_page_that_says_where_it_was_before(ward, own):
    bag, _mine = own
    url, late = f"/products/{bag.id}/movements?kind=issued", ward.browser("technologist")
    opened = Sheet(late.get(url).text).form(["handed_to"])
    ward.move("technologist", bag, "issued", handed_to="N. Rask", intact=True)
    answer = late.post(url, data=opened | {"handed_to": ["Dr I. Novak"], "intact": ["yes"]})
    assert answer.status_code == 409
    assert "N. Rask" in answer.text


@pytest.mark.rule(60)
def test_a_container_that_is_handed_over_damaged_is_refused_at_the_bedside(ward, own):
    bag, mine = own
    ward.move("technologist", bag, "issued", handed_to="N. Rask", intact=True)
    ward.move("nurse", bag, "handed_over", handed_to="Dr I. Novak", intact=False, reason="bag leaks at the port")
    ward.give(mine, bag)
    ward.not_given(bag, "rule 60", "rule 34", "damaged", "leaks", "intact")


@pytest.mark.rule(34, by="http")
@pytest.mark.parametrize(
    ("temperature", "intact", "reason"),
    [("45", False, "leaking, label of another patient"), ("45", True, None), ("21", False, "label of another patient")],
)
def test_what_arrived_warm_leaking_or_wrongly_labelled_goes_into_no_run(ward, temperature, intact, reason):
    mine = ready_for_harvest(ward.team)
    bag = harvested(mine, ward.team).products[0]
    ward.move(
        "technologist", bag, "received", place="Laboratory", temperature=temperature, intact=intact, reason=reason
    )
    ward.fill("technologist", f"/treatments/{mine.id}/processing/new", inputs=[bag.id])
    ward.session.expire_all()
    assert ward.session.scalar(select(ProcessingRun)) is None
    ward.said_no("rule 34", "temperature", "°C", "quarantine", "leaking", "label", "intact", "received")


@pytest.mark.rule(34)
def test_what_arrived_leaking_is_not_given_whatever_was_released_before(ward, own):
    bag, mine = own
    ward.move("technologist", bag, "received", place="Day clinic", temperature="4", intact=False, reason="leaking")
    ward.give(mine, bag)
    ward.not_given(bag, "rule 34", "leaking", "quarantine", "intact", "damaged")


@pytest.mark.rule(34, by="amendment")
@pytest.mark.rule(48, by="amendment")
@pytest.mark.parametrize(
    ("wrong", "corrected"),
    [
        ({"intact": False, "reason": "leaking"}, {"intact": True}),
        ({"temperature": "45", "reason": "sun"}, {"temperature": "4"}),
    ],
)
def test_a_damaged_container_is_not_made_whole_by_a_correction(ward, own, wrong, corrected):
    bag, mine = own
    ward.move(
        "technologist",
        bag,
        "received",
        **({"place": "Day clinic", "temperature": "4", "intact": True} | wrong),
    )
    ward.session.expire_all()
    assert ward.amend("technologist", bag.movements[-1], **corrected).status_code == 303
    ward.give(mine, bag)
    ward.not_given(bag, "rule 34", "quarantine", "on hold", "damaged")


@pytest.mark.rule(15)
def test_a_withdrawal_under_the_next_version_of_the_protocol_ends_the_earlier_consent(ward, own):
    bag, mine = own
    code, content = mine.protocol_version.protocol.code, mine.protocol_version.says
    following = published(ward.team, code, content=content, at=clock.now() - timedelta(hours=2))
    ward.fill(
        "physician", f"/patients/{mine.patient_id}/consents/new", scope="treatment", form_version="4.0",
        protocol=following.id, signer="patient", signer_name="the patient", copy_given=True,
        performed_by_id=ward.team.physician.id,
    )  # fmt: skip
    ward.session.expire_all()
    newer = max(mine.patient.consents, key=lambda one: one.recorded_at)
    assert newer.protocol_version_id == following.id
    ward.fill("nurse", f"/consents/{newer.id}/withdrawal", performed_by_id=ward.team.nurse.id)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 15", "withdr")


@pytest.mark.rule(15, by="amendment")
def test_a_correction_of_a_withdrawal_leaves_it_withdrawn(ward, own):
    bag, mine = own
    consent = mine.patient.consents[-1]
    ward.fill("nurse", f"/consents/{consent.id}/withdrawal", performed_by_id=ward.team.nurse.id)
    ward.session.expire_all()
    assert ward.amend("nurse", consent.withdrawal, reason="I do not want it any more.").status_code in {303, 403}
    ward.give(mine, bag)
    ward.not_given(bag, "rule 15", "withdr")


@pytest.mark.rule(15, by="http")
@pytest.mark.hazard("H12")
def test_a_withdrawal_counts_before_anybody_signs_it(ward, own):
    bag, mine = own
    consent = mine.patient.consents[-1]
    ward.fill("nurse", f"/consents/{consent.id}/withdrawal", performed_by_id=ward.team.nurse.id)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 15", "withdr")


@pytest.mark.rule(15)
def test_a_withdrawal_reaches_an_earlier_consent_to_the_same_treatment(ward, own):
    bag, mine = own
    ward.fill(
        "physician", f"/patients/{mine.patient_id}/consents/new", scope="treatment", form_version="3.2",
        protocol=mine.protocol_version_id, signer="patient", signer_name="the patient", copy_given=True,
        performed_by_id=ward.team.physician.id,
    )  # fmt: skip
    ward.session.expire_all()
    newer = max(mine.patient.consents, key=lambda one: one.recorded_at)
    ward.sign("physician", newer)
    ward.fill("nurse", f"/consents/{newer.id}/withdrawal", performed_by_id=ward.team.nurse.id)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 15", "withdr")


@pytest.mark.rule(50, by="http")
@pytest.mark.hazard("H9")
@pytest.mark.parametrize("decision", ["hold", "reject"])
def test_a_hold_or_rejection_counts_before_anybody_signs_it(ward, own, decision):
    bag, mine = own
    ward.decide(bag, decision, reason="the freezer alarm rang")
    tag = ward.tag(bag)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 50", "hold", "reject")
    assert "Released" not in tag


@pytest.mark.rule(43)
@pytest.mark.hazard("H9")
@pytest.mark.parametrize(("test", "outcome"), [("sterility", "growth"), ("mycoplasma", "positive")])
def test_germs_count_from_the_moment_they_are_written(ward, own, test, outcome):
    bag, mine = own
    check = ward.check(mine, bag)
    ward.result(bag, test, outcome=outcome)
    ward.begin(check)
    ward.not_given(bag, "rule 43", "rule 50", "not released", "no longer")


@pytest.mark.rule(40)
def test_a_second_reading_below_the_limit_counts_beside_a_first_one_above_it(ward, own):
    bag, mine = own
    ward.result(bag, "viability", value="41")
    tag = ward.tag(bag)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 40", "rule 46", "rule 50", "viability", "not released", "no longer")
    assert "Released" not in tag
