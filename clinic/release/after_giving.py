"""What was found in cells after a patient got them, for the band on every page about the patient (rule 43, K7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import object_session

from clinic import clock, wording
from clinic.patients.models import Patient
from clinic.products.models import Movement, Product, family
from clinic.protocols.catalogues import QC_TESTS
from clinic.release.results import QCResult
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

BAD = or_(*(
    and_(QCResult.test == key, QCResult.outcome != test.usual)
    for key, test in QC_TESTS.items()
    if test.shared and test.outcomes is not None and test.usual is not None
))  # fmt: skip
"""A result with another outcome than the good one, of a test that is true of all cells that it shares."""


def bad_in_given(patient: Patient) -> Any:
    """Return, as part of a query, the id of the first bad result in what a patient got or what shares cells with it."""
    session = object_session(patient)
    dialect = session.get_bind().dialect.name if session is not None else "sqlite"
    courses = select(Treatment.id).join(Patient, Patient.id == Treatment.patient_id)
    mine = courses.where(
        or_(
            Patient.id == patient.id,
            and_(Patient.person_id.is_not(None), Patient.person_id == (patient.person_id or patient.id)),
            Patient.id == (patient.person_id or patient.id),
        )
    )
    given = select(Movement.product_id).where(Movement.product_id == Product.id, Movement.kind == "given").exists()
    got = family(Product.treatment_id.in_(mine) & given, dialect)
    return (
        select(QCResult.id)
        .where(QCResult.product_id.in_(got), BAD)
        .order_by(QCResult.recorded_at, QCResult.id)
        .limit(1)
        .scalar_subquery()
    )


def in_words(session: Session, result_id: str, zone: str) -> str:
    """Say what was found after cells were given, and what is done: “Growth found in cells that …”."""
    found = session.get(QCResult, result_id)
    if found is None:
        return ""
    day = wording.day(clock.day(found.recorded_at, zone))
    what = f"{found.headline()}{': ' if found.finding else ''}{found.finding or ''}"
    return (
        f"{what}, recorded {day}, in cells that this patient received or that share their origin. A physician assesses "
        "it and informs the patient (rule 43)."
    )
