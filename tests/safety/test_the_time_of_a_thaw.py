"""The time of a thaw is corrected with a reason; the cells last longer by it only after a second person (50, 54)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from tests.safety.moments import minutes
from tests.safety.test_a_thaw_known_late import HOUR, frozen_bag, parted, thawed

pytestmark = [pytest.mark.rule(50), pytest.mark.rule(54), pytest.mark.hazard("H10")]


def the_thaw(bag):
    return next(move for move in bag.movements if move.kind == "thawed")


def corrects(ward, bag, ago, who="technologist"):
    return ward.amend(who, the_thaw(bag), why="read the wrong clock", performed_at=minutes(ago))


def test_an_earlier_thaw_counts_at_once(ward):
    _mine, bag = frozen_bag(ward)
    thawed(ward, bag, 30)
    assert corrects(ward, bag, 45).status_code == 303, ward.refused
    assert (bag.thawed_at, bag.expires_at) == (minutes(45), minutes(45) + HOUR)


def test_a_later_thaw_counts_when_a_second_person_has_signed(ward):
    _mine, bag = frozen_bag(ward)
    thawed(ward, bag, 45)
    assert corrects(ward, bag, 30).status_code == 303, ward.refused
    assert (bag.thawed_at, bag.expires_at) == (minutes(45), minutes(45) + HOUR)
    page = ward.browser("technologist").get(f"/products/{bag.id}").text
    assert "the earlier time counts until a second person signs" in page
    assert "Confirm the correction" in ward.browser("quality").get("/").text
    assert ward.sign("quality", the_thaw(bag)).status_code == 303, ward.refused
    ward.session.expire_all()
    assert (bag.thawed_at, bag.expires_at) == (minutes(30), minutes(30) + HOUR)
    assert "Confirm the correction" not in ward.browser("quality").get("/").text


def test_quality_does_not_confirm_its_own_correction(ward):
    _mine, bag = frozen_bag(ward)
    thawed(ward, bag, 45)
    assert corrects(ward, bag, 30, "quality").status_code == 303, ward.refused
    ward.sign("quality", the_thaw(bag))
    ward.session.expire_all()
    assert bag.thawed_at == minutes(45)
    ward.sign("quality2", the_thaw(bag))
    ward.session.expire_all()
    assert bag.thawed_at == minutes(30), ward.refused


def test_what_was_made_of_the_bag_follows_the_correction(ward):
    mine, bag = frozen_bag(ward)
    (child,) = parted(ward, mine, bag, 60)
    thawed(ward, bag, 70)
    assert child.thawed_at == minutes(70)
    assert corrects(ward, bag, 75).status_code == 303, ward.refused
    assert (bag.thawed_at, child.thawed_at) == (minutes(75), minutes(75))
    assert corrects(ward, bag, 65).status_code == 303, ward.refused
    assert (bag.thawed_at, child.thawed_at) == (minutes(75), minutes(75))
    ward.sign("quality", the_thaw(bag))
    ward.session.expire_all()
    assert (bag.thawed_at, child.thawed_at) == (minutes(65), minutes(65))


def test_the_first_of_two_thaws_counts_also_after_a_correction(ward):
    _mine, bag = frozen_bag(ward)
    thawed(ward, bag, 20)
    thawed(ward, bag, 50)
    first = the_thaw(bag)
    assert corrects(ward, bag, 10).status_code == 303, ward.refused
    assert bag.thawed_at == minutes(50)
    assert ward.sign("quality", first).status_code == 303, ward.refused
    ward.session.expire_all()
    assert bag.thawed_at == minutes(20)


def test_a_thaw_is_not_put_before_the_freezing_and_wants_a_reason(ward):
    _mine, bag = frozen_bag(ward)
    thawed(ward, bag, 30)
    assert corrects(ward, bag, 200).status_code in {409, 422}
    ward.said_no("before it was frozen")
    assert ward.amend("technologist", the_thaw(bag), why="", performed_at=minutes(40)).status_code in {409, 422}
    assert bag.thawed_at == minutes(30)


def test_the_time_of_another_movement_stays(ward):
    _mine, bag = frozen_bag(ward)
    ward.move("technologist", bag, "stored", place="Tank 2", temperature="-190", performed_at=minutes(20))
    stored = next(move for move in bag.movements if move.kind == "stored")
    ward.amend("technologist", stored, performed_at=clock.now() - timedelta(minutes=5), place="Tank 3")
    ward.session.expire_all()
    assert stored.performed_at == minutes(20)
