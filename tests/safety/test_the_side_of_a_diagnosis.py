"""A diagnosis that names the other side than the order is asked about, there and at the bedside (rule 26)."""

from __future__ import annotations

import pytest

from clinic.treatments.models import Treatment
from tests.bedside import released_product
from tests.factories import ready_for_harvest

pytestmark = [pytest.mark.rule(26)]


@pytest.mark.parametrize(
    ("diagnosis", "side", "other"),
    [
        ("Gonarthrosis RIGHT knee", "left", "right"), ("Gonarthrosis RIGHT knee", "right", ""),
        ("Gonarthrose rechts", "left", "right"), ("Gonarthrosis, R knee", "left", "right"),
        ("OA knee (L)", "right", "left"), ("Gonarthrosis sinistra", "right", "left"), ("Lt. knee OA", "right", "left"),
        ("Gonarthrose links", "right", "left"), ("Gonarthrosis, Kellgren-Lawrence 3", "left", ""),
        ("Gonarthrosis, bilateral", "left", ""), ("Lumbar disc L 4", "right", ""), (None, "left", ""),
        ("Both knees, right worse", "left", "right"), ("Gonarthrosis RIGHT knee", None, ""),
        ("Gonarthrosis sin.", "right", "left"), ("LK osteoarthritis", "right", "left"),
        ("linksseitige Gonarthrose", "right", "left"), ("rechtsseitige Gonarthrose", "left", "right"),
        ("Gonarthrosis rechts; links TEP 2018", "right", ""), ("Gonarthrosis rechts; links TEP 2018", "left", "right"),
        ("right, previous arthroscopy left knee", "right", ""), ("left knee, not the right", "left", "right"),
        ("previous arthroscopy left knee", "right", "left"), ("Sinus rhythm, RH positive", "right", ""),
        ("Dx linked to trauma", "right", ""), ("Gonarthrosis dext.", "left", "right"),
    ],
)  # fmt: skip
def test_which_side_a_diagnosis_names(diagnosis, side, other):
    assert Treatment(diagnosis=diagnosis, side=side).other_side == other


def test_an_order_is_asked_and_the_bedside_warns(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-KNEE")
    bag = ward.verified(released_product(mine, ward.team))
    other = {"left": "RIGHT", "right": "LEFT"}[mine.side]
    url = f"/records/{mine.id}/amendment"
    told = {"diagnosis": f"Gonarthrosis {other} knee", "amend_reason": "from the letter"}
    assert ward.fill("physician", url, **told).status_code == 422
    ward.said_no(f"The diagnosis names the {other.lower()} side, and the order says {mine.side}")
    assert ward.fill("physician", url, sure="old letter, the patient points to this knee", **told).status_code == 303
    ward.sign("physician", mine)
    check = ward.check(mine, bag)
    assert check.clear, check.reasons
    assert [line["check"] for line in check.warnings] == ["Side of the diagnosis"]
    ward.begin(check, because="")
    ward.not_given(bag, "a reason is wanted")
