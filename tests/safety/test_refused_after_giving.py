"""What is said of a sister bag or a parent after cells were given reaches whoever cares for the patient (H9, H29)."""

from __future__ import annotations

import pytest

from clinic import clock
from clinic.processing.models import ProcessingRun
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest
from tests.safety.scenes import scene
from tests.safety.test_a_no_to_one_bag import bags, found
from tests.safety.test_found_after_giving import pages

__all__ = ["bags"]
pytestmark = [pytest.mark.rule(43), pytest.mark.hazard("H9"), pytest.mark.hazard("H29")]
TASK = "Assess: cells of the same origin were refused after giving"


@scene
def own(ward):
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


def given_whole(ward, mine, product):
    """Give a container to its end."""
    ward.give(mine, product)
    given = ward.given(product)
    assert given, ward.refused
    return given


def ended(ward, given, product):
    answer = ward.end(given, ended_at=clock.now(), volume_given=str(product.volume))
    assert answer.status_code == 303, ward.refused


def told(ward, mine, given, reason):
    """Tell whether every page about the patient says it to every role, and the physician has the task."""
    for url in pages(mine, given):
        for who in ("nurse", "physician", "quality", "technologist"):
            shown = ward.browser(who).get(url).text
            assert reason in shown, (who, url)
            assert "cells that this patient received" in shown, (who, url)
    today = ward.browser("physician").get("/").text
    assert TASK in today
    assert reason in today


@pytest.mark.parametrize("how", ["reject", "hold", "discarded", "received"])
@pytest.mark.parametrize("reason", ["mould seen in the bag", "label of another patient on it", "Schlieren"])
def test_what_the_sister_is_refused_for_is_told_where_the_patient_is(ward, bags, how, reason):
    bag, sister, mine = bags
    given = given_whole(ward, mine, sister)
    with minutes_later(ward):
        ended(ward, given, sister)
        assert TASK not in ward.browser("physician").get("/").text
        found(ward, bag, how, reason)
        told(ward, mine, given, reason)


def minutes_later(ward):
    return ward.later(minutes=10)


def test_a_stop_for_mould_is_told_to_who_got_the_sister_and_to_who_got_the_bag(ward, bags):
    bag, sister, mine = bags
    first = given_whole(ward, mine, sister)
    with minutes_later(ward):
        ended(ward, first, sister)
        second = given_whole(ward, mine, bag)
        answer = ward.fill(
            "nurse", f"/administrations/{second.id}/abort", sure="seen", because="mould in the syringe",
            rest="discarded", volume_given="1", ended_at=clock.now(),
        )  # fmt: skip
        assert answer.status_code == 303, ward.refused
        told(ward, mine, first, "mould in the syringe")


@pytest.mark.parametrize("how", ["reject", "discarded", "received"])
def test_what_is_of_the_sister_alone_is_told_to_nobody(ward, bags, how):
    bag, sister, mine = bags
    given = given_whole(ward, mine, sister)
    with minutes_later(ward):
        ended(ward, given, sister)
        found(ward, bag, how, "bag leaked")
        assert TASK not in ward.browser("physician").get("/").text
        assert "cells that this patient received" not in ward.browser("nurse").get(f"/treatments/{mine.id}").text


def test_a_parent_that_is_thrown_away_for_mould_is_told_too(ward, own):
    bag, mine = own
    given = given_whole(ward, mine, bag)
    parent = ward.session.get(ProcessingRun, bag.run_id).inputs[0].product
    with minutes_later(ward):
        ended(ward, given, bag)
        answer = ward.move(
            "technologist", parent, "discarded", reason="label of another patient on it", performed_at=clock.now()
        )
        assert answer.status_code == 303, ward.refused
        told(ward, mine, given, "label of another patient on it")


def test_what_quality_knew_when_it_released_the_sister_is_no_news(ward, bags):
    bag, sister, mine = bags
    found(ward, bag, "hold", "mould seen in the bag")
    answer = ward.decide(sister, "conforms", "quality2", reason="Its own culture has no growth")
    ward.fill("quality2", answer.location, password=PASSWORD)
    with minutes_later(ward):
        given_whole(ward, mine, sister)
        assert TASK not in ward.browser("physician").get("/").text


def test_a_finding_of_earlier_years_that_begins_like_nothing_is_told(ward, own):
    bag, mine = own
    given = given_whole(ward, mine, bag)
    culture = ward.results(bag, "sterility")[-1]
    culture.finding = "no growth aerobic, Bacillus cereus anaerobic"
    ward.session.commit()
    assert "cells that this patient received" in ward.browser("nurse").get(f"/administrations/{given.id}").text
    culture.finding = "No growth after 14 days"
    ward.session.commit()
    assert "cells that this patient received" not in ward.browser("nurse").get(f"/administrations/{given.id}").text
