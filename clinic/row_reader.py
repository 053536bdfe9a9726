"""Records read by statements that are built once, without the object mapper's work for each of them.

A page reads some twenty kinds of records. For each the mapper copies a statement, works out its key in a cache and
prepares what reads its columns, which takes longer than the database does. Here a statement over plain tables and the
places of its columns are worked out once; a row becomes the same record in the session that the mapper would make,
and a record that is there already is kept as it is.
"""

from __future__ import annotations

import json
import re
from collections import namedtuple
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Boolean, Date, Enum, bindparam, column, inspect, select, text
from sqlalchemy.orm import with_loader_criteria
from sqlalchemy.orm.attributes import instance_state, set_committed_value

from clinic.model import Model, Quantity, UTCDateTime, unindexed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Dialect, FromClause, Subquery, TextualSelect
    from sqlalchemy.orm import Mapper, Session

OWN_SITE = "own_site"
"""The parameter that limits what is read to the rows of the session's site."""


def converter(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    """Return what makes a value of a column of what the driver gives for it; None where that is the value.

    It says the same as the type itself (a test compares them for every column), in one step without a look at the
    dialect for each value.
    """
    sqlite = dialect.name == "sqlite"
    if isinstance(kind, Enum) and kind.enum_class is not None:
        return {member.value: member for member in kind.enum_class}.__getitem__
    if isinstance(kind, UTCDateTime):
        return (lambda kept: datetime.fromisoformat(f"{kept}+00:00")) if sqlite else (lambda kept: kept.astimezone(UTC))
    if isinstance(kind, Quantity):
        return Decimal
    # most documents are empty
    given: dict[type[Any], Callable[[Any], Any]] = {
        JSON: lambda kept: {} if kept == "{}" else json.loads(kept),
        Boolean: bool,
        Date: date.fromisoformat,
    }
    found = next((one for known, one in given.items() if sqlite and isinstance(kind, known)), None)
    return found or kind.dialect_impl(dialect).result_processor(dialect, None)


@dataclass(frozen=True)
class Columns:
    """How the columns of one kind are read: their names on the record, in the order of the statement."""

    mapper: Mapper[Any]
    keys: tuple[str, ...]
    id_at: int
    start: int

    def converters(self, dialect: Dialect) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
        """Return the places of columns whose values the driver does not give as they are, each with what makes them."""
        made = (converter(self.mapper.attrs[key].columns[0].type, dialect) for key in self.keys)
        return tuple((at, one) for at, one in enumerate(made) if one is not None)


class _OfOneKind:
    """Makes the records of one kind of the rows of a statement."""

    def __init__(self, columns: Columns, dialect: Dialect) -> None:
        self.new, self.keys = columns.mapper.class_manager.new_instance, columns.keys
        self.start, self.end, self.id_at = (
            columns.start,
            columns.start + len(columns.keys),
            columns.id_at + columns.start,
        )
        self.identity_class, _, self.token = columns.mapper.identity_key_from_primary_key(("",))
        self.converters = columns.converters(dialect)

    def record(self, session: Session, row: Any) -> Any:
        """Return the record that a row of the statement holds; the id of one is known not to be None."""
        key = (self.identity_class, (row[self.id_at],), self.token)
        known: Any = session.identity_map.get(key)
        expired = instance_state(known).expired_attributes if known is not None else ()
        if known is not None and not expired:
            return known
        values = list(row[self.start : self.end])
        for at, convert in self.converters:
            kept = values[at]
            if kept is not None:
                values[at] = convert(kept)
        named = dict(zip(self.keys, values, strict=True))
        if known is not None:
            for name in named.keys() & expired:
                set_committed_value(known, name, named[name])
            return known
        found = self.new()
        found.__dict__.update(named)
        state: Any = instance_state(found)
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
    written: dict[tuple[str, bool], tuple[TextualSelect, list[_OfOneKind]]] = field(default_factory=dict)
    """The same for a database, as text: its columns need no look-up of what they are when it is asked."""

    def read(self, session: Session, given: Mapping[str, Any], *, rows: list[Any] | None = None) -> Iterator[Any]:
        """Yield the records, each once, parts after what they are parts of.

        ``rows`` takes the rows as the driver gives them: what is read before the records stands first in them.
        """
        if session.autoflush:
            session.flush()  # as the mapper does before a question
        site_id, connection = session.info.get("site_id"), session.connection()  # see `clinic.access.keep_to_site`
        asked, kinds = self.written.get((connection.dialect.name, bool(site_id))) or self._write(
            connection.dialect, own=bool(site_id)
        )
        found = connection.execute(asked, {**given, OWN_SITE: site_id} if site_id else given).all()
        if rows is not None:
            rows += found
        with_pending = not session.autoflush  # what is written within `no_autoflush` is only in memory yet
        seen: set[str] = set()
        for row in found:
            for kind in kinds:
                row_id = row[kind.id_at]
                if row_id is None or row_id in seen:  # an outer join that found none, or the same one again
                    continue
                seen.add(row_id)
                record = kind.record(session, row)
                yield record
                if with_pending:
                    yield from _parts_in_memory(record)

    def _write(self, dialect: Dialect, *, own: bool) -> tuple[TextualSelect, list[_OfOneKind]]:
        made = (
            as_text(self.own if own else self.whole, dialect),
            [_OfOneKind(columns, dialect) for columns in self.kinds],
        )
        self.written[dialect.name, own] = made
        return made


def as_text(chosen: Any, dialect: Dialect) -> TextualSelect:
    """Return a select as text with the same parameters."""
    named: Any = type(dialect)
    compiled: Any = chosen.compile(dialect=named(paramstyle="named"))
    names = compiled.bind_names.items()
    parameters = [
        bindparam(name, one.value, type_=one.type, required=one.required, expanding=one.expanding)
        for one, name in names
    ]
    said = re.sub(r"\(__\[POSTCOMPILE_(\w+)\]\)", r":\1", str(compiled).replace("::", r"\:\:"))
    plain = (column(f"c{number}") for number in range(len(chosen.selected_columns)))  # what they are, the kinds know
    return text(said).bindparams(*parameters).columns(*plain)


def _parts_in_memory(record: Any) -> Iterator[Any]:
    """Yield the parts that a record has in memory, written or not."""
    for name in record.READ_WITH:
        held = record.__dict__.get(name)
        for part in held if isinstance(held, list) else [held] if held is not None else []:
            yield part
            yield from _parts_in_memory(part)


class _Building:
    """Collects tables, kinds and columns of one statement."""

    def __init__(self, source: FromClause, first: Iterable[Any] = ()) -> None:
        self.whole, self.own = source, source
        self.columns = list(first)
        self.kinds: list[Columns] = []
        self.used: set[type[Model]] = set()

    def table(self, model: type[Model]) -> Any:
        """Return the table of a kind, the second time under another name."""
        table: Any = inspect(model).local_table
        found = table.alias() if model in self.used else table
        self.used.add(model)
        return found

    def add(self, model: type[Model], table: Any) -> None:
        """Read the columns of a kind too."""
        mapper: Mapper[Any] = inspect(model)
        keys = tuple(column.key for column in mapper.column_attrs)
        self.kinds.append(Columns(mapper, keys, keys.index("id"), len(self.columns)))
        self.columns += [table.c[mapper.attrs[key].columns[0].key] for key in keys]

    def join(self, model: type[Model], table: Any, on: Any) -> None:
        """Add a kind where a row of it fits, with its parts, and theirs."""
        self.whole = self.whole.outerjoin(table, on)
        self.own = self.own.outerjoin(table, on & _of_own_site(table))
        self.add(model, table)
        self.join_parts(model, table)

    def join_parts(self, model: type[Model], owner: Any) -> None:
        """Add the parts of a kind whose table is joined already."""
        for name in model.READ_WITH:
            relation = inspect(model).relationships[name]
            ((local, remote),) = relation.local_remote_pairs
            table = self.table(relation.mapper.class_)
            self.join(relation.mapper.class_, table, owner.c[str(local.key)] == table.c[str(remote.key)])

    def statement(self, *, whole: Iterable[Any] = (), own: Iterable[Any] = (), by: Any = None) -> Statement:
        """Return the statement under some conditions, in the order of a column or in none."""
        return Statement(
            select(*self.columns).select_from(self.whole).where(*whole).order_by(by),
            select(*self.columns).select_from(self.own).where(*own).order_by(by),
            tuple(self.kinds),
        )


def _of_own_site(table: Any) -> Any:
    return unindexed(table.c.site_id) == bindparam(OWN_SITE)


def under(model: type[Model], condition: Any) -> Statement:
    """Return the statement that reads the rows of a kind under a condition, with their parts."""
    table: Any = inspect(model).local_table
    building = _Building(table)
    building.add(model, building.table(model))
    building.join_parts(model, table)
    return building.statement(whole=[condition], own=[condition, _of_own_site(table)])


@cache
def always_under(model: type[Model], condition: Any) -> Statement:
    """Return `under` for a condition that is the same object each time, so that the statement is built once."""
    return under(model, condition)


def joined(page: Subquery, models: Iterable[type[Model]]) -> Statement:
    """Return the statement that reads the records whose ids a subquery names, with their parts, behind its columns.

    An id belongs to one kind. Where the subquery has a column ``place``, that is the order.
    """
    building = _Building(page, page.c)
    for model in models:
        table = building.table(model)
        building.join(model, table, table.c.id == page.c.id)
    return building.statement(by=page.c.get("place"))


SITE = bindparam(OWN_SITE)


@dataclass(frozen=True, eq=False)
class Listing:
    """A select of columns, kept to the session's site as every other; see `clinic.access.keep_to_site`."""

    chosen: Any
    written: dict[tuple[str, bool], tuple[TextualSelect, Any, list[tuple[int, Callable[[Any], Any]]]]] = field(
        default_factory=dict
    )

    def rows(self, session: Session, given: Mapping[str, Any]) -> list[Any]:
        """Return the rows under the values of its parameters."""
        as_given, row, converters = self._asked(session, given)
        found = []
        for read in as_given:
            values = list(read)
            for at, convert in converters:
                kept = values[at]
                if kept is not None:
                    values[at] = convert(kept)
            found.append(row._make(values))
        return found

    def as_given(self, session: Session, given: Mapping[str, Any]) -> Sequence[Any]:
        """Return the rows as the driver gives them, for who converts whole columns, see `converter`."""
        return self._asked(session, given)[0].all()

    def _asked(self, session: Session, given: Mapping[str, Any]) -> Any:
        if session.autoflush:
            session.flush()  # as the mapper does before a question
        site_id, connection = session.info.get("site_id"), session.connection()
        asked, row, converters = self.written.get((connection.dialect.name, bool(site_id))) or self._write(
            connection.dialect, own=bool(site_id)
        )
        return connection.execute(asked, {**given, OWN_SITE: site_id} if site_id else given), row, converters

    def _write(self, dialect: Dialect, *, own: bool) -> Any:
        of_site = with_loader_criteria(Model, lambda row: unindexed(row.site_id) == SITE, include_aliases=True)
        chosen = self.chosen.options(of_site) if own else self.chosen
        columns = list(chosen.selected_columns)
        named: Any = namedtuple("Row", [one.key for one in columns])  # noqa: PYI024 - its names are the statement's
        made = ((at, converter(one.type, dialect)) for at, one in enumerate(columns))
        written = as_text(chosen, dialect), named, [(at, one) for at, one in made if one is not None]
        self.written[dialect.name, own] = written
        return written
