"""The content of a record and its hash: what a signature, a release and a check are bound to."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from operator import is_
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import JSON, inspect
from sqlalchemy.orm import object_session
from sqlalchemy.orm.attributes import instance_state

from clinic.fields import fields_of
from clinic.ledger.listener import ledger_value
from clinic.ledger.models import digest
from clinic.reading import reading_only

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinic.accounts.models import User
    from clinic.fields import Field
    from clinic.model import Model


class RecordContent:
    """What of a record is signed. Mixed into `records.Entry`."""

    OF_PERSON: ClassVar[Mapping[str, str]] = {}
    """The attribute to ask instead of a fact that may be known on another record of the same person (hazard H27)."""

    def content(self) -> dict[str, Any]:
        """Return all that a signature covers: every column but the row's version, and empty ones added later."""
        kept, later = self.__dict__, _added_later(type(self))
        values = ((key, kept[key] if key in kept else getattr(self, key)) for key in columns_signed(type(self)))
        return {key: ledger_value(value) for key, value in values if value is not None or key not in later}

    def covered(self) -> tuple[Any, ...]:
        """Return the rows whose columns the content is made of; who overrides `content` says here of what else."""
        return (self,)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the present content."""
        return self.hash_without(frozenset())

    def hash_without(self, names: frozenset[str]) -> str:
        """Return the SHA-256 of the present content without some facts; kept until one of its values is another."""
        rows = self.covered()
        kept: _Kept | None = vars(self).get("_hashes")
        session = object_session(self) if reading_only.get() else None
        read_in = None if session is None else session.get_transaction()
        again = kept is None or read_in is None or kept.read_in is not read_in
        if kept is None or again or any(instance_state(one).modified for one in rows):
            same, text = _values(rows)
            if kept is None or kept.text != text or len(kept.same) != len(same) or not all(map(is_, kept.same, same)):
                kept = vars(self)["_hashes"] = _Kept(same, text, {})
            kept.read_in = read_in
        if names not in kept.hashes:
            kept.hashes[names] = digest({key: value for key, value in self.content().items() if key not in names})
        return kept.hashes[names]


@dataclass
class _Kept:
    """The hashes of one content by the facts that they leave out, with the values that it had."""

    same: list[Any]
    text: str
    hashes: dict[frozenset[str], str]
    read_in: Any = None
    """The transaction in which it was looked at last, where that only reads: rows that nobody changed stay the same."""


def _values(rows: tuple[Any, ...]) -> tuple[list[Any], str]:
    """Return the values of some rows: those that never change in themselves, and the lists and mappings as text."""
    same: list[Any] = []
    text: list[str] = []
    for row in rows:
        kept = row.__dict__
        plain, composed = _columns_by_kind(type(row))
        same += [kept[key] if key in kept else getattr(row, key) for key in plain]
        text += [repr(kept[key] if key in kept else getattr(row, key)) for key in composed]
    return same, "\n".join(text)


@cache
def _columns_by_kind(model: type[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns that a signature covers: those whose values never change in themselves, and JSON ones."""
    columns = inspect(model).columns
    composed = tuple(key for key in columns_signed(model) if isinstance(columns[key].type, JSON))
    return tuple(key for key in columns_signed(model) if key not in composed), composed


@cache
def columns_signed(model: type[Any]) -> tuple[str, ...]:
    """Return the names of the columns that a signature covers: all but the row's version."""
    return tuple(attribute.key for attribute in inspect(model).column_attrs if attribute.key != "version")


@cache
def _added_later(model: type[Any]) -> frozenset[str]:
    """Return the names of the columns that came after records were signed, see `clinic.model.ADDED`."""
    return frozenset(one.key for one in inspect(model).column_attrs if one.columns[0].info.get("added"))


def corrected(row: Any) -> set[str]:
    """Return the facts of a stored record that are corrected now; none of a new one."""
    state = inspect(row)
    return {one.key for one in state.attrs if one.history.has_changes()} if state.persistent else set()


def unflushed(row: Model) -> Any:
    """Return the context in which a record is judged before it is stored: reading related rows flushes nothing."""
    session = object_session(row)
    return session.no_autoflush if session is not None else nullcontext()


def related_row(row: Any, relation: str, by: User | None) -> Any:
    """Return a row's related row; where only its key is known so far, from the session of who writes it down."""
    found = getattr(row, relation)
    if found is not None:
        return found
    known = inspect(type(row)).relationships[relation]
    ((local, _remote),) = known.local_remote_pairs
    key, session = getattr(row, str(local.key)), object_session(by) if by is not None else None
    return session.get(known.mapper.class_, key) if key and session is not None else None


def at_path(row: Any, path: str, by: User | None) -> tuple[Any, Field | None, str]:
    """Return a fact along a path such as ``treatment.patient.birth_date``: value, declaration, how much is known.

    A fact of ``OF_PERSON`` is of the record of the person that the property named there returns.
    """
    *relations, name = path.split(".")
    for relation in relations:
        row = related_row(row, relation, by)
        if row is None:
            return None, None, ""
    row = getattr(row, row.OF_PERSON[name]) if name in row.OF_PERSON else row
    return (
        (None, None, "")
        if row is None
        else (getattr(row, name), fields_of(type(row)).get(name), (row.precision or {}).get(name, ""))
    )
