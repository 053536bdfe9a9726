"""Rows of many kinds that were read together: found by kind, by id, and by what they hang on."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from sqlalchemy import inspect
from sqlalchemy.orm import RelationshipDirection
from sqlalchemy.orm.attributes import instance_state, set_committed_value

from clinic import wording
from clinic.model import Model
from clinic.reading import reading_only
from clinic.record_kinds import attached, link, table_of
from clinic.records import Amendment, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy.orm import Session

M = TypeVar("M", bound=Model)
P = ParamSpec("P")
R = TypeVar("R", bound=Any)
T = TypeVar("T")
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class Pool:
    """The rows of some courses: by kind in their order, by id, and by what they hang on."""

    def __init__(self, rows: Iterable[Model] = (), *, only: frozenset[type[Model]] | None = None) -> None:
        self.only = only
        self.rows: dict[type[Model], list[Any]] = defaultdict(list)
        self.by_id: dict[str, Any] = {}
        self._on: dict[tuple[type[Model], str], dict[str, list[Any]]] = {}
        self._every: dict[type[Model], list[Any]] = {}
        self.kept: list[Any] = []
        self.add(rows)

    def add(self, rows: Iterable[Model]) -> None:
        """Add rows; a row that is already there is not replaced."""
        for row in rows:
            row_id = row.id
            if row_id not in self.by_id:
                self.by_id[row_id] = row
                self.rows[type(row)].append(row)
        self._on.clear()
        self._every.clear()

    def every(self, model: type[M]) -> list[M]:
        """Return the rows of a kind in their order; raises `LookupError` for a kind that was left out when reading.

        So a judgement on records that were read in part can fail, but it cannot be wrong.
        """
        if model not in self._every:
            if self.only is not None and model not in self.only:
                raise LookupError(f"{model.__name__} was not read: only {sorted(m.__name__ for m in self.only)}")
            self._every[model] = sorted(self.rows[model], key=in_order)
        return self._every[model]

    def ids(self, table: str) -> list[str]:
        """Return the ids of all rows of a table."""
        return [row.id for kind, rows in self.rows.items() if table_of(kind) == table for row in rows]

    def rows_of(self, table: str) -> list[Any]:
        """Return all rows of a table, for who stands below the room that declares it."""
        return [row for kind, rows in self.rows.items() if table_of(kind) == table for row in rows]

    def on(self, owner_id: str, table: str, model: type[M]) -> list[M]:
        """Return the rows of a kind that name a row of a table, in their order."""
        name = "record_id" if model in {Signature, Amendment} or model.ATTACHED else link(model, table)
        if name is None:
            return []
        return list(self.index(model, name).get(owner_id, ()))

    def index(self, model: type[Any], name: str) -> dict[str, list[Any]]:
        """Return the rows of a kind by the value of one of their columns, each list in its order."""
        if (model, name) not in self._on:
            found: dict[str, list[Any]] = defaultdict(list)
            for row in self.every(model):
                kept = row.__dict__  # what was read; the attribute itself says the same, and asks more about it
                found[kept[name] if name in kept else getattr(row, name)].append(row)
            self._on[model, name] = found
        return self._on[model, name]


def in_order(row: Any) -> tuple[Any, ...]:
    """Return the key by which rows of one kind are ordered: when it happened, when it was recorded, its id."""
    happened, written = getattr(row, "performed_at", None), getattr(row, "recorded_at", None)
    return (happened is not None, happened or BEFORE_ALL, written or BEFORE_ALL, row.id or "")


def once(question: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[R, P], T]:
    """Let a question about records have one answer for the same things, within `CourseRecords.unchanged`."""

    @wraps(question)
    def answered(records: R, *about: P.args, **more: P.kwargs) -> T:
        answers = records.answers
        if answers is None:
            return question(records, *about, **more)
        key = (question, about)
        if key not in answers:
            answers[key] = question(records, *about, **more)
        return answers[key]

    return answered


def give_related(session: Session, pool: Pool, read: set[type[Model]], *, unsaved: bool = False) -> None:
    """Give each row its related rows, so that no question about them goes to the database again.

    ``unsaved``: some rows are only in memory yet, so that nothing is left for the first look.
    """
    known = read | {Signature, Amendment, *attached()}
    at_once = unsaved or not reading_only.get()
    for model, rows in list(pool.rows.items()):
        if model.ATTACHED:  # what hangs on it was not read
            continue
        to_one, to_many = relations(model)
        hanging = {
            key: Hanging(pool, session.get_transaction(), key, target, remote, order, many)
            for key, target, remote, order, many in to_many
            if target in known
        }
        for row in rows:
            state: Any = instance_state(row)
            kept = row.__dict__
            for key, local in to_one:
                named = kept[local] if local in kept else getattr(row, local)
                other = pool.by_id.get(named) if named is not None else None
                if named is not None and other is None:
                    continue
                if state.modified:
                    set_committed_value(row, key, other)
                else:  # nobody changed it, so there is nothing to keep beside what was read
                    kept[key] = other
            if not at_once and hanging.keys().isdisjoint(kept):
                state.callables = dict(hanging)
                continue
            for key, one in hanging.items():
                set_committed_value(row, key, one.rows_of(row.id))


class Hanging(NamedTuple):
    """The rows of a pool that name a row, as a relation has them: its loader while only read, for the first look at it.

    Most lists of most rows are never looked at, and making one takes longer than finding what is in it.
    """

    pool: Pool
    transaction: Any
    key: str
    target: type[Any]
    remote: str
    order: Any
    many: bool

    def __call__(self, state: Any, passive: Any) -> Any:
        """Return them for the mapper; what was read before another transaction began is read anew."""
        session = state.session
        if session is None or session.get_transaction() is not self.transaction:
            return state.manager[self.key].impl.callable_(state, passive)
        return self.rows_of(state.key[1][0])

    def rows_of(self, row_id: str) -> Any:
        """Return the rows that name a row in their order; where there is one at most, that one or None."""
        found = list(self.pool.index(self.target, self.remote).get(row_id, ()))
        for key, down in self.order if len(found) > 1 else ():
            found.sort(key=lambda one, key=key: _comparable(getattr(one, key)), reverse=down)
        return found if self.many else next(iter(found), None)


@cache
def relations(model: type[Any]) -> tuple[list[Any], list[Any]]:
    """Return the relations of a kind: to one row by a key of its own, and to rows that name it, in their order."""
    to_one: list[Any] = []
    to_many: list[Any] = []
    for relation in inspect(model).relationships:
        ((local, remote),) = relation.local_remote_pairs
        if relation.direction is RelationshipDirection.MANYTOONE:
            to_one.append((relation.key, str(local.key)))
        else:
            order = [_ordered(clause) for clause in reversed(relation.order_by or ())]
            by = [one for one in order if one[0] is not None]
            to_many.append((relation.key, relation.mapper.class_, str(remote.key), by, relation.uselist))
    return to_one, to_many


def _ordered(clause: Any) -> tuple[str | None, bool]:
    """Return the column of a clause of an order, and whether it goes down.

    The parts of a natural order have no column: the text itself says as much, see `_comparable`.
    """
    down = getattr(clause, "modifier", None) is not None
    return (clause.element if down else clause).key, down


def _comparable(value: datetime | Any) -> tuple[bool, Any]:
    if isinstance(value, str):
        return (True, wording.natural(value))
    return (value is not None, value if value is not None else 0)
