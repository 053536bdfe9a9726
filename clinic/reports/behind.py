"""The records behind a figure: what each one is, whose, when, and where its page is."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import url_for
from sqlalchemy import select

from clinic import clock, wording
from clinic.administration.models import Administration, BedsideCheck
from clinic.consent.models import Consent
from clinic.eligibility.models import Eligibility
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit, PlannedVisit
from clinic.harvest.models import Harvest
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.release.models import Release
from clinic.release.results import QCResult
from clinic.reports.source_audits import SourceCheck
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sqlalchemy.orm import Session

PAGE = 100


class Kind(NamedTuple):
    """One kind of record in a list: its model, the page that shows it, what names the row there, and when it was."""

    model: type[Any]
    endpoint: str
    key: str
    names: str = "id"
    when: str = "performed_at"
    course: str = "treatment_id"


KINDS = {
    one.model.KIND: one
    for one in (
        Kind(Treatment, "pathway.course", "treatment_id", course="id"),
        Kind(Patient, "pathway.patient", "patient_id", when="recorded_at", course=""),
        Kind(Donor, "donors.show", "donor_id", when="recorded_at", course=""),
        Kind(Consent, "consent.show", "consent_id", course="patient"),
        Kind(Eligibility, "eligibility.show", "eligibility_id"),
        Kind(Harvest, "harvest.show", "harvest_id"),
        Kind(ProcessingRun, "processing.show", "run_id"),
        Kind(Product, "products.show", "product_id"),
        Kind(QCResult, "release.result", "result_id", course="product"),
        Kind(Release, "release.release", "product_id", names="product_id", course="product"),
        Kind(Administration, "administration.show", "administration_id"),
        Kind(BedsideCheck, "administration.check", "check_id"),
        Kind(PlannedVisit, "followup.index", "treatment_id", names="treatment_id", when="due_on"),
        Kind(FollowUpVisit, "followup.show", "visit_id"),
        Kind(AdverseEvent, "events.show", "event_id"),
        Kind(SourceCheck, "source_audits.show", "audit_id", names="audit_id"),
    )
}


class Behind(NamedTuple):
    """One record behind a figure, as the list shows it."""

    id: str
    url: str
    noun: str
    when: str
    patient: str
    patient_url: str
    patient_id: str | None = None


class Page(NamedTuple):
    """One page of records: which of how many, and the pages before and after (None: there is none)."""

    rows: list[Behind]
    first: int
    count: int
    before: int | None
    after: int | None

    @property
    def turns(self) -> list[int]:
        """The numbers of the pages around it."""
        return [turn for turn in (self.before, self.after) if turn is not None]


def page(session: Session, ids: Sequence[str], asked: str, zone: str) -> Page:
    """Return a page of records by its number, as an address says it; the first one where it says none."""
    last = max(1, -(-len(ids) // PAGE))
    number = min(max(int(asked), 1), last) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 1
    first = (number - 1) * PAGE
    rows = listed(session, ids[first : first + PAGE], zone)
    return Page(rows, first, len(ids), number - 1 if number > 1 else None, number + 1 if number < last else None)


def listed(session: Session, ids: Sequence[str], zone: str) -> list[Behind]:
    """Return some records in the order of their ids given, one statement for each kind of record among them."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for id_ in ids:
        by_kind[id_[:2]].append(id_)
    found: dict[str, Behind] = {}
    for kind, some in by_kind.items():
        found |= _of_kind(session, KINDS[kind], some, zone)
    return [found[id_] for id_ in ids if id_ in found]


def _of_kind(session: Session, kind: Kind, ids: list[str], zone: str) -> dict[str, Behind]:
    model = kind.model
    columns = [model.id, getattr(model, kind.names).label("named"), getattr(model, kind.when).label("at")]
    person = [Patient.id.label("patient_id"), Patient.family_name, Patient.given_names, Patient.record_number]
    if model is Patient:
        chosen = select(*columns, *person)
    elif kind.course == "patient":
        chosen = select(*columns, *person).join(Patient, Patient.id == model.patient_id)
    elif not kind.course:
        chosen = select(*columns)
    else:
        chosen = select(*columns, *person)
        course = model.treatment_id if kind.course == "treatment_id" else model.id
        if kind.course == "product":
            chosen = chosen.join(Product, Product.id == model.product_id)
            course = Product.treatment_id
        if model is not Treatment:
            chosen = chosen.join(Treatment, Treatment.id == course, isouter=True)
        chosen = chosen.join(Patient, Patient.id == Treatment.patient_id, isouter=True)
    noun = getattr(model, "NOUN", "Planned visit")
    rows = session.execute(chosen.where(model.id.in_(ids))).mappings()
    return {row["id"]: _shown(row, kind, noun, zone) for row in rows}


def _shown(row: Any, kind: Kind, noun: str, zone: str) -> Behind:
    patient = row.get("patient_id")
    name = wording.person(row["family_name"], row["given_names"], row["record_number"]) if patient else ""
    named = row["named"]
    return Behind(
        row["id"],
        url_for(kind.endpoint, **{kind.key: named}),
        noun,
        _when(row["at"], zone),
        name,
        url_for("pathway.patient", patient_id=patient) if patient else "",
        patient,
    )


def _when(at: datetime | date | None, zone: str) -> str:
    if at is None:
        return "no date"
    return wording.day(clock.day(at, zone) if hasattr(at, "hour") else at)  # type: ignore[arg-type]
