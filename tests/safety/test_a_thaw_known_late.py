"""A thaw that somebody writes down late, or that nobody wrote down, reaches all cells that it warmed (rules 54, 69)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from clinic import clock
from tests.bedside import released_product
from tests.factories import harvested, ready_for_harvest
from tests.safety.bench import begun, does, fills
from tests.safety.moments import minutes

pytestmark = [pytest.mark.rule(54), pytest.mark.rule(69), pytest.mark.hazard("H10")]
HOUR = timedelta(minutes=60)


def frozen_bags(ward, alike="1", volume="20"):
    """A course, and bags of it that were frozen 100 minutes ago."""
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    taken = harvested(mine, ward.team, at=clock.now() - timedelta(hours=5)).products[0]
    run = begun(ward, mine, taken)
    does(ward, run, "cryopreserve", 110, 100)
    return mine, fills(ward, run, volume=volume, alike=alike)


def frozen_bag(ward):
    mine, (bag,) = frozen_bags(ward)
    return mine, bag


def parted(ward, mine, bag, start, alike="1", volume="10"):
    """What a split of two minutes made of a frozen bag."""
    run = begun(ward, mine, bag, performed_at=minutes(start))
    does(ward, run, "split", start, start - 2)
    return fills(ward, run, volume=volume, alike=alike)


def thawed(ward, bag, ago):
    answer = ward.move("technologist", bag, "thawed", performed_at=minutes(ago), place="Water bath")
    assert answer.status_code == 303, ward.refused
    ward.session.expire_all()


def test_a_late_thaw_of_a_parent_reaches_its_children_and_theirs(ward):
    mine, bag = frozen_bag(ward)
    children = parted(ward, mine, bag, 80, alike="2")
    (grandchild,) = parted(ward, mine, children[0], 70, volume="5")
    assert [one.lies_frozen for one in (*children, grandchild)] == [True] * 3
    thawed(ward, bag, 90)
    for one in (bag, *children, grandchild):
        assert (one.thawed_at, one.lies_frozen, one.expires_at) == (minutes(90), False, minutes(90) + HOUR)


def test_a_late_thaw_before_the_thaw_of_a_run_counts_for_all_that_was_made(ward):
    mine, bag = frozen_bag(ward)
    (child,) = parted(ward, mine, bag, 80, volume="20")
    washed = begun(ward, mine, child, performed_at=minutes(40))
    end = does(ward, washed, "thaw", 38, 35)
    (grandchild,) = fills(ward, washed)
    assert grandchild.thawed_at == end
    thawed(ward, bag, 90)
    assert (child.thawed_at, grandchild.thawed_at) == (minutes(90), minutes(90))
    assert grandchild.expires_at == minutes(90) + HOUR


def test_a_thaw_after_a_split_leaves_what_was_parted_frozen(ward):
    mine, bag = frozen_bag(ward)
    (child,) = parted(ward, mine, bag, 80)
    end = {"ended_at": minutes(70), "waste_volume": "10", "sure": "as on the sheet"}
    assert ward.fill("technologist", f"/runs/{child.run_id}/end", **end).status_code == 303, ward.refused
    thawed(ward, bag, 20)
    assert (bag.thawed_at, child.thawed_at, child.lies_frozen) == (minutes(20), None, True)


def test_the_earlier_of_two_thaws_counts(ward):
    _mine, bag = frozen_bag(ward)
    thawed(ward, bag, 20)
    thawed(ward, bag, 50)
    assert (bag.thawed_at, bag.expires_at) == (minutes(50), minutes(50) + HOUR)
    assert ward.move("technologist", bag, "thawed", performed_at=minutes(10)).status_code in {409, 422}
    ward.said_no("thawed already")


def test_running_cells_whose_time_after_thaw_was_over_at_the_start_are_to_be_stopped(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = released_product(
        mine, ward.team, frozen_at=clock.now() - timedelta(hours=5), made_at=clock.now() - timedelta(hours=6)
    )
    ward.verified(bag)
    thawed(ward, bag, 40)
    ward.give(mine, bag)
    assert ward.given(bag), ward.refused
    assert "Stop giving these cells" not in ward.browser("nurse").get("/").text
    thawed(ward, bag, 100)
    assert "Stop giving these cells" in ward.browser("nurse").get("/").text


@pytest.mark.parametrize("steps", [("thaw",), ("thaw", "wash"), ("split",)])
def test_what_is_left_of_a_frozen_bag_was_thawed_when_a_run_took_of_it(ward, steps):
    mine, (whole, bag) = frozen_bags(ward, alike="2")
    run = begun(ward, mine, whole, performed_at=minutes(95))
    taken = ward.fill("technologist", f"/runs/{run.id}/inputs/new", product_id=bag.id, volume="10")
    assert taken.status_code == 303, ward.refused
    assert bag.left == Decimal(10)
    for number, kind in enumerate(steps):
        does(ward, run, kind, 94 - 3 * number, 92 - 3 * number)
    ward.session.expire_all()
    assert (bag.thawed_at, bag.lies_frozen, bag.expires_at) == (run.performed_at, False, run.performed_at + HOUR)
    assert (whole.thawed_at, whole.lies_frozen) == (None, True), "nothing is left of it"
    (out,) = fills(ward, run)
    assert out.thawed_at == (run.performed_at if steps == ("split",) else run.manipulations[0].ended_at)
    start = run.performed_at - timedelta(minutes=2)
    ward.amend("technologist", run, performed_at=start)
    ward.session.expire_all()
    assert bag.thawed_at == start, ward.refused


def test_a_bag_that_a_run_only_parted_lies_frozen(ward):
    mine, bag = frozen_bag(ward)
    (part,) = parted(ward, mine, bag, 80)
    assert [(one.thawed_at, one.lies_frozen) for one in (bag, part)] == [(None, True)] * 2
