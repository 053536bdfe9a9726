"""One person is one person, however many accounts she or he signs in with (rules 2, 45; hazard H25)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.access import Role
from clinic.accounts.models import User
from tests.bedside import released_product
from tests.factories import PASSWORD, consented, course, day_boxes, ready_for_harvest
from tests.safety.scenes import scene


def another_account(ward, who: str, role: Role, **facts) -> User:
    """A further account of somebody, with the same password, in the place of the second person of a role."""
    one, replaced = ward.person(who), ward.person(f"{role.value}2")
    email, replaced.email = replaced.email, f"was.{replaced.email}"
    ward.session.flush()
    made = User(
        site_id=one.site_id, site=one.site, role=role, password=one.password, email=email,
        **({"printed_name": one.printed_name} | facts),
    )  # fmt: skip
    ward.session.add(made)
    ward.session.commit()
    return made


@scene
def own(ward):
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


SAME = [
    pytest.param(lambda _one: {}, id="same name"),
    pytest.param(lambda one: {"printed_name": f"Dr.  {one.printed_name.upper()}"}, id="same name, other spelling"),
    pytest.param(lambda one: {"printed_name": "Maria Castell", "person_id": one.id}, id="linked"),
    pytest.param(lambda _one: {"printed_name": "Maria Castell", "staff_number": "n 0417"}, id="same number"),
]


@pytest.mark.rule(2)
@pytest.mark.hazard("H25")
@pytest.mark.parametrize("facts", SAME)
def test_a_second_account_of_the_nurse_is_not_the_second_person_at_the_bedside(ward, own, facts):
    bag, mine = own
    ward.team.nurse.staff_number = "N-0417"
    second = another_account(ward, "nurse", Role.PHYSICIAN, **facts(ward.team.nurse))
    ward.team.people["physician"] = second
    ward.give(mine, bag)
    ward.not_given(bag, "rule 2", "same person")


@pytest.mark.rule(45)
@pytest.mark.hazard("H25")
@pytest.mark.parametrize("facts", SAME)
def test_who_processed_does_not_release_with_another_account(ward, facts):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, released=False))
    ward.team.technologist.staff_number = "N-0417"
    another_account(ward, "technologist", Role.QUALITY, **facts(ward.team.technologist))
    decided = ward.decide(bag, "conditional", reason="culture pending", physician_told=ward.team.physician.id)
    assert decided.status_code == 303, ward.refused
    ward.fill("quality2", decided.location, password=PASSWORD)
    ward.said_no("rule 45", "processed", "may not release")
    assert "Released" not in ward.tag(bag)


@pytest.mark.rule(14)
@pytest.mark.hazard("H25")
def test_who_extended_a_consent_does_not_confirm_it_with_another_account(ward):
    mine = course(ward.team, signed=True)
    consent = consented(mine, ward.team, expires_on=clock.today("Europe/Berlin") - timedelta(days=1))
    ward.amend("physician", consent, **day_boxes("expires_on", clock.today("Europe/Berlin") + timedelta(days=90)))
    another_account(ward, "physician", Role.NURSE)
    ward.sign("nurse2", consent)
    ward.session.expire_all()
    assert consent.unconfirmed is not None


@pytest.mark.hazard("H25")
def test_two_people_of_one_name_who_were_told_apart_are_two(ward, own):
    bag, mine = own
    other = another_account(
        ward, "nurse", Role.PHYSICIAN, told_apart={ward.team.nurse.id: "two people, other staff number"}
    )
    ward.team.people["physician"] = other
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


def test_a_new_account_with_the_name_of_another_is_asked_about(ward):
    new = {"printed_name": "dr novak, I.", "email": "novak2@north.demo", "role": "nurse", "staff_number": "77"}
    answer = ward.fill("administrator", "/staff/new", **new)
    assert answer.status_code == 422
    assert "Is this the same person?" in answer.text
    made = select(User).where(User.email == "novak2@north.demo")
    assert ward.session.scalar(made) is None
    assert ward.fill("administrator", "/staff/new", **new, same_person="no").status_code == 422
    assert ward.fill("administrator", "/staff/new", **new, same_person="yes").status_code == 303
    assert ward.session.scalars(made).one().is_same_person(ward.team.physician)


def test_accounts_of_one_name_are_told_apart_with_a_reason(ward):
    new = {"printed_name": "Dr I. Novak", "email": "novak2@north.demo", "role": "physician", "staff_number": "77"}
    same = ward.fill("administrator", "/staff/new", **new, same_person="yes")
    assert same.status_code == 422
    assert "already has an account" in same.text
    told = ward.fill("administrator", "/staff/new", **new, same_person="no", same_why="Ivana and Ines, other numbers")
    assert told.status_code == 303
    made = ward.session.scalars(select(User).where(User.email == "novak2@north.demo")).one()
    assert not made.is_same_person(ward.team.physician)


def test_a_staff_number_is_one_persons(ward):
    ward.team.nurse.staff_number = "N-0417"
    ward.session.commit()
    new = {"printed_name": "Maria Castell", "email": "mc@north.demo", "role": "nurse", "staff_number": "n 0417"}
    assert ward.fill("administrator", "/staff/new", **new).status_code == 422
    refused = ward.fill("administrator", "/staff/new", **new, same_person="no", same_why="another person")
    assert refused.status_code == 422
    assert "belongs to" in refused.text


def test_accounts_that_were_there_are_told_apart_later(ward):
    other = another_account(ward, "nurse", Role.PHYSICIAN)
    assert other.is_same_person(ward.team.nurse)
    url = f"/staff/{other.id}/identity"
    assert "Is this the same person?" in ward.browser("administrator").get(url).text
    ward.fill("administrator", url, staff_number="811", same_person="no", same_why="mother and daughter")
    ward.session.expire_all()
    assert not other.is_same_person(ward.team.nurse)
    assert other.staff_number == "811"


def test_ended_accounts_are_not_offered_as_people(ward):
    mine = ready_for_harvest(ward.team)
    ward.team.nurse2.active = False
    ward.session.commit()
    for url in (f"/treatments/{mine.id}/harvests/new", f"/treatments/{mine.id}/bedside"):
        shown = ward.browser("nurse").get(url).text
        assert ward.team.nurse2.printed_name not in shown
    refused = ward.fill(
        "nurse", f"/patients/{mine.patient_id}/weights/new", kg="70", performed_by_id=ward.team.nurse2.id
    )
    assert refused.status_code == 422
