"""By how many days the dates of each person are shifted in the research variant (rule 73).

One patient's days keep their distances, in every table of the clinic, and tell no day of the calendar. How far they are
shifted follows from a secret of the clinic and the person, so that nothing has to be kept.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, select

from clinic.model import Model
from clinic.patients.donors import Donor
from clinic.patients.models import Patient

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

MOST_DAYS = 365
LEADS = (
    "patient_id", "treatment_id", "harvest_id", "run_id", "administration_id", "check_id", "visit_id", "plan_id",
    "product_id", "consent_id", "donor_id", "record_id",
)  # fmt: skip
"""What of a record leads to the person whom it is about, the shortest way first."""


def shifts_of(session: Session, ids: Sequence[str], secret: str) -> dict[str, timedelta]:
    """Return by how much the days of each record are shifted; one about nobody, such as a protocol, has none."""
    return {id_: _shift(person, secret) for id_, person in people_of(session, set(ids)).items()}


def _shift(person: str, secret: str) -> timedelta:
    drawn = hmac.new(secret.encode(), person.encode(), hashlib.sha256).digest()
    return timedelta(days=1 + int.from_bytes(drawn[:8], "big") % MOST_DAYS)


def people_of(session: Session, ids: set[str]) -> dict[str, str]:
    """Return the person whom each record is about: a patient, or a donor who is none."""
    found: dict[str, str] = {}
    by_kind: dict[str, set[str]] = defaultdict(set)
    for id_ in ids:
        by_kind[id_[:2]].add(id_)
    for kind, of_kind in by_kind.items():
        model = _kinds().get(kind)
        if model is Patient:
            found |= {id_: id_ for id_ in of_kind}
        elif model is not None:
            leads = _leads(session, model, of_kind)
            people = people_of(session, set(leads.values()))
            found |= {id_: people[next_] for id_, next_ in leads.items() if next_ in people}
            if model is Donor:
                found = {id_: id_ for id_ in of_kind} | found
    return found


def _leads(session: Session, model: Any, ids: Iterable[str]) -> dict[str, str]:
    """Return, for each record of one kind, the record that it leads to first; nothing where it leads nowhere."""
    columns = [getattr(model, name) for name in leading(model)]
    if not columns:
        return {}
    rows = session.execute(select(model.id, *columns).where(model.id.in_(ids))).all()
    firsts = {row[0]: next((one for one in row[1:] if one), None) for row in rows}
    return {id_: first for id_, first in firsts.items() if first is not None}


@cache
def leading(model: Any) -> tuple[str, ...]:
    """Return which columns of a kind of record lead to the person, the shortest way first."""
    kept = {attribute.key for attribute in inspect(model).column_attrs}
    return tuple(name for name in LEADS if name in kept)


@cache
def _kinds() -> dict[str, Any]:
    models = (mapper.class_ for mapper in Model.registry.mappers)
    return {model.KIND: model for model in models if issubclass(model, Model)}
