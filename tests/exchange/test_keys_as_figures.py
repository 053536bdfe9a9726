"""Numbers that a program wrote as figures are read as they are elsewhere, and parts of a spreadsheet by any name."""

from __future__ import annotations

import re
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from sqlalchemy import select
from xlsxwriter import Workbook

from clinic.errors import RuleBroken
from clinic.exchange import tables
from clinic.exchange.mapping import parsed
from clinic.followup.adverse_events import AdverseEvent
from clinic.patients.models import Patient
from tests.exchange.test_cells import CONSTANT, FACTS, HEAD, run
from tests.exchange.test_import_refuses import take, ward
from tests.exchange.test_increments import ONE, more

__all__ = ["more", "take", "ward"]
FEVER = {"event.term": "Fever", "event.outcome": "resolved"}


@pytest.mark.rule(1, by="import")
def test_a_column_of_whole_numbers_with_decimals_names_the_rows_that_are_known(ward, take, more):
    take(ONE | {"row.key": "17"}, ONE | {"row.key": "170", "patient.family_name": "Brandt"})
    report = more("events", {"course.key": "17.0"} | FEVER, {"course.key": "170.0"} | FEVER)
    courses = {one.treatment.patient.family_name for one in ward.session.scalars(select(AdverseEvent))}
    assert courses == {"Quist", "Brandt"}
    assert "Column course.key: its whole numbers are written with decimals; 17.0 was read as 17." in report.notes


@pytest.mark.rule(1, by="import")
def test_keys_that_came_in_with_decimals_are_found_without(ward, take, more):
    take(ONE | {"row.key": "17.0"}, ONE | {"row.key": "A-3", "patient.family_name": "Brandt"})
    more("events", {"course.key": "17"} | FEVER)
    assert ward.session.scalars(select(AdverseEvent)).one().treatment.patient.family_name == "Quist"


@pytest.mark.rule(1, by="import")
def test_a_record_number_with_a_decimal_is_not_taken_for_another_one(ward, take, more):
    take(
        ONE | {"patient.record_number": "170"}, ONE | {"patient.record_number": "A-3", "patient.family_name": "Brandt"}
    )
    rows = [{"patient.record_number": number} | FEVER for number in ("17.0", "A-3")]
    report = more("events", *rows, refused=True)
    assert [(one.row, one.column) for one in report.problems] == [(2, "patient.record_number")], report.sentences()
    assert "is it 17?" in str(report.problems[0])
    report = more("events", rows[0], refused=True)
    assert "registered here (rule 1)" in str(report.problems[0]), "17 is not 170"


def test_new_patients_of_such_a_column_get_whole_numbers(session, team, table):
    report = run(session, team, table(HEAD, "17.0;Ode;male;70;2020-03-04", "18.0;Bo;female;72;2020-03-04"))
    assert not report.refused, report.sentences()
    assert set(session.scalars(select(Patient.record_number))) == {"17", "18"}


def test_whole_numbers_of_a_mapping_are_texts():
    said = 'kind = "patients"\nsource = "x"\nsheet = 2\nheading_row = 3\nmissing = [-9, "NA"]\n[constants]\n'
    said += '"patient.sex" = "male"\n[columns]\nkg = { to = "weight.kg", factor = 0.001, values = { 1 = "x" } }\n'
    found = parsed(said, "t.toml", "patients")
    assert (found.sheet, found.heading_row, found.missing) == ("2", 3, ("-9", "NA"))
    assert found.columns["kg"][0].factor == "0.001"
    with pytest.raises(RuleBroken, match="sheet"):
        parsed('kind = "patients"\nsource = "x"\nsheet = true\n', "t.toml", "patients")


def test_a_sheet_is_chosen_by_a_number(session, team, tmp_path):
    with Workbook(tmp_path / "t.xlsx") as book:
        book.add_worksheet("About").write(0, 0, "Nothing")
        page = book.add_worksheet("Data")
        for row, line in enumerate((HEAD, "A-1;Ode;male;70;2020-03-04")):
            page.write_row(row, 0, line.split(";"))
    assert not run(session, team, tmp_path / "t.xlsx", "sheet = 2\n" + CONSTANT + FACTS).refused


def renamed(path, name, encoding, *, marked):
    """Write a workbook again whose sheet is a part of another name, in an encoding, with or without saying UTF-8."""
    new = f"xl/worksheets/{name}.xml".encode(encoding)
    old = b"xl/worksheets/" + b"x" * (len(new) - len(b"xl/worksheets/.xml")) + b".xml"
    with ZipFile(path) as plain, ZipFile(path.with_name("other.xlsx"), "w", ZIP_DEFLATED) as packed:
        for part in plain.namelist():
            said, link = plain.read(part), f"worksheets/{name}.xml".encode()
            if part.endswith(("workbook.xml.rels", "[Content_Types].xml")):
                said = said.replace(b"worksheets/sheet1.xml", link)
            is_sheet = part.endswith("/sheet1.xml")
            packed.writestr(old.decode() if is_sheet else part, said)
    raw = bytearray(path.with_name("other.xlsx").read_bytes().replace(old, new))
    for found in re.finditer(re.escape(new), bytes(raw)):
        for back, head, flag in ((30, b"PK\x03\x04", 7), (46, b"PK\x01\x02", 9)):
            start = found.start() - back
            if marked and raw[start : start + 4] == head:
                raw[start + flag] |= 0x08
    path.with_name("other.xlsx").write_bytes(raw)
    return path.with_name("other.xlsx")


@pytest.mark.parametrize(("encoding", "marked"), [("utf-8", True), ("utf-8", False), ("cp437", False)])
def test_units_and_errors_are_read_however_the_parts_of_a_spreadsheet_are_named(tmp_path, encoding, marked):
    with Workbook(tmp_path / "t.xlsx") as book:
        page = book.add_worksheet("Data")
        page.write_row(0, 0, ["id", "kg"])
        page.write_number(1, 1, 154, book.add_format({"num_format": '0" lb"'}))
        page.write_formula(2, 1, "=1/0", None, "#DIV/0!")
    found = tables.read(renamed(tmp_path / "t.xlsx", "Gewichtä", encoding, marked=marked))
    assert [cells["kg"] for _row, cells in found.rows] == ["154 lb", "#DIV/0!"]


def test_a_spreadsheet_with_parts_that_nobody_finds_says_what_to_do(tmp_path):
    with Workbook(tmp_path / "t.xlsx") as book:
        book.add_worksheet("Data").write_row(0, 0, ["id", "kg"])
    with pytest.raises(RuleBroken, match="save it again"):
        tables.read(renamed(tmp_path / "t.xlsx", "Gewichtä", "windows-1252", marked=False))
