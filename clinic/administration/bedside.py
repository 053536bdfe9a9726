"""The two acts at the bedside: wristband and bag are read by two people, and the cells are given on that reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from clinic.accounts.authorizations import known_for
from clinic.administration.answers import says_why
from clinic.administration.dose_checks import endotoxin_results
from clinic.administration.gate import CARERS, identity, judge
from clinic.administration.models import Administration, BedsideCheck
from clinic.administration.scanning import Wristband, read_bag, read_wristband
from clinic.administration.step import ADMINISTRATION, waiting_products
from clinic.administration.sums import given_to_patient
from clinic.administration.together import refuse_more
from clinic.administration.verdict import Bedside, Verdict, reasons_of
from clinic.administration.vital_signs import VitalSigns
from clinic.course_records import CourseRecords, load
from clinic.errors import Problem, RuleBroken, StepBlocked
from clinic.identifiers import parse_id, scanned
from clinic.patients.models import Patient, same_person
from clinic.patients.names import compact
from clinic.patients.numbers import former, replaced_on
from clinic.products.models import Product
from clinic.records import Meaning
from clinic.release.evidence import unassessed
from clinic.release.models import DECISIONS, released, standing_decision
from clinic.release.product_state import held_because
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.administration.scanning import Bag


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
    wristband, bag = worn_by(session, patient_scan), read_bag(product_scan)
    product, fault = _product(session, bag)
    records = load(session, [course.id], product_ids=[product.id] if product is not None else [])[course.id]
    with records.unchanged():
        known = known_of(records, product, at) if product is not None else {}
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
        authorizations=known_for(session, {ADMINISTRATION.name}, site_id=course.site_id)[ADMINISTRATION.name],
        **known,
        **more,
    )


def known_of(records: CourseRecords, product: Product, at: datetime) -> dict[str, Any]:
    """Return what is known of the scanned product: its release, what holds it, whether it was given, its results."""
    last = standing_decision(records, product)
    held = held_because(records, product, at)
    decided = DECISIONS[last.decision or ""].lower() if last is not None and not last.releases else ""
    return {
        "release": released(records, product) if not held else None,
        "held": " ".join(held) or decided,
        "assess": unassessed(records, product) if held else {},
        "holds": held,
        "given": next((one for one in records.on(product, Administration) if not one.voided), None),
        "results": endotoxin_results(records, product),
        "ready": _ready(records, product, at),
    }


def unreadable(session: Session, patient_scan: str, product_scan: str) -> list[Problem]:
    """Return why a code cannot be read, at its box: it says nothing about whose it is, so nothing is refused on it."""
    wristband, bag = worn_by(session, patient_scan), read_bag(product_scan)
    found = []
    nobody = wristband.chain_of_identity and not wristband.checked and _wearer(session, wristband) is None
    if wristband.fault or nobody:
        rule = wristband.rule or (8 if nobody else 0)
        found.append(Problem(_again(wristband.fault), "patient_scan", rule=rule))
    fault = bag.fault or _several(session, bag)
    if fault:
        found.append(Problem(_again(fault), "product_scan"))
    return found


def _again(fault: str) -> str:
    """Return what is wrong with a code in one or two sentences; another kind of code, or more than one bag, says so."""
    if fault.startswith(("This is", "This wristband", "Several")):
        return fault
    detail = fault.removeprefix("The bag could not be read. ") if fault.startswith("The bag could not") else ""
    return f"This code cannot be read. Scan it again. {detail}".strip()


def wrong_pair(session: Session, course: Treatment, *, patient_scan: str, product_scan: str) -> bool:
    """Whether wristband, course and bag are not one patient's (rules 1, 3, 4)."""
    wristband = worn_by(session, patient_scan)
    product, fault = _product(session, read_bag(product_scan))
    verdict = Verdict()
    same = same_person(session, {course.patient_id})
    identity(verdict, course, wristband, _wearer(session, wristband), product, fault, same=same)
    return not verdict.clear


def refuse_pair(  # noqa: PLR0913 - what was scanned, and by whom
    session: Session, course: Treatment, *, by: User, at: datetime, patient_scan: str, product_scan: str
) -> BedsideCheck:
    """Record that the two codes are not one patient's, before anything else is asked (hazard H1)."""
    scans = {"patient_scan": patient_scan, "product_scan": product_scan}
    with session.no_autoflush:
        bedside = gather(session, course, by=by, at=at, second=None, vitals=None, **scans)
        verdict = Verdict()
        worn = (course, bedside.wristband, bedside.wearer, bedside.product, bedside.bag_fault)
        identity(verdict, *worn, same=bedside.records.people_ids)
    return _kept(session, bedside, verdict, by=by, at=at, **scans)


def refuse_known(  # noqa: PLR0913 - what was scanned, and by whom
    session: Session, course: Treatment, *, by: User, at: datetime, patient_scan: str, product_scan: str
) -> BedsideCheck | None:
    """Record the refusal of the right cells that no vital signs and no second person could allow; None: none is known.

    Nobody is asked for the rest, and nothing is thawed, before it is said (hazards H7, H10, H12).
    """
    scans = {"patient_scan": patient_scan, "product_scan": product_scan}
    with session.no_autoflush:
        bedside = gather(session, course, by=by, at=at, second=None, vitals=None, **scans)
        verdict = judge(bedside, at, asked=False)
    return None if verdict.clear else _kept(session, bedside, verdict, by=by, at=at, **scans)


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
    volume: Decimal | None = None,
) -> BedsideCheck:
    """Record one reading of wristband and bag, clear or refused; the passwords of both people were just checked.

    ``vitals`` are the facts of the vital signs before the start, None where they were not taken; ``volume`` is what is
    to be given, mL, None for the whole container. A refusal stays on record like a clear check (hazard H1).
    The caller adds nothing: the check and what hangs on it are in the session.
    """
    signs = (
        VitalSigns.log(by=by, at=at, performed_by=by, performed_at=at, treatment_id=course.id, **vitals)
        if vitals
        else None
    )
    with session.no_autoflush:
        bedside = gather(
            session, course, by=by, at=at, second=second, patient_scan=patient_scan, product_scan=product_scan,
            vitals=signs, volume=volume,
        )  # fmt: skip
        verdict = judge(bedside, at)
    check = _kept(session, bedside, verdict, by=by, at=at, patient_scan=patient_scan, product_scan=product_scan)
    if signs is not None:
        check.vital_signs = signs
    if second is not None and not second.is_same_person(by):
        check.sign(by=by, at=at)
        check.sign(by=second, at=at, meaning=Meaning.VERIFICATION)
    return check


def _kept(  # noqa: PLR0913 - what one record consists of
    session: Session, bedside: Bedside, verdict: Verdict, *, by: User, at: datetime, patient_scan: str,
    product_scan: str,
) -> BedsideCheck:  # fmt: skip
    check = BedsideCheck.log(
        by=by,
        at=at,
        performed_by=by,
        performed_at=at,
        treatment=bedside.course,
        product=bedside.product,
        second_person=bedside.second,
        patient_scan=patient_scan.strip()[:80],
        product_scan=product_scan.strip()[:80],
        clear=verdict.clear,
        reasons=reasons_of(verdict),
        evidence=[line.as_dict() for line in verdict.evidence],
        rests_on=bedside.evidence(),
        volume=bedside.volume,
    )
    session.add(check)
    return check


CHANGED = "Records used by the bedside check have changed. Scan wristband and bag again."


def now(session: Session, check: BedsideCheck, at: datetime) -> Verdict:
    """Return what the gate says at this moment about a clear check that was not used yet (hazards H7, H10 to H13)."""
    with session.no_autoflush:
        bedside = ask_again(session, check, at)
        verdict = judge(bedside, at)
    if verdict.clear and check.rests_on and bedside.evidence() != check.rests_on:
        verdict.fault("Unchanged since the check", 0, CHANGED, who=CARERS)
    return verdict


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
        session, check.treatment, by=check.performed_by, at=at, second=check.second_person,
        patient_scan=check.patient_scan, product_scan=check.product_scan, vitals=check.vital_signs,
        **({"volume": check.volume} | more),
    )  # fmt: skip


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
    volume = facts.get("volume_issued") or check.volume
    refuse_more(check, volume)
    place = {name: facts.get(name) for name in ("route", "body_site", "side")}
    bedside = ask_again(session, check, at, volume=volume, **place)
    verdict = judge(bedside, at)
    if not verdict.clear:
        raise StepBlocked("Administration", verdict.blocked)
    if check.rests_on and bedside.evidence() != check.rests_on:
        raise RuleBroken(CHANGED)
    if verdict.warnings and not says_why(because):
        asked = "; ".join(f"{w.check} ({w.left})" for w in verdict.warnings)
        how = "Say in a few words what you saw or asked, or who decided: “ok” alone tells nobody why."
        raise RuleBroken(Problem(f"Give the reason for continuing: {asked}. {how}", "because"))
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
    administration.work_out_dose(course.patient.weight_at(at))
    if check.vital_signs is not None:
        administration.vital_signs.append(check.vital_signs)
    session.add(administration)
    _once(session)
    if check.product is not None:
        check.product.move(kind="given", place=course.chain_of_identity, by=by, at=at)
        if volume is not None and volume < (check.product.volume or volume):  # what was not drawn is discarded later
            check.product.move(kind="remainder", place="laboratory", by=by, at=at)
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


def in_bag(session: Session, product_scan: str) -> Decimal | None:
    """Return what is left in the scanned container, mL; None where it is not known."""
    product, _fault = _product(session, read_bag(product_scan))
    return product.left if product is not None else None


def _ready(records: CourseRecords, product: Product, at: datetime) -> list[Product]:
    """Return what else of the course lies ready: a dose may be in several containers, given one after the other."""
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
        return None, SEVERAL
    return (found[0], "") if found else (None, "The bag is not known in this clinic.")


SEVERAL = "Several containers have this donation number. Scan the product number, or add / and the division."


def _several(session: Session, bag: Bag) -> str:
    return SEVERAL if _product(session, bag)[1] == SEVERAL else ""


def worn_by(session: Session, text: str) -> Wristband:
    """Read a wristband; the patient's record number is taken too, a name never (hazard H4)."""
    wristband = read_wristband(text)
    number = scanned(text).strip()
    if not wristband.fault or not number or parse_id(text) is not None:
        return wristband
    same = select(Patient.id, Patient.record_number).where(func.lower(Patient.record_number) == number.lower())
    found = session.execute(same).all()
    exact = [row.id for row in found if row.record_number == number] or [row.id for row in found]
    old = _superseded(session, number, exact)
    if old is not None:
        return old
    return Wristband(patient_id=exact[0]) if len(exact) == 1 else wristband


def _superseded(session: Session, number: str, now: list[str]) -> Wristband | None:
    """Return that a wristband is an old one: its record number was replaced, and is not this one patient's again."""
    mine = same_person(session, now) if len(now) == 1 else set()
    known = former(session, Patient, "record_number")
    old = next((one for one in known if compact(one.number) == compact(number) and one.id not in mine), None)
    if old is None:
        return None
    day = replaced_on(old, session.get_one(Patient, old.id).zone)
    said = f"This wristband carries a number that was replaced on {day}. Identify the patient and print a new one."
    return Wristband(fault=said)


def _wearer(session: Session, wristband: Wristband) -> Patient | None:
    if wristband.patient_id:
        return session.scalar(select(Patient).where(Patient.id == wristband.patient_id))
    if wristband.chain_of_identity:
        course = session.scalar(select(Treatment).where(Treatment.chain_of_identity == wristband.chain_of_identity))
        return course.patient if course else None
    return None
