"""Only a physician says that cells go on over an alert that is more than an everyday caution (rules 1, 15, 23)."""

from __future__ import annotations

import pytest

from clinic.patients.cautions import is_everyday
from clinic.patients.models import Alert
from tests.safety.reacting import decide, newest
from tests.safety.test_whoever_writes_an_alert_says import amended, closed
from tests.safety.test_written_since_the_decision import own, stopped

__all__ = ["own"]

pytestmark = [pytest.mark.rule(1, 15, 23)]

EVERYDAY = (
    "Hard of hearing", "Deaf", "Hard of hearing on the left", "Hearing aid left", "Fall risk", "High risk of falls",
    "Interpreter needed: Turkish", "Needs an interpreter (Polish)", "Speaks only Arabic", "Uses a wheelchair",
    "Wheelchair", "Afraid of needles", "Needle phobia", "Prefers tea", "Wears glasses", "Wears glasses, left eye",
    "Falls easily", "Should sit upright", "Sits badly", "Lives alone", "Difficult veins; prefers the left arm",
    "No blood pressure on the left arm", "Vegetarian", "Left handed", "Needs help with dressing", "Likes tea",
    "Daughter waits outside", "The patient is hard of hearing and wears glasses.", "Pneumonia 2019",
    "Fever in childhood", "History of sepsis in 2018", "No fever, no infection", "Allergic to strawberries",
    "ANAPHYLAXIS to human albumin 2019", "Latex allergy", "swelling after Zorbulin", "HSA: swelling of the lips",
    "bronchospasm on Albutein in 2019", "Human albumin!!", "allergic to aspirin",
    "Hepatitis B vaccinated", "Wife is pregnant", "HARD OF HEARING!", "Deaf / uses a wheelchair",
    "Interpreter for Turkish needed", "Fear of needles - let her lie down", "Pacemaker", "Port catheter right", "ICD",
    "Hip replacement left 2018", "Coronary stent 2020", "Similar name: MOULIN, Theo. Read the record number aloud",
    "Nearly the same name and birth date as another patient: read the record number aloud.", "Stutters",
    "Prefers to be called Theo", "Twin brother is also a patient here",
)  # fmt: skip
MORE = (
    "Urine test this morning: two pink lines", "Husband phones: she has had second thoughts, please don't",
    "Do not touch the bag, director's order", "Call Dr Vaz", "Patient likes tea and not the cells", "Deaf?",
    "Suddenly deaf since morning", "Prefers to wait", "Prefers tea to the cells", "Wheelchair. Bag leaks", "K 7.2",
    "Latex allergy; husband phoned", "Allergic to the idea of the cells", "Two bags lost their labels", "HOLD",
    "Rash, changed opinion", "Pneumonia", "Fever 2026 again", "Hard of hearing ↑", "Ne donnez rien", "いいえ",
    "Speaks nonsense", "Afraid of the cells", "Collapsed today", "No wheelchair, no cells", "Label differs", "",
    "Swelling of the tongue now", "Interpreter says she does not agree", "Daughter says no", "12 weeks along",
    "Pacemaker failed", "Port infected", "Stent today", "Let her go", "Called off", "Is called Off the study",
    "Similar name: bag, leaks", "Similar name: MOULIN, Theo got the bag", "Called Theo, wrong bag",
)  # fmt: skip


def test_which_alerts_are_cautions_of_everyday():
    assert [text for text in EVERYDAY if not is_everyday(text)] == []
    assert [text for text in MORE if is_everyday(text)] == []


def caution(ward, mine, text, who="coordinator"):
    url = f"/patients/{mine.patient_id}/alerts/new"
    answer = ward.fill(who, url, text=text, may_go_on="yes")
    assert answer.status_code == 303, ward.refused
    return answer


@pytest.mark.parametrize("who", ["coordinator", "nurse"])
@pytest.mark.parametrize("text", ["Urine test this morning: two pink lines", "Do not touch the bag, director's order"])
def test_what_somebody_else_calls_a_caution_holds_until_a_physician_has_read_it(ward, own, who, text):
    bag, mine = own
    caution(ward, mine, text, who)
    page = ward.browser(who).get(f"/patients/{mine.patient_id}/alerts").text
    assert "Cells wait for a physician" in page
    assert "Check at the bedside" not in ward.browser("nurse").get("/").text
    assert "Read the alert" in ward.browser("physician").get("/").text
    ward.give(mine, bag)
    ward.not_given(bag, "A physician decides on eligibility again")
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=10):
        assert ward.check(mine, bag).clear


def test_who_writes_it_reads_that_cells_wait(ward, own):
    _bag, mine = own
    answer = caution(ward, mine, "Two pink lines")
    said = ward.browser("coordinator").get(answer.location).text
    assert "Only a physician says that cells go on" in said


def test_a_physician_may_call_anything_a_caution(ward, own):
    bag, mine = own
    caution(ward, mine, "Two pink lines on the old test strip", "physician")
    check = ward.check(mine, bag)
    assert check.clear, check.reasons
    assert [line["left"] for line in check.warnings] == ["Two pink lines on the old test strip"]


def test_a_physician_who_amends_it_has_read_it_and_nobody_writes_under_that(ward, own):
    bag, mine = own
    caution(ward, mine, "Second thoughts on the phone")
    amended(ward, "physician2", text="Second thoughts on the phone: talked to her, she agrees", may_go_on="yes")
    assert ward.check(mine, bag).clear
    amended(ward, "nurse2", text="Second thoughts on the phone: talked to her, no longer agreed upon", may_go_on="yes")
    assert not ward.check(mine, bag).clear


def test_a_physician_reads_it_and_cells_go_on_until_somebody_changes_its_words(ward, own):
    bag, mine = own
    caution(ward, mine, "Second thoughts on the phone", "nurse2")
    page = ward.browser("physician").get(f"/patients/{mine.patient_id}/alerts").text
    alert = newest(ward, Alert)
    url = f"/alerts/{alert.id}/reading"
    assert url in page
    assert url not in ward.browser("nurse").get(f"/patients/{mine.patient_id}/alerts").text
    assert ward.browser("nurse").get(url).status_code == 403
    assert ward.fill("physician", url).status_code == 303, ward.refused
    check = ward.check(mine, bag)
    assert check.clear, check.reasons
    assert [line["left"] for line in check.warnings] == ["Second thoughts on the phone"]
    assert "read it: cells may go on" in ward.browser("nurse").get(f"/patients/{mine.patient_id}/alerts").text
    assert ward.fill("physician", url).status_code == 422
    amended(ward, "nurse2", text="Second thoughts: she withdraws", may_go_on="yes")
    assert not ward.check(mine, bag).clear


@pytest.mark.parametrize("how", ["closed", "rewritten"])
def test_nobody_else_takes_it_away_unread(ward, own, how):
    bag, mine = own
    caution(ward, mine, "Two pink lines")
    if how == "closed":
        closed(ward, "nurse2")
    else:
        amended(ward, "nurse2", text="Likes tea", may_go_on="yes")
    assert not ward.check(mine, bag).clear
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=10):
        assert ward.check(mine, bag).clear


def test_what_a_physician_has_read_is_closed_by_anybody(ward, own):
    bag, mine = own
    caution(ward, mine, "Two pink lines")
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=10):
        closed(ward, "nurse2")
        check = ward.check(mine, bag)
        assert check.clear, check.reasons
        page = ward.browser("nurse").get(f"/patients/{mine.patient_id}/alerts").text
        assert "Still counts at the bedside" not in page


def test_cells_that_run_are_stopped_by_it(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    caution(ward, mine, "Afraid of needles")
    assert not stopped(ward)
    caution(ward, mine, "Walks the corridor with her drip stand")
    assert not stopped(ward)
    today = ward.browser("physician").get("/").text
    assert "Cells are running, and they go on" in today
    assert "Walks the corridor" in today
    caution(ward, mine, "Patient said stop")
    assert "Patient said stop" in stopped(ward)
    caution(ward, mine, "Bag smells of acetone")
    assert "Bag smells of acetone" in stopped(ward)
