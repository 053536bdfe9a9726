"""Thawed cells are not put back into a tank, and where they were they are not given (rule 54, hazard H10)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from clinic import clock
from clinic.products.models import Movement
from clinic.products.refreezing import freezes
from tests.bedside import released_product
from tests.factories import ready_for_harvest
from tests.safety.moments import minutes
from tests.safety.test_the_time_of_a_thaw import thawed, the_thaw

pytestmark = [pytest.mark.rule(54), pytest.mark.hazard("H10")]


def frozen_bag(ward):
    """A course, and its released bag that was frozen two hours ago."""
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    facts = {"cryo_medium": "10 % DMSO", "dmso_percent": Decimal(10), "frozen_at": clock.now() - timedelta(hours=2)}
    return mine, ward.verified(released_product(mine, ward.team, **facts))


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("stored", {"place": "Tank 2", "temperature": "-150"}), ("stored", {"place": "Shelf", "temperature": "-20"}),
        ("stored", {"place": "Tank 2"}), ("stored", {"place": "Freezer, shelf 3"}),
        ("received", {"place": "Laboratory", "temperature": "-80", "intact": True}),
    ],
)  # fmt: skip
def test_a_thawed_bag_is_not_put_back_into_the_cold(ward, kind, typed):
    mine, bag = frozen_bag(ward)
    thawed(ward, bag, 10)
    before = len(bag.movements)
    assert ward.move("technologist", bag, kind, **typed).status_code == 422
    ward.said_no("must not be frozen again", "rule 54")
    ward.session.expire_all()
    assert len(bag.movements) == before
    ward.give(mine, bag)
    assert ward.given(bag) is not None, "\n".join(ward.refused)


@pytest.mark.parametrize("typed", [{"place": "Fridge", "temperature": "4"}, {"place": "Bench 1", "temperature": "21"}])
def test_a_thawed_bag_may_be_kept_cool(ward, typed):
    mine, bag = frozen_bag(ward)
    thawed(ward, bag, 10)
    assert ward.move("technologist", bag, "stored", **typed).status_code == 303, ward.refused
    ward.give(mine, bag)
    assert ward.given(bag) is not None, "\n".join(ward.refused)


@pytest.mark.parametrize("place", ["Box 4, shelf 1", "-80", "MVE 1500 canister 4"])
def test_a_storage_after_a_thaw_says_how_cold_it_is(ward, place):
    _mine, bag = frozen_bag(ward)
    thawed(ward, bag, 10)
    assert ward.move("technologist", bag, "stored", place=place, temperature="").status_code == 422
    ward.said_no("rule 54", "thawed at")


def test_a_bag_that_lay_in_a_tank_after_its_thaw_is_on_hold(ward):
    mine, bag = frozen_bag(ward)
    thawed(ward, bag, 10)
    by, at = ward.team.technologist, minutes(5)
    facts = {"place": "Tank 2", "temperature": Decimal(-150), "performed_at": at, "performed_by": by}
    bag.movements.append(Movement.log(by=by, at=at, product_id=bag.id, kind="stored", **facts))
    ward.session.commit()
    assert ward.tag(bag) == "On hold"
    ward.give(mine, bag)
    ward.not_given(bag, "put back into the cold")
    stored = bag.movements[-1]
    assert ward.amend("technologist", stored, temperature="4", place="Fridge").status_code == 303, ward.refused
    assert ward.tag(bag) == "On hold", "a correction takes nothing back"


def test_a_thaw_that_is_known_late_shows_what_was_stored_after_it(ward):
    mine, bag = frozen_bag(ward)
    told = {"place": "Tank 2", "temperature": "-160", "performed_at": minutes(5)}
    assert ward.move("technologist", bag, "stored", **told).status_code == 303, ward.refused
    assert ward.tag(bag) != "On hold"
    thawed(ward, bag, 20)
    assert the_thaw(bag).performed_at == minutes(20)
    ward.give(mine, bag)
    ward.not_given(bag, "put back into the cold")


@pytest.mark.parametrize(
    ("degrees", "place", "cold"),
    [
        (None, "Tank 2", True), (None, "dry ice", True), (None, "liquid nitrogen", True), (None, "-80 °C, box 3", True),
        (None, "Room 3-80", False), (None, "Fridge", False), (Decimal(4), "Freezer room", False),
        (Decimal("-0.5"), "Bench", True), (Decimal(0), "Ice", False), (None, None, False),
    ],
)  # fmt: skip
def test_cold_is_read_from_the_temperature_and_else_from_the_place(degrees, place, cold):
    assert freezes(degrees, place) is cold
