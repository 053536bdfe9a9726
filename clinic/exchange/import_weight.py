"""What the records of a batch mean to those whose records stay: do they speak against giving, who relied on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.administration.models import Administration, BedsideCheck
from clinic.eligibility.models import Eligibility
from clinic.exchange.batches import PIECE
from clinic.followup.models import FollowUpVisit, OutcomeScore, PlannedVisit
from clinic.model import Model
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.record_kinds import keys_to, table_of
from clinic.records import Origin
from clinic.release.models import Release
from clinic.release.points import PERMITTING
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.orm import Session

    from clinic.exchange.batches import ImportBatch

Ids = dict[type[Any], list[str]]
PARENTS = ("patient", "donor", "product", "treatment")
HARMLESS = (FollowUpVisit, OutcomeScore, PlannedVisit)
"""Kinds that say nothing against giving, apart from a visit that tells of a death."""


def model_of(table: str) -> type[Any] | None:
    """Return the model of a table; None where there is none."""
    return next((m.class_ for m in Model.registry.mappers if table_of(m.class_) == table), None)


def hanging(session: Session, ids: Ids, kinds: Iterable[type[Any]] | None = None) -> dict[tuple[type[Any], str], str]:
    """Return the patients, donors, products and courses that stay and that records name, each with one of the records.

    ``kinds``: only records of some kinds.
    """
    gone = {one for known in ids.values() for one in known}
    found: dict[tuple[type[Any], str], str] = {}
    for kind in ids if kinds is None else kinds:
        names = [(model_of(table), name) for table in PARENTS for name in keys_to(kind).get(table, ())]
        for piece in _pieces(ids[kind]) if names else ():
            chosen = select(kind.id, *(getattr(kind, name) for _model, name in names)).where(kind.id.in_(piece))
            for own, *row in session.execute(chosen):
                named = ((model, one) for (model, _name), one in zip(names, row, strict=True) if model)
                found |= {(model, one): own for model, one in named if one and one not in gone}
    return found


def counts_for_others(session: Session, ids: Ids) -> bool:
    """Whether records of a batch can speak against giving cells to somebody whose own record stays.

    A dose, a reaction, a weight, a death or a result of theirs is then taken back by two people (rules 17, 23, 52).
    """
    if hanging(session, ids, [kind for kind in ids if kind not in HARMLESS]):
        return True
    visit = FollowUpVisit
    dead = select(visit.id).where(visit.alive.is_(False)).limit(1)
    return any(session.scalar(dead.where(visit.id.in_(piece))) for piece in _pieces(ids.get(visit, [])))


def rested_on(session: Session, batch: ImportBatch, ids: Ids) -> Iterator[tuple[type[Any], str, str]]:
    """Yield what let cells pass since a batch came in, where it judged somebody of whom the batch tells.

    A clear bedside check, a start, an eligibility or a release: the kind, its id, and the record of the batch that it
    rested on. What was refused let nothing pass, and is no reason to keep what was wrong.
    """
    told = hanging(session, ids)
    patients = {one: own for (model, one), own in told.items() if model is Patient}
    courses = {one: own for (model, one), own in told.items() if model is Treatment}
    products = {one: own for (model, one), own in told.items() if model is Product}
    courses |= dict(_leading(session, Product.treatment_id, Product.id, products))
    patients |= dict(_leading(session, Treatment.patient_id, Treatment.id, courses))
    persons = dict(_leading(session, Patient.person_id, Patient.id, patients))
    patients |= dict(_leading(session, Patient.id, Patient.person_id, persons))
    courses |= dict(_leading(session, Treatment.id, Treatment.patient_id, patients))
    products |= dict(_leading(session, Product.id, Product.treatment_id, courses))
    for kind, column, known, passed in (
        (BedsideCheck, BedsideCheck.treatment_id, courses, BedsideCheck.clear.is_(True)),
        (Administration, Administration.treatment_id, courses, Administration.origin == Origin.CLINIC),
        (Eligibility, Eligibility.treatment_id, courses, Eligibility.eligible.is_(True)),
        (Release, Release.product_id, products, Release.decision.in_(PERMITTING)),
    ):
        found = _leading(session, kind.id, column, known, passed, kind.recorded_at >= batch.imported_at)
        yield from ((kind, row_id, own) for row_id, own in found)


def _leading(session: Session, to: Any, of: Any, known: dict[str, str], *also: Any) -> Iterator[tuple[str, str]]:
    """Yield what the rows that name a known id lead to, with the record of the batch that made that id known."""
    for piece in _pieces(known):
        for found, named in session.execute(select(to, of).where(of.in_(piece), to.is_not(None), *also)):
            yield found, known[named]


def _pieces(ids: Iterable[str]) -> Iterator[list[str]]:
    wanted = list(ids)
    yield from (wanted[start : start + PIECE] for start in range(0, len(wanted), PIECE))
