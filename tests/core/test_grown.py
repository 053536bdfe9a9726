"""A grown clinic: its ledger agrees, and what was changed in a copied row is named."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session

from clinic import clock
from clinic.extensions import prepare
from clinic.judged_lines import ProductLine
from clinic.ledger import structure
from clinic.ledger.models import LedgerEntry
from clinic.ledger.verify import verify
from clinic.pathway.sweeping import disagreements
from clinic.patients.models import Patient
from clinic.products.models import Product
from tests.demonstration import GROWN

if TYPE_CHECKING:
    from pathlib import Path


def opened(file: Path) -> Session:
    engine = create_engine(f"sqlite:///{file}")
    prepare(engine)
    return Session(engine)


def test_the_ledger_of_a_grown_clinic_agrees_with_its_rows_and_stored_lines(grown):
    with opened(grown) as session:
        assert session.scalar(select(func.count()).select_from(Patient)) >= GROWN
        assert verify(session) == []
        assert list(disagreements(session, clock.now())) == []
        assert not session.execute(text("PRAGMA foreign_key_check")).all()
        lacking = select(func.count()).select_from(Product).where(Product.id.not_in(select(ProductLine.product_id)))
        assert session.scalar(lacking) == 0


def test_the_indexes_of_a_grown_clinic_are_all_there_again(grown, demonstration):
    indexes = text("SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name")
    with opened(grown) as session:
        assert session.scalars(indexes).all() == demonstration.scalars(indexes).all()
        assert [fault for fault in structure.problems(session) if "trigger" not in str(fault)] == []


def test_what_was_changed_in_a_copied_row_is_named(grown, tmp_path):
    file = tmp_path / "changed.db"
    shutil.copy(grown, file)
    with opened(file) as session:
        number = session.scalar(select(func.max(LedgerEntry.number)).where(LedgerEntry.record == "release"))
        forged = text("UPDATE ledger_entry SET actor_id = 'US-NOBODY000' WHERE record = 'release' AND number = :number")
        session.execute(forged, {"number": number})
        person = session.scalar(select(Patient.id).where(Patient.record_number.like("G-%")).limit(1))
        session.execute(text("UPDATE patient SET family_name = 'Other' WHERE id = :id"), {"id": person})
        session.commit()
        found = [str(fault) for fault in verify(session)]
        assert [f"entry {number}," in said for said in found].count(True) == 1
        assert any(said.startswith(f"patient {person}, family_name") for said in found)
        assert len(found) == 2
