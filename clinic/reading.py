"""Whether the current code only reads."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

reading_only: ContextVar[bool] = ContextVar("reading_only", default=False)
"""Whether the current code only reads. On SQLite everything else takes the write lock at its first statement, so that
no decision depends on rows that another writer changes before the commit."""


@contextmanager
def reading() -> Iterator[None]:
    """Only read within: transactions that begin here take no write lock."""
    before = reading_only.set(True)
    try:
        yield
    finally:
        reading_only.reset(before)


@contextmanager
def to_write() -> Iterator[None]:
    """Write within, in transactions that begin here, where the code around only reads."""
    before = reading_only.set(False)
    try:
        yield
    finally:
        reading_only.reset(before)
