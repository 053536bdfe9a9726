"""A backup is put back whatever version of the program wrote it, up to this one; and what it replaced can come back."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from clinic import backup as keeping
from clinic import schema
from tests.core.test_backup_on_postgresql import on_postgresql, programs
from tests.databases import both_databases
from tests.earlier import earlier_clinic
from tests.factories import harvested, patient, ready_for_harvest
from tests.shell import shell

BEFORE = "0028"
"""A version before the latest tables: the catalogues' entries came with 0029, two questions with 0030."""


@pytest.fixture
def run(house, tmp_path, monkeypatch, capsys):
    """Run the command line over the clinic under test, with the client programs of the server's own release."""
    if not house.store.url.startswith("sqlite"):
        monkeypatch.setenv("PATH", f"{programs()}{os.pathsep}{os.environ['PATH']}")
    return shell(monkeypatch, capsys, house.store.url, tmp_path / "instance")


@pytest.fixture
def old_backup(house, run, team, session, tmp_path):
    """Write a backup as the program of `BEFORE` made it, of a clinic with a patient and a harvest."""
    harvested(ready_for_harvest(team), team)
    session.commit()
    url, file = house.store.empty("earlier"), tmp_path / "before-the-update"
    earlier_clinic(house.store.url, url, BEFORE, tmp_path / "earlier")
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        Path(str(engine.url.database)).rename(file)
    else:
        keeping.backup(engine, file)
    engine.dispose()
    return file


def copies(house, tmp_path):
    """Return the files in which replaced databases were put."""
    return {*tmp_path.glob("*.replaced-*"), *Path(house.store.folder).glob("*.replaced-*")}


def tables_of(house):
    engine = create_engine(house.store.url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


@both_databases
@pytest.mark.hazard("H33")
@pytest.mark.hazard("H34")
def test_after_an_update_the_backup_from_before_it_is_restored_migrated_and_verified(house, run, old_backup):
    status, out, err = run("restore", old_backup)
    assert (status, err) == (0, "")
    assert f"its schema is at {BEFORE}, this program's at {schema.head()}." in out
    assert "Next, run clinic migrate, then clinic verify." in out
    assert "catalogue_entry" not in tables_of(house), "the result is the backup and nothing else"
    status, out, err = run("verify")
    assert (status, "Run: clinic migrate." in err) == (2, True)
    status, out, err = run("migrate")
    assert (status, err) == (0, "")
    assert f"was migrated from {BEFORE} to {schema.head()}" in out
    status, out, err = run("verify")
    assert (status, err) == (0, ""), out


@both_databases
@pytest.mark.hazard("H34")
def test_the_database_that_was_replaced_comes_back(house, run, old_backup, session, team, tmp_path):
    patient(team, family_name="Later", weight=None)
    session.commit()
    session.close()
    told = run("restore", old_backup)[1]
    assert run("migrate")[0] == 0
    kept = re.search(r"The replaced database is kept as (\S+)\.$", told, re.MULTILINE).group(1)
    status, out, err = run("restore", kept)
    assert (status, err) == (0, "")
    assert "earlier version" not in out
    assert run("verify")[0] == 0
    engine = create_engine(house.store.url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM patient WHERE family_name = 'Later'")) == 1
    engine.dispose()


@pytest.mark.hazard("H34")
def test_an_earlier_backup_makes_a_clinic_where_there_was_none(run, old_backup, tmp_path, monkeypatch):
    monkeypatch.setenv("CLINIC_DATABASE_URL", f"sqlite:///{tmp_path / 'new.db'}")
    status, out, err = run("restore", old_backup)
    assert (status, err) == (0, "")
    assert "Checked: its pages, its ledger, its attachments. Not checked: whether each record agrees" in out
    assert run("migrate")[0] == 0
    assert run("verify")[0] == 0


@pytest.mark.hazard("H22")
def test_an_earlier_backup_whose_ledger_was_changed_is_refused(house, run, old_backup):
    with closing(sqlite3.connect(old_backup)) as behind:
        behind.execute("DROP TRIGGER ledger_entry_no_update")
        behind.execute("UPDATE ledger_entry SET reason = 'for a good reason' WHERE number = 2")
        behind.commit()
    status, _out, err = run("restore", old_backup)
    assert (status, "is damaged; nothing was restored: ledger_entry" in err) == (1, True), err
    assert run("verify")[0] == 0


@both_databases
@pytest.mark.hazard("H33")
def test_a_backup_of_a_later_program_is_refused_before_anything_is_replaced(house, run, team, session, tmp_path):
    patient(team, weight=None)
    session.commit()
    session.close()
    engine = create_engine(house.store.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    later, now = tmp_path / "later", text("UPDATE alembic_version SET version_num = :now").bindparams(now=schema.head())
    if engine.dialect.name == "sqlite":
        later.write_bytes(b"")
        with closing(sqlite3.connect(house.store.file)) as old, closing(sqlite3.connect(later)) as new:
            old.backup(new)
    else:
        keeping.backup(engine, later)
    with engine.begin() as connection:
        connection.execute(now)
    engine.dispose()
    before = copies(house, tmp_path)
    status, _out, err = run("restore", later)
    assert status == 1
    assert "was written by a later program: its schema is at 9999" in err
    assert "Nothing was replaced." in err
    assert copies(house, tmp_path) == before
    assert run("verify")[0] == 0


@on_postgresql
@pytest.mark.hazard("H34")
def test_a_dump_that_is_cut_off_leaves_the_database_as_it_was(house, run, team, session, tmp_path):
    patient(team, weight=None)
    session.commit()
    session.close()
    assert run("backup", tmp_path / "whole")[0] == 0
    before = tables_of(house)
    whole = (tmp_path / "whole").read_bytes()
    (tmp_path / "half").write_bytes(whole[: len(whole) * 9 // 10])
    status, _out, err = run("restore", tmp_path / "half")
    assert (status, "pg_restore failed" in err) == (1, True), err
    assert tables_of(house) == before
    assert run("verify")[0] == 0
