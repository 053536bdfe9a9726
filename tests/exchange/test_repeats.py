"""A number that is known already: the report says which record it hits, and an undo says what it removed."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from clinic.exchange import import_undo
from clinic.exchange.batches import ImportBatch
from clinic.idempotency import new_key
from clinic.patients.models import Patient
from tests.exchange.test_import_refuses import take, ward
from tests.exchange.test_increments import known, more, score
from tests.factories import patient

__all__ = ["known", "more", "take", "ward"]


@pytest.mark.rule(70)
@pytest.mark.parametrize("written", ["É1", "e 1", "E-1", "E1"])
def test_a_record_number_that_is_known_here_says_which_record_it_hits(ward, take, written):
    other = patient(ward.team, record_number="E1")
    ward.session.commit()
    report = take({"patient.record_number": written})
    (fault,) = report.problems
    assert f"“{other.id}”" in fault.expected
    assert ("“E1”" in fault.expected) is (written != "E1")


@pytest.mark.rule(1)
def test_a_record_number_that_was_replaced_says_whose_it_was(ward, take):
    other = patient(ward.team, record_number="E1")
    other.amend(by=ward.team.nurse, at=other.recorded_at, reason="A typing error", record_number="E2")
    ward.session.commit()
    (fault,) = take({"patient.record_number": "É1"}).problems
    assert f"“{other.id}” (“E1”" in fault.expected
    assert "replaced" in fault.expected


def test_a_record_number_twice_in_a_table_says_in_which_row(ward, take):
    report = take({"patient.record_number": "E1"}, {"patient.record_number": "É1"})
    (fault,) = report.problems
    assert (fault.row, "row 2 has it (“E1”" in fault.expected) == (3, True)
    assert not ward.session.scalars(select(Patient).where(Patient.origin == "imported")).all()


def test_an_undo_says_what_was_removed_and_not_how_long_the_file_was(ward, known, more):
    first = [score(visit_name=f"Day {day}") for day in range(5)]
    more("scores", *first)
    more("scores", *first, score(visit_name="Day 9"))
    batch = ward.session.scalars(select(ImportBatch).order_by(ImportBatch.imported_at.desc(), ImportBatch.id)).first()
    assert (batch.rows, batch.skipped) == (6, 5)
    assert import_undo.removed(batch) == "1 follow-up visit, 1 score"
    browser = ward.browser("coordinator")
    assert "1 follow-up visit, 1 score, imported" in browser.get(f"/imports/{batch.id}/undo").text
    answer = browser.post(f"/imports/{batch.id}/undo", data={"reason": "Wrong", "idempotency_key": new_key()})
    assert "Removed: 1 follow-up visit, 1 score." in browser.get(answer.location).text
