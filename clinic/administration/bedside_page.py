"""What the bedside pages show besides the records: both sides of a reading, times, what is still to measure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import select

from clinic import clock, wording
from clinic.access import Role
from clinic.administration import bedside
from clinic.administration.amounts import dose_in
from clinic.administration.answers import question
from clinic.administration.placing import ordered_place
from clinic.administration.verdict import named, reasons_of
from clinic.consent.models import valid
from clinic.course_records import load
from clinic.fields import plain
from clinic.identifiers import parse_id
from clinic.patients.banner import patient_banner
from clinic.patients.models import RHD, Patient
from clinic.protocols.catalogues import DOSE_MEASURES, QC_TESTS, ROUTES, within
from clinic.record_display import address, opens
from clinic.release.carried import judged_results
from clinic.release.models import decisions, released
from clinic.release.results import QCResult, unmet
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from clinic.accounts.models import Site
    from clinic.administration.models import Administration, BedsideCheck
    from clinic.course_records import CourseRecords
    from clinic.patients.donors import Donor
    from clinic.products.models import Product

THAW_RULE = 54
OF_IDENTITY = {1, 3, 4, 8}
"""The rules that are about whose wristband and whose cells these are."""


def pairs(session: Session, check: BedsideCheck) -> list[tuple[str, str, str, bool | None]]:
    """Return fact, wristband's value, bag's value and whether they are the same, as both people read them aloud.

    None where one record says both: then people compare what is printed on wristband and bag with it.
    """
    worn = bedside.worn_by(session, check.patient_scan)
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
    facts = ("Name", "Born", "Record number")
    left, right = _said(wearer), _said(owned.patient if owned else None)
    one_record = wearer is not None and owned is not None and wearer.id == owned.patient_id
    rows: list[tuple[str, str, str, bool | None]] = [
        (fact, left[n], right[n], None if one_record else left[n] == right[n] and left[n] != "not known")
        for n, fact in enumerate(facts)
    ]
    bag = owned.chain_of_identity if owned else "not known"
    if worn.patient_id and not chain:  # another person's wristband: it names no chain to compare
        return rows
    return [*rows, ("Chain of identity", _grouped(chain) or "not known", _grouped(bag), bool(chain) and chain == bag)]


def _groups(check: BedsideCheck) -> list[tuple[str, str]]:
    """Return the blood group that is recorded of the patient, and of the donor where the cells are another's."""
    donor = check.product.donor if check.product is not None else None
    others = [("Blood group of the donor", _group(donor))] if donor is not None and donor.kind != "self" else []
    return [("Blood group", _group(check.treatment.patient)), *others]


def _group(person: Patient | Donor) -> str:
    return f"{person.abo} {RHD.get(person.rhd or '', '')}".strip() if person.abo else "not known"


def _said(patient: Patient | None) -> tuple[str, str, str]:
    if patient is None:
        return ("not known", "not known", "not known")
    born = wording.day(patient.birth_date, patient.precision_of("birth_date")) if patient.birth_date else "not known"
    return (patient.display_name, born, patient.record_number or "not known")


def _grouped(code: str) -> str:
    return f"{code[:5]} {code[5:7]} {code[7:]}" if len(code) == 13 else code


def gate_page(session: Session, check: BedsideCheck, at: datetime, site: Site) -> dict[str, Any]:
    """Return what the page of one reading shows. ``state``: go, stop, used, or old (no longer valid).

    A clear reading that was not used is judged once more: what speaks against it now stops it, also on this page.
    """
    problems = [fault | {"url": _resolved_at(fault)} for fault in check.reasons]
    state, verdict, unusable = "stop", None, check.unusable(at) if check.clear else ""
    if check.clear and unusable:
        state = "used" if check.administration is not None else "old"
    elif check.clear:
        verdict = bedside.now(session, check, at)
        state = "go" if verdict.clear else "stop"
        problems = [fault | {"url": _resolved_at(fault)} for fault in reasons_of(verdict)]
    lines = [line.as_dict() for line in verdict.evidence] if verdict is not None else _by_name(session, check.evidence)
    return {
        "check": check,
        "state": state,
        "problems": _with_values(problems, lines),
        "since": check.clear and state == "stop",
        **_what_to_do(check, problems),
        "lines": lines,
        "warnings": [line | {"asks": question(line["check"], line["left"])} for line in lines if line.get("warning")],
        "unusable": unusable,
        "pairs": pairs(session, check),
        "big": big_three(check, at) if state == "go" else [],
        "about": about_release(session, check) if state == "go" else [],
        "phones": [
            pair for pair in (("Laboratory", site.laboratory_phone), ("Quality", site.quality_phone)) if pair[1]
        ],
        "patient": patient_banner(check),
        "groups": _groups(check),
    }


def _resolved_at(fault: dict[str, Any]) -> str | None:
    """Return where a fault is resolved, for who may open that page; nobody is sent to a refusal."""
    return address(*fault["fix"]) if fault["fix"] and opens(fault["fix"][0]) else None


def _what_to_do(check: BedsideCheck, problems: list[dict[str, Any]]) -> dict[str, Any]:
    """Return whom the stop page has called, whether it has the wristband read again, and what becomes of the bag."""
    frozen = check.product is not None and check.product.lies_frozen
    first = [one for one in problems if not (frozen and one["rule"] == THAW_RULE)] or problems
    physician = [one for one in first if Role.PHYSICIAN.label in one["who"]]
    return {
        "call_physician": bool(physician),
        "call_laboratory": len(physician) < len(first),
        "whose": any(one["rule"] in OF_IDENTITY for one in problems),
        "frozen": "" if not frozen else "thaw" if len(problems) == 1 and problems[0]["fix"] else "keep",
    }


def _with_values(problems: list[dict[str, Any]], lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each problem with the line of the evidence that belongs to it: of several of one rule, in their order."""
    left = [line for line in lines if not line["ok"]]
    found = []
    for fault in problems:
        line = next((line for line in left if line["rule"] == fault["rule"]), None)
        if line is not None:
            left.remove(line)
        found.append(fault | {"line": line})
    return found


def _by_name(session: Session, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return kept evidence with the names of patients where an earlier release kept their internal ids."""
    ids = {line[side] for line in lines for side in ("left", "right") if parse_id(line[side], Patient.KIND)}
    found = session.scalars(select(Patient).where(Patient.id.in_(ids))) if ids else ()
    names = {patient.id: named(patient) for patient in found}
    return [line | {side: names.get(line[side], line[side]) for side in ("left", "right")} for line in lines]


def about_release(session: Session, check: BedsideCheck) -> list[tuple[str, str]]:
    """Return what a condition or an exception of the release asks everybody to know (hazard H26)."""
    product = check.product
    if product is None:
        return []
    records = load(session, [check.treatment_id], product_ids=[product.id])[check.treatment_id]
    release = released(records, product)
    if release is None or release.decision == "conforms":
        return []
    if release.decision == "conditional":
        open_ = unmet(check.treatment.protocol_version, judged_results(records, product))
        waits = [_awaited(records, product, spec.test, sentence) for spec, sentence, _may_wait in open_]
        return [("Released under a condition", "; ".join(waits))] if waits else []
    said = " ".join([release.reason or "", *release.findings]).strip()
    return [("Released by exception: the cells do not conform", said)]


def _awaited(records: CourseRecords, product: Product, name: str, sentence: str) -> str:
    """Return an awaited result with its final date: “Sterility pending, final 9 Dec 2026”."""
    ends = [one.final_at for one in records.on(product, QCResult) if one.test == name and one.final_at is not None]
    if not ends:
        return sentence
    return f"{QC_TESTS[name].label} pending, final {wording.day(clock.day(max(ends), records.zone))}"


def big_three(check: BedsideCheck, at: datetime) -> list[dict[str, Any]]:
    """Return what is read from the door: the dose with its sum, volume, route and side, the time that is left."""
    product, course = check.product, check.treatment
    if product is None:
        return []
    limit = course.says.expiry.thaw_minutes
    end, label = product.end, "Time left"
    if end is not None and product.end_known:
        until = wording.moment(end, product.zone, product.end_known)
        last = {"label": "Use before", "value": until, "small": "", "note": "", "due": None, "over": end <= at}
        return [_dose(product, course, at), _where(product, course), last]
    if product.thawed_at is not None and limit:
        end, label = product.thawed_at + timedelta(minutes=limit), "Time left after thaw"
    found = [_dose(product, course, at), _where(product, course)]
    if end is None:
        return [*found, {"label": "Use before", "value": "no end", "small": "", "note": "", "due": None}]
    return [*found, {"label": label, "value": _left(end - at), "small": "", "note": "", "due": end, "over": end <= at}]


def _dose(product: Product, course: Treatment, at: datetime) -> dict[str, Any]:
    """Return the dose of the whole container: in all, and per kg with its sum (three figures, always with the unit)."""
    measure = DOSE_MEASURES.get(product.measure or "")
    if measure is None or not product.volume or product.amount is None:
        return {"label": "Give", "value": "not counted", "small": "", "note": "", "due": None}
    dose, weight = dose_in(product, product.left), course.patient.weight_at(at)
    shown = {"label": "Give", "value": wording.figure(dose, measure.unit), "small": within(measure.label), "due": None}
    if not course.says.dose.per_kg or weight is None or not weight.kg:
        return shown | {"note": ""}
    per_kg = wording.figure(dose / weight.kg, measure.unit_per_kg)
    sum_ = f"{wording.figure(dose, measure.unit)} ÷ {wording.kilograms(weight.kg)}"
    return shown | {"value": per_kg, "note": f"= {sum_}"}


def _where(product: Product, course: Treatment) -> dict[str, Any]:
    route, place = within(ROUTES[course.route or ""].label) if course.route in ROUTES else "", ordered_place(course)
    return {
        "label": "Volume, route and site",
        "value": f"{plain(product.left)} mL",
        "small": f"into {place}" if place else route,
        "note": f"{route} · the whole container" if place else "the whole container",
        "due": None,
    }


def _left(span: timedelta) -> str:
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes >= 48 * 60:
        return f"{minutes // 1440} d"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def left_after_thaw(products: Iterable[Product], at: datetime) -> dict[str, str]:
    """Return the time that is left of each container that was thawed, by its id."""
    thawed = [(one, one.end) for one in products if one.thawed_at is not None and not one.end_known]
    return {one.id: _left(end - at) for one, end in thawed if end is not None}


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

    The words of a release say what they are about: “Released: conforms”. One under a condition or by exception stays
    marked here (hazard H26).
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
        found.append(("", words, release, to, plainly))
    consent = valid(records, at)
    if consent is not None:
        to = url_for("consent.show", consent_id=consent.id)
        found.append(("Consent", consent.headline(), consent, to, True))
    return [(what, words, _by(record), url, well) for what, words, record, url, well in found]


def _by(record: Any) -> str:
    when = wording.moment(record.performed_at, record.recorded_by.site.zone) if record.performed_at else ""
    return ", ".join(part for part in (record.done_by, when) if part)
