"""The patient's banner: always the same facts, on every page about a patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import aliased, object_session

from clinic import clock, read_log, wording
from clinic.pages import zone
from clinic.patients.alert_changes import shown_in_band
from clinic.patients.lookalikes import lookalikes, warning
from clinic.patients.merging import others
from clinic.patients.models import SEXES, Patient
from clinic.protocols.models import ProtocolVersion

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from sqlalchemy.orm import Session


@dataclass(frozen=True, kw_only=True)
class RunningCells:
    """Cells that run into the patient: which and since when, their page, why they are to be stopped, and where."""

    what: str
    url: str
    stop: list[str]
    stop_url: str


CELLS_RUNNING: list[tuple[Callable[[Any, Any, str], Any], Callable[[Session, Any], list[RunningCells]]]] = []
"""What a room above adds: a part of the band's one query, and what is told of what that found."""


@dataclass(frozen=True, kw_only=True)
class Banner:
    """What the banner shows; two identifiers at least, the allergy always."""

    url: str
    print_url: str
    display_name: str
    is_synthetic: bool
    allergy_status: str | None
    allergies: str
    allergies_asked_on: date | None
    birth_date: date | None
    birth_precision: str
    age_text: str
    sex_label: str
    record_number: str
    chain_of_identity: str
    weight_text: str
    alerts: list[str]
    consent_withdrawn: str
    found_since: list[str]
    """What was found in cells after this patient got them (rule 43)."""
    same_person: list[tuple[str, str]]
    """Record number and address of the other records that are confirmed to be this person's."""
    running: list[RunningCells]

    @property
    def to_stop(self) -> list[RunningCells]:
        """The cells that run into the patient and are to be stopped."""
        return [one for one in self.running if one.stop]


RELATED = ("product", "run", "plan", "consent", "patient", "relative_of", "donor")
"""The relations along which a row that is no course's leads to a patient."""


def patient_banner(row: Any, *, alike: str | None = None) -> Banner | None:
    """Return the banner of the patient whom a row is about: a patient, a course, or any record of either.

    None where the row is about no patient, such as banked cells. ``alike`` warns of a similar name or the same birth
    date (rule 11); left out, the site's patients are asked, by one bounded query, and those of whom an alert warns
    already are not named twice.
    """
    patient, chain_of_identity = _subject(row)
    return None if patient is None else _banner(patient, zone(), chain_of_identity, alike)


def patient_of(row: Any) -> Patient | None:
    """Return the patient whom a row is about: of a patient, a course, or any record of either."""
    return _subject(row)[0]


def _subject(row: Any) -> tuple[Patient | None, str]:
    """Return the patient whom a row is about, and the chain of identity of the course where it is of one."""
    if row is None or isinstance(row, Patient):
        return row, ""
    if hasattr(row, "chain_of_identity"):
        return row.patient, row.chain_of_identity
    if hasattr(row, "treatment"):
        return _subject(row.treatment)
    found = (getattr(row, name, None) for name in RELATED)
    return _subject(next((related for related in found if related is not None), None))


@cache
def _beside(dialect: str) -> tuple[Any, ...]:
    """Return what the band's one query selects beside the names, built once: see `lookalikes`."""
    patient_id, person_id = bindparam("patient_id"), bindparam("person_id")
    asked = [ask for ask, _words in [*Patient.warned_by, *CELLS_RUNNING]]
    return (_withdrawn_at(patient_id), *(ask(patient_id, person_id, dialect) for ask in asked))


def _withdrawn_at(patient_id: Any) -> Any:
    """Return, as part of a query, when consent to a treatment was last withdrawn and not given again since.

    Consents lie in a room above this one; they are reached by the patient's relation to them.
    """
    consent, version = Patient.consents.property.mapper.class_, ProtocolVersion
    gone = consent.withdrawal.property.mapper.class_
    again, later = aliased(consent), aliased(version)
    renewed = (
        select(again.id)
        .outerjoin(gone_of_it := aliased(gone), gone_of_it.consent_id == again.id)
        .outerjoin(later, later.id == again.protocol_version_id)
        .where(
            again.patient_id == patient_id, again.scope == "treatment", gone_of_it.id.is_(None),
            or_(
                again.performed_at > gone.performed_at,
                and_(again.performed_at == gone.performed_at, again.recorded_at > gone.recorded_at),
            ),
            later.protocol_id == version.protocol_id,
        )
        .correlate(gone, version)
    )  # fmt: skip
    return (
        select(func.max(gone.performed_at))
        .join(consent, consent.id == gone.consent_id)
        .outerjoin(version, version.id == consent.protocol_version_id)
        .where(consent.patient_id == patient_id, consent.scope == "treatment", ~renewed.exists())
        .scalar_subquery()
    )


def _banner(patient: Patient, place: str, chain_of_identity: str, alike: str | None) -> Banner:
    read_log.view(patient.id)
    at = clock.now()
    today = clock.day(at, place)
    weight = patient.weight_at(at)
    weighed = wording.day(clock.day(weight.performed_at, place)) if weight and weight.performed_at else ""
    session = object_session(patient)
    same = [patient, *(others(session, patient) if session else [])]
    standing = [alert for one in same for alert in one.alerts if alert.shown_on(today)]
    told = [alert for one in same for alert in one.alerts if alert.about_id not in {other.id for other in same}]
    named = {alert.about_id for alert in standing} | {one.id for one in same}
    beside = _beside(session.get_bind().dialect.name if session else "sqlite")
    similar, (gone_at, *known) = lookalikes(session, patient, beside) if session else ([], [None] * len(beside))
    warned = len(Patient.warned_by)
    since = [
        words(session, one, place)
        for one, (_ask, words) in zip(known[:warned], Patient.warned_by, strict=True)
        if one and session is not None
    ]
    running = [
        cells
        for one, (_ask, told) in zip(known[warned:], CELLS_RUNNING, strict=True)
        if one and session is not None
        for cells in told(session, one)
    ]
    if alike is None:
        alike = warning([other for other in similar if other.id not in named])
    allergies = list(dict.fromkeys(one.allergies for one in same if one.allergies))
    return Banner(
        url=url_for("pathway.patient", patient_id=patient.id),
        print_url=url_for("pathway.patient_print", patient_id=patient.id),
        display_name=patient.display_name,
        is_synthetic=patient.is_synthetic,
        allergy_status="present" if allergies else patient.allergy_status,
        allergies="; ".join(allergies),
        allergies_asked_on=patient.allergies_asked_on,
        birth_date=patient.birth_date,
        birth_precision=patient.precision_of("birth_date"),
        age_text=patient.age_text(today),
        sex_label=SEXES.get(patient.sex or "", "not known"),
        record_number=patient.record_number or "",
        chain_of_identity=chain_of_identity,
        weight_text=f"{wording.kilograms(weight.kg)}, {weighed}" if weight and weighed else "",
        consent_withdrawn=wording.short_day(clock.day(gone_at, place)) if gone_at else "",
        found_since=[text for text in since if text],
        running=running,
        alerts=[text for alert in told for text in shown_in_band(alert, today)] + ([alike] if alike else []),
        same_person=[(one.record_number or one.id, url_for("pathway.patient", patient_id=one.id)) for one in same[1:]],
    )
