"""An import is a batch: kept with its file, twice the same changes nothing, taken back while nobody built on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from clinic import clock
from clinic.errors import RuleBroken
from clinic.exchange import batches, import_undo, importing
from clinic.exchange.batches import ImportBatch, ImportedRow
from clinic.ledger.listener import set_actor
from clinic.ledger.models import LedgerEntry
from clinic.ledger.verify import verify
from clinic.model import Model
from clinic.patients.models import Alert, Patient
from clinic.treatments.models import Treatment
from tests.exchange.test_import_given import GIVEN, ago
from tests.exchange.test_import_refuses import take, ward
from tests.exchange.test_importing import HEADINGS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["take", "ward"]


def rows(session) -> dict[str, int]:
    """How many rows each kind of record has."""
    kinds = {m.class_ for m in Model.registry.mappers if hasattr(m.class_, "origin")}
    return {kind.__name__: session.scalar(select(func.count()).select_from(kind)) for kind in kinds}


def of_file(session, team, file, at=None):
    report = importing.run(session, "patients", file, None, team.coordinator, at or clock.now(), dry_run=False)
    session.commit()
    return report


@pytest.fixture
def people(table) -> Callable[..., Any]:
    return lambda *numbers: table(HEADINGS, *(f"A-{n},Name{n},Given,1970-01-0{n},female,none_known" for n in numbers))


def test_a_batch_keeps_its_file_its_mapping_and_what_each_row_became(session, team, people):
    file = people(1, 2)
    report = of_file(session, team, file)
    batch = session.scalars(select(ImportBatch)).one()
    assert (batch.file, batch.sha256, batch.rows) == ("table.csv", batches.hash_of(file), 2)
    assert batch.made == {"Patient": 2}
    assert batch.imported_by_id == team.coordinator.id
    assert "patient.family_name" in str(batch.mapping)
    assert report.batch == batch.id
    assert batch.id in report.sentences()[-1]
    became = {one.row: one.records for one in session.scalars(select(ImportedRow))}
    numbers = {one.id: one.record_number for one in session.scalars(select(Patient))}
    assert {row: [numbers[one] for one in ids] for row, ids in became.items()} == {2: ["A-1"], 3: ["A-2"]}
    entry = session.scalars(select(LedgerEntry).where(LedgerEntry.record_id == batch.id)).one()
    assert entry.after["sha256"] == batch.sha256


def test_the_same_file_twice_changes_nothing_and_says_so(session, team, people):
    of_file(session, team, people(1))
    before = rows(session)
    again = of_file(session, team, people(1))
    assert not again.refused
    assert "was imported before" in again.sentences()[0]
    assert "Nothing was changed" in again.sentences()[0]
    assert rows(session) == before


def test_a_file_that_has_grown_adds_its_new_rows_alone(session, team, people):
    of_file(session, team, people(1))
    report = of_file(session, team, people(1, 2))
    assert not report.refused, report.sentences()
    assert report.made == {"Patient": 1}
    assert "1 row was imported before" in report.sentences()[-1]
    changed = people(1, 2)
    changed.write_text(changed.read_text().replace("Name1", "Other"))
    assert "never changes a patient" in str(of_file(session, team, changed).problems[0])


def test_a_batch_is_taken_back_whole_and_the_ledger_keeps_it(ward, take):
    session = ward.session
    before = rows(session)
    report = take(
        {**GIVEN, "administration.performed_at": ago(5), "visit.v1.performed_at": ago(2), "visit.v1.made": "made"}
    )
    assert not report.refused, report.sentences()
    batch = session.scalars(select(ImportBatch)).one()
    ids = import_undo.records_of(session, batch)
    import_undo.take_back(session, batch, by=ward.team.coordinator, at=clock.now(), reason="The wrong table")
    session.commit()
    assert rows(session) == before
    assert verify(session) == []
    removed = session.scalars(select(LedgerEntry).where(LedgerEntry.act == "delete")).all()
    assert {entry.record_id for entry in removed} == {one for known in ids.values() for one in known}
    assert all("The wrong table" in entry.reason and entry.before for entry in removed)
    with pytest.raises(RuleBroken, match="taken back already"):
        import_undo.take_back(session, batch, by=ward.team.coordinator, at=clock.now(), reason="again")
    assert not take({**GIVEN, "administration.performed_at": ago(5)}).refused, "and may come in again"


def signed(ward):
    set_actor(ward.session, ward.team.physician.id)
    course = ward.session.scalars(select(Treatment)).one()
    ward.session.add(course.sign(by=ward.team.physician, at=clock.now()))
    return "signature"


def added(ward):
    set_actor(ward.session, ward.team.nurse.id)
    ward.session.add(
        Alert.log(by=ward.team.nurse, at=clock.now(), patient=ward.session.scalars(select(Patient)).one(), text="x")
    )
    return "alert"


def corrected(ward):
    set_actor(ward.session, ward.team.nurse.id)
    ward.session.scalars(select(Patient)).one().amend(
        by=ward.team.nurse, at=clock.now(), reason="typing error", family_name="Quist-Berg"
    )
    return "changed the patient"


@pytest.mark.parametrize("build", [signed, added, corrected])
def test_what_somebody_built_on_is_not_taken_back(ward, take, build):
    assert not take({}).refused
    what = build(ward)
    ward.session.commit()
    batch, before = ward.session.scalars(select(ImportBatch)).one(), rows(ward.session)
    with pytest.raises(RuleBroken) as refused:
        import_undo.take_back(ward.session, batch, by=ward.team.coordinator, at=clock.now(), reason="wrong")
    assert what in str(refused.value)
    assert "Dr I. Novak" in str(refused.value) or "Nadia Rask" in str(refused.value)
    ward.session.rollback()
    assert rows(ward.session) == before
