"""The pages that cross steps: worklist, course, timeline, scan."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from clinic import clock
from clinic.course_records import of_course
from clinic.pathway.course import completeness
from clinic.pathway.order import PATHWAY
from clinic.pathway.timeline import kinds
from clinic.products.models import Product
from tests.bedside import released_product
from tests.factories import consented, course, eligible, harvested, patient, ready_for_harvest

ROLES = ["coordinator", "nurse", "physician", "technologist", "quality", "director", "inspector"]


def test_a_new_course_says_what_comes_first_and_what_it_blocks(team, client_as, page):
    begun = course(team)
    shown = page(client_as("physician"), f"/treatments/{begun.id}")
    assert "Your next action" in shown
    assert "Harvest is blocked, because" in shown or "is blocked, because" in shown
    assert "No consent for this treatment is recorded." in shown


def test_the_next_action_follows_the_role(team, client_as, page):
    begun = ready_for_harvest(team)
    assert "Record the harvest" in page(client_as("nurse"), f"/treatments/{begun.id}")
    waiting = page(client_as("quality"), f"/treatments/{begun.id}")
    assert "Waiting for" in waiting


@pytest.mark.parametrize("role", ROLES)
def test_every_clinical_role_reads_a_course_and_its_timeline(role, team, client_as, page):
    begun = ready_for_harvest(team)
    harvested(begun, team)
    browser = client_as(role)
    page(browser, "/")
    page(browser, f"/treatments/{begun.id}")
    assert "60 mL" in page(browser, f"/patients/{begun.patient_id}/timeline")


def test_the_administrator_keeps_accounts_and_sees_no_patient(team, client_as, page):
    begun = course(team)
    browser = client_as("administrator")
    assert "Staff of this clinic" in page(browser, "/")
    person = f"/patients/{begun.patient_id}"
    for address in (f"/treatments/{begun.id}", f"{person}/timeline", person):
        assert browser.get(address).status_code == 403


def test_the_worklist_moves_a_course_from_step_to_step(team, client_as, page):
    someone = patient(team, family_name="Abelsdotter")
    begun = course(team, someone, signed=True)
    assert "No consent for this treatment" in page(client_as("nurse"), "/")
    consented(begun, team)
    assert "Decide on the eligibility" in page(client_as("physician"), "/")
    eligible(begun, team)
    assert "ABELSDOTTER" in page(client_as("nurse"), "/")
    harvested(begun, team, signed=False)
    assert "Sign the harvest" in page(client_as("physician"), "/")


def test_another_sites_work_is_not_on_the_list(team, southern_team, client_as, page):
    course(southern_team, patient(southern_team, family_name="Zuidema"))
    for role in ROLES:
        assert "ZUIDEMA" not in page(client_as(role), "/")


def test_the_timeline_tells_both_times_of_a_late_entry(team, client_as, page):
    begun = ready_for_harvest(team)
    harvested(begun, team)
    text = page(client_as("inspector"), f"/patients/{begun.patient_id}/timeline").text
    assert "recorded later" in text
    assert "50 min later" in text


def test_an_amendment_shows_old_and_new_and_takes_the_signature_off(team, session, client_as, page):
    begun = ready_for_harvest(team)
    harvest = harvested(begun, team)
    harvest.amend(by=team.physician, at=clock.now(), reason="read the wrong line", passes=12)
    session.commit()
    text = page(client_as("quality"), f"/patients/{begun.patient_id}/timeline").text
    assert "Signed before the amendment" in text
    assert "read the wrong line" in text
    assert "covers the earlier values" in text


def test_the_timeline_is_filtered_by_kind_and_course(team, client_as, page):
    someone = patient(team)
    first, second = ready_for_harvest(team, someone), course(team, someone)
    harvested(first, team)
    browser, address = client_as("nurse"), f"/patients/{someone.id}/timeline"
    assert "Harvest: " in page(browser, f"{address}?kind=harvest").text
    assert "Eligibility: " not in page(browser, f"{address}?kind=harvest").text
    assert "Harvest: " not in page(browser, f"{address}?kind=harvest&course={second.id}").text


def test_every_step_of_the_pathway_is_a_kind_of_the_timeline():
    offered = {model for kind in kinds() for model in kind.models}
    assert {model for step in PATHWAY for model in step.records} <= offered


def test_the_timeline_costs_the_same_queries_however_long_it_is(team, client_as, queries):
    begun = ready_for_harvest(team)
    harvested(begun, team)
    browser, address = client_as("nurse"), f"/patients/{begun.patient_id}/timeline"
    browser.get(address)
    counted = queries()
    browser.get(address)
    short = counted()
    for hours in range(4, 10):
        harvested(begun, team, at=clock.now() - timedelta(hours=hours))
    browser.get(address)
    counted = queries()
    browser.get(address)
    assert counted() <= short
    assert short <= 40


def test_the_worklist_costs_the_same_queries_however_much_waits(team, client_as, queries):
    begun = ready_for_harvest(team)
    harvested(begun, team, signed=False)
    browser = client_as("physician")
    browser.get("/")
    counted = queries()
    browser.get("/")
    short = counted()
    for _ in range(6):
        harvested(ready_for_harvest(team), team, signed=False)
        course(team)
    browser.get("/")
    counted = queries()
    browser.get("/")
    assert counted() <= short
    assert short <= 24


def test_the_timeline_leaves_as_a_table(team, client_as):
    begun = ready_for_harvest(team)
    harvested(begun, team, notes="=1+1")
    answer = client_as("inspector").get(f"/patients/{begun.patient_id}/timeline.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    volume = next(row for row in rows if row["Fact"] == "Volume collected")
    assert volume["Value"] == "60 mL"
    assert volume["Time zone"] == "Europe/Berlin"
    assert next(row for row in rows if row["Fact"] == "Notes")["Value"] == "'=1+1"


@pytest.mark.hazard("H3")
def test_a_scan_leads_to_the_record_and_a_wrong_character_to_none(team, client_as, post):
    begun = ready_for_harvest(team)
    harvest = harvested(begun, team)
    browser = client_as("nurse")
    for code, leads in (
        (begun.patient_id, f"/patients/{begun.patient_id}"),
        (begun.id, f"/treatments/{begun.id}"),
        (begun.chain_of_identity, f"/treatments/{begun.id}"),
        (harvest.id.lower(), f"/harvests/{harvest.id}"),
        (harvest.products[0].id.replace("-", " "), f"/products/{harvest.products[0].id}"),
        (f"]C0{begun.patient_id}", f"/patients/{begun.patient_id}"),
        (f"]d2{harvest.products[0].id.lower()}", f"/products/{harvest.products[0].id}"),
        (f"]Q3{begun.chain_of_identity}", f"/treatments/{begun.id}"),
        (begun.patient.record_number.lower(), f"/patients/{begun.patient_id}"),
        (f"\u200e{begun.patient.record_number}\u200b", f"/patients/{begun.patient_id}"),
        (f"]C1{begun.patient.record_number}", f"/patients/{begun.patient_id}"),
    ):
        assert post(browser, "/scan", code=code).location == leads
    digit = "2" if begun.patient_id[5] != "2" else "3"
    wrong = begun.patient_id[:5] + digit + begun.patient_id[6:]
    answer = post(browser, "/scan", code=wrong)
    assert answer.status_code == 422
    assert "No record in this clinic has this code" in answer.text


def test_a_draft_is_kept_and_comes_back(team, client_as, post, page):
    begun = ready_for_harvest(team)
    browser, address = client_as("nurse"), f"/treatments/{begun.id}/harvests/new"
    typed = {"volume": "61,5", "notes": "patient asked for a break", "draft_title": "Record a harvest"}
    answer = post(browser, address, do="draft", **typed)
    assert answer.location == "/"
    assert "Record a harvest" in page(browser, "/")
    again = browser.get(address).text
    assert 'value="61,5"' in again
    assert "patient asked for a break" in again
    assert "patient asked for a break" not in client_as("nurse", second=True).get(address).text


def test_cells_that_end_soon_come_before_everything_else(team, client_as):
    consented(
        course(team, patient(team, family_name="Early"), planned_on=clock.today("Europe/Berlin") - timedelta(days=9)),
        team,
    )
    begun = ready_for_harvest(team, patient(team, family_name="Urgent"))
    bag = released_product(begun, team)
    bag.expires_at = clock.now() + timedelta(minutes=50)
    shown = client_as("physician").get("/").text
    assert 0 < shown.index("URGENT") < shown.index("EARLY")
    assert "Check at the bedside" in shown


def test_of_what_was_collected_and_processed_nobody_misses_what_is_told_of_what_is_given(team, session):
    begun = ready_for_harvest(team)
    given = released_product(begun, team)
    session.commit()
    records = of_course(session, begun)
    collected = next(one for one in records.of(Product) if one.run_id is None)
    assert (collected.amount, collected.preparation) == (None, None)
    missing = completeness(records)[2]
    assert "Amount, product" not in missing
    given.amount = None
    assert "Amount, product" in completeness(records)[2]
