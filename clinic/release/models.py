"""The decision of quality on one product: released, released under a condition or an exception, held, rejected."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from clinic.access import Role
from clinic.course_records import CourseRecords, around
from clinic.errors import Problem, RuleBroken
from clinic.fields import field
from clinic.ledger.models import digest
from clinic.model import ADDED, reference
from clinic.products.graph import ancestry
from clinic.products.models import Product
from clinic.products.reasons import ever_said, of_one_container
from clinic.record_pool import once
from clinic.records import Meaning, Origin, Record
from clinic.release.decision_words import SIGNED_AS, growth_in_words
from clinic.release.evidence import basis, before_the_end, beside, outdated
from clinic.release.kin import SPEAKS, Speaker, against_by_kin
from clinic.release.points import (
    PERMITTING,
    RELEASING,
    may_be_decided,
    points_of,
    refusals,
    workings_of,
)
from clinic.release.results import QCResult
from clinic.release.who_decides import answered, not_again, not_by

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.protocols.models import ProtocolVersion
    from clinic.records import Signature

DECISIONS = {
    "conforms": "Released: conforms",
    "conditional": "Released under a condition: a result is pending",
    "exceptional": "Released by exception: does not conform",
    "accept": "Accepted for processing, with a reason",
    "hold": "On hold",
    "reject": "Rejected",
}


class Release(Record):
    """One decision, with the evidence that it rests on: ``basis`` has the hash of each piece, ``evidence`` of all."""

    KIND = "RL"
    NOUN = "Decision"
    HAPPENED = "Decided at"
    DONE = "Decided by"
    QUALIFIED = (("performed_by_id", 45),)
    QUALIFIED_IF = ("decision", PERMITTING)

    product_id: Mapped[str] = reference("product")
    decision: Mapped[str | None] = field("Decision", choices=DECISIONS, required=True, section="Decision")
    reason: Mapped[str | None] = field(
        "Reason",
        Text,
        long=True,
        conditional=True,
        section="Decision",
        hint="Required for every decision except “Released: conforms”",
    )
    requested_by_id: Mapped[str | None] = field(
        "Physician requesting exceptional release",
        String(12),
        ForeignKey("user_account.id"),
        conditional=True,
        section="Condition or exception",
        hint="Required for an exception",
    )
    physician_told: Mapped[str | None] = field(
        "Physician informed", conditional=True, section="Condition or exception",
        hint="Required for a condition or exception. It stays on the list of this physician until acknowledged",
    )  # fmt: skip
    told_id: Mapped[str | None] = mapped_column(String(12), info=ADDED)
    benefit_risk: Mapped[str | None] = field(
        "Physician's assessment of benefit and risk",
        Text,
        long=True,
        conditional=True,
        section="Condition or exception",
    )
    patient_told: Mapped[bool | None] = field("Patient informed", conditional=True, section="Condition or exception")
    follow_up_plan: Mapped[str | None] = field(
        "Follow-up plan", Text, long=True, conditional=True, section="Condition or exception"
    )
    routes: Mapped[list[str]] = mapped_column(default=list)
    evidence: Mapped[str] = mapped_column(default="")
    basis: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True), info=ADDED)
    findings: Mapped[list[str]] = mapped_column(default=list)
    workings: Mapped[list[str]] = mapped_column(default=list)

    product: Mapped[Product] = relationship()
    requested_by: Mapped[Any] = relationship("User", foreign_keys=[requested_by_id])
    told: Mapped[Any] = relationship("User", primaryjoin="foreign(Release.told_id) == User.id")

    def problems(self, *, at: datetime) -> list[str]:
        """Also rules 44 and 47: what a condition or an exception must say."""
        found = super().problems(at=at)
        if self.decision not in {None, "conforms"} and not self.reason:
            found.append(
                Problem("Reason: required for a hold, rejection, acceptance, condition or exception.", "reason")
            )
        if self.decision in {"conditional", "exceptional"} and not self.physician_told:
            found.append(Problem("Physician informed: required", "physician_told", rule=44))
        elif self.physician_told and self.origin == "clinic" and (self.told is None or not _treats(self.told)):
            said = f"Physician informed: no physician of this clinic is called “{self.physician_told}”."
            found.append(Problem(f"{said} Choose a physician who has an account.", "physician_told", rule=44))
        if self.decision == "exceptional" and self.origin == "clinic":
            if self.requested_by is None or not _treats(self.requested_by):
                said = "An exception is requested by a physician: enter the name."
                found.append(Problem(said, "requested_by_id", rule=47))
            if not self.benefit_risk:
                said = "Physician's assessment of benefit and risk: required for an exception."
                found.append(Problem(said, "benefit_risk", rule=47))
            if not self.patient_told:
                said = "The patient must be informed before a product is released by exception."
                found.append(Problem(said, "patient_told", rule=47))
            if not self.follow_up_plan:
                found.append(Problem("Follow-up plan: required for an exception.", "follow_up_plan", rule=47))
        return found

    @property
    def releases(self) -> bool:
        """Whether it lets the product be given; a hold and a rejection do not."""
        return self.decision in RELEASING

    @property
    def permits(self) -> bool:
        """Whether something may go on under it: the giving, or the processing of what was collected."""
        return self.decision in PERMITTING

    @property
    def needs_permission(self) -> bool:
        return self.releases

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.RELEASE) -> Signature:
        """Sign the decision: quality, for an exception the medical director and who requested it too (rules 45, 47).

        Nobody who made or tested the product signs a release. The physician who was informed acknowledges it.
        """
        acknowledges = by.id == self.told_id and by.id != self.requested_by_id
        if by.role not in {Role.QUALITY, Role.DIRECTOR} and by.id not in {self.requested_by_id, self.told_id}:
            raise RuleBroken(
                "Quality staff sign a release. An exception is also signed by the medical director and by the "
                "physician who requests it; the physician who was informed acknowledges it.",
                rule=45,
            )
        session = object_session(self)
        if session is not None and not acknowledges:
            session.flush()
            self._admit(around(session, self.product), by=by, at=at)
        return super().sign(by=by, at=at, meaning=self.meaning_for(by) if meaning is Meaning.RELEASE else meaning)

    def meaning_for(self, by: User) -> Meaning:
        """Return what a person's signature says: a release, the approval of a request, or a review."""
        if by.id == self.requested_by_id:
            return Meaning.APPROVAL
        return Meaning.RELEASE if self.releases and by.id != self.told_id else Meaning.REVIEW

    @property
    def sentences(self) -> dict[Meaning, str]:
        """What a signature under this decision says, where it says more than its meaning does."""
        return {Meaning.REVIEW: said} if (said := SIGNED_AS.get(self.decision or "")) else {}

    @property
    def release_signatures(self) -> list[Signature]:
        """The signatures that release: not that of who asked for it, nor of the physician who only acknowledged it."""
        others = {self.requested_by_id, self.told_id} if self.releases else set()
        return [s for s in self.present_signatures if s.meaning is Meaning.RELEASE and s.signed_by_id not in others]

    @property
    def acknowledged(self) -> bool:
        """Whether the physician who was to be informed has signed; nobody is awaited where no account is named."""
        return self.told_id is None or any(s.signed_by_id == self.told_id for s in self.present_signatures)

    def headline(self) -> str:
        return DECISIONS.get(self.decision or "", "Release")

    def _admit(self, records: CourseRecords, *, by: User, at: datetime) -> None:
        if not self.permits:
            return
        if by.id != self.requested_by_id:
            not_by(records, self.product, by)
        not_again(records, self.product, by, self.overturns(records))
        changed = self.outdated(records)
        if changed:
            raise RuleBroken(" ".join([*changed, "Decide again."]), rule=46)
        may_be_decided(records, self.product, at)

    def overturns(self, records: CourseRecords) -> Release | None:
        """Return the “no” that this decision would overturn: one before it that no release has overturned yet."""
        return standing_no(records, self.product, before=self) if self.permits else None

    def needs(self, records: CourseRecords) -> tuple[Role, ...]:
        """Return the roles that must sign: quality; for an exception or against a rejection the director too.

        An exception also needs the physician who requests it.
        """
        if self.decision == "exceptional":
            return (Role.QUALITY, Role.DIRECTOR, Role.PHYSICIAN)
        if self.overturns(records) is not None:
            return (Role.QUALITY, Role.DIRECTOR)
        return (Role.QUALITY,)

    def lacks(self, records: CourseRecords, *, by: datetime | None = None) -> list[Role]:
        """Return whose signature a permitting decision still needs, or still needed at a moment, ``by``."""
        if not self.permits or self.origin is Origin.IMPORTED:
            return []
        signed = {
            signature.role
            for signature in self.present_signatures
            if signature.role != Role.PHYSICIAN.value or signature.signed_by_id == self.requested_by_id
            if by is None or signature.signed_at <= by
        }
        return [role for role in self.needs(records) if role.value not in signed]

    def complete_since(self, records: CourseRecords) -> datetime | None:
        """Return since when a releasing decision is taken and signed by all who must; None: it is not."""
        if not self.releases or self.performed_at is None:
            return None
        moments = sorted(signature.signed_at for signature in self.present_signatures)
        complete = next((moment for moment in moments if not self.lacks(records, by=moment)), None)
        return max(self.performed_at, complete) if complete is not None else None

    def outdated(self, records: CourseRecords) -> list[str]:
        """Return in words what changed since the decision, so that it is no longer valid; empty: it does (rule 46)."""
        if not self.permits:
            return []
        back = [
            one for one in self.product.movements if one.kind == "unassigned" and one.recorded_at > self.recorded_at
        ]
        if back:
            return ["The product was returned to the bank after this decision, which was for another course."]
        return outdated(records, self.product, self)

    def effective(self, records: CourseRecords) -> bool:
        """Whether it counts now (rules 45 to 47).

        A hold and a rejection count from the moment they are recorded: safety does not wait for a signature. A release
        counts when all have signed who must, and while nothing that it rests on has changed.
        """
        if not self.permits:
            return True
        return bool(self.present_signatures) and not self.lacks(records) and not self.outdated(records)


def _treats(person: User) -> bool:
    return person.active and person.role is Role.PHYSICIAN


def standing_no(records: CourseRecords, product: Product, *, before: Release | None = None) -> Release | None:
    """Return the “no” that a release overturns: the product's rejection, or a hold or rejection of its ancestors.

    A release after it has overturned it; a hold of the product itself is decided on as any product is (rules 45, 50).
    """
    line = ancestry(records, product)
    for one in line:
        made = decisions(records, one) if one is product else of_source(records, one, line)
        earlier = [said for said in made if before is None or _earlier(said, before)]
        found = _last_no(records, earlier, against={"reject"} if one is product else {"hold", "reject"})
        if found is not None:
            return found
    return None


def _last_no(records: CourseRecords, earlier: list[Release], *, against: set[str]) -> Release | None:
    for one in reversed(earlier):
        if one.decision in against:
            return one
        if one.permits and one.effective(records):
            return None
    return None


def _named(session: Session, facts: dict[str, Any], by: User) -> dict[str, Any]:
    """Return the facts of a decision with the account of the physician who was informed: by id, or by printed name."""
    said = (facts.get("physician_told") or "").strip()
    chosen = select(type(by)).where(type(by).site_id == by.site_id).order_by(type(by).printed_name.desc())
    people = [one for one in session.scalars(chosen) if _treats(one)] if said else []
    found = [one for one in people if said == one.id or re.fullmatch(re.escape(one.printed_name) + r"(\W.*)?", said)]
    if not found:
        return facts
    return facts | {"told": found[0], "physician_told": found[0].printed_name if said == found[0].id else said}


def _earlier(one: Release, other: Release) -> bool:
    return (one.recorded_at, one.id) < (other.recorded_at, other.id)


def _against_cells(records: CourseRecords, one: Release) -> str:
    """Return the reason of a hold or a rejection that is not plainly of its container; empty: none, or overturned.

    Another “no” of the same container counts beside it. A release that all have signed, the director too after a
    rejection, overturns it for whatever shares the cells.
    """
    reason = ever_said(one, "reason")
    if one.permits or of_one_container(reason):
        return ""
    needed = {Role.QUALITY.value, Role.DIRECTOR.value} if one.decision == "reject" else {Role.QUALITY.value}
    later = [made for made in records.on(one.product, Release) if made.permits and _earlier(one, made)]
    return "" if any(needed <= {signed.role for signed in made.present_signatures} for made in later) else reason


SPEAKS[Release] = Speaker(_against_cells, Release.decision.in_(("hold", "reject")))


def decisions(records: CourseRecords, product: Product) -> list[Release]:
    """Return the decisions on a product in the order in which they were recorded."""
    return sorted(records.on(product, Release), key=lambda one: (one.recorded_at, one.id))


def of_source(records: CourseRecords, source: Product, line: list[Product]) -> list[Release]:
    """Return the decisions on an ancestor that count for what was made of it: ``line``, the whole ancestry.

    A “no” to what was left after the run, for a reason that is plainly of that container (“expired”), is none.
    """
    made = {one.run_id for one in line}
    runs = [run for use in source.uses if use.run_id in made and (run := records.get(use.run_id)) is not None]
    return [
        one
        for one in decisions(records, source)
        if one.permits or not runs or any(before_the_end(one, run) for run in runs)
        or not of_one_container(ever_said(one, "reason"))
    ]  # fmt: skip


def released_since(records: CourseRecords, product: Product) -> datetime | None:
    """Return when a product was first released: decided, and signed by all who must; None: never."""
    found = [one.complete_since(records) for one in records.on(product, Release)]
    return min((since for since in found if since is not None), default=None)


@once
def standing_decision(records: CourseRecords, product: Product) -> Release | None:
    """Return the last decision that counts now."""
    return next((one for one in reversed(decisions(records, product)) if one.effective(records)), None)


def released(records: CourseRecords, product: Product) -> Release | None:
    """Return the decision under which a product may be given now: the last one that counts, if it releases."""
    last = standing_decision(records, product)
    return last if last is not None and last.releases else None


def decide(
    product: Product, version: ProtocolVersion | None, *, by: User, at: datetime, decision: str, **facts: Any
) -> Release:
    """Record a decision with its evidence; `RuleBroken` where the results do not carry it (rules 40 to 45).

    A donation that no protocol has yet is held or rejected like any other container: a no waits for nothing.
    """
    session = object_session(product)
    if session is None or (version is None and decision in RELEASING):
        raise RuleBroken("No protocol is assigned to this product yet. Assign it to a course first.")
    records = around(session, product)
    points, rests = points_of(records, product, at), basis(records, product)
    if decision in PERMITTING:
        not_by(records, product, by)
        if told := growth_in_words(facts):
            raise RuleBroken(*told)
        may_be_decided(records, product, at)
        against = standing_no(records, product)
        not_again(records, product, by, against)
        if against is not None and not facts.get("reason"):
            what = "it" if against.product_id == product.id else f"what it was made from ({against.product_id})"
            done = "rejected" if against.decision == "reject" else "held"
            said = f"Reason: required, because {what} was {done} before"
            raise RuleBroken(Problem(said, "reason", rule=45))
        answered(standing_decision(records, product), facts.get("reason"))
        near = beside(records, product)
        if near and not facts.get("reason"):
            said = f"Reason: required, because of {'; '.join(near)}. These are the same cells, or share theirs"
            raise RuleBroken(Problem(said, "reason", rule=40))
        kin = against_by_kin(records, product)
        if kin and not facts.get("reason"):
            raise RuleBroken(Problem(f"Reason: required. {' '.join(kin)}", "reason", rule=50))
        said = refusals(decision, points, records.on(product, QCResult), collected=product.run_id is None)
        if said:
            raise RuleBroken(*said)
    facts.setdefault("performed_at", at)
    facts.setdefault("performed_by", by)
    facts = _named(session, facts, by)
    return Release.log(
        by=by, at=at, site_id=product.site_id, product_id=product.id, product=product, decision=decision,
        basis=rests, evidence=digest(rests), findings=[point.sentence for point in points],
        workings=[working.sentence for working in workings_of(records, product, at)],
        routes=list(version.says.routes) if version is not None else [], **facts,
    )  # fmt: skip
