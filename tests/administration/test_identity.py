"""Right patient, right cells: every wrong pair is refused; what is misread is never taken for somebody else."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.administration.gate import Verdict, identity
from clinic.administration.scanning import read_bag, read_wristband
from clinic.identifiers import VALUES, check_character, new_id
from clinic.treatments.models import new_identity
from tests.factories import course, own_cells, team

PEOPLE = 50


def cells_of(one: object, people: object) -> SimpleNamespace:
    """A bag as the identity check sees it."""
    donor = own_cells(one, people)
    return SimpleNamespace(
        id=new_id("PR"), treatment=one, treatment_id=one.id, relation="autologous", donor=donor, donor_id=donor.id
    )


def judged(*facts: object) -> Verdict:
    """The identity part alone."""
    verdict = Verdict()
    identity(verdict, *facts)
    return verdict


@pytest.mark.rule(1)
@pytest.mark.rule(3)
@pytest.mark.hazard("H1")
@pytest.mark.parametrize("by", ["patient", "chain"])
def test_of_fifty_patients_and_fifty_bags_only_the_fifty_right_pairs_pass(by: str) -> None:
    people = team()
    courses = [course(people) for _ in range(PEOPLE)]
    bags = [cells_of(one, people) for one in courses]
    passed, refused = [], 0
    for mine, one in enumerate(courses):
        chain = one.chain_of_identity
        worn = read_wristband(one.patient_id if by == "patient" else chain + check_character(chain))
        for theirs, bag in enumerate(bags):
            verdict = judged(one, worn, one.patient, bag)
            if verdict.clear:
                passed.append((mine, theirs))
            else:
                refused += 1
                assert {reason.rule for reason in verdict.blocked} <= {1, 3}
    assert passed == [(n, n) for n in range(PEOPLE)]
    assert refused == PEOPLE * (PEOPLE - 1) == 2450


@pytest.mark.rule(1)
@pytest.mark.hazard("H1")
def test_another_patients_wristband_is_refused_even_with_the_right_bag() -> None:
    people = team()
    mine, other = course(people), course(people)
    verdict = judged(mine, read_wristband(other.patient_id), other.patient, cells_of(mine, people))
    assert [reason.rule for reason in verdict.blocked] == [1]
    assert verdict.blocked[0].who == ()
    assert other.patient.display_name in verdict.blocked[0].because


@pytest.mark.rule(1)
def test_another_course_of_the_same_patient_has_its_own_cells() -> None:
    people = team()
    mine = course(people)
    again = course(people, mine.patient)
    verdict = judged(mine, read_wristband(mine.patient_id), mine.patient, cells_of(again, people))
    assert [reason.because for reason in verdict.blocked] == ["These cells belong to another course of this patient."]


@pytest.mark.rule(4)
def test_a_banked_bag_that_is_assigned_to_nobody_is_refused() -> None:
    people = team()
    mine = course(people)
    bag = cells_of(mine, people)
    bag.treatment = bag.treatment_id = None
    assert [reason.rule for reason in judged(mine, read_wristband(mine.patient_id), mine.patient, bag).blocked] == [4]


@pytest.mark.rule(1)
@given(st.integers(0, 13), st.sampled_from(VALUES))
def test_a_chain_of_identity_with_one_wrong_character_is_never_read(place: int, wrong: str) -> None:
    chain = new_identity("A9999", 2026)
    shown = chain + check_character(chain)
    read = read_wristband(shown[:place] + wrong + shown[place + 1 :])
    assert read.chain_of_identity == (chain if shown[place] == wrong else "")
    assert bool(read.fault) is (shown[place] != wrong)


@pytest.mark.rule(5)
@given(st.integers(0, 12), st.sampled_from("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"))
def test_a_bag_code_with_one_wrong_character_is_never_read(place: int, wrong: str) -> None:
    code = new_id("PR").replace("-", "")
    place %= len(code)
    read = read_bag(code[:place] + wrong + code[place + 1 :])
    assert bool(read.product_id) is (code[place] == wrong)


def test_a_donation_number_is_read_with_its_division() -> None:
    din = "A999926000123"
    read = read_bag(f"{din}{check_character(din)}/b1")
    assert (read.din, read.division, read.fault) == (din, "B1", "")
    assert "check character" in read_bag(din).fault
    assert read_bag("").fault
    assert "wristband" in read_bag(new_id("PT")).fault
    assert "bag" in read_wristband(new_id("PR")).fault
    assert read_wristband("  ").fault


@pytest.mark.hazard("H3")
def test_what_a_scanner_puts_before_a_code_does_not_keep_it_from_being_read():
    patient, product = new_id("PT"), new_id("PR")
    assert read_wristband(f"]C0{patient}").patient_id == patient
    assert read_bag(f"]d2{product}").product_id == product
    assert read_bag("]C0G123417654321H/A1") == read_bag("G123417654321H/A1")
