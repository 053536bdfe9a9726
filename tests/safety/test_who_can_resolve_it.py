"""The stop page names who can end what stops the cells, and what is still needed for that (rule 44, hazard H29)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from clinic.release.models import Release
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest
from tests.safety.reacting import adverse_event, assess
from tests.safety.recipients import two_recipients
from tests.safety.scenes import scene


@scene
def sisters(ward):
    """Two patients, each with a bag of the same donation; the first patient got hers."""
    return two_recipients(ward)


def stop_of(check, words):
    return next(one for one in check.reasons if words in one["because"])


@pytest.mark.hazard("H29")
def test_a_hold_by_an_event_that_nobody_has_assessed_is_a_physicians(ward, sisters):
    bags, (hers, his) = sisters
    with ward.later(minutes=10):
        event = adverse_event(ward, hers, "Septic shock", serious=["life_threatening"])
        check = ward.check(his, bags[1])
        stop = stop_of(check, "Septic shock")
        assert stop["who"] == ["physician"]
        assert stop["fix"] == ["events.show", {"event_id": event.id}]
        page = ward.browser("physician").get(f"/bedside-checks/{check.id}").text
        assert "Assess the event" in page
        assert ward.browser("physician").get(f"/adverse-events/{event.id}").status_code == 200
    with ward.later(minutes=20):
        assess(ward, event, grade="4", from_cells="probable")
        stop = stop_of(ward.check(his, bags[1]), "Septic shock")
        assert stop["who"] == ["quality staff"], "assessed: quality decides on the container"


@pytest.mark.rule(44)
def test_the_stop_page_says_that_the_acknowledgment_is_still_needed(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, released=False))
    answer = ward.decide(bag, "conditional", reason="culture pending", physician_told=ward.team.physician.id)
    ward.fill("quality", answer.location, password=PASSWORD)
    check = ward.check(mine, bag)
    page = ward.browser("nurse").get(f"/bedside-checks/{check.id}").text
    assert "the acknowledgment is still needed" in page
    assert f"{ward.team.physician.printed_name} · acknowledged" not in page
    (decision,) = ward.session.scalars(select(Release).where(Release.product_id == bag.id))
    assert ward.sign("physician", decision).status_code == 303, ward.refused
    after = ward.check(mine, bag)
    assert after.clear, after.reasons
    assert "acknowledged" in [line["right"] for line in after.evidence if line["check"] == "Physician informed"]
