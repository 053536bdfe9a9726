"""Who may decide on a product, and what must be true first."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from clinic import clock, wording
from clinic.access import Role
from clinic.consent.models import ended, valid
from clinic.harvest.models import Harvest
from clinic.patients.donor_screening import problems
from clinic.patients.models import Patient
from clinic.processing.models import ProcessingRun
from clinic.processing.step import WITHHELD, closed, collections, donors_usable, doubted_donor, needed, unfinished
from clinic.products.graph import ancestry, donors
from clinic.products.models import Product
from clinic.protocols.catalogues import CLEAN, QC_TESTS
from clinic.records import Origin
from clinic.release.after_giving import bad_in_given, corrected_in_given, corrected_in_words, in_words, since_given
from clinic.release.decision_words import standing_words, tells_of_danger
from clinic.release.dmso import not_recorded
from clinic.release.evidence import germs, unconfirmed
from clinic.release.kin_given import kin_in_given, kin_in_words, said_since_given
from clinic.release.models import Release, decisions, released, standing_decision
from clinic.release.pending import awaited
from clinic.release.points import ACCEPTING, points_of, to_decide, without_date
from clinic.release.product_state import (
    ProductState,
    expiry_words,
    held_because,
    not_ordered,
    state_of,
    unacknowledged,
    unanswered,
)
from clinic.release.results import QCResult, standing
from clinic.requests.models import TELLS_OF_DANGER
from clinic.steps import Action, Blocked, Mark, Progress, State, Step, is_history, marks_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.course_records import CourseRecords
    from clinic.records import Record

LOGS = frozenset({Role.QUALITY})
SIGNS = frozenset({Role.QUALITY, Role.DIRECTOR})
LABORATORY = (Role.TECHNOLOGIST,)


def decidable(records: CourseRecords) -> list[Product]:
    """Return the products of a course to decide on: what runs made, what was imported, banked cells.

    Where the protocol asks for no processing, what was harvested.
    """
    found = records.of(Product)
    if needed(records):
        found = [
            product  # an imported container that is still here is decided on as it is, wherever it was made
            for product in found
            if product.run_id is not None
            or (product.origin is Origin.IMPORTED and not product.given and not product.discarded)
        ]
    return [product for product in found if not (product.uses and product.left <= 0)]


def stops_processing(records: CourseRecords, product: Product, at: datetime) -> bool:
    """Whether what was collected waits for quality before it can be processed, or is rejected (rules 34, 50)."""
    if product.run_id is not None or (product.uses and product.left <= 0):
        return False
    return state_of(records, product, at) in {ProductState.HOLD, ProductState.REJECTED}


def before(records: CourseRecords, product: Product, at: datetime) -> list[Blocked]:
    """Return what must be true before anybody decides to release one product, apart from its results."""
    found = RELEASE.forbidden(records, at) if records.course is not None else []
    return [
        *found, *not_ordered(records, product), *cells_usable(records, product, at), *unanswered(records, product),
        *not_recorded(records, product),
    ]  # fmt: skip


def only_no(records: CourseRecords, product: Product, at: datetime) -> list[str]:
    """Return why nothing is left but to hold or to reject: its time is over, or the consent is gone (rules 15, 50)."""
    if product.given or product.discarded:
        return []
    found = [expiry_words(records, product)] if product.expired(at) else []
    if records.course is not None and ended(records, at) is not None and valid(records, at) is None:
        found.append("The patient withdrew the consent to this treatment.")
    return found


def cells_usable(records: CourseRecords, product: Product, at: datetime) -> list[Blocked]:
    """Ask for each donor in the ancestry of a product whether the cells may be used (rules 4, 17 to 20)."""
    if records.course is not None:
        return donors_usable(records, [product], at)
    says = product.judged_under.says if product.judged_under is not None else None
    return [
        reason
        for donor in donors(records, product)
        for one in collections(records, product, donor, at)
        for reason in problems(records, donor, says=says, collected=one)
    ]


def blockers(records: CourseRecords, at: datetime) -> list[Blocked]:
    """Return what has to come first: a product of a closed run, whose donors may give it (rules 17 to 20)."""
    products = decidable(records)
    if not products:
        processed = needed(records)
        because = "No product to decide on yet." + (" Nothing was processed." if processed else "")
        fix = ("processing.index" if processed else "harvest.index", {"treatment_id": records.course.id})
        return [Blocked(because=because, who=LABORATORY, fix=fix)]
    runs = [records.get(product.run_id) for product in products]
    open_runs = [run for run in runs if isinstance(run, ProcessingRun) and not closed(run)]
    found = donors_usable(records, products, at)
    return [*found, unfinished(open_runs[0])] if len(open_runs) == len(products) else found


def outcome(records: CourseRecords, at: datetime) -> list[Blocked]:
    """Return why no released product waits for this course; empty: one does (rule 50)."""
    made = records.of(Product)
    left = [p for p in made if state_of(records, p, at) not in {ProductState.GIVEN, ProductState.DISCARDED}]
    if not left:
        because = "All products of this course were given or discarded." if made else "This course has no product yet."
        return [Blocked(because=because, rule=50, who=LABORATORY)]
    if any(state_of(records, product, at).usable for product in left):
        return []
    fix = {"fix": ("products.show", {"product_id": left[-1].id}), "fix_label": "Open the product"}
    left.sort(key=lambda product: state_of(records, product, at) is ProductState.PROCESSED)  # used up: it speaks last
    held = []
    for product in left:
        last = standing_decision(records, product)
        held += [] if last is None or last.permits else [standing_words(product, last)]
        held += held_because(records, product, at)
    over = [product for product in left if state_of(records, product, at) is ProductState.EXPIRED]
    if not held and over and all(released(records, product) is not None for product in over):
        return [Blocked(because=expiry_words(records, over[-1]), rule=54 if over[-1].thawed_at else 50, **fix)]
    because = held[0] if held else "No product of this course is released."
    return [Blocked(because=because, rule=50, who=(Role.QUALITY,), **fix)]


def progress(records: CourseRecords, at: datetime) -> Progress:
    """Done when a product is released or was given; in progress while its results come in."""
    found = [(product, state_of(records, product, at)) for product in decidable(records)]
    bad = [result for product, state in found if state is ProductState.GIVEN for result in germs(records, product)]
    if bad:
        return Progress(state=State.NOW, word=f"{QC_TESTS[bad[0].test or ''].label}: {bad[0].words}")
    if any(said_since_given(records, product) for product, state in found if state is ProductState.GIVEN):
        return Progress(state=State.NOW, word="Refused after giving")
    for product, state in found:
        if state.usable or state is ProductState.GIVEN:
            last = standing_decision(records, product)
            who = last.done_by if last is not None else ""
            waits = last is not None and last.decision == "conditional" and bool(awaited(records, product))
            given = ProductState.CONDITIONAL if waits else ProductState.RELEASED
            word = given.label if state is ProductState.GIVEN else state.label
            return Progress(state=State.DONE, word=word, by=who, record=last, waits=waits)
    for wanted in (ProductState.HOLD, ProductState.REJECTED, ProductState.EXPIRED):
        if found and all(state in {wanted, ProductState.DISCARDED} for _product, state in found):
            return Progress(state=State.BLOCKED, word=wanted.label)
    if any(records.on(product, QCResult) for product, _state in found):
        return Progress(state=State.NOW, word="In quarantine")
    blocked = bool(RELEASE.reasons(records, at))
    return Progress(state=State.BLOCKED if blocked else State.TO_DO, word="Blocked" if blocked else "To do")


def actions(records: CourseRecords, at: datetime) -> list[Action]:
    """Test, decide, sign; read the culture when it is final; assess what was found after the cells were given."""
    if is_history(records):
        return []
    blocked = bool(RELEASE.reasons(records, at))
    found: list[Action] = []
    ours = decidable(records)
    before = [one for one in records.of(Product) if one.origin is Origin.IMPORTED and one.given and one not in ours]
    for product in [*ours, *before]:  # of what came in as given no decision is due, but what is found in it is told
        state = state_of(records, product, at)
        if state is ProductState.GIVEN:
            found += contaminated(records, product) + unseen(records, product)
        if state is not ProductState.DISCARDED:
            found += cultures(records, product)
        if state is ProductState.QUARANTINE and not blocked:
            found += undecided(records, product, at)
        found += corrected(records, product)
        if state is ProductState.HOLD:
            found += held(records, product, at)
        found += informed(records, product)
    return (
        found
        + [
            action
            for product in records.of(Product)
            if product not in ours and product not in before
            if product.run_id is None and not (product.uses and product.left <= 0)  # it still waits to be processed
            if state_of(records, product, at) is ProductState.HOLD
            for action in [*unsigned_acceptance(records, product), *held(records, product, at)][:1]
        ]
    )


def unsigned_acceptance(records: CourseRecords, product: Product) -> list[Action]:
    """Return that quality accepted what was collected, and the decision is not signed (rule 34)."""
    last = next(iter(reversed(decisions(records, product))), None)
    if last is None or last.decision != ACCEPTING or last.outdated(records) or not last.lacks(records):
        return []
    why = f"{product.name} {product.division or ''}: {last.headline()}. Recorded, not signed."
    to = ("release.release", {"product_id": product.id})
    return [Action(title="Sign the decision", why=why, who=tuple(last.lacks(records)), to=to, danger=True)]


def informed(records: CourseRecords, product: Product) -> list[Action]:
    """Return the condition or exception that the physician named in it has not acknowledged (rules 44, 47)."""
    one = unacknowledged(records, product)
    if one is None or one.told is None:
        return []
    return [
        Action(
            title="Acknowledge the release", who=(Role.PHYSICIAN,), due_at=one.recorded_at, due_words="decided",
            why=f"{one.told.printed_name}: {product.name} {product.division or ''} · {one.headline()}. {one.reason}",
            to=("record_pages.signature", {"record_id": one.id}), only_by=(one.told.id,),
        )
    ]  # fmt: skip


def undecided(records: CourseRecords, product: Product, at: datetime) -> list[Action]:
    """Return the next act on a product in quarantine."""
    name = f"{product.name} {product.division or ''}".strip()
    act = partial(Action, due_at=product.end, due_words="use before")
    to = ("release.release", {"product_id": product.id})
    last = next(iter(reversed(decisions(records, product))), None)
    changed = last.outdated(records) if last is not None and last.releases else []
    if last is not None and last.releases and not changed and last.lacks(records):
        why = f"{name}: {last.headline()}. Recorded, not signed."
        return [act(title="Sign the release", why=why, who=tuple(last.lacks(records)), to=to)]
    points = points_of(records, product, at)
    if last is not None and last.signatures and changed:
        hard = any(not point.may_wait for point in points)
        why = f"{name}: {changed[0]} The release is no longer valid (rule 46)."
        return [act(title="Decide again", why=why, who=tuple(LOGS), to=to, danger=hard)]
    missing = [point for point in points if "no result" in point.sentence]
    bad = [point for point in to_decide(points) if point not in missing and not point.of_kin]
    if bad:
        why = f"{name}: {len(bad)} out of limits. {bad[0].sentence}"
        return [act(title="Decide on the failing product", why=why, who=tuple(LOGS), to=to, danger=True)]
    unset = next((point for point in points if point.unset), None)
    if unset is not None:
        one = without_date(product, unset)
        to = ("record_pages.amendment", {"record_id": unset.unset})
        return [act(title=one.fix_label, why=f"{name}: {one.because}", who=one.who, to=to)]
    if missing:
        why = f"{name}: {len(missing)} {'test has' if len(missing) == 1 else 'tests have'} no result yet."
        to = ("release.results", {"product_id": product.id, "add": "1"})
        return [act(title="Enter the test results", why=why, who=LABORATORY, to=to)]
    why = f"{name}: every result is within its limit." if not points else f"{name}: {points[0].sentence}"
    return [act(title="Decide on the release", why=why, who=tuple(LOGS), to=to)]


def held(records: CourseRecords, product: Product, at: datetime) -> list[Action]:
    """Return that quality decides on a product that something holds which no decision has taken into account."""
    waits = {said.because for donor in donors(records, product) for said in doubted_donor(records, donor)}
    reasons = [said for said in held_because(records, product, at) if said not in waits]
    last = standing_decision(records, product)
    if last is not None and last.decision == "hold" and last.recorded_by.role not in LOGS:
        reasons.insert(0, f"{last.done_by}: {last.reason}")
    if not reasons:
        return []
    name, to = f"{product.name} {product.division or ''}".strip(), ("release.release", {"product_id": product.id})
    title, why = "Decide what to do with the product", f"{name} is on hold: {reasons[0]}"
    back = [move for move in product.movements if move.unauthorized and not move.damage]
    if back and reasons == [back[-1].unauthorized]:
        title, to = "Authorize the returned product", ("record_pages.signature", {"record_id": back[-1].id})
    return [
        Action(title=title, why=why, who=tuple(LOGS), to=to, danger=True, due_at=product.end, due_words="use before")
    ]


def corrected(records: CourseRecords, product: Product) -> list[Action]:
    """Return the critical corrections that a second person has to confirm with a signature (rule 45)."""
    waiting: list[tuple[Record, tuple[Role, ...], tuple[str, dict[str, str]]]] = [
        (result, (*LABORATORY, Role.QUALITY), ("release.result", {"result_id": result.id}))
        for result in records.on(product, QCResult)
    ]
    for one in ancestry(records, product):
        waiting.append((one, (*LABORATORY, Role.QUALITY), ("record_pages.signature", {"record_id": one.id})))
        harvest, run = records.get(one.harvest_id), records.get(one.run_id)
        if isinstance(harvest, Harvest):
            waiting.append((harvest, (Role.PHYSICIAN,), ("harvest.show", {"harvest_id": harvest.id})))
        if isinstance(run, ProcessingRun):
            waiting.append((run, (*LABORATORY, *run.verifiers), ("processing.show", {"run_id": run.id})))
    doubted = [
        Action(
            title="Confirm the correction", why=said.because, who=said.who, to=said.fix, danger=True,
            not_by=(records.get(said.fix[1]["amendment_id"]).amended_by_id,),
        )
        for donor in donors(records, product)
        for said in doubted_donor(records, donor)
        if said.fix is not None
    ]  # fmt: skip
    return doubted + [
        Action(
            title="Confirm the correction", why=unconfirmed(record), who=who, to=to, danger=True,
            not_by=(record.unconfirmed.amended_by_id,),
        )
        for record, who, to in waiting
        if record.unconfirmed is not None
    ]  # fmt: skip


def cultures(records: CourseRecords, product: Product) -> list[Action]:
    """Return the cultures to read on their last day, also after the cells were given (rule 44)."""
    found = []
    for test in CLEAN:
        readings = standing(records.on(product, QCResult), test)
        final = readings[-1].final_at if readings and (readings[-1].pending or readings[-1].interim) else None
        if final is not None:
            why = f"{QC_TESTS[test].label} of {product.name} {product.division or ''} is pending."
            to = ("release.results", {"product_id": product.id, "add": "1"})
            found.append(
                Action(
                    title="Enter the culture result", why=why, who=LABORATORY, to=to, due_at=final, due_words="final"
                )
            )
    return found


def contaminated(records: CourseRecords, product: Product) -> list[Action]:
    """Germs in cells that a patient has, or in what shares cells with them: a physician assesses it (rule 43).

    Also what was decided on, or seen of, a sister or a parent since.
    """
    if product.treatment_id is None:
        return []
    to = ("events.index", {"treatment_id": product.treatment_id})
    return [
        Action(
            title="Assess: contaminated cells were given", danger=True, who=(Role.PHYSICIAN,), to=to,
            why=f"{result.headline()}{': ' if result.finding else ''}{result.finding or ''}. Inform the patient.",
            due_at=result.recorded_at, due_words="found",
        )
        for result in germs(records, product)
    ] + [
        Action(
            title="Assess: cells of the same origin were refused after giving", danger=True, who=(Role.PHYSICIAN,),
            to=to, why=f"{said} Inform the patient.", due_at=record.recorded_at, due_words="written",
        )
        for record, said in said_since_given(records, product)
    ]  # fmt: skip


def unseen(records: CourseRecords, product: Product) -> list[Action]:
    """Return what of a given container was corrected since, and no physician has acknowledged (rules 40, 52)."""
    return [
        Action(
            title="Acknowledge what was corrected after giving", danger=True, who=(Role.PHYSICIAN,), why=one.sentence,
            to=("record_pages.signature", {"record_id": one.record.id}), due_at=one.at, due_words="corrected",
        )
        for one in since_given(product, records.on(product, QCResult))
        if one.seen is None
    ]  # fmt: skip


def moments(records: CourseRecords) -> Iterable[datetime]:
    """Return when products end, cultures are final, and what is awaited becomes overdue."""
    for product in records.of(Product):
        if product.end is not None:
            yield product.end
        yield from (r.final_at for r in records.on(product, QCResult) if r.final_at is not None)
        if records.on(product, Release):
            yield from (one.overdue_at for one in awaited(records, product))


def marks(records: CourseRecords, _at: datetime) -> list[Mark]:
    """Return the decisions; and from the first result until the last awaited culture is final, what is in progress."""
    products, zone = decidable(records), records.zone
    found = marks_of((one for p in products for one in decisions(records, p)), zone, lambda one: one.headline().lower())
    results = [one for product in products for one in records.on(product, QCResult)]
    waiting = [one.due_at for product in products for one in cultures(records, product) if one.due_at is not None]
    begun = [at for one in results if (at := one.sampled_at or one.performed_at) is not None]
    if not begun or (found and not waiting):
        return found
    until = clock.day(max(waiting), zone) if waiting else clock.today(zone)
    said = f"culture final {wording.short_day(until)}" if waiting else "no decision yet"
    return [*found, Mark(since=clock.day(min(begun), zone), until=until, state=State.NOW, said=said)]


TELLS_OF_DANGER.append(tells_of_danger)
Patient.warned_by += [
    (bad_in_given, in_words), (corrected_in_given, corrected_in_words), (kin_in_given, kin_in_words),
]  # fmt: skip
WITHHELD.append(stops_processing)
RELEASE = Step(
    name="release", title="Release", icon="certificate", views=("clinic.release.views",), records=(Release,),
    endpoint="release.course", begin="release.course", logs=LOGS, signs=SIGNS, blockers=blockers, outcome=outcome,
    progress=progress, actions=actions, moments=moments, marks=marks, rule=50,
)  # fmt: skip
