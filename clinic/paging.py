"""The one pager: a list is read page by page from the row that was shown last, forwards and backwards.

Each page is one statement on an index that gives the order; the cost does not depend on the page. An address
carries a mark, the public id (or number) of the row next to the page, and never what the list is sorted by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import func, select, tuple_

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

R = TypeVar("R")

DIGITS = "0123456789"


@dataclass(frozen=True, kw_only=True)
class Page(Generic[R]):
    """The rows of one page, and the marks from which the pages around it go on (empty: there is no such page)."""

    rows: list[R]
    before: str = ""
    after: str = ""


def place_of(session: Session, order: Sequence[Any], mark: object) -> tuple[Any, ...] | None:
    """Return the values by which the row with a mark is sorted; the last of ``order`` is what the mark names.

    None where no mark was given, or none that is (still) there: the list then begins at its beginning.
    """
    if not mark:
        return None
    row = session.execute(select(*order).where(order[-1] == mark)).one_or_none()
    return None if row is None else tuple(row)


def page(  # noqa: PLR0913 - a list, its order, and the place in it that was asked for
    session: Session,
    chosen: Any,
    *,
    order: Sequence[Any],
    place: tuple[Any, ...] | None = None,
    backwards: bool = False,
    descending: bool = False,
    size: int = 50,
    mark: Callable[[Any], str] = lambda row: row.id,
    entities: bool = False,
) -> Page[Any]:
    """Return the page of a list that follows a place, or (``backwards``) comes before it; one statement.

    ``order``: columns that are never null, the last one unique. ``descending``: the list runs from the last to the
    first. ``mark`` names a row in an address. ``entities``: rows are mapped objects, not tuples of columns.
    """
    backwards = backwards and place is not None
    down = descending != backwards
    if place is not None:
        here, there = tuple_(*order), tuple_(*place)
        chosen = chosen.where(here < there if down else here > there)
    chosen = chosen.order_by(*(column.desc() if down else column.asc() for column in order)).limit(size + 1)
    rows: list[Any] = list(session.scalars(chosen) if entities else session.execute(chosen))
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    earlier, later = (more, True) if backwards else (place is not None, more)
    return Page(
        rows=rows,
        before=mark(rows[0]) if rows and earlier else "",
        after=mark(rows[-1]) if rows and later else "",
    )


def natural_order(column: Any) -> tuple[Any, ...]:
    """Return what numbered things are sorted by in the database: A1, A2 … A11, B1; a number is sorted last."""
    return func.rtrim(column, DIGITS), func.length(column), column
