"""A disk that is full or read-only, and a clock that jumps: said as it is, and nothing half written is left behind."""

from __future__ import annotations

import errno
import os
from datetime import timedelta

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import func, select

from clinic import clock
from clinic.accounts.models import FailedSignIn
from clinic.cli import clinic
from clinic.ledger import sealing
from tests.factories import PASSWORD, patient
from tests.security.test_database_away import impatient, is_the_page
from tests.security.test_sign_in import sign_in

__all__ = ["impatient"]


def full(*_given):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_seal_that_does_not_fit_on_the_disk_leaves_no_half_of_it(session, team, tmp_path, monkeypatch):
    places = [tmp_path / "seals"]
    with monkeypatch.context() as patch:
        patch.setattr("clinic.ledger.sealing.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            sealing.seal_in_turn(session, tmp_path, places, clock.now())
    assert list(places[0].iterdir()) == []
    assert sealing.seal_in_turn(session, tmp_path, places, clock.now()) == []
    assert len(list(places[0].iterdir())) == 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_a_disk_that_takes_no_file_is_said_as_it_is(impatient, client_as, monkeypatch, code):
    def broken(*_given, **_more):
        raise OSError(code, os.strerror(code))

    browser = client_as("nurse")
    monkeypatch.setattr("clinic.searches._folder", broken)
    shown = is_the_page(browser.post("/patients", data={"q": "lindqvist"}))
    assert "disk is full" in shown.text
    assert shown.hidden["q"] == "lindqvist", "kept by its page"


def test_a_copy_in_a_read_only_folder_is_verified_and_stays_as_it_is(house, engine, tmp_path, monkeypatch):
    engine.dispose()
    copy = tmp_path / "copy" / "clinic.db"
    copy.parent.mkdir()
    copy.write_bytes(house.store.template.read_bytes())
    before = copy.read_bytes()
    monkeypatch.setenv("CLINIC_INSTANCE", str(tmp_path))
    monkeypatch.setenv("CLINIC_DATABASE_URL", f"sqlite:///{copy}")
    monkeypatch.setattr("clinic.extensions.may_write", lambda _folder: False)
    done = CliRunner().invoke(clinic, ["verify"])
    assert (done.exit_code, "follow each other" in done.output) == (0, True), done.output
    assert list(copy.parent.iterdir()) == [copy]
    assert copy.read_bytes() == before

    copy.with_name("clinic.db-wal").write_bytes(b"changes that are not in the file yet")
    refused = CliRunner().invoke(clinic, ["verify"])
    assert "read-only: copy it to one that can be written" in str(refused.exception)


@pytest.fixture
def ahead():
    """The clock, a year ahead by mistake until `ahead()` says otherwise."""
    with time_machine.travel(clock.now() + timedelta(days=365)) as traveller:
        yield lambda: traveller.shift(timedelta(days=-365))


def test_a_clock_that_was_ahead_locks_nobody_out(ahead, app, session):
    for _ in range(12):
        sign_in(app.test_client(), "nurse@north.demo", "wrong")
    assert sign_in(app.test_client()).status_code == 200, "has to wait"
    ahead()
    assert sign_in(app.test_client()).status_code == 302
    for _ in range(5):
        sign_in(app.test_client(), "physician@north.demo", "wrong")
    assert sign_in(app.test_client(), "physician@north.demo").status_code == 200, "the present tries count"
    assert session.scalar(select(func.count()).select_from(FailedSignIn)) == 5, "tries of the future are forgotten"


def test_a_session_of_a_clock_that_was_ahead_does_not_stay_open_until_then(ahead, app):
    browser = app.test_client()
    assert browser.post("/login", data={"email": "nurse@north.demo", "password": PASSWORD}).status_code == 302
    assert browser.get("/").status_code == 200
    ahead()
    assert browser.get("/").status_code == 302


def test_a_seal_of_a_clock_that_was_ahead_does_not_stop_the_sealing_until_then(ahead, session, team, tmp_path):
    places = [tmp_path / "seals"]
    assert sealing.seal_in_turn(session, tmp_path, places, clock.now()) == []
    ahead()
    assert sealing.seal_in_turn(session, tmp_path, places, clock.now()) == []
    assert len(list(places[0].iterdir())) == 1, "nothing was written since"
    patient(team)
    session.commit()
    for minutes in (0, 5):
        assert sealing.seal_in_turn(session, tmp_path, places, clock.now() + timedelta(minutes=minutes)) == []
    assert len(list(places[0].iterdir())) == 2, "once an hour"
