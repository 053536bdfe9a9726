"""Rows of many kinds that were read together: found by kind, by id, and by what they hang on."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from clinic.model import Model
from clinic.record_kinds import link, table_of
from clinic.records import Amendment, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
