"""A course: what is treated, with whose cells, by which route, under which version, and how the patient was before."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, UniqueConstraint, select, union
from sqlalchemy.orm import Mapped, aliased, relationship, validates

from clinic import clock, wording
from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import Range, field
from clinic.identifiers import drawn
from clinic.model import among, reference
from clinic.patients.donors import RELATIVES_ALLOWED, Donor
from clinic.patients.doubted import redated, starts
from clinic.patients.models import CHILD_YEARS, Patient
from clinic.protocols.catalogues import BODY_SITES, CONDITIONS, ROUTES, SOURCES, labels, within
from clinic.protocols.content import RegulatoryPath, Relation
from clinic.protocols.models import ProtocolVersion
from clinic.records import Meaning, Record

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.course_records import Scope
    from clinic.protocols.content import Content
    from clinic.records import Amendment, Signature

SIDES = {"left": "Left", "right": "Right", "none": "No side"}
"""Never both: two sides are two courses, two harvests, two administrations (rule 26)."""
RELATIONS = {relation.value: relation.label for relation in Relation}
ASA = {
    "1": "I, healthy", "2": "II, mild systemic disease", "3": "III, severe systemic disease",
    "4": "IV, constant threat to life", "5": "V, moribund", "6": "VI, brain-dead donor",
}  # fmt: skip
IDENTITY = re.compile(r"[A-NP-Z0-9][A-NP-Z0-9]{2}[0-9]{2}[0-9]{2}[A-Z0-9]{6}")
"""The shape of a chain-of-identity code (rule 8); it begins with 00000 where the clinic has no facility number."""


def new_identity(facility_code: str, year: int) -> str:
    """Return a new chain-of-identity code: facility 5, year 2, six random (ISBT 128 structure 040, 13 characters).

    A facility number of another shape would make codes that no scanner takes: it is left out (rule 8).
    """
    code = f"{facility_code:0<5}{year % 100:02d}{drawn(6)}"
    return code if IDENTITY.fullmatch(code) else f"00000{code[-8:]}"


_SIDED = {
    "left": re.compile(
        r"\b(?:left|lt|link(?:s|e[rsnm]?)(?:seitig\w*)?|sinist\w+|gauche|izquierd\w+)\b|\bli\.|\bsin(?=\.|\W*$)"
        r"|(?-i:\bLK?\b)(?!\s?\d)",
        re.IGNORECASE,
    ),
    "right": re.compile(
        r"\b(?:right|rt|recht(?:s|e[rsnm]?)(?:seitig\w*)?|dext(?:er|ra|rum)\w*|droite?|derech\w+)\b|\bre\.|\bdext?\.|(?-i:\bRK?\b)(?!\s?\d)",
        re.IGNORECASE,
    ),
}
"""How a diagnosis names a side."""
_APART = re.compile(r"[;,\n]|\.\s")
_EARLIER = re.compile(
    r"\b(?:previous\w*|prior|earlier|former|status post|s/p|z\.? ?n\.?|(?:tep|htep|ktep|tka|thr|tkr|arthroscop\w*"
    r"|arthroplast\w*|replace\w*|replaced|prosthes\w*|amputat\w*|osteotom\w*|meniscectom\w*|operat\w*|(?:19|20)\d\d))"
    r"\b",
    re.IGNORECASE,
)
"""What was done before, to the other side."""


def sites_for(condition: str, route: str) -> tuple[str, ...]:
    """Return the body sites that an order may name: where the condition is and the route reaches.

    A disease of the whole body has no site of its own; a route into the veins adds none, the vein is chosen at the
    bedside.
    """
    of_condition = CONDITIONS[condition].sites if condition in CONDITIONS else ()
    of_route = ROUTES[route].sites if route in ROUTES else ()
    if of_condition:
        return tuple(site for site in of_condition if site in of_route) or of_condition
    return () if route not in ROUTES or ROUTES[route].systemic else of_route


def place_words(site: str | None, side: str | None) -> str:
    """Return side and site in words: “right knee”; empty where there is none."""
    label = within(BODY_SITES[site].label) if site is not None and site in BODY_SITES else ""
    return f"{side if side in {'left', 'right'} else ''} {label}".strip()


class Treatment(Record):
    """One patient's course. It begins only under a published version and within what that version allows."""

    KIND = "TR"
    NOUN = "Order"
    HAPPENED = "Ordered at"
    PERSON = "patient"
    DONE = "Responsible physician"
    READ_ORDER = -2
    READ_WITH = ("stop", "patient", "continuations", "dose_changes")
    __table_args__ = (UniqueConstraint("site_id", "chain_of_identity"),)

    patient_id: Mapped[str] = reference("patient")
    protocol_version_id: Mapped[str] = reference("protocol_version")
    donor_id: Mapped[str | None] = reference("donor")
    condition: Mapped[str | None] = field(
        "Condition", reported=True, choices=labels(CONDITIONS), required=True, section="Condition"
    )
    diagnosis: Mapped[str | None] = field(
        "Full diagnosis",
        reported=True,
        section="Condition",
        hint="With stage or grade, for example Kellgren-Lawrence 3",
    )
    body_site: Mapped[str | None] = field(
        "Body site", choices=labels(BODY_SITES), conditional=True, section="Condition"
    )
    side: Mapped[str | None] = field("Side", choices=SIDES, conditional=True, section="Condition")
    relation: Mapped[str | None] = field("Whose cells", reported=True, choices=RELATIONS, required=True, section="Plan")
    source: Mapped[str | None] = field("Source", reported=True, choices=labels(SOURCES), required=True, section="Plan")
    route: Mapped[str | None] = field(
        "Route", reported=True, choices=labels(ROUTES), required=True, section="Plan", rule=55
    )
    planned_on: Mapped[date | None] = field("Planned for", past=False, section="Plan")
    height_cm: Mapped[Decimal | None] = field(
        "Height", unit="cm", possible=Range(20, 260), expected=Range(40, 210), section="Baseline health"
    )
    weight_kg: Mapped[Decimal | None] = field(
        "Weight", unit="kg", possible=Range("0.3", 400), expected=Range(2, 180), section="Baseline health"
    )
    asa_class: Mapped[str | None] = field("ASA class", reported=True, choices=ASA, section="Baseline health")
    comorbidities: Mapped[str | None] = field(
        "Other illnesses", Text, reported=True, long=True, section="Baseline health"
    )
    medication: Mapped[str | None] = field("Medication", Text, long=True, section="Baseline health")
    age_years: Mapped[Decimal | None] = field(
        "Age at treatment", unit="years", possible=Range(0, 120), section="Baseline health",
        hint="Only where the birth date is not recorded",
    )  # fmt: skip
    chain_of_identity: Mapped[str] = field("Chain of identity", section="Identity", default="")

    patient: Mapped[Patient] = relationship(lazy="joined")
    protocol_version: Mapped[ProtocolVersion] = relationship(lazy="joined")
    donor: Mapped[Donor | None] = relationship()
    stop: Mapped[Stop | None] = relationship(back_populates="treatment", uselist=False)
    continuations: Mapped[list[Any]] = relationship(
        "Continuation", back_populates="treatment", order_by="Continuation.recorded_at"
    )
    dose_changes: Mapped[list[Any]] = relationship(
        "DoseChange", back_populates="treatment", order_by="DoseChange.recorded_at"
    )

    @classmethod
    def found(cls, scope: Scope) -> Any:
        """Return the condition that finds the courses asked for, and the other courses of the same people."""
        scope.given = {"courses": scope.course_ids}
        return _of_the_same_people() if scope.course_ids else None

    @classmethod
    def people_of(cls, name: str) -> Any:
        """Return the select of the patients of courses, given under a name, and of the same people's other records."""
        one, other = aliased(Patient), aliased(Patient)
        asked = select(cls.patient_id).where(among(cls.id, name))
        same = select(other.id).join(one, one.person_id == other.person_id).where(one.id.in_(asked))
        return union(asked, same)  # one list: PostgreSQL reads every course for an OR of two

    @validates("chain_of_identity")
    def _keep_identity(self, _name: str, code: str) -> str:
        """Refuse a chain of identity of another shape, and another one than the course has (rule 8)."""
        known = self.chain_of_identity
        if known and code != known:
            raise RuleBroken(Problem("The chain of identity of a course does not change.", "chain_of_identity", rule=8))
        if code and not IDENTITY.fullmatch(code):
            said = "A chain of identity is 13 characters: five of the facility, two of the year and six more."
            raise RuleBroken(Problem(said, "chain_of_identity", rule=8))
        return code

    @property
    def says(self) -> Content:
        """What the protocol version of this course says."""
        return self.protocol_version.says

    def planned_at(self, zone: str) -> datetime | None:
        """Return seven in the morning of the planned day on a zone's clock: by then earlier steps must be done."""
        day = self.planned_on
        return None if day is None else clock.from_wall(datetime.combine(day, time(7)), zone)

    @property
    def title(self) -> str:
        """Side, site and cells in a few words: “Right knee, own bone marrow”."""
        place = self.place
        whose = "own" if self.relation == "autologous" else "donor"
        known = SOURCES.get(self.source or "")
        source = within(known.label) if known else "cells"
        what = CONDITIONS.words([self.condition]) if self.condition else "Condition not recorded"
        return f"{place[:1].upper()}{place[1:]}, {whose} {source}" if place else f"{what}, {whose} {source}"

    @property
    def place(self) -> str:
        """Side and site that are treated: “right knee”; empty where the order names none."""
        return place_words(self.body_site, self.side)

    def _site(self) -> str:
        site = BODY_SITES.get(self.body_site or "")
        return within(site.label) if site else ""

    @property
    def is_child(self) -> bool:
        """Whether the patient may have been under 18 at the order; decides how long a weight is valid."""
        if self.performed_at and self.patient.birth_date:
            return (self.patient.ages_on(self.local_day(self.performed_at))[0] or 0) < CHILD_YEARS
        return self.age_years is not None and self.age_years < CHILD_YEARS

    @property
    def body_mass_index(self) -> Decimal | None:
        """Weight ÷ height², kg/m², to one decimal; None where either is missing."""
        if not self.height_cm or not self.weight_kg:
            return None
        return (self.weight_kg / (self.height_cm / 100) ** 2).quantize(Decimal("0.1"))

    def problems(self, *, at: datetime) -> list[str]:
        """Also: everything chosen is allowed by the protocol version; a sided site has its side (rules 26, 55)."""
        found = super().problems(at=at)
        says = self.says
        for name, allowed in (
            ("condition", says.conditions),
            ("source", says.sources),
            ("route", says.routes),
            ("relation", says.relations),
        ):
            value = getattr(self, name)
            if value and value not in allowed:
                said = f"{self.protocol_version.name} does not allow this {name}: “{value}”."
                found.append(Problem(said, name, rule=55 if name == "route" else 0))
        site = BODY_SITES.get(self.body_site or "")
        sided = site is not None and site.sided
        if sided and self.side not in {"left", "right"} and not self._excused("side"):
            said = "Side: required; this body site has a left and a right. Two sides are two courses."
            found.append(Problem(said, "side", rule=26))
        if not sided and self.side in {"left", "right"}:
            found.append(Problem("This body site has no side.", "side", rule=26))
        return found + (self._place_problems() if self.origin == "clinic" else [])

    def questions(self) -> list[Question]:
        """Also rule 26: a diagnosis that names the other side than the order."""
        if not self.other_side or self.origin != "clinic":
            return super().questions()
        said = f"The diagnosis names the {self.other_side} side, and the order says {self.side}. Is this right?"
        explain = "The cells go to the side of the order. Correct it, or say why both are right."
        return [*super().questions(), Question("side", said, explain, rule=26)]

    @property
    def other_side(self) -> str:
        """The side that the diagnosis names and the order does not treat: “right”; empty where it names none."""
        other, said = {"left": "right", "right": "left"}.get(self.side or "", ""), self.diagnosis or ""
        if not other or not _SIDED[other].search(said):
            return ""
        parts = [part for part in _APART.split(said) if _SIDED["left"].search(part) or _SIDED["right"].search(part)]
        own = any(_SIDED[self.side or ""].search(part) and not _SIDED[other].search(part) for part in parts)
        theirs = [part for part in parts if _SIDED[other].search(part)]
        return "" if own and all(_EARLIER.search(part) for part in theirs) else other

    def _place_problems(self) -> list[str]:
        possible = sites_for(self.condition or "", self.route or "")
        if self.body_site and possible and self.body_site not in possible:
            return [Problem(f"Body site does not fit the condition and the route: {self._site()}.", "body_site")]
        treated = CONDITIONS.get(self.condition or "")
        if treated is not None and treated.sites and not self.body_site:
            return [Problem("Body site: required; this condition has a body site.", "body_site")]
        return []

    def place_missing(self) -> list[str]:
        """Return that the order leaves open where the cells go; asked before it is signed and at the bedside (rule 26).

        The order of a history may lack it as long as nothing is done on it.
        """
        site = BODY_SITES.get(self.body_site or "")
        if site is not None and site.sided and self.side not in {"left", "right"}:
            return [Problem(f"Side: required; the order names the {self._site()} without its side.", "side", rule=26)]
        return self._place_problems()

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.AUTHORSHIP) -> Signature:
        """Sign an order that says where the cells go."""
        missing = self.place_missing()
        if missing:
            raise RuleBroken(*missing, "Amend the order first, then sign it.")
        return super().sign(by=by, at=at, meaning=meaning)

    def name_donor(self, donor: Donor, *, by: User, at: datetime, reason: str = "") -> None:
        """Say whose cells the patient gets; another donor than the one named before needs a reason (rules 17, 22)."""
        if self.relation == "autologous":
            raise RuleBroken("This course uses the patient's own cells: it cannot have another donor.", rule=3)
        if found := self.donor_problems(donor):
            raise RuleBroken(*found)
        if self.donor_id is not None:
            self.amend(by=by, at=at, reason=reason, donor_id=donor.id)
        self.donor, self.donor_id = donor, donor.id

    def donor_problems(self, donor: Donor) -> list[Problem]:
        """Return why a donor cannot donate for this course (rules 3, 4, 22).

        Under the 361 path cells that act on the whole body come from a relative of first or second degree
        (21 CFR 1271.10(a)(4)).
        """
        own = donor.patient_id == self.patient_id
        if self.relation == "autologous":
            return [] if own else [Problem("The patient's own cells have no other donor.", "kind", rule=3)]
        if donor.patient_id is not None:
            said = "A patient registered as their own donor cannot donate for another course."
            return [Problem(said, "kind", rule=3)]
        relative = donor.relative_of if donor.kind == "related" else None
        theirs = relative is not None and relative.is_same_person(self.patient)
        if donor.kind == "related" and not theirs and donor.relative_of_id not in {None, self.patient_id}:
            said = "This donor donates cells for another patient, a relative. Name another donor."
            return [Problem(said, "kind", rule=4)]
        route = ROUTES.get(self.route or "")
        systemic = route is not None and route.systemic
        related = donor.kind == "related" and donor.relation in RELATIVES_ALLOWED
        if self.says.regulatory_path is RegulatoryPath.HCTP_361 and systemic and not related:
            said = "Under the 361 path the donor is a relative of first or second degree."
            return [Problem(said, "kind", rule=22)]
        return []

    def begin(self, *, facility_code: str) -> None:
        """Give the course its chain of identity; raises `RuleBroken` unless the version is published."""
        self.protocol_version.must_be_published()
        self.chain_of_identity = new_identity(facility_code, self.local_day(self.recorded_at).year)

    def headline(self) -> str:
        return self.title


class Stop(Record):
    """The end of a course before its plan: by whom, why."""

    KIND = "SP"
    NOUN = "Course stopped"
    HAPPENED = "Stopped at"
    PERSON = "treatment.patient"
    AFTER_DEATH = True
    DONE = "Stopped by"

    treatment_id: Mapped[str] = reference("treatment", unique=True)
    reason: Mapped[str | None] = field("Reason", required=True, long=True, section="Why")

    treatment: Mapped[Treatment] = relationship(back_populates="stop")

    def critical_corrections(self) -> list[Amendment]:
        """Return the amendments of its moment: what was done in between would be allowed, or not."""
        return redated(self, "performed_at")

    @property
    def reasons(self) -> list[str]:
        """The reason, and what it said before corrections: each of them counts in other courses (rule 23)."""
        before = [one.changes["reason"][0] for one in self.amendments if "reason" in one.changes]
        return [text for text in dict.fromkeys([self.reason, *before]) if text]

    @property
    def told_at(self) -> datetime:
        """When it was last said why the course was stopped."""
        return max([self.recorded_at, *(one.amended_at for one in self.amendments if "reason" in one.changes)])

    @property
    def told(self) -> str:
        """The stop in one sentence, for the person's other courses."""
        when = f" on {wording.day(self.local_day(self.performed_at))}" if self.performed_at is not None else ""
        return f"Course {self.treatment.title} was stopped{when}: {'; '.join(self.reasons)}"

    @property
    def since(self) -> datetime | None:
        """Since when the course is stopped: its moment, or the one before a correction that nobody has confirmed."""
        return min(starts(self), default=None)


@cache
def _of_the_same_people() -> Any:
    """Return the condition that finds ``courses`` by their ids, and the other courses of the same people."""
    return Treatment.patient_id.in_(Treatment.people_of("courses"))
