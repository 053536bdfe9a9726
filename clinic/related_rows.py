"""The rows to which the relations of rows lead, given to them from what was read together."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import inspect
from sqlalchemy.orm import RelationshipDirection
from sqlalchemy.orm.attributes import instance_state, set_committed_value

from clinic import wording
from clinic.reading import reading_only
from clinic.record_kinds import attached
from clinic.records import Amendment, Signature
from clinic.unsaved_rows import UNSAVED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.model import Model
    from clinic.record_pool import Pool


def give_related(session: Session, pool: Pool, read: set[type[Model]]) -> None:
    """Give each row its related rows, so that no question about them goes to the database again."""
    known = read | {Signature, Amendment, *attached()}
    at_once = not reading_only.get() or UNSAVED in session.info
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
        found = _sorted(self.pool.index(self.target, self.remote).get(row_id, ()), self.order)
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


def _sorted(rows: Sequence[Any], order: Sequence[tuple[str, bool]]) -> list[Any]:
    found = list(rows)
    if len(found) > 1:
        for key, down in order:
            found.sort(key=lambda one, key=key: _comparable(getattr(one, key)), reverse=down)
    return found


def _comparable(value: datetime | Any) -> tuple[bool, Any]:
    if isinstance(value, str):
        return (True, wording.natural(value))
    return (value is not None, value if value is not None else 0)
