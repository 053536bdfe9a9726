"""Who sees a reaction says how severe it is; only one that is said to be mild lets the cells run on (rules 23, 57)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from clinic import clock
from clinic.administration.events import InfusionEvent
from clinic.administration.vital_signs import VitalSigns
from clinic.followup.adverse_events import AdverseEvent
from tests.safety.driver import VITALS
from tests.safety.reacting import decide, newest, reaction
from tests.safety.test_a_reaction_while_cells_run import moves, runs
from tests.safety.test_reactions_and_allergies import assess, stop, two_bags
from tests.safety.test_written_since_the_decision import own, stopped

__all__ = ["own", "runs", "two_bags"]

pytestmark = [pytest.mark.rule(23)]

MILD_WORDS = ["Itching, then passed out", "Rash, cannot breathe", "flush, saturation down to 79", "Fever 40.6, rigors"]


def goes_on(ward, given):
    """Whether interrupted cells may go on; they are interrupted first."""
    ward.session.expire_all()
    if not [one for one in given.events if one.kind == "stopped"]:
        assert moves(ward, given, "stopped", reason="reaction").status_code == 303, ward.refused
    return moves(ward, given, "resumed").status_code == 303


def filed(ward, given, mine, term, **typed):
    """A physician files an event of these cells while they run, assesses it and signs."""
    url = f"/treatments/{mine.id}/adverse-events/new?administration={given.id}"
    facts = {"term": term, "outcome": "ongoing", "seriousness": "no", "performed_at": clock.now()}
    known = {one.id for one in ward.session.query(AdverseEvent)}
    answer = ward.fill("physician", url, sure="seen", **facts)
    assert answer.status_code == 303, ward.refused
    event = next(one for one in ward.session.query(AdverseEvent) if one.id not in known)
    assess(ward, event, **({"grade": "1", "from_cells": "possible", "from_delivery": "possible"} | typed))
    return event


def signs_of(ward, given, **typed):
    url = f"/administrations/{given.id}/vital-signs"
    return ward.fill("nurse", url, sure="seen", performed_at=clock.now(), **(VITALS | typed))


# how severe


def test_nobody_writes_a_reaction_without_saying_how_severe_it_is(ward, runs):
    given, _mine = runs
    assert reaction(ward, given, "Itching", severity="").status_code == 422
    ward.said_no("How severe")
    assert not stopped(ward)


@pytest.mark.parametrize("signs", MILD_WORDS)
@pytest.mark.parametrize("severity", ["moderate", "severe", "unknown"])
def test_what_is_not_said_to_be_mild_stops_the_cells_whatever_its_words(ward, runs, signs, severity):
    given, mine = runs
    assert reaction(ward, given, signs, severity=severity).status_code == 303, ward.refused
    assert signs in stopped(ward)
    assert not goes_on(ward, given)
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
        assert not stopped(ward)
        assert goes_on(ward, given), ward.refused


def test_what_is_said_and_written_to_be_mild_runs_on(ward, runs):
    given, _mine = runs
    reaction(ward, given, "Itching of one arm", severity="mild")
    assert not stopped(ward)
    assert goes_on(ward, given), ward.refused


@pytest.mark.parametrize("signs", ["Anaphylaxis", "BP 60/30", "generalized oedema", "none"])
def test_words_only_tighten(ward, runs, signs):
    given, _mine = runs
    reaction(ward, given, signs, severity="severe" if signs == "none" else "mild")
    assert stopped(ward)
    assert not goes_on(ward, given)


def test_the_severity_is_read_on_the_page(ward, runs):
    given, _mine = runs
    reaction(ward, given, "Itching", severity="moderate")
    assert "Itching (moderate)" in ward.browser("nurse").get(f"/administrations/{given.id}").text


@pytest.mark.parametrize("signs", ["Itching of one arm", "Itching, then passed out"])
@pytest.mark.parametrize("severity", ["moderate", "severe", "unknown", "mild", ""])
@pytest.mark.parametrize("how", ["end", "abort"])
def test_the_end_asks_how_severe_a_reaction_was(ward, two_bags, how, severity, signs):
    (first, second), mine = two_bags
    given = ward.given(first)
    with ward.later(minutes=10):
        said = {"reaction": signs, "reaction_severity": severity}
        answer = ward.end(given, sure="seen", **said) if how == "end" else stop(ward, given, "itching", **said)
        assert (answer.status_code == 303) is bool(severity), ward.refused
        if not severity:
            ward.said_no("How severe")
            return
    with ward.later(minutes=40):
        check = ward.check(mine, second)
        harmless = severity == "mild" and "passed out" not in signs
        assert any("reaction" in one["because"] for one in check.reasons) is not harmless, check.reasons


def test_the_end_begins_with_the_worst_that_was_said(ward, runs):
    given, _mine = runs
    reaction(ward, given, "Itching", severity="mild")
    reaction(ward, given, "Rash", severity="moderate")
    ward.end(given, sure="seen", volume_given="10")
    ward.session.expire_all()
    assert (given.reaction, given.reaction_severity) == ("Itching; Rash", "moderate")


# what answers a reaction


def test_an_event_signed_before_answers_no_later_reaction(ward, runs):
    given, mine = runs
    reaction(ward, given, "Urticaria on both arms")
    filed(ward, given, mine, "Urticaria")
    with ward.later(minutes=5):
        measures = "Adrenaline 0.5 mg i.m., emergency team called"
        reaction(ward, given, "Anaphylactic shock: BP 60/30, stridor, SpO2 78 %", measures=measures)
        assert "Anaphylactic shock" in stopped(ward)
        assert not goes_on(ward, given)


def test_a_later_moderate_one_of_the_same_name_is_not_answered_either(ward, runs):
    given, mine = runs
    reaction(ward, given, "Urticaria on both arms")
    filed(ward, given, mine, "Urticaria", grade="3")
    with ward.later(minutes=3):
        ward.sign("physician", decide(ward, mine))
        assert not stopped(ward)
    with ward.later(minutes=5):
        reaction(ward, given, "Urticaria everywhere", severity="moderate")
        assert not goes_on(ward, given)


@pytest.mark.parametrize(
    ("signs", "severity", "term", "grade"),
    [
        ("Stridor", "severe", "Allergic rhinitis, hay fever", "1"),
        ("Itching, cannot breathe", "moderate", "Itching of old eczema", "1"),
        ("Rash, passed out", "unknown", "Allergic rhinitis, hay fever", "1"),
        ("Rash, passed out", "severe", "Rash of the arm", "2"),
    ],
)
def test_a_milder_or_another_event_answers_no_grave_reaction(ward, runs, signs, severity, term, grade):
    given, mine = runs
    reaction(ward, given, signs, severity=severity)
    with ward.later(minutes=5):
        filed(ward, given, mine, term, grade=grade, from_cells="unlikely", from_delivery="unlikely")
        assert not goes_on(ward, given)
        assert signs.split(",")[0] in stopped(ward)


def test_an_event_of_something_else_answers_nothing_by_a_common_word(ward, runs):
    given, mine = runs
    reaction(ward, given, "Patient grey, hardly answers", severity="severe")
    with ward.later(minutes=5):
        filed(ward, given, mine, "Patient sprained the wrist", grade="3", from_cells="unrelated",
              from_delivery="unrelated")  # fmt: skip
        assert not goes_on(ward, given)
        assert "Patient grey" in stopped(ward)


def test_an_assessment_in_other_words_answers_where_it_may_come_of_the_cells(ward, runs):
    given, mine = runs
    reaction(ward, given, "Something odd with him", severity="unknown")
    with ward.later(minutes=5):
        filed(ward, given, mine, "Vasovagal episode", grade="2", from_cells="unlikely", from_delivery="probable")
        assert not stopped(ward)
        assert goes_on(ward, given), ward.refused


@pytest.mark.parametrize(("severity", "grade"), [("moderate", "2"), ("unknown", "1"), ("severe", "3")])
def test_after_a_physicians_assessment_of_the_reaction_the_cells_go_on(ward, runs, severity, grade):
    given, mine = runs
    reaction(ward, given, "Urticaria on both arms", severity=severity)
    assert not goes_on(ward, given)
    with ward.later(minutes=5):
        filed(ward, given, mine, "Urticaria", grade=grade, from_cells="unlikely", from_delivery="unlikely")
        assert not stopped(ward)
        assert goes_on(ward, given), ward.refused


def test_a_nurse_makes_a_grave_note_mild_by_no_correction(ward, runs):
    given, mine = runs
    reaction(ward, given, "Mild itching")
    filed(ward, given, mine, "Itching")
    with ward.later(minutes=5):
        reaction(ward, given, "Anaphylactic shock", severity="severe", measures="Adrenaline")
        note = newest(ward, InfusionEvent)
        changed = {"signs": "Mild itching", "severity": "mild", "measures": "Blanket"}
        assert ward.amend("nurse", note, **changed).status_code == 303, ward.refused
        assert not goes_on(ward, given)
        assert "Anaphylactic shock" in stopped(ward)


@pytest.mark.parametrize("signs", ["Cardiac arrest", "Itching, then passed out"])
def test_two_nurses_take_back_no_grave_note(ward, runs, signs):
    given, _mine = runs
    reaction(ward, given, signs, severity="severe", measures="CPR")
    note = newest(ward, InfusionEvent)
    changed = {"signs": "Chills", "severity": "mild", "measures": "Blanket"}
    assert ward.amend("nurse", note, **changed).status_code == 303, ward.refused
    ward.sign("nurse2", note)
    assert signs in stopped(ward)
    assert not goes_on(ward, given)
    with ward.later(minutes=5):
        assert ward.sign("physician", note).status_code == 303, ward.refused
        assert not stopped(ward)
        assert goes_on(ward, given), ward.refused


# vital signs


@pytest.mark.parametrize(
    "typed",
    [
        {"spo2": "84"}, {"temperature": "39.5"}, {"pulse": "39"}, {"pulse": "161"}, {"systolic": "69"},
        {"breathing": "7"}, {"breathing": "41"}, {"systolic": "250"}, {"systolic": "200", "diastolic": "150"},
    ],
)  # fmt: skip
def test_vital_signs_far_out_of_range_stop_the_cells(ward, runs, typed):
    given, mine = runs
    assert signs_of(ward, given, **({"diastolic": "40"} | typed)).status_code == 303, ward.refused
    assert list(typed.values())[-1] in stopped(ward)
    assert not goes_on(ward, given)
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
        assert goes_on(ward, given), ward.refused


@pytest.mark.parametrize(
    "typed",
    [
        {"spo2": "85"}, {"temperature": "39.4"}, {"pulse": "40"}, {"pulse": "160"}, {"systolic": "70"},
        {"breathing": "8"}, {"breathing": "40"},
    ],
)  # fmt: skip
def test_what_can_be_borne_stops_nothing(ward, runs, typed):
    given, _mine = runs
    assert signs_of(ward, given, diastolic="40", **typed).status_code == 303, ward.refused
    assert not stopped(ward)


@pytest.mark.parametrize(
    ("typed", "stops"), [({"pulse": "170"}, False), ({"breathing": "45"}, False), ({"spo2": "84"}, True)]
)
def test_a_child_has_other_limits(ward, runs, typed, stops):
    given, mine = runs
    mine.patient.birth_date = clock.today("Europe/Berlin") - timedelta(days=4 * 366)
    ward.session.commit()
    assert signs_of(ward, given, **typed).status_code == 303, ward.refused
    assert ("While these cells run" in stopped(ward)) is stops


def test_a_slip_of_the_monitor_is_taken_back_with_a_physician(ward, runs):
    given, _mine = runs
    signs_of(ward, given, spo2="48")
    taken = newest(ward, VitalSigns)
    assert ward.amend("nurse", taken, spo2="98").status_code == 303, ward.refused
    ward.sign("nurse2", taken)
    assert stopped(ward)
    ward.sign("physician", taken)
    assert not stopped(ward)


@pytest.mark.rule(57)
@pytest.mark.parametrize("typed", [{"pulse": "125"}, {"systolic": "88"}, {"diastolic": "115"}, {"breathing": "28"}])
def test_each_vital_sign_that_is_not_usual_is_asked_about(ward, runs, typed):
    given, _mine = runs
    url = f"/administrations/{given.id}/vital-signs"
    assert ward.fill("nurse", url, performed_at=clock.now(), **(VITALS | typed)).status_code == 422
    ward.said_no("Is this right?")
    assert signs_of(ward, given, **typed).status_code == 303, ward.refused


@pytest.mark.rule(57)
def test_a_small_child_is_not_asked_about_its_own_pulse(ward, runs):
    given, mine = runs
    mine.patient.birth_date = date(clock.now().year - 3, 1, 1)
    ward.session.commit()
    url = f"/administrations/{given.id}/vital-signs"
    answer = ward.fill("nurse", url, performed_at=clock.now(), **(VITALS | {"pulse": "130", "systolic": "85"}))
    assert answer.status_code == 303, ward.refused
