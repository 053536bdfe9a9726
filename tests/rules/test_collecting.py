"""Rules of a collection, typed into its form and brought in by a correction: refused or asked about at the box."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.harvest.models import Harvest
from clinic.identifiers import check_character
from tests.factories import boxes, day_boxes, harvested, ready_for_harvest

NO_TIME_OUT = {"time_out_at-d": "", "time_out_at-m": "", "time_out_at-y": "", "time_out_at-t": ""}
EXPIRED = day_boxes("anticoagulant_expires_on", (clock.now() - timedelta(days=3)).date())
STOPS = [
    ({"side": ""}, 26),
    ({"side": "none"}, 26),
    (NO_TIME_OUT, 27),
    ({"anaesthesia": "sedation", "fasting": ""}, 27),
    ({"anaesthesia": "general", "fasting": "not_fasted"}, 27),
    ({"lidocaine_mg": "600"}, 29),
    ({"anticoagulant_lot": ""}, 31),
    ({"anticoagulant_volume": ""}, 32),
    (EXPIRED, 35),
]
ASKS = [
    ({"volume": "1500", "anticoagulant_volume": "150"}, 28),
    ({"passes": "3"}, 28),
    ({"anticoagulant_volume": "15"}, 32),
]


@pytest.fixture
def begun(ward):
    """A course whose collection may begin."""
    return ready_for_harvest(ward.team)


def collects(ward, course, *, sure="", **changed):
    """Send the form of a collection of an hour ago with some facts changed."""
    at = (clock.now() - timedelta(hours=2)).replace(second=0, microsecond=0)
    typed = {
        "source": "bone_marrow", "body_site": "posterior_iliac_crest", "side": "right", "method": "needle_aspiration",
        "anaesthesia": "local", "volume": "60", "containers": "1", "anticoagulant": "acd_a", "anticoagulant_lot": "L-1",
        "anticoagulant_volume": "6", "performed_by_id": ward.team.nurse.id, "passes": "10",
        **boxes("performed_at", at), **boxes("ended_at", at + timedelta(minutes=30)),
        **boxes("time_out_at", at - timedelta(minutes=5)),
        **day_boxes("anticoagulant_expires_on", (at + timedelta(days=200)).date()),
    }  # fmt: skip
    return ward.fill("nurse", f"/treatments/{course.id}/harvests/new", sure=sure, **(typed | changed))


def corrects(ward, harvest, **changed):
    """Amend a collection and answer no question."""
    return ward.fill("physician", f"/records/{harvest.id}/amendment", amend_reason="misread", **changed)


def names(answer, rule):
    """The answer comes back with the form, and names a rule."""
    assert answer.status_code == 422, answer.status_code
    assert f"rule {rule})" in answer.text


@pytest.mark.rule(26, 27, 29, 31, 32, 35, by="http")
@pytest.mark.parametrize(("changed", "rule"), STOPS)
def test_a_collection_is_not_recorded_against_its_rules(ward, begun, changed, rule):
    names(collects(ward, begun, **changed), rule)
    assert ward.session.scalar(select(Harvest)) is None
    ward.said_no(f"rule {rule}")


@pytest.mark.rule(28, 32, by="http")
@pytest.mark.parametrize(("changed", "rule"), ASKS)
def test_an_odd_collection_is_asked_about(ward, begun, changed, rule):
    names(collects(ward, begun, **changed), rule)
    assert collects(ward, begun, sure="seen and right", **changed).status_code == 303


@pytest.mark.rule(26, 27, 29, 31, 32, 35, by="amendment")
@pytest.mark.parametrize(("changed", "rule"), STOPS)
def test_a_collection_is_not_corrected_into_what_its_rules_refuse(ward, begun, changed, rule):
    harvest = harvested(begun, ward.team)
    names(corrects(ward, harvest, **changed), rule)
    assert harvest.amendments == []


@pytest.mark.rule(28, 32, by="amendment")
@pytest.mark.parametrize(("changed", "rule"), ASKS)
def test_a_correction_that_is_odd_is_asked_about(ward, begun, changed, rule):
    harvest = harvested(begun, ward.team)
    names(corrects(ward, harvest, **changed), rule)
    assert ward.amend("physician", harvest, **changed).status_code == 303, ward.refused


@pytest.mark.rule(12, by=("http", "amendment"))
def test_the_collector_does_not_check_the_own_label(ward, begun):
    names(collects(ward, begun, label_checked_by_id=ward.team.nurse.id), 12)
    harvest = harvested(begun, ward.team)
    names(corrects(ward, harvest, label_checked_by_id=harvest.performed_by_id), 12)


@pytest.fixture
def from_blood(ward):
    """A course that collects blood-forming cells from the blood."""
    return ready_for_harvest(ward.team, code="HPC-A-AUTO")


@pytest.mark.rule(33, by=("http", "amendment"))
def test_cells_from_the_blood_have_a_cd34_count_before(ward, from_blood):
    blood = {
        "source": "peripheral_blood",
        "method": "continuous_apheresis",
        "body_site": "peripheral_vein",
        "side": "none",
    }
    names(collects(ward, from_blood, **blood, cd34_before=""), 33)
    harvest = harvested(from_blood, ward.team, **blood, cd34_before=Decimal(40))
    names(corrects(ward, harvest, cd34_before=""), 33)


@pytest.mark.rule(29, 30, by=("http", "amendment"))
@pytest.mark.parametrize(
    ("changed", "rule"), [({"volume": "5001", "anticoagulant": "none"}, 30), ({"lidocaine_mg": "3000"}, 29)]
)
def test_a_large_liposuction_is_asked_about(ward, changed, rule):
    mine = ready_for_harvest(ward.team, code="SVF-KNEE")
    fat = {
        "source": "adipose_tissue", "body_site": "abdomen", "side": "none", "method": "manual_lipoaspiration",
        "anaesthesia": "tumescent", "volume": "120", "anticoagulant": "none", "anticoagulant_volume": "",
        "anticoagulant_lot": "",
    }  # fmt: skip
    names(collects(ward, mine, **(fat | changed)), rule)
    plain = {name: value or None for name, value in fat.items()} | {"volume": Decimal(120)}
    names(corrects(ward, harvested(mine, ward.team, **plain), **changed), rule)


@pytest.mark.rule(7, by=("http", "amendment"))
def test_a_donation_number_of_another_year_is_asked_about(ward, begun):
    year = clock.now().year % 100
    din = f"A9999{year - 3:02d}123456"
    names(collects(ward, begun, din=din + check_character(din)), 7)
    now = f"A9999{year:02d}123456"
    harvest = harvested(begun, ward.team, din=now)
    at = (clock.now() - timedelta(days=800)).replace(hour=12)
    moved = boxes("performed_at", at) | boxes("time_out_at", at) | boxes("ended_at", at + timedelta(minutes=30))
    names(corrects(ward, harvest, **moved), 7)


@pytest.mark.rule(5, 6, by="http")
def test_a_donation_number_is_typed_with_its_check_and_is_nobody_elses(ward, begun):
    din = f"A9999{clock.now().year % 100:02d}123456"
    names(collects(ward, begun, din=din), 5)
    assert collects(ward, begun, din=din + check_character(din)).status_code == 303, ward.refused
    names(collects(ward, ready_for_harvest(ward.team), din=din + check_character(din)), 6)


def test_what_is_right_is_recorded(ward, begun):
    assert collects(ward, begun).status_code == 303, ward.refused
