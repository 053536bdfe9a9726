"""The ledger proves itself: by every seal that is there, by how the database is built, and to the byte."""

# ruff: noqa: S608 - whoever tampers writes SQL by hand

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from clinic import clock
from clinic.commands.serving import seal_beside
from clinic.ledger import sealing, structure
from clinic.ledger.models import GENESIS, LedgerEntry, LedgerHead, digest
from clinic.ledger.verify import heads, verify
from clinic.patients.models import Patient
from config import load
from tests.databases import both_databases
from tests.factories import harvested, patient, ready_for_harvest
from tests.shell import shell


@pytest.fixture
def run(house, tmp_path, monkeypatch, capsys, session, team):
    """Run the command line over a clinic with a harvest."""
    harvested(ready_for_harvest(team), team)
    session.commit()
    command = shell(monkeypatch, capsys, house.store.url, tmp_path / "instance")

    def once(*words):
        session.rollback()
        return command(*words)

    return once


@pytest.fixture
def seals(tmp_path):
    return tmp_path / "instance" / "seals"


ALLOWS = """CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RETURN NULL; END $$"""
ANY_ROLE = """ALTER TABLE user_account DROP CONSTRAINT ck_user_account_role;
ALTER TABLE user_account ADD CONSTRAINT ck_user_account_role CHECK (true)"""
UNIQUES = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE UNIQUE%'"


def behind(house, *statements):
    """Write with the database's own program, without its triggers, and put them back as they were."""
    with closing(sqlite3.connect(house.store.file)) as other:
        triggers = other.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _sql in triggers:
            other.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            other.execute(statement)
        for _name, sql in triggers:
            other.execute(sql)
        other.commit()


def rewritten(session):
    """Chain all entries anew, as somebody would who knows the program."""
    session.expunge_all()
    previous, number, statements = {}, {}, []
    for entry in session.scalars(select(LedgerEntry).order_by(LedgerEntry.site_id, LedgerEntry.number)):
        before, site = previous.get(entry.site_id, GENESIS), entry.site_id
        content = entry.content() | {"previous": before, "reason": "forged"}
        previous[site], number[site] = digest(content), entry.number
        statements.append(
            f"UPDATE ledger_entry SET reason = 'forged', previous = '{before}', hash = '{previous[site]}'"
            f" WHERE key = {entry.key}"
        )
    statements += [f"UPDATE ledger_head SET hash = '{h}' WHERE site_id = '{site}'" for site, h in previous.items()]
    session.rollback()
    return statements


def test_without_a_seal_verify_says_what_is_not_proved(run):
    status, out, _err = run("verify")
    assert status == 0
    assert "Not proved: that no entries were removed or replaced, because no seal was found" in out


@pytest.mark.hazard("H23")
def test_verify_uses_the_seals_of_the_instance_and_says_what_they_prove(run, session, team):
    assert run("seal")[0] == 0
    sealed = heads(session)[team.site.id].number
    patient(team, weight=None)
    session.commit()
    status, out, err = run("verify")
    assert (status, err) == (0, "")
    assert f"Site {team.site.id}: entries 1 to {sealed} are those that were sealed." in out
    assert f"Not proved for site {team.site.id}: entries {sealed + 1} to {sealed + 1}; no seal covers them yet." in out
    assert "replaced the database, the seals and their key together" in out


@pytest.mark.hazard("H23")
def test_a_ledger_that_was_written_anew_is_refused_by_verify_and_seal(run, house, session, seals):
    run("seal")
    behind(house, *rewritten(session))
    assert verify(session) == [], "a database that was written anew agrees with itself"
    for command in ("verify", "seal"):
        status, out, _err = run(command)
        assert status == 1
        assert "it differs from the one in the earlier head" in out
    assert len(list(seals.glob("*"))) == 1


@pytest.mark.hazard("H23")
def test_an_older_copy_put_back_by_hand_is_refused(run, house, session, team, tmp_path):
    assert run("backup", tmp_path / "old.db")[0] == 0
    for _ in range(2):
        patient(team, weight=None)
        session.commit()
        assert run("seal")[0] == 0
    with closing(sqlite3.connect(tmp_path / "old.db")) as old, closing(sqlite3.connect(house.store.file)) as new:
        old.backup(new)
    status, out, _err = run("verify")
    assert status == 1
    assert out.count("2 entries are missing since the earlier head") == 1
    assert run("seal")[0] == 1


@pytest.mark.hazard("H23")
def test_an_emptied_ledger_is_refused(run, house, session):
    run("seal")
    tables = [row[0] for row in session.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))]
    session.close()
    own = [name for name in tables if not name.startswith("sqlite_") and name != "alembic_version"]
    behind(house, *(f'DELETE FROM "{name}"' for name in own))
    status, out, _err = run("verify")
    assert status == 1
    assert "entries are missing since the earlier head" in out
    assert run("seal")[0] == 1


@pytest.mark.hazard("H23")
def test_a_seal_in_a_second_place_is_used_when_those_of_the_instance_are_gone(
    run, house, session, team, seals, tmp_path, monkeypatch
):
    monkeypatch.setenv("CLINIC_SEALS", str(tmp_path / "elsewhere"))
    run("backup", tmp_path / "old.db")
    patient(team, weight=None)
    session.commit()
    assert run("seal")[0] == 0
    status, out, _err = run("verify")
    assert status == 0
    assert "together" not in out
    shutil.rmtree(seals)
    with closing(sqlite3.connect(tmp_path / "old.db")) as old, closing(sqlite3.connect(house.store.file)) as new:
        old.backup(new)
    assert "1 entries are missing" in run("verify")[1]


@pytest.mark.hazard("H34")
def test_a_backup_that_was_restored_verifies_and_says_so_ever_after(run, session, team, tmp_path):
    assert run("backup", tmp_path / "old.db")[0] == 0
    patient(team, weight=None)
    session.commit()
    assert run("seal")[0] == 0
    assert run("restore", tmp_path / "old.db")[0] == 0
    for _ in range(2):
        status, out, _err = run("verify")
        assert status == 0, out
        assert "A backup was restored on" in out
        patient(team, weight=None)
        session.commit()
        assert run("seal")[0] == 0


@pytest.mark.parametrize("content", ["", "{}", "\udcff", '{"heads": {}}', None])
def test_a_file_among_the_seals_that_is_none_or_was_changed_is_named(run, seals, content):
    run("seal")
    (file,) = seals.glob("*.json")
    if content is None:
        said = json.loads(file.read_text())
        next(iter(said["heads"].values()))["number"] -= 1
        content = json.dumps(said)
    file.write_bytes(content.encode(errors="surrogateescape"))
    status, out, _err = run("verify")
    assert status == 1
    assert out.startswith(f"seal {file}: ")


def test_a_copy_without_the_key_is_verified_with_the_key_of_the_seals(run, seals):
    run("seal")
    (seals.parent / sealing.KEY_FILE).unlink()
    status, out, _err = run("verify")
    assert (status, "are those that were sealed" in out) == (0, True)
    assert not (seals.parent / sealing.KEY_FILE).exists(), "verify makes no key"


@pytest.mark.hazard("H22")
@pytest.mark.parametrize(("statement", "says"), [
    ("DROP TRIGGER ledger_entry_no_update", "the trigger ledger_entry_no_update, which protects it, is missing"),
    ("DROP TRIGGER ledger_entry_no_replace", "the trigger ledger_entry_no_replace, which protects it, is missing"),
    ("CREATE TRIGGER quiet AFTER INSERT ON weight BEGIN UPDATE weight SET kg = '1'; END", "the trigger quiet is none"),
    ("DROP TABLE draft", "the table is missing"),
    ("ALTER TABLE draft DROP COLUMN title", "draft , title: the column is missing"),
])  # fmt: skip
def test_a_schema_that_was_changed_is_named(run, house, statement, says):
    with closing(sqlite3.connect(house.store.file)) as other:
        other.execute(statement)
        other.commit()
    status, out, _err = run("verify")
    assert status == 1
    assert says in out
    assert run("seal")[0] == 1


def test_a_trigger_of_the_same_name_that_does_nothing_is_named(run, house):
    with closing(sqlite3.connect(house.store.file)) as other:
        other.execute("DROP TRIGGER ledger_entry_no_delete")
        other.execute("CREATE TRIGGER ledger_entry_no_delete BEFORE DELETE ON ledger_entry BEGIN SELECT 1; END")
        other.commit()
    assert "the trigger ledger_entry_no_delete was changed" in run("verify")[1]


def test_a_table_that_lost_its_checks_is_named(run, house):
    with closing(sqlite3.connect(house.store.file)) as other:
        (sql,) = other.execute("SELECT sql FROM sqlite_master WHERE name = 'request'").fetchone()
        other.execute("PRAGMA writable_schema = ON")
        changed = sql.replace("ck_request_one_end", "ck_request_none")
        assert changed != sql
        other.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'request'", (changed,))
        other.commit()
    assert "the constraint ck_request_one_end is missing" in run("verify")[1]


@pytest.mark.hazard("H22")
def test_a_condition_that_was_rewritten_and_a_unique_index_that_is_gone_are_named(session, team, house):
    session.close()
    with closing(sqlite3.connect(house.store.file)) as other:
        uniques = [name for (name,) in other.execute(UNIQUES)]
        for name in uniques:
            other.execute(f"DROP INDEX {name}")
        other.execute("PRAGMA writable_schema = ON")
        (sql,) = other.execute("SELECT sql FROM sqlite_master WHERE name = 'user_account'").fetchone()
        begin = sql.index("CHECK (", sql.index("ck_user_account_role"))
        changed = f"{sql[:begin]}CHECK (1{sql[sql.index(')', begin) :].removeprefix(')')}"
        other.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'user_account'", (changed,))
        other.commit()
    said = " ".join(map(str, structure.problems(session)))
    assert len(uniques) > 5
    assert all(f"the unique index {name} is missing" in said for name in uniques)
    assert "the constraint ck_user_account_role was changed" in said


def test_a_seal_that_nobody_can_read_ends_neither_the_check_nor_the_server(run, app, session, seals, monkeypatch):
    seals.mkdir(parents=True)
    (seals / "deep.json").write_text("[" * 100_000)
    status, out, _err = run("verify")
    assert (status, "not a seal of a ledger" in out) == (1, True), out
    monkeypatch.setattr(sealing, "seal_in_turn", lambda *_given: json.loads("[" * 100_000))
    seal_beside(app, load(), clock.now())


@both_databases
def test_a_database_that_the_migrations_made_is_built_as_it_should_be(session, team):
    assert [str(fault) for fault in structure.problems(session)] == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.postgres
@pytest.mark.parametrize(("statement", "says"), [
    ("ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_append_only", "switched off"),
    ("DROP TRIGGER ledger_entry_append_only ON ledger_entry", "is missing"),
    (ALLOWS, "was changed"),
    ("CREATE RULE quiet AS ON UPDATE TO weight DO INSTEAD NOTHING", "the trigger quiet is none"),
    ("ALTER TABLE request DROP CONSTRAINT ck_request_one_end", "the constraint ck_request_one_end is missing"),
    ("ALTER TABLE weight ALTER COLUMN site_id DROP NOT NULL", "lets it be empty"),
    ("DROP INDEX ix_administration_once", "the unique index ix_administration_once is missing"),
    ("DROP INDEX ix_administration_once; CREATE UNIQUE INDEX ix_administration_once ON administration (id)",
     "the unique index ix_administration_once was changed"),
    (ANY_ROLE, "ck_user_account_role was changed"),
])  # fmt: skip
def test_a_schema_that_was_changed_on_postgresql_is_named(session, team, statement, says):
    session.execute(text(statement))
    assert {says in str(fault) for fault in structure.problems(session)} == {True}
    session.rollback()


@pytest.mark.hazard("H22")
@pytest.mark.parametrize(("table", "column", "change"), [
    ("patient", "is_synthetic", "2"), ("patient", "recorded_at", "replace(recorded_at, ' ', '_')"),
    ("patient", "recorded_at", "replace(recorded_at, ' ', 'T')"), ("patient", "birth_date", "birth_date || ' '"),
    ("weight", "kg", "kg || ' '"), ("weight", "kg", "'+' || kg"), ("user_account", "active", "7"),
])  # fmt: skip
def test_other_bytes_of_the_same_value_are_found(session, house, team, table, column, change):
    patient(team)
    session.commit()
    session.close()
    behind(house, f"UPDATE {table} SET {column} = {change}")
    faults = [fault for fault in verify(session) if (fault.table, fault.column) == (table, column)]
    assert faults, "other bytes went unseen"


@pytest.mark.hazard("H22")
def test_other_bytes_of_the_moment_of_an_entry_are_found(session, house):
    session.close()
    behind(house, "UPDATE ledger_entry SET at = replace(at, ' ', '_') WHERE number = 2")
    assert {fault.column for fault in verify(session)} == {"at"}


@both_databases
def test_the_server_seals_in_turn_what_was_written_since(app, session, team, tmp_path, database):
    at, places = clock.now(), [tmp_path / "seals", tmp_path / "second"]
    count = lambda: [len(list(place.glob("*.json"))) for place in places]  # noqa: E731
    seal = lambda hours: sealing.seal_in_turn(session, tmp_path, places, at + timedelta(hours=hours))  # noqa: E731
    assert (seal(0), count()) == ([], [1, 1])
    assert (seal(2), count()) == ([], [1, 1]), "nothing was written since"
    patient(team)
    session.commit()
    assert (seal(0.5), count()) == ([], [1, 1]), "the hour is not over"
    assert (seal(2), count()) == ([], [2, 2])
    seals, faults = sealing.found_in(places, sealing.key_of(tmp_path))
    assert ([one.heads for one in seals][-1], faults) == (heads(session), [])


def test_the_server_does_not_seal_what_does_not_continue(app, session, team, house, tmp_path, monkeypatch, caplog):
    at, places = clock.now(), [tmp_path / "seals"]
    sealing.seal_in_turn(session, tmp_path, places, at)
    patient(team)
    session.commit()
    behind(house, *rewritten(session))
    found = sealing.seal_in_turn(session, tmp_path, places, at + timedelta(hours=2))
    assert found
    assert len(list(places[0].glob("*"))) == 1
    session.rollback()
    monkeypatch.setenv("CLINIC_INSTANCE", str(tmp_path))
    app.logger.disabled = False
    seal_beside(app, load(), at + timedelta(hours=2))
    assert "the ledger is not sealed, run clinic verify" in caplog.text
    assert session.scalar(select(LedgerHead.number).limit(1))
    assert session.scalars(select(Patient)).all()
