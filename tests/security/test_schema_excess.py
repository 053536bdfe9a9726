"""What was added to the schema behind the program's back is named: conditions, cascades, defaults, tables, views."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text

from clinic.ledger import structure

pytestmark = pytest.mark.hazard("H22")
BOTH = [
    ("CREATE TABLE shadow (id TEXT)", "shadow : the table is none"),
    ("CREATE VIEW quiet AS SELECT id FROM weight", "quiet : the view is none"),
    ("CREATE INDEX ix_mine ON weight (kg)", "the index ix_mine is none"),
    ("CREATE UNIQUE INDEX ix_mine ON weight (kg)", "the index ix_mine is none"),
    ("ALTER TABLE weight ADD COLUMN hidden TEXT", "weight , hidden: the column is none"),
    ("ALTER TABLE weight ADD COLUMN hidden TEXT DEFAULT 'x'", "weight , hidden: the column is none"),
]


def said(session):
    return [str(fault) for fault in structure.problems(session)]


@pytest.mark.parametrize(("statement", "says"), BOTH)
def test_what_was_added_to_a_sqlite_file_is_named(session, team, statement, says):
    session.execute(text(statement))
    assert any(says in one for one in said(session)), said(session)
    session.rollback()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.postgres
@pytest.mark.parametrize(("statement", "says"), [
    *BOTH,
    ("ALTER TABLE weight ADD CHECK (1 = 1)", "is none of this program's"),
    ("ALTER TABLE weight ADD UNIQUE (kg)", "is none of this program's"),
    ("ALTER TABLE weight ALTER COLUMN kg SET DEFAULT 70", "kg: the database gives it the value 70"),
    ('ALTER TABLE patient ALTER COLUMN family_name TYPE VARCHAR COLLATE "C"', "has the collation C"),
    ("ALTER TABLE patient ALTER COLUMN family_name SET DEFAULT 'x'", "gives it the value"),
    ("ALTER TABLE weight ALTER COLUMN kg TYPE NUMERIC(4, 1)", "its type is NUMERIC(4, 1)"),
    ("ALTER TABLE weight ADD FOREIGN KEY (patient_id) REFERENCES patient (id) ON DELETE CASCADE", "ON DELETE CASCADE"),
    ("ALTER TABLE weight ENABLE ROW LEVEL SECURITY", "hidden by a policy"),
    ("CREATE MATERIALIZED VIEW kept AS SELECT id FROM weight", "none of this program"),
])  # fmt: skip
def test_what_was_added_on_postgresql_is_named(session, team, statement, says):
    session.execute(text(statement))
    assert any(says in one for one in said(session)), said(session)
    session.rollback()


@pytest.mark.parametrize(("old", "new"), [
    ("PRIMARY KEY (id)", "CHECK (1=0), PRIMARY KEY (id)"),
    ("PRIMARY KEY (id)", "CHECK\n(1=0), PRIMARY KEY (id)"),
    ("PRIMARY KEY (id)", "/* of ours */ check(1), PRIMARY KEY (id)"),
    ("PRIMARY KEY (id)", "PRIMARY KEY (id) ON CONFLICT REPLACE"),
    ("PRIMARY KEY (id)", "UNIQUE (kg), PRIMARY KEY (id)"),
    ("REFERENCES patient (id)", "REFERENCES patient (id) ON DELETE CASCADE"),
    ("REFERENCES patient (id)", "REFERENCES patient (id) ON\nUPDATE SET NULL"),
    ("REFERENCES patient (id)", "REFERENCES patient (id) DEFERRABLE INITIALLY DEFERRED"),
    ("patient_id VARCHAR(12)", "patient_id VARCHAR(12) COLLATE NOCASE"),
    ("patient_id VARCHAR(12)", "patient_id VARCHAR(12) collate nocase"),
    ("patient_id VARCHAR(12)", "patient_id VARCHAR(12) DEFAULT 'PT-1'"),
    ("patient_id VARCHAR(12)", "patient_id BLOB"),
])  # fmt: skip
def test_a_clause_that_was_written_into_a_sqlite_table_is_named(session, engine, team, house, old, new):
    session.commit()
    session.close()
    engine.dispose()  # the schema is then read anew, as by a command
    with closing(sqlite3.connect(house.store.file)) as other:
        (sql,) = other.execute("SELECT sql FROM sqlite_master WHERE name = 'weight'").fetchone()
        changed = sql.replace(old, new, 1)
        assert changed != sql, sql
        other.execute("PRAGMA writable_schema = ON")
        other.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'weight'", (changed,))
        other.commit()
    assert any(one.startswith("weight ") for one in said(session))


def test_a_collation_of_an_index_is_named(session, team):
    session.execute(text("DROP INDEX ix_weight_patient_id"))
    session.execute(text("CREATE INDEX ix_weight_patient_id ON weight (patient_id COLLATE NOCASE)"))
    assert any("COLLATE" in one for one in said(session))
    session.rollback()
