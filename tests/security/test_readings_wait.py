"""Readings that wait while the database takes none survive the end of the process, and come in once and in full."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import select

from clinic.ledger.models import ReadHead
from clinic.ledger.verify import verify
from clinic.read_log import LEFT, SPILLS, Log
from tests.security.test_read_log import some

pytestmark = pytest.mark.rule(70)


@pytest.fixture
def folder(app, tmp_path, monkeypatch):
    monkeypatch.setattr(app, "instance_path", str(tmp_path))
    return tmp_path


def refusing(engine, house):
    """Hold the write lock from outside, and let this process wait for it no time at all."""
    with closing(engine.raw_connection()) as own:
        own.execute("PRAGMA busy_timeout=50")
    other = sqlite3.connect(house.store.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return closing(other)


def test_many_readings_that_wait_are_kept_on_the_disk_and_come_in_by_themselves(
    app, engine, session, team, house, folder
):
    log, rows = Log(app, engine, beside=False), some(team, SPILLS + 1)
    session.close()
    with refusing(engine, house) as other:
        log.put(rows)
        assert not log.write()
        kept = (folder / LEFT).read_text().splitlines()
        assert (len(kept), len(log.waiting)) == (SPILLS + 1, 0), "a kill loses none of them"
        log.put(some(team, 2))
        assert not log.write()
        other.execute("ROLLBACK")
    assert log.write()
    assert list(folder.glob(f"{LEFT}*")) == []
    assert session.scalar(select(ReadHead.number)) == SPILLS + 3
    assert verify(session) == []
    engine.dispose()


def test_what_was_spilled_waits_on_where_only_it_waits(app, engine, session, team, house, folder):
    log, rows = Log(app, engine, beside=False), some(team, SPILLS + 1)
    session.close()
    with refusing(engine, house) as other:
        log.put(rows)
        assert not log.write()
        assert not log.write(), "it is tried again"
        assert len((folder / LEFT).read_text().splitlines()) == SPILLS + 1
        other.execute("ROLLBACK")
    assert log.write()
    assert session.scalar(select(ReadHead.number)) == SPILLS + 1
    engine.dispose()


def test_the_next_process_takes_what_a_killed_one_left(app, engine, session, team, house, folder):
    killed = Log(app, engine, beside=False)
    rows = some(team, SPILLS + 1)
    session.close()
    with refusing(engine, house) as other:
        killed.put(rows)
        killed.write()
        other.execute("ROLLBACK")
    Log(app, engine, beside=False).take_left()
    assert session.scalar(select(ReadHead.number)) == SPILLS + 1
    engine.dispose()
