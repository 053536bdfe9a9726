"""The records as they were known at an earlier entry of the ledger, read by the same statements as those of today.

The ledger has each change of each row with what stood there before. On a connection of its own, every table that was
changed since gets a view of the same name in front of it: its rows without those that were touched later, and these as
they stood then. A report that is made on that connection is the same report; there is no second way to read tables.
What the ledger says is all that this rests on: whoever has the entries can undo them in the same way.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Column, Date, Enum, MetaData, String, Table, insert, select, text
from sqlalchemy.orm import Session
from werkzeug.exceptions import ServiceUnavailable

from clinic.access import keep_to_site
from clinic.course_records import around_all, in_turns, turns
from clinic.errors import RuleBroken
from clinic.judged_lines import CourseLine, ProductLine
from clinic.ledger.models import GENESIS, LedgerEntry, LedgerHead
from clinic.ledger.verify import models
from clinic.model import Quantity, UTCDateTime
from clinic.pathway.projection import lines_of, product_lines
from clinic.products.models import Product
from clinic.reading import reading
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from clinic.model import Model

TOGETHER = 500
MOST_LATER = 100_000
"""Entries of the ledger that are taken back for one page."""
MOST_JUDGED = 3000
"""Courses and banked containers that are judged anew for one page."""
MAKING = threading.Lock()
"""Held while a report of the past is made."""
WAIT = 3
"""Seconds for which a request waits until another one has made its report."""


class Later(NamedTuple):
    """What was written about one row after the moment: its entries, and the ids that the row and these name."""

    table: str
    id: str
    numbers: list[int]
    acts: list[str]
    names: set[str]


class Before(NamedTuple):
    """A row that was written after the moment, and what stood there before; ``new``: it was entered later."""

    id: str
    new: bool
    state: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Past:
    """The records as they were known after an entry of a site's ledger. ``rows``: how many were written since."""

    session: Session
    site_id: str
    number: int
    hash: str
    rows: int

    def later(self, wanted: Collection[str]) -> list[Later]:
        """Return what was written since about the rows that are, or name, one of some ids."""
        some = (_later(table, id_, entries) for table, id_, entries in self._entries())
        return [one for one in some if not one.names.isdisjoint(wanted)]

    def _entries(self) -> Iterator[tuple[str, str, Iterator[Any]]]:
        entry = LedgerEntry
        chosen = _since(self.site_id, self.number, entry.number, entry.act, entry.before, entry.after)
        found = self.session.execute(chosen, execution_options={"yield_per": TOGETHER})
        for (table, id_), entries in groupby(found, attrgetter("record", "record_id")):
            yield table, id_, entries


def _since(site_id: str, number: int, *columns: Any) -> Any:
    """Return the statement that reads what was written after an entry: row by row, the entries of each in order."""
    entry = LedgerEntry
    chosen = select(entry.record, entry.record_id, *columns).where(entry.site_id == site_id, entry.number > number)
    return chosen.order_by(entry.record, entry.record_id, entry.number)


def _later(table: str, id_: str, entries: Iterator[Any]) -> Later:
    one = Later(table, id_, [], [], {id_})
    for entry in entries:
        one.numbers.append(entry.number)
        one.acts.append(entry.act)
        for state in (entry.before or {}, entry.after or {}):
            one.names.update(value for key, value in state.items() if key.endswith("_id") and isinstance(value, str))
    return one


def entry_at(session: Session, site_id: str, moment: datetime) -> int:
    """Return the number of the last entry of a site's ledger that was written until a moment; 0: there was none."""
    chosen = select(LedgerEntry.number).where(LedgerEntry.site_id == site_id, LedgerEntry.at <= moment)
    return session.scalar(chosen.order_by(LedgerEntry.number.desc()).limit(1)) or 0


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Make one report of the past at a time in this process: each holds a connection and what it reads of the ledger.

    Raises `ServiceUnavailable` where another one is still being made.
    """
    if not MAKING.acquire(timeout=WAIT):
        raise ServiceUnavailable("Another report as of a past day is being made. Open this page again in a minute.")
    try:
        yield
    finally:
        MAKING.release()


@contextmanager
def as_known(engine: Engine, site_id: str, number: int) -> Iterator[Past]:
    """Read the records of a site as they stood after an entry of its ledger; nothing of it is left afterwards.

    It is a connection of its own, which is closed and not used again.
    """
    with reading(), engine.connect() as connection:
        connection.detach()
        with Session(connection) as session:
            if connection.dialect.name == "postgresql":  # what is undone and what is read are of one snapshot
                session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            own = LedgerEntry.site_id == site_id
            hash_ = session.scalar(select(LedgerEntry.hash).where(own, LedgerEntry.number == number)) or GENESIS
            rows = _take_back(connection, site_id, number)
            _head(connection, site_id, number, hash_)
            keep_to_site(session, site_id)
            yield Past(session=session, site_id=site_id, number=number, hash=hash_, rows=rows)


def _take_back(connection: Connection, site_id: str, number: int) -> int:
    """Put in front of each table that was changed a view of its rows as they were; return how many were written since.

    The entries are read some at a time: what is held does not grow with them.
    """
    entry, known, count, place = LedgerEntry, models(), 0, _schema(connection)
    chosen = _since(site_id, number, entry.act, entry.before, entry.after["version"].as_integer().label("version"))
    found = connection.execute(chosen, execution_options={"yield_per": TOGETHER})
    for name, entries in groupby(found, attrgetter("record")):
        rows = (_before(id_, some) for id_, some in groupby(entries, attrgetter("record_id")))
        if name in known:
            count += _put_in_front(connection, known[name], rows, site_id, place)
    return count


def _before(id_: str, entries: Iterator[Any]) -> Before:
    """Return what stood in a row before the first of its entries."""
    new, state = False, {}
    for place, entry in enumerate(entries):
        new = entry.act == "insert" if place == 0 else new
        version = {} if entry.act == "delete" else {"version": entry.version - 1}
        state = {} if new else {**version, **(entry.before or {}), **state}
    return Before(id_, new, state)


def _put_in_front(connection: Connection, model: type[Model], rows: Iterator[Before], site_id: str, place: str) -> int:
    name, count = model.__tablename__, 0
    hidden = Table(f"hidden_{name}", MetaData(), Column("id", String))
    was = Table(f"past_{name}", MetaData(), *(Column(c.name, c.type) for c in model.__table__.columns))
    now = f"SELECT * FROM {place}.{name} AS now"  # noqa: S608 - names of our own tables
    touched = f"SELECT 1 FROM hidden_{name} WHERE hidden_{name}.id = now.id"  # noqa: S608
    in_front = f"{now} WHERE NOT EXISTS ({touched}) UNION ALL SELECT * FROM past_{name}"  # noqa: S608
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE hidden_{name} (id VARCHAR(40) PRIMARY KEY)")
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE past_{name} AS {now} WHERE 1 = 0")
    while some := list(islice(rows, TOGETHER)):
        count += len(some)
        connection.execute(insert(hidden), [{"id": one.id} for one in some])
        restored = _restored(connection, model, [one for one in some if not one.new], site_id)
        if restored:
            connection.execute(insert(was), restored)
    connection.exec_driver_sql(f"CREATE TEMPORARY VIEW {name} AS {in_front}")
    return count


def judge_anew(past: Past, at: datetime) -> None:
    """Judge every course and product as of a moment, for reports that read the stored judgment; it keeps today's alone.

    Raises `RuleBroken` where there are too many to do that for a page.
    """
    session, connection = past.session, past.session.connection()
    courses = list(session.scalars(select(Treatment.id).order_by(Treatment.id)))
    banked = list(session.scalars(select(Product.id).where(Product.treatment_id.is_(None)).order_by(Product.id)))
    if len(courses) + len(banked) > MOST_JUDGED:
        raise RuleBroken(
            f"This report rests on where each course and each container stands: {len(courses):,} courses and "
            f"{len(banked):,} banked containers are too many to judge again for a page. Choose another report, or keep "
            "this one on a schedule: a kept report keeps its figures."
        )
    lines, products = [], {}
    for records in in_turns(session, courses):
        with records.unchanged():
            lines += lines_of(records, at)
            products |= {one["product_id"]: one for one in product_lines(records, records.of(Product), at)}
    for turn in turns(banked):
        some = session.scalars(select(Product).where(Product.id.in_(turn))).all()
        found = around_all(session, some)
        products |= {line["product_id"]: line for one in some for line in product_lines(found[one.id], [one], at)}
    for model, rows in ((CourseLine, lines), (ProductLine, list(products.values()))):
        name = model.__tablename__
        connection.exec_driver_sql(
            f"CREATE TEMPORARY TABLE {name} AS SELECT * FROM {_schema(connection)}.{name} WHERE 1 = 0"  # noqa: S608
        )
        if rows:
            connection.execute(insert(model), rows)


def _schema(connection: Connection) -> str:
    """Return where the tables of today are."""
    if connection.dialect.name == "sqlite":
        return "main"
    return str(connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar())


def _restored(connection: Connection, model: type[Model], some: Sequence[Before], site_id: str) -> list[dict[str, Any]]:
    """Return rows as they were: those of today, and in them what stood there before the first later change."""
    table: Any = model.__table__
    rows = connection.execute(select(table).where(table.c.id.in_([one.id for one in some]))).mappings() if some else ()
    now, found = {row["id"]: dict(row) for row in rows}, []
    for one in some:
        before = {name: _value(table.c[name].type, value) for name, value in one.state.items() if name in table.c}
        row = dict.fromkeys(table.c.keys()) | now.get(one.id, {}) | {"id": one.id, "site_id": site_id}
        found.append(row | before)
    return found


def _value(kind: Any, told: Any) -> Any:
    """Return a value of a column as the program has it, from how the ledger keeps it (`ledger_value`)."""
    if told is None or not isinstance(told, str):
        return told
    if isinstance(kind, UTCDateTime):
        return datetime.fromisoformat(told)
    if isinstance(kind, Date):
        return date.fromisoformat(told)
    if isinstance(kind, Quantity):
        return Decimal(told)
    words: Any = kind.enum_class if isinstance(kind, Enum) else None
    return words(told) if words is not None else told


def _head(connection: Connection, site_id: str, number: int, hash_: str) -> None:
    """Put in front of the ledger's head the one of that time: it is printed with the figures."""
    name = LedgerHead.__tablename__
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {name} (site_id VARCHAR(40), number BIGINT, hash VARCHAR(64))")
    connection.execute(insert(LedgerHead).values(site_id=site_id, number=number, hash=hash_))
