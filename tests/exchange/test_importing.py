"""Tables in: whole or not at all, each fault named."""

from __future__ import annotations

import io
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select
from xlsxwriter import Workbook

from clinic import clock
from clinic.administration.models import Administration
from clinic.demo.people import rows_of
from clinic.errors import RuleBroken
from clinic.exchange import exporting, importing, tables
from clinic.exchange.exporting import Choice
from clinic.followup.models import FollowUpVisit, OutcomeScore
from clinic.patients.donors import Donor
from clinic.patients.models import Patient, Weight
from clinic.products.models import Product
from clinic.record_display import facts
from clinic.records import Origin
from clinic.release.results import QCResult, Verdict
from clinic.treatments.models import Treatment
from tests.demonstration import DATA
from tests.factories import patient

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from tests.factories import Team

TABLE, MAP = DATA / "bmt_children_uci_187.csv", DATA / "bmt_children_uci_187.toml"
HEADINGS = "Record number,Family name,Given names,Born on,Sex,Allergies"
SCRIPTS = (
    ("Müller-Lüdenscheidt", "Jürgen"),
    ("Ğüneş", "İbrahim"),
    ("Łukasiewicz", "Święta"),
    ("Папандопуло", "Ольга"),
    ("Παπαδοπούλου", "Ελένη"),
    ("الحسيني", "فاطمة"),
    ("כהן", "דוד"),
    ("山田", "太郎"),
    ("김", "민준"),
    ("王", "小明"),
    ("शर्मा", "प्रिया"),
    ("วงศ์สวัสดิ์", "สมชาย"),
    ("Nguyễn", "Thị Ánh"),
    ("ՄԿՐՏՉՅԱՆ", "Արամ"),
)


WIDE = """
kind = "courses"
source = "A register"
missing = ["na"]
reason = "not in the register"
[constants]
"treatment.protocol" = "HPC-M-CHILD"
"treatment.relation" = "allogeneic"
"treatment.source" = "bone_marrow"
"treatment.route" = "intravenous"
"treatment.condition" = "aml"
"donor.kind" = "unrelated"
"product.measure" = "cd34"
[numbered]
"donor.donor_number" = "D-"
[visits]
year1 = { name = "Year 1", course_day = 365 }
[columns]
number = { to = "patient.record_number" }
weight_g = { to = "weight.kg", as = "grams_to_kg" }
volume = { to = "product.volume" }
cd34 = { to = "product.amount" }
given = [{ to = "administration.performed_at" }, { to = "weight.performed_at" }]
ml = { to = "administration.volume_given" }
endotoxin = { to = "qc.endotoxin" }
relapse = { to = "score.year1.relapse", values = { yes = "1", no = "0" } }
event = { to = "event.a.term" }
grade = { to = "event.a.grade" }
"""


def run(session: Session, team: Team, kind: str, *files: Path, dry_run: bool = False):
    """``files``: the table, and its mapping if it has one."""
    file, mapping = (*files, None)[:2]
    return importing.run(session, kind, file, mapping, team.coordinator, clock.now(), dry_run)


def count(session: Session, model: type) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def published(session: Session, model: type):
    """Return the records of a kind that came in with the published table."""
    return session.scalars(select(model).where(model.origin == "imported")).all()


@pytest.mark.slow
def test_the_187_published_children_come_in_whole(demonstration):
    kinds = (Patient, Donor, Treatment, Product, Administration, FollowUpVisit)
    assert [len(published(demonstration, kind)) for kind in kinds] == [187] * 6
    doses = sorted(given.dose_per_kg for given in published(demonstration, Administration))
    assert doses[0] == Decimal("0.79")
    assert doses[-1] == Decimal("57.78")
    assert median(doses) == Decimal("9.72")
    assert sum(dose < 2 for dose in doses) == 15
    cd34 = [result for result in published(demonstration, QCResult) if result.test == "cd34_dose"]
    assert sum(result.verdict is Verdict.OUTSIDE for result in cd34) == 15


@pytest.mark.slow
def test_every_published_figure_reaches_its_record(demonstration):
    """The table is read a second way, by the standard library alone, and compared cell by cell."""
    by_number = {course.patient.record_number: course for course in published(demonstration, Treatment)}
    scores = {
        (score.treatment_id, score.instrument): (score.value, score.did_not_occur)
        for score in published(demonstration, OutcomeScore)
    }
    for position, row in enumerate(rows_of("bmt_children_uci_187.csv"), start=1):
        course = by_number[f"UCI565-{position:03}"]
        mass = row["recipient_body_mass"]
        assert course.weight_kg == (None if mass == "?" else Decimal(mass))
        assert course.age_years == Decimal(row["recipient_age"])
        assert course.patient.sex == row["recipient_gender"]
        day = Decimal(row["ANC_recovery"])
        never = day == 1000000
        assert scores[course.id, "anc_recovery"] == ((None, True) if never else (day, False))
        assert scores[course.id, "anc_recovered"] == (Decimal(not never), False)
        assert scores[course.id, "survival_days"] == (Decimal(row["survival_time"]), False)
        known = row["extensive_chronic_GvHD"]
        assert scores.get((course.id, "chronic_gvhd")) == (None if known == "?" else (Decimal(known == "yes"), False))


@pytest.mark.slow
def test_an_imported_history_says_where_it_comes_from_and_what_it_lacks(demonstration):
    product, given = published(demonstration, Product)[0], published(demonstration, Administration)[0]
    assert product.origin is Origin.IMPORTED
    assert "data set 565" in product.source_note
    assert product.volume is None
    assert product.not_recorded["volume"] == "not in the published data set"
    assert (given.performed_at, given.course_day, given.dose) == (None, 0, None)
    assert "as the source gives it" in given.working


def test_a_dry_run_changes_nothing_and_says_what_it_would_do(session, children, table):
    file = table(*TABLE.read_text().splitlines()[:12])
    report = run(session, children, "courses", file, MAP, dry_run=True)
    session.commit()
    assert count(session, Patient) == 0
    assert report.made["Patient"] == 9
    assert "dry run" in report.sentences()[-1]


def test_one_wrong_cell_keeps_the_whole_table_out(session, team, table):
    file = table(
        HEADINGS, *(f"A-{n},Name{n},Given,1970-01-0{n},female,none_known" for n in range(1, 9)), "A-9,,X,x,f,y"
    )
    report = run(session, team, "patients", file)
    session.commit()
    assert report.refused
    assert count(session, Patient) == 0


def test_each_fault_names_row_column_value_and_what_was_expected(session, team, table):
    file = table("# a remark", HEADINGS, "A-1,Ode,Clara,31.12.1970,f,none_known", "A-2,,,1970-01-01,male,perhaps")
    said = [str(fault) for fault in run(session, team, "patients", file).problems]
    assert said == [
        "Row 3, column Born on: “31.12.1970”; expected a day like 2026-11-23 (Born on)",
        "Row 3, column Sex: “f”; expected one of female, male, other, unknown (Sex)",
        "Row 4, column Allergies: “perhaps”; expected one of not_asked, none_known, present (Allergies)",
        "Row 4, column Family name: empty; expected a value",
    ]


def test_a_person_with_one_name_comes_in_and_one_without_a_birth_date_does_not(session, team, table):
    file = table(HEADINGS, "A-1,,Bo,1970-01-01,male,none_known", "A-2,Ode,,1970-01-01,female,none_known")
    assert run(session, team, "patients", file).problems == []
    named = {(one.family_name, one.given_names) for one in session.scalars(select(Patient))}
    assert named == {(None, "Bo"), ("Ode", None)}
    file = table(HEADINGS, "A-3,Ode,Bo,,male,none_known")
    said = [str(fault) for fault in run(session, team, "patients", file).problems]
    assert said == ["Row 2, column Born on: empty; expected a value"]


def test_a_patient_whose_number_is_known_is_refused(session, team, table):
    known = patient(team, record_number="A-1")
    file = table(
        HEADINGS,
        "A-1,Ode,Clara,1970-01-01,female,none_known",
        "A-2,Bo,B,1970-01-01,male,none_known",
        "A-2,Bo,C,1970-01-01,male,none_known",
    )
    problems = run(session, team, "patients", file).problems
    assert [(fault.row, fault.value) for fault in problems] == [(2, "A-1"), (4, "A-2")]
    assert session.get(Patient, known.id).family_name == known.family_name


def test_a_column_that_nobody_knows_is_a_fault(session, team, table):
    file = table(HEADINGS + ",Shoe size", "A-1,Ode,Clara,1970-01-01,female,none_known,38")
    fault = run(session, team, "patients", file).problems[0]
    assert (fault.row, fault.column) == (1, "Shoe size")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            'kind = "patients"\nsource = "x"\n[columns]\na = { to = "patient.sex", as = "eval" }',
            "no way to read a cell",
        ),
        ('kind = "patients"\nsource = "x"\nevil = "x"', "Extra inputs"),
        ('kind = "courses"\nsource = "x"', "is for courses, not for patients"),
        ("kind =", "cannot be read"),
    ],
)
def test_a_mapping_is_data_and_its_mistakes_are_named(session, team, table, text, says):
    mapping = table(text, name="map.toml")
    with pytest.raises(RuleBroken, match=says):
        run(session, team, "patients", table(HEADINGS), mapping)


def test_what_is_exported_can_be_imported_again(session, team, table):
    """Names of fourteen scripts, and texts that a spreadsheet would run, come back as they were."""
    texts = [*SCRIPTS, ("=1+1", "@SUM(A1)"), ("-Ode", "+Clara"), ('O"Neil, Jr.', "Line\nbreak")]
    for number, (family, given) in enumerate(texts):
        patient(team, record_number=f"R-{number}", family_name=family, given_names=given, weight=None)
    session.flush()
    lines = "".join(exporting.chunks(session, "patients", "csv", Choice(site_id=team.site.id)))
    file = table(raw=lines.encode())
    again = run(session, team, "patients", file)
    known = {f"not that of the patient “{one}”: an import never" for one in session.scalars(select(Patient.id))}
    assert len(known) == len(again.problems)
    assert all(any(said in fault.expected for fault in again.problems) for said in known)
    for one in session.scalars(select(Patient)):
        one.record_number = f"OLD-{one.record_number}"
    session.flush()
    assert run(session, team, "patients", file).problems == []
    imported = select(Patient.family_name, Patient.given_names, Patient.birth_date).where(Patient.origin == "imported")
    older = select(Patient.family_name, Patient.given_names, Patient.birth_date).where(Patient.origin == "clinic")
    assert sorted(map(tuple, session.execute(imported))) == sorted(map(tuple, session.execute(older)))
    assert set(texts) == {(family, given) for family, given, _born in session.execute(imported)}


def test_a_spreadsheet_comes_in_like_a_csv(session, team, tmp_path):
    file = tmp_path / "patients.xlsx"
    with Workbook(file) as book:
        page = book.add_worksheet()
        for line, text in enumerate((HEADINGS, "A-1,Ode,Clara,1970-01-01,female,none_known")):
            page.write_row(line, 0, text.split(","))
    assert run(session, team, "patients", file).made == {"Patient": 1}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_the_encoding_of_a_table_is_found(table, encoding):
    read = tables.read(table(raw="name;town\nJürgen;Köln\n".encode(encoding)))
    assert list(read.rows) == [(2, {"name": "Jürgen", "town": "Köln"})]
    assert bool(read.note) is (encoding == "latin-1")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "no headings"),
        (b"a,a\n1,2", "same heading: a"),
        (b"a,b\n1,2,3", "Row 2 has 3 cells"),
        (b'a,b\n"1,2', "cannot be read as CSV"),
        (b"PK\x00\x03\x04", "not a text file"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_a_sentence(table, raw, says):
    with pytest.raises(RuleBroken, match=says):
        tables.read(table(raw=raw))


def test_a_wide_row_becomes_a_history_with_visits_and_an_event(session, children, table):
    mapping = table(WIDE, name="map.toml")
    columns = "number,weight_g,volume,cd34,given,ml,endotoxin,relapse,event,grade"
    file = table(columns, "N-1,20000,100,120,2020-05-04 10:00,50,<0.05,yes,Fever,2", "N-2,na,na,na,na,na,na,no,,")
    report = run(session, children, "courses", file, mapping)
    assert report.problems == []
    given = session.scalars(select(Administration).where(Administration.performed_at.is_not(None))).one()
    assert given.working == "120 × 10⁶ × 50 mL ÷ 100 mL = 60 × 10⁶; ÷ 20.000 kg = 3 × 10⁶/kg"
    result = session.scalars(select(QCResult)).one()
    assert (result.comparator, result.value) == ("<", Decimal("0.05"))
    visits = session.scalars(select(FollowUpVisit)).all()
    assert [(v.name, v.course_day) for v in visits] == [("Year 1", 365)] * 2
    assert report.made["Adverse event"] == 1


def test_progress_is_told_for_both_passes(session, team, table):
    seen: list[tuple[int, int]] = []
    file = table(HEADINGS, "A-1,Ode,Clara,1970-01-01,female,none_known", "A-2,Bo,B,1970-01-01,male,none_known")
    importing.run(
        session, "patients", file, None, team.coordinator, clock.now(), False, progress=lambda *n: seen.append(n)
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_import_belongs_to_the_importer_in_the_ledger(session, team, table):
    from clinic.ledger.models import LedgerEntry  # noqa: PLC0415

    file = table(HEADINGS, "A-1,Ode,Clara,1970-01-01,female,none_known")
    run(session, team, "patients", file)
    session.commit()
    entry = session.scalars(select(LedgerEntry).where(LedgerEntry.record == "patient")).one()
    assert (entry.actor_id, entry.reason) == (team.coordinator.id, "Import of table.csv")


def test_an_unknown_kind_is_refused(session, team, table):
    with pytest.raises(RuleBroken, match="patients, courses"):
        run(session, team, "dogs", table("a"))


def test_the_spreadsheet_module_is_never_asked_to_run_a_formula(session, team):
    patient(team, record_number="F-1", family_name="=HYPERLINK(1)", weight=None)
    session.flush()
    raw = b"".join(exporting.chunks(session, "patients", "xlsx", Choice(site_id=team.site.id)))  # type: ignore[arg-type]
    import openpyxl  # noqa: PLC0415

    page = openpyxl.load_workbook(io.BytesIO(raw)).active
    cell = next(cell for row in page.iter_rows() for cell in row if cell.value == "=HYPERLINK(1)")
    assert cell.data_type in {"s", "f"}
    assert cell.data_type != "f"


@pytest.mark.parametrize("role", ["administrator", "inspector"])
def test_whoever_writes_no_records_answers_for_no_import(session, team, table, role):
    file = table(HEADINGS, "A-1,Ode,Clara,1970-01-01,female,none_known")
    with pytest.raises(RuleBroken, match="so cannot import"):
        importing.run(session, "patients", file, None, team(role), clock.now(), dry_run=False)


DAYS = """
kind = "patients"
source = "A register"
reason = "not in the register"
[columns]
number = { to = "patient.record_number" }
kg = { to = "weight.kg" }
weighed = { to = "weight.performed_at" }
"""


def test_of_a_day_no_more_comes_in_and_goes_out_than_is_known(session, team, table):
    """A day alone is no midnight: not on a page, not in a file, on whatever clock."""
    written = {"2015-04-01": "1 Apr 2015", "2015-04": "Apr 2015", "2015": "2015", "2015-04~": "about Apr 2015"}
    texts = [*written, "2015-04-01T09:30:00+02:00"]
    lines = ["number,kg,weighed", *(f"D-{number},70,{text}" for number, text in enumerate(texts))]
    assert run(session, team, "patients", table(*lines), table(DAYS, name="map.toml")).problems == []
    chosen = select(Weight).where(Weight.origin == "imported").join(Patient).order_by(Patient.record_number)
    shown = [
        {label: value for label, value, _note in facts(one, "Europe/Berlin")}["Weighed at"]
        for one in session.scalars(chosen)
    ]
    assert shown == [*written.values(), "1 Apr 2015, 09:30"]
    dataset = exporting.dataset_named("weights")
    rows = list(exporting.rows(session, dataset, Choice(site_id=team.site.id)))
    heads = exporting.heading(dataset, Choice())
    for name in ("Weighed at (UTC)", "Weighed at (site time)"):
        assert set(written) < {row[heads.index(name)] for row in rows}
    assert "2015-04-01T07:30:00Z" in {row[heads.index("Weighed at (UTC)")] for row in rows}
