"""An allergy meets the bag under whatever name it has there, and what the list does not know a person compares."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.patients.allergens import ADDITIVES, mentions, not_known
from clinic.patients.names import searchable
from clinic.processing.models import Manipulation, ProcessingRun
from clinic.release.models import Release
from tests.bedside import released_product
from tests.factories import patient, ready_for_harvest

pytestmark = [pytest.mark.rule(23), pytest.mark.hazard("H12")]


def bag_for(ward, allergy=None, *, vehicle=None, step=None, **order):
    """A released bag and its course; the run says what the cells are suspended in and what was done to them."""
    known = {"allergy_status": "present", "allergies": allergy} if allergy else {}
    course = ready_for_harvest(ward.team, patient(ward.team, **known), **order)
    bag = released_product(course, ward.team, released=False)
    run = ward.session.get(ProcessingRun, bag.run_id)
    run.vehicle = bag.vehicle = vehicle
    if step:
        run.manipulations.append(ward.team.new(
            Manipulation, ward.team.technologist, run.performed_at + timedelta(minutes=1), run_id=run.id, **step
        ))  # fmt: skip
    ward.session.flush()
    for signature in run.signatures:
        ward.session.delete(signature)
    ward.session.flush()
    ward.session.expire_all()
    ward.stands(run, "technologist")
    ward.verified(bag)
    answer = ward.decide(bag, "conditional", reason="culture pending", physician_told=ward.team.physician.id)
    if answer.status_code == 303:
        ward.fill("quality", answer.location, password="cellcourse-demo-1")
        (decision,) = ward.session.scalars(select(Release).where(Release.product_id == bag.id))
        ward.sign("physician", decision)
    ward.refused.clear()
    return course, bag


STOPPED = [
    ("albumin", "Plasma-Lyte A + Flexbumin 5%"),
    ("human albumin", "NaCl 0.9 % with Albutein"),
    ("gelatin", "Gelofusine"),
    ("hydroxyethyl starch", "Hespan 6 % (hetastarch)"),
    ("penicillin", "Plasma-Lyte, ampicillin 50 mg/L"),
    ("trypsin", "Plasma-Lyte with TrypLE"),
    ("heparin", "Liquemin 5000"),
    ("DMSO", "CryoStor CS10"),
    ("cryo-protectant", "CryoStor CS10"),
    ("Collagenase (hives)", "Saline, rest of Liberase"),
    ("gentamycin", "Refobacin 40 mg in saline"),
    ("lidocaine", "Ropivacaine 0.2 %"),
]


@pytest.mark.parametrize(("allergy", "vehicle"), STOPPED)
def test_a_known_synonym_or_trade_name_stops(ward, allergy, vehicle):
    course, bag = bag_for(ward, allergy, vehicle=vehicle)
    ward.give(course, bag)
    ward.not_given(bag, "rule 23")


ASKED = [
    ("albumin", "Autologous plasma"),
    ("albumin", "Plasma-Lyte with Zorbulin"),
    ("heparin", "Medium of the maker"),
    ("penicillin", "Saline, cefazolin"),
    ("albumin", "Albumin-free Nutrivex"),
]


@pytest.mark.parametrize(("allergy", "vehicle"), ASKED)
def test_what_the_list_does_not_know_a_person_compares(ward, allergy, vehicle):
    course, bag = bag_for(ward, allergy, vehicle=vehicle)
    ward.give(course, bag, because="")
    ward.not_given(bag, "rule 23")
    ward.give(course, bag, because="Read with the pharmacist: not inside")
    assert ward.given(bag) is not None


@pytest.mark.parametrize("vehicle", ["Plasma-Lyte 148", "NaCl 0.9 %", "Ringer's lactate", "Preservative-free saline"])
def test_a_salt_solution_is_understood_and_nobody_is_asked(ward, vehicle):
    course, bag = bag_for(ward, "heparin", vehicle=vehicle)
    check = ward.check(course, bag)
    assert check.clear, ward.refused
    assert not [line for line in check.evidence if line.get("warning")]


@pytest.mark.parametrize(
    "step",
    [
        {"kind": "digest", "reagent": "Liberase MNP-S"},
        {"kind": "wash", "reagent": "Wash", "detail": "Collagenase NB 6"},
        {"kind": "digest", "reagent": "Wash buffer", "lot": "Celase 7",
        "lot_expires_on": (clock.now() + timedelta(days=90)).date()},
    ],
)  # fmt: skip
def test_a_step_of_the_run_is_read_with_its_reagent_detail_and_lot(ward, step):
    course, bag = bag_for(ward, "collagenase", vehicle="Plasma-Lyte 148", step=step)
    ward.give(course, bag)
    ward.not_given(bag, "rule 23")


def test_a_digestion_whose_enzyme_nobody_wrote_is_asked_about(ward):
    course, bag = bag_for(ward, "collagenase", vehicle="Plasma-Lyte 148", step={"kind": "digest"})
    ward.give(course, bag, because="")
    ward.not_given(bag, "rule 23")


@pytest.mark.parametrize(
    "order",
    [
        {"comorbidities": "Hypertension. Anaphylaxis to human albumin 2021"},
        {"medication": "Ramipril 5 mg, allergic to albumin (anaphylaxis)"},
        {"comorbidities": "bronchospasm on Albutein in 2019"},
    ],
)
def test_the_free_text_of_the_order_is_read(ward, order):
    course, bag = bag_for(ward, vehicle="Saline with 2 % human albumin", **order)
    ward.give(course, bag)
    ward.not_given(bag, "rule 23")


def test_a_drug_of_the_order_that_is_in_the_bag_is_a_question_and_no_allergy(ward):
    said = "Neomycin eye drops. No known drug allergies."
    course, bag = bag_for(ward, vehicle="Saline, neomycin", medication=said)
    check = ward.check(course, bag)
    assert check.clear, check.reasons
    assert [line["left"] for line in check.warnings] == ["Neomycin eye drops"]


@pytest.mark.parametrize(
    "text", ["bronchospasm on Albutein in 2019", "HSA: swelling of the lips", "Wheezing after Albunorm"]
)
def test_an_alert_need_not_say_allergy(ward, text):
    course, bag = bag_for(ward, vehicle="Saline with 2 % human albumin")
    ward.fill("nurse", f"/patients/{course.patient_id}/alerts/new", text=text)
    ward.give(course, bag)
    ward.not_given(bag, "rule 23")


def test_an_alert_of_something_unknown_is_asked_about(ward):
    course, bag = bag_for(ward, vehicle="Saline with 2 % human albumin")
    ward.fill("nurse", f"/patients/{course.patient_id}/alerts/new", text="swelling after Zorbulin")
    ward.give(course, bag, because="")
    ward.not_given(bag, "rule 23")
    ward.give(course, bag, because="Seen by the physician")
    assert ward.given(bag) is not None


@pytest.mark.parametrize("text", ["Active infection: pneumonia, febrile 39 °C", "MRSA abscess"])
def test_an_alert_of_an_infection_since_the_decision_is_no_question_for_the_bedside(ward, text):
    course, bag = bag_for(ward, vehicle="Saline with 2 % human albumin")
    ward.fill("nurse", f"/patients/{course.patient_id}/alerts/new", text=text)
    ward.give(course, bag, because="Seen by the physician")
    ward.not_given(bag, "decides on eligibility again")


@pytest.mark.parametrize(
    ("written", "component"),
    [
        ("Alburex 20", "albumin"), ("Haemaccel", "gelatin"), ("Voluven 6 %", "hydroxyethyl starch"),
        ("Fragmin 2500 IU", "heparin"), ("Clexane", "heparin"), ("Pen-Strep 1 %", "streptomycin"), ("Kefzol 1 g",
        "cephalosporin"),
        ("Accutase", "porcine trypsin"), ("Celase GMP", "collagenase"), ("Synth-a-Freeze", "DMSO"), ("Profreeze-CDM",
        "DMSO"),
        ("dimethyl sulfoxide", "DMSO"), ("FCS 10 %", "bovine serum"), ("Betadine", "iodine"), ("ChloraPrep",
        "chlorhexidine"),
        ("Marcaine", "lidocaine"), ("Hylenex", "hyaluronidase"), ("Benzonase", "nuclease"), ("Neomycin",
        "aminoglycoside"),
        ("flucloxacillin", "penicillin"), ("HypoThermosol FRS", "dextran"),
    ],
)  # fmt: skip
def test_trade_names_are_known(written, component):
    assert mentions(searchable(written), ADDITIVES[component])
    assert not [word for word in not_known(written) if word not in {"gmp", "cdm", "frs"}]
