"""Courses that share donors are judged with all that is recorded of a donor, which is read for all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock, course_records
from clinic.exchange import import_writing, importing
from clinic.exchange.mapping import parsed
from clinic.harvest.models import Harvest
from clinic.judged_lines import CourseLine
from clinic.ledger.listener import set_actor
from clinic.pathway import projection
from clinic.pathway.sweeping import disagreements
from clinic.patients.donors import Donor
from clinic.reading import reading
from clinic.treatments.models import Treatment
from tests.databases import both_databases
from tests.exchange.test_importing import WIDE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

SHARED = WIDE.replace('"donor.donor_number" = "D-"', "").replace("[numbered]", "").replace(
    "[columns]", '[columns]\ndonor = { to = "donor.donor_number" }'
)  # fmt: skip
HEADINGS = "number,weight_g,volume,cd34,given,ml,endotoxin,relapse,event,grade,donor"
DONORS = 4


def rows(count: int) -> list[str]:
    """Rows that name the donors in turn."""
    return [f"N-{n},20000,100,120,2020-05-01 10:00,50,<0.05,no,Fever,2,D-{n % DONORS}" for n in range(count)]


@pytest.fixture
def take(session: Session, children: Any, table: Callable[..., Any]) -> Callable[[int], Any]:
    """Import as the command does: the session only reads until the import is written."""
    session.commit()

    def run(count: int) -> Any:
        session.rollback()
        with reading():
            report = importing.run(
                session, "courses", table(HEADINGS, *rows(count)), parsed(SHARED, "map.toml"),
                session.merge(children.coordinator), clock.now(), dry_run=False,
            )  # fmt: skip
            assert not report.refused, report.sentences()
            session.commit()
        return report

    return run


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many collections each judgement of some courses read."""
    found, before = list[int](), course_records._pool

    def counting(*about: Any) -> Any:
        pool = before(*about)
        found.append(len(pool.rows[Harvest]))
        return pool

    monkeypatch.setattr(course_records, "_pool", counting)
    return found


@pytest.mark.parametrize("count", [12, 24, 48])
def test_what_is_read_grows_with_the_rows_alone(session, take, read, monkeypatch, count):
    """Read for each of its courses, all collections of a donor would be read with each: the square of the rows."""
    monkeypatch.setattr(projection, "TOGETHER", 2)
    monkeypatch.setattr(import_writing, "AT_ONCE", 300)
    take(count)
    assert sum(read) == count
    assert len(session.scalars(select(Treatment.id)).all()) == count


def test_courses_of_one_donor_are_judged_before_the_lock_and_not_again_with_the_commit(take, monkeypatch):
    """The donors come in turn, so that in the order of the table each piece would hang on the first."""
    with_commit = list[str]()
    before = projection._keep

    def keep(session: Any, records: Any, at: Any) -> Any:
        with_commit.append(records.course.id)
        return before(session, records, at)

    monkeypatch.setattr(projection, "_keep", keep)
    monkeypatch.setattr(import_writing, "AT_ONCE", 120)
    take(40)
    assert with_commit == []


@both_databases
def test_a_donor_of_more_than_a_piece_and_a_later_write_are_judged_whole(session, take, monkeypatch, team):
    """Of a donor with more records than are kept in memory the others are judged with the commit."""
    monkeypatch.setattr(import_writing, "AT_ONCE", 20)
    monkeypatch.setattr(projection, "TOGETHER", 3)
    monkeypatch.setattr(projection, "OF_ONE_DONOR", 2)
    take(24)
    assert list(disagreements(session, clock.now())) == []
    courses = set(session.scalars(select(Treatment.id)))
    assert set(session.scalars(select(CourseLine.treatment_id))) == courses
    donor = session.scalars(select(Donor).where(Donor.donor_number == "D-1")).one()
    set_actor(session, team.quality.id)
    session.add(donor.amend(by=team.quality, at=clock.now(), reason="Letter of the register", cmv="absent"))
    session.commit()
    assert list(disagreements(session, clock.now())) == []
    assert set(session.scalars(select(CourseLine.treatment_id))) == courses
