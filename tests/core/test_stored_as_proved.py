"""The proof takes cells as they are stored: what is equal byte for byte is right, and nothing else passes for it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import inspect, text

from clinic.ledger.entry_text import CHANGE, agrees
from clinic.ledger.models import LedgerEntry, canonical, digest
from clinic.ledger.stored_rows import Expected, stored_rows
from clinic.ledger.verify import heads, row_problems, verify_since
from clinic.patients.models import Patient, Weight
from tests.factories import patient

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def stored(**changed: object) -> list[object]:
    """Return the cells of an entry as SQLite stores them, some of them changed after its hash was taken."""
    entry = LedgerEntry(
        site_id="ST-0GYPCPK6Z", number=7, at=AT, actor_id="US-6W82TGBGH", act="insert", reason="Ünterschrift “x”",
        record="weight", record_id="WT-000000000", before=None,
        after={"kg": "71.4", "note": 'a "b"'}, previous="0" * 64,
    )  # fmt: skip
    row: dict[str, object] = {name: getattr(entry, name) for name in CHANGE if name not in {"hash", "key"}}
    row |= {"at": "2026-03-04 05:06:07.000000", "after": canonical(entry.after), "key": 1}
    return [({"hash": digest(entry.content())} | row | changed)[name] for name in CHANGE]


@pytest.mark.parametrize("spelled", ['{"kg":"71.4","note":"a \\"b\\""}', '{"note": "a \\"b\\"", "kg": "71.4"}'])
def test_an_entry_agrees_in_both_spellings_of_its_document(spelled):
    assert agrees(LedgerEntry, stored(after=spelled))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("number", 7.0), ("number", "7"), ("number", True), ("at", "2026-03-04T05:06:07.000000"), ("at", 20260304),
        ("at", "2026-03-04 05:06:07"), ("act", "update"), ("act", None), ("after", '{"kg":"71.5","note":"a \\"b\\""}'),
        ("after", "{"), ("after", None), ("before", "{}"), ("reason", ""), ("record_id", "WT-000000001"),
        ("previous", "1" * 64), ("actor_id", b"US-6W82TGBGH"),
    ],
)  # fmt: skip
def test_an_entry_that_was_changed_does_not_agree(column, value):
    assert not agrees(LedgerEntry, stored(**{column: value}))


@pytest.mark.parametrize(
    ("column", "value"),
    [("version", "1.5"), ("kg", "'71.40'"), ("recorded_at", "replace(recorded_at, ' ', 'T')"), ("not_recorded", "'{ '"),
     ("not_recorded", "'{\"kg\": \"x\"}'"), ("origin", "'imported'"), ("source_note", "x'00'")],
)  # fmt: skip
def test_a_cell_that_is_stored_otherwise_is_named(team, column, value):
    row = patient(team).weights[0]
    team.database.commit()
    assert list(row_problems(team.database, "weight", Weight)) == []
    columns = {attribute.key: attribute.columns[0] for attribute in inspect(Weight).column_attrs}
    team.database.execute(text(f"UPDATE weight SET {column} = {value} WHERE id = :id"), {"id": row.id})  # noqa: S608
    (told,) = row_problems(team.database, "weight", Weight)
    assert (told.row, told.column) == (row.id, column)
    cells = dict(stored_rows(team.database, columns))[row.id]
    assert not Expected(team.database, columns).fits({}, cells)
    team.database.rollback()


def test_what_was_written_since_a_seal_is_checked_and_nothing_else(team):
    before = patient(team)
    team.database.commit()
    sealed = heads(team.database)
    after = patient(team)
    team.database.commit()
    assert verify_since(team.database, sealed) == []
    for one in (before, after):
        team.database.execute(text("UPDATE patient SET sex = 'other' WHERE id = :id"), {"id": one.id})
    assert [fault.row for fault in verify_since(team.database, sealed)] == [after.id]
    assert {fault.row for fault in row_problems(team.database, "patient", Patient)} == {before.id, after.id}
    team.database.rollback()
