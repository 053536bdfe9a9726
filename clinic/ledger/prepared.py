"""Many new rows at once, prepared while nobody waits for them, then written in a moment with an entry for each.

All that takes time is done before the write lock is taken: the cells of a row as the database takes them, and what
its entry says. Under the lock only the number, the moment and the link of each entry are added. Rows and entries are
those that a flush would write (`clinic.ledger.listener`), to the byte.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import insert, inspect, select, update
from sqlalchemy.orm import RelationshipDirection

from clinic import clock
from clinic.ledger.entry_text import text_of_change
from clinic.ledger.listener import kept
from clinic.ledger.models import GENESIS, LedgerEntry, LedgerHead, canonical
from clinic.model import Model
from clinic.record_kinds import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Dialect
    from sqlalchemy.orm import Session


class Prepared(NamedTuple):
    """One new row: its table and id, its cells as the driver takes them, and its columns as its entry keeps them."""

    table: str
    id: str
    cells: tuple[Any, ...]
    after: str


class Insert(NamedTuple):
    """How rows of a table are inserted: the statement in the driver's words, and what turns a value into a cell."""

    sql: str
    names: tuple[str, ...]
    cells: tuple[tuple[str, Any], ...]

    def bound(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the cells of a row; nothing is kept as NULL."""
        return tuple(
            value if (value := values[key]) is None or turn is None else turn(value) for key, turn in self.cells
        )

    def given(self, cells: Sequence[Any]) -> Any:
        """Return cells as the statement takes them: in their order, or by name."""
        return dict(zip(self.names, cells, strict=True)) if self.names else tuple(cells)


@lru_cache(maxsize=512)
def insert_into(table: Any, dialect: Dialect) -> Insert:
    """Return how rows of a table are inserted; a number that the database gives itself is left out."""
    columns = [column for column in table.columns if column is not table.autoincrement_column]
    made: Any = insert(table).compile(dialect=dialect, column_keys=[column.key for column in columns])
    by_key = {column.key: column for column in columns}
    order = made.positiontup or [column.key for column in columns]
    turns = tuple((key, by_key[key].type.dialect_impl(dialect).bind_processor(dialect)) for key in order)
    return Insert(str(made), () if made.positiontup else tuple(order), turns)


@lru_cache(maxsize=512)
def _to_one(model: type[Model]) -> tuple[tuple[str, str], ...]:
    """Return the relations of a model to one row by a key of its own, each with that key."""
    return tuple(
        (relation.key, str(relation.local_remote_pairs[0][0].key))
        for relation in inspect(model).relationships
        if relation.direction is RelationshipDirection.MANYTOONE and not relation.viewonly
    )


def complete(row: Model, connection: Connection) -> dict[str, Any]:
    """Give a new row what a flush would, which belongs to no session, and return its columns.

    Its first version, the keys of its related rows, and what its kind works out before it is inserted.
    """
    known, mapper = row.__dict__, inspect(type(row))
    if known.get("version") is None:
        row.version = 1
    for relation, key in _to_one(type(row)):
        other = known.get(relation)
        if other is not None and known.get(key) is None:
            setattr(row, key, other.id)
    mapper.dispatch.before_insert(mapper, connection, inspect(row))
    return {key: known.get(key) for key, _column in _columns(type(row))}


def prepare(model: type[Model], values: Mapping[str, Any], dialect: Dialect) -> Prepared:
    """Return a new row, of which `complete` gave the columns, as it will be written."""
    table: Any = model.__table__
    after = {}
    for key, column in _columns(model):
        value = values[key]
        after[key] = value if type(value) is str and not column.info else kept(column, value)
    return Prepared(table_of(model), values["id"], insert_into(table, dialect).bound(values), canonical(after))


@lru_cache(maxsize=512)
def _columns(model: type[Model]) -> tuple[tuple[str, Any], ...]:
    return tuple((one.key, one.columns[0]) for one in inspect(model).column_attrs)


def insert_rows(session: Session, rows: Iterable[Prepared]) -> None:
    """Insert rows without an entry: for who tries them and rolls back."""
    connection, by_table = session.connection(), dict[str, list[Prepared]]()
    for row in rows:
        by_table.setdefault(row.table, []).append(row)
    for table in Model.metadata.sorted_tables:  # what is named stands before what names it
        if found := by_table.get(table.name):
            how = insert_into(table, connection.dialect)
            connection.exec_driver_sql(how.sql, [how.given(row.cells) for row in found])


def write(session: Session, site_id: str, rows: Sequence[Prepared]) -> None:
    """Insert rows of a site, and an entry for each, as the person whom the session names. The caller has the lock."""
    insert_rows(session, rows)
    connection, at = session.connection(), clock.now()
    actor_id, reason = session.info["actor_id"], session.info.get("reason", "")
    head = connection.execute(select(LedgerHead.number, LedgerHead.hash).where(LedgerHead.site_id == site_id)).one()
    number, previous, how = head.number, head.hash or GENESIS, insert_into(LedgerEntry.__table__, connection.dialect)
    entry: dict[str, Any] = {
        "site_id": site_id, "at": at, "actor_id": actor_id, "act": "insert", "reason": reason, "before": None,
        "number": 0, "record": "", "record_id": "", "after": None, "previous": "", "hash": "",
    }  # fmt: skip
    same = dict(zip([key for key, _turn in how.cells], how.bound(entry), strict=True))
    order, entries = [key for key, _turn in how.cells], []
    for row in sorted(rows, key=lambda one: (one.table, one.id)):
        number += 1
        found = sha256(
            text_of_change(
                site=site_id, number=number, previous=previous, at=_iso(at), act="insert", actor=actor_id,
                after=row.after, before="null", record_id=row.id, reason=reason, record=row.table,
            ).encode()
        ).hexdigest()  # fmt: skip
        same |= {
            "number": number, "record": row.table, "record_id": row.id, "after": row.after, "previous": previous,
            "hash": found,
        }  # fmt: skip
        entries.append(how.given([same[key] for key in order]))
        previous = found
    if entries:
        connection.exec_driver_sql(how.sql, entries)
        connection.execute(update(LedgerHead).where(LedgerHead.site_id == site_id).values(number=number, hash=previous))


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def head_of(session: Session, site_id: str) -> int:
    """Return the number of the last entry of a site."""
    return session.scalar(select(LedgerHead.number).where(LedgerHead.site_id == site_id)) or 0


def written_since(session: Session, site_id: str, number: int) -> list[tuple[str, str]]:
    """Return the table and id of each row of a site that was written after an entry."""
    chosen = select(LedgerEntry.record, LedgerEntry.record_id).distinct()
    found = session.execute(chosen.where(LedgerEntry.site_id == site_id, LedgerEntry.number > number))
    return [(row.record, row.record_id) for row in found]
