"""Builds one course, act by act, with the same verbs and past the same gates as the pages.

The demonstration and the tests both build with it. Every function is one act of the clinic at one moment, done by
whoever does it there; ``facts`` are what the record says beside the usual, and win over it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from clinic import clock
from clinic.administration import bedside
from clinic.administration.models import Administration, BedsideCheck
from clinic.administration.step import ADMINISTRATION
from clinic.administration.vital_signs import VitalSigns
from clinic.consent.models import Consent
from clinic.consent.step import CONSENT
from clinic.eligibility.models import Eligibility
from clinic.eligibility.step import ELIGIBILITY
from clinic.followup.models import FollowUpVisit, PlannedVisit
from clinic.harvest.models import Harvest
from clinic.harvest.step import HARVEST
from clinic.patients.donor_consent import DonorConsent, usual_giver
from clinic.patients.donors import BloodTyping, Donor, DonorEligibility
from clinic.patients.models import Patient, Weight
from clinic.protocols.catalogues import BODY_SITES, MARKERS, ROUTES
from clinic.treatments.models import Treatment, sites_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clinic.demo.team import Team
    from clinic.products.models import Product
    from clinic.protocols.models import ProtocolVersion

D = Decimal
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
VITALS = {
    "spo2": (95, 100), "temperature": (362, 373), "systolic": (108, 142), "diastolic": (62, 88), "pulse": (58, 92),
    "breathing": (12, 18),
}  # fmt: skip
CHILD_VITALS = {
    "spo2": (93, 99), "temperature": (364, 373), "systolic": (90, 102), "pulse": (115, 150), "breathing": (28, 44),
}  # fmt: skip
"""Normal vital signs, from and up to: %, tenths of °C, mmHg, mmHg, per minute, per minute."""
CHILD_KG = 20
"""Under this weight, kg, a patient has a small child's vital signs."""


# Before the cells


def order(  # noqa: PLR0913 - facts of one record
    team: Team,
    patient: Patient,
    version: ProtocolVersion,
    at: datetime,
    *,
    donor: Donor | None = None,
    signed: bool = True,
    **facts: Any,
) -> Treatment:
    """Order a course and sign; its choices are the first that the version allows. ``donor``: whose cells they are."""
    by, says = team.physician, version.says
    said: dict[str, Any] = {
        "condition": says.conditions[0], "relation": says.relations[0].value, "source": says.sources[0],
        "route": says.routes[0], **facts,
    }  # fmt: skip
    site = said.setdefault("body_site", next(iter(sites_for(said["condition"], said["route"])), None))
    if site and BODY_SITES[site].sided and "side" not in said:
        said["side"] = team.pick("right", "left")
    course = team.new(Treatment, by, at, patient=patient, protocol_version=version, **said)
    course.begin(facility_code=team.site.facility_code)
    team.add(course)
    if donor is not None:
        course.name_donor(donor, by=by, at=at)
        if says.screening.two_blood_groups:
            type_blood(team, at, patient=patient, abo=patient.abo, rhd=patient.rhd)
    if signed:
        team.sign(course, by, at + 3 * MINUTE)
    return course


def consent(team: Team, course: Treatment, at: datetime, *, signed: bool = True, **facts: Any) -> Consent:
    """Obtain consent to treatment on paper as a physician, record and sign it."""
    by, patient, given = team.physician, course.patient, course.patient.given_names or ""
    team.admit(CONSENT, course, by, at)
    said = {
        "written": at + 20 * MINUTE, "scope": "treatment", "form_version": "2.1", "copy_given": True,
        "protocol_version": course.protocol_version, "signer": "parents" if course.is_child else "patient",
        "body_site": course.body_site, "side": course.side if course.body_site else None,
        "signer_name": f"Parents of {given}" if course.is_child else f"{given} {patient.family_name}".strip(), **facts,
    }  # fmt: skip
    taken = team.log(Consent, by, at, patient=patient, **said)
    if signed:
        team.sign(taken, by, said["written"] + 2 * MINUTE)
    return taken


def decide_eligibility(
    team: Team, course: Treatment, at: datetime, *, signed: bool = True, **facts: Any
) -> Eligibility:
    """Decide as a physician that the patient is eligible, and sign."""
    by, patient, written = team.physician, course.patient, at + 10 * MINUTE
    team.admit(ELIGIBILITY, course, by, at)
    fertile = (
        patient.sex != "male" and not course.is_child and (patient.age_on(clock.day(at, team.site.zone)) or 0) <= 55
    )
    said = {
        "eligible": True, "active_infection": False, "malignancy": False,
        "pregnancy": "excluded" if fertile else "not_applicable",
        "pregnancy_tested_on": clock.day(at, team.site.zone) if fertile else None,
        "criteria": dict.fromkeys(course.says.patient.exclusions, "no") or None, **facts,
    }  # fmt: skip
    decision = team.log(Eligibility, by, at, written=written, treatment=course, **said)
    if signed:
        team.sign(decision, by, written + 2 * MINUTE)
    return decision


def weigh(team: Team, patient: Patient, at: datetime, kg: Decimal) -> Weight:
    """Weigh the patient, as a nurse."""
    return team.log(Weight, team.nurse, at, written=at + 2 * MINUTE, patient=patient, kg=kg)


# Whose cells they are


def own_donor(team: Team, patient: Patient, at: datetime) -> Donor:
    """Write the patient down as the donor of the own cells."""
    by = team.physician
    return team.log(Donor, by, at, kind="self", patient=patient, sex=patient.sex, abo=patient.abo, rhd=patient.rhd)


def donor(  # noqa: PLR0913 - what is found out about one donor
    team: Team,
    at: datetime,
    *,
    markers: dict[str, str] | None = None,
    outcome: str = "eligible",
    signed: bool = True,
    typed: bool = False,
    **facts: Any,
) -> Donor:
    """Register a donor of other people's cells, determine as a physician that they may be used, and sign.

    ``markers``: what is not negative, marker → result. ``typed``: the blood group is typed twice too.
    """
    by, said = team.act(team.physician), {"source_note": team.note, **facts}
    one = (
        Donor.register(team.session, by=by, at=at, another_because=team.note, **said)
        if team.session
        else Donor.log(by=by, at=at, **said)
    )
    found = team.log(
        DonorEligibility, by, at, donor=team.add(one), outcome=outcome, sample_taken_on=clock.day(at, team.site.zone),
        markers=dict.fromkeys(MARKERS, "negative") | (markers or {}), history="No risk found at the interview.",
    )  # fmt: skip
    if signed:
        team.sign(found, by, at)
    agreed = team.log(DonorConsent, by, at, donor=one, given_by=usual_giver(one), form_version="D-1.2")
    team.sign(agreed, by, at)
    if typed:
        type_blood(team, at, donor=one, abo=one.abo, rhd=one.rhd)
    return one


def type_blood(team: Team, at: datetime, **facts: Any) -> None:
    """Type a person twice, by two people from two samples (rule 20)."""
    for number, by in enumerate((team.technologist, team.technologist2)):
        when, sample = at + number * HOUR, f"S{team.next('sample', 41001)}"
        typing = team.log(BloodTyping, by, when, written=when + HOUR, sample_number=sample, **facts)
        team.sign(typing, by, when + HOUR)


# The cells


def harvest(team: Team, course: Treatment, at: datetime, donor: Donor, **facts: Any) -> Harvest:
    """Collect cells for a course, as `collect` does, where the gate is open."""
    team.admit(HARVEST, course, team.physician, at)
    return collect(team, donor, at, treatment=course, **facts)


def collect(
    team: Team, donor: Donor, at: datetime, *, signed: bool = True, contained: bool = True, **facts: Any
) -> Harvest:
    """Collect as a physician, for a course or the bank, into one container, and sign; ``ended_at`` is needed."""
    by, ended = team.physician, facts["ended_at"] or at
    collected = team.log(Harvest, by, at, written=ended + 10 * MINUTE, donor=donor, **facts)
    if contained:
        contain(team, collected, ended + 12 * MINUTE)
    if signed:
        team.sign(collected, by, ended + 17 * MINUTE)
    return collected


def contain(team: Team, collected: Harvest, at: datetime) -> Product:
    """Put all that was collected into one container."""
    by = team.act(collected.recorded_by)
    product = collected.collect(by=by, at=at, volume=collected.volume_to_label)
    team.add(collected)
    return product


# At the bedside and after


def issue(team: Team, product: Product, at: datetime) -> None:
    """Issue a container to the ward, as a technologist; what was frozen is thawed first."""
    by = team.act(team.technologist)
    if product.cryo_medium:
        product.move(kind="thawed", place="Water bath, 37 °C", by=by, at=at)
    product.move(
        kind="issued", place="Day clinic", handed_to=team.nurse.printed_name, by=by, at=at + 8 * MINUTE,
        temperature=D(21), intact=True,
    )  # fmt: skip
    team.add(product)


def check(team: Team, course: Treatment, product: Product, at: datetime, **facts: Any) -> BedsideCheck:
    """Read wristband and bag: a nurse first, a physician second. ``vitals``: the facts of the vital signs before."""
    said = {"by": team.nurse, "second": team.physician, "patient_scan": course.patient_id, "product_scan": product.id}
    said |= facts
    team.act(said["by"])
    found = bedside.read(team.database, course, at=at, **said)
    team.database.flush()
    return found


def give(team: Team, read: BedsideCheck, at: datetime, **facts: Any) -> Administration:
    """Begin to give the whole container on a reading: whoever read first gives, the other one verifies."""
    course, product = read.treatment, read.product
    sites = ROUTES[course.route or ""].sites
    site = course.body_site if course.body_site in sites else sites[0]
    said = {
        "by": team.nurse, "performed_at": at, "performed_by_id": read.performed_by_id, "route": course.route,
        "body_site": site, "side": course.side if BODY_SITES[site].sided else None,
        "volume_issued": product.volume if product else None, "source_note": team.note, **facts,
    }  # fmt: skip
    team.act(said["by"])
    given = bedside.give(team.database, read, at=at, **said)
    team.database.flush()
    return given


def administer(  # noqa: PLR0913 - facts of one record
    team: Team, course: Treatment, product: Product, at: datetime, *, kg: Decimal, finished: bool = True, **facts: Any
) -> Administration:
    """Weigh the patient, bring the container, read wristband and bag as two people, give the cells, and sign as both.

    Unless it is ``finished`` the cells are being given: the end is not recorded yet.
    """
    nurse, child = team.nurse, kg < CHILD_KG
    weigh(team, course.patient, at - HOUR, kg)
    team.admit(ADMINISTRATION, course, nurse, at)
    issue(team, product, at - 25 * MINUTE)
    read = check(team, course, product, at - 5 * MINUTE, vitals=vitals(team, child=child))
    said = {
        "because": "Read once more by both; the physician agrees.", "handed_over_at": at - 17 * MINUTE,
        "premedication": "given" if course.says.premedication else "not_ordered", "filter_used": False,
        "viability_before": D(team.pick(*range(84, 98))), **facts,
    }  # fmt: skip
    given = give(team, read, at, **said)
    if finished:
        end = at + (30 if ROUTES[course.route or ""].systemic else 8) * MINUTE
        for when in (moment for moment in (at + 15 * MINUTE, end + MINUTE, end + HOUR) if moment <= team.until):
            signs = vitals(team, child=child)
            given.vital_signs.append(team.new(VitalSigns, nurse, when, treatment_id=course.id, **signs))
        given.finish(at=end, ended_at=end, volume_given=product.volume or D(0), weight=course.patient.weight_at(at))
        team.add(given)
        team.sign(given, nurse, end + 10 * MINUTE)
        team.sign(given, team.physician, end + 20 * MINUTE)
    return given


def vitals(team: Team, *, child: bool = False) -> dict[str, Any]:
    """Return one set of normal vital signs."""
    found = {name: D(team.pick(*range(*ends))) for name, ends in (CHILD_VITALS if child else VITALS).items()}
    whole = {name: int(value) for name, value in found.items() if name != "spo2"}
    return {**whole, "spo2": found["spo2"], "temperature": found["temperature"] / 10}


def visit(
    team: Team, course: Treatment, name: str, at: datetime, scores: dict[str, Decimal | None], **facts: Any
) -> FollowUpVisit:
    """Write a visit down as a nurse, made or missed, with its scores, and sign. A score of None did not occur."""
    by, written = team.nurse2, at + 25 * MINUTE
    seen = team.log(FollowUpVisit, by, at, written=written, treatment=course, name=name, **facts)
    for instrument, value in scores.items():
        seen.score(instrument, by=by, at=written, value=value, did_not_occur=value is None)
    team.sign(seen, by, written + 3 * MINUTE)
    return seen


def follow_up(  # noqa: PLR0913 - what is special of one course
    team: Team,
    course: Treatment,
    scores: Callable[[PlannedVisit], dict[str, Decimal | None]],
    *,
    until: datetime,
    missed: dict[str, str],
    left_out: Sequence[str] = (),
) -> None:
    """Make the planned visits that are due; ``missed``: visit → reason. Of those left out nobody wrote anything."""
    chosen = select(PlannedVisit).where(PlannedVisit.treatment_id == course.id).order_by(PlannedVisit.number)
    for plan in team.database.scalars(chosen).all():
        day = plan.due_on + team.pick(0, 1) * DAY if plan.closes_on > plan.due_on else plan.due_on
        at = datetime(day.year, day.month, day.day, 10, tzinfo=ZoneInfo(team.site.zone))
        if at > until or plan.name in left_out or plan.visit is not None:
            continue
        why = {"made": "missed", "missed_reason": missed[plan.name]} if plan.name in missed else {}
        visit(team, course, plan.name, at, {} if why else scores(plan), plan=plan, **why)
