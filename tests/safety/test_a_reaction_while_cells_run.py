"""A grave reaction that begins while cells run stops them until a physician has decided that they go on (23, 58)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from tests.factories import PASSWORD
from tests.safety.reacting import adverse_event, decide, reaction
from tests.safety.test_written_since_the_decision import own, stopped

__all__ = ["own"]

pytestmark = [pytest.mark.rule(23)]


@pytest.fixture
def runs(ward, own):
    """Cells that began ten minutes ago."""
    bag, mine = own
    ward.give(mine, bag)
    given = ward.given(bag)
    assert given is not None, ward.refused
    assert not stopped(ward)
    with ward.later(minutes=10):
        yield given, mine


def moves(ward, given, kind, **typed):
    return ward.fill("nurse", f"/administrations/{given.id}/events/{kind}", performed_at=clock.now(), **typed)


@pytest.mark.parametrize("signs", ["Anaphylaxis, epinephrine 0.5 mg", "SpO2 82 %, dyspnea"])
def test_a_grave_reaction_stops_cells_that_run(ward, runs, signs):
    given, _mine = runs
    assert reaction(ward, given, signs).status_code == 303, ward.refused
    assert signs in stopped(ward)
    assert "Stop giving these cells" in ward.browser("nurse").get(f"/administrations/{given.id}").text


@pytest.mark.parametrize("signs", ["Chills", "Garlic taste, warm face"])
def test_a_mild_reaction_stops_nothing(ward, runs, signs):
    given, _mine = runs
    assert reaction(ward, given, signs).status_code == 303, ward.refused
    assert not stopped(ward)
    assert moves(ward, given, "stopped", reason="chills").status_code == 303, ward.refused
    assert moves(ward, given, "resumed").status_code == 303, ward.refused


@pytest.mark.parametrize(("reason", "goes_on"), [("pump alarm", True), ("BP 60/30, grey, passed out", False)])
def test_a_grave_reason_for_an_interruption_is_a_reaction(ward, runs, reason, goes_on):
    given, mine = runs
    assert moves(ward, given, "stopped", reason=reason).status_code == 303, ward.refused
    assert (moves(ward, given, "resumed").status_code == 303) is goes_on
    assert (reason in stopped(ward)) is not goes_on
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
        assert not stopped(ward)


@pytest.mark.parametrize(
    ("term", "facts", "stops"),
    [
        ("Anaphylaxis to cells", {"grade": "4"}, True),
        ("Rash", {"grade": "3"}, True),
        ("Rash", {"serious": ["hospitalisation"]}, True),
        ("Headache", {"grade": "1"}, False),
        ("Headache", {"grade": "2"}, False),
    ],
)
def test_an_event_that_began_while_cells_run_stops_them_where_it_is_grave(ward, runs, term, facts, stops):
    _given, mine = runs
    adverse_event(ward, mine, term, "physician", performed_at=clock.now(), **facts)
    assert (term in stopped(ward)) is stops


def test_an_assessed_event_of_grade_3_stops_until_a_physician_has_decided_that_cells_go_on(ward, runs):
    _given, mine = runs
    event = adverse_event(ward, mine, "Rash of the whole body", "physician", grade="3", performed_at=clock.now())
    facts = {
        "expected": "unexpected",
        "from_cells": "possible",
        "from_harvest": "unrelated",
        "from_delivery": "possible",
    }
    ward.fill("physician", f"/adverse-events/{event.id}/assessment", sure="seen", **facts)
    ward.fill("physician", f"/records/{event.id}/signature", password=PASSWORD)
    assert "Rash" in stopped(ward), "who assesses an event has not decided that the cells go on"
    with ward.later(minutes=2):
        ward.sign("physician", decide(ward, mine))
        assert not stopped(ward)


def test_interrupted_cells_go_on_only_after_a_physician_has_decided(ward, runs):
    given, mine = runs
    reaction(ward, given, "Anaphylaxis, hypotension")
    assert moves(ward, given, "stopped", reason="reaction").status_code == 303, ward.refused
    assert moves(ward, given, "resumed").status_code in {409, 422}
    ward.said_no("ask a physician to decide")
    assert "Anaphylaxis" in stopped(ward)
    with ward.later(minutes=5):
        decision = decide(ward, mine)
        assert moves(ward, given, "resumed").status_code in {409, 422}, "it is not signed"
        ward.sign("physician", decision)
        assert not stopped(ward)
        assert moves(ward, given, "resumed").status_code == 303, ward.refused


def test_a_second_reaction_after_the_decision_stops_them_again(ward, runs):
    given, mine = runs
    reaction(ward, given, "Anaphylaxis, hypotension")
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
        assert not stopped(ward)
    with ward.later(minutes=10):
        reaction(ward, given, "Bronchospasm")
        assert "Bronchospasm" in stopped(ward)


def test_a_correction_of_the_grade_by_one_nurse_ends_no_stop(ward, runs):
    _given, mine = runs
    event = adverse_event(ward, mine, "Rash", "physician", grade="3", performed_at=clock.now() - timedelta(minutes=1))
    assert "Rash" in stopped(ward)
    assert ward.amend("nurse", event, grade="1").status_code == 303, ward.refused
    assert "Rash" in stopped(ward)
