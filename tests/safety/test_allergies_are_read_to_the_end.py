"""No word of an allergy list is passed over, and what a record says of a component is asked about (rule 23)."""

from __future__ import annotations

import pytest

from clinic.patients.allergens import named_allergies, remainder
from tests.safety.test_allergies_by_any_name import bag_for

pytestmark = [pytest.mark.rule(23), pytest.mark.hazard("H12")]

PLASMA, DMSO = "Autologous plasma", "CryoStor CS10"


def questions(check):
    assert check is not None
    assert check.clear, check.reasons
    return [line["left"] for line in check.warnings]


ASKED = [
    ("Latex (urticaria; and after a PRP injection 2023 throat swollen shut)", PLASMA, "PRP"),
    ("Latex (urticaria; also the freezing medium of his first bag, throat closed)", DMSO, "freezing medium"),
    ("Latex [the medium of the first bag]", DMSO, "first bag"),
    ("Latex - also what the first cells were frozen in", DMSO, "frozen in"),
    ("Latex (ДМСО)", DMSO, "ДМСО"),
    ("Latex & Zorbulin", DMSO, "Zorbulin"),
    ("Latex Zorbulin", DMSO, "Zorbulin"),
    ("None (but the first bag made her throat close)", DMSO, "first bag"),
]


@pytest.mark.parametrize(("allergy", "vehicle", "what"), ASKED)
def test_what_is_not_understood_of_an_allergy_is_asked_about(ward, allergy, vehicle, what):
    course, bag = bag_for(ward, allergy, vehicle=vehicle)
    assert any(what in text for text in questions(ward.check(course, bag)))


@pytest.mark.parametrize("allergy", ["Latex & D.M.S.O.", "Latex (D M S O)", "Latex (rash; DMSO, collapse)"])
def test_a_component_is_found_however_it_is_spelled(ward, allergy):
    course, bag = bag_for(ward, allergy, vehicle=DMSO)
    ward.give(course, bag)
    ward.not_given(bag, "rule 23")


@pytest.mark.parametrize(
    "allergy",
    [
        "Penicillin (anaphylaxis 2011)", "Latex (hives, since childhood)", "Penicillin: rash", "Latex gloves, hives",
        "Heparin (skin test positive, March 2020)", "Penicillin V (swelling of the lips; needed adrenaline in 2019)",
    ],
)  # fmt: skip
def test_what_is_plainly_told_of_an_allergy_is_no_question(ward, allergy):
    course, bag = bag_for(ward, allergy, vehicle="Plasma-Lyte 148")
    assert [text for text in questions(ward.check(course, bag)) if "hives" not in text] == []


def test_items_of_a_list():
    assert named_allergies("Latex (urticaria; and after PRP shut)") == ["Latex", "after PRP shut"]
    assert named_allergies("None (asked today)") == []
    assert named_allergies("Iodinated contrast (bronchospasm)") == ["Iodinated contrast"]
    assert not remainder("Iodinated contrast")
    assert remainder("Latex, PRP") == ["prp"]


TOLD = "Cardiac arrest during a DMSO-containing infusion 2019; human albumin not tolerated, ended in ICU 2020"


@pytest.mark.parametrize(
    ("order", "vehicle", "what"),
    [
        ({"comorbidities": TOLD}, DMSO, "Cardiac arrest during a DMSO"),
        ({"comorbidities": TOLD}, "Saline with 2 % human albumin", "human albumin not tolerated"),
        ({"comorbidities": TOLD}, "Medium of the maker", "human albumin not tolerated"),
        ({"diagnosis": "MS; arrest with D.M.S.O."}, DMSO, "arrest with"),
        ({"medication": "Gentamicin stopped 2020: deaf since"}, "Saline, gentamicin 40 mg", "Gentamicin stopped"),
        ({"comorbidities": "ICU after PRP"}, PLASMA, "ICU after PRP"),
    ],
)
def test_a_record_that_names_what_is_in_the_bag_is_a_question(ward, order, vehicle, what):
    course, bag = bag_for(ward, vehicle=vehicle, **order)
    check = ward.check(course, bag)
    assert any(what in text for text in questions(check))
    ward.begin(check, because="")
    ward.not_given(bag, "a reason is wanted")


def test_what_is_not_in_the_bag_is_no_question(ward):
    course, bag = bag_for(ward, vehicle="Plasma-Lyte 148", comorbidities=TOLD, medication="Ramipril, gentamicin")
    assert questions(ward.check(course, bag)) == []
