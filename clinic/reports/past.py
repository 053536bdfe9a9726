"""The records as they were known at an earlier entry of the ledger, read by the same statements as those of today.

The ledger has each change of each row with what stood there before. On a connection of its own, every table that was
changed since gets a view of the same name in front of it: its rows without those that were touched later, and these as
they stood then. A report that is made on that connection is the same report; there is no second way to read tables.
What the ledger says is all that this rests on: whoever has the entries can undo them in the same way.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Date, Enum, MetaData, String, Table, insert, select
from sqlalchemy.orm import Session

from clinic.access import keep_to_site
from clinic.course_records import around_all, in_turns
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
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from clinic.model import Model

TOGETHER = 500
MOST_JUDGED = 3000
"""Courses that are judged anew for one page."""


@dataclass(kw_only=True)
class Later:
    """What was written about one row after the moment: its entries, and what stood there before the first of them.

    ``names``: the ids that the row and its entries name, its own too. ``new``: the row was entered later.
    ``gone``: it was deleted since; ``before`` is then all of it.
    """

    table: str
    id: str
    numbers: list[int] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    new: bool = False
    gone: bool = False

    def add(self, entry: Any) -> None:
        """Note one entry; entries come in their order."""
        if not self.numbers:
            self.new = entry.act == "insert"
            self.names.add(self.id)
        self.numbers.append(entry.number)
        self.acts.append(entry.act)
        self.gone = entry.act == "delete"
        for state in (entry.before or {}, entry.after or {}):
            self.names |= {value for key, value in state.items() if key.endswith("_id") and isinstance(value, str)}
        if not self.new:
            version = {} if entry.act == "delete" else {"version": entry.after["version"] - 1}
            self.before = {**version, **(entry.before or {}), **self.before}


@dataclass(frozen=True, kw_only=True)
class Past:
    """The records as they were known after an entry of a site's ledger, and what was written since."""

    session: Session
    number: int
    hash: str
    later: Mapping[str, Later]


def entry_at(session: Session, site_id: str, moment: datetime) -> int:
    """Return the number of the last entry of a site's ledger that was written until a moment; 0: there was none."""
    chosen = select(LedgerEntry.number).where(LedgerEntry.site_id == site_id, LedgerEntry.at <= moment)
    return session.scalar(chosen.order_by(LedgerEntry.number.desc()).limit(1)) or 0


@contextmanager
def as_known(engine: Engine, site_id: str, number: int) -> Iterator[Past]:
    """Read the records of a site as they stood after an entry of its ledger; nothing of it is left afterwards.

    It is a connection of its own, which is closed and not used again.
    """
    with reading(), engine.connect() as connection:
        connection.detach()
        with Session(connection) as session:
            own = LedgerEntry.site_id == site_id
            hash_ = session.scalar(select(LedgerEntry.hash).where(own, LedgerEntry.number == number)) or GENESIS
            later = _later(session, site_id, number)
            _put_in_front(connection, later, site_id)
            _head(connection, site_id, number, hash_)
            keep_to_site(session, site_id)
            yield Past(session=session, number=number, hash=hash_, later=later)


def _later(session: Session, site_id: str, number: int) -> dict[str, Later]:
    """Return what was written after an entry, by the row's id."""
    entry, found = LedgerEntry, {}
    chosen = select(entry.number, entry.act, entry.record, entry.record_id, entry.before, entry.after)
    chosen = chosen.where(entry.site_id == site_id, entry.number > number).order_by(entry.number)
    for row in session.execute(chosen, execution_options={"yield_per": TOGETHER}):
        if row.record_id not in found:
            found[row.record_id] = Later(table=row.record, id=row.record_id)
        found[row.record_id].add(row)
    return found


def _put_in_front(connection: Connection, later: Mapping[str, Later], site_id: str) -> None:
    """Put in front of each table that was changed a view of its rows as they were."""
    by_table: dict[str, list[Later]] = {}
    for one in later.values():
        by_table.setdefault(one.table, []).append(one)
    known = models()
    for name in sorted(by_table.keys() & known.keys()):
        model, some = known[name], by_table[name]
        rows = _restored(connection, model, [one for one in some if not one.new], site_id)
        hidden = Table(f"hidden_{name}", MetaData(), Column("id", String))
        was = Table(f"past_{name}", MetaData(), *(Column(c.name, c.type) for c in model.__table__.columns))
        place = _schema(connection)
        now = f"SELECT * FROM {place}.{name} AS now"  # noqa: S608 - names of our own tables
        touched = f"SELECT 1 FROM hidden_{name} WHERE hidden_{name}.id = now.id"  # noqa: S608
        in_front = f"{now} WHERE NOT EXISTS ({touched}) UNION ALL SELECT * FROM past_{name}"  # noqa: S608
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE hidden_{name} (id VARCHAR(40) PRIMARY KEY)")
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE past_{name} AS {now} WHERE 1 = 0")
        connection.exec_driver_sql(f"CREATE TEMPORARY VIEW {name} AS {in_front}")
        connection.execute(insert(hidden), [{"id": one.id} for one in some])
        if rows:
            connection.execute(insert(was), rows)


def judge_anew(past: Past, at: datetime) -> None:
    """Judge every course and product as of a moment, for reports that read the stored judgment; it keeps today's alone.

    Raises `RuleBroken` where there are too many to do that for a page.
    """
    session, connection = past.session, past.session.connection()
    courses = list(session.scalars(select(Treatment.id).order_by(Treatment.id)))
    if len(courses) > MOST_JUDGED:
        raise RuleBroken(
            f"This report rests on where each course stands, and {len(courses):,} courses are too many to judge again "
            "for a page. Choose another report, or keep this one on a schedule: a kept report keeps its figures."
        )
    lines, products = [], {}
    for records in in_turns(session, courses):
        with records.unchanged():
            lines += lines_of(records, at)
            products |= {one["product_id"]: one for one in product_lines(records, records.of(Product), at)}
    banked = list(session.scalars(select(Product).where(Product.treatment_id.is_(None)).order_by(Product.id)))
    found = around_all(session, banked) if banked else {}
    for one in banked:
        products |= {line["product_id"]: line for line in product_lines(found[one.id], [one], at)}
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


def _restored(connection: Connection, model: type[Model], some: Sequence[Later], site_id: str) -> list[dict[str, Any]]:
    """Return rows as they were: those of today, and in them what stood there before the first later change."""
    table: Any = model.__table__
    now: dict[str, dict[str, Any]] = {}
    for start in range(0, len(some), TOGETHER):
        chosen = select(table).where(table.c.id.in_([one.id for one in some[start : start + TOGETHER]]))
        now |= {row["id"]: dict(row) for row in connection.execute(chosen).mappings()}
    found = []
    for one in some:
        before = {name: _value(table.c[name].type, value) for name, value in one.before.items() if name in table.c}
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
