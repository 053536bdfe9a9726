"""Writes the ledger on flush, for every `Model`: it cannot be forgotten or bypassed.

Who acts and why are on the session (`set_actor`); a flush without an actor is refused, and so are bulk updates and
deletes, which would change rows that no listener sees.
"""

from __future__ import annotations

import hashlib
import json
from contextvars import ContextVar
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Engine, UpdateBase, event, insert, inspect, select, update
from sqlalchemy.orm import ColumnProperty, Session

from clinic import clock
from clinic.ledger.models import GENESIS, LedgerEntry, LedgerHead, canonical, digest
from clinic.model import Model
from clinic.record_kinds import table_of

if TYPE_CHECKING:
    from sqlalchemy.orm import UOWTransaction


class Written(NamedTuple):
    """One row that was written since the last commit: its kind, and which of its columns changed (None: it is new)."""

    model: type[Model]
    columns: frozenset[str] | None

    @property
    def touches_time(self) -> bool:
        """Whether the row is new, or one of its moments changed."""
        return self.columns is None or any(name.endswith("_at") for name in self.columns)


def written(session: Session) -> dict[str, Written]:
    """Return, once, what this session wrote since the last commit, by the row's id."""
    return session.info.pop("written", {})


def _remember(session: Session, rows: list[Any]) -> None:
    known: dict[str, Written] = session.info.setdefault("written", {})
    for row, act, _before, after in rows:
        before = known.get(row.id)
        new = act != "update" or (before is not None and before.columns is None)
        columns = frozenset(after or ()) | (before.columns if before is not None and before.columns else frozenset())
        known[row.id] = Written(type(row), None if new else columns)


READ_ONCE = "read once"
"""Where a session keeps what it read to compare with, until it writes."""
_flush: ContextVar[UOWTransaction | None] = ContextVar("flush", default=None)
"""The flush that is under way, with the rows that it writes: the only moment at which rows may change."""


def set_actor(session: Session, actor_id: str, reason: str = "") -> None:
    """Name who answers for what this session writes from now on, and why."""
    session.info["actor_id"] = actor_id
    session.info["reason"] = reason


def lock_site(session: Session, site_id: str) -> None:
    """Wait until no other transaction writes for a site, and keep others waiting until the commit.

    What a decision depends on (the volume left in a bag, a valid consent) is then not changed before the decision
    is written (hazards H12, H15, H16). SQLite lets one program write at a time anyway.
    """
    if session.get_bind().dialect.name != "sqlite":
        session.execute(select(LedgerHead.number).where(LedgerHead.site_id == site_id).with_for_update())


def ledger_value(value: Any) -> Any:
    """Return a column's value as the ledger keeps it: text for decimals, moments (in UTC) and days."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return value


def kept(column: Any, value: Any) -> Any:
    """Return a column's value as the ledger keeps it; of a column with ``info={"secret": True}`` only a fingerprint."""
    if value is None or not column.info.get("secret"):
        return ledger_value(value)
    return f"SHA-256 {hashlib.sha256(str(value).encode()).hexdigest()}"


def state_of(row: Model) -> dict[str, Any]:
    """Return every column of a row, as the ledger keeps it."""
    columns = inspect(type(row)).column_attrs
    return {attribute.key: kept(attribute.columns[0], getattr(row, attribute.key)) for attribute in columns}


def _changes(row: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    state = inspect(row)
    for attribute in state.mapper.column_attrs:
        history = state.attrs[attribute.key].history
        if history.has_changes():
            column = attribute.columns[0]
            before[attribute.key] = kept(column, history.deleted[0]) if history.deleted else None
            after[attribute.key] = kept(column, history.added[0]) if history.added else None
    return before, after


@event.listens_for(Model, "attribute_instrument", propagate=True)
def _know_what_stood_there(_model: type[Model], _key: str, attribute: Any) -> None:
    """Load the old value before it is overwritten, even of a row that was not read since the last commit."""
    if isinstance(attribute.property, ColumnProperty):
        event.listen(attribute, "set", lambda *_: None, active_history=True)


def _rows(session: Session) -> list[tuple[Model, str, dict[str, Any] | None, dict[str, Any] | None]]:
    found: list[tuple[Model, str, dict[str, Any] | None, dict[str, Any] | None]] = []
    found.extend((row, "insert", None, state_of(row)) for row in session.new if isinstance(row, Model))
    for row in session.dirty:
        if isinstance(row, Model):
            before, after = _changes(row)
            if after:
                after["version"] = row.version
                found.append((row, "update", before, after))
    found.extend((row, "delete", state_of(row), None) for row in session.deleted if isinstance(row, Model))
    return sorted(found, key=lambda item: (item[0].site_id, table_of(type(item[0])), item[0].id))


@event.listens_for(Session, "after_flush")
def _write_down(session: Session, _context: UOWTransaction) -> None:
    session.info.pop(READ_ONCE, None)
    rows = _rows(session)
    if not rows:
        return
    _remember(session, rows)
    actor_id = session.info.get("actor_id")
    if not actor_id:
        raise RuntimeError("No actor is set: call set_actor(session, actor_id) first")
    reason = session.info.get("reason", "")
    at = clock.now()
    connection = session.connection()
    for site_id in sorted({row.site_id for row, *_ in rows}):
        head = connection.execute(
            select(LedgerHead.number, LedgerHead.hash).where(LedgerHead.site_id == site_id).with_for_update()
        ).one_or_none()
        if head is None:
            connection.execute(insert(LedgerHead).values(site_id=site_id, number=0, hash=GENESIS))
        number, previous = (head.number, head.hash) if head else (0, GENESIS)
        entries = []
        for row, act, said_before, said_after in rows:
            if row.site_id != site_id:
                continue
            number += 1
            before, after = (
                json.loads(canonical(said)) for said in (said_before, said_after)
            )  # stored as it is proved
            entry = LedgerEntry(
                site_id=site_id,
                number=number,
                at=at,
                actor_id=actor_id,
                act=act,
                reason=reason,
                record=table_of(type(row)),
                record_id=row.id,
                before=before,
                after=after,
                previous=previous,
            )
            previous = digest(entry.content())
            entries.append(
                {
                    "site_id": site_id,
                    "number": number,
                    "at": at,
                    "actor_id": actor_id,
                    "act": act,
                    "reason": reason,
                    "record": entry.record,
                    "record_id": entry.record_id,
                    "before": before,
                    "after": after,
                    "previous": entry.previous,
                    "hash": previous,
                }
            )
        connection.execute(insert(LedgerEntry), entries)
        connection.execute(update(LedgerHead).where(LedgerHead.site_id == site_id).values(number=number, hash=previous))


@event.listens_for(Session, "before_flush")
def _flush_begins(_session: Session, context: UOWTransaction, _instances: Any) -> None:
    _flush.set(context)


@event.listens_for(Session, "after_flush_postexec")
def _flush_ends(_session: Session, _context: UOWTransaction) -> None:
    _flush.set(None)


@event.listens_for(Session, "after_soft_rollback")
def _flush_failed(session: Session, _transaction: Any) -> None:
    _flush.set(None)
    session.info.pop("written", None)


@event.listens_for(Engine, "before_execute")
def _nothing_slips_past(_connection: Any, statement: Any, *_more: Any) -> None:
    """Refuse to change rows of a `Model` outside a flush: bulk statements, Core, and the session's bulk methods."""
    flush = _flush.get()
    if isinstance(statement, UpdateBase) and not (flush and flush.has_work):
        name = getattr(getattr(statement, "table", None), "name", "")
        if any(table_of(m.class_) == name for m in Model.registry.mappers if issubclass(m.class_, Model)):
            raise RuntimeError("Bulk writes slip past the ledger: load the rows and change them one by one")
