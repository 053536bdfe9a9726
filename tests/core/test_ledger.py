"""The ledger writes itself, and nothing that was written can be changed, removed or cut off unseen."""

# ruff: noqa: S608 - whoever tampers writes SQL by hand

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Date, DateTime, Enum, Integer, delete, func, inspect, select, text, update
from sqlalchemy.orm import Session

from clinic import clock
from clinic.accounts.models import Site, User
from clinic.errors import RuleBroken
from clinic.harvest.models import Harvest
from clinic.ledger import sealing
from clinic.ledger.listener import _flush, ledger_value, set_actor
from clinic.ledger.models import LedgerEntry, LedgerHead
from clinic.ledger.verify import Head, heads, models, row_problems, verify
from clinic.model import Model, Quantity, UTCDateTime
from clinic.patients.models import Patient, Weight
from clinic.records import Signature
from tests.databases import both_databases
from tests.factories import harvested, patient, ready_for_harvest, stranger

pytestmark = both_databases


def entries(session: Session, record_id: str) -> list[LedgerEntry]:
    return list(
        session.scalars(select(LedgerEntry).where(LedgerEntry.record_id == record_id).order_by(LedgerEntry.number))
    )


def in_raw_sql(engine: Any, *statements: Any) -> None:
    """Write behind the program's back, as somebody with the database's password could."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            for pragma in ("foreign_keys=OFF", "ignore_check_constraints=ON"):
                connection.connection.dbapi_connection.execute(f"PRAGMA {pragma}")
            for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            connection.exec_driver_sql("SET session_replication_role = replica")  # no foreign keys, no triggers
            checks = "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0"
            for table, name in connection.exec_driver_sql(checks).all():
                if not table.startswith(("pg_", "information_schema")):
                    connection.exec_driver_sql(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        door = _flush.set(SimpleNamespace(has_work=True))  # another program has no guard of ours
        for statement in statements:
            connection.execute(statement if not isinstance(statement, str) else text(statement))
        _flush.reset(door)
        connection.commit()
        connection.invalidate()  # no later user of the connection works without its foreign keys


def test_every_change_of_every_row_is_written_down_with_who_and_when(session, team):
    one = patient(team)
    session.commit()
    one.phone = "0151 0000000"
    session.commit()
    first, second = entries(session, one.id)
    assert (first.act, first.record, first.before) == ("insert", "patient", None)
    assert first.after["family_name"] == one.family_name
    assert (second.act, second.before["phone"], second.after["phone"]) == ("update", None, "0151 0000000")
    assert second.actor_id == team.physician.id
    assert second.number == first.number + 2, "the weighing stands between them"


def test_the_old_value_is_written_down_even_where_nobody_had_read_it(session, team):
    one = patient(team, phone="1")
    session.commit()  # everything is forgotten now
    one.phone = "2"
    session.commit()
    assert entries(session, one.id)[-1].before["phone"] == "1"


def test_a_fact_that_is_emptied_unread_is_written_down_too(session, team):
    one = patient(team, phone="1")
    session.commit()
    one.phone = None
    session.commit()
    last = entries(session, one.id)[-1]
    assert (last.before["phone"], last.after["phone"]) == ("1", None)
    assert verify(session) == []


def test_two_sites_keep_two_chains_without_a_gap(session, team, southern_team):
    for people in (team, southern_team, team):
        set_actor(session, people.nurse.id)
        patient(people)
    session.commit()
    for people in (team, southern_team):
        numbers = session.scalars(
            select(LedgerEntry.number).where(LedgerEntry.site_id == people.site.id).order_by(LedgerEntry.number)
        ).all()
        assert numbers == list(range(1, len(numbers) + 1))
    assert set(heads(session)) == {team.site.id, southern_team.site.id}


def test_nothing_is_written_without_naming_who_writes(session, team):
    session.info.pop("actor_id")
    with pytest.raises(RuntimeError, match="No actor is set"):
        patient(team)


@pytest.mark.rule(70)
@pytest.mark.parametrize(
    "statement", [update(Patient).values(phone="0"), delete(Patient), update(User).values(active=False)], ids=str
)
def test_a_bulk_change_that_would_slip_past_the_ledger_is_refused(session, team, statement):
    patient(team)
    with pytest.raises(RuntimeError, match="slip past"):
        session.execute(statement)


def test_a_password_is_never_in_the_ledger_and_its_change_is(session, team):
    nurse = team.nurse
    secret = nurse.password
    nurse.password = "another hash"
    session.commit()
    said = [str(entry.before) + str(entry.after) for entry in entries(session, nurse.id)]
    assert not any(secret in text or "another hash" in text for text in said)
    assert "SHA-256" in said[-1]
    assert verify(session) == []


@pytest.mark.parametrize("model", models().values(), ids=lambda model: model.__tablename__)
def test_every_kind_of_row_has_ids_of_its_own_kind(model, database):
    others = [other for other in models().values() if other is not model]
    assert len(model.KIND) == 2
    assert model.KIND not in {other.KIND for other in others}


@pytest.fixture
def busy(session: Session, team: Any) -> Session:
    """A session over a clinic with a course, a harvest, an amendment and a donor."""
    course = ready_for_harvest(team)
    harvest = harvested(course, team)
    session.commit()
    set_actor(session, team.physician.id, "The bag was weighed again.")
    harvest.amend(by=team.physician, at=clock.now(), reason="The bag was weighed again.", volume=Decimal("61.5"))
    stranger(team)
    session.commit()
    return session


def test_an_untouched_clinic_verifies(busy):
    assert verify(busy) == []


def another(column: Any, value: Any) -> Any:  # noqa: PLR0911 - one for each type
    """Return a value that the column can hold and that is not the one it holds."""
    kind = column.type
    if isinstance(kind, Boolean):
        return not value
    if isinstance(kind, Enum):
        return next(choice for choice in kind.enums if choice != value)
    if isinstance(kind, Integer):
        return (value or 0) + 1
    if isinstance(kind, JSON):
        return {"changed": "behind"} if not isinstance(value, list) else ["changed"]
    if isinstance(kind, Quantity):
        return (value or Decimal(1)) + Decimal("0.1")
    if isinstance(kind, DateTime | UTCDateTime):
        return (value or datetime(2020, 1, 1, tzinfo=UTC)) + timedelta(seconds=1)
    if isinstance(kind, Date):
        return (value or date(2020, 1, 1)) + timedelta(days=1)
    return "ST-000000000" if value is None else f"{value[:-1]}{'x' if value[-1:] != 'x' else 'y'}"


@pytest.mark.slow
@pytest.mark.hazard("H22")
def test_a_change_of_any_cell_of_any_table_behind_the_program_is_found(busy, engine):
    busy.commit()
    tried = 0
    for table, model in models().items():
        rows = model.__table__
        with engine.connect() as connection:
            row = connection.execute(select(rows).order_by(rows.c.id).limit(1)).mappings().one_or_none()
        if row is None:
            continue
        for column in rows.c:
            where = rows.c.id == row["id"]
            in_raw_sql(engine, update(rows).where(where).values({column.key: another(column, row[column.key])}))
            found = list(row_problems(busy, table, model))
            assert found, f"{table}.{column.key} was changed unseen"
            if column.key != "id":
                assert any(f.row == row["id"] and f.column == column.key for f in found), (
                    f"{table}.{column.key} is not named"
                )
            busy.rollback()
            back = rows.c.id == (row["id"] if column.key != "id" else another(column, row["id"]))
            in_raw_sql(engine, update(rows).where(back).values({column.key: row[column.key]}))
            tried += 1
    assert tried > 150
    assert verify(busy) == []


@pytest.mark.hazard("H22")
def test_a_row_that_was_removed_or_slipped_in_is_named(busy, engine):
    signature = busy.scalars(select(Signature.id).limit(1)).one()
    busy.commit()
    in_raw_sql(engine, delete(Signature.__table__).where(Signature.__table__.c.id == signature))
    assert [str(fault) for fault in verify(busy)] == [f"signature {signature}: the ledger has it, the table does not"]


@pytest.mark.hazard("H22")
def test_a_row_without_an_entry_is_named(busy, engine, team):
    weight = busy.scalars(select(Weight.id)).first()
    busy.commit()
    columns = ", ".join(f'"{c.name}"' for c in Weight.__table__.c if c.name != "id")
    in_raw_sql(
        engine, f"INSERT INTO weight (id, {columns}) SELECT 'WT-000000001', {columns} FROM weight WHERE id = '{weight}'"
    )
    assert [str(fault) for fault in verify(busy)] == ["weight WT-000000001: the table has it, the ledger does not"]


@pytest.mark.hazard("H22")
@pytest.mark.parametrize("column", [c.name for c in LedgerEntry.__table__.c if c.name != "key"])
def test_a_change_of_any_cell_of_an_entry_is_found(busy, engine, column):
    table = LedgerEntry.__table__
    row = busy.execute(select(table).where(table.c.act == "update")).mappings().first()
    busy.commit()
    value = row[column] + 1000 if column == "number" else another(table.c[column], row[column])
    in_raw_sql(engine, update(table).where(table.c.key == row["key"]).values({column: value}))
    assert any(fault.table in {"ledger_entry", "ledger_head"} for fault in verify(busy))


@pytest.mark.hazard("H22")
def test_an_entry_in_the_middle_cannot_be_taken_out(busy, engine):
    table = LedgerEntry.__table__
    row = busy.execute(select(table.c.key, table.c.number).where(table.c.record == "harvest")).first()
    busy.commit()
    in_raw_sql(engine, delete(table).where(table.c.key == row.key))
    assert any(f"{row.number} to {row.number} are missing" in str(fault) for fault in verify(busy))


@pytest.mark.hazard("H23")
def test_a_chain_that_was_cut_off_with_its_head_and_rows_shows_against_an_earlier_head(busy, engine, team):
    """Whoever rewrites head and rows together leaves a database that agrees with itself; only the seal knows more."""
    kept = heads(busy)
    site, known = team.site.id, heads(busy)[team.site.id]
    table, head = LedgerEntry.__table__, LedgerHead.__table__
    last = busy.execute(select(table).where(table.c.site_id == site, table.c.number == known.number)).mappings().one()
    busy.commit()
    in_raw_sql(
        engine,
        delete(models()[last["record"]].__table__).where(models()[last["record"]].__table__.c.id == last["record_id"]),
        delete(table).where(table.c.key == last["key"]),
        update(head).where(head.c.site_id == site).values(number=known.number - 1, hash=last["previous"]),
    )
    assert verify(busy) == []
    assert ["1 entries are missing since the earlier head" in str(f) for f in verify(busy, earlier=[kept])] == [True]


@pytest.mark.hazard("H23")
def test_a_history_that_was_written_anew_shows_against_an_earlier_head(busy, team):
    known = heads(busy)[team.site.id]
    other = {team.site.id: Head(number=known.number, hash="0" * 63 + "1")}
    assert ["it differs from the one in the earlier head" in str(f) for f in verify(busy, earlier=[other])] == [True]


def test_a_seal_says_the_heads_and_bears_a_signature(busy, tmp_path):
    key = sealing.key_of(tmp_path)
    text = sealing.seal(heads(busy), at=clock.now(), key=key)
    assert sealing.opened(text, key=key).heads == heads(busy)
    assert (tmp_path / sealing.KEY_FILE).stat().st_mode & 0o077 == 0


def test_a_seal_that_was_changed_or_is_another_instance_s_is_refused(busy, tmp_path):
    key = sealing.key_of(tmp_path)
    text = sealing.seal(heads(busy), at=clock.now(), key=key)
    number = next(iter(heads(busy).values())).number
    with pytest.raises(RuleBroken, match="changed after it was signed"):
        sealing.opened(text.replace(f'"number": {number}', f'"number": {number - 1}'), key=key)
    (tmp_path / "other").mkdir()
    with pytest.raises(RuleBroken, match="a different key"):
        sealing.opened(text, key=sealing.key_of(tmp_path / "other"))
    for rubbish in ("", "{}", "[]", '{"heads": 3}', "null"):
        with pytest.raises(RuleBroken, match="not a seal"):
            sealing.opened(rubbish, key=key)


@pytest.mark.hazard("H22")
def test_what_no_program_of_ours_can_read_is_named_and_stops_nothing(busy, engine, database):
    if database != "sqlite":
        return  # PostgreSQL does not take such a value at all
    weight = busy.scalars(select(Weight.id)).first()
    busy.commit()
    in_raw_sql(engine, f"UPDATE weight SET kg = 'heavy', performed_at = 'some day' WHERE id = '{weight}'")
    found = {fault.column: fault.because for fault in verify(busy) if fault.row == weight}
    assert found == dict.fromkeys(("kg", "performed_at"), "it contains data that this program cannot read")


def test_a_moment_is_told_in_one_way_whatever_zone_it_was_given_in(database):
    berlin = clock.local(datetime(2026, 5, 14, 7, 30, tzinfo=UTC), "Europe/Berlin")
    assert ledger_value(berlin) == ledger_value(datetime(2026, 5, 14, 7, 30, tzinfo=UTC)) == "2026-05-14T07:30:00+00:00"


def test_a_signature_still_covers_what_was_signed_after_it_is_read_again(busy):
    harvest = busy.scalars(select(Harvest)).one()
    assert harvest.signatures
    assert not harvest.signed, "it was amended since"
    harvest.sign(by=harvest.performed_by, at=clock.now())
    busy.commit()
    busy.expunge_all()
    assert busy.scalars(select(Harvest)).one().signed


def test_the_ledger_watches_every_table_that_holds_what_staff_write(database):
    """The bytes of a scan are no row of the ledger: their SHA-256 is, and `clinic verify` compares the two."""
    own = {"ledger_entry", "ledger_head", "sign_in", "failed_sign_in", "submission", "notice_mail", "scan_content"}
    watched = set(models())
    assert {table for table in Model.metadata.tables if table not in watched} <= own | {
        "draft",
        "saved_view",
        "reset_link",
        "course_line",
        "preference",
        "product_line",
        "notice_mail",  # which mails were tried
        "catalogue_entry",  # what a clinic's file of catalogues says: no person and no site writes it
        "read_entry",  # a chain of its own
        "read_head",
        "scan_content",  # the bytes of a scan, of which the ledger keeps the SHA-256
    }
    assert {"patient", "harvest", "product", "signature", "amendment", "user_account", "site"} <= watched
    assert {"paper_scan", "downtime_kit", "notice", "request", "comment"} <= watched
    assert all(inspect(model).version_id_col is not None for model in models().values())


def test_the_number_of_entries_is_the_number_of_the_heads(busy):
    counted = busy.scalar(select(func.count()).select_from(LedgerEntry))
    assert counted == sum(head.number for head in heads(busy).values())
    assert busy.scalar(select(func.count()).select_from(Site)) == 2
