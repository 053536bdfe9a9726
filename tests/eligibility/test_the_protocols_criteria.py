"""What the protocol excludes is asked one by one, and medicines are paused as long as it says (rules 23 to 25)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from clinic.course_records import of_course
from clinic.eligibility.models import Eligibility
from clinic.eligibility.step import permission
from clinic.protocols.content import PatientScreen
from clinic.protocols.demonstration import DEMONSTRATIONS
from tests.factories import consented, course, day_boxes, published
from tests.safety.driver import Ward

CRITERIA = ("Active hepatitis", "Surgery of this knee within six months")
SCREEN = PatientScreen(exclusions=CRITERIA, anticoagulant_days=3, anti_inflammatory_days=7, source="Test")


@pytest.fixture
def ward(session, team, client_as):
    return Ward(session, team, client_as)


def begun(team, **facts):
    content = DEMONSTRATIONS["BMAC-KNEE"].model_copy(update={"patient": SCREEN})
    version = published(team, "BMAC-SCREEN", content=content)
    one = course(team, version=version, signed=True, **facts)
    consented(one, team)
    team.session.commit()
    return one


def decide(ward, one, **typed):
    facts = {
        "active_infection": "no", "malignancy": "no", "eligible": "yes", "pregnancy": "excluded",
        "criterion_0": "no", "criterion_1": "no",
    } | day_boxes("pregnancy_tested_on", clock.today("Europe/Berlin"))  # fmt: skip
    return ward.fill("physician", f"/treatments/{one.id}/eligibility/new", **(facts | typed))


def signed(ward, one):
    ward.session.expire_all()
    made = ward.session.query(Eligibility).filter_by(treatment_id=one.id).order_by(Eligibility.recorded_at).all()[-1]
    ward.sign("physician", made)
    ward.session.expire_all()
    return made


def reasons(ward, one, **span):
    ward.session.expire_all()
    found = permission(of_course(ward.session, one), clock.now() + timedelta(**span))
    return {(reason.rule, reason.because) for reason in found}


def on(days):
    return day_boxes("anticoagulant_last_on", clock.today("Europe/Berlin") - timedelta(days=days))


@pytest.mark.rule(23)
def test_each_criterion_is_a_question_of_its_own(ward, team, page):
    one = begun(team)
    shown = page(ward.browser("physician"), f"/treatments/{one.id}/eligibility/new")
    assert all(criterion in shown for criterion in CRITERIA)
    assert decide(ward, one, criterion_1="").status_code == 422
    ward.said_no(CRITERIA[1])
    assert decide(ward, one).status_code == 303, ward.refused
    made = signed(ward, one)
    assert made.criteria == dict.fromkeys(CRITERIA, "no")
    assert reasons(ward, one) == set()
    assert CRITERIA[0] in page(ward.browser("nurse"), f"/eligibilities/{made.id}")


@pytest.mark.rule(23, by="http")
def test_a_criterion_that_applies_rules_out_eligibility(ward, team):
    one = begun(team)
    assert decide(ward, one, criterion_0="yes").status_code == 422
    ward.said_no("rule 23")
    assert decide(ward, one, criterion_0="yes", eligible="no").status_code == 303, ward.refused
    assert any("Active hepatitis" in because for _rule, because in reasons(ward, one))


@pytest.mark.rule(23, by="amendment")
def test_a_no_is_not_amended_into_a_yes_while_a_criterion_applies(ward, team):
    one = begun(team)
    decide(ward, one, criterion_0="yes", eligible="no")
    made = signed(ward, one)
    assert ward.amend("physician", made, eligible="yes").status_code in {409, 422}
    ward.said_no("rule 23")


@pytest.mark.rule(24)
@pytest.mark.parametrize(("days", "free"), [(0, False), (2, False), (3, True), (30, True)])
def test_an_anticoagulant_is_paused_as_long_as_the_protocol_says(ward, team, days, free):
    one = begun(team, medication="Apixaban 5 mg")
    decide(ward, one, anticoagulation="Apixaban, paused", **on(days))
    signed(ward, one)
    found = reasons(ward, one)
    assert (found == set()) is free, found
    if not free:
        assert {rule for rule, _because in found} == {24}
        assert reasons(ward, one, days=3 - days) == set()


@pytest.mark.rule(24)
def test_without_the_day_of_the_last_dose_nobody_can_say_that_it_is_paused(ward, team):
    one = begun(team, medication="Eliquis")
    decide(ward, one, anticoagulation="will pause")
    signed(ward, one)
    assert {rule for rule, _because in reasons(ward, one)} == {24}


@pytest.mark.rule(25, by="amendment")
def test_a_last_dose_that_is_corrected_to_a_later_day_is_judged_again(ward, team):
    one = begun(team, medication="Ibuprofen")
    week = clock.today("Europe/Berlin") - timedelta(days=8)
    decide(ward, one, anti_inflammatory="last week", **day_boxes("anti_inflammatory_last_on", week))
    made = signed(ward, one)
    assert reasons(ward, one) == set()
    ward.amend("physician", made, **day_boxes("anti_inflammatory_last_on", week + timedelta(days=6)))
    ward.sign("physician", made)
    assert 25 in {rule for rule, _because in reasons(ward, one)}


@pytest.mark.rule(24, by="amendment")
def test_an_earlier_last_dose_counts_when_a_second_physician_confirms_it(ward, team):
    one = begun(team, medication="Apixaban")
    decide(ward, one, anticoagulation="Apixaban, paused", **on(1))
    made = signed(ward, one)
    ward.amend("physician", made, **on(5))
    ward.sign("physician", made)
    assert reasons(ward, one) != set()
    ward.sign("physician2", made)
    assert reasons(ward, one) == set()


@pytest.mark.rule(24, by="http")
def test_the_harvest_is_refused_over_http_until_the_days_are_over(ward, team):
    one = begun(team, medication="Apixaban")
    decide(ward, one, anticoagulation="Apixaban, paused", **on(1))
    signed(ward, one)
    answer = ward.browser("nurse").get(f"/treatments/{one.id}/harvests/new")
    assert answer.status_code == 409
    assert "The protocol asks for 3 days without" in answer.text
    with ward.later(days=2):
        assert ward.browser("nurse").get(f"/treatments/{one.id}/harvests/new").status_code == 200
