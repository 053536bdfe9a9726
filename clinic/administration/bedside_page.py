"""What the bedside pages show besides the records: both sides of a reading, times, what is still to measure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import select

from clinic import wording
from clinic.administration.models import dose_in
from clinic.administration.scanning import read_wristband
from clinic.consent.models import valid
from clinic.fields import plain
from clinic.patients.models import RHD, Patient
from clinic.protocols.catalogues import DOSE_MEASURES, ROUTES, within
from clinic.release.models import decisions
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.administration.models import Administration, BedsideCheck
    from clinic.course_records import CourseRecords


def pairs(session: Session, check: BedsideCheck) -> list[tuple[str, str, str, bool]]:
    """Return fact, wristband's value, bag's value and whether they are the same, as both people read them aloud."""
    worn = read_wristband(check.patient_scan)
    wearer, chain = None, ""
    if worn.patient_id:
        wearer = session.scalar(select(Patient).where(Patient.id == worn.patient_id))
        chain = (
            check.treatment.chain_of_identity if wearer is not None and wearer.id == check.treatment.patient_id else ""
        )
    elif worn.chain_of_identity:
        course = session.scalar(select(Treatment).where(Treatment.chain_of_identity == worn.chain_of_identity))
        wearer, chain = (course.patient if course else None), worn.chain_of_identity
    owned = check.product.treatment if check.product is not None else None
    facts = ("Name", "Born", "Record number", "Blood group")
    left, right = _said(wearer), _said(owned.patient if owned else None)
    rows = [
        (fact, left[n], right[n], left[n] == right[n] and left[n] != "not known")
        for n, fact in enumerate(facts)
        if not (fact == "Blood group" and left[n] == right[n] == "not known")
    ]
    bag = owned.chain_of_identity if owned else "not known"
    if worn.patient_id and not chain:  # another person's wristband: it names no chain to compare
        return rows
    return [*rows, ("Chain of identity", _grouped(chain) or "not known", _grouped(bag), bool(chain) and chain == bag)]


def _said(patient: Patient | None) -> tuple[str, str, str, str]:
    if patient is None:
        return ("not known", "not known", "not known", "not known")
    born = wording.day(patient.birth_date, patient.precision_of("birth_date")) if patient.birth_date else "not known"
    group = f"{patient.abo} {RHD.get(patient.rhd or '', '')}".strip() if patient.abo else "not known"
    return (patient.display_name, born, patient.record_number or "not known", group)


def _grouped(code: str) -> str:
    return f"{code[:5]} {code[5:7]} {code[7:]}" if len(code) == 13 else code


def big_three(check: BedsideCheck, at: datetime) -> list[dict[str, Any]]:
    """Return what is read from the door: the dose, volume and route, the time that is left."""
    product, course = check.product, check.treatment
    if product is None:
        return []
    measure = DOSE_MEASURES.get(product.measure or "")
    per_kg = next((line["left"] for line in check.evidence if line["check"] == "Dose"), "")
    route = within(ROUTES[course.route or ""].label) if course.route in ROUTES else ""
    amount = (
        f"{plain(dose_in(product, product.volume).normalize())} {measure.unit}"
        if measure and product.volume
        else "not counted"
    )
    found = [
        {
            "label": "Give",
            "value": amount,
            "small": within(measure.label) if measure else "",
            "note": per_kg,
            "due": None,
        },
        {
            "label": "Volume and route",
            "value": f"{plain(product.volume)} mL",
            "small": route,
            "note": "the whole container",
            "due": None,
        },
    ]
    limit = course.says.expiry.thaw_minutes
    end, label = product.expires_at, "Time left"
    if product.thawed_at is not None and limit:
        end, label = product.thawed_at + timedelta(minutes=limit), "Time left after thaw"
    if end is None:
        return [*found, {"label": "Use before", "value": "no end", "small": "", "note": "", "due": None}]
    return [*found, {"label": label, "value": _left(end - at), "small": "", "note": "", "due": end, "over": end <= at}]


def _left(span: timedelta) -> str:
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes >= 48 * 60:
        return f"{minutes // 1440} d"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def times(given: Administration) -> list[tuple[str, datetime, str]]:
    """Return thaw, hand-over, start and end that are known, each with the minutes since the one before."""
    known = [
        (label, moment)
        for label, moment in (
            ("Thawed", given.product.thawed_at),
            ("Handed over", given.handed_over_at),
            ("Start", given.performed_at),
            ("End", given.ended_at),
        )
        if moment is not None
    ]
    told, before = [], None
    for label, moment in known:
        told.append(
            (label, moment, f"+ {int((moment - before).total_seconds() // 60)} min" if before is not None else "")
        )
        before = moment
    return told


def rested_on(records: CourseRecords, given: Administration) -> list[tuple[str, str, str, str, bool]]:
    """Return what the giving rested on: what, its words, who and when, where it is shown, as it should be.

    A release under a condition or by exception stays marked here (hazard H26).
    """
    at, found = given.performed_at, []
    if at is None:
        return []
    taken = [one for one in decisions(records, given.product) if one.performed_at and one.performed_at <= at]
    if taken:
        release = taken[-1]
        plainly = release.decision == "conforms"
        words = release.headline() if plainly or not release.reason else f"{release.headline()}. {release.reason}"
        to = url_for("release.release", product_id=given.product_id)
        found.append(("Release", words, release, to, plainly))
    consent = valid(records, at)
    if consent is not None:
        to = url_for("consent.show", consent_id=consent.id)
        found.append(("Consent", consent.headline(), consent, to, True))
    return [(what, words, _by(record), url, well) for what, words, record, url, well in found]


def _by(record: Any) -> str:
    who = record.performed_by.printed_name if record.performed_by else ""
    when = wording.moment(record.performed_at, record.recorded_by.site.zone) if record.performed_at else ""
    return ", ".join(part for part in (who, when) if part)
