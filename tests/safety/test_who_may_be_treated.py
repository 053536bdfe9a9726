"""Eligibility of patient and donor is judged by all that is known, and no person overturns a finding alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.course_records import of_course
from clinic.eligibility.models import Eligibility
from clinic.eligibility.step import ELIGIBILITY
from clinic.patients.donor_screening import label_warnings, named_donor
from clinic.patients.donors import DonorEligibility
from tests.bedside import released_product
from tests.factories import PASSWORD, course, day_boxes, eligible, patient, published, ready_for_harvest
from tests.safety.scenes import scene

TODAY = "Europe/Berlin"


@scene
def own(ward):
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


def reasons(ward, mine) -> list:
    ward.session.expire_all()
    return ELIGIBILITY.permission(of_course(ward.session, mine), clock.now())


def decided(ward, mine, who="physician", **typed):
    said = {"active_infection": False, "pregnancy": "not_applicable", "malignancy": False, "eligible": True}
    url = f"/treatments/{mine.id}/eligibility/new"
    return ward.fill(who, url, sure="treated since", performed_by_id=ward.person(who).id, **(said | typed))


def last_decision(ward, mine) -> Eligibility:
    ward.session.expire_all()
    chosen = select(Eligibility).where(Eligibility.treatment_id == mine.id).order_by(Eligibility.recorded_at.desc())
    return ward.session.scalars(chosen).first()


@pytest.mark.rule(23)
@pytest.mark.hazard("H25")
def test_a_physician_does_not_overturn_the_own_no_with_a_new_decision_alone(ward, own):
    bag, mine = own
    eligible(mine, ward.team, at=clock.now() - timedelta(hours=2), eligible=False, reasons="sepsis")
    assert decided(ward, mine).status_code == 303, ward.refused
    yes = last_decision(ward, mine)
    ward.sign("physician", yes)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 23", "second physician")
    assert "Sign as second physician" in ward.browser("physician2").get("/").text
    ward.sign("physician2", yes)
    assert reasons(ward, mine) == []
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(23)
@pytest.mark.hazard("H25")
@pytest.mark.parametrize("corrected", [False, True])
def test_a_second_yes_of_the_same_physician_does_not_overturn_the_own_no_either(ward, own, corrected):
    """The “no” stays open behind a first “yes”, or behind its own correction, that nobody else has signed."""
    bag, mine = own
    no = eligible(mine, ward.team, at=clock.now() - timedelta(hours=2), eligible=False, reasons="sepsis")
    if corrected:
        ward.amend("physician", no, eligible=True, reasons="")
    else:
        assert decided(ward, mine).status_code == 303, ward.refused
    first = last_decision(ward, mine)
    with ward.later(minutes=2):
        assert decided(ward, mine).status_code == 303, ward.refused
        yes = last_decision(ward, mine)
        assert yes.id != first.id
        ward.sign("physician", yes)
        ward.give(mine, bag)
        ward.not_given(bag, "rule 23", "second physician")
        ward.sign("physician2", yes)
        assert reasons(ward, mine) == []


@pytest.mark.rule(23)
def test_a_decision_ends_on_its_last_day(ward, own):
    bag, mine = own
    decision = last_decision(ward, mine)
    ward.amend("physician", decision, **day_boxes("valid_until", clock.today(TODAY)))
    ward.sign("physician", decision)
    assert reasons(ward, mine) == []
    with ward.later(days=1):
        ward.give(mine, bag)
        ward.not_given(bag, "rule 23", "was valid until")
    ward.amend("physician", decision, **day_boxes("valid_until", clock.today(TODAY) + timedelta(days=60)))
    ward.sign("physician", decision)
    assert "second physician" in " ".join(one.because for one in reasons(ward, mine))


@pytest.mark.rule(23)
def test_a_further_dose_on_another_day_asks_a_new_decision(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused
    assert reasons(ward, mine) == []
    with ward.later(days=30):
        assert "before the next dose" in reasons(ward, mine)[0].because
        decided(ward, mine)
        ward.sign("physician", last_decision(ward, mine))
        assert reasons(ward, mine) == []


@pytest.mark.rule(24)
@pytest.mark.rule(25)
@pytest.mark.parametrize(("medicine", "rule"), [("Eliquis 5 mg", 24), ("ibuprofen 600", 25)])
def test_a_medicine_on_the_order_of_another_course_counts(ward, own, medicine, rule):
    bag, mine = own
    course(ward.team, mine.patient, medication=medicine, at=clock.now() - timedelta(minutes=5))
    ward.give(mine, bag)
    ward.not_given(bag, f"rule {rule}")


@pytest.mark.rule(24)
@pytest.mark.parametrize("answer", ["no", "none", "n/a"])
def test_no_is_not_an_answer_to_how_an_anticoagulant_is_held(ward, answer):
    mine = course(ward.team, medication="warfarin", signed=True)
    eligible(mine, ward.team, anticoagulation=answer)
    assert [one.rule for one in reasons(ward, mine)] == [24]


@pytest.mark.rule(23)
def test_an_allergy_named_in_an_alert_is_no_medicine(ward):
    mine = course(ward.team, medication="none", signed=True)
    eligible(mine, ward.team)
    ward.fill("nurse", f"/patients/{mine.patient_id}/alerts/new", text="allergic to aspirin")
    assert reasons(ward, mine) == []


@pytest.mark.rule(23)
def test_pregnancy_is_asked_with_the_day_of_its_test_and_not_of_a_man(ward):
    year = clock.today(TODAY).year
    woman = course(
        ward.team, patient(ward.team, sex="female", birth_date=clock.today(TODAY).replace(year=year - 30, day=1))
    )
    refused = decided(ward, woman, pregnancy="excluded")
    assert refused.status_code == 422
    assert "enter the day of the test" in refused.text
    tested = day_boxes("pregnancy_tested_on", clock.today(TODAY))
    assert decided(ward, woman, pregnancy="excluded", **tested).status_code == 303
    man = course(ward.team, patient(ward.team, sex="male"))
    shown = ward.browser("physician").get(f"/treatments/{man.id}/eligibility/new").text
    assert "Pregnancy" not in shown
    assert decided(ward, man).status_code == 303
    assert last_decision(ward, man).pregnancy == "not_applicable"


@pytest.mark.rule(23)
@pytest.mark.hazard("H25")
@pytest.mark.parametrize("typed", [{"allergy_status": "none_known", "allergies": ""}, {"allergies": "pollen"}])
def test_an_allergy_taken_out_by_one_person_still_counts(ward, typed):
    mine = ready_for_harvest(ward.team, patient(ward.team, allergy_status="present", allergies="albumin (anaphylaxis)"))
    bag = released_product(mine, ward.team, vehicle="20 % human albumin")
    assert ward.amend("nurse", mine.patient, **typed).status_code == 303
    ward.give(mine, bag)
    ward.not_given(bag, "rule 23", "albumin")
    (correction,) = mine.patient.unconfirmed
    url = f"/patients/{mine.patient_id}/corrections/{correction.id}"
    assert "Waiting for a second person" in ward.browser("nurse").get(f"/patients/{mine.patient_id}").text
    assert ward.fill("nurse", url, password=PASSWORD).status_code == 422
    assert ward.fill("nurse2", url, password=PASSWORD).status_code == 303
    check = ward.check(mine, bag)
    assert "albumin" not in str(check.reasons)


@pytest.mark.rule(23)
def test_a_death_taken_out_by_one_person_still_stops_everything(ward, own):
    bag, mine = own
    ward.amend("nurse", mine.patient, **day_boxes("died_on", clock.today(TODAY) - timedelta(days=1)))
    cleared = {f"died_on-{part}": "" for part in "dmy"}
    assert ward.amend("nurse", mine.patient, **cleared).status_code == 303
    ward.give(mine, bag)
    ward.not_given(bag, "rule 23", "has died")


@scene
def cord(ward):
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    (bag,) = ward.banked(ward.donated(donor, version), version)
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    ward.assign(bag, mine)
    ward.release(bag)
    return bag, mine, donor


def donor_reasons(ward, mine) -> list:
    ward.session.expire_all()
    at = clock.now() - timedelta(days=40)
    return [one for one in named_donor(of_course(ward.session, mine), at) if one.rule != 20]


def determined(ward, donor, days: int, *people: str, outcome="eligible", **markers) -> DonorEligibility:
    """A determination by a sample ``days`` after the last one."""
    last = donor.eligibilities[-1]
    one = DonorEligibility.log(
        by=ward.team.physician, at=clock.now(), donor=donor, markers={**last.markers, **markers}, outcome=outcome,
        sample_taken_on=last.sample_taken_on + timedelta(days=days), performed_at=clock.now() - timedelta(minutes=1),
        performed_by=ward.team.physician,
    )  # fmt: skip
    ward.team.add(one)
    return ward.stands(one, *people)


@pytest.mark.rule(17)
@pytest.mark.hazard("H14")
@pytest.mark.parametrize(
    ("days", "people", "resolved"),
    [
        (0, ("physician", "quality"), False),
        (-1, ("physician", "quality"), False),
        (3, ("physician",), False),
        (3, ("physician", "quality"), True),
        (3, ("physician", "physician2"), True),
    ],
)
def test_a_reactive_marker_is_resolved_by_a_new_sample_and_two_people(ward, cord, days, people, resolved):
    _bag, mine, donor = cord
    ward.determine(donor, "ineligible", signed=True, hiv_nat="reactive")
    ward.session.expire_all()
    determined(ward, donor, days, *people, hiv_nat="negative")
    assert (donor_reasons(ward, mine) == []) is resolved, donor_reasons(ward, mine)


@pytest.mark.rule(18)
@pytest.mark.hazard("H14")
@pytest.mark.parametrize(
    ("need", "whose", "allowed"),
    [
        ("relapse, no other donor in time", "recipient", True),
        ("relapse, no other donor in time", "another", False),
        ("relapse, no other donor in time", "nobody", False),
        ("x", "recipient", False),
    ],
)
def test_urgent_need_is_of_one_recipient_with_a_reason(ward, cord, need, whose, allowed):
    _bag, mine, donor = cord
    one = ward.determine(donor, "ineligible", signed=False, syphilis="reactive")
    one.urgent_need, one.physician_told = need, "Dr I. Novak"
    one.urgent_for = {"recipient": mine.patient, "another": patient(ward.team), "nobody": None}[whose]
    ward.stands(one, "physician")
    assert (18 not in {reason.rule for reason in donor_reasons(ward, mine)}) is allowed
    assert "BIOHAZARD" in label_warnings(one)


@pytest.mark.rule(19)
@pytest.mark.hazard("H14")
def test_urgent_need_of_an_ineligible_donor_excuses_no_marker_that_was_not_tested(ward, cord):
    _bag, mine, donor = cord
    one = ward.determine(donor, "ineligible", signed=False, syphilis="reactive", hiv_nat="not_done")
    one.urgent_need, one.physician_told, one.urgent_for = "relapse, no other donor", "Dr I. Novak", mine.patient
    ward.stands(one, "physician")
    asked = "hiv_nat" in mine.says.screening.markers
    assert (19 in {reason.rule for reason in donor_reasons(ward, mine)}) is asked


@pytest.mark.rule(19)
def test_only_the_markers_of_the_protocol_are_asked(ward):
    donor = ward.giver()
    markers = {f"marker_{key}": "negative" for key in ("hiv_ab", "hbsag")}
    taken = day_boxes("sample_taken_on", clock.today(TODAY))
    answer = ward.fill(
        "physician", f"/donors/{donor.id}/eligibility/new", outcome="eligible", performed_by_id=ward.team.physician.id,
        **markers, **taken,
    )  # fmt: skip
    assert answer.status_code == 303, ward.refused
