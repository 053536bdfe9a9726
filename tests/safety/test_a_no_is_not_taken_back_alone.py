"""What rules cells out counts as said until a physician decides or a second person confirms (rules 20, 23, 45)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from clinic.patients.donors import BloodTyping
from clinic.patients.models import Alert
from clinic.patients.ruled_out import rules_out, same_meaning
from tests.factories import PASSWORD, day_boxes
from tests.safety.reacting import adverse_event, decide, newest
from tests.safety.test_asked_again_while_it_runs import grouped, type_again
from tests.safety.test_written_since_the_decision import alert, own, stopped

__all__ = ["grouped", "own"]

OUT = (
    "Patient died this morning", "Infusion contraindicated", "pregnancy not excluded", "says no to further cells",
    "guardian objects", "Treatment cancelled", "no consent any longer", "consent is no longer valid",
    "NO CELLS: see Dr. Meier", "No cells!", "Must not receive cells", "Expecting a baby", "AML in bone marrow",
    "pregnancy cannot yet be excluded, not pregnant last week", "Treatment refused by the patient",
    "Refuses because she fears needles", "Husband says she is pregnant", "Mother refuses treatment",
    "Does not want to go on", "does not wish to be in the study", "hCG 340 U/L", "Doesn't want further treatment",
    "Pregnant, husband informed", "Relapse of ALL", "Cannot be treated today", "Do not give",
)  # fmt: skip
HARMLESS = (
    "Does not want a chaperone", "Mother had breast cancer", "Wife is pregnant", "Do not give aspirin",
    "Refuses to be weighed in the morning", "hCG <1 U/L", "hCG negative", "Hepatitis B vaccinated", "Not pregnant",
    "Family history of breast cancer", "Leukemia (brother)", "Father died last year", "Aspirin contraindicated",
    "No contraindication to infusion", "Steroid treatment stopped 3 days ago", "Has not withdrawn consent",
    "No consent for photography", "No objections", "Wants no visitors", "Wants to stop smoking",
    "Do not infuse faster than 5 mL/min", "Says no pain", "Declines blood products", "No cells seen in CSF",
)  # fmt: skip


@pytest.mark.rule(23)
@pytest.mark.parametrize(("texts", "out"), [(OUT, True), (HARMLESS, False)])
def test_what_an_alert_says_rules_out_or_does_not(texts, out):
    assert [text for text in texts if rules_out(text) is not out] == []


@pytest.mark.rule(23)
@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("Had cancer in 2005, curd", "Had cancer in 2005, cured", True),
        ("Hard of haering", "Hard of hearing", True),
        ("Hard of hearing", "Deaf", False),
        ("Not pregnant", "Now pregnant", False),
        ("pregnancy excluded", "pregnancy not excluded", False),
        ("hypotension", "hypertension", False),
        ("at most 10 mL", "at most 11 mL", False),
    ],
)
def test_a_slip_of_a_letter_is_no_new_alert(old, new, same):
    assert same_meaning(old, new) is same


@pytest.mark.rule(23)
@pytest.mark.parametrize("text", ["Guardian objects", "Wife is pregnant", "Hepatitis B vaccinated"])
def test_gate_and_running_cells_read_the_same_words(ward, own, text):
    bag, mine = own
    ward.give(mine, bag)
    alert(ward, mine, text)
    assert bool(stopped(ward)) is rules_out(text)


@pytest.mark.rule(23, 45)
def test_another_text_by_one_person_takes_no_refusal_back(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    alert(ward, mine, "Patient refuses further cells")
    assert ward.amend("technologist", newest(ward, Alert), text="Prefers tea").status_code == 303, ward.refused
    assert "refuses further cells" in stopped(ward)
    confirmed(ward, "physician")
    assert not stopped(ward)


def confirmed(ward, who):
    one = newest(ward, Alert)
    url = f"/patients/{one.patient_id}/corrections/{one.amendments[-1].id}"
    assert ward.fill(who, url, password=PASSWORD).status_code == 303, ward.refused


@pytest.mark.rule(23, 45)
@pytest.mark.parametrize("text", ["Pregnancy test positive today", "Patient has withdrawn consent by telephone"])
@pytest.mark.parametrize(("who", "clear"), [("nurse", False), ("coordinator", False), ("physician", True)])
def test_only_a_physician_closes_alone_what_rules_cells_out(ward, own, text, who, clear):
    bag, mine = own
    alert(ward, mine, text)
    assert not ward.check(mine, bag).clear
    ward.fill(who, f"/alerts/{newest(ward, Alert).id}/closing", reason="not needed")
    check = ward.check(mine, bag)
    assert check.clear is clear, check.reasons
    if clear:
        return
    assert "Decide on the eligibility again" in ward.browser("physician").get("/").text
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=10):
        assert ward.check(mine, bag).clear


@pytest.mark.rule(23)
def test_the_last_day_or_a_slip_of_a_known_alert_asks_nobody_again(ward, own):
    bag, mine = own
    alert(ward, mine, "Had cancer in 2005, curd")
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=10):
        ward.give(mine, bag)
        known = newest(ward, Alert)
        assert ward.amend("nurse", known, text="Had cancer in 2005, cured").status_code == 303, ward.refused
        until = clock.today("Europe/Berlin") + timedelta(days=30)
        assert ward.amend("nurse", newest(ward, Alert), **day_boxes("until_on", until)).status_code == 303, ward.refused
        assert not stopped(ward)
        assert ward.amend("nurse", newest(ward, Alert), text="Has cancer again, 2026").status_code == 303
        assert "cancer again" in stopped(ward)


@pytest.mark.rule(23, 45)
def test_one_person_ends_no_event_that_stops(ward, own):
    bag, mine = own
    event = adverse_event(ward, mine, "Heart attack", performed_at=clock.now() - timedelta(minutes=30))
    assert not ward.check(mine, bag).clear
    over = {"outcome": "resolved", "ended_at": clock.now() - timedelta(minutes=1)}
    assert ward.amend("nurse", event, **over).status_code == 303, ward.refused
    check = ward.check(mine, bag)
    assert "A physician has not assessed" in check.reasons[0]["because"]
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
        assert ward.check(mine, bag).clear


@pytest.mark.rule(23)
@pytest.mark.parametrize(
    ("facts", "clear"),
    [
        ({"term": "Headache", "grade": "3", "ended_at": timedelta(days=360)}, True),
        ({"term": "Appendicitis", "grade": "3", "serious": ["hospitalisation"]}, True),
        ({"term": "Headache", "grade": "3", "ended_at": timedelta(minutes=1)}, False),
        ({"term": "Anaphylaxis to cells", "grade": "3"}, False),
        ({"term": "Headache", "grade": "3", "outcome": "ongoing"}, False),
    ],
)
@pytest.mark.parametrize("runs", [False, True])
def test_what_was_over_before_the_decision_is_a_warning(ward, own, facts, clear, runs):
    bag, mine = own
    if runs:
        ward.give(mine, bag)
    said = {"outcome": "resolved"} | facts
    if "ended_at" in said:
        said["ended_at"] = clock.now() - said["ended_at"]
    with ward.later(minutes=1):
        adverse_event(ward, mine, said.pop("term"), "physician", performed_at=clock.now() - timedelta(365), **said)
        if runs:
            assert bool(stopped(ward)) is not clear
            return
        check = ward.check(mine, bag)
        assert check.clear is clear, check.reasons


@pytest.mark.rule(20, 45)
@pytest.mark.parametrize("who", ["donor", "patient"])
def test_one_person_makes_no_blood_groups_agree(ward, grouped, who):
    bag, mine, donor = grouped
    type_again(ward, f"/donors/{donor.id}" if who == "donor" else f"/patients/{mine.patient_id}", "A", "positive")
    typing = newest(ward, BloodTyping)
    ward.sign("technologist", typing)
    assert ward.tag(bag) == "On hold"
    ward.amend("technologist", typing, abo="O", rhd="negative")
    assert ward.tag(bag) == "On hold"
    check = ward.check(mine, bag)
    assert any("no second person has signed the correction" in one["because"] for one in check.reasons), check.reasons
    ward.sign("technologist2", newest(ward, BloodTyping))
    assert ward.tag(bag) == "Released"
    assert ward.check(mine, bag).clear
