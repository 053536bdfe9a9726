"""A consent holds for the place that it names, for the course that it was given for, and until a child is of age."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from clinic import clock
from clinic.consent.step import permission
from clinic.course_records import of_course
from tests.bedside import checked, given, released_product
from tests.factories import consented, course, eligible, patient, ready_for_harvest

ZONE = "Europe/Berlin"


def knees(ward, *sides):
    one = patient(ward.team)
    made = []
    for side in sides:
        knee = course(ward.team, one, signed=True, body_site="knee", side=side)
        eligible(knee, ward.team)
        made.append(knee)
    ward.session.commit()
    return made


def consent(ward, knee, *, days=10, **facts):
    facts = {"body_site": "knee", "side": knee.side} | facts
    return consented(knee, ward.team, at=clock.now() - timedelta(days=days), **facts)


def reasons(ward, mine, at=None):
    ward.session.flush()
    ward.session.expire_all()
    return permission(of_course(ward.session, mine), at or clock.now())


@pytest.mark.rule(26)
@pytest.mark.parametrize("last", ["left", "right"])
def test_each_knee_has_a_consent_of_its_own_whichever_was_given_last(ward, last):
    left, right = knees(ward, "left", "right")
    first, second = (right, left) if last == "left" else (left, right)
    consent(ward, first, days=10)
    assert reasons(ward, first) == []
    consent(ward, second, days=9)
    for mine in (left, right):
        assert reasons(ward, mine) == []
        answer = ward.browser("nurse").get(f"/treatments/{mine.id}/harvests/new")
        assert answer.status_code == 200


@pytest.mark.rule(26)
def test_a_consent_for_one_knee_alone_opens_nothing_for_the_other(ward):
    left, right = knees(ward, "left", "right")
    consent(ward, left)
    assert {one.rule for one in reasons(ward, right)} == {26}


def birthday(years):
    today = clock.today(ZONE)
    return date(today.year - years, today.month, min(today.day, 28))


def child(ward, born, **facts):
    one = patient(ward.team, birth_date=born)
    mine = course(ward.team, one, signed=True)
    eligible(mine, ward.team)
    at = clock.now() - timedelta(days=40)
    consented(mine, ward.team, at=at, signer="parents", signer_name="Ana and Rui Parent", **facts)
    return mine


@pytest.mark.rule(14)
@pytest.mark.hazard("H12")
def test_parents_signed_for_a_child_who_is_of_age_today(ward):
    mine = child(ward, birthday(18))
    found = reasons(ward, mine)
    assert {one.rule for one in found} == {14}
    assert "of age" in found[0].because
    assert ward.browser("nurse").get(f"/treatments/{mine.id}/harvests/new").status_code == 409
    consented(mine, ward.team, at=clock.now())
    assert reasons(ward, mine) == []


@pytest.mark.rule(14)
def test_the_day_before_the_birthday_the_parents_consent_holds(ward):
    mine = child(ward, birthday(18) + timedelta(days=1))
    assert reasons(ward, mine) == []
    assert reasons(ward, mine, clock.now() + timedelta(days=1)) != []


@pytest.mark.rule(14)
def test_a_child_whose_day_of_birth_is_not_known_is_of_age_when_it_is_certain(ward):
    mine = child(ward, birthday(18))
    mine.patient.precision = {"birth_date": "month"}
    assert reasons(ward, mine) == []


@pytest.mark.rule(14)
def test_a_consent_of_an_earlier_course_opens_no_new_one(ward):
    team = ward.team
    first, ago = ready_for_harvest(team), clock.now() - timedelta(minutes=10)
    given(checked(first, released_product(first, team), team, at=ago), team, at=ago + timedelta(minutes=1))
    second = course(team, first.patient, at=clock.now(), signed=True)
    eligible(second, team, at=clock.now())
    ward.session.commit()
    found = reasons(ward, second)
    assert {one.rule for one in found if "earlier course" in one.because} == {14}
    assert ward.browser("nurse").get(f"/treatments/{second.id}/harvests/new").status_code == 409
    consented(second, team, at=clock.now())
    assert not [one for one in reasons(ward, second) if one.rule == 14]


@pytest.mark.rule(14)
def test_one_consent_serves_two_courses_that_were_ordered_before_anything_was_given(ward):
    team = ward.team
    first = ready_for_harvest(team)
    second = course(team, first.patient, signed=True, at=clock.now() - timedelta(days=1))
    eligible(second, team, at=clock.now() - timedelta(hours=20))
    given(checked(first, released_product(first, team), team), team)
    assert not [one for one in reasons(ward, second) if one.rule == 14]
