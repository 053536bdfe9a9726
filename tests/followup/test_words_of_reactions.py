"""Which words of a reaction tell that it is severe, whatever it was called (rule 23)."""

from __future__ import annotations

import pytest

from clinic.followup.reaction_words import is_mild, is_severe

SEVERE = (
    "cannot move her legs", "Suddenly blind", "Lost sight in one eye", "cannot breathe", "can't breathe",
    "coughing blood", "Coughed up some blood", "heart attack", "slurred speech", "DVT of the left leg", "passed out",
    "in a coma", "intubated", "noradrenaline started", "Atemnot", "bewusstlos", "CPR", "cardiac arrest", "seizure",
    "had a fit", "Cannot feel her feet", "Cannot speak", "could not be woken", "not breathing", "stopped breathing",
    "gasping for air", "short of breath", "lips turned blue", "choking", "throat closing", "tongue swelling",
    "no pulse", "pulseless", "heart stopped", "VT on the monitor", "ventricular fibrillation", "STEMI", "TIA",
    "PE confirmed by CT", "Pulmonary embolism", "Stroke", "Face drooping on the left", "Left arm weak", "hemiplegia",
    "vomiting blood", "melena", "bleeding heavily", "brain hemorrhage", "Hirnblutung", "Krampfanfall", "Herzinfarkt",
    "Herzstillstand", "nicht ansprechbar", "Lungenembolie", "Schlaganfall", "erblindet", "kann nicht atmen", "beatmet",
    "Intensivstation", "ventilated", "on vasopressors", "transferred to ICU", "lost consciousness", "blacked out",
    "unresponsive", "collapsed", "double vision", "lost her speech", "kidney failure", "multi-organ failure", "TRALI",
    "aphasia", "GCS 7", "SpO2 82 %", "rash, then passed out", "Thrombosis of the vein", "code blue", "keine Luft",
    "Kreislaufstillstand", "ohnmächtig", "sees nothing", "loss of vision", "incontinent, legs limp",
)  # fmt: skip
NOT_SEVERE = (
    "Itching", "Mild rash on the arm", "Headache and nausea", "No seizure", "not unconscious",
    "without loss of consciousness", "No shock, no collapse", "Cough", "Garlic taste", "Warm feeling, flushed",
    "Chills for ten minutes", "Bruise at the elbow", "Double-blind study bag", "Keine Atemnot", "nicht bewusstlos",
    "no signs of stroke", "no DVT", "Pain in the arm", "Vomited once", "Tired afterwards", "Sweating",
    "Never passed out", "Stiff neck since yesterday", "Sore arm", "Burning at the cannula", "Dizzy when standing up",
    "No thrombosis or embolism", "denies blackouts", "blood pressure 120/80", "a drop of blood at the plaster",
)  # fmt: skip


@pytest.mark.rule(23)
def test_a_vital_function_that_fails_is_severe_by_any_everyday_words():
    assert [text for text in SEVERE if not is_severe(text)] == []
    assert [text for text in SEVERE if is_mild(text)] == []


@pytest.mark.rule(23)
def test_what_is_mild_or_denied_is_not_severe():
    assert [text for text in NOT_SEVERE if is_severe(text)] == []


def test_a_long_text_is_read_to_its_end():
    calm = "slept well and drank tea " * 400
    assert not is_severe(calm)
    assert is_severe(f"{calm} then passed out")
