"""All records that a judgement about some courses can need, read by a fixed number of statements, one a table.

A judgement (`blockers`, `progress`, `actions` of a step, a product's state, the gate at the bedside) is a function of
`CourseRecords` and a moment. It asks no session, no clock and no request, so that page, list, export and gate cannot
disagree. What belongs to a course follows from the foreign keys: a record with ``treatment_id`` hangs on the course,
one with ``product_id`` on a container of cells, and so on. A new kind of record needs no change here.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, or_, select, true, union_all

from clinic.model import Model, among
from clinic.read_once import kept
from clinic.reading import reading_only
from clinic.record_content import columns_signed
from clinic.record_kinds import attached, keys_to, kinds, link, parts_of, table_of
from clinic.record_pool import M, Pool, give_related, in_order, relations
from clinic.records import Amendment, Signature
from clinic.row_reader import Statement, always_under, joined
from clinic.unsaved_rows import UNSAVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Dialect
    from sqlalchemy.orm import Session

Only = Collection[type[Model]] | None
EVERY = true()
AT_ONCE = 50
"""Courses loaded together; more are loaded in batches."""


def work_out_once(dialect: Dialect) -> None:
    """Work out how tables and kinds of records hang together, when the app is made: no request waits for it."""
    for table in Model.metadata.tables.values():
        for column in table.columns:
            column.type.dialect_impl(dialect)
    for model in (*kinds(), Signature, Amendment, *(part for kind in kinds() for part in parts_of(kind))):
        columns_signed(model)
        relations(model)
        for name in Model.metadata.tables:
            link(model, name)


class CourseRecords:
    """The records on which a judgement about one course depends; for banked cells the course is None.

    ``course``: the order. ``zone``: the site's zone, for days. Get everything else by kind: `of`, `on`, `get`.
    """

    def __init__(self, course: Any, rows: Iterable[Model] | Pool, *, zone: str = "Etc/UTC") -> None:
        self.course = course
        self.pool = rows if isinstance(rows, Pool) else Pool(rows)
        self.zone = zone
        self._of: dict[type[Model], list[Any]] = {}
        self._people: list[Any] = []
        self.known_at: datetime | None = None
        """Of which moment the records tell, where they leave out what came after it; None: of now."""
        self.answers: dict[Any, Any] | None = {} if reading_only.get() else None

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Answer a question that is asked `once` only once, as long as nothing is written."""
        before, self.answers = self.answers, {} if self.answers is None else self.answers
        try:
            yield
        finally:
            self.answers = before

    @property
    def patient(self) -> Any:
        """The patient; None for banked cells."""
        return None if self.course is None else self.course.patient

    @property
    def people(self) -> list[Any]:
        """The patient, and every other record that two people confirmed to be the same person's (hazard H27)."""
        if self.course is None or self._people:
            return list(self._people)
        own = self.patient
        same = [
            one for one in self.pool.rows[type(own)] if one.person_id is not None and one.person_id == own.person_id
        ]
        self._people = [own, *sorted((one for one in same if one is not own), key=lambda one: one.id)]
        return list(self._people)

    @property
    def people_ids(self) -> set[str]:
        """The ids of all records of the patient's person."""
        return {one.id for one in self.people}

    @property
    def staff(self) -> list[Any]:
        """All accounts, which the records name as those who did, wrote or signed."""
        return list(self.pool.kept)

    def get(self, row_id: str | None) -> Any:
        """Return one of the records by its id, None where it is not among them."""
        return self.pool.by_id.get(row_id or "")

    def every(self, model: type[M]) -> list[M]:
        """Return all rows of a kind, those of relatives of the cells and of the patient's other courses too."""
        return list(self.pool.every(model))

    def on(self, owner: Model | None, model: type[M]) -> list[M]:
        """Return the rows of a kind that hang on one record, e.g. ``on(product, QCResult)``, oldest first."""
        return [] if owner is None else self.pool.on(owner.id, table_of(type(owner)), model)

    def of(self, model: type[M]) -> list[M]:
        """Return the rows of a kind that belong to this course: on it, on its patient, or on what belongs to it."""
        if model not in self._of:
            self._of[model] = self._belonging(model)
        return list(self._of[model])

    def _belonging(self, model: type[Any]) -> list[Any]:
        if self.course is None:
            return []
        if link(model, "treatment"):
            return self.on(self.course, model)
        if link(model, "patient"):
            return sorted((row for one in self.people for row in self.on(one, model)), key=in_order)
        for owner in list(self.pool.rows):  # to read one kind is to list it
            if owner is not model and link(owner, "treatment") and link(model, table_of(owner)):
                found = [row for one in self.of(owner) for row in self.on(one, model)]
                if found:
                    return sorted(dict.fromkeys(found), key=in_order)
        return []


def load(
    session: Session, course_ids: Iterable[str], *, product_ids: Iterable[str] = (), only: Only = None
) -> dict[str, CourseRecords]:
    """Return the records of some courses by the course's id, by the same number of statements for one as for fifty.

    ``only``: the kinds that are read, for a page that judges nothing or not all; see `Pool.every`.
    """
    pool = _pool(session, list(dict.fromkeys(course_ids)), list(product_ids), only)
    courses = [row for kind, rows in pool.rows.items() if table_of(kind) == "treatment" for row in rows]
    return {course.id: CourseRecords(course, pool, zone=course.zone) for course in courses}


def course_with_id(session: Session, course_id: str) -> CourseRecords | None:
    """Return the records of the course with an id, None where there is none.

    While nothing is written, who asks again gets the same: a page and the band over it ask for one course.
    """
    return kept(session, ("records of", course_id), lambda: load(session, [course_id]).get(course_id))


def of_course(session: Session, course: Any, *, only: Only = None) -> CourseRecords:
    """Return the records of one course; ``only`` as for `load`."""
    found = course_with_id(session, course.id) if only is None and reading_only.get() else None
    return found or load(session, [course.id], only=only)[course.id]


def around(session: Session, product: Any, *, only: Only = None) -> CourseRecords:
    """Return the records of the course that a product is assigned to; of a banked product, those of its family."""
    return around_all(session, [product], only=only)[product.id]


def around_all(session: Session, products: Iterable[Any], *, only: Only = None) -> dict[str, CourseRecords]:
    """Return what `around` returns for each of some products, by the product's id; read together."""
    assigned: list[Any] = []
    banked: list[Any] = []
    for product in products:
        (assigned if product.treatment_id is not None else banked).append(product)
    courses = [product.treatment_id for product in assigned]
    found = load(session, courses, product_ids=[one.id for one in assigned], only=only) if courses else {}
    pool = _pool(session, [], [one.id for one in banked], only) if banked else Pool()
    return {one.id: found[one.treatment_id] for one in assigned} | {
        one.id: CourseRecords(None, pool, zone=one.zone) for one in banked
    }


def turns(ids: Sequence[str], at_once: int = AT_ONCE) -> Iterable[list[str]]:
    """Yield ids in batches."""
    for start in range(0, len(ids), at_once):
        yield list(ids[start : start + at_once])


def in_turns(session: Session, course_ids: Sequence[str], at_once: int = AT_ONCE) -> Iterable[CourseRecords]:
    """Yield the records of many courses, some at a time."""
    for turn in turns(course_ids, at_once):
        found = load(session, turn)
        yield from (found[course_id] for course_id in turn if course_id in found)


@dataclass
class Scope:
    """The ids asked for, the rows read so far, and the ids ``given`` to the next statement."""

    pool: Pool
    course_ids: list[str]
    product_ids: list[str]
    dialect: str
    given: dict[str, list[str]] = field(default_factory=dict)


def named(pool: Pool, table: str) -> set[str]:
    """Return the ids of a table's rows that rows of a pool name by a foreign key."""
    return {
        value
        for kind, rows in pool.rows.items()
        for column in keys_to(kind).get(table, ())
        for row in rows
        if (value := getattr(row, column)) is not None
    }


def _pool(session: Session, course_ids: list[str], product_ids: list[str], only: Only) -> Pool:
    read = [model for model in kinds() if only is None or model in only or table_of(model) == "treatment"]
    parts = {part for model in read for part in parts_of(model)}
    pool = Pool(only=None if only is None else frozenset({*read, *parts, *attached(), Signature, Amendment}))
    scope, unsaved = Scope(pool, course_ids, product_ids, session.get_bind().dialect.name), session.info.get(UNSAVED)
    for model in read:
        if unsaved is not None and table_of(model) == "treatment":
            scope.course_ids = unsaved.courses_beside(session, model, course_ids)
        found: Any = getattr(model, "found", None)
        condition = found(scope) if found is not None else _condition(model, scope)
        if condition is not None:
            pool.add(always_under(model, condition).read(session, scope.given))
        if unsaved is not None:
            unsaved.add_kind(session, scope, model, itself=found is not None)
        if table_of(model) == "treatment":
            _take_whole_people(scope, session, model)
            if unsaved is not None:  # other courses of the same people
                unsaved.add_found(session, pool, model, ())
    complete(session, pool, {*read, *parts})
    return pool


def _take_whole_people(scope: Scope, session: Session, course: Any) -> None:
    """Add the other records of the patients' persons, and those that waiting merges, where asked for, join (H27)."""
    pool, asked, patient = scope.pool, set[str](), inspect(course).relationships["patient"].mapper.class_
    people = sorted({row.person_id for row in pool.rows[patient] if row.person_id is not None})
    merge: Any = inspect(patient).relationships["merges"].mapper.class_
    if people:
        read_rows(session, pool, patient, person_id=people)
        read_rows(session, pool, merge, patient_id=people)
    while (pool.only is None or merge in pool.only) and (fresh := sorted(set(pool.ids(table_of(patient))) - asked)):
        asked.update(fresh)
        pool.add(always_under(merge, merge.waits_with()).read(session, {"people": fresh}))
        sides = {side for one in pool.rows[merge] if one.waits for side in (one.patient_id, one.merged_id)}
        if beside := sorted(sides - set(pool.by_id)):
            read_rows(session, pool, patient, id=beside)
            joined_to = {row.person_id for row in pool.rows[patient] if row.person_id is not None}
            read_rows(session, pool, patient, person_id=sorted(joined_to))
            read_rows(session, pool, course, patient_id=pool.ids(table_of(patient)))


def read_rows(session: Session, pool: Pool, model: type[Any], **ids: Iterable[str]) -> None:
    """Add the rows of a kind of which one of some columns is among some ids, with their parts.

    For pages that list and judge nothing.
    """
    pool.add(always_under(model, _names(model, *ids)).read(session, ids))


def complete(session: Session, pool: Pool, whole: set[type[Model]]) -> None:
    """Add signatures, amendments and staff, and give each row its related rows.

    ``whole``: the kinds of which all rows are there that hang on rows of the pool.
    """
    pool.add(_attached().read(session, {"owners": list(pool.by_id)}))
    beside = Pool(row for kind in _beside() for row in always_under(kind, EVERY).read(session, {}))
    give_related(session, beside, set())
    pool.kept += [row for kind in _beside() for row in beside.rows[kind]]
    give_related(session, pool, whole, unsaved=UNSAVED in session.info)


@cache
def _attached() -> Statement:
    """Return what reads all that hangs on any record, ``owners``, by one statement."""
    models = tuple[Any, ...]((Signature, Amendment, *attached()))
    named = [
        select(model.id).where(among(model.record_id, "owners"), *([model.decisive()] if model.ATTACHED else []))
        for model in models
    ]
    return joined(union_all(*named).subquery(), models)


@cache
def _beside() -> tuple[type[Any], ...]:
    """Return the kinds of the small tables that every record names, read whole: the staff."""
    models = [mapper.class_ for mapper in Model.registry.mappers if issubclass(mapper.class_, Model)]
    return tuple(model for model in models if model.READ_BESIDE)


def _condition(model: type[Any], scope: Scope) -> Any:
    """Return the condition under which rows of a kind belong to what was read: they name it, or it names them.

    None: nothing that was read needs any.
    """
    tables = sorted(table_of(kind) for kind, rows in scope.pool.rows.items() if rows)
    asked = {
        column: scope.pool.ids(table)
        for table in dict.fromkeys(tables)
        if table != table_of(model) and (column := link(model, table)) is not None
    }
    if getattr(model, "ACCUSES", False) and (name := link(model, "treatment")) is not None:
        asked[name] = sorted({*scope.pool.ids("treatment"), *named(scope.pool, "treatment")})  # of all recipients
    ids = named(scope.pool, table_of(model))
    if ids:
        asked["id"] = sorted(ids)
    scope.given = asked
    if not asked:
        return None
    return _accusing(model, *asked) if getattr(model, "ACCUSES", False) else _names(model, *asked)


@cache
def _accusing(model: type[Any], *columns: str) -> Any:
    """Return `_names` for what can speak against cells: in any course of the people whose courses are given (H29)."""
    name = link(model, "treatment")
    if name is None or name not in columns:
        return _names(model, *columns)
    course = inspect(model).relationships["treatment"].mapper.class_
    theirs = getattr(model, name).in_(select(course.id).where(course.patient_id.in_(course.people_of(name))))
    return or_(theirs, *(among(getattr(model, one), one) for one in columns if one != name))


@cache
def _names(model: type[Any], *columns: str) -> Any:
    """Return the condition that one of some columns is among the ids that are given for it."""
    return or_(*(among(getattr(model, name), name) for name in columns))
