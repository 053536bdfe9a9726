"""The pages and downloads of tables: who may take what out, and what is refused."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from clinic.exchange import exporting
from clinic.exchange.datasets import datasets, dictionary
from tests.factories import course, harvested, patient, ready_for_harvest

if TYPE_CHECKING:
    pass
from tests.exchange.test_exporting import read


def test_an_administrator_of_tables_reads_no_patient(app, client_as):
    assert client_as("administrator").get("/exports").status_code == 403
    assert client_as("administrator").get("/exports/patients.csv").status_code == 403


@pytest.mark.parametrize(
    "role", ["coordinator", "nurse", "physician", "technologist", "quality", "director", "inspector"]
)
def test_whoever_reads_patients_may_take_tables_out(client_as, page, role):
    shown = page(client_as(role), "/exports")
    assert "Patients" in shown.text


def test_a_downloaded_table_is_a_file_of_the_own_site(client_as, session, team, southern_team):
    patient(team, record_number="NORTH-1", weight=None)
    patient(southern_team, record_number="SOUTH-1", weight=None)
    answer = client_as("inspector").get("/exports/patients.csv")
    assert answer.status_code == 200
    assert "NORTH-1" in answer.text
    assert "SOUTH-1" not in answer.text
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="north-patients-')
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("form", ["csv", "xlsx", "jsonl"])
def test_every_data_set_can_be_downloaded_in_every_format(client_as, session, team, form):
    harvested(ready_for_harvest(team), team)
    browser = client_as("physician")
    for name in datasets():
        assert browser.get(f"/exports/{name}.{form}").status_code == 200, name


@pytest.mark.rule(73)
def test_the_research_download_is_chosen_on_the_page(client_as, page, session, team):
    patient(team, family_name="Unmistakable", weight=None)
    browser = client_as("physician")
    assert "research=1" in browser.get("/exports?research=1").text
    text = browser.get("/exports/patients.csv?research=1").text
    assert "Unmistakable" not in text


@pytest.mark.rule(73)
@pytest.mark.parametrize("asked", ["research=on", "research=True", "research=YES", "people=research"])
def test_however_a_copy_without_names_is_asked_for_it_has_none(client_as, team, asked):
    patient(team, family_name="Unmistakable", weight=None)
    answer = client_as("physician").get(f"/exports/patients.csv?{asked}")
    assert answer.status_code == 200
    assert "Unmistakable" not in answer.text


@pytest.mark.rule(73)
@pytest.mark.parametrize("asked", ["research=maybe", "research=y", "people=all", "research_=1", "anonymous=1"])
@pytest.mark.parametrize("path", ["/exports", "/exports/patients.csv"])
def test_what_nobody_understands_is_refused_and_no_name_goes_out(client_as, team, asked, path):
    patient(team, family_name="Unmistakable", weight=None)
    answer = client_as("physician").get(f"{path}?{asked}")
    assert answer.status_code == 422
    assert "research=1" in answer.text or "people=research" in answer.text


def test_what_is_no_data_set_is_not_found_and_a_wrong_day_is_named(client_as):
    browser = client_as("physician")
    assert browser.get("/exports/dogs.csv").status_code == 404
    assert browser.get("/exports/patients.pdf").status_code == 404
    answer = browser.get("/exports/patients.csv?from=yesterday")
    assert answer.status_code == 422
    assert "is not a day" in answer.text


def test_the_dictionary_can_be_downloaded(client_as):
    text = client_as("inspector").get("/exports/dictionary.csv").text
    assert len(list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))) == 1 + len(list(dictionary()))


def test_the_page_of_exports_asks_the_database_a_counted_number_of_times(client_as, queries, session, team):
    course(team)
    browser = client_as("physician")
    count = queries()
    browser.get("/exports")
    assert count() <= len(datasets()) + 6


def test_a_session_kept_to_a_site_takes_no_other_out(session, team, southern_team):
    """Even where nobody says the site: the scope of the session holds for exports as for pages."""
    from clinic.access import keep_to_site  # noqa: PLC0415

    patient(team, record_number="NORTH-1", weight=None)
    patient(southern_team, record_number="SOUTH-1", weight=None)
    session.flush()
    keep_to_site(session, team.site.id)
    assert [row["Record number"] for row in read(session, "patients")] == ["NORTH-1"]
    assert exporting.count(session, datasets()["patients"]) == 1


def test_the_days_of_a_period_are_entered_in_the_boxes_of_every_day(client_as, page, session, team):
    shown = page(client_as("physician"), "/exports?from-d=3&from-m=11&from-y=2026&to-d=23&to-m=11&to-y=2026&research=1")
    links = [link for link in shown.links if link.startswith("/exports/patients.")]
    assert links
    assert all(link.endswith("?from=2026-11-03&to=2026-11-23&research=1") for link in links)
    answer = client_as("physician").get("/exports?from-d=31&from-m=2&from-y=2026")
    assert answer.status_code == 422
    assert "First day: " in answer.text


def test_a_data_set_is_found_by_the_words_of_its_title(client_as, page, session, team):
    browser = client_as("physician")
    every = {link for link in page(browser, "/exports").links if link.endswith(".csv")}
    found = page(browser, "/exports?q=BEDSIDE")
    assert 0 < len([link for link in found.links if link.endswith(".csv")]) < len(every) / 4
    assert "No data set of the" in page(browser, "/exports?q=no+such+table")
    assert browser.get("/exports/patients.csv?q=bedside").status_code == 422, "it would not narrow the rows"
