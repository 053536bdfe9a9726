"""One donor is one record, a later “no” counts, a sample is taken while there are cells, figures agree."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from clinic.patients.donors import Donor


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
def test_a_donor_keeps_the_own_number_and_takes_a_free_one(ward):
    one = ward.giver(donor_number="R-777777")
    assert ward.amend("coordinator", one, donor_number="r 777777").status_code == 303
    assert ward.amend("coordinator", one, donor_number="R-777778").status_code == 303
    assert ward.fill("coordinator", "/donors/new", kind="cord", donor_number="R-777777").status_code == 303
    assert ward.fill("coordinator", "/donors/new", kind="cord", donor_number="R-77777").status_code == 303
