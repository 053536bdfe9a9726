"""What state a product is in: derived from its movements, runs, decisions, findings and the time, never stored."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from clinic import clock, wording
from clinic.access import Role
from clinic.consent.models import Consent, ended, valid
from clinic.harvest.models import NOT_SIGNED, Harvest
from clinic.patients.donors import BloodTyping, Donor
from clinic.patients.models import Weight
from clinic.processing.models import ProcessingRun
from clinic.processing.step import closed, unfinished
from clinic.products.graph import ancestry
from clinic.products.models import Product
from clinic.products.what_cells import Against, not_own, wrong_cells
from clinic.protocols.models import ProtocolVersion
from clinic.record_kinds import WithAccusing
from clinic.record_pool import once
from clinic.records import Origin
from clinic.release.evidence import findings, items, news
from clinic.release.models import Release, decisions, of_source, standing_decision
from clinic.release.pending import overdue
from clinic.release.points import points_of
from clinic.release.results import QCResult, outside
from clinic.release.since_release import refused_since
from clinic.steps import Blocked
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords


RESTS_ON = WithAccusing((
    Treatment, Product, Consent, Donor, BloodTyping, Weight, Harvest, ProcessingRun, QCResult, Release, ProtocolVersion,
))  # fmt: skip
"""The kinds of records that the state of a product rests on, for a page that judges nothing else."""


class ProductState(StrEnum):
    """What may be done with a product, in the order in which one state hides the other."""

    GIVEN = "given"
    DISCARDED = "discarded"
    PROCESSED = "processed"
    REJECTED = "rejected"
    HOLD = "hold"
    EXPIRED = "expired"
    RELEASED = "released"
    CONDITIONAL = "conditional"
    EXCEPTIONAL = "exceptional"
    QUARANTINE = "quarantine"

    @property
    def label(self) -> str:
        """The word on the tag."""
        return {
            "discarded": "Discarded",
            "given": "Given",
            "processed": "Processed further",
            "rejected": "Rejected",
            "hold": "On hold",
            "expired": "Expired",
            "released": "Released",
            "conditional": "Released, result pending",
            "exceptional": "Released by exception",
            "quarantine": "In quarantine",
        }[self.value]

    @property
    def tag(self) -> tuple[str, str, str]:
        """Kind, icon and word, as the pages' tag takes them."""
        kind, icon = {
            "discarded": ("rest", "trash"),
            "given": ("rest", "check"),
            "processed": ("rest", "arrow-right"),
            "rejected": ("danger", "ban"),
            "hold": ("wait", "hand-stop"),
            "expired": ("danger", "alert-octagon"),
            "released": ("ok", "circle-check"),
            "conditional": ("wait", "hourglass"),
            "exceptional": ("bad", "alert-triangle"),
            "quarantine": ("wait", "lock"),
        }[self.value]
        return kind, icon, self.label

    @property
    def usable(self) -> bool:
        """Whether it may be issued and given."""
        return self in {ProductState.RELEASED, ProductState.CONDITIONAL, ProductState.EXCEPTIONAL}


DECIDED = {
    "conforms": ProductState.RELEASED,
    "conditional": ProductState.CONDITIONAL,
    "exceptional": ProductState.EXCEPTIONAL,
    "accept": ProductState.QUARANTINE,
    "hold": ProductState.HOLD,
    "reject": ProductState.REJECTED,
}


@once
def state_of(records: CourseRecords, product: Product, at: datetime) -> ProductState:
    """Return the state of one product at a moment."""
    gone = _gone(product)
    if gone is not None:
        return gone
    decision = standing_decision(records, product)
    state = DECIDED[decision.decision or "hold"] if decision is not None else ProductState.QUARANTINE
    if state is ProductState.REJECTED:
        return state
    if state is ProductState.HOLD or held_because(records, product, at):
        return ProductState.HOLD
    if product.expired(at):
        return ProductState.EXPIRED
    fulfilled = state is ProductState.CONDITIONAL and all(point.of_kin for point in points_of(records, product, at))
    return ProductState.RELEASED if fulfilled else state


def _gone(product: Product) -> ProductState | None:
    """Return the state of a product of which nothing is left; None where something is."""
    if product.given:  # also where the remainder was discarded
        return ProductState.GIVEN
    if product.discarded:
        return ProductState.DISCARDED
    return ProductState.PROCESSED if product.uses and product.left <= 0 else None


def failing(records: CourseRecords) -> list[tuple[Product, str]]:
    """Return the results of a course's containers that are out of limits, each with figure and limit.

    Left out are containers of which nothing can be given any more.
    """
    here = [product for product in records.of(Product) if records.on(product, QCResult) and _gone(product) is None]
    return [(product, said) for product in here for said in out_of_limits(records, product)]


def out_of_limits(records: CourseRecords, product: Product) -> list[str]:
    """Return the results of one container that are out of limits, each with figure and limit."""
    version = product.judged_under
    limits = {spec.test: spec for spec in version.says.qc} if version is not None else {}
    return outside(records.on(product, QCResult), limits)


def held_because(
    records: CourseRecords, product: Product, at: datetime, *, awaited_at: datetime | None = None
) -> list[str]:
    """Return what was found against a product that no decision on it has taken into account; empty: nothing.

    Growth in a container that shares cells with it, damage, a donor who is not eligible, withdrawn consent hold it
    from the moment when they are recorded, until quality decides (rules 15, 34, 43; hazards H9, H29).
    ``awaited_at``: the moment at which awaited results count as overdue, of cells that run their start.
    """
    taken = [
        one
        for one in decisions(records, product)
        if one.permits and ((one.basis and one.releases) or one.effective(records))
    ]
    ended = _without_consent(records, product, taken[-1] if taken else None, at)
    if product.run_id is not None:
        ended += _stopped_parents(records, product, taken[-1] if taken else None)
    known = taken[-1].basis if taken else None
    found = news(items(records, product), known) if known else findings(records, product)
    if taken:
        ended += _overdue(records, product, taken[-1], awaited_at or at)
    if taken and taken[-1].releases:
        ended += [one.sentence for one in wrong_cells(records, product)]
        ended += refused_since(records, product)
    return ended + found + (_elsewhere(product) if product.movements else [])


def unanswered(records: CourseRecords, product: Product) -> list[Blocked]:
    """Return the harvests and runs in the ancestry of a product that nobody answers for yet (rule 31)."""
    found: dict[str, Blocked] = {}
    for one in ancestry(records, product):
        run, harvest = records.get(one.run_id), records.get(one.harvest_id)
        if isinstance(run, ProcessingRun) and not closed(run):
            found[run.id] = unfinished(run)
        came_in = isinstance(harvest, Harvest) and harvest.origin is Origin.IMPORTED and not harvest.amendments
        if isinstance(harvest, Harvest) and not harvest.signed and not came_in:
            found[harvest.id] = Blocked(
                rule=31, because=f"The harvest ({harvest.headline()}) {NOT_SIGNED[bool(harvest.signatures)]}.",
                who=(Role.PHYSICIAN,), fix=("harvest.show", {"harvest_id": harvest.id}), fix_label="Open the harvest",
            )  # fmt: skip
    return list(found.values())


def not_ordered(records: CourseRecords, product: Product) -> list[Blocked]:
    """Return why cells are not those of the order and its protocol, or not of its patient (rules 1, 3)."""
    found = [cells_blocked(one, product) for one in wrong_cells(records, product)]
    said = not_own(records, product, product.treatment) if product.treatment is not None else ""
    return [*found, Blocked(rule=3, because=said)] if said else found


def cells_blocked(one: Against, product: Product) -> Blocked:
    """Return that cells are not what was ordered, with who corrects the container or the order."""
    if one.field:
        fix = {"fix": ("products.show", {"product_id": product.id}), "fix_label": "Open the product"}
        return Blocked(rule=1, because=one.sentence, who=(Role.TECHNOLOGIST, Role.QUALITY), **fix)
    fix = {"fix": ("treatments.order", {"treatment_id": product.treatment_id}), "fix_label": "Open the order"}
    return Blocked(rule=1, because=one.sentence, who=(Role.PHYSICIAN,), **fix)


def stopped_by(records: CourseRecords, product: Product, at: datetime) -> str:
    """Return that quality holds or rejected a product by a moment, and what to do; empty: not (rule 50)."""
    last = standing_decision(records, product)
    if last is None or last.permits or (last.performed_at or last.recorded_at) > at:
        return ""
    done = "rejected it" if last.decision == "reject" else "put it on hold"
    why, who = (last.reason or "").strip().removesuffix("."), last.done_by or "Quality"
    name = f"{product.name} {product.division or ''}".strip()
    return (
        f"{name} cannot be used: {who} {done}{f' ({why})' if why else ''}. Use another container, or ask quality to "
        "decide again."
    )


def _without_consent(records: CourseRecords, product: Product, decided: Release | None, at: datetime) -> list[str]:
    """Return that the consent under which cells were collected was withdrawn (rule 15).

    A new consent permits new acts. What was collected before the withdrawal stays on hold until quality decides.
    """
    course = records.course
    gone = ended(records, at) if course is not None and product.treatment_id == course.id else None
    if gone is None:
        return []
    if valid(records, at) is None:
        return ["The patient withdrew the consent to this treatment."]
    begun, end = product.collected_at or product.performed_at or product.recorded_at, gone[0]
    if begun > end or (decided is not None and decided.recorded_at > end):
        return []
    day = wording.day(clock.day(end, records.zone))
    return [f"The patient withdrew the consent on {day}. Quality has not decided on these cells since."]


def _overdue(records: CourseRecords, product: Product, decided: Release, at: datetime) -> list[str]:
    """Return what was awaited when a product was released, is overdue and was not known to be so (rule 44)."""
    return [one.sentence(records.zone) for one in overdue(records, product, at) if decided.recorded_at < one.overdue_at]


def _elsewhere(product: Product) -> list[str]:
    """Return that it was shipped away and has not come back (rule 34)."""
    places = [move for move in product.movements if move.kind in {"shipped", "received", "returned"}]
    if not places or places[-1].kind != "shipped":
        return []
    where = places[-1].handed_to or places[-1].place or "another place"
    return [f"It was shipped to {where}. Record its return first, with its temperature and integrity."]


def _stopped_parents(records: CourseRecords, product: Product, decided: Release | None) -> list[str]:
    """Return which containers that the product was made of were held or rejected since it was decided on."""
    found = []
    line = ancestry(records, product)
    for parent in line:
        counting = of_source(records, parent, line) if parent.id != product.id else []
        last = next((one for one in reversed(counting) if one.effective(records)), None)
        known = decided is not None and last is not None and decided.recorded_at > last.recorded_at
        if last is not None and not last.permits and not known:
            name = f"{parent.name} {parent.division or ''}".strip()
            found.append(
                f"{name}, from which it was made, is {'rejected' if last.decision == 'reject' else 'on hold'}."
            )
    return found


def unacknowledged(records: CourseRecords, product: Product) -> Release | None:
    """Return the condition or exception of now that its named physician has not acknowledged (rules 44, 47)."""
    last = standing_decision(records, product)
    waits = last is not None and last.told is not None and last.releases and not last.acknowledged
    return last if waits else None


def expiry_words(records: CourseRecords, product: Product) -> str:
    """Return why a product can no longer be given: the time after its thaw, or its expiry, is over."""
    end = wording.moment(product.end, records.zone, product.end_known)
    return f"The time after thaw ended at {end}." if product.thawed_at else f"The product expired at {end}."
