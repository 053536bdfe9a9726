"""The two acts at the bedside: wristband and bag are read by two people, and the cells are given on that reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from clinic.administration.gate import judge
from clinic.administration.models import Administration, BedsideCheck, VitalSigns
from clinic.administration.scanning import read_bag, read_wristband
from clinic.administration.step import ADMINISTRATION, waiting_products
from clinic.administration.verdict import Bedside, Verdict
from clinic.course_records import CourseRecords, load
from clinic.errors import RuleBroken, StepBlocked
from clinic.patients.models import Patient
from clinic.products.graph import ancestry
from clinic.products.models import Product
from clinic.records import Meaning
from clinic.release.models import DECISIONS, released, standing_decision
from clinic.release.product_state import held_because
from clinic.release.results import QCResult
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.administration.scanning import Bag, Wristband


def gather(  # noqa: PLR0913 - what was scanned, and by whom
    session: Session,
    course: Treatment,
    *,
    by: User | None,
    at: datetime,
    second: User | None,
    patient_scan: str,
    product_scan: str,
    vitals: VitalSigns | None,
    **more: Any,
) -> Bedside:
    """Return everything that the gate judges, read from the database now; ``more``: route, site, side, volume."""
    wristband, bag = read_wristband(patient_scan), read_bag(product_scan)
    product, fault = _product(session, bag)
    records = load(session, [course.id], product_ids=[product.id] if product is not None else [])[course.id]
    known: dict[str, Any] = {}
    if product is not None:
        last = standing_decision(records, product)
        held = held_because(records, product, at)
        decided = DECISIONS[last.decision or ""].lower() if last is not None and not last.releases else ""
        known = {
            "release": released(records, product) if not held else None,
            "held": " ".join(held) or decided,
            "given": next(iter(records.on(product, Administration)), None),
            "results": _results(records, product),
            "ready": _ready(records, product, at),
        }
    return Bedside(
        records=records,
        wristband=wristband,
        wearer=_wearer(session, wristband),
        product=product,
        bag_fault=fault,
        by=by,
        second=second,
        vitals=vitals,
        earlier=given_to_patient(records),
        steps=ADMINISTRATION.earlier,
        **known,
        **more,
    )


def read(  # noqa: PLR0913 - what was scanned, and by whom
    session: Session,
    course: Treatment,
    *,
    by: User,
    at: datetime,
    second: User | None,
    patient_scan: str,
    product_scan: str,
    vitals: dict[str, Any] | None,
) -> BedsideCheck:
    """Record one reading of wristband and bag, clear or refused; the second person's password was just checked.

    ``vitals`` are the facts of the vital signs before the start, None where they were not taken. A refusal stays on
    record like a clear check (hazard H1). The caller adds nothing: the check and what hangs on it are in the session.
    """
    signs = (
        VitalSigns.log(by=by, at=at, performed_by=by, performed_at=at, treatment_id=course.id, **vitals)
        if vitals
        else None
    )
    with session.no_autoflush:
        bedside = gather(
            session,
            course,
            by=by,
            at=at,
            second=second,
            patient_scan=patient_scan,
            product_scan=product_scan,
            vitals=signs,
        )
        verdict = judge(bedside, at)
    check = BedsideCheck.log(
        by=by,
        at=at,
        performed_by=by,
        performed_at=at,
        treatment=course,
        product=bedside.product,
        second_person=second,
        patient_scan=patient_scan.strip()[:80],
        product_scan=product_scan.strip()[:80],
        clear=verdict.clear,
        reasons=_reasons_of(verdict),
        evidence=[line.as_dict() for line in verdict.evidence],
        rests_on=bedside.evidence(),
    )
    if signs is not None:
        check.vital_signs = signs
    if second is not None and not second.is_same_person(by):
        check.sign(by=second, at=at, meaning=Meaning.VERIFICATION)
    session.add(check)
    return check


def must_be_usable(check: BedsideCheck, course: Treatment, at: datetime) -> None:
    """Raise `RuleBroken` where no cells of a course may be given on a bedside check now."""
    if check.treatment_id != course.id:
        raise RuleBroken("This bedside check belongs to another course.")
    unusable = check.unusable(at)
    if unusable:
        raise RuleBroken(unusable)


def ask_again(session: Session, check: BedsideCheck, at: datetime, **more: Any) -> Bedside:
    """Gather anew what the same scans are judged by: consent and release may have changed (hazards H12, H13)."""
    return gather(
        session,
        check.treatment,
        by=check.performed_by,
        at=at,
        second=check.second_person,
        patient_scan=check.patient_scan,
        product_scan=check.product_scan,
        vitals=check.vital_signs,
        **more,
    )


def give(  # noqa: PLR0913 - who, when, and why in spite of a warning
    session: Session,
    check: BedsideCheck,
    *,
    by: User,
    at: datetime,
    performed_by_id: str,
    because: str | None = None,
    **facts: Any,
) -> Administration:
    """Begin an administration on a clear bedside check; raises `StepBlocked` where the gate closed meanwhile.

    Of the two people who read the wristband one gives, the other one verifies. ``because`` answers the warnings.
    The product's time of hand-over and the end may follow with `Administration.finish`.
    """
    course, pair = check.treatment, {check.performed_by_id, check.second_person_id}
    must_be_usable(check, course, at)
    if by.id not in pair or performed_by_id not in pair:
        raise RuleBroken("One of the two people who read the wristband must give the cells.")
    volume = facts.get("volume_issued")
    bedside = ask_again(
        session,
        check,
        at,
        volume=volume,
        route=facts.get("route"),
        body_site=facts.get("body_site"),
        side=facts.get("side"),
    )
    verdict = judge(bedside, at)
    if not verdict.clear:
        raise StepBlocked("Administration", verdict.blocked)
    if check.rests_on and bedside.evidence() != check.rests_on:
        raise RuleBroken("Records used by the bedside check have changed. Scan wristband and bag again.")
    if verdict.warnings and not (because or "").strip():
        raise RuleBroken(
            "Give the reason for continuing: " + "; ".join(f"{w.check} ({w.left})" for w in verdict.warnings) + "."
        )
    started = facts.get("performed_at")
    if (
        started is not None
        and check.performed_at is not None
        and started < check.performed_at.replace(second=0, microsecond=0)
    ):
        raise RuleBroken("Start is before the bedside check.")
    confirmed = facts.pop("confirmed", {}) | ({"warnings": (because or "").strip()} if verdict.warnings else {})
    first = check.performed_by if check.performed_by_id == performed_by_id else check.second_person
    other = next(iter(pair - {performed_by_id}))
    administration = Administration.log(
        by=by,
        at=at,
        treatment=course,
        product=check.product,
        bedside_check=check,
        performed_by=first,
        verified_by_id=other,
        confirmed=confirmed,
        **facts,
    )
    administration.work_out_dose(course.weight_at(at))
    if check.vital_signs is not None:
        administration.vital_signs.append(check.vital_signs)
    session.add(administration)
    _once(session)
    if check.product is not None:
        check.product.move(kind="given", place=course.chain_of_identity, by=by, at=at)
    for follow in Administration.when_started:
        follow(administration, by)
    return administration


def _once(session: Session) -> None:
    """Write the administration now; where another one of this product or check came first, say so (hazard H15)."""
    try:
        session.flush()
    except IntegrityError as fault:
        session.rollback()
        raise RuleBroken(
            "These cells were given already, or this check was used. One product, one administration: nothing was "
            "saved twice."
        ) from fault


def given_to_patient(records: CourseRecords) -> list[Administration]:
    """Return what the patient was given in all courses, oldest first."""
    own = {course.id for course in records.every(Treatment) if course.patient_id == records.patient.id}
    return [given for given in records.every(Administration) if given.treatment_id in own]


def _ready(records: CourseRecords, product: Product, at: datetime) -> list[Product]:
    """Return what else of one dose lies ready; a protocol of several doses has no other container of this one."""
    if records.says.dose.doses > 1:
        return []
    return [other for other in waiting_products(records, at) if other.id != product.id]


def _product(session: Session, bag: Bag) -> tuple[Product | None, str]:
    if bag.fault:
        return None, bag.fault
    if bag.product_id:
        product = session.scalar(select(Product).where(Product.id == bag.product_id))
        return product, "" if product else "The bag is not known in this clinic."
    chosen = select(Product).where(Product.din == bag.din)
    found = session.scalars(chosen.where(Product.division == bag.division) if bag.division else chosen).all()
    if len(found) > 1:
        return (
            None,
            "Several containers have this donation number. Scan the product number, or add / and the division.",
        )
    return (found[0], "") if found else (None, "The bag is not known in this clinic.")


def _wearer(session: Session, wristband: Wristband) -> Patient | None:
    if wristband.patient_id:
        return session.scalar(select(Patient).where(Patient.id == wristband.patient_id))
    if wristband.chain_of_identity:
        course = session.scalar(select(Treatment).where(Treatment.chain_of_identity == wristband.chain_of_identity))
        return course.patient if course else None
    return None


def _results(records: CourseRecords, product: Product) -> list[QCResult]:
    """Return the product's endotoxin results; where it has none of its own, those of what it was made of."""
    line = [product, *(one for one in ancestry(records, product) if one.id != product.id)]
    found = [[r for r in records.on(one, QCResult) if r.test == "endotoxin"] for one in line]
    return found[0] or [result for results in found for result in results]


def _reasons_of(verdict: Verdict) -> list[dict[str, Any]]:
    """Return the reasons as a check keeps them, in order of danger."""
    return [
        {
            "because": b.because,
            "rule": b.rule,
            "who": [role.label for role in b.who],
            "fix": [b.fix[0], b.fix[1]] if b.fix else None,
            "fix_label": b.fix_label,
        }
        for b in verdict.blocked
    ]
