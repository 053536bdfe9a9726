"""The decision of quality on one product: released, released under a condition or an exception, held, rejected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from clinic.access import Role
from clinic.accounts.models import User
from clinic.errors import RuleBroken
from clinic.fields import field
from clinic.ledger.models import digest
from clinic.model import reference
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product, ancestors
from clinic.protocols.catalogues import QC_TESTS
from clinic.records import Meaning, Record
from clinic.release.arithmetic import Working, endotoxin_per_kg
from clinic.release.results import QCResult, Verdict, standing, unmet

if TYPE_CHECKING:
    from collections.abc import Sequence

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
CLEAN = {"sterility": "no_growth", "mycoplasma": "negative", "gram_stain": "no_organisms"}
"""Tests of germs with their one good outcome. Any other outcome no exception can release (rule 43, hazard H26)."""
TESTER = "Whoever processed or tested a product does not release it. Ask another person of quality."


class Release(Record):
    """One decision, with the evidence it rests on. It holds only while that evidence stands unchanged (rule 46)."""

    KIND = "RL"
    NOUN = "Decision"
    HAPPENED = "Decided at"
    DONE = "Decided by"

    product_id: Mapped[str] = reference("product")
    decision: Mapped[str | None] = field("Decision", choices=DECISIONS, required=True, section="Decision")
    reason: Mapped[str | None] = field(
        "Reason", Text, long=True, section="Decision", hint="Always for a hold, a rejection, a condition, an exception"
    )
    requested_by_id: Mapped[str | None] = field(
        "Requested by the physician",
        String(12),
        ForeignKey("user_account.id"),
        section="Condition or exception",
        hint="Who asked for these cells although they do not conform",
    )
    physician_told: Mapped[str | None] = field(
        "Physician who was told", section="Condition or exception", hint="Name and time"
    )
    benefit_risk: Mapped[str | None] = field(
        "Benefit and risk, as the physician judged", Text, long=True, section="Condition or exception"
    )
    patient_told: Mapped[bool | None] = field("The patient was told", section="Condition or exception")
    follow_up_plan: Mapped[str | None] = field(
        "What is watched afterwards", Text, long=True, section="Condition or exception"
    )
    routes: Mapped[list[str]] = mapped_column(default=list)
    evidence: Mapped[str] = mapped_column(default="")
    findings: Mapped[list[str]] = mapped_column(default=list)
    workings: Mapped[list[str]] = mapped_column(default=list)

    product: Mapped[Product] = relationship()
    requested_by: Mapped[User | None] = relationship("User", foreign_keys=[requested_by_id])

    def problems(self, *, at: datetime) -> list[str]:
        """Also rules 44 and 47: what a condition or an exception must say."""
        found = super().problems(at=at)
        if self.decision not in {None, "conforms"} and not self.reason:
            found.append("Reason is missing.")
        if self.decision in {"conditional", "exceptional"} and not self.physician_told:
            found.append("Physician who was told is missing.")
        if self.decision == "exceptional" and self.origin == "clinic":
            if self.requested_by is None or self.requested_by.role is not Role.PHYSICIAN:
                found.append("An exception is requested by a physician: say by whom.")
            if not self.benefit_risk:
                found.append("Benefit and risk is missing.")
            if not self.patient_told:
                found.append("The patient must have been told before a product is released by exception.")
            if not self.follow_up_plan:
                found.append("What is watched afterwards is missing.")
        return found

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.RELEASE) -> Signature:
        """Sign the decision: quality, for an exception the medical director too; never who made or tested it."""
        if by.role not in {Role.QUALITY, Role.DIRECTOR}:
            raise RuleBroken("A release is signed by quality; an exception by the medical director as well.")
        if by.id in hands_on(self.product):
            raise RuleBroken(TESTER)
        if self.decision in RELEASING:
            if self.evidence != evidence_of(self.product):
                raise RuleBroken("The results changed since this decision was written down. Decide again.")
            may_be_decided(self.product, at)
        return super().sign(by=by, at=at, meaning=meaning)

    def holds(self, evidence: str) -> bool:
        """Whether the decision stands on this evidence (rules 45 to 47).

        A hold and a rejection stand from the moment they are written down: the safe side waits for nobody. A release
        stands when all have signed who must, and while no result was added or amended since.
        """
        if self.decision not in RELEASING:
            return True
        roles = {signature.role for signature in self.present_signatures}
        needed = {"quality", "director"} if self.decision == "exceptional" else {"quality"}
        return needed <= roles and self.evidence == evidence

    @property
    def effective(self) -> bool:
        """Whether it stands now."""
        return self.holds(evidence_of(self.product))

    @property
    def lacks(self) -> list[Role]:
        """Whose signature a releasing decision still needs."""
        roles = {signature.role for signature in self.present_signatures}
        needed = (Role.QUALITY, Role.DIRECTOR) if self.decision == "exceptional" else (Role.QUALITY,)
        return [role for role in needed if role.value not in roles]

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


def evidence(results: list[QCResult]) -> str:
    """Return the hash of the results that a release rests on: one changed digit makes another hash (rule 46)."""
    return digest([result.content() for result in results])


def evidence_of(product: Product) -> str:
    """Return the hash of all results of a product, as they are now."""
    return evidence(results_of(product))


def run_of(product: Product) -> ProcessingRun | None:
    """Return the run that made a product; None for what was harvested."""
    session = object_session(product)
    return session.get(ProcessingRun, product.run_id) if session and product.run_id else None


def hands_on(product: Product) -> set[str]:
    """Return the ids of everybody who processed or tested a product, or what it was made of (rule 45)."""
    session = object_session(product)
    people = {person for result in results_of(product) for person in (result.performed_by_id, result.recorded_by_id)}
    if session is not None:
        made_in = select(Product.run_id).where(Product.id.in_(ancestors(session, product.id)))
        runs = session.scalars(select(ProcessingRun).where(ProcessingRun.id.in_(made_in)))
        people |= {person for run in runs for person in run.hands}
    return {person for person in people if person}


def standing_decision(releases: list[Release], evidence: str) -> Release | None:
    """Return the last decision that stands on this evidence."""
    return next((release for release in reversed(releases) if release.holds(evidence)), None)


def released(product: Product) -> Release | None:
    """Return the decision under which a product may be given now: the last one that stands, if it releases."""
    last = standing_decision(releases_of(product), evidence_of(product))
    return last if last is not None and last.decision in RELEASING else None


@dataclass(frozen=True, kw_only=True)
class Point:
    """One thing that keeps a product from conforming. ``may_wait``: a condition may; ``never``: no exception can."""

    test: str
    sentence: str
    may_wait: bool = False
    never: bool = False


def open_points(version: ProtocolVersion, results: list[QCResult], workings: Sequence[Working] = ()) -> list[Point]:
    """Return all that keeps a product with these results from conforming (rules 40 to 44)."""
    points = []
    for spec, sentence, may_wait in unmet(version, results):
        final = [r for r in standing(results, spec.test) if r.against(spec) is Verdict.OUTSIDE]
        points.append(
            Point(test=spec.test, sentence=sentence, may_wait=may_wait, never=spec.test in CLEAN and bool(final))
        )
    named = {point.test for point in points}
    for test, good in CLEAN.items():
        found = [reading for reading in standing(results, test) if reading.outcome not in {None, good}]
        if found and test not in named:
            label = QC_TESTS[test].label
            points.append(
                Point(
                    test=test,
                    sentence=f"{label} is {found[-1].words}, though this protocol does not ask for it.",
                    never=True,
                )
            )
    return points + [Point(test="endotoxin", sentence=working.sentence) for working in workings if not working.good]


def workings_of(product: Product, results: list[QCResult], at: datetime) -> list[Working]:
    """Return the sums that judge a product for the patient of its course: endotoxin per kg and route (rule 42)."""
    course = product.treatment
    if course is None:
        return []
    weight = course.weight_at(at)
    return endotoxin_per_kg(
        results, volume=product.volume, kg=weight.kg if weight else course.weight_kg, route=course.route
    )


def refusal(decision: str, points: list[Point], results: list[QCResult]) -> str:
    """Return in words why a decision cannot be taken on these points; empty where it can (rules 43, 44)."""
    if decision == "conforms" and points:
        return " ".join(["The product does not conform:", *(point.sentence for point in points)])
    if decision == "conditional":
        hard = [point.sentence for point in points if not point.may_wait]
        if hard or not points:
            return " ".join(["A condition can only wait for a result that the protocol lets be pending.", *hard])
        gram = [reading for reading in standing(results, "gram_stain") if reading.outcome == CLEAN["gram_stain"]]
        if any(point.test == "sterility" for point in points) and not gram:
            return "While the culture is pending, a Gram stain without organisms is needed."
    if decision == "exceptional":
        never = [point.sentence for point in points if point.never]
        if never:
            return " ".join(["No exception can release this:", *never])
        if not points:
            return "The product conforms: no exception is needed."
    return ""


def may_be_decided(product: Product, at: datetime) -> None:
    """Refuse to release what cannot be given any more, or whose processing nobody answers for yet (rule 50)."""
    if product.discarded or product.given:
        raise RuleBroken("This product was given or discarded. It cannot be released any more.")
    if product.uses and product.left <= 0:
        raise RuleBroken("All of this product went into processing. Release what was made of it.")
    if product.expired(at):
        raise RuleBroken("This product is expired. It cannot be released.")
    run = run_of(product)
    if run is not None and run.origin == "clinic" and not run.signed:
        raise RuleBroken("The processing that made this product is not signed yet.")


def decide(
    product: Product, version: ProtocolVersion | None, *, by: User, at: datetime, decision: str, **facts: Any
) -> Release:
    """Write down a decision with its evidence; `RuleBroken` where the results do not carry it (rules 40 to 44)."""
    if by.id in hands_on(product):
        raise RuleBroken(TESTER)
    if version is None:
        raise RuleBroken("No protocol judges this product yet. Assign it to a course first.")
    results = results_of(product)
    workings = workings_of(product, results, at)
    points = open_points(version, results, workings)
    if decision in RELEASING:
        may_be_decided(product, at)
        said = refusal(decision, points, results)
        if said:
            raise RuleBroken(said)
    facts.setdefault("performed_at", at)
    facts.setdefault("performed_by", by)
    return Release.log(
        by=by,
        at=at,
        site_id=product.site_id,
        product_id=product.id,
        product=product,
        decision=decision,
        evidence=evidence(results),
        findings=[point.sentence for point in points],
        workings=[working.sentence for working in workings],
        routes=list(version.says.routes),
        **facts,
    )
