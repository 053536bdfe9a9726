"""What stands around the figures of a table: units, rows that group headings, the sheet, the period of an export."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from xlsxwriter import Workbook

from clinic import clock
from clinic.errors import RuleBroken
from clinic.exchange import exporting, import_report, tables
from clinic.exchange.datasets import datasets
from clinic.exchange.exporting import Choice
from clinic.exchange.parse_cell import NotThat, without_unit
from clinic.patients.models import Weight
from tests.exchange.test_cells import CONSTANT, FACTS, HEAD, lines, run


@pytest.mark.parametrize(("text", "unit", "read"), [
    ("62 kg", "kg", "62"), ("5.1 mL", "mL", "5.1"), ("5,1ml", "mL", "5,1"), ("97%", "%", "97"),
    ("<0.05 EU/ml", "EU/mL", "<0.05"), ("3.2 x10^6/kg", "×10⁶/kg", "3.2"), ("−5 kg", "kg", "−5"), ("1e6", "mL", "1e6"),
    ("12 YEARS", "years", "12"), ("62", "kg", "62"), ("none", "kg", "none"), ("1 250,5 mL", "mL", "1 250,5"),
    ("7 μg/mL", "µg/mL", "7"),
])  # fmt: skip
def test_a_figure_with_the_unit_of_its_column_is_read(text, unit, read):
    assert without_unit(text, unit) == read


@pytest.mark.parametrize(("text", "unit", "says"), [
    ("140 lb", "kg", "in kg: “lb”"), ("62000 g", "kg", "in kg: “g”"), ("5 µL", "mL", "in mL: “µL”"),
    ("5 mL 3", "mL", "in mL"), ("3/10", "", "without a unit: “/10”"), ("5 kg", "", "without a unit"),
])  # fmt: skip
def test_a_figure_with_another_unit_is_refused(text, unit, says):
    with pytest.raises(NotThat, match=says):
        without_unit(text, unit)


def test_a_unit_in_a_cell_is_read_or_refused_with_its_row_and_column(session, team, table):
    report = run(session, team, table(*lines("62 kg", "140 lb", "71.5")))
    assert [(one.row, one.column, one.value) for one in report.problems] == [(3, "kg", "140 lb")]
    run(session, team, table(*lines("62 kg", "71,5kg")))
    assert set(session.scalars(select(Weight.kg))) == {Decimal(62), Decimal("71.5")}


@pytest.mark.parametrize(("how", "cell", "refused"), [
    (', as = "grams_to_kg"', "3200 g", ""), (', as = "grams_to_kg"', "3.2 kg", "in g"),
    (', factor = "0.45"', "140 lb", "unit"),
    ("", "1,250 kg", "one way only"),
])  # fmt: skip
def test_a_unit_is_that_of_the_column_before_it_is_converted(session, team, table, how, cell, refused):
    said = CONSTANT + FACTS.replace('"weight.kg" }', f'"weight.kg"{how} }}')
    report = run(session, team, table(*lines(cell)), said, keep=False)
    assert (refused in " ".join(report.sentences())) if refused else not report.problems, report.sentences()


@pytest.mark.parametrize("groups", ["Patient;;;Weight;", "Patient;Patient;Patient;Weight;Weight"])
def test_a_row_that_groups_the_headings_is_told_and_left_out_by_the_mapping(session, team, table, groups):
    file = table(groups, *lines("62"))
    try:
        told = " ".join(run(session, team, file).sentences())
    except RuleBroken as fault:
        told = str(fault)
    assert "heading_row = 2" in told
    assert not run(session, team, file, top="heading_row = 2\n").refused


def test_what_is_refused_of_a_named_sheet_tells_the_sheet(session, team, tmp_path):
    file = tmp_path / "t.xlsx"
    with Workbook(file) as book:
        book.add_worksheet("Notes")
        sheet = book.add_worksheet("Weights 2019")
        for number, line in enumerate(lines("140 lb")):
            sheet.write_row(number, 0, line.split(";"))
    report = run(session, team, file, top='sheet = "Weights 2019"\n')
    assert report.sentences()[-1].endswith("in t.xlsx, sheet Weights 2019.")
    assert report.table is not None
    rows = "".join(import_report.rejects(report.table, report.problems))
    assert "sheet Weights 2019, column kg: expected a figure in kg" in rows
    mended = tmp_path / "mended.csv"
    mended.write_text(rows.replace("140 lb", "62 kg"))
    assert not run(session, team, mended, top='sheet = "Weights 2019"\n').refused
    assert tables.read(mended).of_rejects


def test_mended_rejects_of_a_spreadsheet_are_read_by_the_same_mapping(session, team, tmp_path):
    file, mended = tmp_path / "t.xlsx", tmp_path / "mended.csv"
    with Workbook(file) as book:
        page, day = book.add_worksheet(), book.add_format({"num_format": "dd.mm.yyyy"})
        moment, unit = (book.add_format({"num_format": one}) for one in ("dd.mm.yyyy hh:mm", '0" lb"'))
        page.write_row(0, 0, HEAD.split(";"))
        for row, at in enumerate(["05.02.2020", datetime(2020, 2, 5), datetime(2020, 2, 5, 10, 30)], start=1):  # noqa: DTZ001 - as a spreadsheet has it
            page.write_row(row, 0, [f"A-{row}", "Ode", "male"])
            page.write_number(row, 3, 154, unit)
            page.write(row, 4, at, day if row == 2 else moment)
    told = CONSTANT + FACTS.replace('"weight.performed_at"', '"weight.performed_at", date = "DD.MM.YYYY"')
    report = run(session, team, file, told)
    assert {one.value for one in report.problems} == {"154 lb"}, report.sentences()
    assert report.table is not None
    mended.write_text("".join(import_report.rejects(report.table, report.problems)).replace("154 lb", "70"))
    report = run(session, team, mended, told)
    assert not report.refused, report.sentences()
    days = {f"{one.performed_at.astimezone(clock.ZoneInfo('Europe/Berlin')):%Y-%m-%d}" for one in
            session.scalars(select(Weight))}  # fmt: skip
    assert days == {"2020-02-05"}
    report = run(session, team, table_like(tmp_path, "2020-02-05"), told, keep=False)
    assert "DD.MM.YYYY" in " ".join(report.sentences()), "a CSV file that is no rejects holds texts only"


def table_like(folder, day):
    file = folder / "plain.csv"
    file.write_text(f"{HEAD}\nA-9;Ode;male;70;{day}\n")
    return file


def test_imported_rows_are_exported_by_the_day_of_their_import(session, team, table):
    run(session, team, table(*lines("62", "63")))
    today = clock.today(team.site.zone)
    data = datasets()["imported-rows"]
    for since, found in ((today, 2), (today + timedelta(days=1), 0), (None, 2)):
        choice = Choice(site_id=team.site.id, zone=team.site.zone, since=since)
        assert len(list(exporting.rows(session, data, choice))) == exporting.count(session, data, choice) == found
    assert [one.name for one in datasets().values() if one.counted_by == "id"] == ["protocols"]
