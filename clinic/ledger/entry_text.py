"""The text that an entry's hash is taken over, put together from its cells as the database stores them.

It is the text that `canonical` makes of `content()`, without an object or a date being made: what was stored is pasted
in. A hash that is right over it proves every byte. Where it is not, the entry is read and `content()` is asked.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, select, type_coerce
from sqlalchemy.types import NullType

from clinic.ledger.models import LedgerEntry, canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

CHANGE = ("site_id", "number", "previous", "hash", "key", "at", "act", "actor_id", "after", "before", "record_id",
          "reason", "record")  # fmt: skip
READING = ("site_id", "number", "previous", "hash", "key", "at", "about", "reader_id", "kind", "patient_id", "what")
DOCUMENTS = {"after", "before"}


def cells(session: Session, entry: Any) -> Any:
    """Return the select of the cells that `agrees` takes, in its order."""
    columns, sqlite = entry.__table__.columns, session.get_bind().dialect.name == "sqlite"
    chosen = []
    for name in CHANGE if entry is LedgerEntry else READING:
        column = columns[name]
        if name in DOCUMENTS and not sqlite:
            chosen.append(cast(column, Text).label(name))
        else:
            chosen.append(type_coerce(column, NullType()).label(name) if sqlite else column)
    return select(*chosen)


def agrees(entry: Any, row: Sequence[Any]) -> bool:
    """Whether the hash of an entry is the one of its cells as they are stored; False is no proof of the contrary."""
    try:
        if entry is not LedgerEntry:
            return _hash(_reading(row)) == row[3]
        return _hash(_change(row, _as_it_is)) == row[3] or _hash(_change(row, _spelled_anew)) == row[3]
    except (TypeError, ValueError, AttributeError):
        return False


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _change(row: Sequence[Any], document: Callable[[str], str]) -> str:
    site, number, previous, _hash, _key, at, act, actor, after, before, record_id, reason, record = row
    return text_of_change(
        site=site, number=number, previous=previous, at=_moment(at), act=act, actor=actor, after=document(after),
        before=document(before), record_id=record_id, reason=reason, record=record,
    )  # fmt: skip


def text_of_change(  # noqa: PLR0913 - the content of an entry
    *, site: str, number: int, previous: str, at: str, act: str, actor: str, after: str, before: str, record_id: str,
    reason: str, record: str,
) -> str:  # fmt: skip
    """Return the text of an entry: ``after`` and ``before`` as documents in the canonical form, ``at`` as isoformat."""
    return (
        f'{{"act":{_quoted(act)},"actor":{_quoted(actor)},"after":{after},"at":"{at}",'
        f'"before":{before},"id":{_quoted(record_id)},"number":{_whole(number)},'
        f'"previous":{_quoted(previous)},"reason":{_quoted(reason)},"record":{_quoted(record)},"site":{_quoted(site)}}}'
    )


def _reading(row: Sequence[Any]) -> str:
    site, number, previous, _hash, _key, at, about, reader, kind, patient, what = row
    return (
        f'{{"about":{_quoted(about)},"at":"{_moment(at)}","kind":{_quoted(kind)},"number":{_whole(number)},'
        f'"patient":{_quoted(patient)},"previous":{_quoted(previous)},"reader":{_quoted(reader)},'
        f'"site":{_quoted(site)},"what":{_quoted(what)}}}'
    )


def _quoted(text: Any) -> str:
    if text.isalnum() and text.isascii():
        return f'"{text}"'
    return canonical(text)


def _as_it_is(text: str | None) -> str:
    return "null" if text is None else text


def _spelled_anew(text: str | None) -> str:
    """Return a document that an earlier version stored, with blanks between its parts, as its hash was taken."""
    return "null" if text is None else canonical(json.loads(text))


def _whole(number: Any) -> str:
    if type(number) is not int:
        raise TypeError("no whole number")
    return str(number)


def _moment(at: Any) -> str:
    """Return a moment as `isoformat` writes it; SQLite keeps it as text, with a blank and six digits."""
    if isinstance(at, datetime):
        return at.astimezone(UTC).isoformat()
    if len(at) != 26 or at[10] != " " or at[19] != ".":
        raise ValueError("stored otherwise")
    return f"{at[:10]}T{at[11:19]}{'' if at.endswith('.000000') else at[19:]}+00:00"
