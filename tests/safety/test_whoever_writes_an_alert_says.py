"""Whoever writes an alert says whether cells wait until a physician has read it; nobody takes that back alone (23)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clinic import clock
from clinic.patients.models import Alert
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest
from tests.safety.reacting import decide, newest
from tests.safety.scenes import scene
from tests.safety.test_a_no_is_not_taken_back_alone import confirmed
from tests.safety.test_written_since_the_decision import alert, stopped

ANY_WORDS = (
    "Bag is Mr Petersen's", "STOP - call Dr Vaz", "Stroke this morning", "Klebsiella in blood", "K 7.2",
    "Two bags lost their labels", "HOLD", "Wears glasses",
)  # fmt: skip
"""What no list of words knows, or nobody would think stops anything."""
AGAIN = "Decide on the eligibility again"


@scene
def own(ward) -> Any:
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


def amended(ward, who="nurse2", **typed):
    answer = ward.amend(who, newest(ward, Alert), **typed)
    assert answer.status_code == 303, ward.refused


def closed(ward, who):
    answer = ward.fill(who, f"/alerts/{newest(ward, Alert).id}/closing", reason="No longer so")
    assert answer.status_code == 303, ward.refused


@pytest.mark.rule(1, 15, 23)
@pytest.mark.parametrize(("text", "answer"), [(ANY_WORDS[n], ("no", "unknown")[n % 2]) for n in range(len(ANY_WORDS))])
def test_cells_wait_whatever_the_words_unless_it_is_a_caution(ward, own, text, answer):
    bag, mine = own
    alert(ward, mine, text, may_go_on=answer)
    assert "Check at the bedside" not in ward.browser("nurse").get("/").text
    assert AGAIN in ward.browser("physician").get("/").text
    assert AGAIN in ward.browser("physician").get(f"/treatments/{mine.id}").text
    ward.give(mine, bag, because="asked the patient, and the physician agrees")
    ward.not_given(bag, "A physician decides on eligibility again")
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=10):
        assert ward.check(mine, bag).clear


@pytest.mark.rule(23)
def test_what_waits_for_a_physician_does_not_end_on_a_day(ward, own):
    _bag, mine = own
    tomorrow = clock.now() + timedelta(days=1)
    day = {"until_on-d": f"{tomorrow.day}", "until_on-m": f"{tomorrow.month}", "until_on-y": f"{tomorrow.year}"}
    url = f"/patients/{mine.patient_id}/alerts/new"
    assert ward.fill("nurse2", url, text="HOLD", may_go_on="no", **day).status_code == 422
    ward.said_no("does not end on a day")
    assert ward.fill("nurse2", url, text="Wears glasses", may_go_on="yes", **day).status_code == 303, ward.refused
    assert ward.amend("nurse2", newest(ward, Alert), may_go_on="unknown").status_code == 422


@pytest.mark.rule(1, 15, 23)
def test_a_caution_is_answered_by_a_reason(ward, own):
    bag, mine = own
    alert(ward, mine, "Should sit upright", may_go_on="yes")
    check = ward.check(mine, bag)
    assert check.clear, check.reasons
    page = ward.browser("nurse").get(f"/treatments/{mine.id}/administrations/new?check={check.id}").text
    assert "Right cells, right patient" not in page, "somebody still has to read the alert"
    assert "Not yet:</span> answer the warning" in page
    assert "c-gatepage--ask" in page, "green says that nothing is left to do"
    assert "c-verdict--go" not in page
    ward.begin(check, because="sits upright, seen by both of us")
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(1, 23)
def test_words_that_stop_are_no_caution(ward, own):
    bag, mine = own
    alert(ward, mine, "Identity in doubt", may_go_on="yes")
    ward.give(mine, bag)
    ward.not_given(bag, "A physician decides on eligibility again")


@pytest.mark.rule(1, 15, 23)
def test_cells_that_run_are_stopped_until_a_physician_decides(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused
    alert(ward, mine, "Prefers tea", may_go_on="yes")
    assert not stopped(ward)
    alert(ward, mine, "Call Dr Vaz", may_go_on="unknown")
    assert "Call Dr Vaz" in stopped(ward)
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
        assert not stopped(ward)


@pytest.mark.rule(23)
def test_an_alert_without_the_answer_is_not_written(ward, own):
    _bag, mine = own
    answer = ward.fill("nurse", f"/patients/{mine.patient_id}/alerts/new", text="HOLD", may_go_on="")
    assert answer.status_code == 422
    assert "May cells be collected or given before a physician has read this? Required" in answer.text
    assert "HOLD" in answer.text, "nothing typed is lost"


@pytest.mark.rule(23)
def test_an_alert_from_before_the_question_is_judged_by_its_words(ward, own):
    bag, mine = own
    ward.session.add(Alert.log(by=ward.team.nurse, at=clock.now(), patient=mine.patient, text="Wears glasses"))
    ward.session.commit()
    assert ward.check(mine, bag).clear
    answer = ward.amend("nurse2", newest(ward, Alert), text="Wears glasses, left eye", may_go_on="")
    assert answer.status_code == 422, "who amends it is asked"
    amended(ward, text="Wears glasses, left eye", may_go_on="no")
    assert not ward.check(mine, bag).clear


@pytest.mark.rule(23)
def test_an_answer_that_becomes_stricter_is_news_to_who_decided(ward, own):
    bag, mine = own
    alert(ward, mine, "Call Dr Vaz", may_go_on="yes")
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=10):
        assert ward.check(mine, bag).clear
        amended(ward, may_go_on="no")
        assert not ward.check(mine, bag).clear


@pytest.mark.rule(15, 23)
@pytest.mark.parametrize("answer", ["no", "unknown"])
def test_the_answer_is_taken_back_by_a_physician(ward, own, answer):
    bag, mine = own
    alert(ward, mine, "Call Dr Vaz", may_go_on=answer)
    amended(ward, may_go_on="yes")
    assert not ward.check(mine, bag).clear, "a nurse takes it back, and it still counts"
    assert "until a physician confirms" in ward.browser("nurse").get(f"/patients/{mine.patient_id}/alerts").text
    one = newest(ward, Alert)
    url = f"/patients/{one.patient_id}/corrections/{one.amendments[-1].id}"
    assert ward.fill("nurse", url, password=PASSWORD).status_code >= 400, "a nurse does not confirm it"
    assert not ward.check(mine, bag).clear
    confirmed(ward, "physician")
    assert ward.check(mine, bag).clear


@pytest.mark.rule(15, 23)
def test_a_physician_takes_the_answer_back_at_once(ward, own):
    bag, mine = own
    alert(ward, mine, "Call Dr Vaz", may_go_on="no")
    amended(ward, "physician2", may_go_on="yes")
    assert ward.check(mine, bag).clear


STOPPING = [
    ("Intubated, in ICU", "yes"), ("Cardiac arrest", "yes"), ("Pneumonia, febrile", "yes"),
    ("Identity in doubt", "yes"), ("Call Dr Vaz", "no"), ("K 7.2", "unknown"),
]  # fmt: skip


@pytest.mark.rule(15, 23)
@pytest.mark.parametrize(("text", "answer"), STOPPING)
def test_nobody_but_a_physician_ends_what_stops(ward, own, text, answer):
    bag, mine = own
    alert(ward, mine, text, may_go_on=answer)
    closed(ward, "nurse2")
    assert not ward.check(mine, bag).clear
    page = ward.browser("nurse").get(f"/patients/{mine.patient_id}/alerts").text
    assert "Still counts at the bedside until a physician confirms" in page
    assert "Confirm the correction" not in ward.browser("nurse").get("/").text
    assert "Confirm the correction" in ward.browser("physician").get("/").text
    confirmed(ward, "physician")
    assert ward.check(mine, bag).clear


@pytest.mark.rule(15, 23)
@pytest.mark.parametrize(("text", "answer"), STOPPING)
def test_a_physician_ends_what_stops(ward, own, text, answer):
    bag, mine = own
    alert(ward, mine, text, may_go_on=answer)
    closed(ward, "physician")
    assert ward.check(mine, bag).clear


@pytest.mark.rule(15, 23)
@pytest.mark.parametrize(("text", "answer"), STOPPING)
def test_a_physician_who_closes_an_alert_settles_what_another_took_away(ward, own, text, answer):
    bag, mine = own
    alert(ward, mine, text, may_go_on=answer)
    amended(ward, text="Likes tea", may_go_on="yes")
    assert not ward.check(mine, bag).clear
    closed(ward, "physician")
    check = ward.check(mine, bag)
    assert check.clear, check.reasons


@pytest.mark.rule(23)
def test_whoever_confirms_a_correction_reads_what_the_alert_said(ward, own):
    _bag, mine = own
    alert(ward, mine, "Look at the blood count of this morning", may_go_on="no")
    amended(ward, may_go_on="yes")
    amended(ward, text="Patient likes tea")
    (first, *_more) = newest(ward, Alert).of_physicians
    page = ward.browser("physician").get(f"/patients/{mine.patient_id}/corrections/{first.id}").text
    assert "Look at the blood count of this morning" in page
    assert "Patient likes tea" in page


@pytest.mark.rule(1, 23)
@pytest.mark.parametrize(
    "text",
    [
        "Patient said stop", "Mother withdrew her agreement", "Blood culture flagged", "Zellen nicht geben",
        "Halt the drip", "Throat closing, cannot breathe",
    ],
)  # fmt: skip
def test_everyday_words_that_stop_are_no_caution_at_the_bedside_and_while_cells_run(ward, own, text):
    bag, mine = own
    alert(ward, mine, text, may_go_on="yes")
    ward.give(mine, bag)
    ward.not_given(bag, "A physician decides on eligibility again")
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=10):
        ward.give(mine, bag)
        assert ward.given(bag) is not None, ward.refused
        assert not stopped(ward)
    with ward.later(minutes=15):
        alert(ward, mine, f"{text} again" if "stop" not in text else text, may_go_on="yes")
        assert text in stopped(ward)
