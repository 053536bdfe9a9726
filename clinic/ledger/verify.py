"""Proof that the records match the ledger: every chain recomputed, every row compared with its entries.

Reads in pieces, so that its memory does not grow with the clinic. Run it in one reading transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby, takewhile
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, cast, collate, inspect, or_, select, type_coerce
from sqlalchemy.types import NullType

from clinic.fields import fields_of
from clinic.ledger.entry_text import agrees, cells
from clinic.ledger.listener import kept
from clinic.ledger.models import GENESIS, LedgerEntry, LedgerHead, ReadEntry, ReadHead, canonical, digest
from clinic.ledger.stored import OTHERWISE, STORED, Broken, Otherwise, as_stored, read_cells, stored_otherwise
from clinic.ledger.stored_rows import Expected, compares, stored_rows
from clinic.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session

Columns = Mapping[str, Any]
State = dict[str, Any]

MOST = 60
"""Characters of a value shown in a fault."""
PIECE = 500
"""Rows that are read at once."""
UNREADABLE = (ValueError, LookupError, ArithmeticError, TypeError, AttributeError, RecursionError)
"""What a column's type raises over bytes that no program of ours has written."""
ILLEGIBLE = "it contains data that this program cannot read"


@dataclass(frozen=True, kw_only=True)
class Head:
    """How far a site's chain has come."""

    number: int
    hash: str


START = Head(number=0, hash=GENESIS)


@dataclass(frozen=True, kw_only=True)
class Chain:
    """One kind of chain: its entries, its heads, and what stands before a site's id where its heads are named."""

    entry: Any
    head: Any
    prefix: str = ""


CHANGES = Chain(entry=LedgerEntry, head=LedgerHead)
READINGS = Chain(entry=ReadEntry, head=ReadHead, prefix="readings ")
CHAINS = (CHANGES, READINGS)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One disagreement: in which table, which row, which column, and what disagrees."""

    table: str
    row: str
    because: str
    column: str = ""

    def __str__(self) -> str:
        return f"{self.table} {self.row}{f', {self.column}' if self.column else ''}: {self.because}"


def models() -> dict[str, type[Model]]:
    """Return every kind of row that the ledger watches, by its table."""
    found = (mapper.class_ for mapper in Model.registry.mappers)
    return {model.__tablename__: model for model in sorted(found, key=lambda m: m.__name__) if issubclass(model, Model)}


def heads(session: Session, chain: Chain = CHANGES) -> dict[str, Head]:
    """Return the head of each site's chain as the database states it, without recomputing anything."""
    head = chain.head
    rows = session.execute(select(head.site_id, head.number, head.hash).order_by(head.site_id))
    return {f"{chain.prefix}{row.site_id}": Head(number=row.number, hash=row.hash) for row in rows}


def all_heads(session: Session) -> dict[str, Head]:
    """Return the heads of all chains, of changes and of readings, as a seal states them."""
    return {name: head for chain in CHAINS for name, head in heads(session, chain).items()}


def verify(session: Session, *, earlier: Iterable[Mapping[str, Head]] = ()) -> list[Fault]:
    """Return every disagreement between the chains, their heads and the rows; an empty list is the proof.

    ``earlier``: heads that were recorded outside the database, at several moments. A chain that does not reach one, or
    passes it with another hash, was cut off or written anew (hazard H23).
    """
    earlier = list(earlier)
    found = [fault for chain in CHAINS for fault in chain_problems(session, earlier, chain=chain)]
    for table, model in models().items():
        found += row_problems(session, table, model)
    return found + list(_unknown_tables(session))


def verify_since(session: Session, since: Mapping[str, Head]) -> list[Fault]:
    """Return every disagreement in what was written since some heads: their entries, and the rows that these changed.

    What was written before is not looked at, nor a row that was changed without an entry; only `verify` finds that.
    """
    found = [fault for chain in CHAINS for fault in chain_problems(session, (), since=since, chain=chain)]
    later = _from(LedgerEntry, _of_chain(since, CHANGES))
    changed = session.execute(select(LedgerEntry.record, LedgerEntry.record_id).where(*later).distinct()).all()
    known = models()
    for table in sorted({row.record for row in changed} & known.keys()):
        ids = sorted(row.record_id for row in changed if row.record == table)
        for start in range(0, len(ids), PIECE):
            found += row_problems(session, table, known[table], only=ids[start : start + PIECE])
    return found


def _links(session: Session, entry: Any, *where: Any) -> Iterator[Any]:
    """Yield the entries of a kind of chain in its order, their cells as they are stored."""
    chosen = cells(session, entry).where(*where).order_by(_plain(session, entry.site_id), entry.number)
    return iter(session.connection().execute(chosen, execution_options={"yield_per": PIECE}))


def chain_problems(
    session: Session,
    earlier: Iterable[Mapping[str, Head]],
    *,
    since: Mapping[str, Head] | None = None,
    chain: Chain = CHANGES,
) -> Iterator[Fault]:
    """Yield where a chain has a gap, a changed entry, or an end that is not its head's.

    ``since``: heads up to which the chains were checked before; only what follows them is read.
    """
    entry, table, checked = chain.entry, chain.entry.__tablename__, _of_chain(since or {}, chain)
    known, ends, passed = _by_number([_of_chain(one, chain) for one in [*earlier, since or {}]]), dict(checked), set()
    for row in _links(session, entry, *_from(entry, checked)):
        if type(row.number) is not int or not isinstance(row.site_id, str):
            yield Fault(table=table, row=f"{row.site_id!s} entry {row.number!s:.{MOST}}", because=ILLEGIBLE)
            continue
        name, place = f"{row.site_id} entry {row.number}", (row.site_id, row.number)
        if checked.get(row.site_id, START).number < row.number:
            yield from _link_problems(session, chain, row, ends.get(row.site_id, START))
            ends[row.site_id] = Head(number=row.number, hash=row.hash)
        if place in known:
            passed.add(place)
            if known[place] != {row.hash}:
                yield Fault(table=table, row=name, because="it differs from the one in the earlier head")
    yield from _head_problems(chain, _of_chain(heads(session, chain), chain), ends)
    furthest = {site: max(n for s, n in known if s == site) for site, _number in known}
    for site, number in sorted(known.keys() - passed):
        gone = number - ends.get(site, START).number
        if gone > 0 and number == furthest[site]:
            because = f"{gone} entries are missing since the earlier head, which counted {number}"
            yield Fault(table=table, row=site, because=because)
        elif gone <= 0:
            yield Fault(table=table, row=f"{site} entry {number}", because="the entry of the earlier head is missing")


def _of_chain(stated: Mapping[str, Head], chain: Chain) -> dict[str, Head]:
    """Return the heads of one kind of chain by the ids of their sites."""
    others = tuple(other.prefix for other in CHAINS if other.prefix and other is not chain)
    own = {name: head for name, head in stated.items() if name.startswith(chain.prefix) and not name.startswith(others)}
    return {name.removeprefix(chain.prefix): head for name, head in own.items()}


def _by_number(earlier: Iterable[Mapping[str, Head]]) -> dict[tuple[str, int], set[str]]:
    """Return which hashes earlier heads state, by site and number; more than one cannot all be true."""
    known: dict[tuple[str, int], set[str]] = {}
    for stated in earlier:
        for site, head in stated.items():
            if head.number:
                known.setdefault((site, head.number), set()).add(head.hash)
    return known


def _from(entry: Any, since: Mapping[str, Head]) -> list[Any]:
    """Return the condition for the entries at and after some heads, and for all of the sites that have none."""
    later = [and_(entry.site_id == site, entry.number >= head.number) for site, head in since.items()]
    return [or_(entry.site_id.not_in(since), *later)] if since else []


def _link_problems(session: Session, chain: Chain, row: Any, before: Head) -> Iterator[Fault]:
    name, table, columns = f"{row.site_id} entry {row.number}", chain.entry.__tablename__, chain.entry.__table__.columns
    if row.number != before.number + 1:
        lost = f"entries {before.number + 1} to {row.number - 1} are missing before it"
        yield Fault(table=table, row=name, column="number", because=lost)
    elif row.previous != before.hash:
        yield Fault(table=table, row=name, column="previous", because="it does not follow the entry before it")
    if agrees(chain.entry, row):
        return
    try:
        whole = session.execute(
            select(*columns, *as_stored(session, {"at": columns["at"]})).where(columns.key == row.key)
        ).one()
        content = digest(chain.entry(**{c.key: getattr(whole, c.key) for c in columns}).content())
    except UNREADABLE:
        yield Fault(table=table, row=name, because=ILLEGIBLE)
        return
    if content != row.hash:
        yield Fault(table=table, row=name, column="hash", because="it was changed after it was written")
    if stored_otherwise(session, columns["at"], whole.at, getattr(whole, f"{STORED}at", None)):
        yield Fault(table=table, row=name, column="at", because=OTHERWISE)


def _head_problems(chain: Chain, stated: Mapping[str, Head], ends: Mapping[str, Head]) -> Iterator[Fault]:
    for site in sorted({*stated, *ends}):
        said, end = stated.get(site), ends.get(site, START)
        if said != end:
            because = f"the chain ends at {end.number}, the head says {said.number if said else 'nothing'}"
            yield Fault(table=chain.head.__tablename__, row=site, because=because)


def row_problems(
    session: Session, table: str, model: type[Model], *, only: Sequence[str] | None = None
) -> Iterator[Fault]:
    """Yield where a table's rows and what its entries add up to disagree: row missing, row too many, value changed.

    ``only``: the ids of at most `PIECE` rows to which it is limited.
    """
    columns = {attribute.key: attribute.columns[0] for attribute in inspect(model).column_attrs}
    plain = Expected(session, columns) if compares(session, columns) else None
    expected = _states(session, table, only)
    present: Iterator[tuple[str, Any]]
    present = _rows(session, columns, only=only) if plain is None else stored_rows(session, columns, only=only)
    wanted, there = next(expected, None), next(present, None)
    while wanted is not None or there is not None:
        if there is None or (wanted is not None and _in_order(wanted[0]) < _in_order(there[0])):
            yield Fault(table=table, row=str(wanted[0]), because="the ledger has it, the table does not")  # type: ignore[index]
            wanted = next(expected, None)
        elif wanted is None or _in_order(there[0]) < _in_order(wanted[0]):
            yield Fault(table=table, row=str(there[0]), because="the table has it, the ledger does not")
            there = next(present, None)
        else:
            if plain is None:
                yield from _compare(model, columns, wanted[0], wanted[1], there[1])
            elif not plain.fits(wanted[1], there[1]):
                for row_id, state in _rows(session, columns, only=[wanted[0]]):
                    yield from _compare(model, columns, row_id, wanted[1], state)
            wanted, there = next(expected, None), next(present, None)


def _in_order(key: Any) -> tuple[bool, Any]:
    """Return what sorts ids as the database does: bytes, which no program of ours writes, come after all text."""
    return isinstance(key, bytes), key


def _compare(model: type[Model], columns: Columns, row: str, wanted: State, there: State) -> Iterator[Fault]:
    table, declared = model.__tablename__, fields_of(model)
    for name, column in columns.items():
        if isinstance(there[name], Broken | bytes):
            because = ILLEGIBLE
        elif isinstance(there[name], Otherwise):
            because = OTHERWISE if column.info.get("secret") else f"{OTHERWISE}: “{there[name].raw!s:.{MOST}}”"
        elif canonical(wanted.get(name)) == canonical(there[name]):
            continue
        else:
            label = declared[name].label if name in declared else name
            because = f"{label} was changed outside the ledger"
            if not column.info.get("secret"):
                said, written = _apart(there[name], wanted.get(name))
                because += f": it says {said}, the ledger {written}"
        yield Fault(table=table, row=row, column=name, because=because)


def _apart(*values: Any) -> list[str]:
    """Return two values, each cut so that the place where they differ is seen."""
    texts = ["nothing" if value is None else str(value) for value in values]
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*texts, strict=False)))
    begin = max(0, alike - 20) if max(map(len, texts)) > MOST else 0
    cut = [f"{'…' if begin else ''}{text[begin : begin + MOST]}" for text in texts]
    return [f"“{c}{'…' if len(t) > begin + MOST else ''}”" for c, t in zip(cut, texts, strict=True)]


def _states(session: Session, table: str, only: Sequence[str] | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield id and present state of each row that the ledger knows of a table, in the order of their ids."""
    order = (_plain(session, LedgerEntry.record_id), LedgerEntry.number)
    after = type_coerce(LedgerEntry.after, NullType()) if _is_sqlite(session) else cast(LedgerEntry.after, Text)
    chosen = select(LedgerEntry.record_id, LedgerEntry.act, after).where(LedgerEntry.record == table).order_by(*order)
    chosen = chosen if only is None else chosen.where(LedgerEntry.record_id.in_(only))
    entries = session.connection().execute(chosen, execution_options={"yield_per": PIECE})
    for row_id, changes in groupby(entries, key=itemgetter(0)):
        state: dict[str, Any] | None = None
        for _row_id, act, text in changes:
            said = _document(text)
            state = None if act == "delete" else {**state, **said} if state else said
        if state is not None:
            yield row_id, state


def _document(text: str | None) -> dict[str, Any]:
    """Return what an entry says that a row became; nothing where no program of ours has written it."""
    try:
        said = json.loads(text) if text else {}
    except UNREADABLE:
        return {}
    return said if isinstance(said, dict) else {}


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _rows(session: Session, columns: Columns, *, only: Sequence[str] | None = None) -> Iterator[tuple[str, State]]:
    """Yield id and state of each row of a table, in the order of the ids; ``only`` as in `row_problems`."""
    key = _plain(session, columns["id"])
    last: str | None = None
    while True:
        piece = select(*columns.values(), *as_stored(session, columns)).order_by(key).limit(PIECE)
        piece = piece if last is None else piece.where(key > last)
        piece = piece if only is None else piece.where(columns["id"].in_(only))
        try:
            rows = [read_cells(session, columns, row) for row in session.execute(piece)]
        except UNREADABLE:
            ids = session.scalars(piece.with_only_columns(columns["id"], maintain_column_froms=True)).all()
            rows = [_cell_by_cell(session, columns, row_id) for row_id in ids]
        for row in rows:
            told = {
                name: value if isinstance(value, Broken | Otherwise) else kept(columns[name], value)
                for name, value in row.items()
            }
            yield row["id"], told
        if len(rows) < PIECE:
            return
        last = rows[-1]["id"]


def _cell_by_cell(session: Session, columns: Columns, row_id: str) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, column in columns.items():
        try:
            row[name] = session.execute(select(column).where(columns["id"] == row_id)).scalar_one()
        except UNREADABLE:
            row[name] = Broken()
    return row


def _plain(session: Session, column: Any) -> Any:
    """Return a column in the order of its bytes, which is Python's order too; PostgreSQL else sorts as people do."""
    return column if _is_sqlite(session) else collate(column, "C")


def _unknown_tables(session: Session) -> Iterator[Fault]:
    for table in session.scalars(select(LedgerEntry.record).distinct()):
        if table not in models():
            yield Fault(table=table, row="", because="the ledger refers to a table that does not exist")
