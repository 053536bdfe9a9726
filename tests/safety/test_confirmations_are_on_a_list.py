"""Whatever waits for a second person is on the Today of those who can confirm it, until it is confirmed or refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.dose_change import DoseChange
from clinic.patients.models import Weight
from tests.factories import PASSWORD, day_boxes, patient, ready_for_harvest
from tests.reading import Page

LIST = "Waiting for a second person"


def listed(ward, who):
    return Page.of(ward.browser(who).get("/").text).text.partition(LIST)[2].partition("Waiting for others")[0]


def death(ward):
    who = patient(ward.team)
    assert ward.amend("physician", who, **day_boxes("died_on", clock.today("Europe/Berlin"))).status_code == 303
    return who, {"died_on-d": "", "died_on-m": "", "died_on-y": ""}


def allergy(ward):
    who = patient(ward.team)
    told = {"allergy_status": "present", "allergies": "penicillin, rash"}
    assert ward.amend("physician", who, **told).status_code == 303, ward.refused
    return who, {"allergy_status": "none_known", "allergies": ""}


def weight(ward):
    who = patient(ward.team)
    at = clock.now() - timedelta(hours=2)
    one = Weight.log(
        by=ward.team.physician, at=at, patient=who, kg=Decimal(70), performed_at=at, performed_by=ward.team.physician
    )
    return ward.team.add(one), {"kg": "7"}


@pytest.mark.rule(23, by="amendment")
@pytest.mark.parametrize("scene", [death, allergy, weight])
def test_a_correction_is_listed_until_a_second_person_confirms_it(ward, scene):
    row, away = scene(ward)
    assert ward.amend("physician", row, **away).status_code == 303, ward.refused
    assert "Confirm the correction" in listed(ward, "physician2")
    assert not listed(ward, "physician")  # not by who made it
    page = ward.browser("physician2").get("/").text
    url = page.partition('id="confirm"')[2].partition('href="')[2].partition('"')[0]
    assert ward.fill("physician2", url, password=PASSWORD).status_code == 303, ward.refused
    assert not listed(ward, "physician2")


@pytest.mark.rule(23, by="amendment")
@pytest.mark.parametrize("scene", [death, allergy])
def test_a_correction_that_is_corrected_back_waits_for_nobody(ward, scene):
    row, away = scene(ward)
    kept = {"allergy_status": row.allergy_status, "allergies": row.allergies} if scene is allergy else None
    ward.amend("physician", row, **away)
    back = kept or day_boxes("died_on", clock.today("Europe/Berlin"))
    assert ward.amend("physician2", row, **back).status_code == 303, ward.refused
    for who in ("physician", "physician2", "nurse"):
        assert not listed(ward, who)


@pytest.mark.hazard("H27")
def test_a_proposed_merge_is_listed(ward):
    one, other = patient(ward.team), patient(ward.team)
    url = f"/patients/{one.id}/merges/new"
    told = {"number": other.record_number, "reason": "identity card seen"}
    answer = ward.fill("nurse", url, sure="seen", **told)
    assert answer.status_code == 303, ward.refused
    assert "Confirm the merge" in listed(ward, "quality")
    assert not listed(ward, "nurse")


@pytest.mark.rule(52)
def test_a_far_dose_change_waits_for_a_second_person_on_today(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    high = mine.says.dose.window.high * 5
    told = {"low": str(high), "high": str(high), "reason": "compassionate use"}
    answer = ward.fill("physician", f"/treatments/{mine.id}/dose-change", sure="seen", **told)
    assert answer.status_code == 303, ward.refused
    (change,) = ward.session.scalars(select(DoseChange))
    if not change.signed:
        assert ward.sign("physician", change).status_code == 303, ward.refused
    assert not change.approved
    assert "a second person signs it too" in Page.of(ward.browser("quality").get("/").text).text
    assert ward.sign("quality", change).status_code == 303, ward.refused
    assert "Sign the dose change" not in ward.browser("physician2").get("/").text
