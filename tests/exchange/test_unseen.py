"""Merged cells and what is hidden in a spreadsheet: nothing of it comes in, or gets lost, without a word."""

from __future__ import annotations

import pytest
from xlsxwriter import Workbook

from clinic.exchange import tables
from tests.exchange.test_cells import CONSTANT, FACTS, HEAD, run

ROWS = [HEAD.split(";"), *([f"A-{n}", f"Ode{n}", "male", 70, "2020-03-04"] for n in range(1, 4))]


@pytest.fixture
def book(tmp_path):
    """Write a spreadsheet of three patients, and do something with it."""

    def write(do, rows=ROWS):
        with Workbook(tmp_path / "t.xlsx") as book:
            page = book.add_worksheet("Data")
            for number, row in enumerate(rows):
                page.write_row(number, 0, row)
            do(book, page)
        return tmp_path / "t.xlsx"

    return write


@pytest.mark.parametrize(
    ("cells", "row", "column"),
    [
        ("D2:D4", 2, "kg"),
        ("C3:C4", 3, "sex"),
        ("D3:E3", 3, "kg"),
        ("D1:D2", 2, "kg"),
        ("A4:E4", 4, "id"),
        ("C2:D3", 2, "sex"),
    ],
)
def test_merged_cells_are_refused_with_their_range(session, team, book, cells, row, column):
    report = run(session, team, book(lambda _book, page: page.merge_range(cells, "kg" if cells == "D1:D2" else "male")))
    found = [one for one in report.problems if "Unmerge" in one.expected]
    assert [(one.row, one.column) for one in found] == [(row, column)]
    assert cells in found[0].expected


def test_merged_cells_that_lose_nothing_are_taken(session, team, book):
    title = [["Patients of the register"], *ROWS]
    file = book(lambda _book, page: page.merge_range("A1:E1", "Patients of the register"), title)
    assert not run(session, team, file, top="heading_row = 2\n").refused
    assert tables.read(book(lambda _book, page: page.merge_range("D2:D4", "")), heading_row=1).merged == ((2, 4, 4, 4),)
    left_out = CONSTANT + FACTS.replace('kg = { to = "weight.kg" }\nat = { to = "weight.performed_at" }\n', "")
    file = book(
        lambda _book, page: page.merge_range("D2:D4", 5),
        [[f"B{one[0]}" if one[0] != "id" else "id", *one[1:]] for one in ROWS],
    )
    assert not run(session, team, file, left_out + '[ignored]\nkg = "x"\nat = "x"\n').refused


def test_merged_cells_without_a_value_are_taken(session, team, book):
    rows = [[*row, "" if number else "x"] for number, row in enumerate(ROWS)]
    said = CONSTANT + FACTS + 'x = { to = "patient.phone" }\n'
    assert not run(session, team, book(lambda _book, page: page.merge_range("F2:F4", ""), rows), said).refused


def test_a_hidden_sheet_in_front_is_not_read(session, team, tmp_path):
    with Workbook(tmp_path / "t.xlsx") as book:
        old, page = book.add_worksheet("Old"), book.add_worksheet("Data")
        old.hide()
        page.activate()
        page.set_first_sheet()
        for number, row in enumerate(ROWS):
            page.write_row(number, 0, row)
            old.write_row(number, 0, row if not number else ["X-1", "Old", "female", 99, "2010-01-01"])
    report = run(session, team, tmp_path / "t.xlsx")
    assert report.fresh == 3
    assert any("Hidden in front of it: “Old”" in str(note) for note in report.notes)
    assert len(tables.read(tmp_path / "t.xlsx", sheet="Old").rows) == 3, "who names it reads it"


def test_hidden_rows_and_columns_are_told(session, team, book):
    def hide(_book, page):
        page.set_row(2, None, None, {"hidden": True})
        page.set_column(3, 4, None, None, {"hidden": True})
        page.set_row(9, None, None, {"hidden": True})

    report = run(session, team, book(hide))
    assert [str(one) for one in report.notes] == [
        "1 hidden row was read too: 3.", "2 hidden columns are part of the table: “kg”, “at”.",
    ]  # fmt: skip
    assert not any("hidden" in str(one) for one in run(session, team, book(lambda *_: None)).notes)
