"""Who may decide on a product, and what must be true first."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import object_session

from clinic.access import Role
from clinic.processing.step import asked, unsigned_harvests, verified
from clinic.processing.waiting import releases
from clinic.products.models import Product, products_of
from clinic.protocols.catalogues import QC_TESTS
from clinic.release.models import (
    CLEAN,
    Point,
    Release,
    evidence_of,
    open_points,
    releases_of,
    results_of,
    run_of,
    standing_decision,
    workings_of,
)
from clinic.release.product_state import ProductState, state_of
from clinic.release.results import standing
from clinic.steps import Action, Blocked, Progress, State, Step
from clinic.treatments import gates

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment

LOGS = frozenset({Role.QUALITY})
SIGNS = frozenset({Role.QUALITY, Role.DIRECTOR})
LABORATORY = (Role.TECHNOLOGIST,)


def decidable(course: Treatment) -> list[Product]:
    """Return the products of a course to decide on: what runs made, banked cells; without a run, the harvest's."""
    session = object_session(course)
    if session is None:
        return []
    found = products_of(session, course.id)
    if asked(course):
        found = [product for product in found if product.run_id is not None]
    return [product for product in found if not (product.uses and product.left <= 0)]


def unfinished_run(product: Product) -> list[Blocked]:
    """Return that the run that made a product is not signed, or not verified where the protocol asks for it."""
    run = run_of(product)
    if run is None or verified(run):
        return []
    said, who = ("signed", LABORATORY) if not run.signed else ("verified by a second person", run.verifiers)
    because = f"The processing ({run.headline()}) is not {said}."
    return [Blocked(because=because, who=who, fix=("processing.show", {"run_id": run.id}), fix_label="Open the run")]


def donor_of_the_bank(product: Product, at: datetime) -> list[Blocked]:
    """Banked cells of a donor wait in quarantine until the donor is determined to be eligible (rules 17, 18)."""
    if product.treatment is not None:
        collected = product.collected_at or at
        return gates.donor(product.treatment, collected)
    determination = product.donor.eligibility()
    if product.relation == "autologous" or (determination is not None and determination.outcome == "eligible"):
        return []
    if determination is not None and determination.urgent_need and determination.physician_told:
        return []
    because = (
        "The donor's eligibility is not determined and signed."
        if determination is None
        else "The donor is not eligible."
    )
    fix = ("donors.new_eligibility", {"donor_id": product.donor_id})
    return [Blocked(rule=17, because=because, who=(Role.PHYSICIAN,), fix=fix, fix_label="Determine")]


def before(product: Product, at: datetime) -> list[Blocked]:
    """Return what must be true before anybody decides to release one product, apart from its results."""
    course = product.treatment
    found = gates.may_go_on(course, at) + unsigned_harvests(course) if course is not None else []
    return found + donor_of_the_bank(product, at) + unfinished_run(product)


def points_of(product: Product, at: datetime) -> list[Point]:
    """Return what keeps the results of a product from conforming; all of it where no protocol judges them."""
    version = product.judged_under
    results = results_of(product)
    if version is None:
        return [
            Point(
                test="",
                sentence="No protocol says yet what this product must pass. Assign it to a course.",
            )
        ]
    return open_points(version, results, workings_of(product, results, at))


def blockers(course: Treatment, at: datetime) -> list[Blocked]:
    """Return what has to come first: a product of a closed run; consent, eligibility and donor (rules 14 to 23)."""
    found = gates.may_go_on(course, at)
    products = decidable(course)
    if not products:
        because = (
            "There is no product to decide on: nothing was processed yet."
            if asked(course)
            else "There is no product to decide on yet."
        )
        fix = (
            ("processing.index", {"treatment_id": course.id})
            if asked(course)
            else ("harvest.index", {"treatment_id": course.id})
        )
        return [*found, Blocked(because=because, who=LABORATORY, fix=fix)]
    collected = [product.collected_at for product in products if product.collected_at is not None]
    found = found + unsigned_harvests(course) + gates.donor(course, min(collected, default=at))
    closed = [unfinished_run(product) for product in products]
    return found if not all(closed) else found + closed[0]


def progress(course: Treatment, at: datetime) -> Progress:
    """Done when a product is released or was given; in progress while its results come in."""
    products = decidable(course)
    found = [(product, state_of(product, at)) for product in products]
    for product, state in found:
        if state.usable or state is ProductState.GIVEN:
            last = standing_decision(releases_of(product), evidence_of(product))
            who = last.performed_by.printed_name if last is not None and last.performed_by else ""
            return Progress(state=State.DONE, word="Released" if state is ProductState.GIVEN else state.label, by=who)
    for wanted in (ProductState.HOLD, ProductState.REJECTED, ProductState.EXPIRED):
        if found and all(state in {wanted, ProductState.DISCARDED} for _product, state in found):
            return Progress(state=State.BLOCKED, word=wanted.label)
    if any(results_of(product) for product in products):
        return Progress(state=State.NOW, word="In quarantine")
    closed = bool(blockers(course, at))
    return Progress(state=State.BLOCKED if closed else State.TO_DO, word="Blocked" if closed else "To do")


def actions(course: Treatment, at: datetime) -> list[Action]:
    """Test, decide, sign; read the culture when it is final; assess what was found after the cells were given."""
    closed = bool(blockers(course, at))
    found: list[Action] = []
    for product in decidable(course):
        state = state_of(product, at)
        found += contaminated(product, state)
        found += cultures(product, at)
        if state is ProductState.QUARANTINE and not closed:
            found += undecided(product, at)
    return found


def undecided(product: Product, at: datetime) -> list[Action]:
    """Return the next act on a product in quarantine."""
    name = f"{product.name} {product.division or ''}".strip()
    to_release, due = ("release.release", {"product_id": product.id}), product.expires_at
    last = next(iter(reversed(releases_of(product))), None)
    if last is not None and last.evidence == evidence_of(product) and last.lacks:
        why = f"{name}: {last.headline()}. Written down, not signed."
        return [Action(title="Sign the release", why=why, who=tuple(last.lacks), to=to_release, due_at=due)]
    points = points_of(product, at)
    if last is not None and last.signatures:
        why = f"{name}: a result was added or amended after the release, so it no longer holds (rule 46)."
        return [
            Action(
                title="Decide again",
                why=why,
                who=tuple(LOGS),
                to=to_release,
                due_at=due,
                danger=any(not p.may_wait for p in points),
            )
        ]
    missing = [point for point in points if "no result" in point.sentence]
    if missing:
        why = f"{name}: {len(missing)} {'test has' if len(missing) == 1 else 'tests have'} no result yet."
        return [
            Action(
                title="Enter the test results",
                why=why,
                who=LABORATORY,
                to=("release.results", {"product_id": product.id}),
                due_at=due,
            )
        ]
    why = f"{name}: every result is within its limit." if not points else f"{name}: {points[0].sentence}"
    return [Action(title="Decide on the release", why=why, who=tuple(LOGS), to=to_release, due_at=due)]


def cultures(product: Product, at: datetime) -> list[Action]:
    """Return the cultures to read on their last day, also after the cells were given (rule 44)."""
    found = []
    for test in CLEAN:
        readings = standing(results_of(product), test)
        final = readings[-1].final_at if readings and (readings[-1].pending or readings[-1].interim) else None
        if final is not None:
            why = f"{QC_TESTS[test].label} of {product.name} {product.division or ''} is final {final:%-d %b %Y}."
            to = ("release.results", {"product_id": product.id})
            found.append(
                Action(title="Read the culture", why=why, who=LABORATORY, to=to, due_at=final, danger=at > final)
            )
    return found


def contaminated(product: Product, state: ProductState) -> list[Action]:
    """Germs found in cells that a patient already has: a physician assesses it as an adverse event (rule 43)."""
    if state is not ProductState.GIVEN or product.treatment_id is None:
        return []
    results = results_of(product)
    found = [r for test, good in CLEAN.items() for r in standing(results, test) if r.outcome not in {None, good}]
    return [
        Action(
            title="Assess: the cells that were given are contaminated",
            danger=True,
            who=(Role.PHYSICIAN,),
            why=f"{result.headline()}{': ' if result.finding else ''}{result.finding or ''}. Tell the patient.",
            to=("events.index", {"treatment_id": product.treatment_id}),
            due_at=result.recorded_at,
        )
        for result in found
    ]


RELEASE = Step(
    name="release",
    title="Release",
    icon="certificate",
    records=(Release,),
    endpoint="release.course",
    begin="release.course",
    logs=LOGS,
    signs=SIGNS,
    blockers=blockers,
    progress=progress,
    actions=actions,
    waiting=releases,
)
