"""Records that are read by statements built once say what those of the mapper say, now and after a change."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import inspect, select
from sqlalchemy.orm.attributes import instance_state

from clinic.accounts.models import User
from clinic.course_records import load
from clinic.extensions import read_from_here, write_from_here
from clinic.model import Model
from clinic.patients.models import Weight
from clinic.reading import reading
from clinic.treatments.models import Treatment
from tests.bedside import released_product
from tests.databases import both_databases
from tests.factories import ready_for_harvest

pytestmark = both_databases


@pytest.fixture
def course(team: Any) -> Treatment:
    """A course with consent, harvest, results, a release and a weight whose last digit is a zero."""
    begun = ready_for_harvest(team)
    released_product(begun, team)
    team.add(Weight.log(
        by=team.nurse, at=datetime.now(UTC), patient=begun.patient, kg=Decimal("71.40"),
        performed_at=datetime.now(UTC), performed_by=team.nurse,
    ))  # fmt: skip
    team.session.commit()
    return begun


def as_read(row: Any) -> dict[str, Any]:
    """The columns of a row as they were read: values and their types."""
    return {one.key: (value := row.__dict__[one.key], type(value)) for one in inspect(type(row)).column_attrs}


def test_every_column_of_every_record_is_what_the_mapper_reads(course: Treatment, session: Any) -> None:
    course_id = course.id
    session.rollback()
    session.expunge_all()
    with reading():
        pool = load(session, [course_id])[course_id].pool
        ours = {row_id: as_read(row) for row_id, row in pool.by_id.items()}
        kinds: dict[type[Model], list[str]] = {}
        for row_id, row in pool.by_id.items():
            kinds.setdefault(type(row), []).append(row_id)
        session.expunge_all()
        theirs = {row.id: as_read(row) for kind, ids in kinds.items() for row in session.scalars(
            select(kind).where(kind.id.in_(ids))
        ).unique()}  # fmt: skip
        session.rollback()
    assert len(ours) > 20
    assert ours == theirs


def test_what_hangs_on_a_record_is_found_when_it_is_looked_at(course: Treatment, session: Any, queries: Any) -> None:
    course_id = course.id
    session.rollback()
    session.expunge_all()
    with reading():
        records = load(session, [course_id])[course_id]
        count = queries()
        assert [one.meaning for one in records.course.signatures]
        assert all(one.record_id == row.id for row in records.every(Weight) for one in row.amendments)
        assert count() == 0
        session.rollback()


def test_what_hangs_on_a_record_is_read_anew_once_somebody_writes(course: Treatment, session: Any, team: Any) -> None:
    course_id, nurse_id = course.id, team.nurse.id
    session.rollback()
    session.expunge_all()
    read_from_here(session)
    weight = load(session, [course_id])[course_id].every(Weight)[0]
    assert "signatures" not in weight.__dict__
    write_from_here(session)
    weight.sign(by=session.get(User, nurse_id), at=datetime.now(UTC))
    session.flush()
    session.expire_all()
    assert [one.signed_by_id for one in weight.signatures] == [nurse_id]
    session.rollback()


def test_a_content_that_changes_while_it_is_only_read_has_another_hash(course: Treatment, session: Any) -> None:
    with reading():
        was = course.content_hash
        course.diagnosis = "Another one"
        assert instance_state(course).modified
        assert course.content_hash != was
        session.rollback()
        assert course.content_hash == was
