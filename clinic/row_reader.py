"""Records read by statements that are built once, without the object mapper's work for each of them.

A page reads some twenty kinds of records. For each the mapper copies a statement, works out its key in a cache and
prepares what reads its columns, which takes longer than the database does. Here a statement over plain tables and the
places of its columns are worked out once; a row becomes the same record in the session that the mapper would make,
and a record that is there already is kept as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, inspect, select
from sqlalchemy.orm.attributes import set_committed_value

from clinic.model import Model, unindexed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import FromClause
    from sqlalchemy.orm import Mapper, Session

OWN_SITE = "own_site"
"""The parameter that limits what is read to the rows of the session's site."""


@dataclass(frozen=True)
class Columns:
    """How the columns of one kind are read: their names on the record, in the order of the statement."""

    mapper: Mapper[Any]
    keys: tuple[str, ...]
    id_at: int
    start: int

    def record(self, session: Session, row: Any) -> Any:
        """Return the record that a row of the statement holds; None where an outer join found none."""
        row_id = row[self.start + self.id_at]
        if row_id is None:
            return None
        values = zip(self.keys, row[self.start : self.start + len(self.keys)], strict=True)
        key = self.mapper.identity_key_from_primary_key((row_id,))
        known = session.identity_map.get(key)
        if known is not None:
            state: Any = inspect(known)
            for key, value in values if state.expired_attributes else ():
                if key in state.expired_attributes:
                    set_committed_value(known, key, value)
            return known
        found = self.mapper.class_manager.new_instance()
        found.__dict__.update(values)
        state = inspect(found)
        state.key, state.session_id = key, session.hash_key
        session.identity_map.add(state)  # `session.add` would walk through all relations first
        return found


@dataclass(frozen=True)
class Statement:
    """A select of records of some kinds: each row holds at most one of each."""

    whole: Any
    """For a session that is limited to no site."""
    own: Any
    """For a session that is limited to one."""
    kinds: tuple[Columns, ...]

    def read(self, session: Session, given: Mapping[str, Any]) -> Iterator[Any]:
        """Yield the records, parts after what they are parts of; one may come more than once."""
        if session.autoflush:
            session.flush()  # as the mapper does before a question
        with_pending = not session.autoflush  # what is written within `no_autoflush` is only in memory yet
        site_id = session.info.get("site_id")  # see `clinic.access.keep_to_site`
        named = {**given, OWN_SITE: site_id} if site_id else given
        for row in session.execute(self.own if site_id else self.whole, named).all():
            for kind in self.kinds:
                record = kind.record(session, row)
                if record is not None:
                    yield record
                    if with_pending:
                        yield from _parts_in_memory(record)


def _parts_in_memory(record: Any) -> Iterator[Any]:
    """Yield the parts that a record has in memory, written or not."""
    for name in record.READ_WITH:
        held = record.__dict__.get(name)
        for part in held if isinstance(held, list) else [held] if held is not None else []:
            yield part
            yield from _parts_in_memory(part)


class _Building:
    """Collects tables, kinds and columns of one statement."""

    def __init__(self, source: FromClause) -> None:
        self.whole, self.own = source, source
        self.columns: list[Any] = []
        self.kinds: list[Columns] = []

    def add(self, model: type[Model]) -> None:
        """Read the columns of a kind too."""
        mapper: Mapper[Any] = inspect(model)
        keys = tuple(column.key for column in mapper.column_attrs)
        self.kinds.append(Columns(mapper, keys, keys.index("id"), len(self.columns)))
        self.columns += [mapper.attrs[key].columns[0] for key in keys]

    def join(self, model: type[Model], on: Any) -> None:
        """Add a kind where a row of it fits."""
        table = inspect(model).local_table
        self.whole = self.whole.outerjoin(table, on)
        self.own = self.own.outerjoin(table, on & _of_own_site(table))
        self.add(model)

    def join_parts(self, model: type[Model]) -> None:
        """Add the parts of a kind, and theirs."""
        for name in model.READ_WITH:
            relation = inspect(model).relationships[name]
            self.join(relation.mapper.class_, relation.primaryjoin)
            self.join_parts(relation.mapper.class_)

    def statement(self, *, whole: Iterable[Any] = (), own: Iterable[Any] = ()) -> Statement:
        """Return the statement under some conditions."""
        return Statement(
            select(*self.columns).select_from(self.whole).where(*whole),
            select(*self.columns).select_from(self.own).where(*own),
            tuple(self.kinds),
        )


def _of_own_site(table: Any) -> Any:
    return unindexed(table.c.site_id) == bindparam(OWN_SITE)


def under(model: type[Model], condition: Any) -> Statement:
    """Return the statement that reads the rows of a kind under a condition, with their parts."""
    table: Any = inspect(model).local_table
    building = _Building(table)
    building.add(model)
    building.join_parts(model)
    return building.statement(whole=[condition], own=[condition, _of_own_site(table)])


@cache
def always_under(model: type[Model], condition: Any) -> Statement:
    """Return `under` for a condition that is the same object each time, so that the statement is built once."""
    return under(model, condition)


def joined(source: FromClause, models: Iterable[type[Model]]) -> Statement:
    """Return the statement that reads the records whose ids a subquery names; each row holds one of one kind."""
    building = _Building(source)
    for model in models:
        building.join(model, inspect(model).local_table.c.id == source.c.id)
    return building.statement()
