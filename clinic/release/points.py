"""What keeps a product from conforming, and which decision its results carry (rules 40 to 44, 50)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from clinic.access import Role
from clinic.errors import Problem, RuleBroken
from clinic.products.graph import ancestry
from clinic.products.models import Product
from clinic.protocols.catalogues import CLEAN, QC_TESTS, ROUTES
from clinic.release.arithmetic import Working, amount_disagrees, endotoxin_per_kg, figures
from clinic.release.carried import judged_results
from clinic.release.evidence import findings, germs, limit_of, out_of_limit
from clinic.release.kin import RUNNING, against_by_kin
from clinic.release.pending import overdue
from clinic.release.results import QCResult, Verdict, asked_for, contaminated, standing, unmet
from clinic.steps import Blocked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinic.course_records import CourseRecords
    from clinic.protocols.models import ProtocolVersion

RELEASING = frozenset({"conforms", "conditional", "exceptional"})
ACCEPTING = "accept"
"""The decision that what was collected is processed in spite of what holds it; it releases nothing (rule 34)."""
PERMITTING = RELEASING | {ACCEPTING}


@dataclass(frozen=True, kw_only=True)
class Point:
    """One thing that keeps a product from conforming. ``may_wait``: a condition may; ``never``: no exception can.

    ``waits``: nothing speaks against the product, something is still awaited. ``of_kin``: it was said of a container
    that shares the cells, so a release wants a reason and no exception. ``breaks``: the number of the rule where it
    does not follow from the test. ``unset``: nothing speaks against the cells, a date is missing; it is the id of the
    record in which somebody enters it.
    """

    test: str
    sentence: str
    may_wait: bool = False
    never: bool = False
    waits: bool = False
    of_kin: bool = False
    breaks: int = 0
    unset: str = ""

    @property
    def rule(self) -> int:
        """The number of the rule that the product breaks; 0 where none names it."""
        test = QC_TESTS.get(self.test)
        return self.breaks or (test.broken_rule(may_wait=self.may_wait) if test is not None else 0)


def to_decide(points: Sequence[Point]) -> list[Point]:
    """Return what speaks against a product for good: quality decides, and nothing that is awaited or missing helps."""
    return [point for point in points if not (point.may_wait or point.waits or point.unset)]


def open_points(version: ProtocolVersion, results: list[QCResult], workings: Sequence[Working] = ()) -> list[Point]:
    """Return all that keeps a product with these results from conforming (rules 40 to 44)."""
    points = []
    for spec, sentence, may_wait in unmet(version, results):
        final = [r for r in standing(results, spec.test) if r.against(spec) is Verdict.OUTSIDE]
        points.append(
            Point(
                test=spec.test,
                sentence=sentence,
                may_wait=may_wait,
                never=spec.test in CLEAN and bool(final),
                waits=not final,
            )
        )
    named = {point.test for point in points}
    for test in CLEAN:
        found = [reading for reading in standing(results, test) if contaminated(reading)]
        if found and test not in named:
            label = QC_TESTS[test].label
            points.append(
                Point(
                    test=test,
                    sentence=f"{label} is {found[-1].words}, although this protocol does not require it.",
                    never=True,
                )
            )
    return points + [Point(test="endotoxin", sentence=working.sentence) for working in workings if not working.good]


def points_of(records: CourseRecords, product: Product, at: datetime) -> list[Point]:
    """Return what keeps a product from conforming: its results and other adverse evidence."""
    version = product.judged_under
    if version is None:
        return [Point(test="", sentence="No protocol is assigned to this product. Assign it to a course.", waits=True)]
    results = judged_results(records, product) if product.run_id is not None else records.on(product, QCResult)
    late = {one.test: one.sentence(records.zone) for one in overdue(records, product, at)}
    points = [
        replace(point, may_wait=False, sentence=late[point.test]) if point.test in late and point.waits else point
        for point in open_points(version, results, workings_of(records, product, at))
    ]
    points += [*_not_judged(records, product, at), *_too_few(records, product, at), *_without_end(records, product)]
    points += _contradicting(records, product)
    points += _not_asked(product, results)
    said = {point.sentence for point in points}
    own, kin = {result.headline() for result in records.on(product, QCResult)}, against_by_kin(records, product)
    grown = tuple(result.headline() for result in germs(records, product))
    return points + [
        Point(test="", sentence=sentence, never=True, breaks=43)
        if grown and sentence.startswith(grown)
        else Point(test="", sentence=sentence, of_kin=sentence in kin, breaks=50 if sentence in kin else 0)
        for sentence in findings(records, product)
        if sentence not in said and sentence.removesuffix(".").split(", usual limit")[0] not in own
    ]


def _not_asked(product: Product, results: list[QCResult]) -> list[Point]:
    """Return each result that the protocol does not ask for and that is out of its usual limit (rules 40 to 43)."""
    version = product.judged_under
    asked = {spec.test for spec in version.says.qc} if version is not None else set()
    found = []
    for test in dict.fromkeys(result.test or "" for result in results if result.test not in asked):
        for result in standing(results, test):
            if out_of_limit(result, product) and not contaminated(result) and (spec := limit_of(result, product)):
                sentence = f"{result.headline()}: the usual limit is {asked_for(spec)}; the protocol does not ask."
                found.append(Point(test=test, sentence=sentence))
    return found


def _kg(product: Product, at: datetime) -> Decimal | None:
    """Return the body weight in force at a moment, else that of the order."""
    course = product.treatment
    weight = course.patient.weight_at(at) if course is not None else None
    return weight.kg if weight else course.weight_kg if course is not None else None


NO_END = "Nothing says until when this product may be used:"


def _without_end(records: CourseRecords, product: Product) -> list[Point]:
    """Return that nothing says until when it may be used: the protocol sets no time, and nobody set one (rule 50)."""
    if not product.without_end:
        return []
    harvests = [one.harvest_id for one in ancestry(records, product) if one.harvest_id is not None]
    if product.expires_at is not None and harvests:
        sentence = f"{NO_END} record the end of the collection on its harvest; the protocol counts from it."
        return [Point(test="", sentence=sentence, breaks=50, unset=harvests[0])]
    return [Point(test="", sentence=f"{NO_END} set “Use before” on the product.", breaks=50, unset=product.id)]


def _not_judged(records: CourseRecords, product: Product, at: datetime) -> list[Point]:
    """Return that endotoxin was measured and cannot be judged per kg: weight, volume or route is missing (rule 42)."""
    course = product.treatment
    read = [one for one in standing(records.on(product, QCResult), "endotoxin") if one.value is not None]
    if course is None or not read or workings_of(records, product, at):
        return []
    kg, route = _kg(product, at), course.route in ROUTES
    missing = [name for name, known in (("weight", kg), ("volume", product.volume), ("route", route)) if not known]
    sentence = f"Endotoxin per kg cannot be judged: {', '.join(missing)} not recorded."
    return [Point(test="endotoxin", sentence=sentence, waits=True)]


CD34_LEAST = Decimal(2)
"""×10⁶ CD34+ cells per kg of body weight that a collection from the blood needs in all (rule 33)."""


def _too_few(records: CourseRecords, product: Product, at: datetime) -> list[Point]:
    """Return that all that was collected from the blood for a course holds too few CD34+ cells (rule 33)."""
    kg = _kg(product, at)
    if product.source != "peripheral_blood" or product.measure != "cd34" or not kg:
        return []
    counted = [
        one
        for one in records.of(Product)
        if one.measure == "cd34" and one.amount is not None and not (one.discarded or one.uses)
    ]
    per_kg = sum((one.amount or Decimal(0) for one in counted), Decimal(0)) / kg
    if per_kg >= CD34_LEAST:
        return []
    total = figures(per_kg, CD34_LEAST)
    sentence = f"CD34+ cells collected in all: {total} ×10⁶/kg, below {CD34_LEAST} ×10⁶/kg: plan another session."
    return [Point(test="", sentence=sentence, breaks=33)]


def _contradicting(records: CourseRecords, product: Product) -> list[Point]:
    """Return each result that contradicts the container's own amount, and nobody said why (rule 38)."""
    results = records.on(product, QCResult)
    tests = [test.key for test in QC_TESTS.values() if test.counts is not None]
    counts = [one for test in tests for one in standing(results, test) if one.value is not None]
    found = []
    for one in counts:
        if one.comparator != "=" or one.confirmed.get("value") or one.note or one.origin != "clinic":
            continue
        kg = _kg(product, one.performed_at or one.recorded_at)
        said = amount_disagrees(product, one.test or "", one.value or Decimal(0), kg)
        if said:
            sentence = f"{said} Correct one of them, or amend the result and give the reason as its note."
            found.append(Point(test=one.test or "", sentence=sentence, breaks=38))
    return found


def workings_of(records: CourseRecords, product: Product, at: datetime) -> list[Working]:
    """Return the sums that judge a product for the patient of its course: endotoxin per kg and route (rule 42)."""
    course = product.treatment
    if course is None:
        return []
    return endotoxin_per_kg(
        records.on(product, QCResult), volume=product.volume, kg=_kg(product, at), route=course.route
    )


def _against(point: Point, before: str = "") -> Problem:
    return Problem(f"{before}{point.sentence}", "decision", rule=point.rule)


def _not_acceptable(points: list[Point], *, collected: bool) -> list[Problem]:
    if not collected:
        said = "Only what was collected is accepted for processing. Release this product, or reject it."
        return [Problem(said, "decision", rule=34)]
    return [_against(point, "This cannot be accepted for processing: ") for point in points if point.never]


def refusals(decision: str, points: list[Point], results: list[QCResult], *, collected: bool = False) -> list[Problem]:
    """Return why a decision cannot be made on these points, each with its rule; empty: it can (rules 34, 40 to 44).

    ``collected``: the container is as it was collected, so that it can be accepted for processing.
    """
    if decision == ACCEPTING:
        return _not_acceptable(points, collected=collected)
    points = [point for point in points if not point.of_kin]
    if decision == "conforms":
        return [_against(point, "The product does not conform: ") for point in points]
    if decision == "conditional":
        hard = [_against(point) for point in points if not point.may_wait]
        if hard or not points:
            said = "A conditional release is possible only for results that the protocol allows to be pending."
            only = [] if points and not any(point.test for point in points if not point.may_wait) else [said]
            return [*(Problem(one, "decision", rule=44) for one in only), *hard]
        rapid = [test for test in QC_TESTS.values() if test.stands_in]
        seen = [reading for test in rapid for reading in standing(results, test.key) if _nothing_seen(reading)]
        if any(point.test in CLEAN and QC_TESTS[point.test].final_after_days for point in points) and not seen:
            needed = " or ".join(f"{test.label}: {(test.outcomes or {})[test.clean or '']}" for test in rapid)
            said = f"While the culture is pending, a rapid test is needed ({needed})."
            return [Problem(said, "decision", rule=44)]
    return _no_exception(points) if decision == "exceptional" else []


def _no_exception(points: list[Point]) -> list[Problem]:
    """Return why no exception can release it; what nobody entered is entered, it is no reason for an exception."""
    if not points:
        return [Problem("The product conforms: no exception is needed.", "decision", rule=47)]
    never = [_against(point, "No exception can release this: ") for point in points if point.never]
    return never + [_against(point) for point in points if point.unset]


def _nothing_seen(reading: QCResult) -> bool:
    return reading.outcome == CLEAN[reading.test or ""] and not contaminated(reading)


def may_be_decided(records: CourseRecords, product: Product, at: datetime) -> None:
    """Refuse to release what can no longer be given, or whose processing is not signed (rule 50).

    Of cells that run quality may decide anew, so that what was said of their kin is answered and they need not stop.
    """
    runs = any(ask(records, product) for ask in RUNNING)
    if product.discarded or (product.given and not runs):
        raise RuleBroken("This product was given or discarded. It can no longer be released.", rule=50)
    if product.uses and product.left <= 0:
        raise RuleBroken("All of this product was processed. Release the products made from it.", rule=50)
    if product.expired(at):
        raise RuleBroken("This product is expired. It cannot be released.", rule=50)
    run = records.get(product.run_id)
    if run is not None and run.origin == "clinic" and not run.signed:
        raise RuleBroken("The processing that made this product is not signed yet.", rule=45)


def without_date(product: Product, point: Point) -> Blocked:
    """Return that the date is missing from which its end follows, with who enters it and where (rule 50)."""
    own = point.unset == product.id
    return Blocked(
        rule=point.rule, because=point.sentence, who=(Role.TECHNOLOGIST,) if own else (Role.NURSE, Role.PHYSICIAN),
        fix=("record_pages.amendment", {"record_id": point.unset}),
        fix_label="Set “Use before”" if own else "Record the end of the collection",
    )  # fmt: skip
