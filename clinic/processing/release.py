"""The decision of quality on one product: released, released under a condition or an exception, held, rejected."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, select
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from clinic.access import Role
from clinic.errors import RuleBroken
from clinic.fields import field
from clinic.ledger.models import digest
from clinic.model import reference
from clinic.processing.models import ProcessingRun
from clinic.processing.qc import QCResult, unmet
from clinic.products.models import Product
from clinic.records import Meaning, Record

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.protocols.models import ProtocolVersion
    from clinic.records import Signature

DECISIONS = {
    "conforms": "Released: conforms",
    "conditional": "Released under a condition: a result is pending",
    "exceptional": "Released by exception: does not conform",
    "hold": "On hold",
    "reject": "Rejected",
}
RELEASING = {"conforms", "conditional", "exceptional"}
NEVER_EXCEPTIONAL = {"sterility", "mycoplasma", "gram_stain"}
"""Tests whose failure no exception can release (rule 43, hazard H26)."""


class Release(Record):
    """One decision, with the evidence it rests on. It holds only while that evidence stands unchanged (rule 46)."""

    KIND = "RL"
    NOUN = "Release"
    HAPPENED = "Decided at"
    DONE = "Decided by"

    product_id: Mapped[str] = reference("product")
    decision: Mapped[str | None] = field("Decision", choices=DECISIONS, required=True, section="Decision")
    reason: Mapped[str | None] = field(
        "Reason", Text, long=True, section="Decision", hint="Always for a hold, a rejection, a condition, an exception"
    )
    physician_told: Mapped[str | None] = field(
        "Physician who was told", section="Condition or exception", hint="Name and time"
    )
    benefit_risk: Mapped[str | None] = field(
        "Benefit and risk, as the physician judged", Text, long=True, section="Condition or exception"
    )
    patient_told: Mapped[bool | None] = field("The patient was told", section="Condition or exception")
    follow_up_plan: Mapped[str | None] = field("What is watched afterwards", Text, long=True, section="Condition or exception")
    routes: Mapped[list[str]] = mapped_column(default=list)
    evidence: Mapped[str] = mapped_column(default="")
    findings: Mapped[list[str]] = mapped_column(default=list)

    product: Mapped[Product] = relationship()

    def faults(self, *, at: datetime) -> list[str]:
        """Also rules 44 and 47: what a condition or an exception must say."""
        found = super().faults(at=at)
        if self.decision not in {None, "conforms"} and not self.reason:
            found.append("Reason is missing.")
        if self.decision in {"conditional", "exceptional"} and not self.physician_told:
            found.append("Physician who was told is missing.")
        if self.decision == "exceptional":
            if not self.benefit_risk:
                found.append("Benefit and risk is missing.")
            if not self.patient_told:
                found.append("The patient must have been told before a product is released by exception.")
            if not self.follow_up_plan:
                found.append("What is watched afterwards is missing.")
        return found

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.RELEASE) -> Signature:
        """Sign the decision: quality, and for an exception the medical director as well; never who made or tested it."""
        if by.role not in {Role.QUALITY, Role.DIRECTOR}:
            raise RuleBroken("A release is signed by quality; an exception by the medical director as well.")
        if by.id in hands_on(self.product):
            raise RuleBroken("Whoever processed or tested a product does not release it. Ask another person of quality.")
        return super().sign(by=by, at=at, meaning=meaning)

    @property
    def effective(self) -> bool:
        """Whether it is signed by all who must, and rests on evidence that has not changed since."""
        roles = {signature.role for signature in self.present_signatures}
        needed = {"quality", "director"} if self.decision == "exceptional" else set()
        if not roles or not needed <= roles:
            return False
        return self.decision not in RELEASING or self.evidence == evidence_of(self.product)

    def headline(self) -> str:
        return DECISIONS.get(self.decision or "", "Release")


def results_of(product: Product) -> list[QCResult]:
    """Return the results of a product, oldest first."""
    session = object_session(product)
    if session is None:
        return []
    return list(
        session.scalars(
            select(QCResult).where(QCResult.product_id == product.id).order_by(QCResult.performed_at, QCResult.id)
        )
    )


def releases_of(product: Product) -> list[Release]:
    """Return the decisions on a product, oldest first."""
    session = object_session(product)
    if session is None:
        return []
    return list(
        session.scalars(
            select(Release).where(Release.product_id == product.id).order_by(Release.recorded_at, Release.id)
        )
    )


def evidence_of(product: Product) -> str:
    """Return the hash of all results that a release rests on: one changed digit makes another hash (rule 46)."""
    return digest([result.content() for result in results_of(product)])


def hands_on(product: Product) -> set[str]:
    """Return the ids of everybody who processed or tested a product (rule 45)."""
    people = {person for result in results_of(product) for person in (result.performed_by_id, result.recorded_by_id)}
    session = object_session(product)
    run = session.get(ProcessingRun, product.run_id) if session and product.run_id else None
    if run is not None:
        people |= {run.performed_by_id, run.recorded_by_id}
        people |= {m.performed_by_id for m in run.manipulations} | {c.performed_by_id for c in run.counts}
    return {person for person in people if person}


def released(product: Product) -> Release | None:
    """Return the decision under which a product may be given now: the last effective one, if it releases."""
    effective = [release for release in releases_of(product) if release.effective]
    return effective[-1] if effective and effective[-1].decision in RELEASING else None


def decide(product: Product, version: ProtocolVersion, *, by: User, at: datetime, decision: str, **facts: Any) -> Release:
    """Write down a decision with its evidence; raises `RuleBroken` where the results do not carry it (rules 40 to 44)."""
    if by.id in hands_on(product):
        raise RuleBroken("Whoever processed or tested a product does not release it. Ask another person of quality.")
    open_tests = unmet(version, results_of(product))
    if decision == "conforms" and open_tests:
        raise RuleBroken("The product does not conform: " + " ".join(sentence for _spec, sentence, _pending in open_tests))
    if decision == "conditional":
        hard = [sentence for _spec, sentence, may_be_pending in open_tests if not may_be_pending]
        if hard or not open_tests:
            raise RuleBroken(" ".join(["A condition can only wait for a result that the protocol lets be pending.", *hard]))
    if decision == "exceptional":
        never = [s for spec, s, _pending in open_tests if spec.test in NEVER_EXCEPTIONAL and "pending" not in s and "no result" not in s]
        if never:
            raise RuleBroken("No exception can release this: " + " ".join(never))
    return Release.log(
        by=by, at=at, product_id=product.id, product=product, decision=decision, evidence=evidence_of(product),
        findings=[sentence for _spec, sentence, _pending in open_tests], routes=list(version.says.routes), **facts,
    )  # fmt: skip


