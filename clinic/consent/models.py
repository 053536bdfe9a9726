"""Consent to treatment, to data use, to research: three separate records, each with its withdrawal."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Text
from sqlalchemy.orm import Mapped, relationship

from clinic import wording
from clinic.consent.allowing import allows_more, turns
from clinic.consent.continuation import Continuation
from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import field
from clinic.model import ADDED, reference
from clinic.patients.doubted import is_after, kept_moment, moved, redated, starts
from clinic.patients.models import CHILD_YEARS, Patient
from clinic.patients.names import is_name_of
from clinic.products.models import Product
from clinic.protocols.catalogues import BODY_SITES, labels
from clinic.protocols.models import ProtocolVersion, Stage
from clinic.records import Amendment, Meaning, Record, Signature
from clinic.requests.models import Request, undecided
from clinic.treatments.models import SIDES, Treatment

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.course_records import CourseRecords

SCOPES = {"treatment": "Treatment", "data_use": "Use of data", "research": "Research"}
SIGNERS = {
    "patient": "The patient", "parents": "Parent or parents", "guardian": "Legal guardian",
    "representative": "Representative",
}  # fmt: skip


class Standing(StrEnum):
    """Where a consent stands at a moment."""

    UNSIGNED = "not signed yet"
    VALID = "valid"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    WRONG_SIGNER = "signed by the wrong person"
    OUTGROWN = "signed for a child who is of age now"
    DISPUTED = "not agreed with"


class Consent(Record):
    """One consent of one scope. To a treatment it names the protocol version that was explained (rule 14)."""

    KIND = "CN"
    NOUN = "Consent"
    HAPPENED = "Signed on paper at"
    DONE = "Obtained by"
    QUALIFIED = (("performed_by_id", 0),)
    PERSON = "patient"
    READ_WITH = ("withdrawal",)
    __table_args__ = (
        CheckConstraint("scope <> 'treatment' OR protocol_version_id IS NOT NULL", name="treatment_names_protocol"),
    )

    patient_id: Mapped[str] = reference("patient")
    protocol_version_id: Mapped[str | None] = reference("protocol_version")
    scope: Mapped[str] = field("Consent to", choices=SCOPES, required=True, section="What")
    form_version: Mapped[str | None] = field("Version of the form", required=True, section="What")
    expires_on: Mapped[date | None] = field(
        "Valid until", section="What", past=False, not_before=("performed_at",),
        hint="Leave blank if it has no end date",
    )  # fmt: skip
    signer: Mapped[str | None] = field("Signed by", choices=SIGNERS, required=True, section="Who signed")
    signer_name: Mapped[str | None] = field("Name of the signer", required=True, identifying=True, section="Who signed")
    witness_name: Mapped[str | None] = field("Witness", identifying=True, section="Who signed")
    copy_given: Mapped[bool | None] = field("Copy given to the signer", section="Who signed")
    body_site: Mapped[str | None] = field(
        "Body site", choices=labels(BODY_SITES), conditional=True, section="What", info=ADDED,
        hint="The site explained to the patient. Leave blank if the order names none",
    )  # fmt: skip
    side: Mapped[str | None] = field("Side", choices=SIDES, conditional=True, section="What", info=ADDED)
    representation: Mapped[str | None] = field(
        "Why another person signs for an adult", Text, long=True, conditional=True, section="Who signed", info=ADDED,
        asked_if=("signer", "parents", "guardian", "representative"),
        hint="For example: court order of 3 May 2026, file 12/26. For a guardian or representative of an adult only",
    )  # fmt: skip

    patient: Mapped[Patient] = relationship(back_populates="consents")
    protocol_version: Mapped[ProtocolVersion | None] = relationship()
    withdrawal: Mapped[Withdrawal | None] = relationship(back_populates="consent", uselist=False)
    said: Mapped[list[Request]] = relationship(primaryjoin="foreign(Request.record_id) == Consent.id", viewonly=True)

    def problems(self, *, at: datetime) -> list[str]:
        """Also: to a treatment it names a version that may be explained; a child does not sign alone (hazard H12)."""
        found = super().problems(at=at)
        version = self.protocol_version
        if self.scope == "treatment" and version is None and self.protocol_version_id is None:
            found.append(Problem("Enter the protocol version to which the patient consents.", "protocol", rule=14))
        if self.scope == "treatment" and version is not None and version.stage is Stage.DRAFT:
            said = f"{version.name} is a draft: it cannot be consented to yet."
            found.append(Problem(said, "protocol", rule=14))
        gone = self.withdrawal
        if gone is not None and self.performed_at and gone.performed_at and self.performed_at > gone.performed_at:
            said = f"This consent was withdrawn before, on {wording.moment(gone.performed_at, self.zone)}."
            found.append(
                Problem(f"{said} If the patient consents again, record a new consent.", "performed_at", rule=15)
            )
        if self.origin != "clinic":
            return found
        return found + self._version_problems() + self._signer_problems() + self._site_problems()

    def _version_problems(self) -> list[Problem]:
        """Refuse a consent that is older than the version that it names (rule 14)."""
        version, given = self.protocol_version, self.performed_at
        published = version.published_at if version is not None and self.scope == "treatment" else None
        if version is None or published is None or given is None or given >= published.replace(second=0, microsecond=0):
            return []
        said = f"{version.name} was published later, on {wording.moment(published, self.zone)}. Correct the date."
        return [Problem(said, "performed_at", rule=14)]

    def _signer_problems(self) -> list[Problem]:
        fault = self.signer_fault()
        found = [Problem(fault, "signer", rule=14)] if fault else []
        youngest, _oldest = self._ages()
        for_adult = youngest is not None and youngest >= CHILD_YEARS and self.signer in {"guardian", "representative"}
        if for_adult and not (self.representation or "").strip():
            said = "Enter why another person signs for an adult, with the document that allows it."
            found.append(Problem(said, "representation", rule=14))
        return found

    def _site_problems(self) -> list[Problem]:
        """To a course with a body site it names the site, with its side (rule 26)."""
        site = BODY_SITES.get(self.body_site or "")
        if site is not None and site.sided and self.side not in {"left", "right"}:
            return [Problem("Side: required; this body site has a left and a right.", "side", rule=26)]
        if site is not None or self.scope != "treatment" or self.patient is None:
            return []
        version = self.protocol_version.id if self.protocol_version is not None else self.protocol_version_id
        ordered = [course for course in self.patient.courses if course.protocol_version_id == version]
        if not ordered or not all(course.body_site and course.stop is None for course in ordered):
            return []
        return [Problem(f"Body site: required; the order names the {ordered[-1].place}.", "body_site", rule=26)]

    def _ages(self, day: date | None = None) -> tuple[int | None, int | None]:
        """Return the least and the most years of the patient on a day, when it was signed: of the youngest record."""
        if day is None and self.performed_at is not None:
            day = self.local_day(self.performed_at)
        known = [one.ages_on(day) for one in self.patient.person] if self.patient is not None and day else []
        ages = [(least, most) for least, most in known if least is not None and most is not None]
        return min(ages, default=(None, None))

    def signer_fault(self) -> str:
        """Return why this person could not sign, by the birth dates that are recorded now; empty: she or he could."""
        youngest, oldest = self._ages() if self.origin == "clinic" else (None, None)
        if oldest is not None and oldest < CHILD_YEARS and self.signer == "patient":
            return f"The patient was {oldest} when it was signed: parents or a legal guardian sign for a child."
        if youngest is not None and youngest >= CHILD_YEARS and self.signer == "parents":
            return (
                f"The patient was {youngest} when it was signed: an adult signs in person. For an adult who cannot "
                "decide, a guardian or representative signs, with the reason."
            )
        return ""

    def questions(self) -> list[Question]:
        """Also: the name of the signer is the patient's where the patient signed, and another one otherwise."""
        if self.patient is None or not self.signer_name or not self.signer:
            return []
        names = (self.patient.family_name, self.patient.given_names)
        if not any(names):
            return []
        own = is_name_of(self.signer_name, *names)
        if own is (self.signer == "patient"):
            return []
        what = "the patient’s own name" if own else "not the patient’s name"
        said = f"“{self.signer_name}” is {what}. Is this right?"
        return [Question("signer_name", said, f"Signed by: {SIGNERS.get(self.signer, self.signer).lower()}.")]

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.AUTHORSHIP) -> Signature:
        """Sign as the person who obtained it; another person can only verify (rule 14)."""
        if meaning is Meaning.AUTHORSHIP and self.performed_by_id not in {None, by.id}:
            taker = self.performed_by.printed_name if self.performed_by else "the person who obtained it"
            raise RuleBroken(
                f"The person who obtained a consent signs it: {taker}. Sign in as that person, or amend “Obtained by”.",
                rule=14,
            )
        return super().sign(by=by, at=at, meaning=meaning)

    def critical_corrections(self) -> list[Amendment]:
        """Return the amendments that allow more than the paper did: a second person confirms them (rule 14)."""
        return [one for one in self.amendments if any(self._allows_more(*change) for change in one.changes.items())]

    def _allows_more(self, name: str, change: list[Any]) -> bool:
        old, new = change
        if name == "performed_at" and moved(change) and new is not None:
            before, after = kept_moment(old, self.zone), kept_moment(new, self.zone)
            if before is not None and after is not None and before < after:
                return any(before <= turn <= after for turn in turns(self))
        return allows_more(name, change)

    def of_the_person(self) -> list[Consent]:
        """Return the consents on all records of the person (hazard H27)."""
        return [consent for one in self.patient.person for consent in one.consents]

    @property
    def attested(self) -> bool:
        """Whether the person who obtained it has signed the present content; a verification alone does not count."""
        return any(signature.meaning != Meaning.VERIFICATION for signature in self.present_signatures)

    def withdrawn_since(self, at: datetime) -> datetime | None:
        """Return when it was withdrawn, by a moment: itself, or by a later withdrawal of the same scope (rule 15)."""
        own = (self.withdrawal.ends or [at]) if self.withdrawal is not None else []
        others = [one.withdrawal for one in self.of_the_person() if one is not self and self.same_matter(one)]
        ends = [(end, gone.recorded_at) for gone in others if gone is not None for end in gone.ends or [at]]
        given = self.performed_at
        later = [end for end, told in ends if given is None or not is_after(given, self.recorded_at, end, told)]
        return min((end for end in (*own, *later) if end <= at), default=None)

    def same_matter(self, other: Consent) -> bool:
        """Whether another consent is of the same scope, to a treatment of the same protocol."""
        ours, its = self.protocol_version, other.protocol_version
        same = ours is None or its is None or ours.protocol_id == its.protocol_id
        return self.scope == other.scope and (self.scope != "treatment" or same)

    def standing(self, at: datetime) -> Standing:
        """Return where this consent stands at a moment, by what is known now."""
        if self.withdrawn_since(at) is not None:
            return Standing.WITHDRAWN
        if self.expires_on is not None and self.local_day(at) > self.expires_on:
            return Standing.EXPIRED
        if self.said and undecided(self.said):
            return Standing.DISPUTED
        if self.signer_fault():
            return Standing.WRONG_SIGNER
        if self.outgrown(at):
            return Standing.OUTGROWN
        return Standing.VALID if self.attested and self.unconfirmed is None else Standing.UNSIGNED

    def outgrown(self, at: datetime) -> bool:
        """Whether another person signed for a child who is certainly of age at a moment (rule 14).

        From then on the patient consents in person; for an adult who cannot, ``representation`` says why not.
        """
        if self.signer not in {"parents", "guardian", "representative"} or (self.representation or "").strip():
            return False
        youngest, _oldest = self._ages(self.local_day(at))
        return youngest is not None and youngest >= CHILD_YEARS

    def current(self, at: datetime) -> bool:
        """Whether it holds at a moment: signed by the person who obtained it, not expired, not withdrawn."""
        return self.standing(at) is Standing.VALID

    def withdraw(self, *, by: User, at: datetime, **facts: Any) -> Withdrawal:
        """Record that it was withdrawn. It stays visible; everything that depends on it is locked (rule 15)."""
        if self.withdrawal is not None:
            raise RuleBroken("This consent is withdrawn already.")
        gone = Withdrawal.log(by=by, at=at, consent_id=self.id, patient_id=self.patient_id, **facts)
        self.withdrawal = gone
        return gone

    def headline(self) -> str:
        version = f", {self.protocol_version.name}" if self.protocol_version is not None else ""
        return f"{SCOPES[self.scope]}{version}, form {self.form_version or 'not recorded'}"


class Withdrawal(Record):
    """The end of one consent: when the patient said so, to whom, and what was asked for."""

    KIND = "WD"
    NOUN = "Consent withdrawn"
    HAPPENED = "Withdrawn at"
    DONE = "Reported to"
    NOT_BEFORE = ("consent.performed_at",)

    consent_id: Mapped[str] = reference("consent", unique=True)
    patient_id: Mapped[str] = reference("patient")
    reason: Mapped[str | None] = field("In the patient's words", long=True, identifying=True, section="Withdrawal")

    consent: Mapped[Consent] = relationship(back_populates="withdrawal")

    def critical_corrections(self) -> list[Amendment]:
        """Return the amendments of its moment: earlier or later, it ends other consents and acts (rule 15)."""
        return redated(self, "performed_at")

    @property
    def ends(self) -> list[datetime]:
        """When it ends consents: its moment, and each one before a correction that nobody has confirmed (rule 15)."""
        return starts(self)

    def headline(self) -> str:
        return "Consent withdrawn"


def to_treatment(records: CourseRecords) -> list[Consent]:
    """Return the patient's consents to a treatment under any version, the earliest first."""
    return [consent for consent in records.of(Consent) if consent.scope == "treatment"]


def to_version(records: CourseRecords) -> list[Consent]:
    """Return the patient's consents to exactly the protocol version of the course, the earliest first (rule 14)."""
    version = records.course.protocol_version_id
    return [consent for consent in to_treatment(records) if consent.protocol_version_id == version]


def ended(records: CourseRecords, at: datetime) -> tuple[datetime, datetime] | None:
    """Return when the last withdrawal was, and when it was written.

    A withdrawal, under whichever version of the protocol, ends every consent that was given before it, and counts
    from the moment it is written (rule 15).
    """
    ends = [
        (end, consent.withdrawal.recorded_at)
        for consent in to_treatment(records)
        if consent.withdrawal is not None and _same_protocol(consent, records)
        for end in consent.withdrawal.ends or [at]
    ]
    return max((one for one in ends if one[0] <= at), default=None)


def _same_protocol(consent: Consent, records: CourseRecords) -> bool:
    ours, its = records.course.protocol_version, consent.protocol_version
    return its is None or ours is None or its.protocol_id == ours.protocol_id


def outdated(records: CourseRecords, at: datetime) -> bool:
    """Whether the version of the course was retired and nobody has decided since that the course goes on (rule 16).

    A consent that was given after the retirement counts as that decision of the patient.
    """
    version = records.course.protocol_version
    retired = version.retired_at if version is not None else None
    if retired is None or retired > at:
        return False
    written = [one for one in records.of(Continuation) if one.signed and one.unconfirmed is None]
    holding = valid(records, at)
    decided = [*written, *([holding] if holding is not None else [])]
    return not any(
        one.performed_at is not None
        and one.performed_at <= at
        and is_after(one.performed_at, one.recorded_at, retired, retired)
        for one in decided
    )


def _between(start: datetime, moment: datetime | None, end: datetime) -> bool:
    return moment is not None and start <= moment <= end


def valid(records: CourseRecords, at: datetime) -> Consent | None:
    """Return the consent to exactly this version that holds at a moment: signed, unexpired, given since then.

    Of several that hold, the newest for the site and side of the order counts before one for another: each knee of a
    patient has a course and a consent of its own (rule 26).
    """
    end, ordered = ended(records, at), records.course.performed_at
    found: list[Consent] = []
    for consent in reversed(to_version(records)):
        given = consent.performed_at
        if given is not None and (given > at or (end and not is_after(given, consent.recorded_at, *end))):
            continue
        before = given is not None and ordered is not None and given < ordered
        if consent.standing(at) is Standing.VALID and not (before and used_up(records, consent)):
            found.append(consent)
    here = (records.course.body_site, records.course.side)
    return next((one for one in found if (one.body_site, one.side) == here), found[0] if found else None)


def used_up(records: CourseRecords, consent: Consent) -> bool:
    """Whether it was given for an earlier course, whose cells were given before this one was ordered (rule 14)."""
    course, given = records.course, consent.performed_at
    ordered = course.performed_at
    if given is None or ordered is None or given >= ordered:
        return False
    others = {
        one.id
        for one in records.every(Treatment)
        if one.id != course.id
        and one.patient_id == course.patient_id
        and one.protocol_version_id == course.protocol_version_id
    }
    moves = [m for product in records.every(Product) if product.treatment_id in others for m in product.movements]
    return any(m.kind == "given" and _between(given, m.performed_at, ordered) for m in moves)
