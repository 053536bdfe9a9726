"""Whoever of the clinical staff sees a danger puts the container on hold at once (rules 45, 50)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from clinic.release.models import Release
from tests.factories import PASSWORD
from tests.safety.test_a_no_to_one_bag import bags

__all__ = ["bags"]
pytestmark = [pytest.mark.rule(50), pytest.mark.hazard("H29")]
CLOT = "I see a clot in the vial"


@pytest.mark.parametrize("who", ["nurse", "physician", "technologist", "quality", "director"])
def test_a_hold_of_anybody_counts_when_it_is_written(ward, bags, who):
    bag, sister, mine = bags
    assert "Put on hold" in ward.browser(who).get(f"/products/{bag.id}").text
    assert ward.fill(who, f"/products/{bag.id}/hold", reason=CLOT).status_code == 303, ward.refused
    assert (ward.tag(bag), ward.tag(sister)) == ("On hold", "On hold")
    ward.give(mine, bag)
    ward.not_given(bag, CLOT, "on hold")
    if who not in {"quality", "director"}:
        assert CLOT in ward.browser("quality").get(f"/treatments/{mine.id}").text


@pytest.mark.rule(45)
def test_who_tested_a_bag_may_hold_and_not_release_it(ward, bags):
    bag, _sister, mine = bags
    told = ward.results(bag, "viability")[0]
    assert ward.amend("quality2", told, value="91").status_code == 303, ward.refused
    page = ward.browser("quality2").get(f"/products/{bag.id}/release").text
    assert "You processed or tested this product" in page
    assert 'value="conforms"' not in page
    assert f"/products/{bag.id}/hold" in page
    assert ward.fill("quality2", f"/products/{bag.id}/hold", reason=CLOT).status_code == 303, ward.refused
    (hold,) = [one for one in ward.session.scalars(select(Release)) if one.decision == "hold"]
    assert ward.sign("quality2", hold).status_code == 303, ward.refused
    assert ward.tag(bag) == "On hold"
    ward.give(mine, bag)
    ward.not_given(bag, CLOT)


def test_only_quality_ends_a_hold(ward, bags):
    bag, _sister, mine = bags
    ward.fill("nurse", f"/products/{bag.id}/hold", reason="the bag leaks")
    for who in ("nurse", "physician", "technologist", "director"):
        assert ward.browser(who).post(f"/products/{bag.id}/release", data={"decision": "conforms"}).status_code == 403
    assert ward.decide(bag, "conforms").status_code == 422, "a word of what became of it"
    ward.said_no("the bag leaks")
    answer = ward.decide(bag, "conforms", reason="Dry after wiping, weighed: nothing was lost")
    assert answer.status_code == 303, ward.refused
    ward.fill("quality", answer.location, password=PASSWORD)
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


def test_a_hold_says_why(ward, bags):
    bag, _sister, _mine = bags
    assert ward.fill("nurse", f"/products/{bag.id}/hold", reason=" ").status_code == 422
    assert ward.tag(bag) == "Released"


@pytest.mark.parametrize("who", ["coordinator", "inspector", "administrator"])
def test_who_treats_nobody_has_no_such_form(ward, bags, who):
    bag, _sister, _mine = bags
    assert ward.browser(who).get(f"/products/{bag.id}/hold").status_code == 403
    assert ward.session.scalar(select(Release).where(Release.product_id == bag.id, Release.decision == "hold")) is None


TOLD = ["Gram stain re-read today: gram-positive cocci suspected", "one bottle flagged", "Hefen in der Kultur"]


@pytest.mark.rule(43)
@pytest.mark.parametrize("decision", ["conforms", "conditional", "exceptional"])
@pytest.mark.parametrize("told", TOLD)
def test_a_release_whose_own_words_tell_of_growth_is_refused(ward, bags, decision, told):
    bag, _sister, _mine = bags
    asked = {"requested_by_id": ward.team.physician.id, "physician_told": ward.team.physician.printed_name}
    more = {} if decision == "conforms" else asked
    assert ward.decide(bag, decision, reason=told, **more).status_code == 422
    ward.said_no("Put the product on hold instead")
    assert ward.decide(bag, "hold", reason=told).status_code == 303, ward.refused
    assert ward.tag(bag) == "On hold"


@pytest.mark.rule(43)
@pytest.mark.parametrize(
    "told", ["No growth so far, culture pending", "yeast excluded, it was talc", "Gram stain: no organisms", "agreed"]
)
def test_a_reason_that_denies_growth_releases(ward, bags, told):
    bag, _sister, _mine = bags
    assert ward.decide(bag, "conforms", reason=told).status_code == 303, ward.refused
