"""Consent to treatment, to data use, to research: three separate records, each with its withdrawal."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, relationship

from clinic.errors import Problem, RuleBroken
from clinic.fields import field
from clinic.model import reference
from clinic.patients.models import CHILD_YEARS, Patient
from clinic.protocols.models import ProtocolVersion, Stage
from clinic.records import Amendment, Meaning, Record, Signature

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.course_records import CourseRecords

SCOPES = {"treatment": "Treatment", "data_use": "Use of data", "research": "Research"}
SIGNERS = {
    "patient": "The patient",
    "parents": "Parent or parents",
    "guardian": "Legal guardian",
    "representative": "Representative",
}


class Standing(StrEnum):
    """Where a consent stands at a moment."""

    UNSIGNED = "not signed yet"
    VALID = "valid"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Consent(Record):
    """One consent of one scope. To a treatment it names the protocol version that was explained (rule 14)."""

    KIND = "CN"
    NOUN = "Consent"
    HAPPENED = "Signed on paper at"
    DONE = "Obtained by"
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
        "Valid until",
        section="What",
        hint="Leave blank if it has no end date",
        past=False,
        not_before=("performed_at",),
    )
    signer: Mapped[str | None] = field("Signed by", choices=SIGNERS, required=True, section="Who signed")
    signer_name: Mapped[str | None] = field("Name of the signer", required=True, identifying=True, section="Who signed")
    witness_name: Mapped[str | None] = field("Witness", identifying=True, section="Who signed")
    copy_given: Mapped[bool | None] = field("Copy given to the signer", section="Who signed")

    patient: Mapped[Patient] = relationship(back_populates="consents")
    protocol_version: Mapped[ProtocolVersion | None] = relationship()
    withdrawal: Mapped[Withdrawal | None] = relationship(back_populates="consent", uselist=False)

    def problems(self, *, at: datetime) -> list[str]:
        """Also: to a treatment it names a version that may be explained; a child does not sign alone (hazard H12)."""
        found = super().problems(at=at)
        version = self.protocol_version
        if self.scope == "treatment" and version is None and self.protocol_version_id is None:
            found.append(Problem("Enter the protocol version to which the patient consents.", "protocol", rule=14))
        if self.scope == "treatment" and version is not None and version.stage is Stage.DRAFT:
            said = f"{version.name} is a draft: it cannot be consented to yet."
            found.append(Problem(said, "protocol", rule=14))
        if self.origin != "clinic" or self.performed_at is None:
            return found
        age = self.patient.age_on(self.local_day(self.performed_at)) if self.patient is not None else None
        if age is not None and age < CHILD_YEARS and self.signer == "patient":
            said = f"The patient was {age} when it was signed: parents or a legal guardian sign for a child."
            found.append(Problem(said, "signer", rule=14))
        return found

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.AUTHORSHIP) -> Signature:
        """Sign as the person who obtained it; another person can only verify (rule 14)."""
        if meaning is Meaning.AUTHORSHIP and self.performed_by_id not in {None, by.id}:
            taker = self.performed_by.printed_name if self.performed_by else "the person who obtained it"
            raise RuleBroken(
                f"The person who obtained a consent signs it: {taker}. Sign in as that person, or amend “Obtained by”.",
                rule=14,
            )
        return super().sign(by=by, at=at, meaning=meaning)

    def critical_correction(self) -> Amendment | None:
        """Return the last amendment that gave the consent a longer life: a second person confirms it (rule 14)."""
        longer = [
            one for one in self.amendments if "expires_on" in one.changes and one.changes["expires_on"][0] is not None
        ]
        return longer[-1] if longer else None

    def confirmed_by(self, user: User) -> bool:
        """Whether a signature of this person would confirm a correction that somebody else made and answers for."""
        correction = self.unconfirmed
        return correction is not None and user.id not in {correction.amended_by_id, self.performed_by_id}

    def standing(self, at: datetime) -> Standing:
        """Return where this consent stands at a moment."""
        if self.withdrawal is not None and (self.withdrawal.performed_at or at) <= at:
            return Standing.WITHDRAWN
        if self.expires_on is not None and self.local_day(at) > self.expires_on:
            return Standing.EXPIRED
        return Standing.VALID if self.author_signed and self.unconfirmed is None else Standing.UNSIGNED

    @property
    def author_signed(self) -> bool:
        """Whether the person who obtained it signed the present content; who only confirms a correction does not."""
        return any(signature.meaning is Meaning.AUTHORSHIP for signature in self.present_signatures)

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

    def headline(self) -> str:
        return "Consent withdrawn"


def to_treatment(records: CourseRecords) -> list[Consent]:
    """Return the patient's consents to a treatment under any version, the earliest first."""
    return [consent for consent in records.of(Consent) if consent.scope == "treatment"]


def to_version(records: CourseRecords) -> list[Consent]:
    """Return the patient's consents to exactly the protocol version of the course, the earliest first (rule 14)."""
    version = records.course.protocol_version_id
    return [consent for consent in to_treatment(records) if consent.protocol_version_id == version]


def withdrawn(records: CourseRecords, at: datetime) -> datetime | None:
    """Return when consent to this treatment was last withdrawn, by a moment; None where it never was.

    A withdrawal, under whichever version of the protocol, ends every consent that was given before it, and counts
    from the moment it is written (rule 15).
    """
    ends = [
        consent.withdrawal.performed_at or at
        for consent in to_treatment(records)
        if consent.withdrawal is not None and _same_protocol(consent, records)
    ]
    return max((end for end in ends if end <= at), default=None)


def _same_protocol(consent: Consent, records: CourseRecords) -> bool:
    ours, its = records.course.protocol_version, consent.protocol_version
    return its is None or ours is None or its.protocol_id == ours.protocol_id


def valid(records: CourseRecords, at: datetime) -> Consent | None:
    """Return the consent to exactly this version that holds at a moment: signed, unexpired, given since then."""
    end = withdrawn(records, at)
    for consent in reversed(to_version(records)):
        given = consent.performed_at
        if given is not None and (given > at or (end is not None and given <= end)):
            continue
        if consent.current(at):
            return consent
    return None
