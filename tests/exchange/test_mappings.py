"""A mapping says how a file and its cells are read; what two columns or an unknown encoding would spoil is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select
from xlsxwriter import Workbook

from clinic import clock
from clinic.errors import RuleBroken
from clinic.exchange import import_columns, import_report, importing, mapping
from clinic.exchange.import_rows import value_of
from clinic.exchange.import_targets import KINDS, NEW_PEOPLE, described, slot
from clinic.exchange.table_cells import is_figure
from clinic.patients.models import Patient, Weight
from clinic.treatments.models import Treatment
from tests.core.test_plans import NAMED
from tests.exchange.test_import_given import ago
from tests.exchange.test_import_refuses import take, ward
from tests.factories import published

__all__ = ["take", "ward"]
ROOT = Path(__file__).resolve().parents[2]
START = 'kind = "patients"\nsource = "Old"\nreason = "not there"\n'
COLUMNS = """
[constants]
"patient.sex" = "unknown"
"patient.allergy_status" = "not_asked"
[columns]
n = { to = "patient.record_number", template = "OLD-{}" }
name = { to = "patient.family_name" }
sex = { to = "patient.sex" }
born = { to = "patient.birth_date", date = "DD.MM.YYYY" }
g = { to = "weight.kg", factor = "0.001", missing = ["-1"], default = "60" }
at = { to = "weight.performed_at", date = "MM/DD/YYYY hh:mm" }
"""
HEAD = "n,name,sex,born,g,at"


def run(session, team, file, said="", head=START, **more):
    said = mapping.parsed(head + (said or COLUMNS), "map.toml")
    return importing.run(session, "patients", file, said, team.coordinator, clock.now(), dry_run=False, **more)


def test_dates_factors_templates_defaults_and_constants(session, team, table):
    file = table(HEAD, "1,#Ode,,5.2.1970,72500,03/04/2020 10:30", "#2,Bo,male,01.12.1971,-1,12/31/2020 00:10")
    assert run(session, team, file).problems == []
    people = {one.record_number: one for one in session.scalars(select(Patient))}
    assert list(people) == ["OLD-1", "OLD-#2"], "a row that begins with # is a row"
    assert [(str(one.birth_date), one.sex) for one in people.values()] == [
        ("1970-02-05", "unknown"), ("1971-12-01", "male"),
    ]  # fmt: skip
    kilograms = {
        one.patient.record_number: f"{one.kg:.2f} {one.performed_at:%m-%d %H}"
        for one in session.scalars(select(Weight))
    }
    assert kilograms == {"OLD-1": "72.50 03-04 09", "OLD-#2": "60.00 12-30 23"}


@pytest.mark.parametrize("cell", ["31.02.1970", "1970-02-05", "5.2.70"])
def test_a_day_that_is_written_otherwise_is_refused(session, team, table, cell):
    (fault,) = run(session, team, table(HEAD, f"1,Ode,,{cell},72500,03/04/2020 10:30")).problems[:1]
    assert (fault.row, fault.column) == (2, "born")
    assert "DD.MM.YYYY" in fault.expected


@pytest.mark.parametrize(("part", "says"), [
    ('factor = "0"', "multiply by"), ('factor = "much"', "multiply by"), ('template = "OLD-"', "needs {} once"),
    ('date = "DD.MM.YY"', "no way to write a day"), ('date = "week"', "no way to write a day"),
])  # fmt: skip
def test_a_way_to_read_that_is_none_is_refused(part, says):
    with pytest.raises(RuleBroken, match=says):
        mapping.parsed(f'{START}[columns]\na = {{ to = "patient.sex", {part} }}', "map.toml")


def test_two_columns_never_fill_one_fact(session, team, table):
    said = '[columns]\na = { to = "patient.sex" }\nb = [{ to = "patient.family_name" }, { to = "patient.sex" }]'
    (fault,) = run(session, team, table("a,b", "male,x"), said).problems
    assert (fault.row, fault.column, fault.value) == (1, "a, b", "patient.sex")


@pytest.mark.parametrize(
    ("written", "name"), [("windows-1250", "Świątek"), ("windows-1252", "Müller"), ("utf-16", "Ode")]
)
def test_how_a_file_is_written_is_said_and_never_guessed(session, team, table, written, name):
    raw = f"{HEAD}\n1,{name},,5.2.1970,72500,03/04/2020 10:30\n".encode(written)
    if written != "utf-16":
        (fault,) = run(session, team, table(raw=raw)).problems
        assert f"{name},,5" in fault.expected
        assert written in fault.expected
    report = run(session, team, table(raw=raw), head=f'{START}encoding = "{written}"\n')
    assert report.problems == []
    assert session.scalars(select(Patient.family_name)).one() == name


def test_a_sheet_and_the_row_of_its_headings_are_chosen(session, team, tmp_path):
    file = tmp_path / "t.xlsx"
    with Workbook(file) as book:
        book.add_worksheet("Notes").write_row(0, 0, ["nothing"])
        sheet = book.add_worksheet("People")
        for line, text in enumerate(("Title,x", "", HEAD, "1,Ode,,5.2.1970,72500,03/04/2020 10:30")):
            sheet.write_row(line, 0, text.split(","))
    for chosen in ('sheet = "People"', 'sheet = "2"'):
        report = run(session, team, file, head=f"{START}{chosen}\nheading_row = 3\n")
        assert not report.refused, report.sentences()
    with pytest.raises(RuleBroken, match="Its sheets: Notes, People"):
        run(session, team, file, head=f'{START}sheet = "Else"\n')


def test_a_key_of_the_source_comes_in_once_and_never_changes(session, team, table):
    said = COLUMNS + 'key = { to = "row.key" }\n'
    row = "{0},Ode,,5.2.1970,72500,03/04/2020 10:30,{1}"
    assert not run(session, team, table(f"{HEAD},key", row.format(1, "k1")), said).refused
    report = run(session, team, table(f"{HEAD},key", row.format(1, "k1"), row.format(2, "k2")), said)
    assert report.made["Patient"] == 1
    report = run(
        session, team, table(f"{HEAD},key", row.format(3, "k1"), row.format(4, "k3"), row.format(5, "k3")), said
    )
    assert [(fault.row, fault.column) for fault in report.problems] == [(2, "key"), (4, "key")]


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_target_is_listed_with_its_values(kind):
    listed = {target: (unit, values) for _kind, target, _label, unit, values in described(kind)}
    assert all(slot(target, kind) is not None for target in listed)
    assert "weight" not in KINDS[kind] or listed["weight.kg"][0] == "kg"
    assert kind not in NEW_PEOPLE or "female = Female" in listed["patient.sex"][1]
    assert kind in NEW_PEOPLE or "patient.record_number" in listed


def test_rows_with_faults_are_given_back_with_the_reasons(session, team, table):
    good, bad = "1,Ode,,5.2.1970,72500,03/04/2020 10:30", "2,=Bo,,x,72500,03/04/2020 10:30"
    report = run(session, team, table(HEAD, good, bad))
    lines = list(import_report.rejects(report.table, report.problems))
    assert len(lines) == 2
    assert lines[1].startswith("3,")
    assert "'=Bo" in lines[1], "nothing runs as a formula"


def test_every_page_of_a_course_is_shown_where_any_optional_fact_is_missing(ward, tmp_path, app):
    """A published table without source, route and condition."""
    published(ward.team, "BM-MSC-MS")
    ward.session.commit()
    said = 'kind = "courses"\nsource = "o"\nreason = "nr"\n[constants]\n"treatment.protocol" = "BM-MSC-MS"\n'
    said += '"treatment.relation" = "autologous"\n[columns]\nn = { to = "patient.record_number" }\n'
    said += 'at = { to = "administration.performed_at" }\n'
    said += 'v = { to = "visit.y.performed_at" }\ne = { to = "event.y.term" }\n'
    file = tmp_path / "t.csv"
    file.write_text(f"n,at,v,e\nX-1,{ago(90)},{ago(60)},Fever\n")
    by, at = ward.team.coordinator, clock.now()
    report = importing.run(ward.session, "courses", file, mapping.parsed(said, "m"), by, at, dry_run=False)
    assert not report.refused, report.sentences()
    ward.session.commit()
    here, browser = app.url_map.bind("localhost"), ward.browser("physician")
    tables = {kind.__tablename__: kind for kind in (Treatment, Patient)}
    for rule in app.url_map.iter_rules():
        name = next(iter(rule.arguments), "")
        kind = tables.get(NAMED.get(name.removesuffix("_id"), name.removesuffix("_id")))
        if (
            kind is None
            or len(rule.arguments) != 1
            or "GET" not in (rule.methods or ())
            or rule.endpoint == "documents.show"
        ):
            continue
        for row in ward.session.scalars(select(kind.id).limit(1)).all():
            assert browser.get(here.build(rule.endpoint, {name: row})).status_code < 500, rule
    assert ward.session.scalars(select(Treatment.route)).all() == [None]


def test_every_example_of_the_documentation_comes_in(session, team, tmp_path):
    for code in ("UC-MSC-RA", "BM-MSC-MS"):
        published(team, code)
    text = (ROOT / "docs/importing.md").read_text(encoding="utf-8")
    shown = re.findall(r"```\n([^`]*?)```\n\n```toml\n(kind = .*?)```", text, re.DOTALL)
    kinds = []
    for number, (lines, said) in enumerate(shown):
        one, table = mapping.parsed(said, "docs/importing.md"), tmp_path / f"{number}.csv"
        table.write_text(lines, encoding="utf-8")
        report = importing.run(session, one.kind, table, one, team.coordinator, clock.now(), dry_run=False)
        assert not report.refused, (one.kind, report.sentences())
        session.commit()
        kinds.append(one.kind)
    assert sorted(kinds) == sorted(KINDS)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_target_is_understood_wherever_a_column_may_go_to_it(kind):
    for _kind, named, *_told in described(kind):
        place = slot(named.replace("KEY", "k"), kind)
        assert place is not None, named
        assert is_figure(place) in {True, False}
        assert isinstance(import_columns._choices(place), dict)
        assert value_of(place, "what nobody can read", "Europe/Berlin") == "what nobody can read", named
