"""Words of an alert that stop cells although its writer called it a caution, and those that do not (rule 23)."""

from __future__ import annotations

from datetime import date

import pytest

from clinic.patients.alert_changes import Told
from clinic.patients.vital_words import threatens_life

TODAY = date(2026, 11, 27)
STOP = (
    "Patient said stop", "Mother withdrew her agreement", "Blood culture flagged", "Zellen nicht geben",
    "Halt the drip", "Throat closing, cannot breathe", "Patient says: enough", "She shouted stop",
    "Dr Meier said to stop", "Stop!", "STOP", "HALT", "Stop now", "Stop everything", "Stop the drip",
    "Turn off the pump", "Clamp the line", "Interrupt the infusion", "Abort the infusion", "Disconnect the bag",
    "Father revoked his permission", "Parents took back their consent", "Consent was withdrawn", "Withdrew assent",
    "She backed out", "Patient pulled out", "Wants out", "Patient does not agree", "Father is against the infusion",
    "Infusion abbrechen", "Keine Zellen", "Keine weitere Infusion", "Einwilligung widerrufen",
    "Mutter hat die Zustimmung zurückgezogen", "Patientin will nicht mehr", "Nicht geben", "Nicht anhängen",
    "Infusion stoppen", "Falscher Beutel", "Patientin ist schwanger", "Ne pas perfuser", "No administrar las células",
    "Niet toedienen", "Blutvergiftung", "Blutkultur positiv", "GNR in blood culture", "Yeast in the blood",
    "Staph aureus in two blood bottles", "Bottle flagged at 10 h", "Hohes Fieber seit heute", "Atemnot", "Bewusstlos",
    "Nicht ansprechbar", "Herzinfarkt", "Lost consciousness", "Passed out this morning", "In a coma", "Choking",
    "Turned blue", "No pulse", "CPR under way", "Heart attack this morning", "Coughing blood", "Intubated",
    "On noradrenaline", "Beatmet", "Bleeding heavily", "Not breathing", "Gasping for air", "Tongue swollen",
    "Herzstillstand", "Krampfanfall jetzt", "Cannot be woken",
)  # fmt: skip
CAUTIONS = (
    "Stop smoking", "Stopped aspirin", "Allergic to plaster: stop if rash", "Stop aspirin three days before",
    "Stopped smoking in 2019", "Stop if itching", "Stop when the temperature rises",
    "Tends to faint at the sight of blood", "Passed out at blood donation once", "Faints easily",
    "Short of breath on stairs", "Deaf and blind", "Paraplegic, cannot move his legs", "Cannot walk without a stick",
    "Cannot speak German", "Mother withdrew her cat from the clinic", "Withdrew permission for photographs",
    "Revoked permission to film", "Has not withdrawn consent", "Nicht nüchtern",
    "Infusion nicht schneller als 5 mL/min", "Kein Fieber, kein Infekt", "Keine Allergien",
    "Nicht auf dem linken Arm messen", "Allergie gegen Pflaster", "Schwerhörig", "Raucht nicht",
    "Bus stop in front of the house", "Stops at the bakery first", "Bag not with milk",
    "Likes a full stop between questions", "Heart attack in 2011", "History of heart attack",
    "Blood cultures negative", "Blood culture pending", "No CPR wishes recorded", "Asthma since childhood",
    "Do not stop his insulin", "Agrees to everything", "Against vaccination", "Is against needles in the left hand",
    "Dropped out of school", "Wants to go home by six", "Turn off the light", "Sleeps with CPAP",
    "Wears an oxygen mask at night", "Fear of choking", "Prefers the line in the left arm", "Not pregnant",
    "Nicht schwanger", "No shock, no collapse",
)  # fmt: skip


@pytest.mark.rule(23)
def test_words_that_stop_are_told_from_honest_cautions():
    assert [text for text in STOP if not Told(text, "yes").stops(None, TODAY)] == []
    assert [text for text in CAUTIONS if Told(text, "yes").stops(None, TODAY)] == []


@pytest.mark.rule(23)
def test_what_stands_at_the_end_of_a_long_text_is_read_and_a_long_calm_one_stops_nothing():
    calm = "she likes tea and sits by the window " * 300
    assert not Told(calm, "yes").stops(None, TODAY)
    assert Told(f"{calm} and she cannot breathe", "yes").stops(None, TODAY)
    assert not threatens_life("(" * 10_000)
