"""Cells that run are asked what the gate asks: sums, whose cells, groups, DMSO, place (rules 3, 20, 21, 26, 53)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from clinic.products.models import Product
from clinic.release.models import Release
from tests.bedside import released_product
from tests.bedside import tested as record_result
from tests.factories import PASSWORD, own_cells, patient, ready_for_harvest
from tests.safety.moments import minutes
from tests.safety.reacting import newest
from tests.safety.scenes import scene
from tests.safety.test_facts_of_the_whole_person import banked, both, released
from tests.safety.test_two_records_of_one_person import confirm, propose, undo
from tests.safety.test_written_since_the_decision import stopped

__all__ = ["both"]


@scene
def own(ward) -> Any:
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


def shown(ward, bag) -> str:
    """Return what the page of a running administration says."""
    given = ward.given(bag)
    assert given is not None, ward.refused
    return ward.browser("nurse").get(f"/administrations/{given.id}").text


@pytest.mark.rule(52)
@pytest.mark.hazard("H27")
def test_two_bags_of_one_person_are_one_sum_once_the_merge_is_confirmed(ward):
    made = []
    for _number in range(2):
        course = ready_for_harvest(ward.team, code="BM-MSC-MS")
        made.append((course, ward.verified(released_product(course, ward.team, amount="130"))))
    ward.session.commit()
    for course, bag in made:
        ward.give(course, bag)
        assert ward.given(bag) is not None, ward.refused
    assert not stopped(ward)
    one = propose(ward, made[0][0], made[1][0].patient)
    assert stopped(ward)
    assert confirm(ward, one).status_code == 303, ward.refused
    assert "above the protocol" in stopped(ward)
    for _course, bag in made:
        assert "Stop giving these cells" in shown(ward, bag)


@pytest.mark.rule(52)
def test_two_bags_that_fit_together_run_on(ward):
    made = []
    for _number in range(2):
        course = ready_for_harvest(ward.team, code="BM-MSC-MS")
        made.append((course, ward.verified(released_product(course, ward.team, amount="72.5"))))
    ward.session.commit()
    for course, bag in made:
        ward.give(course, bag)
        assert ward.given(bag) is not None, ward.refused
    one = propose(ward, made[0][0], made[1][0].patient)
    assert confirm(ward, one).status_code == 303, ward.refused
    assert not stopped(ward)


@pytest.mark.rule(3)
@pytest.mark.hazard("H27")
def test_own_cells_are_another_patients_once_the_merge_is_undone(ward):
    mine, other = ready_for_harvest(ward.team), ready_for_harvest(ward.team)
    ward.session.commit()
    one = propose(ward, mine, other.patient)
    assert confirm(ward, one).status_code == 303, ward.refused
    version, at = mine.protocol_version, minutes(30)
    donation = ward.donated(own_cells(other, ward.team), version, at=minutes(120))
    (bag,) = ward.banked(donation, version, at=at, untested=True, expires_at=None, amount="6")
    assert ward.assign(bag, mine).status_code == 303, ward.refused
    for spec in version.says.qc:
        record_result(bag, ward.team, version, spec, value=None, at=at)
    ward.session.commit()
    decided = ward.decide(bag, "conditional", reason="culture pending", physician_told=ward.team.physician.id)
    ward.fill("quality", decided.location, password=PASSWORD)
    ward.sign("physician", newest_release(ward))
    ward.give(mine, bag)
    assert "Stop giving these cells" not in shown(ward, bag)
    assert not stopped(ward)
    undo(ward, one)
    assert "another patient's own cells" in stopped(ward).replace("&#39;", "'")
    assert "Stop giving these cells" in shown(ward, bag)


def newest_release(ward):
    return newest(ward, Release)


# blood groups


@scene
def grouped(ward) -> Any:
    """Cells of a donor for a patient of the same group, typed from two samples each."""
    one = patient(ward.team)
    bag, mine, donor = banked(ward, one)
    ward.group(donor, "O", "negative")
    ward.group(one, "O", "negative")
    released(ward, bag, mine)
    return bag, mine, donor


def type_again(ward, url, abo, rhd):
    facts = {"abo": abo, "rhd": rhd, "performed_at": minutes(3), "performed_by_id": ward.team.technologist.id}
    answer = ward.fill("technologist", f"{url}/blood-groups/new", sample_number="ZZ-1", sure="read twice", **facts)
    assert answer.status_code == 303, ward.refused


@pytest.mark.rule(20)
@pytest.mark.parametrize("who", ["donor", "patient"])
def test_a_typing_that_contradicts_stops_cells_that_run(ward, grouped, who):
    bag, mine, donor = grouped
    ward.give(mine, bag)
    assert not stopped(ward)
    assert "Stop giving these cells" not in shown(ward, bag)
    type_again(ward, f"/donors/{donor.id}" if who == "donor" else f"/patients/{mine.patient_id}", "A", "positive")
    assert "blood groups do not agree" in stopped(ward)
    assert "Stop giving these cells" in shown(ward, bag)


@pytest.mark.rule(21)
def test_groups_that_turn_out_to_differ_stop_cells_that_run(ward, both):
    one, _other = both
    bag, mine, donor = banked(ward, one)
    ward.group(donor, "A", "positive")
    released(ward, bag, mine)
    ward.give(mine, bag)
    assert not stopped(ward), "that the patient's group is not known was answered"
    type_again(ward, f"/patients/{one.id}", "O", "negative")
    assert "Blood groups differ" in stopped(ward)


@pytest.mark.rule(21)
def test_groups_that_differ_and_were_answered_run_on(ward, both):
    one, _other = both
    bag, mine, donor = banked(ward, one)
    ward.group(donor, "A", "positive")
    ward.group(one, "O", "negative")
    released(ward, bag, mine)
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused
    assert not stopped(ward)


@pytest.mark.rule(20)
@pytest.mark.parametrize("who", ["donor", "patient"])
def test_the_tag_of_released_cells_says_that_groups_do_not_agree(ward, grouped, who):
    bag, mine, donor = grouped
    assert ward.tag(bag) == "Released"
    type_again(ward, f"/donors/{donor.id}" if who == "donor" else f"/patients/{mine.patient_id}", "A", "positive")
    assert ward.tag(bag) == "On hold"
    page = ward.browser("quality").get(f"/products/{bag.id}").text
    assert "blood groups do not agree" in page
    assert "On hold" in ward.browser("quality").get(f"/treatments/{mine.id}").text
    assert "Check at the bedside" not in ward.browser("nurse").get("/").text
    ward.give(mine, bag)
    ward.not_given(bag, "blood groups do not agree")


# what the container holds, and where it goes


@pytest.mark.rule(53)
def test_dmso_that_turns_out_too_much_stops_cells_that_run(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    facts = {
        "frozen_at": minutes(300),
        "made_at": minutes(360),
        "volume": "500",
        "dmso_percent": Decimal(5),
        "results": {"endotoxin": Decimal("0.1")},
    }
    bag = ward.verified(released_product(mine, ward.team, cryo_medium="DMSO 5 %", **facts))
    ward.move("technologist", bag, "thawed", performed_at=minutes(5), place="Water bath")
    ward.give(mine, bag)
    assert "Stop giving these cells" not in shown(ward, bag)
    amended = ward.amend("technologist", bag, dmso_percent="20", cryo_medium="DMSO 20 %")
    assert amended.status_code == 303, ward.refused
    assert "DMSO comes to" in stopped(ward)
    assert "DMSO comes to" in shown(ward, bag)


@pytest.mark.rule(26, 55)
def test_an_order_of_another_place_stops_cells_that_run(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    assert not stopped(ward)
    side = "left" if mine.side == "right" else "right"
    assert ward.amend("physician", mine, side=side).status_code == 303, ward.refused
    assert stopped(ward)


@pytest.mark.rule(52)
def test_a_container_that_holds_less_than_was_counted_stops_no_cells(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    amount = ward.session.get(Product, bag.id).amount
    with ward.later(minutes=1):
        ward.amend("technologist", ward.session.get(Product, bag.id), amount=str(amount / 10))
        ward.amend("technologist2", ward.session.get(Product, bag.id), why="read again", notes="counted twice")
        assert "below the protocol" not in stopped(ward)
