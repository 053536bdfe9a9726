"""The patients of a site, found by any part of name, number or birth date, page by page in the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, false, func, or_, select
from sqlalchemy.orm import lazyload, selectinload

from clinic.identifiers import parse_id
from clinic.patients.models import Patient
from clinic.patients.names import compact, days_in, searchable

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Row
    from sqlalchemy.orm import Session

    from clinic.treatments.models import Treatment

PAGE = 50
SHOWN = (
    Patient.id, Patient.family_name, Patient.given_names, Patient.birth_date, Patient.record_number, Patient.sex,
    Patient.died_on, Patient.search_text, Patient.name_key,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Found:
    """One page of a search: rows of `SHOWN`, and the ids from which the pages around it go on (empty: no such page)."""

    rows: list[Row[Any]]
    before: str = ""
    after: str = ""


def wanted(typed: str) -> list[ColumnElement[bool]]:
    """Return the conditions for what was typed: every word has to occur, every day has to be the birth date.

    An id of ours finds its patient alone. The text of a row is kept without accents and case (`searchable`), so the
    words are too; they hold letters and digits only, and no sign that a pattern would read.
    """
    public_id = parse_id(typed, Patient.KIND)
    if public_id is not None:
        return [Patient.id == public_id]
    days, rest = days_in(typed)
    conditions: list[ColumnElement[bool]] = [Patient.birth_date == day for day in days]
    words, whole = searchable(rest).split(), compact(rest)
    if not words:
        return conditions or ([false()] if typed else [])
    every = and_(*(Patient.search_text.contains(word) for word in words))
    number = Patient.search_text.contains(whole)
    return [*conditions, or_(every, number) if any(c.isdigit() for c in whole) else every]


def search(session: Session, typed: str = "", *, after: str = "", before: str = "", size: int = PAGE) -> Found:
    """Return a page of the patients that fit, ordered by name; one query besides the place where it goes on.

    ``after`` and ``before`` are the id of the last or first patient of the page that was shown.
    """
    chosen: Any = select(*SHOWN).where(*wanted(typed))
    mark = parse_id(after or before, Patient.KIND)
    place = (
        session.execute(select(Patient.search_text, Patient.id).where(Patient.id == mark)).one_or_none()
        if mark
        else None
    )
    backwards = bool(before) and place is not None
    order = (Patient.search_text, Patient.id)
    if place is not None:
        chosen = chosen.where(_beyond(place, backwards=backwards))
    chosen = chosen.order_by(*(column.desc() if backwards else column for column in order)).limit(size + 1)
    rows = list(session.execute(chosen).all())
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    earlier, later = (more, True) if backwards else (place is not None, more)
    return Found(
        rows=rows,
        before=rows[0].id if rows and earlier else "",
        after=rows[-1].id if rows and later else "",
    )


def _beyond(place: Any, *, backwards: bool) -> ColumnElement[bool]:
    text, number = Patient.search_text, Patient.id
    if backwards:
        return or_(text < place.search_text, and_(text == place.search_text, number < place.id))
    return or_(text > place.search_text, and_(text == place.search_text, number > place.id))


def similar_names(session: Session, rows: list[Row[Any]]) -> set[str]:
    """Return the name keys among some rows that another patient of the site shares (hazard H4); one query."""
    keys = {row.name_key for row in rows if row.name_key}
    if not keys:
        return set()
    shared = select(Patient.name_key).where(Patient.name_key.in_(keys)).group_by(Patient.name_key)
    return set(session.scalars(shared.having(func.count() > 1)))


def present_courses(session: Session, ids: list[str]) -> dict[str, Treatment]:
    """Return the newest course of each of some patients, with its stop; two queries."""
    if not ids:
        return {}
    course: Any = Patient.courses.property.mapper.class_
    chosen = (
        select(course)
        .where(course.patient_id.in_(ids))
        .order_by(course.recorded_at, course.id)
        .options(lazyload(course.patient), lazyload(course.protocol_version), selectinload(course.stop))
    )
    return {row.patient_id: row for row in session.scalars(chosen)}
