"""A cell of a spreadsheet that shows something else than its number, or a formula that was not worked out."""

from __future__ import annotations

from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from sqlalchemy import select
from xlsxwriter import Workbook

from clinic.errors import RuleBroken
from clinic.exchange import sheet_parts, tables
from clinic.exchange.number_formats import shown
from clinic.patients.models import Patient
from tests.exchange.test_cells import CONSTANT, FACTS, HEAD, run


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (17, "00000", "00017"),
        (17, '"OLD-"00000', "OLD-00017"),
        (-17, "00000", "-00017"),
        (123456, "00000", None),
        (17.5, "000.00", "017.5"),
        (0, "000", "000"),
        (1.125, "000.000", "001.1250"),
        (17, "0,000", "0017"),
        (17, '"2024-"0000', "2024-0017"),
        (17, '0000"/24"', "0017/24"),
        (17, r"\N\o\. 00", "No. 17"),
        (12345678, r"000\-00\-000", "123-45-678"),
        (1234, r"000\-00\-000", "000-01-234"),
        (123456789, r"00\-00", "1234567-89"),
        (-9, '0;"n.d.";"k.A."', "n.d."),
        (0, '0;"n.d.";"k.A."', "k.A."),
        (5, '0;"n.d.";"k.A."', None),
        (0, '_(* #,##0_);_(* \\(#,##0\\);_(* "-"??_);_(@_)', None),
        (-9, '[=-9]"missing";0', "missing"),
        (4, '[=-9]"missing";0', None),
        (1, '[=1]"yes";[=0]"no";General', "yes"),
        (0, '[=1]"yes";[=0]"no";General', "no"),
        (7, '[=1]"yes";[=0]"no";General', None),
        (2, '"Grade "0', "Grade 2"),
        (62, "[$€-407] #,##0.00", "€ 62"),
        (62, '"ca. "0', "ca. 62"),
        (62, '0"?"', "62?"),
        (62, '"~"0', "~62"),
        (62, '">"0', ">62"),
        (62, '0" kg";-0" kg"', "62 kg"),
        (62, '0"+"', "62+"),
        (1250, "# ##0", None),
        (1250, r"#\ ##0", None),
        (1250, "#'##0", None),
        (1250, "#\u00a0##0", None),
        (1250, "#,##0.0", None),
        (-5, "0;(0)", None),
        (-5, "0;-0", None),
        (-5, "0;[Red]0", None),
        (5, "+0;-0", None),
        (-5, "0_);\\(0\\)", None),
        (62, "@", None),
        (62, "0;-0;0;@", None),
        (62, "0.", None),
        (0.5, ".00", None),
        (0.5, "# ?/?", None),
        (62, "0.0E+00", None),
        (43894, "yyyy-mm-dd", None),
        (43894, "TT.MM.JJJJ", None),
        (0.5, "[h]:mm", None),
        (0.5, "h:mm AM/PM", None),
        (0, "#", "0 (hidden by its format)"),
        (0, "0;-0;;@", "0 (hidden by its format)"),
        (-3, "0;;0", "-3 (hidden by its format)"),
        (17, ";;;", "17 (hidden by its format)"),
        (17, '"";"";""', "17 (hidden by its format)"),
        (0, "#,###", "0 (hidden by its format)"),
        (1, '[=1]"2";0', "1 (shown as 2)"),
        (17, '"1"000', "17 (shown as 1017)"),
        (17, '0"e3"', "17 (shown as 17e3)"),
        (17, '0"5"', "17 (shown as 175)"),
        (1250, '0"."000', "1250 (shown as 1.250)"),
        (5, r"\-0", "5 (shown as -5)"),
        (-9, '0;"99"', "-9 (shown as 99)"),
        (17, '0"."', "17."),
        (3, '0,000" kg"', "0003 kg"),
    ],
)
def test_a_number_is_what_its_cell_shows(value, code, text):
    assert shown(value, code) == text


@pytest.fixture
def book(tmp_path):
    """Write a spreadsheet with a patient in each row: number and weight, each with its format."""

    def write(*rows):
        with Workbook(tmp_path / "t.xlsx") as book:
            page = book.add_worksheet()
            page.write_row(0, 0, HEAD.split(";"))
            for row, ((number, its), (kg, other)) in enumerate(rows, start=1):
                page.write_row(row, 0, [None, "Ode", "male", None, "2020-03-04"])
                page.write_number(row, 0, number, book.add_format({"num_format": its}))
                page.write_number(row, 3, kg, book.add_format({"num_format": other}))
        return tmp_path / "t.xlsx"

    return write


def test_a_text_is_taken_as_it_is_shown_and_a_figure_by_its_value(session, team, book):
    report = run(session, team, book(((17, "00000"), (62, "00000")), ((18, '"OLD-"00000'), (63.5, "000.0"))))
    assert not report.refused, report.sentences()
    assert sorted(session.scalars(select(Patient.record_number))) == ["00017", "OLD-00018"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ((0, '0;"n.d.";"k.A."'), "k.A."),
        ((62, '"ca. "0'), "ca. 62"),
        ((62, '0"?"'), "62?"),
        ((1, '[=1]"62";0'), "1 (shown as 62)"),
        ((0, "0;-0;"), "0 (hidden by its format)"),
        ((62, ";;;"), "62 (hidden by its format)"),
        ((62, '0"e3"'), "62 (shown as 62e3)"),
    ],
)
def test_a_figure_that_shows_something_else_is_refused_with_its_row_and_column(session, team, book, cell, value):
    report = run(session, team, book(((17, "0"), (62, "0")), ((18, "0"), cell)))
    assert [(one.row, one.column, one.value) for one in report.problems] == [(3, "kg", value)]
    said = CONSTANT + FACTS.replace('"weight.kg"', f'"weight.kg", missing = ["{value}"]')
    assert not run(session, team, book(((17, "0"), (62, "0")), ((18, "0"), cell)), said).refused


def test_a_number_that_is_hidden_is_told(session, team, book):
    report = run(session, team, book(((17, ";;;"), (62, "0"))))
    assert "format of this cell hides" in " ".join(report.sentences())
    report = run(session, team, book(((17, '"1"000'), (62, "0"))))
    assert "shows other digits than its number" in " ".join(report.sentences())


SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
    + "".join(
        f'<c r="{"ABCDE"[at]}1" t="inlineStr"><is><t>{name}</t></is></c>' for at, name in enumerate(HEAD.split(";"))
    )
    + '</row><row r="2"><c r="A2" t="inlineStr"><is><t>A-1</t></is></c><c r="B2" t="inlineStr"><is><t>Ode</t></is></c>'
    '<c r="C2" t="inlineStr"><is><t>male</t></is></c>{}<c r="E2" t="inlineStr"><is><t>2020-03-04</t></is></c></row>'
    "</sheetData></worksheet>"
)


def with_cell(tmp_path, cell):
    """Write a spreadsheet of which one cell is as it is told."""
    with Workbook(tmp_path / "plain.xlsx") as book:
        book.add_worksheet()
    with ZipFile(tmp_path / "plain.xlsx") as plain, ZipFile(tmp_path / "t.xlsx", "w", ZIP_DEFLATED) as packed:
        for part in plain.namelist():
            sheet = part == "xl/worksheets/sheet1.xml"
            packed.writestr(part, SHEET.format(cell) if sheet else plain.read(part))
    return tmp_path / "t.xlsx"


@pytest.mark.parametrize("cell", [
    '<c r="D2"><f>60+2</f><v/></c>', '<c r="D2"><f>60+2</f><v></v></c>', '<c r="D2"><f>60+2</f></c>',
    '<c r="D2" t="b"><f>TRUE()</f><v/></c>', '<c r="D2"><f t="shared" si="0"/></c>',
    '<c r="D2"><f t="array" ref="D2">60+2</f><v/></c>', '<c r="D2" t="e"><f>1/0</f><v/></c>',
    '<c r="D2" t="str"><f>A1</f></c>',
])  # fmt: skip
def test_a_formula_that_was_not_worked_out_is_refused(session, team, tmp_path, cell):
    report = run(session, team, with_cell(tmp_path, cell))
    assert [(one.row, one.column) for one in report.problems] == [(2, "kg")]
    assert "open the file in the spreadsheet program and save it" in report.problems[0].expected
    said = CONSTANT + FACTS.replace('kg = { to = "weight.kg" }\n', "").replace(
        'at = { to = "weight.performed_at" }\n', ""
    )
    report = run(session, team, tmp_path / "t.xlsx", said + '[ignored]\nkg = "x"\nat = "x"\n')
    assert not report.refused, "a column that is left out may hold one"


@pytest.mark.parametrize(("cell", "text"), [
    ('<c r="D2"><f>60+2</f><v>62</v></c>', "62"), ('<c r="D2" t="str"><f>""</f><v></v></c>', ""), ('<c r="D2"/>', ""),
    ('<c r="D2" t="str"><f>A1</f><v>x</v></c>', "x"), ('<c r="D2"><v></v></c>', ""),
    ('<c r="D2" t="b"><f>TRUE()</f><v>1</v></c>', "yes"),
])  # fmt: skip
def test_a_formula_that_was_worked_out_is_its_result(tmp_path, cell, text):
    ((_number, cells),) = tables.read(with_cell(tmp_path, cell)).rows
    assert cells["kg"] == text


def test_more_cells_without_a_result_than_are_kept_are_refused(tmp_path, monkeypatch):
    """Else those that are not kept would come in as empty."""
    monkeypatch.setattr(sheet_parts, "MOST_ERRORS", 1)
    two = '<c r="D2"><f>1</f></c><c r="E2" t="e"><v>#N/A</v></c>'
    with pytest.raises(RuleBroken, match="more than 1 cells without a result"):
        tables.read(with_cell(tmp_path, two))
