"""Whoever said “no” to one bag, or changed the result against it, does not free its sister (rules 45, 50; H9, H29)."""

from __future__ import annotations

import pytest

from tests.factories import PASSWORD
from tests.safety.test_a_no_to_one_bag import bags

__all__ = ["bags"]

pytestmark = [pytest.mark.rule(45), pytest.mark.rule(50), pytest.mark.hazard("H9"), pytest.mark.hazard("H29")]
WHY = "Its own label and its type were read again: they are right"
MOULD = "contaminated, mould seen in the bag"


@pytest.mark.parametrize("how", ["reject", "hold"])
def test_who_rejected_or_held_one_bag_does_not_free_its_sister(ward, bags, how):
    bag, sister, mine = bags
    ward.decide(bag, how, reason=MOULD)
    assert ward.tag(sister) == "On hold"
    assert ward.decide(sister, "conforms", reason=WHY).status_code in {409, 422}
    ward.said_no("Ask another member of quality staff")
    assert ward.tag(sister) == "On hold"
    answer = ward.decide(sister, "conforms", "quality2", reason=WHY)
    assert answer.status_code == 303, ward.refused
    assert ward.fill("quality", answer.location, password=PASSWORD).status_code in {409, 422}, "nor signs for another"
    assert ward.tag(sister) == "In quarantine"
    assert ward.fill("quality2", answer.location, password=PASSWORD).status_code == 303, ward.refused
    assert ward.tag(sister) == "Released"
    ward.give(mine, sister)
    assert ward.given(sister), ward.refused


def test_who_corrected_the_bad_result_of_a_bag_does_not_free_the_sister(ward, bags):
    bag, sister, _mine = bags
    ward.result(bag, "mycoplasma", outcome="positive", sure="read twice")
    found = ward.results(bag, "mycoplasma")[-1]
    assert ward.amend("quality", found, outcome="negative").status_code == 303, ward.refused
    ward.sign("technologist2", found)
    assert ward.decide(sister, "conforms", reason=WHY).status_code in {409, 422}
    ward.said_no("wrote or corrected a result against it")
    answer = ward.decide(sister, "conforms", "quality2", reason=WHY)
    assert answer.status_code == 303, ward.refused
    ward.fill("quality2", answer.location, password=PASSWORD)
    assert ward.tag(sister) == "Released"


def test_a_stop_of_running_cells_is_ended_by_another_than_who_rejected_the_sister(ward, bags):
    bag, sister, mine = bags
    ward.give(mine, sister)
    ward.decide(bag, "reject", reason=MOULD)
    stop = "Stop giving these cells"
    assert stop in ward.browser("nurse").get("/").text
    assert ward.decide(sister, "conforms", reason=WHY).status_code in {409, 422}
    answer = ward.decide(sister, "conforms", "quality2", reason=WHY)
    ward.fill("quality2", answer.location, password=PASSWORD)
    assert stop not in ward.browser("nurse").get("/").text


def test_who_rejected_a_bag_that_merely_expired_may_release_its_sister(ward, bags):
    bag, sister, _mine = bags
    ward.decide(bag, "reject", reason="expired")
    with ward.later(minutes=1):
        assert ward.tag(sister) == "Released"
        ward.decide(sister, "hold", "quality2", reason="Label smeared")
        answer = ward.decide(sister, "conforms", reason="Label printed again")
        assert answer.status_code == 303, ward.refused
