"""A voided start gave nothing; where cells did run, the void ends and the bag was given (rules 50, 59; H15, H16)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration, BedsideCheck
from tests.bedside import released_product
from tests.factories import PASSWORD, published, ready_for_harvest
from tests.safety.scenes import scene

pytestmark = [pytest.mark.rule(59), pytest.mark.hazard("H15")]
WHOLE = {"outcome": "given", "volume_given": "10", "volume_returned": "", "partial_reason": ""}


@scene
def begun(ward):
    course = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(course, ward.team))
    ward.session.commit()
    ward.give(course, bag)
    return bag, course


def void(ward, given, untouched="yes"):
    return ward.fill(
        "nurse", f"/administrations/{given.id}/void", because="pressed by mistake", untouched=untouched,
        second_person_id=ward.team.physician.id, password=PASSWORD, own_password=PASSWORD,
    )  # fmt: skip


@pytest.mark.parametrize(
    "told", [{}, {"outcome": "voided"}, {"volume_returned": "8", "volume_given": "2"}, {"volume_wasted": "1"}]
)
def test_a_voided_record_takes_no_volume_that_was_given_or_wasted(ward, begun, told):
    bag, _course = begun
    one = ward.given(bag)
    void(ward, one)
    answer = ward.amend("nurse", one, **({"volume_given": "10", "volume_returned": ""} | told))
    assert answer.status_code == 422
    ward.said_no("voided by mistake")
    ward.session.expire_all()
    assert (one.outcome, one.volume_given) == ("voided", 0)


@pytest.mark.hazard("H16")
@pytest.mark.parametrize(
    ("told", "given"),
    [
        (WHOLE, 10),
        (
            WHOLE | {"outcome": "aborted", "volume_given": "4", "volume_wasted": "6", "partial_reason": "stopped"},
            4,
        ),
    ],
)
def test_the_void_is_ended_and_the_bag_was_given(ward, begun, told, given):
    bag, course = begun
    one = ward.given(bag)
    void(ward, one)
    assert "voided by mistake" in ward.browser("nurse").get(f"/records/{one.id}/amendment").text
    assert ward.amend("nurse", one, **told).status_code == 303, ward.refused
    ward.session.expire_all()
    assert (one.voided, one.volume_given, bag.given) == (False, given, True)
    assert one.dose is not None
    assert ward.tag(bag) == "Given"
    assert one.unconfirmed is not None, "a second person confirms it"
    ward.check(course, bag)
    ward.said_no("given already")
    assert ward.session.scalars(select(Administration)).all() == [one]
    assert ward.sign("physician", one).status_code == 303, ward.refused
    ward.session.expire_all()
    assert one.unconfirmed is None


def test_a_void_is_not_ended_where_the_bag_was_given_at_another_start(ward, begun):
    bag, course = begun
    one = ward.given(bag)
    void(ward, one)
    ward.give(course, bag)
    assert ward.amend("nurse", one, **WHOLE).status_code == 422
    ward.said_no("given at another start")


def test_who_did_not_void_has_no_such_box_and_changes_no_outcome(ward, begun):
    bag, _course = begun
    one = ward.given(bag)
    ward.end(one, ended_at=clock.now(), volume_given="10")
    ward.amend("nurse", one, outcome="voided", notes="x")
    ward.session.expire_all()
    assert one.outcome is None
    assert "voided by mistake" not in ward.browser("nurse").get(f"/records/{one.id}/amendment").text


@pytest.mark.rule(4)
def test_a_banked_bag_goes_back_to_the_bank_after_a_wrong_start(ward):
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    courses = [ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor) for _ in range(2)]
    (bag,) = ward.banked(ward.donated(donor, version), version)
    ward.session.commit()
    ward.assign(bag, courses[0])
    ward.release(bag)
    ward.give(courses[0], bag)
    one = ward.given(bag)
    back = f"/products/{bag.id}/unassignment"
    assert ward.fill("quality", back, reason="wrong bag").status_code == 422, "it is being given"
    void(ward, one)
    assert ward.fill("quality", back, reason="the wrong bag was started").status_code == 303, ward.refused
    ward.session.expire_all()
    assert bag.treatment_id is None
    assert ward.amend("nurse", one, **WHOLE).status_code == 422, "it left this course"
    ward.said_no("returned to the bank after the start was voided")
    assert ward.assign(bag, courses[1]).status_code == 303, ward.refused
    ward.give(courses[1], bag)
    ward.said_no("not released")
    ward.release(bag)
    assert ward.give(courses[1], bag).status_code == 303, ward.refused


@pytest.mark.rule(60)
def test_what_was_issued_goes_back_to_the_bank_when_quality_has_agreed(ward):
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    course = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    (bag,) = ward.banked(ward.donated(donor, version), version)
    ward.session.commit()
    ward.assign(bag, course)
    ward.release(bag)
    out = {"place": "Ward", "handed_to": "N. Rask", "temperature": "20", "intact": True}
    ward.move("technologist", bag, "issued", **out)
    back = f"/products/{bag.id}/unassignment"
    assert ward.fill("quality", back, reason="not needed").status_code == 422
    ward.move("nurse", bag, "returned", **out)
    assert ward.fill("quality", back, reason="not needed").status_code == 422
    ward.session.expire_all()
    returned = next(one for one in bag.movements if one.kind == "returned")
    assert returned.performed_at <= clock.now() + timedelta(minutes=1)
    ward.sign("quality", returned)
    assert ward.fill("quality", back, reason="not needed").status_code == 303, ward.refused


@pytest.mark.parametrize(("who", "asked"), [("nurse2", True), ("technologist", False), ("inspector", False)])
def test_who_may_not_scan_is_not_led_to_a_refusal(ward, begun, who, asked):
    bag, course = begun
    ward.check(course, bag)
    checks = ward.session.scalars(select(BedsideCheck)).all()
    assert {one.clear for one in checks} == {True, False}
    for one in checks:
        shown = ward.browser(who).get(f"/bedside-checks/{one.id}").text
        assert (f"/treatments/{course.id}/bedside" in shown) is asked


@pytest.mark.rule(57)
def test_after_the_end_record_course_and_today_ask_for_the_vital_signs_first(ward, begun):
    bag, course = begun
    one = ward.given(bag)
    answer = ward.fill("nurse", f"/administrations/{one.id}/end", ended_at=one.performed_at, volume_given="10")
    assert answer.status_code == 422, "within the minute of the start"
    ward.said_no("same minute as the start")
    assert ward.end(one, ended_at=clock.now(), volume_given="10").status_code == 303, ward.refused
    for page in (f"/administrations/{one.id}", f"/treatments/{course.id}"):
        shown = ward.browser("nurse").get(page).text
        first = shown.partition('class="c-next')[2].partition("</section>")[0]
        assert "Take the vital signs" in first, page
    assert f"/records/{one.id}/signature" in ward.browser("nurse").get(f"/administrations/{one.id}").text


@pytest.mark.rule(2)
def test_wrong_passwords_as_the_second_person_keep_nobody_from_signing_in_a_session_of_their_own(ward, begun):
    bag, course = begun
    given = ward.given(bag)
    ward.end(given, ended_at=clock.now(), volume_given="10")
    wrong = {"second_person_id": ward.team.physician.id, "password": "wrong", "own_password": PASSWORD}
    url = f"/administrations/{given.id}/void"
    said = [ward.fill("nurse", url, because="by mistake", untouched="yes", **wrong).text for _ in range(7)]
    assert "Incorrect password" in said[0]
    assert "Too many incorrect passwords" in said[-1]
    assert ward.sign("physician", given).status_code == 303, course.id
