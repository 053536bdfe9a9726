"""Donation numbers: shape, check character, uniqueness; whose cells may go where."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from clinic import clock
from clinic.errors import RuleBroken
from clinic.identifiers import VALUES, check_character, drawn_from, new_id, parse_id
from clinic.products.donation_numbers import parse_din, spell_din
from clinic.products.models import unused
from tests.bedside import released_product
from tests.factories import course, harvested, patient, ready_for_harvest, stranger, team

EXAMPLES = {
    # ST-001 v6.2.2, appendix A.1, figures 2, 20, 21; JPAC Red Book annex 2; ICCBBA introduction; python-stdnum
    "G123417654321": "A",
    "A999921123456": "3",
    "A999917123456": "9",
    "A999820123456": "E",
    "G123498654321": "H",
    "A999914123458": "J",
    "G123489654321": "Y",
}
PUBLISHED = EXAMPLES | {"W000022000687": "S"}  # HL7's autologousHCT example


@pytest.mark.rule(5)
@pytest.mark.parametrize(("din", "check"), PUBLISHED.items())
def test_a_published_donation_number_is_taken_with_its_check_character(din, check):
    assert check_character(din) == check
    assert parse_din(din + check) == din
    assert parse_din(f"{din[:5]} {din[5:7]} {din[7:]} {check}".lower()) == din
    assert spell_din(din)[1] == check


@pytest.mark.rule(5)
def test_a_scan_is_taken_when_its_flags_of_type_three_agree():
    assert parse_din("=G12341765432170") == "G123417654321"
    assert parse_din("=G12341765432100") == "G123417654321"
    assert parse_din("=G12349865432177") == "G123498654321"


@pytest.mark.rule(5)
@pytest.mark.parametrize(
    "typed",
    [
        "=G12341765432171",
        "=G12341765432196",
        "=G123417654321",
        "=G1234176543217",
        "=G123417654321700",
        "=G1234176543217O",
        "G123417654321",
        "G123417654321B",
        "G123417654321AA",
        "G12341765432",
        "O123417654321A",
        "GO23417654321A",
        "G1O3417654321A",
        "0123417654321A",
        "G12341765432\u0661A",
        "",
        "A",
        "G123417654321*",
    ],
)
def test_a_donation_number_without_its_right_check_is_refused(typed):
    with pytest.raises(RuleBroken):
        parse_din(typed)


@pytest.mark.rule(5)
@pytest.mark.parametrize(("din", "check"), EXAMPLES.items())
def test_every_wrong_character_and_every_swap_of_neighbours_is_found(din, check):
    accepted = []
    for place in range(13):
        for other in VALUES[:-1]:
            typed = din[:place] + other + din[place + 1 :] + check
            if other != din[place] and _taken(typed):
                accepted.append(typed)
    for place in range(12):
        typed = din[:place] + din[place + 1] + din[place] + din[place + 2 :] + check
        if din[place] != din[place + 1] and _taken(typed):
            accepted.append(typed)
    assert accepted == []


def _taken(typed):
    try:
        parse_din(typed)
    except RuleBroken:
        return False
    return True


@pytest.mark.hazard("H3")
def test_no_single_error_or_swap_in_a_thousand_ids_is_accepted():
    accepted = []
    with drawn_from(7):
        ids = [new_id("PR") for _ in range(1000)]
    for one in ids:
        bare = one.replace("-", "")
        wrong = [bare[:i] + c + bare[i + 1 :] for i in range(len(bare)) for c in VALUES[:-1] if c != bare[i]]
        wrong += [
            bare[:i] + bare[i + 1] + bare[i] + bare[i + 2 :] for i in range(len(bare) - 1) if bare[i] != bare[i + 1]
        ]
        accepted += [typed for typed in wrong if parse_id(typed) is not None]
    assert len(set(ids)) == 1000
    assert accepted == []


@pytest.mark.rule(6)
def test_a_donation_number_with_its_division_is_never_used_twice(session, team):
    number = f"A9999{clock.now().year % 100:02d}123456"
    mine = ready_for_harvest(team)
    first = harvested(mine, team, din=number).products[0]
    unused(session, number, "B")
    with pytest.raises(RuleBroken, match=r"123456 ., division A is taken by PR-.*must not be used twice"):
        unused(session, number, first.division)
    second = harvested(mine, team, din=number).products[0]
    assert (first.division, second.division) == ("A", "B")
    third = harvested(mine, team, din=number, contained=False)
    with pytest.raises(RuleBroken, match="must not be used twice"):
        third.collect(by=team.nurse, at=clock.now(), volume=Decimal(1), division="A")
    with pytest.raises(RuleBroken, match="belongs to the cells of another donor"):
        harvested(ready_for_harvest(team), team, din=number)


@pytest.mark.rule(7)
def test_a_donation_number_of_another_year_needs_a_reason(team):
    at = clock.now() - timedelta(hours=3)
    old = f"A9999{(at.year - 3) % 100:02d}123456"
    with pytest.raises(RuleBroken, match="year"):
        harvested(ready_for_harvest(team), team, din=old)
    harvest = harvested(ready_for_harvest(team), team, din=old, confirmed={"din": "bag from an old box of numbers"})
    assert harvest.products[0].din == old


@pytest.mark.rule(3)
def test_own_cells_are_assigned_to_nobody_but_their_donor(team):
    product = released_product(ready_for_harvest(team), team)
    mine = product.treatment
    product.treatment, product.treatment_id = None, None
    with pytest.raises(RuleBroken, match="must not be given to anyone else"):
        product.assign(ready_for_harvest(team), by=team.technologist, at=clock.now())
    assert product.treatment is None
    product.assign(mine, by=team.technologist, at=clock.now())
    assert (product.treatment_id, product.movements[-1].place) == (mine.id, mine.chain_of_identity)


@pytest.mark.rule(4)
def test_cells_meant_for_one_patient_are_never_assigned_to_another(team):
    product = released_product(ready_for_harvest(team), team)
    with pytest.raises(RuleBroken, match="already belongs to a course"):
        product.assign(ready_for_harvest(team), by=team.technologist, at=clock.now())


@pytest.mark.rule(4)
def test_a_donors_cells_do_not_go_to_a_course_of_own_cells(team):
    own = course(team, patient(team))
    donor_cells = course(team, patient(team), code="AD-MSC-KNEE", donor=stranger(team))
    product = harvested(
        donor_cells,
        team,
        source="adipose_tissue",
        body_site="abdomen",
        side=None,
        method="manual_lipoaspiration",
        anticoagulant="none",
        anticoagulant_volume=None,
        anticoagulant_lot=None,
        anaesthesia="tumescent",
    ).products[0]
    product.treatment, product.treatment_id = None, None
    with pytest.raises(RuleBroken, match="other kind of cells"):
        product.assign(own, by=team.technologist, at=clock.now())


def test_a_discarded_product_moves_no_more_and_says_why_it_was_discarded():
    people = team()
    product = harvested(course(people), people).products[0]
    with pytest.raises(RuleBroken, match="Give the reason for discarding it"):
        product.move(kind="discarded", by=people.technologist, at=clock.now())
    product.move(kind="discarded", by=people.technologist, at=clock.now(), reason="bag leaked")
    with pytest.raises(RuleBroken, match="was discarded"):
        product.move(kind="stored", place="Tank 2", by=people.technologist, at=clock.now())
    assert product.volume == Decimal(60)
