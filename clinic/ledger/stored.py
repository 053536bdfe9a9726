"""A cell as the database stores it, beside its value: other bytes that read as the same value are found too.

SQLite keeps a boolean, a day or a moment in any form that it is given: 2 reads as yes, and an underscore between day
and hour as a blank. PostgreSQL has types of its own and stores one value in one way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, type_coerce
from sqlalchemy.types import NullType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

STORED = "stored "
OTHERWISE = "it is stored in a form that this program does not write"


@dataclass(frozen=True)
class Broken:
    """A cell that could not be read."""


@dataclass(frozen=True)
class Otherwise:
    """A cell that can be read and whose bytes this program would not have written."""

    raw: Any


def as_stored(session: Session, columns: Mapping[str, Any]) -> list[Any]:
    """Return what to select beside some columns so that `read_cells` can compare the bytes; nothing on PostgreSQL."""
    if session.get_bind().dialect.name != "sqlite":
        return []
    return [type_coerce(column, NullType()).label(f"{STORED}{name}") for name, column in columns.items()]


def read_cells(session: Session, columns: Mapping[str, Any], row: Sequence[Any]) -> dict[str, Any]:
    """Return a row by its columns, a cell whose bytes are not what its value is written as replaced by `Otherwise`."""
    values, raws = row[: len(columns)], row[len(columns) :]
    cells = dict(zip(columns, values, strict=True))
    for (name, column), raw in zip(columns.items(), raws, strict=bool(raws)):
        if stored_otherwise(session, column, cells[name], raw):
            cells[name] = Otherwise(raw)
    return cells


def stored_otherwise(session: Session, column: Any, value: Any, raw: Any) -> bool:
    """Return whether SQLite holds other bytes than those as which a value is written; JSON is compared as content."""
    dialect = session.get_bind().dialect
    if dialect.name != "sqlite" or isinstance(column.type, JSON):
        return False
    write = column.type.dialect_impl(dialect).bind_processor(dialect)
    written = write(value) if write is not None and value is not None else value
    return type(raw) is not type(written) or raw != written
