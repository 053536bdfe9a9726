"""Tables out: everything, once, in bounded memory, with nothing that runs."""

from __future__ import annotations

import csv
import hmac
import io
import json
import re
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations, islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from clinic import clock
from clinic.accounts.models import User
from clinic.errors import RuleBroken
from clinic.exchange import exporting
from clinic.exchange.datasets import DICTIONARY, datasets, dictionary, models
from clinic.exchange.export_values import Sign, reader_of
from clinic.exchange.exporting import Choice
from clinic.harvest.models import Harvest
from clinic.model import Model
from clinic.patients.models import Weight
from tests.databases import both_databases
from tests.factories import harvested, patient, ready_for_harvest

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def read(session: Session, name: str, **choice) -> list[dict[str, str]]:
    text = "".join(exporting.chunks(session, name, "csv", Choice(**choice)))
    return list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline="")))


NAMES = (
    "patients weights alerts donors donor-eligibilities blood-typings consents withdrawals treatments "
    "continuations donor-consents "
    "eligibilities stops harvests products movements processing-runs run-inputs manipulations counts "
    "qc-results releases bedside-checks administrations infusion-events dose-changes vital-signs planned-visits "
    "visits scores contacts "
    "adverse-events amendments signatures protocols protocol-versions doses "
    "event-updates event-notifications requests comments attachments downtime-kits staff-authorizations "
    "patient-merges imports imported-rows kept-reports report-submissions "
    "source-audits source-checks"
)
"""Outsiders know the data sets by these names; a new kind of record brings a new one."""


def test_every_kind_of_record_has_a_data_set_under_the_name_that_outsiders_know():
    """Sites and accounts are no records of patients; a notice tells one person of a record that has a data set."""
    assert set(datasets()) == set(NAMES.split())
    kinds = {mapper.class_ for mapper in Model.registry.mappers if issubclass(mapper.class_, Model)}
    assert {kind.__name__ for kind in kinds - set(models().values())} == {"Notice", "Site", "User"}


@both_databases
def test_the_rows_taken_out_are_the_rows_that_are_there(session, team):
    harvested(ready_for_harvest(team), team)
    session.flush()
    for name, dataset in datasets().items():
        assert len(read(session, name)) == exporting.count(session, dataset), name
    assert len(read(session, "harvests")) == 1


def test_a_record_tells_who_did_it_who_wrote_it_who_signed_and_when(session, team):
    harvested(ready_for_harvest(team), team)
    session.flush()
    row = read(session, "harvests")[0]
    assert row["Collected by"] == team.physician.printed_name
    assert row["Recorded by"] == team.nurse.printed_name
    assert row["Signatures"] == f"{team.physician.printed_name} (authorship)"
    assert row["Start (UTC)"].endswith("Z")
    assert row["Start (site time)"][-6:] in {"+01:00", "+02:00"}
    assert row["Time zone of the site"] == "Europe/Berlin"
    assert row["Volume collected (mL)"] == "60"
    assert (row["Origin"], row["Amended"]) == ("clinic", "no")


def test_an_amendment_after_a_signature_shows_in_the_table(session, team):
    harvest = harvested(ready_for_harvest(team), team)
    session.flush()
    session.add(harvest.amend(by=team.physician, at=clock.now(), reason="Misread", passes=19))
    session.flush()
    assert read(session, "harvests")[0]["Amended"] == "yes, after it was signed"


def test_a_text_that_a_spreadsheet_would_run_is_kept_from_running(session, team):
    for number, text in enumerate(("=1+1", "+1", "-1", "@A1", "\tx", "\rx")):
        patient(team, record_number=f"F{number}", family_name=text, weight=None)
    session.flush()
    names = {row["Family name"] for row in read(session, "patients")}
    assert names == {"'=1+1", "'+1", "'-1", "'@A1", "'\tx", "'\rx"}


def test_a_negative_number_stays_a_number():
    lines = list(exporting.csv_lines(["a"], [[Decimal("-4.50")], [-3], ["-3"]]))
    assert lines == ["\ufeffa\r\n", "-4.50\r\n", "-3\r\n", "'-3\r\n"]


def test_the_comparator_of_a_result_is_no_formula():
    assert list(exporting.csv_lines(["a", "b"], [[Sign("="), "="]]))[1] == "=,'=\r\n"


def test_comment_lines_are_never_quoted_and_cells_with_their_mark_are():
    text = "".join(exporting.csv_lines(["a", "#b"], [["#Ode", 1], ["x", "1 #2"]], ['Order: a, "b"\nlast', "of: x"]))
    assert text == '\ufeff# Order: a, "b" last\r\n# of: x\r\na,"#b"\r\n"#Ode",1\r\nx,"1 #2"\r\n'
    assert "".join(exporting.csv_lines(["a"], [["#Ode"]])) == "\ufeffa\r\n#Ode\r\n"
    column = next(one for set_ in datasets().values() for one in set_.columns if one.key == "comparator")
    assert isinstance(reader_of(column, 0)[1]("=", None), Sign)


def test_a_text_that_does_not_fit_into_a_cell_says_so():
    with exporting.xlsx_file(["a"], [["x" * 40_000], ["y" * 32_767]]) as file:
        rows = CalamineWorkbook.from_filelike(file).get_sheet_by_index(0).to_python()
    said = "… [the first part of 40,000 characters; CSV and JSON lines have all of them]"
    assert (len(rows[1][0]), rows[1][0].endswith(said)) == (32_767, True)
    assert rows[2] == ["y" * 32_767]


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_whatever_is_written_is_read_again(rows):
    text = "".join(exporting.csv_lines(["a", "b"], rows)).lstrip("\ufeff")
    found = list(csv.reader(io.StringIO(text, newline="")))[1:]
    guarded = [[f"'{cell}" if cell.startswith(exporting.RUNS_AS_FORMULA) else cell for cell in row] for row in rows]
    assert found == guarded


def test_a_long_table_is_read_a_page_at_a_time(session, team, monkeypatch, queries):
    for number in range(7):
        patient(team, record_number=f"L{number}", weight=None)
    session.commit()
    monkeypatch.setattr(exporting, "PAGE", 2)
    count = queries()
    rows = exporting.rows(session, datasets()["patients"], Choice())
    assert len(list(islice(rows, 2))) == 2
    first = count()
    assert len(list(rows)) == 5
    assert count() > first
    assert first <= 4


def test_ten_thousand_rows_are_never_in_memory_at_once(session, team, monkeypatch):
    """Rows are made as they are asked for: the writer holds a bundle of lines, the reader a page of rows."""
    held, most = 0, 0

    def rows():
        nonlocal held, most
        for number in range(10_000):
            held += 1
            most = max(most, held)
            yield [number, "x"]

    lines = exporting._bundles(exporting.csv_lines(["a", "b"], rows()))
    for bundle in lines:
        assert bundle.count("\r\n") <= exporting.BUNDLE
        held = 0
    assert most <= exporting.BUNDLE


@pytest.mark.rule(73)
def test_the_research_variant_names_nobody(session, team):
    one = patient(
        team,
        family_name="Unmistakable",
        given_names="Person",
        phone="0123 456789",
        allergy_status="present",
        allergies="Told by Mrs Unmistakable",
        not_recorded={"email": "Mrs Unmistakable would not say"},
    )
    harvest = harvested(ready_for_harvest(team, one), team, notes="Mrs Unmistakable was late")
    session.add(harvest.amend(by=team.physician, at=clock.now(), reason="Mrs Unmistakable said so", passes=13))
    session.flush()
    for name in datasets():
        text = "".join(exporting.chunks(session, name, "csv", Choice(research=True)))
        for secret in ("Unmistakable", str(one.record_number), "0123 456789", one.birth_date.isoformat()):
            assert secret not in text, name
    assert "Unmistakable" in "".join(exporting.chunks(session, "patients", "csv", Choice()))


@pytest.mark.rule(73)
def test_the_research_variant_names_no_staff_and_tells_no_day_or_time(demonstration):
    harvests = demonstration.execute(select(Harvest.performed_at, Harvest.time_out_at)).all()
    told = {f"{at:%Y-%m-%d}T" for row in harvests for at in row if at}
    staff = {name.casefold() for name in demonstration.scalars(select(User.printed_name))}
    for name in datasets():
        choice = Choice(research=True, secret="of this test")
        text = "".join(exporting.chunks(demonstration, name, "csv", choice)).casefold()
        assert not [one for one in staff if one in text], name
        assert not [one for one in told if one.casefold() in text], name
        assert re.search(r"\d\d:\d\d", text) is None, f"{name} tells a time of day"


def shifted_by(person, secret):
    """By how many days a person's are shifted, worked out a second time."""
    drawn = hmac.digest(secret.encode(), person.encode(), "sha256")
    return int.from_bytes(drawn[:8], "big") % 365 + 1


@both_databases
@pytest.mark.rule(73)
def test_the_days_of_one_patient_are_shifted_alike_in_every_table_and_those_of_another_differently(session, team):
    ways = []
    first, second = (harvested(ready_for_harvest(team, patient(team)), team) for _ in range(2))
    session.flush()
    people = [one.treatment.patient_id for one in (first, second)]
    secrets = next(
        pair for pair in combinations(map(str, range(50)), 2)
        if len({shifted_by(person, secret) for person in people for secret in pair}) == 4
    )  # fmt: skip
    for secret in secrets:
        found = {}
        for name, attribute in (("harvests", "performed_at"), ("movements", "performed_at")):
            model, kept = datasets()[name].model, Choice(research=True, secret=secret, zone="Europe/Berlin")
            columns = [column.key for column in datasets()[name].chosen(research=True)]
            exact = {
                row.id: clock.day(getattr(row, attribute), "Europe/Berlin") for row in session.scalars(select(model))
            }
            for row in exporting.rows(session, datasets()[name], kept):
                shown = dict(zip(columns, row, strict=True))
                shift = exact[shown["id"]] - date.fromisoformat(shown[attribute])
                found.setdefault(_whose(session, model, shown["id"]), set()).add(shift.days)
        assert {len(shifts) for shifts in found.values()} == {1}, found
        assert [found[person] for person in people] == [{shifted_by(person, secret)} for person in people]
        ways += [found[person] for person in people]
    assert len(set(map(frozenset, ways))) == 4, "another patient, another secret: other days"
    assert all(1 <= shift <= 365 for way in ways for shift in way)


def _whose(session, model, id_):
    row = session.get(model, id_)
    return (row.product.harvest.treatment if hasattr(row, "product") else row.treatment).patient_id


@pytest.mark.rule(73)
def test_the_research_variant_gives_the_age_and_no_age_above_ninety(session, team):
    today = clock.today("Europe/Berlin")
    patient(
        team, birth_date=today.replace(year=today.year - 44) - timedelta(days=1), record_number="OLD-1", weight=None
    )
    patient(team, birth_date=today.replace(year=today.year - 97), record_number="OLD-2", weight=None)
    session.flush()
    rows = read(session, "patients", research=True)
    heading = next(name for name in rows[0] if name.startswith("Age on the day"))
    assert sorted(row[heading] for row in rows) == ["44", "90"]


@pytest.mark.hazard("H35")
def test_a_table_holds_the_rows_of_one_site_only(session, team, southern_team):
    patient(team, record_number="NORTH-1", weight=None)
    patient(southern_team, record_number="SOUTH-1", weight=None)
    session.flush()
    assert [row["Record number"] for row in read(session, "patients", site_id=team.site.id)] == ["NORTH-1"]
    assert {row["Site"] for row in read(session, "patients")} == {"north", "south"}


def test_a_span_of_days_is_counted_on_the_site_clock(session, team):
    one = patient(team, weight=None)
    from datetime import UTC, date, datetime  # noqa: PLC0415

    for hour in (21, 23):
        when = datetime(2026, 7, 1, hour, tzinfo=UTC)
        team.add(
            Weight.log(
                by=team.nurse, at=when, patient=one, kg=Decimal(hour), performed_at=when, performed_by=team.nurse
            )
        )
    day = {"since": date(2026, 7, 2), "until": date(2026, 7, 2), "zone": "Europe/Berlin"}
    assert [row["Weight (kg)"] for row in read(session, "weights", **day)] == ["23"]


def test_json_lines_keep_every_digit_and_every_text(session, team):
    one = patient(team, family_name="=SUM(A1)", weight="72.50")
    session.flush()
    lines = "".join(exporting.chunks(session, "weights", "jsonl", Choice())).splitlines()
    assert [str(json.loads(line, parse_float=Decimal)["Weight (kg)"]) for line in lines] == ["72.50"]
    assert '"Weight (kg)": 72.50' in lines[0], "a number with all of its digits"
    told = json.loads("".join(exporting.chunks(session, "patients", "jsonl", Choice())))
    assert told["Family name"] == one.family_name


def test_an_unknown_data_set_or_format_is_named_with_those_there_are(session):
    with pytest.raises(RuleBroken, match="patients"):
        exporting.chunks(session, "dogs", "csv", Choice())
    with pytest.raises(RuleBroken, match="csv, xlsx, jsonl"):
        exporting.chunks(session, "patients", "pdf", Choice())


def test_the_dictionary_explains_every_column_of_every_data_set():
    rows = [dict(zip(DICTIONARY, row, strict=True)) for row in dictionary()]
    for dataset in datasets().values():
        told = [row["heading"] for row in rows if row["dataset"] == dataset.name]
        assert told == [column.heading for column in dataset.columns]
    volume = next(row for row in rows if row["dataset"] == "harvests" and row["column"] == "volume")
    assert (volume["unit"], volume["possible"], volume["required"]) == ("mL", "0.1 to 10000", "yes")
    sex = next(row for row in rows if row["dataset"] == "patients" and row["column"] == "sex")
    assert sex["choices"].startswith("female = Female; male = Male")
    name = next(row for row in rows if row["dataset"] == "patients" and row["column"] == "family_name")
    assert (name["identifying"], name["in research variant"]) == ("yes", "no")


def test_two_headings_of_one_data_set_are_never_the_same():
    for dataset in datasets().values():
        headings = [column.heading for column in dataset.columns]
        assert len(headings) == len(set(headings)), dataset.name


def test_the_doses_of_an_administration_are_five_columns(demonstration):
    rows = read(demonstration, "doses")
    infant = next(row for row in rows if "cord tissue" in row["Origin of tissue"])
    assert infant["Donor"].startswith("Allogeneic, cord")
    assert "CD73 97.9 %" in "".join(row["Exhibited characteristics"] for row in rows)
    assert all(row["Site of delivery"] for row in rows)
