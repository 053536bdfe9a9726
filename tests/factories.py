"""People, patients and courses for tests: a thin layer over the demonstration's builder. All of it is invented.

Everything works in memory: ``team()`` is a staff without a database, and what is made for it belongs to no session.
A team of a session (the fixture ``team``) adds what is made for it to that session.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic import clock
from clinic.accounts.models import Site, User
from clinic.demo import builder
from clinic.demo.team import Team, staff_of
from clinic.ledger.listener import set_actor
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.protocols.models import Protocol, ProtocolVersion

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.consent.models import Consent
    from clinic.eligibility.models import Eligibility
    from clinic.harvest.models import Harvest
    from clinic.protocols.content import Content
    from clinic.treatments.models import Treatment

PASSWORD = "cellcourse-demo-1"
SITES = {"north": ("Cellcourse North", "A9999"), "south": ("Cellcourse South", "B9999")}
NAMES = {
    "coordinator": ("Clara Ode", "Colin Ferry"), "nurse": ("Nadia Rask", "Niels Brandt"),
    "physician": ("Dr I. Novak", "Dr A. Okafor"), "technologist": ("Tomas Lind", "Teresa Vaz"),
    "quality": ("Quentin Marsh", "Qiu Lan"), "director": ("Dr D. Hartmann", "Dr E. Sato"),
    "administrator": ("Ada Quist", "Abel Moor"), "inspector": ("Ines Pohl", "Ivo Reiter"),
}  # fmt: skip
FAMILY = ("Almeida", "Bergström", "Castellano", "Demir", "Eriksen", "Fontaine", "Grigorescu", "Haddad", "Ito", "Jansen")
GIVEN = ("Ana Sofia", "Bo", "Chiara", "Deniz", "Erik", "Florence", "Gabriel", "Hala", "Ichiro", "Jana")

_number = count(1)


def team(code: str = "north", *, password: str | None = None) -> Team:
    """Return a site and its staff in memory: each role twice, as the demonstration has them."""
    name, facility = SITES[code]
    site = Site(code=code, name=name, zone="Europe/Berlin", facility_code=facility, is_demo=True)
    return Team(site, staff_of(site, NAMES, password=password))


def clinic_of(session: Session, *, password: str | None = None) -> None:
    """Write two sites and their staff into an empty database. The caller commits."""
    for code in SITES:
        made = team(code, password=password)
        set_actor(session, made.administrator.id)
        session.add(made.site)
        session.flush()
        session.add_all(made.people.values())
        session.flush()


def team_of(session: Session, code: str) -> Team:
    """Return the staff of a site from a database."""
    site = session.scalars(select(Site).where(Site.code == code)).one()
    staff = session.scalars(select(User).where(User.site_id == site.id))
    return Team(site, {user.email.partition("@")[0]: user for user in staff}, session)


def published(
    people: Team, code: str = "BMAC-KNEE", *, content: Content | None = None, at: datetime | None = None
) -> ProtocolVersion:
    """Return the published version of a demonstration protocol, or of other content; made at its first use."""
    if content is None and code in people.versions:
        return people.versions[code]
    at = at or clock.now() - timedelta(days=400)
    known = None
    if people.session is not None:
        known = people.session.scalar(select(Protocol).where(Protocol.code == code, Protocol.site_id == people.site.id))
    if known is not None and content is None and (version := known.published()) is not None:
        return people.versions.setdefault(code, version)
    protocol = known or people.add(Protocol(site_id=people.site.id, code=code))
    version = protocol.draft(by=people.physician, at=at, content=content or DEMONSTRATIONS[code])
    version.publish(by=people.director, at=at)
    people.add(version)
    people.versions[code] = version
    return version


def patient(
    people: Team, *, at: datetime | None = None, weight: Decimal | str | None = "72.5", **facts: Any
) -> Patient:
    """Return a patient, weighed the day before ``at`` unless ``weight`` is None."""
    at, number = at or clock.now() - timedelta(days=30), next(_number)
    facts = {
        "record_number": f"MRN-{number:06d}",
        "family_name": FAMILY[number % len(FAMILY)],
        "given_names": GIVEN[number // len(FAMILY) % len(GIVEN)],
        "birth_date": date(1960, 1, 1) + timedelta(days=37 * number % 12000),
        "sex": "female" if number % 2 else "male",
        "allergy_status": "none_known",
        "allergies_asked_on": clock.day(at, people.site.zone),
        "is_synthetic": True,
    } | facts
    one = people.log(Patient, people.coordinator, at, **facts)
    if weight is not None:
        builder.weigh(people, one, clock.now() - timedelta(days=1), Decimal(str(weight)))
    return one


def course(
    people: Team,
    of: Patient | None = None,
    *,
    code: str = "BMAC-KNEE",
    version: ProtocolVersion | None = None,
    at: datetime | None = None,
    signed: bool = False,
    **facts: Any,
) -> Treatment:
    """Return a course begun under a published version; its choices are the first that the version allows."""
    at = at or clock.now() - timedelta(days=20)
    facts = {"height_cm": Decimal(171), "weight_kg": Decimal("72.5"), "asa_class": "2"} | facts
    return builder.order(people, of or patient(people), version or published(people, code), at, signed=signed, **facts)


def consented(of: Treatment, people: Team, *, at: datetime | None = None, signed: bool = True, **facts: Any) -> Consent:
    """Give the course its consent to treatment: taken and signed by the physician."""
    at = at or clock.now() - timedelta(days=15)
    facts = {"written": at, "form_version": "3.1", "signer": "patient", "signer_name": of.patient.display_name} | facts
    return builder.consent(people, of, at, signed=signed, **facts)


def eligible(
    of: Treatment, people: Team, *, at: datetime | None = None, signed: bool = True, **facts: Any
) -> Eligibility:
    """Give the course the physician's signed decision that the patient may be treated."""
    at = at or clock.now() - timedelta(days=14)
    return builder.decide_eligibility(people, of, at, signed=signed, **facts)


def ready_for_harvest(people: Team, of: Patient | None = None, **facts: Any) -> Treatment:
    """Return a course that was ordered ``at``, consented and eligible, all signed: the harvest may begin."""
    at = facts.pop("at", None) or clock.now() - timedelta(days=20)
    one = course(people, of, at=at, signed=True, **facts)
    consented(one, people, at=at + timedelta(days=5))
    eligible(one, people, at=at + timedelta(days=6))
    return one


def own_cells(of: Treatment, people: Team) -> Donor:
    """Return the patient of a course as donor; one for each patient."""
    if people.session is not None:
        known = people.session.scalar(select(Donor).where(Donor.patient_id == of.patient_id))
        if known is not None:
            return known
    return builder.own_donor(people, of.patient, clock.now() - timedelta(days=14))


def stranger(
    people: Team,
    *,
    markers: dict[str, str] | None = None,
    signed: bool = True,
    at: datetime | None = None,
    **facts: Any,
) -> Donor:
    """Return an unrelated donor who is determined eligible; every marker is negative unless said otherwise."""
    at = at or clock.now() - timedelta(days=12)
    facts = {"kind": "unrelated", "donor_number": f"R-{next(_number):07d}", "sex": "female"} | facts
    return builder.donor(people, at, markers=markers, signed=signed, **facts)


def harvested(of: Treatment, people: Team, *, at: datetime | None = None, **facts: Any) -> Harvest:
    """Collect marrow for a course: 60 mL of the right iliac crest, in one bag, signed by the physician.

    No gate is asked: tests of the harvest itself need some that none would admit. ``signed``, ``contained`` as in
    `builder.collect`.
    """
    at = at or clock.now() - timedelta(hours=3)
    giver = facts.pop("donor", None) or of.donor or own_cells(of, people)
    facts = {
        "source": "bone_marrow",
        "body_site": "posterior_iliac_crest",
        "side": "right",
        "recorded_by": people.nurse,
        "ended_at": at + timedelta(minutes=40),
        "time_out_at": at - timedelta(minutes=5),
        "method": "needle_aspiration",
        "anaesthesia": "local",
        "volume": Decimal(60),
        "anticoagulant": "acd_a",
        "anticoagulant_volume": Decimal(6),
        "anticoagulant_lot": "ACD-24-117",
        "anticoagulant_expires_on": (at + timedelta(days=300)).date(),
    } | facts
    return builder.collect(people, giver, at, treatment=of, **facts)


def boxes(name: str, moment: datetime, zone: str = "Europe/Berlin") -> dict[str, str]:
    """Return a moment as a form's boxes have it: ``performed_at-d``, ``-m``, ``-y``, ``-t`` on the site's clock."""
    wall = clock.local(moment, zone)
    return {
        f"{name}-d": str(wall.day),
        f"{name}-m": str(wall.month),
        f"{name}-y": str(wall.year),
        f"{name}-t": f"{wall:%H:%M}",
    }


def day_boxes(name: str, day: date) -> dict[str, str]:
    """Return a calendar day as the boxes of a form have it."""
    return {f"{name}-d": str(day.day), f"{name}-m": str(day.month), f"{name}-y": str(day.year)}
