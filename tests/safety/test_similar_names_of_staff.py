"""Accounts of similar names are one person until an administrator has told them apart (rules 2, 45, 47; hazard H25)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from clinic.access import Role
from clinic.accounts.models import User
from clinic.accounts.same_name import similar
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest

ONE = [
    "Nádia Rask", "NADIA  RASK", "N. Rask", "Rask, N.", "Nadja Rask", "Nadya Raask", "Nadia M. Rask",
    "Nadia Maria Rask",
    "RASK Nadia", "Nadia Rask, M.D.", "Nadia Rask 2", "Nadai Rask", "Nadia-Rask", "Nadia Rosk", "Dr. med. Nadia Rask",
]  # fmt: skip
OTHERS = [
    ("Nadia Rask", "Nils Rask"), ("Nadia Rask", "Katja Rask"), ("Anna Berg", "Hanna Berg"), ("Anna Berg", "Anna Holm"),
    ("Tim Berg", "Kim Berg"), ("M. Rask", "Nadia Rask"), ("Anna Maria Berg", "Anna Lena Berg"),
    ("Dr I. Novak", "Dr A. Okafor"), ("Erik Holm", "Arne Holm"),
]  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_another_spelling_of_a_name_may_be_the_same_person(name):
    assert similar("Nadia Rask", name)
    assert similar(name, "Nadia Rask")


@pytest.mark.parametrize(
    "names", [("Tomas Lind", "Tómas Lind"), ("Jörg Müller", "Joerg Mueller"), ("Søren Bø", "Soren Bo")]
)
def test_accents_and_their_spellings_do_not_tell_people_apart(names):
    assert similar(*names)


@pytest.mark.parametrize("names", OTHERS)
def test_other_names_are_other_people(names):
    assert not similar(*names)


def test_the_staff_of_the_demonstration_are_different_people(team):
    people = list(team.people.values())
    assert not [
        (one.label, other.label) for one in people for other in people if one is not other and one.is_same_person(other)
    ]


@pytest.mark.rule(2)
@pytest.mark.hazard("H25")
@pytest.mark.parametrize("name", ["Nádia Rask", "N. Rask", "Nadja Rask", "Nadia M. Rask"])
def test_a_similar_name_is_not_the_second_person_at_the_bedside(ward, name):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    ward.team.physician.printed_name = name
    ward.session.commit()
    ward.give(mine, bag)
    ward.not_given(bag, "rule 2", "same person")


@pytest.mark.rule(45)
@pytest.mark.hazard("H25")
def test_a_similar_name_of_who_processed_does_not_release(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, released=False))
    ward.team.quality2.printed_name = "Tómas  LIND"
    ward.session.commit()
    decided = ward.decide(bag, "conditional", reason="culture pending", physician_told=ward.team.physician.id)
    ward.fill("quality2", decided.location, password=PASSWORD)
    ward.said_no("rule 45", "may not release")


@pytest.mark.rule(45)
@pytest.mark.parametrize("name", ["Nádia  RASK", "N. Rask", "Nadia M. Rask", "Nadja Rask"])
def test_a_new_account_with_a_similar_name_is_asked_about(ward, name):
    new = {"printed_name": name, "email": "rask2@north.demo", "role": "physician"}
    asked = ward.fill("administrator", "/staff/new", **new)
    assert asked.status_code == 422
    assert "Is this the same person?" in asked.text
    apart = {"same_person": "no", "same_why": "aunt and niece, other staff numbers", "staff_number": "812"}
    assert ward.fill("administrator", "/staff/new", **new, **apart).status_code == 303
    made = ward.session.scalars(select(User).where(User.email == "rask2@north.demo")).one()
    assert not made.is_same_person(ward.team.nurse)


def test_the_staff_number_says_whose_account_it_is_where_several_have_the_name(ward):
    ward.team.nurse.staff_number = "417"
    ward.team.nurse2.printed_name = "Nils Rask"
    ward.session.commit()
    new = {"printed_name": "N. Rask", "email": "rask2@north.demo", "role": "physician", "same_person": "yes"}
    assert ward.fill("administrator", "/staff/new", **new).status_code == 422
    ward.said_no("staff number of the person")
    assert ward.fill("administrator", "/staff/new", **new, staff_number="417").status_code == 303
    made = ward.session.scalars(select(User).where(User.email == "rask2@north.demo")).one()
    assert made.person_id == ward.team.nurse.id
    assert made.role is Role.PHYSICIAN
