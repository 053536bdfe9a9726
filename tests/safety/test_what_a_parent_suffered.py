"""What befell a container before its cells were taken holds all that was made of it (rule 34, hazard H29)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from clinic.processing.models import ProcessingRun
from tests.bedside import released_product
from tests.factories import ready_for_harvest
from tests.safety.scenes import scene

pytestmark = [pytest.mark.rule(34), pytest.mark.hazard("H29")]
RELEASED = "Released, result pending"
LEAKS = "bag was leaking, contaminated"


@scene
def own(ward):
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


def parent_of(ward, bag):
    run = ward.session.get(ProcessingRun, bag.run_id)
    return run, run.inputs[0].product


def befell(ward, parent, at, kind="discarded", **told):
    told = {"reason": LEAKS, "performed_at": at} | told
    assert ward.move("technologist", parent, kind, **told).status_code == 303, ward.refused


@pytest.mark.parametrize("when", [-1, 0, 1])
@pytest.mark.parametrize("reason", [LEAKS, "label of another patient on it"])
def test_a_parent_that_was_discarded_before_or_in_the_run_holds_what_was_made_of_it(ward, own, when, reason):
    bag, mine = own
    run, parent = parent_of(ward, bag)
    assert ward.tag(bag) == RELEASED
    befell(ward, parent, run.performed_at + timedelta(minutes=when), reason=reason)
    assert ward.tag(bag) == "On hold"
    ward.give(mine, bag)
    ward.not_given(bag, "was discarded", reason)


def test_an_empty_parent_is_thrown_away_during_the_run_and_holds_nothing(ward, own):
    bag, _mine = own
    run, parent = parent_of(ward, bag)
    befell(ward, parent, run.performed_at + timedelta(minutes=1), reason="empty bag")
    assert ward.tag(bag) == RELEASED


def test_the_rest_of_a_parent_is_discarded_after_the_run_and_holds_nothing(ward, own):
    bag, mine = own
    run, parent = parent_of(ward, bag)
    befell(ward, parent, run.ended_at + timedelta(minutes=1), reason="rest of the bag")
    assert ward.tag(bag) == RELEASED
    ward.give(mine, bag)
    assert ward.given(bag), ward.refused


@pytest.mark.parametrize("reason", ["rest of the bag was mouldy", "left over had the label of another patient", LEAKS])
@pytest.mark.parametrize("after", [False, True])
def test_what_was_seen_on_the_rest_of_a_parent_holds_what_was_made_of_it_at_any_time(ward, own, reason, after):
    bag, mine = own
    run, parent = parent_of(ward, bag)
    befell(ward, parent, (run.ended_at if after else run.performed_at) + timedelta(minutes=1), reason=reason)
    assert ward.tag(bag) == "On hold"
    ward.give(mine, bag)
    ward.not_given(bag, reason)


def test_a_parent_that_is_found_mislabeled_after_the_run_holds_what_was_made_of_it(ward, own):
    bag, _mine = own
    run, parent = parent_of(ward, bag)
    parent.move(
        kind="stored", by=ward.team.technologist, at=clock.now(), place="Laboratory", intact=False,
        reason="label of another patient on it", performed_at=run.ended_at + timedelta(minutes=1),
    )  # fmt: skip
    ward.session.commit()
    assert ward.tag(bag) == "On hold"


@pytest.mark.parametrize("reason", ["empty bag", "the rest, not needed", "remainder expired"])
@pytest.mark.parametrize("when", [-1, 1, 500])
def test_a_plain_disposal_of_the_rest_says_nothing_at_any_time(ward, own, reason, when):
    bag, _mine = own
    run, parent = parent_of(ward, bag)
    befell(ward, parent, min(run.performed_at + timedelta(minutes=when), clock.now()), reason=reason)
    assert ward.tag(bag) == RELEASED


def test_a_parent_that_lay_too_warm_while_the_run_went_on_holds_what_was_made_of_it(ward, own):
    bag, _mine = own
    run, parent = parent_of(ward, bag)
    befell(ward, parent, run.performed_at + timedelta(minutes=1), kind="stored", place="Laboratory", temperature="41")
    assert ward.tag(bag) == "On hold"


def test_running_cells_of_a_discarded_parent_are_to_be_stopped_until_quality_has_decided(ward, own):
    bag, mine = own
    run, parent = parent_of(ward, bag)
    ward.give(mine, bag)
    assert ward.given(bag), ward.refused
    assert "Stop giving these cells" not in ward.browser("nurse").get("/").text
    befell(ward, parent, run.performed_at - timedelta(minutes=1))
    shown = ward.browser("nurse").get("/").text
    assert "Stop giving these cells" in shown
    assert LEAKS in shown


def test_a_plain_release_does_not_lift_the_hold_and_an_exception_of_quality_names_it(ward, own):
    bag, _mine = own
    run, parent = parent_of(ward, bag)
    befell(ward, parent, run.performed_at)
    ward.release(bag)
    ward.said_no("was discarded")
    assert ward.tag(bag) == "On hold"


@pytest.mark.parametrize("how", ["reject", "hold"])
@pytest.mark.parametrize(
    ("reason", "tag"),
    [("End of treatment", RELEASED), ("rest has low volume", RELEASED), ("not needed", RELEASED), ("mould", "On hold")],
)
def test_a_plain_no_to_the_rest_of_a_parent_holds_no_child(ward, own, how, reason, tag):
    bag, _mine = own
    _run, parent = parent_of(ward, bag)
    assert ward.decide(parent, how, reason=reason).status_code == 303, ward.refused
    assert ward.tag(bag) == tag
    befell(ward, parent, clock.now(), reason=reason)
    assert ward.tag(bag) == tag
