"""Days by a pattern: each part has its digits, no part stands for another, and a date of a file stays what it is."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select
from xlsxwriter import Workbook

from clinic.errors import RuleBroken
from clinic.exchange import mapping, parse_cell, tables
from clinic.exchange.parse_cell import NotThat
from clinic.exchange.written_days import RealDate, dated
from clinic.patients.models import Patient
from tests.exchange.test_cells import CONSTANT, FACTS, HEAD, run


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("1121985", "DDMMYYYY"), ("1112020", "MMDDYYYY"), ("2020111", "YYYYMMDD"), ("202011", "YYYYMMDD"),
        ("20201", "YYYYMM"), ("1.12020", "DD.MMYYYY"), ("2020-03-04 305", "YYYY-MM-DD hhmm"),
    ],
)  # fmt: skip
def test_a_lost_zero_is_never_another_day(text, pattern):
    with pytest.raises(NotThat):
        dated(text, pattern)
    if text.isdecimal():
        with pytest.raises(NotThat, match="left out a 0 in front"):
            dated(text, pattern)


@pytest.mark.parametrize(
    ("text", "pattern", "read"),
    [
        ("01121985", "DDMMYYYY", "1985-12-01"), ("1.2.2020", "DD.MM.YYYY", "2020-02-01"),
        ("1/2/2020 9:05", "MM/DD/YYYY hh:mm", "2020-01-02T09:05:00"), ("1980.10", "YYYY.MM", "1980-10"),
        ("1980.1", "YYYY.MM", "1980-01"), ("04-MAR-2020", "DD-MON-YYYY", "2020-03-04"),
        ("5 March 1970", "D MMMM YYYY", "1970-03-05"), ("5. Mai 1970", "DD. MON YYYY", "1970-05-05"),
        ("12 Sept 1970", "DD MON YYYY", "1970-09-12"), ("12. März 1970", "D. MMMM YYYY", "1970-03-12"),
        ("Dez. 1970", "MON YYYY", "1970-12"), ("March 5, 1970", "MMMM D, YYYY", "1970-03-05"),
        ("3/4/2020 12:05 AM", "MM/DD/YYYY hh:mm AM", "2020-03-04T00:05:00"),
        ("3/4/2020 1:05 p.m.", "MM/DD/YYYY hh:mm AM", "2020-03-04T13:05:00"),
        ("20200304 0905", "YYYYMMDD hhmm", "2020-03-04T09:05:00"), ("1.2.2020~", "DD.MM.YYYY", "2020-02-01~"),
    ],
)  # fmt: skip
def test_a_day_is_read_by_its_pattern(text, pattern, read):
    assert dated(text, pattern) == read


@pytest.mark.parametrize("text", ["3/4/2020 13:05 PM", "3/4/2020 0:05 AM", "31/2/2020 1:05 AM"])
def test_a_moment_that_is_none_is_refused(text):
    with pytest.raises(NotThat):
        dated(text, "MM/DD/YYYY hh:mm AM")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("DD.mm.YYYY", "write MM for the month"), ("YYYY-mm-DD", "write MM for the month"),
        ("DD.MM.YYYY mm", "mm are the minutes of an hour"), ("DD.YYYY", "DD is the day of a month"),
        ("YYYY hh:mm", "hh are the hours of a day"), ("YYYY-MM hh:mm", "hh are the hours of a day"),
        ("DD.MM.YYYY hh:ss", "ss are the seconds"), ("DD.MM", "once each"), ("DD.MM.YY", "century"),
        ("DD.MON.MM.YYYY", "once each"), ("DD.MM.YYYY AM", "AM tells the half"),
    ],
)  # fmt: skip
def test_a_pattern_that_would_lose_a_part_is_refused(pattern, said):
    with pytest.raises(RuleBroken, match=said):
        mapping.parsed(
            f'kind = "patients"\nsource = "x"\n[columns]\nb = {{ to = "patient.birth_date", date = "{pattern}" }}\n',
            "m",
        )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5 March 1970", "D MON YYYY"),
        ("5. Mai 1970", "D MON YYYY"),
        ("05.03.70", "four digits"),
        ("3/4/2020 1:05 PM", "AM"),
    ],
)
def test_a_day_in_words_says_what_to_do(text, said):
    for read in (parse_cell.day, lambda one: parse_cell.moment(one, "UTC"), lambda one: dated(one, "YYYY/MM/DD")):
        with pytest.raises(NotThat, match=said):
            read(text)


def sheet(tmp_path, *cells):
    """Write a spreadsheet whose column holds dates and numbers, each with its format, and texts."""
    with Workbook(tmp_path / "t.xlsx") as book:
        page = book.add_worksheet()
        page.write_row(0, 0, HEAD.split(";"))
        for row, cell in enumerate(cells, start=1):
            page.write_row(row, 0, [f"A-{row}", f"Ode{row}", "male", 70])
            if isinstance(cell, str):
                page.write_string(row, 4, cell)
            else:
                value, code = cell
                page.write(row, 4, value, book.add_format({"num_format": code}))
    return tmp_path / "t.xlsx"


DAY = datetime(2020, 3, 4)  # noqa: DTZ001 - as a spreadsheet has it


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ((DAY, "mmm-yy"), "2020-03"), ((DAY, "yyyy"), "2020"), ((DAY, "mmmm yyyy"), "2020-03"),
        ((DAY, "mm/yyyy"), "2020-03"), ((DAY, 17), "2020-03"), ((DAY, "[$-407]mmmm\\ yyyy;@"), "2020-03"),
        ((DAY, "yyyy-mm-dd hh:mm"), "2020-03-04T00:00:00"), ((DAY, 22), "2020-03-04T00:00:00"),
        ((DAY, "dd.mm.yyyy"), "2020-03-04"), ((DAY, 14), "2020-03-04"), ((DAY, '"Day "yyyy'), "2020"),
        ((DAY.replace(hour=9, minute=5), "mmm-yy"), "2020-03"),
        ((DAY.replace(hour=9, minute=5), "dd.mm.yyyy hh:mm"), "2020-03-04T09:05:00"),
        ((DAY.replace(hour=9, minute=5), "dd.mm.yyyy"), "2020-03-04"),
        ((1980.1, "0.00"), "1980.10"), ((1980.12, "0.00"), "1980.12"), ((70.5, "0.00"), "70.5"),
        ((1980.5, "0.0"), "1980.5"),
    ],
)  # fmt: skip
def test_a_date_is_as_much_as_its_cell_shows(tmp_path, cell, text):
    ((_number, cells),) = tables.read(sheet(tmp_path, cell)).rows
    assert cells["at"] == text
    assert isinstance(cells["at"], RealDate) == isinstance(cell[0], datetime)


def born(session):
    return {one.record_number: one.birth_date.isoformat() for one in session.scalars(select(Patient))}


def as_birth(pattern):
    return CONSTANT + FACTS.replace('"weight.performed_at"', f'"patient.birth_date", date = "{pattern}"').replace(
        'kg = { to = "weight.kg" }\n', ""
    ) + '[ignored]\nkg = "x"\n'  # fmt: skip


def test_a_date_of_the_file_is_never_read_by_the_pattern_of_the_texts(session, team, tmp_path):
    file = sheet(tmp_path, (DAY, "yyyy-mm-dd"), "2020-05-03")
    report = run(session, team, file, as_birth("YYYY-DD-MM"))
    assert not report.refused, report.sentences()
    assert born(session) == {"A-1": "2020-03-04", "A-2": "2020-03-05"}


def test_a_rejected_row_with_a_day_that_may_be_swapped_is_refused(session, team, table):
    rows = ["Row,Why it was refused,id,name,sex,kg,at", "2,expected,A-1,Ode,male,70,2020-03-04"]
    report = run(session, team, table(*rows), as_birth("YYYY-DD-MM"))
    assert "whole table" in report.problems[0].expected


def test_a_month_that_a_spreadsheet_shortened_is_refused(session, team, tmp_path):
    report = run(session, team, sheet(tmp_path, (1980.1, "General")), as_birth("YYYY.MM"))
    assert "leaves out the last 0" in report.problems[0].expected
    assert not run(session, team, sheet(tmp_path, (1980.1, "0.00")), as_birth("YYYY.MM")).refused
    assert born(session) == {"A-1": "1980-10-01"}
