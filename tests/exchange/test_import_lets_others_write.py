"""An import does not stop the clinic: others write while it is judged, and it is judged again where that matters."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic import clock
from clinic.demo import builder
from clinic.errors import RuleBroken
from clinic.exchange import import_writing, importing
from clinic.exchange.batches import ImportBatch, ImportedRow
from clinic.exchange.import_course import History
from clinic.exchange.mapping import Mapping, Target
from clinic.followup.models import FollowUpVisit, OutcomeScore
from clinic.ledger.listener import set_actor, state_of
from clinic.ledger.models import LedgerEntry, canonical, digest
from clinic.ledger.verify import verify
from clinic.pathway.sweeping import disagreements
from clinic.patients.donors import Donor
from clinic.patients.models import Patient, Weight
from clinic.reading import reading, to_write
from clinic.records import Origin
from clinic.treatments.models import Treatment
from tests.databases import both_databases
from tests.exchange.test_importing import WIDE
from tests.factories import patient, team_of

if TYPE_CHECKING:
    from collections.abc import Callable

HEADINGS = "number,weight_g,volume,cd34,given,ml,endotoxin,relapse,event,grade"
ROWS = [
    f"N-{number},20000,100,120,2020-05-{number:02} 10:00,50,<0.05,{'yes' if number % 2 else 'no'},Fever,2"
    for number in range(1, 10)
]
SCORES = "n,course,visit,on,spo2"


@pytest.fixture
def beside(monkeypatch) -> Callable[..., list[str]]:
    """Do something whenever an import judges; the list that comes back tells how often it did."""

    def hook(act: Callable[[], Any], place: Any = import_writing, name: str = "judge") -> list[str]:
        told, before = list[str](), getattr(place, name)

        def acting(*args: Any, **more: Any) -> Any:
            told.append(name)
            act()
            return before(*args, **more)

        monkeypatch.setattr(place, name, acting)
        return told

    return hook


@pytest.fixture
def take(session, children, table) -> Callable[..., importing.Report]:
    """Import as the command does: the session only reads until the import is written."""
    session.commit()

    def run(*rows: str, mapping: Any = None, dry_run: bool = False) -> importing.Report:
        said = mapping or table(WIDE, name="map.toml")
        kind, head = (mapping.kind, SCORES) if mapping else ("courses", HEADINGS)
        session.rollback()
        with reading():
            report = importing.run(
                session, kind, table(head, *rows), said, session.merge(children.coordinator), clock.now(), dry_run
            )
            if report.refused or dry_run:
                session.rollback()
            else:
                session.commit()
        return report

    return run


def written_beside(engine: Any, act: Callable[[Session, Any], Any]) -> None:
    """Write on a connection of its own, which waits for nobody for long."""
    with to_write(), Session(engine) as other:
        people = team_of(other, "north")
        set_actor(other, people.nurse.id)
        act(other, people)
        other.commit()


def weighed(record_number: str) -> Callable[[Session, Any], Any]:
    def act(other: Session, people: Any) -> None:
        one = other.scalars(select(Patient).where(Patient.record_number == record_number)).one()
        builder.weigh(people, one, clock.now(), Decimal(70))

    return act


def registered(record_number: str) -> Callable[[Session, Any], Any]:
    return lambda _other, people: patient(people, record_number=record_number)


def count(session: Session, model: type) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def agrees(session: Session) -> None:
    """Everything proves, is the content that its hash is of, and is judged as what is stored says."""
    assert verify(session) == []
    assert list(disagreements(session, clock.now())) == []
    for entry in session.scalars(select(LedgerEntry)):
        assert digest(entry.content()) == entry.hash


@both_databases
@pytest.mark.rule(69)
def test_others_write_while_the_rows_are_made_and_judged(session, engine, take, beside, children):
    patient(children, record_number="HERE")
    session.commit()
    made = beside(lambda: written_beside(engine, weighed("HERE")), History, "build")
    judged = beside(lambda: written_beside(engine, weighed("HERE")))
    assert not take(*ROWS).refused
    assert (len(made), len(judged)) == (len(ROWS), 1)
    assert (count(session, Treatment), count(session, ImportedRow)) == (len(ROWS), len(ROWS))
    assert session.scalars(select(Patient.search_text).where(Patient.record_number == "N-1")).one()
    agrees(session)


def test_what_is_written_is_what_a_flush_writes(session, take):
    take(*ROWS)
    for entry in session.scalars(select(LedgerEntry).where(LedgerEntry.reason.startswith("Import of"))):
        model = import_writing.models()[entry.record]
        assert canonical(state_of(session.get(model, entry.record_id))) == canonical(entry.after)


@pytest.mark.rule(70)
def test_who_is_registered_meanwhile_is_not_imported_once_more(session, engine, take, beside):
    judged = beside(lambda: count(session, Patient) or written_beside(engine, registered("N-3")))
    report = take(*ROWS)
    assert [(one.row, one.value) for one in report.problems] == [(4, "N-3")]
    assert (len(judged), count(session, Patient), count(session, ImportBatch)) == (1, 1, 0)


def test_who_is_overtaken_each_time_is_judged_alone_at_last(session, engine, take, beside):
    numbers = iter("ABC")
    judged = beside(lambda: (one := next(numbers, "")) and written_beside(engine, registered(one)))
    assert not take(*ROWS).refused
    assert len(judged) == importing.TRIES + 1
    agrees(session)


@pytest.fixture
def scores() -> Mapping:
    targets = {
        "n": "patient.record_number", "visit": "visit.name", "on": "visit.performed_at", "spo2": "score.spo2",
    }  # fmt: skip
    columns = {name: (Target(to=target),) for name, target in targets.items()}
    return Mapping(kind="scores", source="A register", reason="not in it", columns=columns, ignored={"course": "-"})


@pytest.mark.parametrize(("whose", "times"), [("N-2", 2), ("N-9", 1)])
def test_only_what_the_rows_rest_on_has_them_judged_again(session, engine, take, beside, scores, whose, times):
    take(*ROWS)
    once = iter([whose])
    judged = beside(lambda: (one := next(once, "")) and written_beside(engine, weighed(one)))
    report = take("N-1,,Month 6,2020-11-01,97", "N-2,,Month 6,2020-11-01,96", mapping=scores)
    assert not report.refused, report.sentences()
    assert (len(judged), count(session, FollowUpVisit)) == (times, len(ROWS) + 2)
    agrees(session)


def test_what_several_pieces_of_a_table_share_is_judged_with_the_commit(session, take, scores, monkeypatch, table):
    monkeypatch.setattr(import_writing, "AT_ONCE", 12)
    shared = WIDE.replace('"donor.donor_number" = "D-"', "").replace("[numbered]", "").replace(
        "[columns]", '[columns]\ndonor = { to = "donor.donor_number" }'
    )  # fmt: skip
    table(shared, name="map.toml")
    monkeypatch.setitem(globals(), "WIDE", shared)
    monkeypatch.setitem(globals(), "HEADINGS", f"{HEADINGS},donor")
    report = take(*(f"{row},D-{number % 2}" for number, row in enumerate(ROWS)))
    assert not report.refused, report.sentences()
    assert count(session, Donor) == 2
    monkeypatch.setattr(import_writing, "AT_ONCE", 2)
    rows = (f"N-{n},,Month {month},2020-{month + 5:02}-01,97" for month in (1, 2, 3) for n in range(1, 5))
    assert not take(*rows, mapping=scores).refused
    assert count(session, OutcomeScore) == len(ROWS) + 12
    agrees(session)


@pytest.mark.hazard("H20")
def test_an_import_that_ends_in_the_middle_leaves_nothing(session, take, monkeypatch):
    monkeypatch.setattr(import_writing, "AT_ONCE", 20)
    pieces = iter([1, 2])

    def cut(*_args: Any) -> None:
        if next(pieces) > 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(import_writing, "keep", cut)
    entries = count(session, LedgerEntry)
    with pytest.raises(KeyboardInterrupt):
        take(*ROWS)
    session.rollback()
    assert [count(session, one) for one in (Patient, Weight, ImportBatch, ImportedRow)] == [0, 0, 0, 0]
    assert count(session, LedgerEntry) == entries
    agrees(session)


@pytest.mark.rule(69)
@pytest.mark.parametrize("dry_run", [True, False])
def test_what_the_judgement_refuses_is_told_by_its_row(session, take, monkeypatch, dry_run):
    def refuse(_session: Any, rows: Any, *_args: Any, only: frozenset[str] = frozenset()) -> None:
        bad = {one["id"] for model, one in rows if model is Patient and one["record_number"] == "N-4"}
        if not only or bad & only:
            raise RuleBroken("The thaw is before the freezing.")

    monkeypatch.setattr(import_writing, "judge", refuse)
    report = take(*ROWS, dry_run=dry_run)
    assert [(one.row, one.expected) for one in report.problems] == [(5, "The thaw is before the freezing.")]
    assert count(session, Patient) == 0


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_only_the_database_refuses_is_told_by_its_row(session, take, monkeypatch, dry_run):
    before = History.build

    def build(self: History, kind: str) -> None:
        before(self, kind)
        if self.row == 3:
            self.records[0].origin = Origin.CLINIC  # whose record number alone is known

    monkeypatch.setattr(History, "build", build)
    report = take(*ROWS, dry_run=dry_run)
    assert [one.row for one in report.problems] == [3]
    assert "facts that fit together: CHECK" in report.problems[0].expected
    assert count(session, Patient) == 0
