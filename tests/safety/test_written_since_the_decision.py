"""What was written of the patient since the physician decided is asked at the bedside, and while the cells run (23)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clinic import clock
from clinic.patients.models import Alert
from tests.bedside import released_product
from tests.factories import ready_for_harvest
from tests.safety.reacting import adverse_event, decide, newest
from tests.safety.scenes import scene
from tests.safety.test_reactions_and_allergies import assess

GRAVE = (
    "Pregnancy test positive today",
    "Breastfeeding stopped; β-hCG positive",
    "New lung cancer, staging",
    "Blast cells seen: acute leukemia?",
    "Do not treat: patient refuses further cells",
    "Wants no more infusions",
    "Patient has withdrawn consent by telephone",
)
"""Alerts after which a physician decides again, by any name that clinicians use."""
INFECTED = ("Blood culture positive since this morning", "Pneumonia, febrile", "HIV test reactive", "MRSA in the wound")
"""Alerts of an infection that goes on."""
PAST = ("Fever in childhood", "Pneumonia 2019", "History of sepsis in 2018")
"""Alerts of one that is over, as far as they say."""
PLAIN = ("Hard of hearing", "Interpreter needed: Turkish", "Prefers tea", "Lives alone", "No fever, no infection")
"""Alerts that a person reads and answers."""


@scene
def own(ward) -> Any:
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


def alert(ward, course, text, **typed):
    answer = ward.fill("nurse", f"/patients/{course.patient_id}/alerts/new", text=text, **typed)
    assert answer.status_code == 303, ward.refused


def stopped(ward, who="nurse") -> str:
    """Return what Today says of cells that must be stopped; "" where it says nothing."""
    _before, stop, said = ward.browser(who).get("/").text.partition("Stop giving these cells")
    return said[:4000] if stop else ""


@pytest.mark.rule(23)
@pytest.mark.parametrize("text", GRAVE + INFECTED)
def test_an_alert_that_speaks_against_cells_stops_until_a_physician_has_decided_again(ward, own, text):
    bag, mine = own
    alert(ward, mine, text)
    assert "Check at the bedside" not in ward.browser("nurse").get("/").text, "nobody is sent to be refused"
    assert "Decide on the eligibility again" in ward.browser("physician").get("/").text
    ward.give(mine, bag)
    ward.not_given(bag, "A physician decides on eligibility again")
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=10):
        assert "Check at the bedside" in ward.browser("nurse").get("/").text
        check = ward.check(mine, bag)
        assert check.clear, check.reasons


@pytest.mark.rule(23)
@pytest.mark.parametrize("text", PLAIN)
def test_any_alert_since_the_decision_wants_a_reason(ward, own, text):
    bag, mine = own
    alert(ward, mine, text)
    assert "Check at the bedside" in ward.browser("nurse").get("/").text
    check = ward.check(mine, bag)
    assert check.clear, check.reasons
    assert text in [line["left"] for line in check.warnings]
    ward.begin(check, because="")
    ward.not_given(bag, "Alert since the decision", "Infection")
    ward.begin(check)
    assert ward.given(bag) is not None, ward.refused
    assert not stopped(ward)


@pytest.mark.rule(23)
@pytest.mark.parametrize("text", PAST)
def test_an_earlier_infection_is_asked_about_and_once_answered_the_cells_run_on(ward, own, text):
    bag, mine = own
    alert(ward, mine, text)
    check = ward.check(mine, bag)
    assert [line["check"] for line in check.warnings if line["left"] == text] == ["Infection: ask whether it is over"]
    ward.begin(check, because="")
    ward.not_given(bag, "Infection")
    ward.begin(check)
    assert ward.given(bag) is not None, ward.refused
    assert not stopped(ward)


@pytest.mark.rule(23)
def test_an_alert_that_the_physician_knew_or_that_is_over_is_asked_no_more(ward, own):
    bag, mine = own
    alert(ward, mine, "Pregnancy test positive today")
    alert(ward, mine, "Hard of hearing")
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=10):
        assert not ward.check(mine, bag).warnings
        ward.amend("nurse", newest_alert(ward), text="Deaf")
        assert [line["left"] for line in ward.check(mine, bag).warnings] == ["Deaf"], "another text is another alert"
        ward.fill("nurse", f"/alerts/{newest_alert(ward).id}/closing", reason="wears an aid")
        assert not ward.check(mine, bag).warnings


def newest_alert(ward):
    return newest(ward, Alert)


@pytest.mark.rule(23)
@pytest.mark.parametrize("text", GRAVE + INFECTED)
def test_an_alert_that_speaks_against_cells_stops_those_that_run(ward, own, text):
    bag, mine = own
    ward.give(mine, bag)
    assert not stopped(ward)
    alert(ward, mine, text)
    assert text in stopped(ward)
    given = ward.given(bag)
    assert text in ward.browser("nurse").get(f"/administrations/{given.id}").text


@pytest.mark.rule(23)
def test_an_alert_that_any_person_may_answer_stops_no_cells_that_run(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    for text in PLAIN:
        alert(ward, mine, text)
    assert not stopped(ward)


@pytest.mark.rule(23)
@pytest.mark.parametrize(
    "because", ["", "ok", "yes", "-", "n/a", "fine", "all good", "ok, ok", "...", "checked, right"]
)
def test_a_reason_that_says_nothing_answers_no_warning(ward, own, because):
    bag, mine = own
    alert(ward, mine, PLAIN[0])
    check = ward.check(mine, bag)
    assert ward.begin(check, because=because).status_code == 422
    ward.not_given(bag, "tells nobody why", "What did you do about it?")
    ward.begin(check, because="spoke slowly, wife translated")
    assert ward.given(bag) is not None, ward.refused


# adverse events that no physician has assessed

EVENTS = ("COVID-19", "Acute appendicitis", "Heart attack", "Gastrointestinal bleeding, Hb 5", "Feels unwell")


@pytest.mark.rule(23)
@pytest.mark.parametrize("term", EVENTS)
@pytest.mark.parametrize("grade", ["2", None])
def test_an_ongoing_event_stops_by_any_name_until_a_physician_has_assessed_it(ward, own, term, grade):
    bag, mine = own
    event = adverse_event(ward, mine, term, "physician", grade=grade) if grade else adverse_event(ward, mine, term)
    assert "Check at the bedside" not in ward.browser("nurse").get("/").text
    assert "Assess and sign the event" in ward.browser("physician").get("/").text
    check = ward.check(mine, bag)
    assert not check.clear
    (reason,) = check.reasons
    assert "A physician has not assessed" in reason["because"]
    assert reason["who"] == ["physician"]
    assert reason["fix"][1] == {"event_id": event.id}
    with ward.later(minutes=10):
        assess(ward, event, grade="2", from_cells="unlikely")
        check = ward.check(mine, bag)
        assert check.clear, check.reasons


@pytest.mark.rule(23)
def test_an_ongoing_event_stops_in_every_course_of_the_person(ward, own):
    bag, mine = own
    other = ready_for_harvest(ward.team, mine.patient)
    adverse_event(ward, other, "Acute appendicitis")
    ward.give(mine, bag)
    ward.not_given(bag, "A physician has not assessed")


@pytest.mark.rule(23)
@pytest.mark.parametrize(
    "facts", [{"grade": "1"}, {"grade": "2", "outcome": "resolved"}, {"grade": "1", "outcome": "recovering"}]
)
def test_a_mild_event_or_one_that_is_over_wants_a_reason(ward, own, facts):
    bag, mine = own
    adverse_event(ward, mine, "Headache", "physician", **facts)
    check = ward.check(mine, bag)
    assert check.clear, check.reasons
    assert any("Headache" in line["left"] for line in check.warnings), check.evidence


@pytest.mark.rule(23)
def test_a_decision_after_the_event_answers_it(ward, own):
    bag, mine = own
    adverse_event(ward, mine, "Acute appendicitis", performed_at=clock.now() - timedelta(hours=1))
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
        check = ward.check(mine, bag)
    assert check.clear, check.reasons
    assert any("Acute appendicitis" in line["left"] for line in check.warnings)


@pytest.mark.rule(23)
@pytest.mark.parametrize(
    ("facts", "stops"),
    [
        ({"performed_at": timedelta(hours=5)}, True),
        ({"performed_at": timedelta(hours=5), "serious": ["important"]}, True),
        ({"performed_at": timedelta(0)}, True),
        ({"performed_at": timedelta(0), "term": "Headache"}, False),
    ],
)
def test_an_event_stops_cells_that_run_where_those_who_give_them_may_not_see_it(ward, own, facts, stops):
    bag, mine = own
    ward.give(mine, bag)
    with ward.later(minutes=2):
        when = {"performed_at": clock.now() - facts["performed_at"]}
        adverse_event(ward, mine, **({"term": "Heart attack"} | facts | when))
        assert bool(stopped(ward)) is stops
        assert not stops or "Heart attack" in stopped(ward)
