"""An alert that doubts whose the cells are, forbids them, or tells of a severe illness stops them (rules 1, 23)."""

from __future__ import annotations

from datetime import date

import pytest

from clinic.administration.answers import says_why
from clinic.patients.alert_changes import Told
from clinic.patients.illness import ill_now
from clinic.patients.models import Alert
from clinic.patients.whose import doubts_identity
from tests.safety.reacting import decide, newest
from tests.safety.test_a_no_is_not_taken_back_alone import confirmed
from tests.safety.test_written_since_the_decision import alert, own, stopped

__all__ = ["own"]

TODAY = date(2026, 11, 27)
WHOSE = (
    "Identity in doubt", "These cells belong to his brother", "Patient says this bag is not his",
    "Patient says this is not his bag", "Wristband of another patient", "wrong bag brought",
    "not sure this is the right patient", "name on the bag does not match", "Identity not confirmed",
    "Birth date on the wristband differs from the record", "Label shows another name", "Cells are not hers",
    "Bag belongs to another patient", "Is this the right patient?", "Whose bag is this?", "Wrong patient!",
    "Patient is not the person on the wristband", "Wears his brother's wristband", "Bags were mixed up with N-20418",
    "Says the cells aren't hers", "Patient gives another birth date", "Somebody else's bag", "Doubts about the bag",
    "These are not her cells", "Passport does not match the record", "The cells do not belong to this patient",
    "Could be a mix-up of the bags", "Mother says this is not her child's bag", "Bag labelled for another patient",
    "Wristband wrong", "Patient cannot be identified", "Unclear who the patient is", "He is someone else",
    "Bag of a different patient in the box", "Identity: doubtful", "Samples may have been swapped",
    "Patient denies being Anna Kowalska", "Cells may be someone else's", "This is not Mrs Kowalska", "Not his bag",
    "Record number on the bag is not the same", "Name on label wrong", "Wife: these are not my husband's cells",
)  # fmt: skip
NOT_WHOSE = (
    "Read the record number aloud: nearly the same name as another patient", "Likes his brother to be present",
    "Identity confirmed, no doubt", "Her name sounds like that of another patient", "Do not mix up with N-20418",
    "Brother is the donor", "Cells from his brother", "Belongs to Jehovah's Witnesses",
    "Wrong phone number in the file",
    "Tell the daughter, not the patient", "Shares a room with another patient", "Prefers another name: Max",
    "Has a twin brother with the same birth date", "Wears the wristband on the left ankle", "Not her first infusion",
    "Ask for name and birth date", "Not sure the patient understands German", "HLA mismatched donor",
    "Wears his wedding ring", "Check identity with two people", "Take care: risk of mix-up with his brother",
    "Belongs to a support group", "Left-handed", "Label allergies in red", "Wants the right arm",
)  # fmt: skip
ORDERS = (
    "Do not transfuse", "Do not infuse", "Hold the infusion", "no cells today", "No infusion before the MRI",
    "Cells: give nothing before the director has spoken to the family", "Never give these cells", "Don't give",
    "Withhold cells", "Postpone the infusion", "Infusion postponed", "Cells must wait", "Not to be infused",
    "Nothing may be given", "Do not use this bag", "Do not start", "Not to receive cells",
    "Director forbids the infusion",
    "Infusion not allowed", "Must not get cells", "Hold cells", "Do not hang the bag", "Do not thaw", "Cells: NO",
    "Do not infuse yet", "Nothing to be infused until Monday",
    "Wait with the cells", "Nobody may give the cells", "Dont transfuse", "Hold off on the infusion", "Cells on hold",
    "Delay the infusion", "Not cleared for infusion", "Infusion only after approval of Dr. Meier", "Stop the cells",
)  # fmt: skip
NO_ORDERS = (
    "Do not give aspirin", "Do not transfuse platelets without irradiation", "Do not infuse faster than 5 mL/min",
    "Do not infuse cells faster than 5 mL/min", "Nothing by mouth", "Give nothing by mouth", "Visitors not allowed",
    "Not allowed to drive", "Do not use the left arm", "Do not release information to the press",
    "Does not get up alone",
    "Wants to hold the bag", "Do not wake before 8", "Wife must not be given information", "Do not give food",
    "Give nothing cold to drink", "Hold the hand during the infusion", "Never had an infusion",
    "Delayed infusion reaction in 2019", "Do not use latex gloves", "Wait for the interpreter", "Do not start a diet",
)  # fmt: skip
ILL = (
    "Septic, on vasopressors", "Temperature 39.2, chills", "Blood culture positive since this morning", "Sepsis",
    "Pneumonia, febrile", "MRSA in the wound", "Fever 39", "38.9 °C this morning", "In shock", "Intubated this morning",
    "On the ICU, ventilated", "History of sepsis 2019, septic again", "Rigors since noon", "Acute stroke this morning",
    "Infection cannot be excluded", "Blood pressure 70/40", "SpO2 82 %",
    "COVID positive", "Temp 38,4", "Not recovered from pneumonia", "Cardiac arrest on the ward", "Unconscious",
    "Had fever as a child, now fever again", "GI bleeding", "T 40.1", "On noradrenaline", "Urosepsis since 2026-11-26",
)  # fmt: skip
NOT_ILL = (
    "Fever in childhood", "History of sepsis 2019", "Sepsis in 2019", "No fever, no infection", "Pneumonia 2020",
    "COVID vaccinated", "Father had pneumonia", "Pneumonia resolved", "Hay fever", "Afebrile", "Fear of infection",
    "Hard of hearing", "Weight 39 kg", "Lives at 38 Main Street", "Shock wave therapy for the heel", "Temperature 36.8",
    "Fever blisters", "Pneumonia excluded",
    "Fever 5 years ago", "Hepatitis B vaccinated", "Room temperature 21 degrees", "Wears size 39",
)  # fmt: skip


@pytest.mark.rule(1)
def test_a_doubt_whose_the_cells_are_is_told_from_a_caution():
    assert [text for text in WHOSE if not doubts_identity(text)] == []
    assert [text for text in (*NOT_WHOSE, *NO_ORDERS, *ILL, *NOT_ILL) if doubts_identity(text)] == []


@pytest.mark.rule(23)
def test_an_order_not_to_give_cells_is_told_from_one_of_other_things():
    assert [text for text in (*ORDERS, *WHOSE) if not Told(text).stops(None, TODAY)] == []
    assert [text for text in (*NO_ORDERS, *NOT_WHOSE, *NOT_ILL) if Told(text).stops(None, TODAY)] == []


@pytest.mark.rule(23)
def test_an_illness_that_goes_on_is_told_from_an_earlier_one():
    assert [text for text in ILL if not ill_now(text, TODAY)] == []
    assert [text for text in (*NOT_ILL, *NO_ORDERS, *NOT_WHOSE) if ill_now(text, TODAY)] == []


STOPS = (WHOSE[0], WHOSE[1], WHOSE[7], ORDERS[0], ORDERS[5], ILL[0], ILL[1])


@pytest.mark.rule(1, 23)
@pytest.mark.hazard("H1")
@pytest.mark.parametrize("text", STOPS)
def test_such_an_alert_stops_at_the_bedside_and_a_reason_does_not_answer_it(ward, own, text):
    bag, mine = own
    alert(ward, mine, text)
    assert "Check at the bedside" not in ward.browser("nurse").get("/").text
    assert "Decide on the eligibility again" in ward.browser("physician").get(f"/treatments/{mine.id}").text
    ward.give(mine, bag, because="asked the patient, and the physician agrees")
    ward.not_given(bag, "A physician decides on eligibility again")
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=10):
        check = ward.check(mine, bag)
        assert check.clear, check.reasons


@pytest.mark.rule(1, 23)
@pytest.mark.parametrize("text", STOPS)
def test_such_an_alert_stops_cells_that_run_until_a_physician_decides(ward, own, text):
    bag, mine = own
    ward.give(mine, bag)
    given = ward.given(bag)
    assert given is not None, ward.refused
    alert(ward, mine, text)
    assert text in stopped(ward)
    assert "Stop giving these cells" in ward.browser("nurse").get(f"/administrations/{given.id}").text
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
        assert not stopped(ward)


@pytest.mark.rule(1, 23)
@pytest.mark.parametrize("text", [NOT_WHOSE[0], NO_ORDERS[1], NOT_ILL[0], NOT_ILL[1]])
def test_what_sounds_like_it_stops_nothing(ward, own, text):
    bag, mine = own
    alert(ward, mine, text)
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused
    alert(ward, mine, f"{text}!")
    assert not stopped(ward)


@pytest.mark.rule(1, 23)
def test_one_person_takes_no_doubt_back(ward, own):
    bag, mine = own
    alert(ward, mine, "Identity in doubt")
    assert ward.amend("coordinator", newest(ward, Alert), text="Identity card seen").status_code == 303, ward.refused
    assert not ward.check(mine, bag).clear
    confirmed(ward, "physician")
    assert ward.check(mine, bag).clear


@pytest.mark.parametrize("text", [
    "Label and wristband don't match", "Name and birth date do not match", "Caution! Identity in doubt",
    "Careful, bag is for another patient", "I do not believe this is the right patient",
    "I don't think these cells are hers", "He never donated marrow; who is this patient?",
    "The photo in the file shows someone else", "Patient answers to a different surname",
    "Looks like the bag of another patient", "Two patients in bed 4 have exchanged wristbands",
    "Keep cells in the tank, do not bring to the ward", "Await director's OK before infusion",
    "Anaphylaxis to antibiotic one hour ago", "Severe dyspnea, oxygen 6 L", "Vomiting blood",
    "Sepsis risk: blood culture positive", "Infection despite antibiotic prophylaxis",
])  # fmt: skip
def test_a_word_of_caution_takes_nothing_back(text):
    assert Told(text).stops(None, date(2026, 11, 27))


@pytest.mark.parametrize("text", [
    "Flu vaccination in October", "Sepsis as a newborn", "Does not want to see the cells",
    "Give paracetamol for fever above 38.5", "Do not confuse with Kowalski", "Never mix up with the other Kowalska",
    "Easily confused with her sister", "Careful with the left arm", "Risk of mix-up: two patients named Kowalska",
    "Avoid mix-ups: two Novaks", "Anaphylaxis to penicillin in 1999", "Seizure in childhood", "Never eats meat",
])  # fmt: skip
def test_a_reminder_a_plan_and_what_is_long_over_stop_nothing(text):
    assert not Told(text).stops(None, date(2026, 11, 27))


@pytest.mark.parametrize(("text", "taken"), [
    ("Do not give ibuprofen", False), ("Avoid ibuprofen (stomach). Likes tea.", False), ("No NSAIDs please", False),
    ("Takes ibuprofen", True), ("No ibuprofen since Monday", True), ("Never stops ibuprofen", True),
])  # fmt: skip
@pytest.mark.rule(25)
def test_who_is_forbidden_a_medicine_does_not_take_it(ward, own, text, taken):
    bag, mine = own
    ward.fill("nurse", f"/patients/{mine.patient_id}/alerts/new", text=text)
    check = ward.check(mine, bag)
    assert any("anti-inflammatory" in one["because"] for one in check.reasons) is taken, check.reasons


def test_interrupted_cells_do_not_go_on_while_anything_stops_them(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    given = ward.given(bag)
    events = f"/administrations/{given.id}/events"
    answer = ward.fill("nurse", f"{events}/stopped", reason="Line blocked", performed_by_id=ward.team.nurse.id)
    assert answer.status_code == 303, ward.refused
    ward.fill("nurse2", f"/patients/{mine.patient_id}/alerts/new", text="Identity in doubt")
    answer = ward.fill("nurse", f"{events}/resumed", performed_by_id=ward.team.nurse.id)
    assert answer.status_code == 422
    assert "They do not go on while this stands" in answer.text


@pytest.mark.parametrize(("reason", "says"), [
    ("yes doctor ok", False), ("same as before", False), ("nothing special", False), ("ok", False),
    ("see file", False), ("as discussed", False), ("per protocol", False), ("blah blah blah", False),
    ("dsfgh sdfgh", False), ("siehe Akte", False), ("not applicable", False),
    ("physician aware of it", True), ("doctor informed", True), ("HIV neg", True),
    ("Seen by the physician", True), ("allergy discussed with Dr Novak", True), ("asked Dr Novak", True),
])  # fmt: skip
def test_a_reason_tells_something(reason, says):
    assert says_why(reason) is says
