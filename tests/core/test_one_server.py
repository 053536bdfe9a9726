"""One server serves a SQLite clinic, nothing is replaced under a server, and a start tells what is not there."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, select, text

from clinic import assets, one_server
from clinic.accounts.models import Site
from clinic.schema import MIGRATIONS
from tests.core.test_backup_on_postgresql import on_postgresql, programs
from tests.databases import both_databases
from tests.factories import patient
from tests.shell import shell


@pytest.fixture
def run(house, tmp_path, monkeypatch, capsys):
    """Run the command line over the clinic under test, with the client programs of the server's own release."""
    if not house.store.url.startswith("sqlite"):
        monkeypatch.setenv("PATH", f"{programs()}{os.pathsep}{os.environ['PATH']}")
    return shell(monkeypatch, capsys, house.store.url, tmp_path / "instance")


@contextmanager
def server(house, instance):
    """Hold what a server holds over a database."""
    engine = create_engine(house.store.url, poolclass=NullPool)
    with one_server.serving(engine, instance):
        yield engine


@pytest.fixture
def kept(run, team, session, tmp_path):
    """Return a backup of the clinic, beside which a patient was added since."""
    assert run("backup", tmp_path / "kept")[0] == 0
    patient(team, weight=None)
    session.commit()
    session.close()
    return tmp_path / "kept"


@both_databases
@pytest.mark.hazard("H34")
def test_nothing_is_restored_under_a_server(house, run, kept, tmp_path):
    with server(house, tmp_path / "instance"):
        status, out, err = run("restore", kept)
    assert (status, out) == (1, "")
    assert "A server is running on this database. Nothing was replaced." in err
    status, out, err = run("restore", kept)
    assert (status, "lacks the last entries of its ledger: 1." in out) == (0, True), err


@on_postgresql
@pytest.mark.hazard("H34")
def test_a_server_of_another_machine_is_found_by_its_connections(house, run, kept, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with server(house, elsewhere) as engine, engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        status, _out, err = run("restore", kept)
    assert status == 1
    assert "A server is connected to this database. Nothing was replaced." in err
    assert run("restore", kept)[0] == 0


def test_a_second_server_over_the_same_file_is_refused(house, run, session, tmp_path):
    session.close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with server(house, elsewhere):
        status, out, err = run("serve", "--port", 1)
    assert (status, out) == (2, "")
    assert "another server serves this database already" in err


@on_postgresql
def test_several_servers_share_a_postgresql_database(house, run, session, tmp_path):
    session.close()
    with server(house, tmp_path / "instance"), server(house, tmp_path / "instance"):
        assert os.environ["PGAPPNAME"] == one_server.NAME
    assert os.environ.get("PGAPPNAME") != one_server.NAME


def test_a_server_that_was_killed_leaves_no_lock(house, run, kept, tmp_path):
    program = (
        "import sys; from pathlib import Path; from sqlalchemy import create_engine; from clinic import one_server\n"
        f"with one_server.serving(create_engine({house.store.url!r}), Path({str(tmp_path)!r})):\n"
        "    print('serving', flush=True)\n    sys.stdin.read()\n"
    )
    killed = subprocess.Popen(  # noqa: S603 - a program of our own words
        [sys.executable, "-c", program], cwd=MIGRATIONS.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with killed:
        assert killed.stdout.readline() == "serving\n"
        assert run("restore", kept)[0] == 1
        killed.kill()
    assert run("restore", kept)[0] == 0


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """Serve from a checkout in which nothing was set up."""
    monkeypatch.setattr(assets, "STATIC", tmp_path / "static")


def test_production_does_not_serve_pages_without_style(run, session, bare, monkeypatch):
    for site in session.scalars(select(Site)):
        site.is_demo = False
    session.commit()
    session.close()
    monkeypatch.setenv("CLINIC_ENV", "production")
    monkeypatch.setenv("CLINIC_PUBLIC_URL", "https://clinic.example")
    status, out, err = run("serve")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "vendor/clinic.css, vendor/clinic.js, vendor/icons.svg is not there. Run: make set-up" in err


def test_while_developing_a_missing_style_sheet_is_said(house, run, session, bare, tmp_path):
    session.close()
    with server(house, tmp_path / "instance"):
        err = run("serve")[2]
    assert "Run: make set-up" in err.splitlines()[0]
    assert "another server" in err.splitlines()[1]


@pytest.mark.parametrize("words", [
    ("verify",), ("backup", "copy"), ("user", "list"), ("site", "list"), ("export", "--list"), ("seal",), ("serve",),
    ("sweep",), ("user", "disable", "nobody@clinic.example"), ("demo",),
])  # fmt: skip
def test_a_mistyped_folder_is_not_made(run, tmp_path, monkeypatch, words):
    monkeypatch.setenv("CLINIC_INSTANCE", str(tmp_path / "mistyped" / "x"))
    for lacking, url in (("mistyped/x", None), ("mistyped.db", f"sqlite:///{tmp_path / 'mistyped.db'}")):
        if url is not None:
            monkeypatch.setenv("CLINIC_INSTANCE", str(tmp_path))
            monkeypatch.setenv("CLINIC_DATABASE_URL", url)
        status, out, err = run(*words)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert f"There is no clinic here: {tmp_path / lacking} does not exist." in err
    assert not [one for one in tmp_path.rglob("*") if one.name.startswith("mistyped") or one.name == "secret_key"]


def test_what_needs_no_clinic_makes_none(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CLINIC_INSTANCE", str(tmp_path / "mistyped"))
    monkeypatch.delenv("CLINIC_SECRET_KEY")
    assert run("catalogues")[0] == 0
    assert run("import", "--targets")[0] == 0
    assert not (tmp_path / "mistyped").exists()


def test_a_package_without_its_checkout_says_how_it_is_installed(tmp_path):
    shutil.copytree(MIGRATIONS.parent / "clinic", tmp_path / "clinic", ignore=shutil.ignore_patterns("vendor"))
    program = [sys.executable, "-c", "from clinic.cli import main; main()", "--help"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "Run `make set-up` in the checkout" in done.stderr
    assert Path(tmp_path, "clinic").is_dir()


def test_a_clinic_in_a_folder_that_cannot_be_written_is_served_all_the_same(house, tmp_path, monkeypatch):
    """Nothing can be put in the place of what is there, so no lock is needed."""

    def refused(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", refused)
    with server(house, tmp_path) as engine:
        monkeypatch.undo()
        assert engine.dialect.name == house.store.url.partition(":")[0]
