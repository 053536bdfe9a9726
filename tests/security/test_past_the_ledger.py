"""No way of writing goes round the ledger: bulk statements, Core, the old bulk methods, and raw SQL in a room."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError, InternalError, ProgrammingError
from sqlalchemy.orm import Session

import clinic
from clinic.accounts.models import Site
from clinic.ledger.models import LedgerEntry
from clinic.ledger.verify import verify
from clinic.patients.models import Patient
from tests.databases import both_databases
from tests.factories import patient

NEW = {"id": "x", "version": 1, "site_id": "x", "code": "q", "name": "n", "zone": "z", "facility_code": "",
       "is_demo": True}  # fmt: skip
WAYS = {
    "update of a kind": lambda s: s.execute(update(Patient).values(sex="male")),
    "delete of a kind": lambda s: s.execute(delete(Patient)),
    "insert of a kind": lambda s: s.execute(insert(Site).values(**NEW)),
    "query update": lambda s: s.query(Patient).update({"sex": "male"}),
    "query delete": lambda s: s.query(Patient).delete(),
    "table update": lambda s: s.execute(update(Patient.__table__).values(sex="male")),
    "table delete": lambda s: s.execute(delete(Patient.__table__)),
    "connection update": lambda s: s.connection().execute(update(Patient).values(sex="male")),
    "bulk insert": lambda s: s.bulk_insert_mappings(Site, [NEW]),
    "bulk update": lambda s: s.bulk_update_mappings(
        Patient, [{"id": s.scalar(select(Patient.id)), "sex": "male", "version": 1}]
    ),
    "bulk save": lambda s: s.bulk_save_objects([Site(**(NEW | {"id": "y"}))]),
}


@both_databases
@pytest.mark.rule(70)
@pytest.mark.parametrize("way", WAYS)
def test_no_bulk_statement_slips_past_the_ledger(engine, session, team, way):
    patient(team, sex="female")
    session.commit()
    with Session(engine) as other:
        with pytest.raises(RuntimeError, match="slip past the ledger"):
            WAYS[way](other)
        other.rollback()
    assert verify(session) == []


def test_after_a_flush_that_failed_the_door_is_shut_again(engine, session, team):
    patient(team)
    session.commit()
    with Session(engine) as other:
        other.add(Site(code="north", name="again"))
        with pytest.raises((IntegrityError, RuntimeError)):
            other.flush()
        other.rollback()
        with pytest.raises(RuntimeError, match="slip past the ledger"):
            other.execute(update(Patient.__table__).values(sex="male"))


@both_databases
@pytest.mark.parametrize("statement", [
    "UPDATE ledger_entry SET reason = 'x'", "DELETE FROM ledger_entry", "DELETE FROM ledger_entry WHERE number > 3",
])  # fmt: skip
def test_the_database_itself_keeps_the_ledger(engine, statement):
    with engine.connect() as connection, pytest.raises((IntegrityError, InternalError, ProgrammingError)) as refused:
        connection.execute(text(statement))
    assert "never changed" in str(refused.value)


REPLACED = """
{act} INTO ledger_entry (key, site_id, number, at, actor_id, act, reason, record, record_id, previous, hash)
SELECT {key}, site_id, {number}, at, actor_id, act, 'forged', record, record_id, previous, hash
FROM ledger_entry WHERE number = 2 LIMIT 1
"""


@pytest.mark.parametrize("act", ["REPLACE", "INSERT OR REPLACE"])
@pytest.mark.parametrize(("key", "number"), [("key", "number"), ("NULL", "number"), ("key", "number + 100000")])
def test_no_entry_is_replaced_by_another_one(engine, act, key, number):
    statement = text(REPLACED.format(act=act, key=key, number=number))
    with engine.connect() as connection, pytest.raises(IntegrityError, match="never changed"):
        connection.execute(statement)


RAW = re.compile(r"\btext\(|exec_driver_sql|\.connection\(\)|engine\.(begin|connect)\(|\.execute\(\s*f?[\"']|bulk_")
TECHNICAL = {
    "clinic/console.py", "clinic/extensions.py", "clinic/health.py", "clinic/schema.py", "clinic/backup.py",
    "clinic/ledger/listener.py", "clinic/ledger/structure.py", "clinic/ledger/excess.py", "clinic/exchange/views.py",
    "clinic/commands/database.py", "clinic/judged_lines.py", "clinic/query_plans.py",
    "clinic/ledger/verify.py", "clinic/ledger/stored_rows.py", "clinic/reports/past.py",
    "clinic/ledger/prepared.py", "clinic/exchange/import_writing.py", "clinic/row_reader.py", "clinic/one_server.py",
}  # fmt: skip
"""Where a connection itself is meant: opening, copying and migrating the database and its statistics, who uses it, the
ledger and the proof of its cells as they are stored, a snapshot to read, views of the past, the condition of an index,
the rows of an import with their entries of the ledger, and selects of records that are written once as text."""


def test_no_room_speaks_sql_of_its_own():
    house = Path(clinic.__file__).parent
    found = {
        str(file.relative_to(house.parent))
        for file in house.rglob("*.py")
        if RAW.search(re.sub(r'"""[\s\S]*?"""', "", file.read_text()))
    }
    assert found <= TECHNICAL
    assert LedgerEntry.__tablename__ == "ledger_entry"
