"""A reaction is mild only where all that is written of it is understood to be so (rule 23)."""

from __future__ import annotations

import pytest

from clinic.followup.reaction_words import is_mild

pytestmark = [pytest.mark.rule(23)]

MILD = (
    "Itching", "Mild rash on the arm", "Headache and nausea", "Cough", "Garlic taste", "Warm feeling, flushed",
    "Chills for ten minutes".replace("ten", "10"), "Bruise at the elbow", "Pain in the arm", "Vomited once", "Sweating",
    "Sore arm", "Burning at the cannula", "Garlic taste, warm face", "chills and flushing", "Tired afterwards",
    "mild flushing and chills, no dyspnea", "Flushing of the face; pain at the injection site", "Temp 37.6, chills",
    "Itching, BP 128/76, SpO2 97 %, pulse 88", "SpO₂ 98 %, slight nausea", "Nausea at 10:45, resolved after 5 min",
    "Hives on the forearm, 2 cm; clemastine 2 mg", "Garlic taste in the mouth", "Cough after walk", "Itching; paused",
    "Chills; blanket, paracetamol 500 mg", "Hematoma at the puncture site", "Swelling of the knee", "Urticaria",
    "Chills; paracetamol 1 g, rate lowered to 50 mL/h", "No fever, no rash. Mild headache", "Headache (2/10)",
    "DMSO smell", "hot flush", "sore throat", "slight headache, resolved without treatment", "goosebumps",
    "knee pain after injection, VAS 3", "mild cough, cleared", "flushed face and neck",
    "Swelling of the knee, VAS 2/10", "Hives on the trunk", "flushing, nausea", "Throat is sore, garlic taste",
    "Itching; itching",
)  # fmt: skip
NOT_MILD = (
    "Itching; BP 70/P, 170 bpm, labored breathing, grey", "Itching. Temp 40.8, systolic in the sixties",
    "Itching, SaO2 79 %", "Itching, 78 over 40", "Rash, in the low 80s", "Itching and difficulty breathing",
    "Cough, coughing pink froth", "Chills, hard to wake", "Itching, MAP 45", "Itching, P 170", "Flushed, 39.6 °C",
    "Rash. Cold hands", "Nausea, mottled", "Itching +++", "Itching?", "Itching ↑↑", "Rash all over", "Swelling",
    "Swelling and redness of the face", "Face red. Swelling", "Pain in the chest", "Pressure", "Flushing, back pain",
    "Hives, vomiting", "Rash and dizzy", "Sweating, pressure in the left arm", "Tingling of the mouth", "Stiff neck",
    "Not mild", "Not itching, worse", "Itching but grey", "Vomited 12 times", "Vomit red", "Coughing redness",
    "Зуд, задыхается", "Itching, saturation seventy-nine", "Itching; hydrocortisone, oxygen, team called",
    "Mild reaction, no urine since", "", "seen", "Itching, pulse 45", "Itching, BP 180/120", "T 41", "Nausea SpO2 8",
    "Itching with no air", "Rash with bubbles in the line", "Feels warm and heavy", "mild, doctor agreed, unarousable",
    "Temp 388", "Itching, spo2 100 to 70", "Fever 39.2", "mild dyspnea", "Mild hypotension", "Itching 5/10 breaths",
    "Pressure left arm, nausea", "Pain in left arm, nausea", "Shoulder ache, dizzy", "Pressure in the arm", "fever up",
    "Leg swollen, painful, warm", "Leg swollen and tender", "Painful leg, redness", "Knee swollen, warm",
    "Urticarial rash on face, neck, chest and trunk", "Hives on face and chest", "Rash on chest and arms",
    "Hives on trunk, nausea", "Itching; queasy", "headache, vomiting", "cough, cough, cough", "Coughing, coughed",
    "Throat swelling", "Sore throat, hives", "Sore throat, swelling", "Throat tightness", "knee pain, VAS 8",
    "knee pain, VAS 3 to 8", "Headache not resolved without treatment", "Flushing of face, neck and chest",
    "cough; cough; coughing",
)  # fmt: skip


def test_what_is_understood_to_be_mild():
    assert [text for text in MILD if not is_mild(text)] == []


def test_what_is_not_understood_to_its_last_word_is_not_mild():
    assert [text for text in NOT_MILD if is_mild(text)] == []
