"""A ledger that somebody wrote into by hand: what no program of ours wrote is named, and the check goes on."""

# ruff: noqa: S608 - whoever tampers writes SQL by hand

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from clinic.ledger.verify import verify
from tests.factories import patient

JUNK = ["x'ff00'", "x'7b7d'", "'{'", "'x'", "'never'", "'9x'", "''", "-1", "1e300", "9223372036854775807"]
TABLES = ["ledger_entry", "read_entry", "ledger_head", "read_head"]


def without_guards(connection) -> None:
    for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        connection.execute(text(f"DROP TRIGGER {name}"))
    connection.execute(text("PRAGMA ignore_check_constraints = ON"))
    connection.execute(text("PRAGMA foreign_keys = OFF"))


@pytest.fixture
def written(app, team, client_as, engine):
    """A clinic with a few changes and readings, its ledger open to everybody."""
    one = patient(team, record_number="N-1")
    team.session.commit()
    app.extensions["shown"].clear()
    for role in ("physician", "nurse"):
        assert client_as(role).get(f"/patients/{one.id}").status_code == 200
    assert app.extensions["readings"].write()
    return engine


def columns_of(engine, table: str) -> list[str]:
    with engine.connect() as connection:
        return [row.name for row in connection.execute(text(f"SELECT name FROM pragma_table_info('{table}')"))]


@pytest.mark.hazard("H22")
@pytest.mark.parametrize("table", TABLES)
def test_no_cell_of_the_ledger_ends_its_own_check(written, session, table):
    columns = columns_of(written, table)
    assert len(columns) > 2, table
    with written.connect() as connection:
        raw = connection.connection.driver_connection
        isolation, raw.isolation_level = raw.isolation_level, None
        without_guards(connection)
        rowid = raw.execute(f"SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET 0").fetchone()[0]
        for column in (column for column in columns if column != "key"):  # the row itself
            kept = raw.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (rowid,)).fetchone()[0]
            for junk in JUNK:
                try:
                    raw.execute(f"UPDATE {table} SET {column} = {junk} WHERE rowid = {rowid}")
                except sqlite3.Error:  # the database itself does not take it
                    continue
                changed = raw.execute(f"SELECT {column} IS ? FROM {table} WHERE rowid = {rowid}", (kept,)).fetchone()
                with Session(connection) as reading:
                    found = verify(reading)
                raw.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = {rowid}", (kept,))
                assert found or changed == (1,), f"{table}.{column} = {junk} was not seen"
        raw.isolation_level = isolation
        with Session(connection) as reading:
            assert verify(reading) == []
