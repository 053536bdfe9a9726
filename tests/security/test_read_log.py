"""Rule 70: who looked at which patient's record is written down, chained, and answered to those whose trade it is."""

# ruff: noqa: S608 - whoever tampers writes SQL by hand

from __future__ import annotations

import base64
import hashlib
import re
import sqlite3
import threading
from contextlib import closing
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, select, text, update

from clinic import clock, read_log
from clinic.accounts.models import Site
from clinic.cli import clinic
from clinic.exchange import exporting
from clinic.exchange.datasets import datasets
from clinic.extensions import db
from clinic.harvest.models import Harvest
from clinic.ledger.models import ReadEntry, ReadHead
from clinic.ledger.reads import LONGEST, Reading, add
from clinic.ledger.verify import all_heads, verify
from clinic.patients.donors import Donor
from clinic.read_log import Log
from clinic.reports.line_columns import listed, lists
from tests.databases import both_databases
from tests.factories import harvested, patient, ready_for_harvest
from tests.security.test_proof import behind

pytestmark = pytest.mark.rule(70)


def hash_of(raw):
    return base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")


@pytest.fixture
def course(session, team):
    harvest = harvested(ready_for_harvest(team), team)
    session.commit()
    return SimpleNamespace(id=harvest.treatment.id, patient=harvest.treatment.patient.id, harvest=harvest.id)


@pytest.fixture
def readings(app, session):
    """Return what was noted since the last time, written to the database first."""
    app.extensions["readings"].waiting.clear()
    app.extensions["shown"].clear()
    seen = [0]

    def found():
        session.rollback()
        assert app.extensions["readings"].write()
        rows = session.scalars(select(ReadEntry).where(ReadEntry.key > seen[0]).order_by(ReadEntry.key)).all()
        seen[0] = max([seen[0], *(row.key for row in rows)])
        return [(row.kind, row.what, row.about, row.patient_id) for row in rows]

    return found


@both_databases
def test_each_page_about_a_patient_leaves_one_entry(course, client_as, readings, user):
    nurse = client_as("nurse")
    for address, what, about in (
        (f"/patients/{course.patient}", "pathway.patient", course.patient),
        (f"/treatments/{course.id}", "pathway.course", course.id),
        (f"/patients/{course.patient}/timeline", "pathway.timeline_of", course.patient),
        (f"/harvests/{course.harvest}", "harvest.show", course.harvest),
        (f"/patients/{course.patient}/alerts/new", "patients.new_alert", course.patient),
    ):
        assert nurse.get(address).status_code == 200, address
        assert readings() == [("view", what, about, course.patient)], address


def test_what_shows_no_patient_leaves_none_and_nor_does_what_is_refused(course, client_as, readings):
    nurse, south = client_as("nurse"), client_as("nurse", site="south")
    for browser, address in (
        (nurse, "/products"), (nurse, "/protocols"), (nurse, "/reports"), (client_as("administrator"), "/"),
        (south, f"/patients/{course.patient}"), (client_as("administrator"), f"/patients/{course.patient}"),
    ):  # fmt: skip
        browser.get(address)
    assert readings() == []


def test_each_page_of_a_list_that_nobody_searched_for_leaves_one_entry(course, client_as, readings):
    nurse = client_as("nurse")
    for address, what, about in (
        ("/patients", "pathway.patients", r"list patients, 1 line"),
        ("/", "pathway.today", r"list Today, \d+ lines?"),
    ):
        assert nurse.get(address).status_code == 200, address
        found = readings()
        assert [(one[0], one[1], one[3]) for one in found] == [("view", what, "")], address
        assert re.fullmatch(about, found[0][2]), address


def test_an_empty_list_leaves_none(client_as, readings):
    client_as("nurse").get("/patients")
    assert readings() == []


def test_each_hit_of_a_search_leaves_one_entry(course, client_as, readings, session, team):
    session.commit()
    other = patient(team, family_name="Zzyzx")
    session.commit()
    nurse = client_as("nurse")
    nurse.post("/patients", data={"q": "Zzyzx"}, follow_redirects=True)
    assert readings() == [("search", "pathway.patients", "", other.id)]
    nurse.post("/patients", data={"q": "no such person"}, follow_redirects=True)
    assert readings() == []


def test_exports_leave_one_entry_each(course, client_as, readings):
    quality = client_as("quality")
    table = quality.get("/exports/patients.csv").data
    research = quality.get("/exports/harvests.xlsx?research=1").data
    quality.get(f"/patients/{course.patient}/timeline.csv")
    assert readings() == [
        ("export", "exchange.download", f"patients.csv {hash_of(table)}", ""),
        ("export", "exchange.download", f"harvests.xlsx research {hash_of(research)}", ""),
        ("export", "pathway.timeline_csv", "timeline", course.patient),
    ]


def test_what_an_access_log_says_of_an_export_fits_its_column():
    said = [exporting.about(name, "jsonl", "x" * 43, research=True) for name in datasets()]
    assert max(map(len, said)) <= LONGEST


@pytest.fixture
def command(house, tmp_path, monkeypatch):
    monkeypatch.setenv("CLINIC_INSTANCE", str(tmp_path))
    monkeypatch.setenv("CLINIC_DATABASE_URL", house.store.url)
    monkeypatch.setattr("clinic.console.COMMAND_WAIT", 0)
    return lambda *words: CliRunner().invoke(clinic, list(words))


def test_an_export_of_the_command_line_leaves_its_entry(course, command, session, user, client_as, page, tmp_path):
    site, reader, email = user("quality").site_id, user("quality").id, user("quality").email
    session.commit()
    table = command("export", "patients", "--site", "north", "--as", email).stdout_bytes
    assert command("export", "harvests", "-o", str(tmp_path / "all.csv")).exit_code == 0
    session.rollback()
    rows = session.scalars(select(ReadEntry).order_by(ReadEntry.key)).all()
    sites = session.scalars(select(Site.id).order_by(Site.id)).all()
    assert [(row.site_id, row.reader_id, row.about) for row in rows] == [
        (site, reader, f"patients.csv {hash_of(table)}"),
        *((one, one, f"harvests.csv {hash_of((tmp_path / 'all.csv').read_bytes())}") for one in sites),
    ]
    assert verify(session) == []
    shown = page(client_as("quality"), "/ledger/readings")
    assert "Command line" in shown
    assert f"SHA-256 {hash_of(table)}" in shown


@pytest.mark.parametrize("words", [
    ("--as", "administrator@north.demo"), ("--as", "administrator@north.demo", "--site", "north"),
    ("--as", "quality@north.demo", "--site", "south"),
])  # fmt: skip
def test_nobody_is_named_as_the_reader_of_what_they_may_not_read(command, session, words):
    assert command("export", "patients", *words).exit_code == 1
    session.rollback()
    assert session.scalars(select(ReadEntry)).all() == []


def test_who_is_named_reads_the_own_site_without_naming_it(command, session):
    session.close()
    named, own = (
        command("export", "patients", "--as", "quality@north.demo", *site) for site in (["--site", "north"], [])
    )
    assert (own.exit_code, own.stdout_bytes) == (0, named.stdout_bytes)
    session.rollback()
    assert len(session.scalars(select(ReadEntry)).all()) == 2


def test_an_export_beside_a_writer_leaves_its_entry_for_later(course, command, house, session, app, tmp_path):
    session.close()
    with closing(sqlite3.connect(house.store.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert command("export", "patients").stdout_bytes
        other.execute("ROLLBACK")
    assert [file.name for file in tmp_path.glob("readings*")] == ["readings.jsonl"]
    log = SimpleNamespace(instance_path=str(tmp_path), logger=app.logger)
    with app.app_context():
        Log(log, db.engine).take_left()
    assert {row.what for row in session.scalars(select(ReadEntry))} == {"command line"}
    assert list(tmp_path.glob("readings*")) == []
    assert verify(session) == []


def test_the_records_behind_a_report_and_its_files_leave_their_entries(course, client_as, readings):
    quality = client_as("quality")
    readings()
    figures = quality.get("/reports/funnel").text
    assert readings() == []
    behind_it = re.findall(r'href="(/reports/funnel/records[^"]+)"', figures)
    assert quality.get(behind_it[0].replace("&amp;", "&")).status_code == 200
    assert readings() == [("search", "reports.records", "", course.patient)]
    assert quality.get("/reports/funnel.csv").status_code == 200
    assert readings() == [("export", "reports.download", "report funnel.csv", "")]


def test_each_page_of_a_line_list_leaves_its_patients_or_its_own_name(course, client_as, readings, session, team):
    """A list that names no patient is named itself; an amendment or signature leads to the patient of their record."""
    harvest = session.get(Harvest, course.harvest)
    harvest.amend(by=team.quality, at=clock.now(), reason="slip of the pen", notes="told later")
    new_donor = team.add(Donor.log(by=team.coordinator, at=clock.now(), kind="unrelated", donor_number="R-12"))
    session.commit()
    nurse = client_as("nurse")
    readings()
    for dataset in (one for one in lists() if listed(one.name).patient is None):
        answer = nurse.get(f"/reports/lists/{dataset.name}")
        rows, found = answer.text.count('<th scope="row" class="c-num c-nowrap">'), readings()
        assert answer.status_code == 200
        assert bool(found) is bool(rows), dataset.name
        assert {one[0] for one in found} <= {"search", "view"}
    whose = ("search", "lists.show", "", course.patient)
    for name, wanted in (
        ("harvests", {whose}), ("amendments", {whose}), ("signatures", {whose}),
        ("donors", {whose, ("view", "lists.show", "line list donors", "")}),
        ("harvests?by=source", {whose, ("view", "lists.show", "line list harvests", "")}),
    ):  # fmt: skip
        assert nurse.get(f"/reports/lists/{name}").status_code == 200
        assert set(readings()) == wanted, name
        assert nurse.get(f"/reports/lists/{name.partition('?')[0]}.csv").status_code == 200
        assert readings() == [("export", "lists.download", f"line list {name.partition('?')[0]}.csv", "")]
    assert new_donor.id in nurse.get("/reports/lists/donors").text
    readings()
    assert nurse.get("/reports/lists/donors?order=nothing").status_code == 422
    assert readings() == []


def test_the_head_of_a_print_counts_with_its_page_and_alone_on_its_own(course, client_as, readings):
    nurse = client_as("nurse")
    nurse.get(f"/patients/{course.patient}")
    nurse.get(f"/patients/{course.patient}/print.css")
    assert len(readings()) == 1
    client_as("physician").get(f"/patients/{course.patient}/print.css")
    assert len(readings()) == 1


def test_the_downtime_kit_leaves_an_entry_for_each_patient(course, client_as, post, readings):
    post(client_as("nurse"), "/downtime")
    assert ("print", "downtime.print_kit", "", course.patient) in readings()


def test_an_entry_holds_ids_and_nothing_of_a_patient(course, client_as, readings, session):
    client_as("nurse").get(f"/patients/{course.patient}")
    readings()
    row = session.scalars(select(ReadEntry)).one()
    assert set(row.content()) == {"site", "number", "at", "reader", "kind", "what", "about", "patient", "previous"}


@pytest.mark.parametrize("role", ["quality", "director", "inspector"])
def test_quality_reads_who_looked_at_a_record(course, client_as, page, readings, user, role):
    client_as("nurse").get(f"/patients/{course.patient}")
    readings()
    shown = page(client_as(role), f"/ledger/readings?patient={course.patient}")
    assert user("nurse").printed_name in shown
    assert "opened" in shown


def test_a_patients_number_is_sent_in_the_form_and_stands_in_no_address(course, client_as, page, readings, session):
    number = session.execute(text(f"SELECT record_number FROM patient WHERE id = '{course.patient}'")).scalar_one()
    session.commit()
    client_as("nurse").get(f"/patients/{course.patient}")
    readings()
    quality = client_as("quality")
    for url, box in (("/ledger/readings", "patient"), ("/ledger", "record")):
        answer = quality.post(url, data={box: number, "kind": "view"})
        assert (answer.status_code, number in answer.location) == (303, False)
        assert number in page(quality, answer.location), "it is in its box again"
    answer = quality.post("/ledger/readings", data={"patient": number})
    assert "Nadia Rask" in page(quality, answer.location).html.partition("<table")[2]
    assert "No patient has the number" in page(quality, f"/ledger/readings?patient={number}"), "no address is answered"


def test_the_day_of_the_access_log_is_asked_in_three_boxes(course, client_as, page, readings):
    client_as("nurse").get(f"/patients/{course.patient}")
    readings()
    today, quality = clock.today("Europe/Berlin"), client_as("quality")
    boxes = f"day-d={today.day}&day-m={today.month}&day-y={today.year}"
    assert "Nadia Rask" in page(quality, f"/ledger/readings?{boxes}").html.partition("<table")[2]
    assert "No matching entries" in page(quality, "/ledger/readings?day-d=1&day-m=2&day-y=2020").text
    assert "is not a date" in page(quality, "/ledger/readings?day-d=31&day-m=2&day-y=2026").text


def test_an_administrator_is_answered_without_names_of_patients(course, client_as, page, readings, session, user):
    client_as("nurse").get(f"/patients/{course.patient}")
    readings()
    shown = page(client_as("administrator"), "/ledger/readings")
    assert course.patient in shown
    name = session.execute(text(f"SELECT family_name FROM patient WHERE id = '{course.patient}'")).scalar_one()
    assert name.casefold() not in shown.text.casefold().replace("treatment", "")


@pytest.mark.hazard("H35")
def test_other_clinics_and_other_roles_are_not_answered(course, client_as, page, readings):
    client_as("nurse").get(f"/patients/{course.patient}")
    readings()
    assert "No matching entries" in page(client_as("quality", site="south"), "/ledger/readings")
    assert client_as("nurse").get("/ledger/readings").status_code == 403
    assert "No patient has the number" in page(client_as("quality"), "/ledger/readings?patient=nonsense&day=x&who=y")


def some(team, count=3):
    return [Reading(team.site.id, clock.now(), team.nurse.id, "view", "x", "", f"PT-{n:09}") for n in range(count)]


@both_databases
@pytest.mark.hazard("H22")
def test_the_chain_of_readings_verifies_and_the_database_keeps_it(session, team, engine):
    add(session, some(team))
    session.commit()
    add(session, some(team))
    session.commit()
    assert verify(session) == []
    assert all_heads(session)[f"readings {team.site.id}"].number == 6
    for statement in (update(ReadEntry).values(kind="x"), delete(ReadEntry)):
        with pytest.raises(Exception, match="never changed"):
            session.execute(statement)
        session.rollback()


@pytest.mark.hazard("H22")
@pytest.mark.parametrize("statement", [
    "UPDATE read_entry SET reader_id = 'US-000000000' WHERE number = 2", "DELETE FROM read_entry WHERE number = 2",
    "DELETE FROM read_entry WHERE number = 3", "UPDATE read_entry SET at = replace(at, ' ', '_') WHERE number = 2",
    "DELETE FROM read_entry", "UPDATE read_head SET number = 2",
])  # fmt: skip
def test_a_reading_that_was_changed_or_removed_is_found(session, team, house, statement):
    add(session, some(team))
    session.commit()
    session.close()
    behind(house, statement)
    assert {fault.table for fault in verify(session)} <= {"read_entry", "read_head"}
    assert verify(session)


@pytest.mark.hazard("H23")
def test_readings_that_were_cut_off_with_their_head_show_against_a_seal(session, team, house):
    add(session, some(team))
    session.commit()
    kept = all_heads(session)
    last = session.scalars(select(ReadEntry.previous).where(ReadEntry.number == 3)).one()
    session.close()
    behind(house, "DELETE FROM read_entry WHERE number = 3", f"UPDATE read_head SET number = 2, hash = '{last}'")
    assert verify(session) == []
    assert ["1 entries are missing" in str(fault) for fault in verify(session, earlier=[kept])] == [True]


@both_databases
def test_the_thread_beside_the_server_writes_what_it_is_given(app, engine, session, team):
    log, rows = Log(app, engine), some(team, 40)
    session.commit()
    writers = [threading.Thread(target=log.put, args=([row],)) for row in rows]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    log.close()
    log.thread.join(10)
    assert session.scalar(select(ReadHead.number)) == 40
    assert verify(session) == []


def test_a_busy_database_loses_no_reading(app, engine, session, team, house, monkeypatch):
    monkeypatch.setattr(read_log, "AGAIN", 0.05)
    log, rows = Log(app, engine), some(team)
    session.close()
    with closing(sqlite3.connect(house.store.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with closing(engine.raw_connection()) as own:
            own.execute("PRAGMA busy_timeout=50")
        log.put(rows)
        assert not log.write()
        assert len(log.waiting) == 3
        other.execute("COMMIT")
    log.close()
    log.thread.join(10)
    assert session.scalar(select(ReadHead.number)) == 3
    engine.dispose()
