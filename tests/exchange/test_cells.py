"""Cells say what they say: nothing is guessed of a mark, a dash, a code or an error, and nothing is dropped."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select
from xlsxwriter import Workbook

from clinic import clock
from clinic.exchange import import_report, import_rows, importing, mapping, parse_cell
from clinic.exchange.import_targets import Slot
from clinic.exchange.parse_cell import (
    NotThat,
    comparator,
    day,
    moment,
    number,
    one_of,
    one_way,
    whole,
    yes_no,
)
from clinic.exchange.written_days import dated
from clinic.patients.models import Patient, Weight, has_died

START = 'kind = "patients"\nsource = "Old"\nreason = "not there"\nmissing = ["NA"]\n'
FACTS = """[columns]
id = { to = "patient.record_number" }
name = { to = "patient.family_name" }
sex = { to = "patient.sex" }
kg = { to = "weight.kg" }
at = { to = "weight.performed_at" }
"""
CONSTANT = '[constants]\n"patient.allergy_status" = "not_asked"\n'
HEAD = "id;name;sex;kg;at"


def run(session, team, file, said=CONSTANT + FACTS, *, top="", keep=True):
    parsed = mapping.parsed(START + top + said, "map.toml")
    report = importing.run(session, parsed.kind, file, parsed, team.coordinator, clock.now(), dry_run=False)
    if report.refused or not keep:
        session.rollback()
    else:
        session.commit()
    return report


def lines(*cells):
    return [HEAD, *(f"A-{n};Ode;male;{cell};2020-03-04" for n, cell in enumerate(cells))]


DOUBTFUL = [
    ({}, ["72.5", "1,250"], ["1,250"]), ({}, ["1,250", "1,050"], ["1,250", "1,050"]),
    ({}, ["72,5", "1.250"], ["1.250"]),
    ({}, ["72,5", "71,250"], []), ({}, ["72.5", "71.250"], []), ({}, ["0,125", "72,5"], []), ({}, ["72.5", "70,5"], []),
    ({"decimal": ","}, ["72,5", "1.250"], []), ({"decimal": "."}, ["72.5", "1,250"], []),
    ({"decimal": "."}, ["72,5"], ["72,5"]), ({}, ["72.5", "NA", "70"], []),
]  # fmt: skip


@pytest.mark.parametrize(("setting", "cells", "wrong"), DOUBTFUL)
def test_a_mark_that_can_be_read_in_two_ways_is_refused(session, team, table, setting, cells, wrong):
    top = "".join(f'{name} = "{value}"\n' for name, value in setting.items())
    said = '[confirmed]\n"weight.kg" = "Weighed twice"\n' + CONSTANT + FACTS
    report = run(session, team, table(*lines(*cells)), said, top=top, keep=False)
    marks = [one for one in report.problems if one.column == "kg" and "decimal" in one.expected]
    assert [one.value for one in marks] == wrong, report.sentences()


@pytest.mark.parametrize(("text", "mark", "read"), [
    ("1.250,5", ",", "1250.5"), ("1,250", ".", "1250"), ("1,250", ",", "1.250"), ("<1.250", ",", "<1250"),
    ("1 250", ",", "1250"), ("72.5", ",", "72.5"), ("1,250", "", "1,250"), ("-1.250.000", ",", "-1250000"),
])  # fmt: skip
def test_the_decimal_mark_of_a_mapping_tells_how_a_figure_is_read(text, mark, read):
    assert one_way(text, mark) == read


@pytest.mark.parametrize("text", ["-", "–", "?", ".", "--"])
def test_a_dash_is_no_no(text):
    with pytest.raises(NotThat, match="missing"):
        yes_no(text)


@pytest.mark.parametrize(("read", "text", "remedy"), [
    (number, "-", "missing"), (number, "–", "missing"), (number, "n/a", "missing"), (number, "1.250,5", "decimal = "),
    (number, "1,250.5", "decimal = "), (number, "1 250,5", "decimal = "), (comparator, "<1.250,5", "decimal = "),
    (whole, "?", "missing"), (day, "-", "missing"), (lambda text: moment(text, "UTC"), "--", "missing"),
    (lambda text: dated(text, "DD.MM.YYYY"), "-", "missing"), (lambda text: one_of(text, {"a": "A"}), "-", "missing"),
])  # fmt: skip
def test_what_cannot_be_read_names_its_remedy(read, text, remedy):
    with pytest.raises(NotThat, match=remedy):
        read(text)


@pytest.mark.parametrize("text", ["1.2.3", "12 34", "abc1"])
def test_what_no_setting_reads_names_none(text):
    with pytest.raises(NotThat, match=r"a number$"):
        number(text)


def test_each_cell_is_told_with_its_remedy_and_once(session, team, table):
    report = run(session, team, table(*lines("-", "1.250,5 kg", "72500")), keep=False)
    first, second, third = (one.expected for one in report.problems)
    assert ("missing" in first, "decimal = " in second, "not possible" in third) == (True, True, True)


def test_a_column_without_a_heading_that_holds_values_is_named(session, team, table):
    file = table(HEAD + ";;", "A-1;Ode;male;70;2020-03-04;;secret", "A-2;Bo;male;70;2020-03-04;;")
    report = run(session, team, file)
    assert [(one.row, one.column, one.value) for one in report.problems] == [(2, "column 7", "secret")]
    left_out = CONSTANT + FACTS + '[ignored]\n"column 7" = "nobody knows what it is"\n'
    assert run(session, team, file, left_out).fresh == 2
    assert not run(session, team, table(HEAD + ";", "A-3;Ox;male;70;2020-03-04;"), left_out).refused


def test_a_cell_without_a_result_is_a_fault_in_a_spreadsheet_and_in_text(session, team, table, tmp_path):
    with Workbook(tmp_path / "t.xlsx") as book:
        other, page = book.add_worksheet("Notes"), book.add_worksheet("Data")
        other.write_formula(1, 1, "=1/0", None, "#DIV/0!")
        page.write_row(0, 0, HEAD.split(";"))
        page.write_row(1, 0, ["A-1", "Ode", "male", 71.125, "2020-03-04"])
        page.write_row(2, 0, ["A-2", "Bo", "male"])
        page.write_formula(2, 3, "=NA()", None, "#N/A")
        page.write_formula(2, 4, "=X1", None, "#REF!")
    report = run(session, team, tmp_path / "t.xlsx", top='sheet = "Data"\n')
    assert [(one.row, one.column, one.value) for one in report.problems] == [(3, "kg", "#N/A"), (3, "at", "#REF!")]
    text = table(*lines("#WERT!"))
    assert [(one.column, one.value) for one in run(session, team, text).problems] == [("kg", "#WERT!")]
    known = FACTS.replace('"weight.kg"', '"weight.kg", missing = ["#WERT!"]')
    assert not run(session, team, text, CONSTANT + known).refused


def test_dates_and_texts_of_dates_in_one_column_of_a_spreadsheet_are_read(session, team, tmp_path):
    with Workbook(tmp_path / "t.xlsx") as book:
        page, day = book.add_worksheet(), book.add_format({"num_format": "dd.mm.yyyy"})
        page.write_row(0, 0, HEAD.split(";"))
        page.write_row(1, 0, ["A-1", "Ode", "male", 70.125, "05.02.2020"])
        page.write_row(2, 0, ["A-2", "Bo", "male", "1,5"])
        page.write_datetime(2, 4, datetime(2020, 3, 4), day)  # noqa: DTZ001 - as a spreadsheet has it
    told = CONSTANT + FACTS.replace('"weight.performed_at"', '"weight.performed_at", date = "DD.MM.YYYY"')
    report = run(session, team, tmp_path / "t.xlsx", '[confirmed]\n"weight.kg" = "A child"\n' + told)
    assert not report.refused, report.sentences()
    found = {f"{one.performed_at.astimezone(clock.ZoneInfo('Europe/Berlin')):%m-%d}": one.kg for one in
             session.scalars(select(Weight))}  # fmt: skip
    assert {day: float(kg) for day, kg in found.items()} == {"02-05": 70.125, "03-04": 1.5}


def test_a_constant_does_not_replace_a_code_for_not_recorded(session, team, table):
    said = """[constants]
"patient.abo" = "O"
"patient.allergy_status" = "none_known"
[columns]
id = { to = "patient.record_number" }
name = { to = "patient.family_name" }
sex = { to = "patient.sex" }
abo = { to = "patient.abo", missing = ["?"] }
all = { to = "patient.allergy_status" }
"""
    file = table("id;name;sex;abo;all", "1;Ann;male;NA;NA", "2;Bea;male;?;", "3;Cem;male;;", "4;Dot;male;AB;not_asked")
    assert not run(session, team, file, said).refused
    found = {one.family_name: one for one in session.scalars(select(Patient))}
    assert [(one.abo, one.allergy_status) for _name, one in sorted(found.items())] == [
        (None, None), (None, "none_known"), ("O", "none_known"), ("AB", "not_asked"),
    ]  # fmt: skip
    assert found["Ann"].not_recorded["abo"] == found["Bea"].not_recorded["abo"] == "not there"
    assert found["Ann"].not_recorded["allergy_status"] == "not there"
    assert "abo" not in found["Cem"].not_recorded


SAME = [
    ("patient.record_number", "weight.kg", "70", "70,0"), ("", "weight.kg", "3.1", "3.10"),
    ("", "qc.viability", "<05", "< 5.0"), ("", "score.v.nrs_pain", "7", "7.0"), ("", "visit.v.alive", "yes", "1"),
    ("", "harvest.performed_at", "2020-03-04 10:00", "2020-03-04T10:00"), ("", "patient.sex", "Female", "female"),
]  # fmt: skip


@pytest.mark.parametrize(("_number", "target", "one", "other"), SAME)
def test_a_row_is_known_again_by_its_values_not_by_their_writing(_number, target, one, other):
    said = mapping.Mapping(kind="courses", source="Old", columns={"c": [{"to": target}]})
    contents = [
        import_rows.content_of(import_rows.given(2, 1, {"c": text}, said, []), said, "Europe/Berlin")
        for text in (one, other, "8")
    ]
    assert contents[0] == contents[1] != contents[2]
    assert Slot(part="row", name="key") not in import_rows.given(2, 1, {"c": one}, said, [])


def test_the_rejected_rows_are_mended_and_brought_again_by_the_same_mapping(session, team, table):
    """Whatever the whole table had above its headings; and what came in is not doubled by the whole mended table."""
    top = 'heading_row = 2\nencoding = "windows-1252"\n'
    rows = ["A-1;Žak;male;70;2020-03-04", "A-2;Bo;male;x;2020-03-04"]
    report = run(session, team, table(raw="\n".join(["Register", HEAD, *rows]).encode("cp1252")), top=top)
    text = "".join(import_report.rejects(report.table, report.problems))
    assert text.splitlines()[0].removeprefix("\ufeff") == "Row,Why it was refused,id,name,sex,kg,at"
    mended = table(raw=text.replace(",x,", ",71,").encode(), name="rejects.csv")
    assert run(session, team, mended, top=top).fresh == 1
    whole = table(raw="\n".join(["Register", HEAD, rows[0], rows[1].replace("x", "71,0")]).encode("cp1252"))
    again = run(session, team, whole, top=top)
    assert (again.fresh, again.skipped) == (1, 1), again.sentences()
    assert sorted(session.scalars(select(Patient.record_number))) == ["A-1", "A-2"]
    bad = run(session, team, table(raw=text.encode(), name="again.csv"), top=top)
    assert "".join(import_report.rejects(bad.table, bad.problems)).splitlines()[0].count("Row") == 1


def test_a_code_in_the_column_of_the_death_is_no_death(session, team, table):
    said = CONSTANT + FACTS + 'died = { to = "patient.died_on" }\n'
    assert not run(session, team, table(HEAD + ";died", "A-1;Ode;male;70;2020-03-04;NA"), said).refused
    assert not has_died([session.scalars(select(Patient)).one()])


@pytest.mark.parametrize(
    "text",
    ["1981-02-03 or 04", "1981-02-03 ?", "1981-02-03x", "20261124", "2026-W48-1", "2026-328", "1981-02-03 about noon"],
)
def test_nothing_beside_a_day_is_dropped(text):
    with pytest.raises(NotThat):
        parse_cell.day(text)
    with pytest.raises(NotThat):
        parse_cell.moment(text, "Europe/Berlin")


@pytest.mark.parametrize("text", ["2026-11-24", "2026-11-24 14:05", "2026-11-24T14:05:30", "2026-11-24T14:05+01:00"])
def test_a_day_and_the_day_of_a_moment_are_read(text):
    assert parse_cell.day(text).isoformat() == "2026-11-24"
    assert parse_cell.moment(text, "Europe/Berlin").day in {23, 24}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("A: 01:01; B: 07:02", {"A": "01:01", "B": "07:02"}), ("A: 01:01;", {"A": "01:01"}),
        ("A: 01:01; A: 02:01", None), ("A: 01:01; B", None), ("B", None), (";", None),
    ],
)  # fmt: skip
def test_pairs_are_read_whole_or_not_at_all(text, read):
    if read is None:
        with pytest.raises(NotThat):
            parse_cell._pairs(text)
    else:
        assert parse_cell._pairs(text) == read
