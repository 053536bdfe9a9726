"""A total, a mean and a footnote below the patients are nobody; who says that they are somebody answers for it."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from clinic.exchange.import_footers import is_footer
from clinic.patients.models import Patient
from tests.exchange.test_cells import CONSTANT, FACTS, HEAD, run

GOOD = ("A-1;Ode;male;70;2020-03-04", "A-2;Bo;female;72;2020-03-04")


@pytest.mark.parametrize(
    "row",
    [
        "Total;;;142;", "Source: register 2024;;;;", "* weight on admission;;;;", "Sum;;;142;", "Mean;;;71;",
        "n = 12;;;;", "Note: all weights in kg;;;;", "A-3;;;142;", "Total;Ode;male;142;", "Total (n=2);Ode;male;;",
        "TOTAL 7;Ode;male;142;",
        "The weights are those on admission;x;;;",
    ],
)  # fmt: skip
def test_a_row_that_is_nobody_is_asked_about(session, team, table, row):
    report = run(session, team, table(HEAD, *GOOD, row))
    assert [(one.row, one.column, one.ask) for one in report.problems] == [(4, "id", "row.patient")], report.sentences()
    assert "Take the row out" in report.problems[0].expected
    assert session.scalar(select(func.count()).select_from(Patient)) == 0


def test_who_imports_may_say_that_it_is_a_patient(session, team, table):
    said = '[confirmed]\n"row.patient" = "The name is not recorded"\n' + CONSTANT + FACTS
    report = run(session, team, table(HEAD, *GOOD, "A-3;;;64;2020-03-04"), said)
    assert not report.refused, report.sentences()
    assert any("Row 4" in note and "The name is not recorded" in note for note in map(str, report.notes))


@pytest.mark.parametrize(
    ("cells", "ask"),
    [
        ("-;Ode", ""), ("?;Ode", ""), (".;Ode", ""), ("*;Ode", ""), ("A-3;-", ""), ("A-3;?", ""), ("A-3;.", ""),
        ("A-3;*", ""), ("NULL;Ode", "row.patient"), ("A-3;NULL", "row.patient"), ("A-3;nan", "row.patient"),
    ],
)  # fmt: skip
def test_a_code_is_no_name_and_no_number(session, team, table, cells, ask):
    file = table(HEAD, *GOOD, f"{cells};male;70;2020-03-04")
    report = run(session, team, file)
    assert [(one.row, one.ask) for one in report.problems] == [(4, ask)], report.sentences()
    assert "“missing”" in report.problems[0].expected


@pytest.mark.parametrize(
    "number",
    [
        "A-1",
        "N-12",
        "N12",
        "n 12",
        "SD-12",
        "Max-3",
        "17",
        "#17",
        "Patient number 3",
        "Summer 7",
        "Sumner",
        "END-2",
        "Mean3",
    ],
)
def test_a_number_of_a_patient_is_no_footnote(number):
    assert not is_footer(number)


@pytest.mark.parametrize(
    "text",
    [
        "Overall", "All", "SEM", "IQR", "Std. dev.", "StdDev", "95% CI", "95 %-CI", "p-value", "Mean±SD", "Mean ± SD",
        "Min–Max", "(n=12)", "a) see text", "*p < 0.05", "x̄", "Ø", "MW", "Standardabweichung", "Zusammen", "Notes",
        "Anzahl Patienten", "Missing", "Total (n=2)", "Grand total", "TOTAL 7", "Total 7 (100 %)", "Sum 1,234",
        "7 total", "12 in total", "Summe 7",
    ],
)  # fmt: skip
def test_what_stands_below_a_table_is_no_number_of_a_patient(text):
    assert is_footer(text)


@pytest.mark.parametrize("row", [";;;142;", ";Mean;;71;", ";Total;male;142;"])
def test_a_total_with_a_blank_number_is_asked_about(session, team, table, row):
    report = run(session, team, table(HEAD, *GOOD, row))
    assert [(one.row, one.ask) for one in report.problems] == [(4, "row.patient")], report.sentences()


def test_people_called_null_and_nan_come_in(session, team, table):
    file = table(HEAD, "A-1;Null;male;70;2020-03-04", "A-2;Nan;female;71;2020-03-04", "A-3;Sum;female;71;2020-03-04")
    assert not run(session, team, file).refused


def test_a_table_of_which_no_row_says_who_it_is_is_not_asked_about(session, team, table):
    said = CONSTANT + FACTS.replace('sex = { to = "patient.sex" }\n', "") + '[ignored]\nsex = "x"\n'
    assert not run(session, team, table(HEAD, "A-1;;;70;2020-03-04", "A-2;;;71;2020-03-04"), said).refused


def test_what_is_wrong_in_other_rows_is_told_together_with_the_question(session, team, table):
    report = run(
        session, team, table(HEAD, *GOOD, "A-3;Ab;male;71;2020-02-30", "Total;;;142;", "A-4;Cy;male;heavy;2020-03-04")
    )
    assert {(one.row, one.column) for one in report.problems} == {(4, "at"), (5, "id"), (6, "kg")}, report.sentences()
    assert session.scalar(select(func.count()).select_from(Patient)) == 0


def test_a_total_in_the_place_of_the_key_of_a_row_is_asked_about(session, team, table):
    said = CONSTANT + FACTS.replace('"patient.record_number"', '"row.key"')
    said += '[numbered]\n"patient.record_number" = "REG-"\n'
    report = run(session, team, table(HEAD, *GOOD, "TOTAL 2;Ode;male;142;"), said)
    assert [(one.row, one.column, one.ask) for one in report.problems] == [(4, "id", "row.patient")], report.sentences()
    assert not run(session, team, table(HEAD, *GOOD), said).refused
