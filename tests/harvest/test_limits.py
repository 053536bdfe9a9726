"""A collection's hard stops and what is asked about it."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic import clock
from clinic.errors import RuleBroken, Unconfirmed
from clinic.harvest.models import Harvest
from clinic.patients.models import Weight
from tests.factories import course, harvested, patient, team


@pytest.fixture
def people():
    return team()


@pytest.fixture
def knee(people):
    return course(people, patient(people, weight="80"))


@pytest.mark.rule(27)
@pytest.mark.parametrize("late", [None, timedelta(minutes=1)])
def test_the_time_out_comes_before_the_incision(people, knee, late):
    at = clock.now() - timedelta(hours=3)
    with pytest.raises(RuleBroken, match=r"[Tt]ime-out"):
        harvested(knee, people, at=at, time_out_at=at + late if late else None)


@pytest.mark.rule(27)
def test_sedation_wants_fasting_confirmed(people, knee):
    with pytest.raises(RuleBroken, match="Fasting"):
        harvested(knee, people, anaesthesia="sedation", fasting="not_fasted")
    assert harvested(knee, people, anaesthesia="sedation", fasting="confirmed").fasting == "confirmed"


@pytest.mark.rule(26)
@pytest.mark.parametrize("side", [None, "none", "both"])
def test_a_sided_site_says_left_or_right_and_two_sides_are_two_harvests(people, knee, side):
    with pytest.raises(RuleBroken, match="Two sides are two harvests"):
        harvested(knee, people, side=side)


@pytest.mark.rule(26)
def test_the_source_is_the_one_that_was_ordered(people, knee):
    with pytest.raises(RuleBroken, match="order specifies another source"):
        harvested(
            knee, people, source="adipose_tissue", method="manual_lipoaspiration", body_site="abdomen", side="none"
        )


@pytest.mark.rule(31)
@pytest.mark.parametrize(
    "missing", ["volume", "ended_at", "performed_by", "anticoagulant", "anticoagulant_lot", "method", "performed_at"]
)
def test_a_collection_record_is_not_closed_without(people, knee, missing):
    with pytest.raises(RuleBroken):
        harvested(knee, people, **{missing: None})


@pytest.mark.rule(28)
def test_marrow_beyond_what_the_donor_can_spare_is_asked_about_once(people, knee):
    knee.protocol_version.content = {**knee.protocol_version.content, "harvest": {}}
    with pytest.raises(Unconfirmed) as asked:
        harvested(knee, people, volume=Decimal(1640), passes=200)
    assert "1640 mL ÷ 80 kg = 20.5 mL/kg is more than 20 mL/kg" in asked.value.questions[0].question
    harvest = harvested(knee, people, volume=Decimal(1640), passes=200, confirmed={"volume": "two recipients"})
    assert harvest.confirmed == {"volume": "two recipients"}


@pytest.mark.rule(28)
def test_more_than_ten_millilitres_a_puncture_is_asked_about(people, knee):
    knee.protocol_version.content = {**knee.protocol_version.content, "harvest": {}}
    with pytest.raises(Unconfirmed, match=r"15\.0 mL from each puncture"):
        harvested(knee, people, volume=Decimal(60), passes=4)
    assert harvested(knee, people, volume=Decimal(60), passes=6).passes == 6


@pytest.mark.rule(32)
def test_an_anticoagulant_ratio_out_of_protocol_is_asked_about(people, knee):
    wanted = {"anticoagulant_ratio": {"low": "0.08", "high": "0.125"}, "source": "test"}
    knee.protocol_version.content = {**knee.protocol_version.content, "harvest": wanted}
    with pytest.raises(Unconfirmed, match="1 : 30"):
        harvested(knee, people, volume=Decimal(60), anticoagulant_volume=Decimal(2))


def fat(people):
    return course(people, patient(people, weight="80"), code="SVF-KNEE")


def liposuction(of, people, **facts):
    said = {
        "source": "adipose_tissue", "method": "manual_lipoaspiration", "body_site": "abdomen", "side": "none",
        "anaesthesia": "tumescent", "anticoagulant": "none", "anticoagulant_lot": None, "anticoagulant_volume": None,
    }  # fmt: skip
    of.protocol_version.content = {**of.protocol_version.content, "harvest": {}}
    return harvested(of, people, **said | facts)


@pytest.mark.rule(29)
@given(milligrams=st.integers(min_value=1, max_value=6000))
def test_tumescent_lidocaine_is_free_then_asked_about_then_stopped(milligrams):
    people = team()
    per_kg = (Decimal(milligrams) / 80).quantize(Decimal("0.1"))
    expected = RuleBroken if per_kg > 55 else Unconfirmed if per_kg > 35 else None
    how = contextlib.nullcontext() if expected is None else pytest.raises(expected)
    with how as fault:
        liposuction(fat(people), people, lidocaine_mg=Decimal(milligrams))
    assert expected is None or fault.type is expected


@pytest.mark.rule(29)
@pytest.mark.parametrize(("how", "milligrams"), [({"method": "excision"}, 2400), ({"anaesthesia": "local"}, 640)])
def test_without_liposuction_or_tumescence_less_lidocaine_is_allowed(people, how, milligrams):
    with pytest.raises(RuleBroken, match="the maximum for this technique"):
        liposuction(fat(people), people, lidocaine_mg=Decimal(milligrams), **how)


@pytest.mark.rule(30)
def test_a_large_liposuction_is_asked_about(people):
    with pytest.raises(Unconfirmed, match="large-volume"):
        liposuction(fat(people), people, volume=Decimal(5001), confirmed={})


@pytest.mark.rule(36)
@given(parts=st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=6))
def test_containers_never_hold_more_than_was_collected(parts):
    people = team()
    harvest = harvested(course(people, patient(people, weight="80")), people, contained=False, signed=False)
    for part in parts:
        left = harvest.volume_to_label
        if part <= left:
            harvest.collect(by=people.nurse, at=clock.now(), volume=Decimal(part))
        else:
            with pytest.raises(RuleBroken, match="are left"):
                harvest.collect(by=people.nurse, at=clock.now(), volume=Decimal(part))
    assert sum(product.volume for product in harvest.products) + harvest.volume_to_label == harvest.volume


def test_a_child_of_a_harvest_keeps_donor_number_and_collection_time(people, knee):
    harvest = harvested(knee, people, din="G123426654321")
    assert isinstance(harvest, Harvest)
    (bag,) = harvest.products
    assert (bag.din, bag.division, bag.collected_at, bag.relation) == (
        "G123426654321",
        "A",
        harvest.ended_at,
        "autologous",
    )


@pytest.mark.rule(33)
def test_apheresis_after_mobilization_has_a_cd34_count_before_it(people):
    begun = course(people, patient(people, weight="80"), code="HPC-A-AUTO")
    said = {
        "source": "peripheral_blood", "method": "continuous_apheresis", "body_site": "peripheral_vein", "side": "left",
        "time_out_at": None, "volume": Decimal(220), "anaesthesia": "none", "anticoagulant_volume": None,
    }  # fmt: skip
    begun.protocol_version.content = {**begun.protocol_version.content, "harvest": {}}
    with pytest.raises(RuleBroken, match="CD34 count before collection: required"):
        harvested(begun, people, **said)
    assert harvested(begun, people, **said, cd34_before=Decimal(48)).cd34_before == Decimal(48)


def test_weighed_soon_after_the_harvest_the_lighter_of_weight_and_order_counts():
    people = team()
    begun = course(people, patient(people, weight=None))
    begun.weight_kg = Decimal(66)
    harvest = harvested(begun, people, contained=False, signed=False)
    assert harvest.body_weight == Decimal(66)
    for hours, kg, counts in ((30, "50", "66"), (1, "64.5", "64.5"), (2, "70", "64.5")):
        at = harvest.ended_at + timedelta(hours=hours)
        begun.patient.weights.append(
            Weight.log(by=people.nurse, at=at, performed_at=at, performed_by=people.nurse, kg=Decimal(kg))
        )
        assert harvest.body_weight == Decimal(counts)
