"""Reactions, allergies and a physician's “no” count for the person from the moment when they are written."""

from __future__ import annotations

import re

import pytest
import time_machine

from clinic import clock
from clinic.followup.adverse_events import AdverseEvent
from tests.factories import day_boxes, published, ready_for_harvest
from tests.safety.reacting import adverse_event, assess, decide, newest, reaction
from tests.safety.recipients import two_recipients
from tests.safety.scenes import scene


@pytest.fixture(autouse=True)
def morning():
    """A story lasts some hours: it begins in the morning, so that it ends on the same day."""
    with time_machine.travel(clock.now().replace(hour=8, minute=0, second=0), tick=True):
        yield


@scene
def two_bags(ward):
    """One patient with two bags of a donor's cells; the first one is being given."""
    cord, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    bags = ward.banked(ward.donated(donor, cord), cord, bags=2, amount="36.25")
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    for bag in bags:
        ward.assign(bag, mine)
        ward.release(bag)
    ward.give(mine, bags[0])
    assert ward.given(bags[0]) is not None, ward.refused
    return bags, mine


@scene
def sisters(ward):
    """Two patients, each with a bag of the same donation; the first patient got hers."""
    return two_recipients(ward)


def stop(ward, given, because, **typed):
    more = {"rest": "discarded", "volume_given": "3", "ended_at": clock.now()}
    return ward.fill("nurse", f"/administrations/{given.id}/abort", sure="seen", because=because, **(more | typed))


def today(ward, who):
    return re.sub(r"<[^>]+>|\s+", " ", ward.browser(who).get("/").text)


# a reaction counts from the moment when it is written


@pytest.mark.rule(23)
@pytest.mark.hazard("H25")
@pytest.mark.parametrize(
    "signs",
    [
        "anaphylaxis, bronchospasm, BP 60/30",
        "chills, then SpO2 82 %",
        "generalized oedema",
        "collapsed, epinephrine i.m.",
        "tongue swelling",
    ],
)
def test_a_reaction_during_the_giving_stops_the_next_bag_until_a_physician_decides(ward, two_bags, signs):
    (first, second), mine = two_bags
    given = ward.given(first)
    assert reaction(ward, given, signs).status_code == 303, ward.refused
    with ward.later(minutes=5):
        assert "Report the adverse event" in today(ward, "physician")
        assert "Decide after the reaction" in today(ward, "physician2")
        ward.end(given)
        assert "Check at the bedside" not in today(ward, "nurse")  # where the reaction refuses it
    with ward.later(minutes=40):
        ward.give(mine, second)
        ward.not_given(second, "Earlier reaction", "A physician has not decided")
    with ward.later(minutes=60):
        ward.sign("physician", decide(ward, mine))
        check = ward.check(mine, second)
        assert check.clear, check.reasons
        assert "Earlier reaction" in {line["check"] for line in check.warnings}


@pytest.mark.rule(23)
@pytest.mark.parametrize("how", ["stopped", "because", "ended"])
def test_a_reaction_written_where_the_giving_ends_counts_too(ward, two_bags, how):
    (first, second), mine = two_bags
    given = ward.given(first)
    with ward.later(minutes=10):
        if how == "stopped":
            stop(ward, given, "patient unwell", reaction="Anaphylaxis, adrenaline, ICU")
        elif how == "because":
            stop(ward, given, "anaphylactic shock")
        else:
            ward.end(given, reaction="Bronchospasm after 3 mL", sure="seen")
    with ward.later(minutes=40):
        assert "Report the adverse event" in today(ward, "physician")
        ward.give(mine, second)
        ward.not_given(second, "Earlier reaction")


@pytest.mark.rule(23)
def test_a_mild_reaction_is_told_and_wants_a_reason(ward, two_bags):
    (first, second), mine = two_bags
    given = ward.given(first)
    reaction(ward, given, "mild flushing and chills, no dyspnea")
    ward.end(given, reaction="none")
    with ward.later(minutes=30):
        check = ward.check(mine, second)
        assert check.clear, check.reasons
        assert [line["check"] for line in check.warnings if line["rule"] == 23] == ["Earlier reaction"]
        ward.begin(check)
    assert ward.given(second) is not None, ward.refused


@pytest.mark.rule(23)
def test_a_nurse_does_not_take_the_reaction_back_alone(ward, two_bags):
    (first, second), mine = two_bags
    given = ward.given(first)
    with ward.later(minutes=5):
        ward.end(given, reaction="Anaphylaxis", sure="seen")
        given = ward.given(first)
        assert ward.amend("nurse", given, reaction="mild flushing").status_code == 303, ward.refused
    with ward.later(minutes=30):
        ward.give(mine, second)
        ward.not_given(second, "Earlier reaction")


@pytest.mark.rule(23)
@pytest.mark.parametrize(
    ("term", "facts"),
    [("anaphylaxis", {"serious": ["life_threatening"]}), ("bronchospasm", {}), ("other", {"serious": ["important"]})],
)
def test_an_event_that_no_physician_has_assessed_stops_the_next_bag(ward, two_bags, term, facts):
    (first, second), mine = two_bags
    ward.end(ward.given(first))
    with ward.later(minutes=10):
        event = adverse_event(ward, mine, term, **facts)
        assert "Assess and sign the event" in today(ward, "physician")
    with ward.later(minutes=20):
        ward.give(mine, second)
        ward.not_given(second, "Earlier reaction", "has not assessed")
    with ward.later(minutes=30):
        assess(ward, event, grade="2")
        check = ward.check(mine, second)
        assert check.clear, check.reasons


@pytest.mark.rule(23)
@pytest.mark.hazard("H29")
def test_another_patients_reaction_is_not_this_patients(ward, sisters):
    bags, (hers, his) = sisters
    with ward.later(minutes=10):
        assess(ward, adverse_event(ward, hers, "other"), grade="4", from_cells="possible")
        reaction(ward, ward.given(bags[0]), "anaphylaxis")
        check = ward.check(his, bags[1])
    assert not [line for line in check.evidence if "reaction" in line["check"].lower()]


# a serious event of one recipient holds the cells that share its origin


@pytest.mark.hazard("H29")
@pytest.mark.parametrize(
    "facts",
    [{"serious": ["life_threatening"]}, {"serious": ["important"]}, {"serious": ["hospitalisation"], "term": "fever"}],
)
def test_a_serious_event_holds_the_family_until_a_physician_has_assessed_it(ward, sisters, facts):
    bags, (hers, his) = sisters
    with ward.later(minutes=10):
        event = adverse_event(ward, hers, **({"term": "septic shock"} | facts))
    with ward.later(minutes=20):
        ward.give(his, bags[1])
        ward.not_given(bags[1], "not assessed by a physician yet")
    with ward.later(minutes=30):
        assess(ward, event, grade="4")
        ward.give(his, bags[1])
    assert ward.given(bags[1]) is not None, ward.refused


@pytest.mark.hazard("H29")
def test_a_death_holds_the_family_when_it_is_written(ward, sisters):
    bags, (hers, his) = sisters
    with ward.later(minutes=10):
        died = day_boxes("died_on", clock.today("Europe/Berlin"))
        adverse_event(ward, hers, "cardiac arrest", serious=["death"], **(died | {"outcome": "fatal"}))
        ward.give(his, bags[1])
    ward.not_given(bags[1], "not assessed by a physician yet")


@pytest.mark.hazard("H29")
@pytest.mark.parametrize(
    ("serious", "cells", "holds"),
    [
        ("life_threatening", "possible", True),
        ("life_threatening", "unassessable", True),
        ("important", "possible", True),
        ("hospitalisation", "unclassified", True),
        ("disability", "unlikely", False),
        ("life_threatening", "unrelated", False),
    ],
)
def test_what_is_serious_holds_until_it_is_unlikely_to_come_from_the_cells(ward, sisters, serious, cells, holds):
    bags, (hers, his) = sisters
    with ward.later(minutes=10):
        grade = "4" if serious == "life_threatening" else "3"
        assess(ward, adverse_event(ward, hers, "shock", serious=[serious]), from_cells=cells, grade=grade)
        ward.give(his, bags[1])
    assert (ward.given(bags[1]) is None) is holds, ward.refused


@pytest.mark.hazard("H29")
@pytest.mark.rule(45)
@pytest.mark.parametrize(
    ("who", "change"),
    [("nurse", {"from_cells": "unlikely"}), ("nurse", {"serious": []}), ("physician", {"from_cells": "unlikely"})],
)
def test_nobody_lifts_the_hold_of_a_signed_event_alone(ward, sisters, who, change):
    bags, (hers, his) = sisters
    with ward.later(minutes=10):
        event = adverse_event(ward, hers, "wound infection", serious=["hospitalisation"])
        assess(ward, event, from_cells="certain", grade="3")
    with ward.later(minutes=20):
        assert ward.amend(who, newest(ward, AdverseEvent), **change).status_code == 303, ward.refused
        if who == "physician":
            ward.sign(who, newest(ward, AdverseEvent))
        ward.give(his, bags[1])
        ward.not_given(bags[1], "not confirmed by another physician")
    with ward.later(minutes=30):
        ward.sign("physician2", newest(ward, AdverseEvent))
        ward.give(his, bags[1])
    assert ward.given(bags[1]) is not None, ward.refused
