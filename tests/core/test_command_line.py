"""The command line: what it does, what it answers, and with which status it ends."""

from __future__ import annotations

import json
import socket
import sqlite3
import sys
from contextlib import closing

import pytest
from sqlalchemy import select

from clinic import cli, clock
from clinic.accounts.models import User
from clinic.ledger.listener import set_actor
from tests.factories import harvested, patient, ready_for_harvest
from tests.shell import shell


@pytest.fixture
def run(house, tmp_path, monkeypatch, capsys):
    """Run the command line over the clinic under test: ``status, out, err = run("verify")``."""
    return shell(monkeypatch, capsys, house.store.url, tmp_path / "instance")


@pytest.fixture
def treated(session, team):
    harvest = harvested(ready_for_harvest(team), team)
    session.commit()
    return harvest


def test_an_untouched_clinic_verifies(run, treated):
    status, out, err = run("verify")
    assert (status, err) == (0, "")
    assert "every record agrees" in out


@pytest.mark.hazard("H22")
def test_verify_names_table_row_and_column_and_ends_with_one(run, treated, house, session):
    public_id = treated.id
    session.close()
    with closing(sqlite3.connect(house.store.file)) as behind:
        behind.execute("UPDATE harvest SET volume = '601' WHERE id = ?", (public_id,))
        behind.commit()
    status, out, err = run("verify")
    assert status == 1
    said = "Volume collected was changed outside the ledger: it says “601”, the ledger “60”"
    assert out == f"harvest {public_id}, volume: {said}\n"
    assert err == "clinic: The records and the ledger disagree in 1 place.\n"


def test_what_an_older_program_judged_otherwise_is_judged_anew(run, treated, house, session):
    """An update can judge otherwise than what is stored; verify says what to do, and that helps."""
    session.close()
    with closing(sqlite3.connect(house.store.file)) as behind:
        behind.execute("UPDATE course_line SET word = 'as before the update'")
        behind.commit()
    status, out, _err = run("verify")
    assert (status, "run clinic sweep --all" in out) == (1, True)
    assert run("sweep", "--all")[0] == 0
    assert run("verify")[0] == 0


@pytest.mark.hazard("H23")
def test_a_seal_shows_what_a_restored_backup_lacks(run, treated, session, team, tmp_path):
    assert run("backup", tmp_path / "old.db")[0] == 0
    patient(team, weight=None)
    session.commit()
    session.close()
    assert run("seal", "-o", tmp_path / "seal.json")[0] == 0
    assert run("verify", "--head", tmp_path / "seal.json")[0] == 0
    status, out, _err = run("restore", tmp_path / "old.db")
    assert status == 0
    assert "lacks the last entries of its ledger: 1." in out
    assert "1 × new patient" in out
    assert run("verify")[0] == 0, "a backup agrees with itself"
    status, out, _err = run("verify", "--head", tmp_path / "seal.json")
    assert status == 1
    assert "1 entries are missing since the earlier head" in out


def test_a_seal_that_was_changed_is_refused(run, treated, tmp_path):
    file = tmp_path / "seal.json"
    run("seal", "-o", file)
    said = json.loads(file.read_text())
    said["at"] = "2020-01-01T00:00:00+00:00"
    file.write_text(json.dumps(said))
    assert run("verify", "--head", file) == (1, "", "clinic: The seal was changed after it was signed.\n")


def test_a_backup_overwrites_nothing(run, treated, tmp_path):
    kept = tmp_path / "kept.db"
    kept.write_text("mine")
    status, _out, err = run("backup", kept)
    assert (status, kept.read_text()) == (1, "mine")
    assert err.count("\n") == 1


@pytest.mark.hazard("H34")
def test_what_is_no_backup_or_was_tampered_with_is_not_restored(run, treated, session, tmp_path):
    session.close()
    rubbish = tmp_path / "rubbish.db"
    rubbish.write_bytes(b"not a database, but long enough to look like one" * 100)
    assert run("restore", rubbish)[0] == 1
    assert run("restore", tmp_path / "nothing.db")[0] == 1
    assert run("backup", tmp_path / "copy.db")[0] == 0
    with closing(sqlite3.connect(tmp_path / "copy.db")) as behind:
        behind.execute("UPDATE patient SET family_name = 'Nobody'")
        behind.commit()
    status, _out, err = run("restore", tmp_path / "copy.db")
    assert status == 1
    assert "is damaged; nothing was restored" in err
    assert run("verify")[0] == 0


def test_a_person_is_added_listed_reset_and_disabled(run, house, session):
    session.close()
    status, out, err = run(
        "user", "add", "Nora Vik", "--role", "nurse", "--site", "north", "--email", "Nora.Vik@clinic.example"
    )
    assert (status, err) == (0, "")
    assert "Nora Vik is nurse at Cellcourse North" in out
    assert out.count("http") == 1
    assert "north\tnora.vik@clinic.example\tnurse\tNora Vik\tactive" in run("user", "list")[1]
    assert run("user", "reset", "nora.vik@clinic.example")[0] == 0
    assert run("user", "disable", "nora.vik@clinic.example")[0] == 0
    assert session.scalars(select(User.active).where(User.email == "nora.vik@clinic.example")).one() is False
    session.commit()
    assert run("verify")[0] == 0


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("bogus", 2),
        ("user add", 2),
        ("user add Xy --role king --site north --email a@b.cd", 2),
        ("user add Xy --role nurse --site west --email a@b.cd", 1),
        ("user disable nobody@x.yz", 1),
        ("export", 2),
        ("export nothing", 1),
        ("export patients --format pdf", 1),
        ("export patients --from yesterday", 2),
        ("import patients no-such-file.csv --as coordinator@north.demo", 1),
        ("verify --head no-such-file", 2),
        ("serve --port 99999", 2),
        ("serve --workers 3", 2),
        ("demo", 1),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence(run, session, words, status):
    session.close()
    ended, out, err = run(*words.split())
    assert ended == status, err
    assert out == ""
    assert err.startswith("clinic: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLINIC_SECRET_KEY", "short"),
        ("CLINIC_ENV", "staging"),
        ("CLINIC_TRUSTED_PROXIES", "many"),
        ("CLINIC_DATABASE_URL", "nonsense"),
    ],
)
def test_a_setting_that_is_wrong_stops_it_with_two(run, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    status, out, err = run("verify")
    assert (status, out, err.count("\n")) == (2, "", 1)


def test_a_database_without_a_schema_says_what_to_do(run, house, tmp_path, monkeypatch):
    monkeypatch.setenv("CLINIC_DATABASE_URL", f"sqlite:///{tmp_path / 'new.db'}")
    (tmp_path / "new.db").touch()
    assert run("verify") == (2, "", "clinic: The database needs a migration. Run: clinic migrate.\n")
    assert run("serve")[0] == 2
    assert run("migrate")[0] == 0
    assert run("migrate")[1].startswith("The database is current")
    assert run("verify")[0] == 0


def test_a_port_that_another_program_listens_on_is_refused(run):
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        status, out, err = run("serve", "--port", port)
    assert (status, out) == (2, "")
    assert err == f"clinic: Port {port} of 127.0.0.1 is in use. Choose another one with --port.\n"


def test_the_first_site_and_its_first_administrator_are_made_here(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CLINIC_DATABASE_URL", f"sqlite:///{tmp_path / 'new.db'}")
    run("migrate")
    assert run("site", "add", "west", "--name", "West", "--zone", "Mars/Olympus")[0] == 1
    assert run("site", "add", "west", "--name", "West", "--zone", "Europe/Madrid", "--facility", "c9999")[0] == 0
    assert run("site", "add", "west", "--name", "West", "--zone", "Europe/Madrid")[0] == 1
    assert run("site", "list")[1] == "west\tWest\tEurope/Madrid\tC9999\n"
    assert (
        run("user", "add", "Ana Sol", "--role", "administrator", "--site", "west", "--email", "ana@west.example")[0]
        == 0
    )
    assert run("verify")[0] == 0


def test_an_export_goes_to_a_file_and_never_over_one(run, session, team, tmp_path):
    public_id = patient(team, family_name="Quandt").id
    set_actor(session, team.nurse.id)
    session.commit()
    session.close()
    file = tmp_path / "patients.csv"
    assert run("export", "patients", "--site", "north", "-o", file)[0] == 0
    assert public_id in file.read_text(encoding="utf-8-sig")
    assert run("export", "patients", "-o", file)[0] == 2
    tomorrow = clock.now().year + 1
    assert run("export", "patients", "--from", f"{tomorrow}-01-01", "-o", tmp_path / "none.csv")[0] == 0
    assert len((tmp_path / "none.csv").read_text().splitlines()) == 1


@pytest.mark.parametrize("how", [(), ("--dry-run",)])
def test_a_refused_import_names_row_and_column_and_ends_with_one(run, session, tmp_path, how):
    session.close()
    file = tmp_path / "patients.csv"
    file.write_text("Record number,Family name\nX-1,\n")
    status, out, err = run("import", "patients", file, "--as", "coordinator@north.demo", *how)
    assert status == 1
    assert out == ""
    assert "Row 2, column Family name: empty; expected a value" in err
    assert "Nothing was imported" in err


def test_the_list_of_commands_loads_none_of_them(run, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("clinic.commands.")]:
        monkeypatch.delitem(sys.modules, name)
    status, out, err = run("--help")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.partition("Commands:\n")[2].splitlines() if line[2] != " "] == sorted(
        cli.COMMANDS
    )
    assert not [name for name in sys.modules if name.startswith("clinic.commands.")]


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_that_is_listed_says_what_it_does(run, name):
    status, out, err = run(name, "--help")
    assert (status, err) == (0, "")
    assert f" {name} [OPTIONS]" in out.splitlines()[0]
    assert cli.COMMANDS[name][1] in " ".join(out.split())


def test_an_export_says_when_its_days_are_the_wrong_way_round_or_its_file_is_there(run, treated, tmp_path):
    status, out, err = run("export", "patients", "--from", "2026-05-01", "--to", "2026-01-01")
    assert (status, out) == (2, "")
    assert "The last day is before the first. Exchange --from and --to." in err
    kept = tmp_path / "patients.csv"
    kept.write_text("kept")
    status, out, err = run("export", "patients", "-o", kept)
    assert (status, out) == (2, "")
    assert f"{kept} is already there; nothing was written. Choose another file name." in err
    assert kept.read_text() == "kept"
