"""Words that an assessor wrote, in both directions: what stops, and what an honest note says (rules 23, 51; H29)."""

from __future__ import annotations

from datetime import date

import pytest

from clinic.followup.event_germs import tells_of_germs
from clinic.followup.reaction_words import is_severe
from clinic.patients.alert_changes import Told
from clinic.patients.allergens import named_allergies
from clinic.patients.ruled_out import same_meaning


@pytest.mark.parametrize("text", [
    "Cellulitis of the injection site", "PJI right knee", "Spritzenabszess", "Nec fasc thigh", "Toxic shock syndrome",
    "Spondylodiszitis",
])  # fmt: skip
def test_an_infection_where_cells_went_is_one_by_any_of_its_names(text):
    assert tells_of_germs(text)


@pytest.mark.parametrize(("text", "severe"), [
    ("Chills, BP 72 systolic", True), ("Chills, HR 32", True), ("Flush, sats down to 82", True),
    ("Nausea, went limp", True), ("Vomiting, then eyes rolled back", True), ("Itch, epi given", True),
    ("Rash, Kollaps", True), ("Pat. kollabierte", True),
    ("Collaborated well", False), ("Cough, agonal breathing", True), ("Fever 41.2 with rigors", True),
    ("SpO2 fell to 84", True), ("BP unrecordable", True), ("BP 124/78, pulse 72", False), ("Fever 38.4", False),
    ("sats 98 %", False), ("Chills on 27/11/2026, HR 88", False), ("Flush, BP 120 systolic, temp 36.6", False),
])  # fmt: skip
def test_figures_as_they_are_jotted_down_say_how_severe_a_reaction_was(text, severe):
    assert is_severe(text) is severe


@pytest.mark.parametrize(("text", "stops"), [
    ("Verstorben am 3.11.", True), ("Pat. lehnt ab", True), ("lehnt die Zelltherapie ab", True),
    ("No go from cardiology", True), ("Stroke today", True), ("MI last night", True), ("Stroke 2012", False),
])  # fmt: skip
def test_a_caution_that_says_more_than_its_writer_answered_stops(text, stops):
    assert Told(text, "yes").stops(None, date(2026, 11, 27)) is stops


@pytest.mark.parametrize(("text", "named"), [
    ("(human albumin)", ["human albumin"]), ("none (albumin: anaphylaxis)", ["albumin: anaphylaxis"]),
    ("none (asked 3 May)", []), ("penicillin (rash)", ["penicillin"]), ("No known allergies (asked twice)", []),
    ("not known", ["not known"]),
])  # fmt: skip
def test_what_stands_in_parentheses_alone_is_an_allergy(text, named):
    assert named_allergies(text) == named


def test_a_letter_less_says_the_opposite_in_german_too():
    assert not same_meaning("kein Latex geben", "klein Latex geben")
