"""How the tables for analysis read records: some hundred courses at a time, and of each only its own columns."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import lazyload

from clinic.products.models import Product

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from clinic.reports.data import Data

AT_ONCE = 300


def turns(ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield ids some hundred at a time."""
    for start in range(0, len(ids), AT_ONCE):
        yield list(ids[start : start + AT_ONCE])


def grouped(data: Data, model: type[Any], key: Any, ids: Sequence[str], *order: Any) -> dict[str, list[Any]]:
    """Return the records of a kind by one of their keys; nothing else is read with them."""
    found: dict[str, list[Any]] = defaultdict(list)
    chosen = select(model).where(key.in_(ids)).options(lazyload("*")).order_by(*order, model.id)
    for row in data.session.scalars(chosen):
        found[getattr(row, key.key)].append(row)
    return found


def begun(data: Data) -> dict[str, date | None]:
    """Return the day of the first cells of every course; None where no more than its month or year is known."""
    return {one.course.id: one.on for one in data.administrations if one.first}


def chosen_courses(data: Data) -> list[str]:
    """Return the courses of the filters that were ordered in the period; all tables are about these, so they join."""
    return [id_ for id_, one in data.courses.items() if data.within(one.ordered, id_)]


def left_out(data: Data) -> list[tuple[str, str]]:
    """Return in words what the period and the filters leave out of all tables without a day or course to choose by."""
    if not data.asked.dated and not data.asked.chosen:  # nothing is: the page that asks so reads no course
        return []
    chosen_courses(data)
    undated, unclear = (len(set(ids)) for ids in (data.undated, data.unclear))
    banked = data.read(func.count(), where=[Product.treatment_id.is_(None)])[0][0]
    found = [
        (undated, "without a date of the order, in no period", "course"),
        (unclear, "of whose order no more than the month or year is known, only partly in the period", "course"),
        (banked, "that no course has yet", "product"),
    ]
    said = "; ".join(f"{number} {noun}{'' if number == 1 else 's'} {words}" for number, words, noun in found if number)
    return [("Left out", said)] if said else []


def only(model: type[Any], ids: Iterable[str]) -> Any:
    return select(model).where(model.id.in_(set(ids))).options(lazyload("*"))


def day_of(data: Data, score: Any, visit: Any, zero: date | None) -> int | None:
    """Return the day of the course of a score: counted from the first cells, else as a history says it."""
    dated = score if score.performed_at is not None or visit is None else visit
    on = data.when(dated.performed_at, dated.precision)
    if on is not None and on.day is not None and zero is not None:
        return (on.day - zero).days
    return score.course_day if score.course_day is not None or visit is None else visit.course_day


def missing(*reasons: dict[str, str] | None) -> list[tuple[str, str]]:
    """Return each fact that is missing with the reason that was given."""
    return [pair for one in reasons for pair in sorted((one or {}).items())]


def told(data: Data, row: Any, name: str = "performed_at") -> date | str | None:
    """Return a day of a record as a table has it: no more of it than is known, 2020-05."""
    when = data.when(getattr(row, name), row.precision, name)
    return None if when is None else when.told


def first_day(data: Data, found: Sequence[Any]) -> date | str | None:
    return next((told(data, one) for one in found if one.performed_at is not None), None)
