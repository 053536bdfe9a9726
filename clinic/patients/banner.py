"""The patient's band: always the same facts, on every page about a patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import url_for
from sqlalchemy.orm import object_session

from clinic import clock, wording
from clinic.patients.lookalikes import lookalikes, warning
from clinic.patients.models import SEXES

if TYPE_CHECKING:
    from datetime import date

    from clinic.patients.models import Patient


@dataclass(frozen=True, kw_only=True)
class Band:
    """What the band shows; two identifiers at least, the allergy always."""

    url: str
    print_url: str
    display_name: str
    is_synthetic: bool
    allergy_status: str
    allergies: str
    allergies_asked_on: date | None
    birth_date: date | None
    age_text: str
    sex_label: str
    record_number: str
    chain_of_identity: str
    weight_text: str
    alerts: list[str]


def band(patient: Patient, zone: str, *, chain_of_identity: str = "", alike: str | None = None) -> Band:
    """Return the band of a patient for a page that is made now.

    ``alike`` warns of a similar name or the same birth date (rule 11); left out, the site's patients are asked, by
    one bounded query, and those of whom an alert warns already are not named twice.
    """
    at = clock.now()
    today = clock.day(at, zone)
    weight = patient.weight_at(at)
    weighed = wording.day(clock.day(weight.performed_at, zone)) if weight and weight.performed_at else ""
    standing = [alert for alert in patient.alerts if alert.shown_on(today)]
    if alike is None:
        session, named = object_session(patient), {alert.about_id for alert in standing}
        alike = warning([other for other in lookalikes(session, patient) if other.id not in named]) if session else ""
    return Band(
        url=url_for("pathway.patient", patient_id=patient.id),
        print_url=url_for("pathway.patient_print", patient_id=patient.id),
        display_name=patient.display_name,
        is_synthetic=patient.is_synthetic,
        allergy_status=patient.allergy_status,
        allergies=patient.allergies or "",
        allergies_asked_on=patient.allergies_asked_on,
        birth_date=patient.birth_date,
        age_text=patient.age_text(today),
        sex_label=SEXES.get(patient.sex or "", "not known"),
        record_number=patient.record_number or "",
        chain_of_identity=chain_of_identity,
        weight_text=f"{wording.kilograms(weight.kg)}, {weighed}" if weight and weighed else "",
        alerts=[alert.text for alert in standing] + ([alike] if alike else []),
    )
