"""A “no” and a stop of another course of the patient count here too, unless they concern only that course."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.eligibility.models import Eligibility
from tests.bedside import released_product
from tests.factories import course, eligible, ready_for_harvest
from tests.safety.reacting import decide
from tests.safety.scenes import scene
from tests.safety.test_two_records_of_one_person import confirm, propose

ILL = [
    "Platelets 8, bleeding gums", "Myocardial infarction yesterday", "Acute stroke this morning", "Hb 4.9",
    "no capacity to consent", "SpO2 78 %, in intensive care", "see letter", "Myocardial infarction after knee surgery",
    "knee swollen, patient septic", "no cells", "temperature 39.4, no injection into the knee",
]  # fmt: skip
OF_THE_COURSE = [
    "the knee is not swollen any more", "Donor not available", "too few cells in the bag",
    "right hip: joint space too narrow",
]  # fmt: skip
KNEE = "the knee is not swollen any more"


@scene
def two(ward):
    """A released bag of own cells, its course, and another course of the same patient."""
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    other = course(ward.team, mine.patient, at=clock.now() - timedelta(days=19), signed=True)
    ward.session.commit()
    return bag, mine, other


def warned(check, word: str) -> bool:
    return any(line["warning"] and word in f"{line['check']} {line['left']}" for line in check.evidence)


@pytest.mark.rule(23)
@pytest.mark.hazard("H12")
@pytest.mark.parametrize("reasons", ILL)
def test_a_no_of_another_course_counts_whatever_its_words(ward, two, reasons):
    bag, mine, other = two
    decide(ward, other, eligible=False, reasons=reasons)
    ward.give(mine, bag)
    ward.not_given(bag, "other course")


@pytest.mark.rule(23)
@pytest.mark.parametrize("reasons", ILL)
def test_a_no_without_the_choice_is_read_by_its_words(ward, two, reasons):
    bag, mine, other = two
    eligible(other, ward.team, at=clock.now() - timedelta(minutes=5), eligible=False, reasons=reasons)
    ward.give(mine, bag)
    ward.not_given(bag, "other course")


@pytest.mark.rule(23)
@pytest.mark.parametrize("reasons", OF_THE_COURSE)
def test_words_of_one_course_alone_ask_nothing_of_another(ward, two, reasons):
    bag, mine, other = two
    eligible(other, ward.team, at=clock.now() - timedelta(minutes=5), eligible=False, reasons=reasons)
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(23)
def test_the_physician_says_that_a_no_concerns_only_its_course(ward, two):
    bag, mine, other = two
    one = decide(ward, other, eligible=False, reasons="moved to another study", concerns="course")
    assert one.concerns == "course"
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(23)
def test_a_no_concerns_the_patient_unless_said_otherwise_and_a_yes_is_not_asked(ward, two):
    _bag, mine, other = two
    assert decide(ward, other, eligible=False, reasons=KNEE).concerns == "patient"
    assert decide(ward, mine).concerns is None


@pytest.mark.rule(23)
def test_only_this_course_is_asked_about_where_the_reason_tells_of_an_infection(ward, two):
    _bag, _mine, other = two
    url = f"/treatments/{other.id}/eligibility/new"
    said = {"active_infection": False, "pregnancy": "not_applicable", "malignancy": False, "eligible": False}
    answer = ward.fill("physician", url, performed_at=clock.now(), reasons="sepsis", concerns="course", **said)
    assert answer.status_code == 422
    ward.said_no("only this course")


@pytest.mark.rule(23)
@pytest.mark.hazard("H12")
@pytest.mark.parametrize(
    "softened",
    [{"reasons": "see letter"}, {"reasons": KNEE}, {"concerns": "course"}, {"eligible": True, "reasons": ""}],
)
@pytest.mark.parametrize("choice", ["patient", None])
def test_a_no_counts_as_it_was_said_at_its_worst(ward, two, softened, choice):
    bag, mine, other = two
    facts = {"at": clock.now() - timedelta(minutes=5), "eligible": False, "reasons": "sepsis", "concerns": choice}
    no = eligible(other, ward.team, **facts)
    ward.session.commit()
    if choice and "reasons" in softened and "eligible" not in softened:
        softened |= {"concerns": "course"}
    assert ward.amend("physician", no, **softened).status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, "sepsis")


@pytest.mark.rule(23)
@pytest.mark.parametrize("who", ["physician", "physician2"])
def test_a_softened_no_is_lifted_by_another_physician_only(ward, two, who):
    bag, mine, other = two
    no = eligible(other, ward.team, at=clock.now() - timedelta(minutes=5), eligible=False, reasons="sepsis")
    ward.session.commit()
    ward.amend("physician", no, reasons=KNEE)
    with ward.later(minutes=2):
        yes = decide(ward, mine, who)
        ward.sign(who, yes)
        ward.give(mine, bag)
        assert (ward.given(bag) is not None) is (who == "physician2"), ward.refused


@pytest.mark.rule(23)
def test_a_softened_no_is_confirmed_by_another_physician(ward, two):
    bag, mine, other = two
    no = eligible(other, ward.team, at=clock.now() - timedelta(minutes=5), eligible=False, reasons="sepsis")
    ward.session.commit()
    ward.amend("physician", no, reasons=KNEE)
    ward.sign("physician", no)
    ward.give(mine, bag)
    ward.not_given(bag, "sepsis")
    assert ward.sign("physician2", no).status_code == 303, ward.refused
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(23)
def test_a_no_of_one_course_that_becomes_the_patients_later_counts_from_then(ward, two):
    bag, mine, other = two
    no = eligible(other, ward.team, at=clock.now() - timedelta(minutes=5), eligible=False, reasons=KNEE)
    decide(ward, mine)
    ward.sign("physician", ward.session.scalars(select(Eligibility).order_by(Eligibility.recorded_at.desc())).first())
    assert ward.check(mine, bag).clear, ward.refused
    with ward.later(minutes=2):
        ward.amend("physician", no, reasons="sepsis")
        ward.give(mine, bag)
        ward.not_given(bag, "sepsis")


@pytest.mark.rule(23)
def test_a_no_on_another_record_of_the_person_counts(ward, two):
    bag, mine, _other = two
    elsewhere = ready_for_harvest(ward.team)
    ward.session.commit()
    confirm(ward, propose(ward, mine, elsewhere.patient))
    decide(ward, elsewhere, eligible=False, reasons="Hb 4.9")
    ward.give(mine, bag)
    ward.not_given(bag, "Hb 4.9")


@pytest.mark.rule(23)
@pytest.mark.hazard("H12")
@pytest.mark.parametrize(
    "reason", ["patient is septic, no cells", "died of a stroke in another hospital?", "see letter"]
)
def test_a_stop_for_a_reason_in_the_person_waits_for_a_new_decision_on_every_course(ward, two, reason):
    bag, mine, other = two
    assert ward.fill("physician", f"/treatments/{other.id}/stop", reason=reason).status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, reason)
    with ward.later(minutes=2):
        said = {"active_infection": False, "pregnancy": "not_applicable", "malignancy": False, "eligible": True}
        url = f"/treatments/{mine.id}/eligibility/new"
        assert ward.fill("physician", url, performed_at=clock.now(), **said).status_code == 422
        ward.said_no(reason)
        ward.sign("physician", decide(ward, mine))
        ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(23)
def test_the_reason_of_a_stop_counts_as_it_was_first_said(ward, two):
    bag, mine, other = two
    ward.fill("physician", f"/treatments/{other.id}/stop", reason="patient is septic")
    ward.session.expire_all()
    assert ward.amend("physician", other.stop, reason=KNEE).status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, "septic")


@pytest.mark.rule(23)
def test_a_stop_for_a_reason_in_its_course_wants_a_reason_at_the_bedside(ward, two):
    bag, mine, other = two
    before = ward.check(mine, bag)
    assert not warned(before, "stopped")
    ward.fill("physician", f"/treatments/{other.id}/stop", reason=KNEE)
    assert ward.begin(before).status_code >= 400, "a check of before the stop begins nothing"
    check = ward.check(mine, bag)
    assert check.clear, ward.refused
    assert warned(check, KNEE)
    assert ward.begin(check, because="").status_code >= 400
    ward.begin(check)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(23)
def test_two_courses_without_a_no_or_a_stop_ask_nothing(ward, two):
    bag, mine, other = two
    decide(ward, other)
    one = decide(ward, mine)
    assert "eligible" not in one.confirmed
    ward.sign("physician", one)
    check = ward.check(mine, bag)
    assert check.clear, ward.refused
    assert not any(line["warning"] for line in check.evidence if line["rule"] == 23), check.evidence
