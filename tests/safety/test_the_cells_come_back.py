"""What left the laboratory comes back as returned and is issued again only after quality has agreed (rule 60)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from tests.bedside import released_product
from tests.factories import ready_for_harvest

pytestmark = pytest.mark.rule(60)
OUT = {"place": "Ward", "handed_to": "N. Rask", "temperature": "20", "intact": True}


@pytest.fixture
def own(ward):
    course = ready_for_harvest(ward.team)
    return ward.verified(released_product(course, ward.team)), course


@pytest.mark.parametrize("back", ["received", "stored", "issued", "shipped"])
@pytest.mark.parametrize("left", ["issued", "shipped"])
def test_what_left_comes_back_only_as_returned(ward, own, left, back):
    bag, course = own
    assert ward.move("technologist", bag, left, **OUT).status_code == 303, ward.refused
    assert ward.move("technologist", bag, back, **OUT).status_code in {409, 422}
    ward.said_no("Record its return first")
    ward.move("technologist", bag, "returned", **OUT)
    ward.refused.clear()
    ward.give(course, bag)
    ward.not_given(bag, "quality has not authorized")


def test_after_quality_has_agreed_it_is_issued_and_given(ward, own):
    bag, course = own
    ward.move("technologist", bag, "issued", **OUT)
    ward.move("nurse", bag, "returned", **OUT)
    (back,) = [one for one in bag.movements if one.kind == "returned"]
    assert ward.sign("quality", back).status_code == 303, ward.refused
    assert ward.move("technologist", bag, "issued", **OUT).status_code == 303, ward.refused
    ward.give(course, bag)
    assert ward.given(bag) is not None, ward.refused


def test_a_late_entry_of_before_the_issue_is_taken_and_brings_nothing_back(ward, own):
    bag, course = own
    now = clock.now()
    ward.move("technologist", bag, "issued", **OUT)
    early = OUT | {"performed_at": now - timedelta(minutes=40)}
    assert ward.move("technologist", bag, "stored", **early).status_code == 303, ward.refused
    assert ward.move("technologist", bag, "issued", **OUT).status_code in {409, 422}
    ward.give(course, bag)
    assert ward.given(bag) is not None, ward.refused
