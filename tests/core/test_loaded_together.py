"""The records of many courses are read by as many statements as those of one (house: one judgement)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, select

from clinic.course_records import load
from clinic.reading import reading
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

MOST = 22


@contextmanager
def statements(session: Session) -> Iterator[list[str]]:
    """Collect the statements that are asked within."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            found.append(statement)

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("number", [1, 5, 50])
def test_the_records_of_many_courses_take_no_more_statements_than_those_of_one(demonstration, number):
    ids = list(demonstration.scalars(select(Treatment.id).order_by(Treatment.id).limit(number)))
    with reading(), statements(demonstration) as asked:
        assert len(load(demonstration, ids)) == number
    assert len(asked) <= MOST
