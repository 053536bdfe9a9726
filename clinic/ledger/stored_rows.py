"""Rows as SQLite stores them, beside what the ledger says that they should be stored as: compared without being read.

What is equal byte for byte and in its type needs no further look. What is not is read and compared value by value, so
that the fault is named.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Boolean, select, type_coerce
from sqlalchemy.types import NullType

from clinic.ledger.models import canonical
from clinic.model import UTCDateTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

PIECE = 500
WHOLE, FINE = 25, 32
"""Letters of a moment as `datetime.isoformat` tells it in UTC: of a whole second, and with its millionths."""


class Expected:
    """How the rows of one table are stored, by its columns: made of a state that the ledger tells."""

    def __init__(self, session: Session, columns: Mapping[str, Any]) -> None:
        dump = getattr(session.get_bind().dialect, "_json_serializer", None) or json.dumps
        self.names = list(columns)
        self.writers = [
            (at, write) for at, one in enumerate(columns.values()) if (write := _writer(one.type, dump)) is not None
        ]
        self.documents = {at for at, one in enumerate(columns.values()) if isinstance(one.type, JSON)}

    def of(self, state: Mapping[str, Any]) -> list[Any]:
        """Return the cells of a row in that state; a column that the state does not name is empty."""
        found = [*map(state.get, self.names)]
        for at, write in self.writers:
            if found[at] is not None:
                found[at] = write(found[at])
        return found

    def fits(self, state: Mapping[str, Any], cells: list[Any]) -> bool:
        """Whether a row is stored as it would be in that state; False asks for a closer look."""
        try:
            wanted = self.of(state)
            if wanted == cells and [*map(type, wanted)] == [*map(type, cells)]:
                return True
            return all(
                (one == other and type(one) is type(other)) or (at in self.documents and _same_document(one, other))
                for at, (one, other) in enumerate(zip(wanted, cells, strict=True))
            )
        except (TypeError, ValueError, AttributeError):
            return False


def compares(session: Session, columns: Mapping[str, Any]) -> bool:
    """Whether the rows of a table can be compared as they are stored: on SQLite, without fingerprints of secrets."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    return sqlite and not any(column.info.get("secret") for column in columns.values())


def stored_rows(
    session: Session, columns: Mapping[str, Any], *, only: Sequence[str] | None = None
) -> Iterator[tuple[str, list[Any]]]:
    """Yield id and cells of each row of a table, in the order of the ids; ``only``: of these rows."""
    at, key = list(columns).index("id"), columns["id"]
    raw: Any = select(*(type_coerce(column, NullType()) for column in columns.values())).order_by(key)
    raw = raw if only is None else raw.where(key.in_(only))
    for row in session.connection().execute(raw, execution_options={"yield_per": PIECE}):
        yield row[at], [*row]


def _same_document(one: Any, other: Any) -> bool:
    """Whether two documents say the same: they are compared as content, for earlier versions spaced them otherwise."""
    both = isinstance(one, str) and isinstance(other, str)
    return both and canonical(json.loads(one)) == canonical(json.loads(other))


def _writer(kind: Any, dump: Callable[[Any], str]) -> Callable[[Any], Any] | None:
    if isinstance(kind, JSON):
        return lambda value: "{}" if value == {} else dump(value)
    if isinstance(kind, Boolean):
        return lambda value: int(value) if value is True or value is False else value
    return _moment if isinstance(kind, UTCDateTime) else None


def _moment(told: str) -> str:
    """Return a moment as SQLite keeps it: in UTC with a blank and six digits; told as `datetime.isoformat` does."""
    if len(told) not in {WHOLE, FINE} or not told.endswith("+00:00"):
        raise ValueError("told otherwise")
    return f"{told[:10]} {told[11:19]}{told[19:26] if len(told) == FINE else '.000000'}"
