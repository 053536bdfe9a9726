"""Which records are one person's: all that lead to the person by the shortest way (see `exchange.research`).

What a record leads to first is whom it is about. Cells of another donor that the person received are on their order,
so they are the person's; the donor's own records, and what else was made of the donor's cells, are not.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from clinic.exchange.datasets import models
from clinic.exchange.research import leading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session

AT_ONCE = 500
"""Ids that are asked for by one statement."""


def records_of(session: Session, people: Iterable[str]) -> dict[type[Any], list[str]]:
    """Return the ids of all records of one person by their kind, sorted. ``people``: the person's patient records."""
    owned, kinds = set(people), _kinds()
    found: dict[type[Any], list[str]] = defaultdict(list)
    new = sorted(owned)
    while new:
        for id_ in new:
            found[kinds[id_[:2]]].append(id_)
        next_: set[str] = set()
        for model in kinds.values():
            next_ |= {row for row, first in _leading_to(session, model, new) if first in owned}
        new = sorted(next_ - owned)
        owned |= next_
    return {model: sorted(ids) for model, ids in found.items()}


def _kinds() -> dict[str, Any]:
    """Return every kind of record that has a data set, by the first letters of its ids; notices are no records."""
    return {model.KIND: model for model in models().values()}


def _leading_to(session: Session, model: Any, ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the rows of a kind that name one of some records, each with the record that it leads to first."""
    columns = [getattr(model, name) for name in leading(model)]
    for start in range(0, len(ids), AT_ONCE):
        piece = ids[start : start + AT_ONCE]
        asked = [column.in_(some) for column in columns if (some := _named_by(column, piece))]
        if asked:
            for id_, *firsts in session.execute(select(model.id, *columns).where(or_(*asked))):
                yield id_, next(one for one in firsts if one)


def _named_by(column: Any, ids: Sequence[str]) -> list[str]:
    """Return which of some records a column can name: those of the table that it refers to, or of any."""
    tables = {key.column.table.name for key in column.foreign_keys}
    fitting = {kind for kind, model in _kinds().items() if not tables or model.__tablename__ in tables}
    return [one for one in ids if one[:2] in fitting]
