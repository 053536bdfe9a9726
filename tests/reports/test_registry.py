"""Extracts for registries: what a form needs, whose it is to fill in what is blank, and nothing that is guessed."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from clinic.patients.models import Patient
from clinic.protocols.catalogues import CONDITIONS, ROUTES
from clinic.reports.catalog import REPORTS
from clinic.reports.registry import DOES_NOT_APPLY
from clinic.treatments.models import Treatment

NAMES = [name for name in REPORTS if name.startswith("registry-")]


def told(result, record):
    row = next(row for row in result.rows if row.key == record)
    return {column.key: figure.value for column, figure in zip(result.columns, row.figures, strict=True)}


def missing(result):
    return {aside.label: aside.figure.value for aside in result.asides}


@pytest.mark.parametrize("name", NAMES)
def test_the_rows_with_most_blanks_come_first_and_each_blank_is_counted_where_it_is(made, name):
    result = made(name)
    place = [column.key for column in result.columns].index("blank")
    counts = [int(row.figures[place].value) for row in result.rows]
    assert counts == sorted(counts, reverse=True)
    empty = [sum(figure.value is None for figure in row.figures) for row in result.rows]
    assert counts == empty
    assert sum(value for label, value in missing(result).items() if label.startswith("Missing")) == sum(counts)


def test_what_is_missing_names_the_question_who_fills_it_in_and_where(made):
    """The 187 published children have no calendar; nobody's height is recorded in the demonstration."""
    said = missing(made("registry-4000"))
    assert said["Missing: Q1–25 Date of birth (coordinator, on the patient's record)"] == 187
    assert said["Missing: Height before the infusion (coordinator or physician, on the order of the course)"] == 206
    said = missing(made("registry-4006"))
    assert said["Missing: Q6 Date of this infusion (nurse or physician, on the administration)"] == 187
    assert said["Infusions included"] == 187 + 8 + 15 + 3
    said = missing(made("registry-4003"))
    assert said["Missing: Q2 Date of collection (nurse, on the harvest)"] == 187


def test_a_form_says_what_the_records_say(made, demonstration):
    given = demonstration.scalars(
        select(Administration).where(Administration.volume_issued.is_not(None), Administration.outcome.is_(None))
    ).first()
    row = told(made("registry-4006"), given.id)
    assert row["infused"] == clock.day(given.performed_at, given.zone)
    assert (row["product"], row["identifiers"]) == (given.product.name, given.product_id)
    assert row["route"] == ROUTES[given.route].label
    assert (row["whole"], row["rest"]) == ("yes", DOES_NOT_APPLY)
    course = demonstration.get(Treatment, given.treatment_id)
    row = told(made("registry-4000"), course.id)
    assert row["indication"] == CONDITIONS[course.condition].label
    assert row["born"] == course.patient.birth_date
    assert row["first"] == "yes"
    assert told(made("registry-ebmt"), course.id)["infused"] == row["infused"]


def test_a_period_chooses_by_the_infusion_or_by_the_day_of_the_visit(made):
    every, some = made("registry-4100"), made("registry-4100", from_="2026-01-01", to="2026-06-30")
    assert 0 < len(some.rows) < len(every.rows)
    assert {row.key for row in some.rows} < {row.key for row in every.rows}
    nobody = made("registry-4006", from_="1990-01-01", to="1990-12-31")
    assert (nobody.rows, nobody.finding) == ([], "Form 4006: no infusions.")
    assert made("registry-ebmt", form="follow-up").finding.startswith("EBMT cell therapy, follow-up: ")


@pytest.mark.parametrize("name", NAMES)
def test_the_dictionary_of_its_columns_is_on_every_format_and_no_name_in_any(demo, demonstration, name):
    browser = demo("coordinator@north.demo")
    page, table = browser.get(f"/reports/{name}").text, browser.get(f"/reports/{name}.csv").text
    definition = browser.get(f"/reports/{name}.json").json["definition"]
    columns = [column["key"] for column in browser.get(f"/reports/{name}.json").json["columns"]][2:]
    for key in columns:
        words = definition[f"Column {key}"]
        assert re.search(r"; (question [\d–]+|its number was not confirmed.*)$", words), words
        assert f"# Column {key}: {words}" in table
        assert f"<dt>Column {key}</dt>" in page
    families = demonstration.scalars(select(Patient.family_name).where(Patient.family_name.is_not(None)).distinct())
    for family in (one for one in families if len(one) > 4):
        assert not re.search(rf"\b{re.escape(family)}\b", table, re.IGNORECASE), family
