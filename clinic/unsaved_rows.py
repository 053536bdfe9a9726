"""Rows that are about to be written, read beside those of the database as if they were there already.

An import is judged before it is written, while nobody waits for the write lock. Within `beside` the records of a course
(`clinic.course_records`) hold the new rows too, as they will be read once they are written.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, or_, select
from sqlalchemy.orm import RelationshipDirection, aliased

from clinic.model import Model, among
from clinic.record_kinds import link, table_of
from clinic.row_reader import always_under

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from sqlalchemy.orm import Session

    from clinic.record_pool import Pool

UNSAVED = "unsaved"
"""Where a session keeps the rows that are read beside the stored ones."""


class Unsaved:
    """New rows by kind, by id, and by what they name."""

    def __init__(self, session: Session, rows: Iterable[tuple[type[Model], Mapping[str, Any]]]) -> None:
        self.by_id: dict[str, Any] = {}
        self.rows: dict[type[Model], list[Any]] = defaultdict(list)
        self._index: dict[tuple[type[Model], str], dict[Any, list[Any]]] = {}
        self._pools: list[Pool] = []
        for model, values in rows:
            one = _as_read(session, model, values)
            self.by_id[one.id] = one
            self.rows[model].append(one)

    def naming(self, model: type[Model], given: Mapping[str, Collection[str]]) -> list[Any]:
        """Return the rows of a kind of which one of some columns has one of the values that are given for it."""
        found: dict[str, Any] = {}
        for name, values in given.items() if self.rows[model] else ():
            index = self._by(model, name)
            found |= {one.id: one for value in values for one in index.get(value, ())}
        return list(found.values())

    def _by(self, model: type[Model], name: str) -> dict[Any, list[Any]]:
        if (model, name) not in self._index:
            found: dict[Any, list[Any]] = defaultdict(list)
            for one in self.rows[model]:
                found[getattr(one, name)].append(one)
            self._index[model, name] = found
        return self._index[model, name]

    def columns(self, model: type[Model], names: Iterable[str], ids: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        """Yield some columns of those of some rows that are new."""
        chosen = list(names)
        for row_id in ids:
            one = self.by_id.get(row_id)
            if one is not None and isinstance(one, model):
                yield tuple(getattr(one, name) for name in chosen)

    def add(self, session: Session, pool: Pool, model: type[Model], rows: Iterable[Any]) -> None:
        """Add new rows to a pool with what they are a part of and their parts, new ones and stored ones."""
        pool.add(rows)
        for name in model.READ_WITH:
            relation = inspect(model).relationships[name]
            part = relation.mapper.class_
            ((local, remote),) = relation.local_remote_pairs
            owners = pool.rows[model]
            if relation.direction is RelationshipDirection.MANYTOONE:
                ids = {getattr(one, str(local.key)) for one in owners} - pool.by_id.keys() - {None}
                self.add(session, pool, part, self.naming(part, {"id": ids}))
                if stored := sorted(ids - self.by_id.keys()):
                    pool.add(always_under(part, _with_id(part)).read(session, {"id": stored}))
            else:
                self.add(session, pool, part, self.naming(part, {str(remote.key): [one.id for one in owners]}))

    def courses_beside(self, session: Session, course: type[Any], course_ids: Iterable[str]) -> list[str]:
        """Return the ids of some courses, and of the stored ones of the people of those that are new."""
        asked = list(course_ids)
        people = {self.by_id[one].patient_id for one in asked if one in self.by_id} - self.by_id.keys()
        if people:
            patient = inspect(course).relationships["patient"].mapper.class_
            one, other = aliased(patient), aliased(patient)
            same = select(other.id).join(one, one.person_id == other.person_id).where(one.id.in_(people))
            chosen = select(course.id).where(or_(course.patient_id.in_(people), course.patient_id.in_(same)))
            asked += session.scalars(chosen)
        return list(dict.fromkeys(asked))

    def add_kind(self, session: Session, scope: Any, model: type[Model], *, itself: bool) -> None:
        """Add the rows of a kind as its statement finds them; ``itself``: a kind that says itself how it is found."""
        if scope.pool not in self._pools[-1:]:
            self._pools.append(scope.pool)
        if itself:
            self.add_found(session, scope.pool, model, {*scope.course_ids, *scope.product_ids})
        else:
            self.add(session, scope.pool, model, self.naming(model, scope.given))

    def add_found(self, session: Session, pool: Pool, model: type[Model], ids: Collection[str]) -> None:
        """Add what a kind that finds its rows itself would find: by id, of a course, of a patient."""
        given: dict[str, Collection[str]] = {"id": ids}
        for table in ("treatment", "patient"):
            if table != table_of(model) and (name := link(model, table)) is not None:
                given[name] = pool.ids(table)
        self.add(session, pool, model, self.naming(model, given))

    def forget(self, session: Session) -> None:
        """Take the new rows out of a session, and out of what it read."""
        for one in self.by_id.values():
            session.expunge(one)
        for pool in self._pools:
            for one in pool.by_id.values():
                related = _relations(type(one)) & one.__dict__.keys()
                if related and one.id not in self.by_id:
                    session.expire(one, related)


@cache
def _relations(model: type[Any]) -> frozenset[str]:
    return frozenset(inspect(model).relationships.keys())


@cache
def _with_id(model: type[Any]) -> Any:
    return among(model.id, "id")


def _as_read(session: Session, model: type[Model], values: Mapping[str, Any]) -> Any:
    """Return a row as a statement would read it, see `clinic.row_reader`."""
    mapper = inspect(model)
    one: Any = mapper.class_manager.new_instance()
    one.__dict__.update(
        (key, value.astimezone(UTC) if isinstance(value, datetime) else value) for key, value in values.items()
    )
    state: Any = inspect(one)
    state.key, state.session_id = mapper.identity_key_from_primary_key((values["id"],)), session.hash_key
    session.identity_map.add(state)
    return one


@contextmanager
def beside(session: Session, rows: Iterable[tuple[type[Model], Mapping[str, Any]]]) -> Iterator[Unsaved]:
    """Read new rows, each a kind and its columns, beside the stored ones; afterwards the session has none of them."""
    with session.no_autoflush:
        unsaved = session.info[UNSAVED] = Unsaved(session, rows)
        try:
            yield unsaved
        finally:
            del session.info[UNSAVED]
            unsaved.forget(session)
