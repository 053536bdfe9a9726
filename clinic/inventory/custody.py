"""Moving a product: who may, and what must be true before it leaves for the bedside."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import object_session

from clinic import clock
from clinic.access import Role
from clinic.course_records import CourseRecords, around, load
from clinic.errors import RuleBroken, StepBlocked
from clinic.processing.step import donors_usable
from clinic.products.graph import donors
from clinic.products.models import GIVINGS
from clinic.products.movements import MOVEMENTS, STAYS_AWAY, away_at
from clinic.products.what_cells import wrong_cells
from clinic.release.product_state import ProductState, cells_blocked, held_because, state_of
from clinic.release.step import before
from clinic.steps import Blocked, stopped

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.products.models import Movement, Product
    from clinic.treatments.models import Treatment

LABORATORY = frozenset({Role.TECHNOLOGIST})
CARRIES = LABORATORY | {Role.NURSE, Role.PHYSICIAN}
ENDS = LABORATORY | {Role.QUALITY, Role.DIRECTOR}
MOVERS = {
    "received": LABORATORY,
    "stored": LABORATORY,
    "thawed": CARRIES,
    "issued": LABORATORY | {Role.QUALITY},
    "handed_over": CARRIES,
    "returned": CARRIES,
    "shipped": LABORATORY,
    "discarded": ENDS,
}
"""Which roles record which movement. An assignment and an administration have their own pages."""
MOVES = CARRIES | ENDS
ASKED = {
    "received": ("place", "temperature", "intact", "reason"),
    "stored": ("place", "temperature"),
    "thawed": ("place",),
    "issued": ("handed_to", "place", "temperature", "intact", "reason"),
    "handed_over": ("handed_to", "place", "temperature", "intact", "reason"),
    "returned": ("place", "temperature", "intact", "reason"),
    "shipped": ("place", "handed_to", "temperature"),
    "discarded": ("reason",),
}
"""Which facts a movement's form asks for, besides when and by whom."""
ICONS = {
    "received": "package-import",
    "stored": "snowflake",
    "thawed": "droplet",
    "issued": "package-export",
    "handed_over": "transfer",
    "returned": "arrow-back-up",
    "shipped": "truck-delivery",
    "discarded": "trash",
}


VERBS = {
    "received": "Receive",
    "stored": "Store",
    "thawed": "Thaw",
    "issued": "Issue",
    "handed_over": "Hand over",
    "returned": "Return",
    "shipped": "Ship",
    "discarded": "Discard",
}
"""What the buttons call the movements that are recorded by hand."""


ELSEWHERE = {
    "assigned": "A product is assigned to a course with “Assign” on its page.",
    "unassigned": "A product returns to the bank with “Return to the bank” on its page.",
    "given": "That a product was given is recorded at the bedside: scan wristband and bag.",
    "not_given": "A start that was pressed by mistake is voided on the page of the administration.",
    "remainder": "What came back of a bag is recorded with the end of its administration. Discard it on the product's "
    "page afterwards.",
}
"""Where the movements are recorded that have no form of their own."""


def on_its_page(kind: str) -> str:
    """Return where a movement is recorded that is not recorded by hand, or what to do about a word that is none."""
    known = ", ".join(MOVEMENTS[one].lower() for one in MOVERS)
    return ELSEWHERE.get(kind, f"This is not a movement of a product. Choose one on its page: {known}.")


def offered(product: Product, role: Role) -> list[str]:
    """Return the movements that can be recorded now: only what is frozen thaws, only what left comes back."""
    last, away = product.movements[-1].kind if product.movements else "", away_at(product, clock.now())
    sense = {
        "thawed": product.lies_frozen,
        "returned": last in {"issued", "handed_over", "shipped"} or away,
    }
    return [
        kind
        for kind, roles in MOVERS.items()
        if role in roles and sense.get(kind, True) and (kind in STAYS_AWAY or not away)
    ]


def may_issue(records: CourseRecords, product: Product, at: datetime) -> list[Blocked]:
    """Return why a product may not leave for the bedside now: not released, expired, of no course, came back broken."""
    found: list[Blocked] = []
    state = state_of(records, product, at)
    release = ("release.release", {"product_id": product.id})
    if state is ProductState.EXPIRED:
        found.append(Blocked(rule=50, because="The product is expired."))
    elif not state.usable:
        held = held_because(records, product, at)
        because = f"The product is not released: it is {state.label.lower()}." + (f" {held[0]}" if held else "")
        who = (Role.QUALITY,) if state in {ProductState.QUARANTINE, ProductState.HOLD} else ()
        found.append(Blocked(rule=50, because=because, who=who, fix=release, fix_label="Open the release"))
    if product.treatment is None:
        assign, who = ("products.assign", {"product_id": product.id}), (Role.PHYSICIAN, Role.TECHNOLOGIST)
        because = "The product is assigned to no patient's course."
        found.append(Blocked(rule=4, because=because, who=who, fix=assign, fix_label="Assign it"))
    elif product.relation == "autologous" and not product.donor.is_patient(product.treatment.patient):
        found.append(Blocked(rule=3, because="These are another patient's own cells."))
    returns = [movement for movement in product.movements if movement.kind == "returned"]
    if returns and returns[-1].intact is False:
        found.append(
            Blocked(rule=60, because=f"It came back damaged: {returns[-1].reason}. It cannot be issued again.")
        )
    return found + [reason for reason in before(records, product, at) if reason not in found]


def assign(product: Product, course: Treatment, *, by: User, at: datetime) -> Movement:
    """Give a banked product to one course; its donors are asked for this patient first (rules 3, 4, 17 to 20)."""
    session = object_session(product)
    if session is not None:
        records = load(session, [course.id], product_ids=[product.id])[course.id]
        reasons = [*stopped(records), *donors_usable(records, [product], at)]
        reasons += [cells_blocked(one, product) for one in wrong_cells(records, product, course.says, course.source)]
        if course.donor_id is not None and course.donor_id not in {d.id for d in donors(records, product)}:
            because = "The order names another donor than the one who gave these cells. Name the correct donor first."
            reasons.append(Blocked(rule=17, because=because, fix=("treatments.donor", {"treatment_id": course.id})))
        if reasons:
            raise StepBlocked("Assigning the product", reasons)
    return product.assign(course, by=by, at=at)


def move(product: Product, *, kind: str, by: User, at: datetime, **facts: Any) -> Movement:
    """Record a movement; `RuleBroken` for a role that does not do it, `StepBlocked` where nothing may be issued."""
    if by.role not in MOVERS.get(kind, frozenset()):
        who = " or ".join(sorted(role.label for role in MOVERS.get(kind, frozenset())))
        raise RuleBroken(
            f"“{MOVEMENTS.get(kind, kind)}” is recorded by {who or 'no role here'}, not by {by.role.label}."
        )
    session = object_session(product)
    reasons = may_issue(around(session, product), product, at) if kind == "issued" and session is not None else []
    if reasons:
        raise StepBlocked("Issuing the product", reasons)
    return product.move(kind=kind, by=by, at=at, **facts)


def voided(product: Product) -> set[str]:
    """Return the ids of the movements of a container that tell of a giving which was voided afterwards."""
    told = [one for one in sorted(product.movements, key=attrgetter("recorded_at")) if one.kind in GIVINGS]
    return {one.id for one, after in pairwise(told) if one.kind == "given" and after.kind == "not_given"}
