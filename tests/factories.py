"""People, patients and courses for tests, made with the same verbs as the pages use. All of it is invented.

Everything works in memory: ``team()`` is a staff without a database, and what is made for it belongs to no session.
A team of a session (the fixture ``team``) adds what is made for it to that session.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select

from clinic import clock
from clinic.access import Role
from clinic.accounts.models import Site, User
from clinic.consent.models import Consent
from clinic.eligibility.models import Eligibility
from clinic.harvest.models import Harvest
from clinic.ledger.listener import set_actor
from clinic.patients.donors import Donor, DonorEligibility
from clinic.patients.models import Patient, Weight
from clinic.protocols.catalogues import BODY_SITES
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.protocols.models import Protocol, ProtocolVersion
from clinic.records import Meaning
from clinic.treatments.models import Treatment, sites_for

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.model import Model
    from clinic.protocols.content import Content

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

M = TypeVar("M", bound="Model")
_number = count(1)


@dataclass
class Team:
    """The staff of one site: ``team.nurse``, ``team.nurse2``, ``team(Role.NURSE, second=True)``."""

    site: Site
    people: dict[str, User]
    session: Session | None = None
    versions: dict[str, ProtocolVersion] = field(default_factory=dict)

    def __getattr__(self, name: str) -> User:
        try:
            return self.__dict__["people"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __call__(self, role: Role | str, *, second: bool = False) -> User:
        return self.people[f"{Role(role).value}{'2' if second else ''}"]

    def add(self, row: M) -> M:
        """Add a row to the team's session, if it has one, and write it."""
        if self.session is not None:
            self.session.add(row)
            self.session.flush()
        return row


def team(code: str = "north", *, password: str | None = None) -> Team:
    """Return a site and its staff in memory: each role twice, as the demonstration has them."""
    name, facility = SITES[code]
    site = Site(code=code, name=name, zone="Europe/Berlin", facility_code=facility, is_demo=True)
    people = {}
    for role in Role:
        for suffix, printed in zip(("", "2"), NAMES[role.value], strict=True):
            people[f"{role.value}{suffix}"] = User(
                site_id=site.id, site=site, email=f"{role.value}{suffix}@{code}.demo", printed_name=printed, role=role,
                password=password,
            )  # fmt: skip
    return Team(site, people)


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
        "allergies_asked_on": at.date(),
        "is_synthetic": True,
    } | facts
    one = people.add(Patient.log(by=people.coordinator, at=at, **facts))
    if weight is not None:
        when = clock.now() - timedelta(days=1)
        people.add(
            Weight.log(
                by=people.nurse,
                at=when,
                patient=one,
                kg=Decimal(str(weight)),
                performed_at=when,
                performed_by=people.nurse,
            )
        )
    return one


def course(
    people: Team,
    of: Patient | None = None,
    *,
    code: str = "BMAC-KNEE",
    version: ProtocolVersion | None = None,
    at: datetime | None = None,
    **facts: Any,
) -> Treatment:
    """Return a course begun under a published version; its choices are the first that the version allows."""
    at = at or clock.now() - timedelta(days=20)
    version = version or published(people, code)
    says = version.says
    site = next(iter(sites_for(says.conditions[0], says.routes[0])), None)
    facts = {
        "condition": says.conditions[0],
        "relation": says.relations[0].value,
        "source": says.sources[0],
        "route": says.routes[0],
        "body_site": site,
        "side": "right" if site and BODY_SITES[site].sided else None,
        "performed_at": at,
        "performed_by": people.physician,
        "height_cm": Decimal(171),
        "weight_kg": Decimal("72.5"),
        "asa_class": "2",
    } | facts
    one = Treatment.log(by=people.physician, at=at, patient=of or patient(people), protocol_version=version, **facts)
    one.begin(facility_code=people.site.facility_code)
    return people.add(one)


def consented(of: Treatment, people: Team, *, at: datetime | None = None, signed: bool = True, **facts: Any) -> Consent:
    """Give the course its consent to treatment: taken and signed by the physician."""
    at = at or clock.now() - timedelta(days=15)
    facts = {
        "scope": "treatment",
        "form_version": "3.1",
        "signer": "patient",
        "signer_name": of.patient.display_name,
        "copy_given": True,
        "protocol_version": of.protocol_version,
        "performed_at": at,
        "performed_by": people.physician,
    } | facts
    consent = people.add(Consent.log(by=people.physician, at=at, patient=of.patient, **facts))
    if signed:
        consent.sign(by=people.physician, at=at)
        people.add(consent)
    return consent


def eligible(
    of: Treatment, people: Team, *, at: datetime | None = None, signed: bool = True, **facts: Any
) -> Eligibility:
    """Give the course the physician's signed decision that the patient may be treated."""
    at = at or clock.now() - timedelta(days=14)
    facts = {
        "active_infection": False,
        "pregnancy": "excluded",
        "malignancy": False,
        "eligible": True,
        "performed_at": at,
        "performed_by": people.physician,
    } | facts
    decision = people.add(Eligibility.log(by=people.physician, at=at, treatment=of, **facts))
    if signed:
        decision.sign(by=people.physician, at=at)
        people.add(decision)
    return decision


def ready_for_harvest(people: Team, of: Patient | None = None, **facts: Any) -> Treatment:
    """Return a course that is consented and eligible: the harvest's gate is open."""
    one = course(people, of, **facts)
    consented(one, people)
    eligible(one, people)
    return one


def own_cells(of: Treatment, people: Team) -> Donor:
    """Return the patient of a course as donor; one for each patient."""
    if people.session is not None:
        known = people.session.scalar(select(Donor).where(Donor.patient_id == of.patient_id))
        if known is not None:
            return known
    return people.add(
        Donor.log(
            by=people.physician,
            at=clock.now() - timedelta(days=14),
            kind="self",
            patient=of.patient,
            sex=of.patient.sex,
        )
    )


def stranger(
    people: Team,
    *,
    markers: dict[str, str] | None = None,
    signed: bool = True,
    at: datetime | None = None,
    **facts: Any,
) -> Donor:
    """Return an unrelated donor who is determined eligible; every marker is negative unless said otherwise."""
    from clinic.protocols.catalogues import MARKERS  # noqa: PLC0415 - only here

    at = at or clock.now() - timedelta(days=12)
    one = people.add(
        Donor.log(
            by=people.coordinator,
            at=at,
            **({"kind": "unrelated", "donor_number": f"R-{next(_number):07d}", "sex": "female"} | facts),
        )
    )
    found = dict.fromkeys(MARKERS, "negative") | (markers or {})
    determination = people.add(
        DonorEligibility.log(
            by=people.physician,
            at=at,
            donor=one,
            markers=found,
            outcome="eligible",
            sample_taken_on=at.date(),
            performed_at=at,
            performed_by=people.physician,
        )
    )
    if signed:
        determination.sign(by=people.physician, at=at)
        people.add(determination)
    return one


def harvested(
    of: Treatment,
    people: Team,
    *,
    at: datetime | None = None,
    signed: bool = True,
    contained: bool = True,
    **facts: Any,
) -> Harvest:
    """Collect marrow for a course: 60 mL of the right iliac crest, in one bag, signed by the physician."""
    at = at or clock.now() - timedelta(hours=3)
    facts = {
        "donor": of.donor or own_cells(of, people),
        "source": "bone_marrow",
        "body_site": "posterior_iliac_crest",
        "side": "right",
        "performed_at": at,
        "ended_at": at + timedelta(minutes=40),
        "performed_by": people.physician,
        "time_out_at": at - timedelta(minutes=5),
        "method": "needle_aspiration",
        "anaesthesia": "local",
        "volume": Decimal(60),
        "anticoagulant": "acd_a",
        "anticoagulant_volume": Decimal(6),
        "anticoagulant_lot": "ACD-24-117",
    } | facts
    harvest = people.add(Harvest.log(by=people.nurse, at=at + timedelta(minutes=50), treatment=of, **facts))
    if contained:
        harvest.collect(by=people.nurse, at=at + timedelta(minutes=50), volume=harvest.volume_to_label)
        people.add(harvest)
    if signed:
        harvest.sign(by=people.physician, at=at + timedelta(minutes=55), meaning=Meaning.AUTHORSHIP)
        people.add(harvest)
    return harvest


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
