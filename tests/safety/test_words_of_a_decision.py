"""What a box of the decision says is read as a person reads it, and a correction is named for what it changed (23)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from clinic.eligibility.models import Eligibility
from clinic.patients.allergens import named_allergies
from tests.bedside import released_product
from tests.factories import boxes, ready_for_harvest
from tests.safety.reacting import decide, newest
from tests.safety.scenes import scene

pytestmark = pytest.mark.rule(23)
NONE = (
    "none", "None.", "No known allergies", "nil", "-", "–", "n/a", "N/A", "NKDA", "not applicable", "no allergies",
    "no known drug allergies", "Keine", "keine bekannt", "none known", "no allergy to a component", "No known allergy",
)  # fmt: skip
SOME = ("DMSO", "albumin (anaphylaxis)", "none but DMSO", "no known allergies; DMSO", "penicillin", "unknown", "?")


@scene
def own(ward):
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


def test_none_is_told_from_an_allergy():
    assert [text for text in NONE if named_allergies(text)] == []
    assert [text for text in SOME if not named_allergies(text)] == []


@pytest.mark.parametrize("said", ["none", "No known allergies", "nil", "-", "n/a"])
def test_who_writes_that_there_is_no_allergy_may_be_eligible(ward, own, said):
    bag, mine = own
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine, additive_allergy=said))
    with ward.later(minutes=10):
        assert ward.check(mine, bag).clear
        made = newest(ward, Eligibility)
        assert ward.amend("physician", made, additive_allergy="").status_code == 303, ward.refused
    ward.session.expire_all()
    assert made.unconfirmed is None, "nothing was taken away"


@pytest.mark.parametrize("said", ["DMSO", "none but DMSO", "unknown"])
def test_an_allergy_to_a_component_rules_out_eligibility(ward, own, said):
    _bag, mine = own
    facts = {"active_infection": False, "pregnancy": "not_applicable", "malignancy": False, "eligible": True}
    url = f"/treatments/{mine.id}/eligibility/new"
    answer = ward.fill("physician", url, performed_at=clock.now(), additive_allergy=said, **facts)
    assert answer.status_code == 422
    ward.said_no(f"an allergy to a component of the product ({said})")


def test_an_allergy_box_of_the_patient_that_says_none_names_none(ward, own):
    _bag, mine = own
    typed = {"allergy_status": "none_known", "allergies": "none"}
    assert ward.amend("nurse", mine.patient, **typed).status_code == 303, ward.refused
    assert ward.amend("nurse", mine.patient, allergies="pollen").status_code == 422
    ward.said_no("An allergy is named")


def test_a_decision_that_was_only_redated_is_not_called_a_no(ward, own):
    bag, mine = own
    with ward.later(minutes=5):
        made = decide(ward, mine)
        ward.sign("physician", made)
    with ward.later(minutes=30):
        later = boxes("performed_at", made.performed_at + timedelta(minutes=10))
        assert ward.amend("physician", made, **later).status_code == 303, ward.refused
        check = ward.check(mine, bag)
        said = " ".join(one["because"] for one in check.reasons)
        assert "corrected the decision: “Decided at” from" in said
        assert "not eligible" not in said
        today = ward.browser("physician2").get("/").text
        assert "Confirm the correction" in today
        assert "“not eligible”" not in today.lower()


def test_a_no_that_was_turned_is_still_named_beside_a_later_correction(ward, own):
    bag, mine = own
    with ward.later(minutes=5):
        made = decide(ward, mine, eligible=False, reasons="Knee too swollen", concerns="course")
        ward.sign("physician", made)
    with ward.later(minutes=10):
        assert ward.amend("physician", made, eligible=True, reasons="").status_code == 303, ward.refused
    with ward.later(minutes=30):
        later = boxes("performed_at", made.performed_at + timedelta(minutes=10))
        assert ward.amend("physician", made, **later).status_code == 303, ward.refused
        said = " ".join(one["because"] for one in ward.check(mine, bag).reasons)
        assert "corrected “not eligible” to “eligible”" in said
