"""The stored projection of the judgement, from which lists over many courses are read.

After every write the courses that it touched are judged in the same transaction, and their lines are kept: one for
each step, one for each action, one for each product. A line says when time alone will change it; lines whose moment
has passed are judged in memory when a list is shown, and stored by `sweep`. `clinic verify` judges everything again and
compares. Nothing here is a record: every line can be made again.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, event, insert, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from clinic import clock
from clinic.course_records import CourseRecords, around_all, in_turns, link, table_of, turns
from clinic.judged_lines import ONLY, CourseLine, ProductLine
from clinic.ledger.listener import Written, written
from clinic.model import Base, Model, among
from clinic.pathway.authorized import mark_or_refuse
from clinic.pathway.event_order import refuse_disorder
from clinic.pathway.judgement import changes_at, judge
from clinic.patients.merging import PatientMerge
from clinic.patients.models import Patient
from clinic.products.models import Product, family
from clinic.protocols.models import ProtocolVersion
from clinic.record_kinds import accusing, attached
from clinic.records import Amendment, Signature
from clinic.release.product_state import failing, state_of
from clinic.treatments.models import Treatment
from clinic.unsaved_rows import UNSAVED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from clinic.steps import Step


TOGETHER, OF_ONE_DONOR = 50, 300
"""Courses that are judged together at least, and those of one donor that are at most."""
MOVED: list[Callable[[Session, dict[str, Written], datetime], bool]] = []
"""What rooms above do, before a commit is judged, where a moment was corrected: each says whether it wrote anything."""


def lines_of(records: CourseRecords, at: datetime) -> list[dict[str, Any]]:
    """Return the lines of one course as rows of `CourseLine`."""
    course, change = records.course, changes_at(records, at)
    same = {
        "site_id": course.site_id, "treatment_id": course.id, "patient_id": course.patient_id, "changes_at": change,
    }  # fmt: skip
    empty = {
        "title": "", "why": "", "roles": "", "endpoint": "", "target": {}, "since": None, "due_at": None,
        "due_words": "", "danger": False, "people": "", "barred": "", "failing": "",
    }  # fmt: skip
    found, bad = [], "; ".join(dict.fromkeys(said for _product, said in failing(records)))
    for one in judge(records, at):
        people = _marked(responsible(records, one.step))
        step = same | {"step": one.step.name, "state": one.progress.state.value, "word": one.progress.word}
        found.append(step | empty)
        found += [
            step
            | {
                "title": action.title, "why": action.why, "endpoint": action.to[0], "target": dict(action.to[1]),
                "roles": f" {' '.join(sorted(role.value for role in action.who))} ", "since": action.since,
                "due_at": action.due_at, "due_words": action.due_words, "danger": action.danger,
                "barred": _marked([*action.not_by, *(f"{ONLY}{one}" for one in action.only_by)]),
                "people": people, "failing": bad,
            }
            for action in one.actions
        ]  # fmt: skip
    return found


def responsible(records: CourseRecords, step: Step) -> set[str]:
    """Return the ids of whose patient this is in a step: the course's physician, and who did what the step recorded."""
    done = [record.performed_by_id for kind in step.records for record in records.of(kind)]
    return {one for one in (records.course.performed_by_id, *done) if one}


def _marked(ids: Iterable[str]) -> str:
    """Return ids as a line keeps them: each between spaces, so that one is found in them, see `ONLY`."""
    found = " ".join(sorted(ids))
    return f" {found} " if found else ""


def product_lines(records: CourseRecords, products: Iterable[Product], at: datetime) -> list[dict[str, Any]]:
    """Return the states of some products as rows of `ProductLine`."""
    return [
        {
            "product_id": product.id, "site_id": product.site_id, "state": state_of(records, product, at).value,
            "changes_at": end if (end := product.end) is not None and end > at else None,
        }
        for product in products
    ]  # fmt: skip


def store(session: Session, course_ids: list[str], product_ids: set[str], at: datetime) -> None:
    """Judge some courses and products again and replace their lines."""
    done: set[str] = set()
    for records in in_turns(session, course_ids):
        done |= _keep(session, records, at)
    _keep_products(session, product_ids - done, at)


def _keep(session: Session, records: CourseRecords, at: datetime) -> set[str]:
    """Judge one course and keep its lines and those of its products; return the ids of the products."""
    with records.unchanged():
        products, lines = product_lines(records, records.of(Product), at), lines_of(records, at)
    ids = [line["product_id"] for line in products]
    replace_lines(session, CourseLine, CourseLine.treatment_id, [records.course.id], lines)
    replace_lines(session, ProductLine, ProductLine.product_id, ids, products)
    return set(ids)


def _keep_products(
    session: Session, product_ids: set[str], at: datetime, changed: dict[str, Written] | None = None
) -> None:
    """Judge products that were not judged with their course, such as banked ones, and keep their lines.

    ``changed``: what was written now, which is refused where it is out of order.
    """
    for turn in turns(sorted(product_ids)):
        products = session.scalars(select(Product).where(Product.id.in_(turn))).all()
        found = around_all(session, products)
        banked = next((found[one.id] for one in products if one.treatment_id is None), None)
        if changed and banked is not None:
            refuse_disorder(banked, changed, at)
        lines = [line for one in products for line in product_lines(found[one.id], [one], at)]
        replace_lines(session, ProductLine, ProductLine.product_id, turn, lines)


def replace_lines(
    session: Session, model: type[Base], column: Any, keys: list[str], lines: list[dict[str, Any]]
) -> None:
    """Keep new lines about some courses or products in the place of those that are there."""
    table: Any = model.__table__
    if keys:
        session.execute(delete(table).where(column.in_(keys)))
    if lines:
        session.execute(insert(table), lines)


@event.listens_for(Session, "before_commit")
def judge_what_was_written(session: Session) -> None:
    """Judge each course that the transaction touched, refuse what is out of order, and keep the new lines."""
    session.flush()
    changed = written(session)
    if not changed:
        return
    at = clock.now()
    moved = any(one.columns is not None and "performed_at" in one.columns for one in changed.values())
    for mark in (mark_or_refuse, *(MOVED if moved else ())):
        if mark(session, changed, at):
            session.flush()
            changed = written(session) | changed  # what is new stays new
    courses, products = touched(session, changed)
    asked = None
    for records in by_donor(session, courses):
        refuse_disorder(records, changed, at, read_anew=records.pool is not asked)
        asked = records.pool
        products -= _keep(session, records, at)
    if products:
        _keep_products(session, products, at, changed)


def by_donor(session: Session, course_ids: Collection[str]) -> Iterator[CourseRecords]:
    """Yield the records of many courses, some at a time, those of one donor after each other.

    With a course everything is read that comes from its donor. Of a donor to many, it would be read once for each turn
    in which one of the courses is, which grows with the square of their number.
    """
    donors = dict(_columns(session, Treatment, ["id", "donor_id"], set(course_ids)))
    of_donor: dict[str, list[str]] = defaultdict(list)
    for course_id in sorted(course_ids):
        of_donor[donors.get(course_id) or course_id].append(course_id)
    turn: list[str] = []
    for some in of_donor.values():
        for start in range(0, len(some), OF_ONE_DONOR):
            turn += some[start : start + OF_ONE_DONOR]
            if len(turn) >= TOGETHER:
                yield from in_turns(session, turn, at_once=len(turn))
                turn = []
    yield from in_turns(session, turn)


def touched(session: Session, changed: dict[str, Written]) -> tuple[list[str], set[str]]:
    """Return the ids of the courses, and of the products, whose judgement rests on rows that were written."""
    named = _named(session, changed)
    merges = [row_id for row_id, one in changed.items() if one.model is PatientMerge]
    if merges:
        sides = select(PatientMerge.patient_id, PatientMerge.merged_id).where(PatientMerge.id.in_(merges))
        named["patient"] |= {side for pair in session.execute(sides) for side in pair}
    courses = set(named["treatment"])
    if named["donor"]:
        courses |= set(session.scalars(select(Treatment.id).where(Treatment.donor_id.in_(named["donor"]))))
    versions = sorted(row_id for row_id, one in changed.items() if one.model is ProtocolVersion)
    if versions:  # a version was retired, or followed by another one
        under = select(Treatment.id).where(Treatment.protocol_version_id.in_(versions))
        courses |= set(session.scalars(under))
    people = set(named["patient"])
    if courses:
        people |= set(session.scalars(select(Treatment.patient_id).where(Treatment.id.in_(courses))))
    if people:  # what is known of a person counts in every course of that person, and stops those proposed to be
        people = _joined_or_proposed(session, people)
        theirs = set(session.scalars(select(Treatment.id).where(Treatment.patient_id.in_(people))))
        courses |= theirs
        # what the patient of the one record suffered is of the other, too, or no more
        named["accused"] |= theirs if merges else set()
    accused = named["accused"]
    if accused:  # what one recipient suffered speaks against the cells of all her or his courses
        of_them = select(Treatment.patient_id).where(Treatment.id.in_(accused))
        patients = _joined_or_proposed(session, set(session.scalars(of_them)))
        accused = accused | set(session.scalars(select(Treatment.id).where(Treatment.patient_id.in_(patients))))
    products: set[str] = set()
    seeds = {"accused": accused} | {table: named[table] for table in ("product", "harvest", "processing_run", "donor")}
    if any(seeds.values()):
        given = {name: sorted(ids) for name, ids in seeds.items()}
        for near in session.execute(families_near(session.get_bind().dialect.name), given):
            products.add(near.id)
            if near.treatment_id is not None:
                courses.add(near.treatment_id)
    return sorted(courses), products


def _joined_or_proposed(session: Session, ids: Collection[str]) -> set[str]:
    """Return the ids of some patients, of the records that are the same people's, and of those proposed to be.

    A judgement about any of them reads the others, see `merging.proposed_to`.
    """
    found, fresh = set[str](), set(ids)
    while fresh:
        found |= fresh
        fresh = set(session.scalars(_beside_people(), {"people": sorted(fresh)})) - found
    return found


@cache
def _beside_people() -> Any:
    """Return the select of the ids of records that are, or are proposed to be, the same person's as ``people``."""
    waits = PatientMerge.waits_with()
    one, other = aliased(Patient), aliased(Patient)
    same = select(other.id).join(one, one.person_id == other.person_id).where(among(one.id, "people"))
    return union_all(same, select(PatientMerge.patient_id).where(waits), select(PatientMerge.merged_id).where(waits))


@cache
def families_near(dialect: str) -> Any:
    """Return the select of the containers that share cells with some, named by themselves or by what they hang on."""
    columns = {
        "product": Product.id, "accused": Product.treatment_id, "harvest": Product.harvest_id,
        "processing_run": Product.run_id, "donor": Product.donor_id,
    }  # fmt: skip
    seeds = or_(*(among(column, name) for name, column in columns.items()))
    return select(Product.id, Product.treatment_id).where(Product.id.in_(family(seeds, dialect)))


AT_ONCE = 500
"""Written rows whose columns are read together."""
TABLES = ("treatment", "patient", "product", "harvest", "processing_run", "donor")


def _named(session: Session, changed: dict[str, Written]) -> dict[str, set[str]]:
    """Return the ids of the rows in the tables that lead to courses, which the written rows are or name.

    ``accused``: the courses in which something was written, or signed, that can speak against cells.
    """
    found: dict[str, set[str]] = {table: set() for table in (*TABLES, "accused")}
    by_kind = {mapper.class_.KIND: mapper.class_ for mapper in Model.registry.mappers if hasattr(mapper.class_, "KIND")}
    rows: dict[type[Any], set[str]] = defaultdict(set)
    for row_id, one in changed.items():
        rows[one.model].add(row_id)
    for kind in (Signature, Amendment, *attached()):
        for (record_id,) in _columns(session, kind, ["record_id"], rows.pop(kind, set())):
            if record_id[:2] in by_kind:
                rows[by_kind[record_id[:2]]].add(record_id)
    for model, ids in rows.items():
        if table_of(model) in found:
            found[table_of(model)] |= ids
        names = {table: name for table in TABLES if (name := link(model, table)) is not None}
        for row in _columns(session, model, list(names.values()), ids):
            for table, value in zip(names, row, strict=True):
                found[table] |= {value} - {None}
                if table == "treatment" and (model in accusing() or getattr(model, "TELLS_MORE", False)):
                    found["accused"] |= {value} - {None}
    return found


def _columns(session: Session, model: type[Any], names: list[str], ids: set[str]) -> Iterator[Any]:
    """Yield some columns of the rows of a kind, some hundred rows at a time."""
    unsaved = session.info.get(UNSAVED)
    if unsaved is not None:
        yield from unsaved.columns(model, names, ids if names else ())
        ids = ids - unsaved.by_id.keys()
    known = sorted(ids) if names else []
    for start in range(0, len(known), AT_ONCE):
        chosen = select(*(getattr(model, name) for name in names))
        yield from session.execute(chosen.where(model.id.in_(known[start : start + AT_ONCE])))
