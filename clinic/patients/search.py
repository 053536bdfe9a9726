"""The patients of a site, found by any part of name, number or birth date, page by page in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, false, func, or_, select
from sqlalchemy.orm import lazyload, selectinload

from clinic.access import own_site
from clinic.identifiers import parse_id
from clinic.paging import Page, page, place_of
from clinic.patients.models import Patient
from clinic.patients.names import compact, days_in, searchable
from clinic.wording import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Row
    from sqlalchemy.orm import Session


PAGE = 50
LOOSELY = 4
"""From so many letters on a word is also found in another spelling."""
UMLAUTS = (("ae", "a"), ("oe", "o"), ("ue", "u"))
SHOWN = (
    Patient.id, Patient.family_name, Patient.given_names, Patient.birth_date, Patient.record_number, Patient.sex,
    Patient.died_on, Patient.search_text, Patient.name_key, Patient.precision, Patient.person_id,
    Patient.not_recorded,
)  # fmt: skip


def wanted(typed: str) -> list[ColumnElement[bool]]:
    """Return the conditions for what was typed: every word has to occur, every day has to be the birth date.

    An id of ours finds its patient alone. The text of a row is kept without accents and case (`searchable`), so the
    words are too; they hold letters and digits only, and no sign that a pattern would read.
    """
    public_id = parse_id(typed, Patient.KIND)
    if public_id is not None:
        return [Patient.id == public_id]
    days, rest = days_in(visible(typed))
    conditions: list[ColumnElement[bool]] = [Patient.birth_date == day for day in days]
    words, whole = searchable(rest).split(), compact(rest)
    if not words:
        return conditions or ([false()] if typed else [])
    every = and_(*(_said(word) for word in words))
    number = Patient.search_text.contains(whole)
    return [*conditions, or_(every, number) if any(c.isdigit() for c in whole) else every]


def _said(word: str) -> ColumnElement[bool]:
    """Return the condition that a word occurs, in whichever way it is spelled.

    O'Brien is found by ``obrien`` and Müllerowitz by ``muellerowitz``: the text is also compared without its spaces,
    and with ae, oe, ue as a, o, u. A short word or one with digits is taken as it is. What does not even have the
    letters in their order is passed over first: at 50,000 patients that takes 30 ms and not 200.
    """
    plainly = Patient.search_text.contains(word)
    if len(word) < LOOSELY or any(character.isdigit() for character in word):
        return plainly
    text: Any = Patient.search_text
    for written, simple in ((" ", ""), *UMLAUTS):
        word, text = word.replace(written, simple), func.replace(text, written, simple)
    letters = Patient.search_text.like(f"%{'%'.join(word)}%")
    return and_(letters, or_(plainly, text.contains(word)))


def search(  # noqa: PLR0913 - what was typed and chosen, and the place in the list
    session: Session,
    typed: str = "",
    *,
    among: Sequence[ColumnElement[bool]] = (),
    after: str = "",
    before: str = "",
    size: int = PAGE,
) -> Page[Row[Any]]:
    """Return a page of the patients that fit, ordered by name; one query besides the place where it goes on.

    ``among``: more conditions on the patient. ``after`` and ``before`` are the id of the last or first patient of the
    page that was shown.
    """
    order = (Patient.search_text, Patient.id)
    place = place_of(session, order, parse_id(after or before, Patient.KIND))
    chosen = select(*SHOWN).where(*own_site(session, Patient), *wanted(typed), *among)
    return page(session, chosen, order=order, place=place, backwards=bool(before), size=size)


MOST = 10_000
"""Patients that are counted one by one: a larger clinic reads “more than 10,000”, and no page reads it all."""


def total(session: Session, typed: str = "", *, among: Sequence[ColumnElement[bool]] = ()) -> int:
    """Return how many patients fit, at most one more than `MOST`; read in the order of the list, by its index."""
    found = select(Patient.id).where(*own_site(session, Patient), Patient.search_text >= "", *wanted(typed), *among)
    some = found.order_by(Patient.search_text, Patient.id).limit(MOST + 1)
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def with_those_that_go_on(session: Session, rows: list[Any]) -> tuple[list[Any], dict[str, str]]:
    """Return rows of patients with those under which merged ones go on, and the id of that one by the merged one's.

    So both record numbers of a person find the record that goes on; the merged one stays in the list.
    """
    under = {row.id: row.person_id for row in rows if row.person_id not in {None, row.id}}
    missing = set(under.values()) - {row.id for row in rows}
    if not missing:
        return rows, under
    chosen = select(*SHOWN).where(Patient.id.in_(missing)).order_by(Patient.search_text, Patient.id)
    return [*session.execute(chosen).all(), *rows], under


def similar_names(session: Session, rows: list[Row[Any]]) -> set[str]:
    """Return the name keys among some rows that another patient of the site shares (hazard H4); one query."""
    keys = {row.name_key for row in rows if row.name_key}
    if not keys:
        return set()
    shared = select(Patient.name_key).where(Patient.name_key.in_(keys)).group_by(Patient.name_key)
    return set(session.scalars(shared.having(func.count() > 1)))


def present_courses(session: Session, ids: list[str], among: Sequence[ColumnElement[bool]] = ()) -> dict[str, Any]:
    """Return the newest course of each of some patients that fits, with its stop; two queries."""
    if not ids:
        return {}
    course: Any = Patient.courses.property.mapper.class_
    chosen = (
        select(course)
        .where(course.patient_id.in_(ids), *among)
        .order_by(course.recorded_at, course.id)
        .options(lazyload(course.patient), lazyload(course.protocol_version), selectinload(course.stop))
    )
    return {row.patient_id: row for row in session.scalars(chosen)}
