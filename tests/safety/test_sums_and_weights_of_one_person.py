"""One person alone lowers no sum and moves no weight: until a second one signs, the stricter figure counts (51, 52)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from clinic import clock
from clinic.patients.weighing import doubted, implausible
from tests.bedside import released_product
from tests.factories import ready_for_harvest
from tests.safety.scenes import scene

HOUR = timedelta(hours=1)


@scene
def two_bags(ward):
    """A bag of a whole dose that was given and signed by two, and a second one."""
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag, other = (
        ward.verified(released_product(mine, ward.team, made_at=clock.now() - hours * HOUR, amount="130"))
        for hours in (6, 4)
    )
    ward.session.commit()
    ward.give(mine, bag)
    given = ward.given(bag)
    assert given is not None, ward.refused
    with ward.later(minutes=30):
        ward.end(given, ended_at=clock.now(), volume_given="10")
        assert [ward.sign(who, given).status_code for who in ("nurse", "physician")] == [303, 303], ward.refused
    return mine, given, other


LOWER = [
    {"volume_given": "0.5", "volume_wasted": "9.5", "partial_reason": "line disconnected"},
    {"volume_given": "0.5", "volume_returned": "9.5", "partial_reason": "line disconnected"},
]


@pytest.mark.rule(52)
@pytest.mark.parametrize("facts", LOWER)
def test_a_sum_of_the_day_is_not_lowered_by_one_person(ward, two_bags, facts):
    mine, given, other = two_bags
    with ward.later(minutes=45):
        ward.give(mine, other)
        ward.not_given(other, "rule 52")
        assert ward.amend("nurse", given, **facts).status_code == 303, ward.refused
        assert ward.sign("nurse", given).status_code == 303, ward.refused
        ward.give(mine, other)
        ward.not_given(other, "3.586")
        shown = ward.browser("physician").get(f"/administrations/{given.id}").text
        assert "Confirm the correction" in shown
        assert ward.sign("physician", given).status_code == 303, ward.refused
        ward.give(mine, other)
        assert ward.given(other) is not None, ward.refused


@pytest.mark.rule(52)
def test_the_amount_of_a_bag_that_was_given_is_not_lowered_by_one_person(ward, two_bags):
    mine, given, other = two_bags
    with ward.later(minutes=45):
        ward.amend("technologist", given.product, amount="13")
        ward.give(mine, other)
        ward.not_given(other, "3.586")


@scene
def overdosed(ward):
    """A bag with nearly twice the most that the patient's 72.5 kg allow."""
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team, amount="250"))
    ward.session.commit()
    return bag, mine


def weigh(ward, mine, kg, who="nurse", **ago):
    at = clock.now() - timedelta(**(ago or {"minutes": 1}))
    return ward.fill(who, f"/patients/{mine.patient_id}/weights/new", sure="scale", kg=kg, performed_at=at)


def weight_of(mine, kg):
    return next(one for one in mine.patient.weights if one.kg == Decimal(kg))


@pytest.mark.rule(51, 52)
def test_a_new_weight_far_from_the_last_counts_when_a_second_person_signs(ward, overdosed):
    bag, mine = overdosed
    assert weigh(ward, mine, "140").status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, "recorded a weight of 140 kg, after 72.5 kg", "rule 51")
    assert "Confirm the weight" in ward.browser("physician").get("/").text
    new = weight_of(mine, "140")
    assert ward.sign("nurse", new).status_code >= 400
    assert ward.sign("physician", new).status_code == 303, ward.refused
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(51)
def test_a_slip_of_the_scale_is_put_right_by_an_ordinary_weighing(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team))
    ward.session.commit()
    weigh(ward, mine, "27.5", minutes=9)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 51")
    weigh(ward, mine, "72.1")
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused
    assert ward.given(bag).weight_kg == Decimal("72.1")


@pytest.mark.rule(51)
def test_small_weighings_come_to_a_great_one(ward, overdosed):
    bag, mine = overdosed
    for kg in ("79", "86", "94", "103", "113", "124", "136"):
        assert weigh(ward, mine, kg).status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, "rule 51")


@pytest.mark.rule(51)
@pytest.mark.parametrize(
    ("kg", "other", "days", "far"),
    [
        ("72.5", "140", 1, True), ("140", "72.5", 1, True), ("72.5", "78", 0, False), ("72.5", "80.5", 0, True),
        ("72.5", "80.5", 5, False), ("72.5", "90", 30, False), ("3.4", "4.6", 30, False), ("3.4", "34", 1, True),
        ("20", "60", 3300, False), ("8", "0.8", 3, True),
    ],
)  # fmt: skip
def test_what_time_explains_needs_nobody(kg, other, days, far):
    assert implausible(Decimal(kg), Decimal(other), timedelta(days=days)) is far


def test_a_confirmed_weight_is_what_the_next_one_is_compared_with():
    now, writer, second = clock.now(), *(person(name) for name in "ab")
    made = [weighing(kg, now + n * HOUR, writer) for n, kg in enumerate(("72.5", "60", "60.4", "140"))]
    assert doubted(made) == made[1:]
    made[1].present_signatures = [SimpleNamespace(signed_by=second)]
    assert doubted(made) == made[3:]
    made[1].present_signatures = [SimpleNamespace(signed_by=writer)]
    assert doubted(made) == made[1:]


def person(name):
    one = SimpleNamespace(id=name)
    one.is_same_person = lambda other: other is one
    return one


def weighing(kg, at, by):
    return SimpleNamespace(
        id=kg, kg=Decimal(kg), performed_at=at, recorded_at=at, amendments=[], recorded_by=by, present_signatures=[],
    )  # fmt: skip
