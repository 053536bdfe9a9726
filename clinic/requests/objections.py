"""A signed disagreement with a record stops what rests on the record, until quality has decided (hazards K2, K5)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from clinic.access import Role
from clinic.record_kinds import keys_to, table_of
from clinic.record_pool import once
from clinic.requests.models import DANGER, Request, undecided
from clinic.steps import Blocked

if TYPE_CHECKING:
    from collections.abc import Collection

    from clinic.course_records import CourseRecords

WHO = (Role.QUALITY, Role.DIRECTOR)
MADE = ("product", "harvest", "processing_run")
"""What cells are made of: a record that names one of them, and no course, tells of the cells alone."""


def in_words(one: Request) -> str:
    """Return a disagreement as a reason: who, with what, why, and who decides."""
    who = one.answered_by.printed_name if one.answered_by is not None else "A named person"
    said = (one.answer_text or "").removesuffix(".")
    return f"{who} signed a disagreement with {one.about}: “{said}”. Quality decides on it."


@once
def objections(records: CourseRecords) -> list[tuple[Request, Any]]:
    """Return the disagreements that quality has not decided on, each with its record; what is void asks nothing."""
    said = records.every(Request)
    found = [(one, records.get(row_id)) for row_id in {o.record_id for o in said} for one in _on(said, row_id)]
    return [(one, row) for one, row in found if row is not None and not _void(row)]


def _on(said: list[Request], row_id: str) -> list[Request]:
    return undecided([one for one in said if one.record_id == row_id])


def _void(row: Any) -> bool:
    given = getattr(row, "administration", row)
    return bool(getattr(given, "voided", False)) or not getattr(row, "in_force", True)


def against_cells(records: CourseRecords, own: Collection[str], near: Collection[str]) -> list[Request]:
    """Return the disagreements with records of some cells.

    ``own``: the ids of the containers that they were made of, with the runs, harvests and donors; ``near``: of the
    containers that share cells with them, whose administrations put the others in doubt.
    """
    return [one for one, row in objections(records) if _of_cells(row, own, near)]


def open_dangers(records: CourseRecords, near: Collection[str]) -> list[str]:
    """Return the comments that tell of a danger in some cells, or of their course, and that nobody has answered.

    ``near``: the ids of the containers with those that share their cells, and of their runs, harvests and course.
    """
    said = [(one, records.get(one.record_id)) for one in records.every(Request) if one.kind == DANGER and one.open]
    return [
        f"Comment on {one.about}: “{one.text}”. Quality or a physician has not answered it yet"
        for one, row in said
        if row is not None and (row.id in near or any(getattr(row, name) in near for name in _keys(row, "product")))
    ]


def _of_cells(row: Any, own: Collection[str], near: Collection[str]) -> bool:
    table = table_of(type(row))
    if row.id in own or table == "product":
        return row.id in own
    if table == "administration":
        return row.product_id in near or row.product_id in own
    tables = (*MADE, *(("donor",) if table not in {*MADE, "treatment"} else ()))
    return any(getattr(row, name) in own for name in _keys(row, *tables))


def against_course(records: CourseRecords, at: datetime) -> list[Blocked]:
    """Return why nothing more is done in a course: somebody disagreed with its order, its decisions, its facts.

    A merge of two records stops the courses of both. A consent is asked by itself, and so is what tells of some cells
    alone. ``at``: what was said later stops nothing.
    """
    return [
        Blocked(
            because=in_words(one), who=WHO, fix=("requests.of_record", {"record_id": one.record_id}),
            fix_label="Open the objection",
        )
        for one, row in objections(records)
        if one.answered_at is not None and one.answered_at <= at and _of_course(records, row)
    ]  # fmt: skip


def _of_course(records: CourseRecords, row: Any) -> bool:
    course, table = records.course, table_of(type(row))
    if table in {*MADE, "consent"} or not row.ASKED_FIRST:
        return False
    if row.id in {course.id, course.donor_id, *records.people_ids}:
        return True
    mine = {"treatment": {course.id}, "patient": records.people_ids, "donor": {course.donor_id}}
    return any(getattr(row, name) in ids for key, ids in mine.items() for name in _keys(row, key))


def _keys(row: Any, *tables: str) -> list[str]:
    named = keys_to(type(row))
    return [name for table in tables for name in named.get(table, ())]
