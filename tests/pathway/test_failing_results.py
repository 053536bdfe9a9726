"""A result out of limits and a withdrawn consent are seen wherever the patient is shown."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from clinic import clock, wording
from tests.bedside import released_product
from tests.factories import consented, patient, ready_for_harvest
from tests.reading import Page
from tests.safety.driver import Ward

FAILS = "Viability 61 %, limit 70 % or more"


@pytest.fixture
def failing(team):
    begun = ready_for_harvest(team, patient(team, family_name="Salmon"))
    released_product(begun, team, released=False, results={"viability": Decimal(61)})
    return begun


def withdraw(ward, consent):
    told = {"performed_at": clock.now() - timedelta(minutes=5), "performed_by_id": ward.team.nurse.id}
    assert ward.fill("nurse", f"/consents/{consent.id}/withdrawal", **told).status_code == 303


def test_a_failing_result_is_red_with_figure_and_limit_on_course_today_and_timeline(failing, client_as, page):
    quality = client_as("quality")
    for url in (f"/treatments/{failing.id}", "/"):
        shown = page(quality, url)
        assert "c-tag--bad" in shown.html
        assert f"Out of limits: {FAILS}" in shown
    shown = page(quality, f"/patients/{failing.patient_id}/timeline")
    assert FAILS in shown
    assert "out of limits" in shown


@pytest.mark.parametrize("role", ["technologist", "quality", "physician"])
def test_everybody_whose_task_or_others_task_it_is_sees_it_on_today(failing, client_as, role):
    assert FAILS in Page.of(client_as(role).get("/").text).text


def test_what_is_within_limits_is_not_red(team, client_as):
    begun = ready_for_harvest(team)
    released_product(begun, team)
    assert "Out of limits" not in client_as("quality").get(f"/treatments/{begun.id}").text
    assert "Out of limits" not in client_as("quality").get("/").text


@pytest.mark.rule(15)
def test_a_withdrawn_consent_is_in_the_band_and_nobody_is_sent_to_ask_again(team, session, client_as):
    begun = ready_for_harvest(team, patient(team, family_name="Samson"))
    consent = begun.patient.consents[0]
    day = wording.short_day(clock.today("Europe/Berlin"))
    withdraw(Ward(session, team, client_as), consent)
    for role in ("nurse", "physician", "technologist", "quality", "coordinator"):
        browser = client_as(role)
        html = browser.get(f"/treatments/{begun.id}").text
        assert f"Consent withdrawn {day}" in html
        main = html[html.index("c-rail") : html.index("Add a record")]
        assert "/consents/new" not in main
        assert "consent again" not in html.lower()
        rows = [row for row in browser.get("/").text.split("<li") if "SAMSON" in row]
        assert rows
        assert all(f"Consent withdrawn {day}" in row and "Obtain" not in row for row in rows)
    refused = client_as("technologist").get(f"/treatments/{begun.id}/processing/new")
    assert refused.status_code == 409
    assert "new consent" not in refused.text


def test_a_consent_that_was_given_again_ends_the_tag(team, session, client_as):
    begun = ready_for_harvest(team)
    url, consent = f"/patients/{begun.patient_id}", begun.patient.consents[0]
    session.commit()
    assert "Consent withdrawn" not in client_as("nurse").get(url).text
    withdraw(Ward(session, team, client_as), consent)
    assert "Consent withdrawn" in client_as("nurse").get(url).text
    consented(begun, team, at=clock.now())
    assert "Consent withdrawn" not in client_as("nurse").get(url).text
