"""Who may log and sign a harvest, and what must be true first."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from clinic import clock
from clinic.access import Role
from clinic.eligibility.models import alerts_since, said_since
from clinic.fields import plain
from clinic.harvest.limits import planned_sources
from clinic.harvest.models import NOT_SIGNED, Harvest
from clinic.patients.donor_screening import named_donor
from clinic.products.models import Product
from clinic.protocols.catalogues import SOURCES
from clinic.records import Origin
from clinic.steps import Action, Blocked, Mark, Progress, State, Step, is_history, marks_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.course_records import CourseRecords

LOGS = frozenset({Role.NURSE, Role.PHYSICIAN})
SIGNS = frozenset({Role.PHYSICIAN})


def closed(harvest: Harvest) -> bool:
    """Whether nothing is owed to a harvest any more: it is signed, or came in and was not corrected here."""
    return harvest.signed or (harvest.origin is Origin.IMPORTED and not harvest.amendments)


def blockers(records: CourseRecords, at: datetime) -> list[Blocked]:
    """Ask for the donor whom the order names; before own cells, that a physician has read the alerts since (23)."""
    if records.course.relation != "autologous":
        return named_donor(records, at)
    return unread(records, at) if any(one.alerts for one in records.people) else []


def unread(records: CourseRecords, at: datetime, begun: datetime | None = None) -> list[Blocked]:
    """Return which alerts, written after the decision, stop that cells are taken out of the patient's body (rule 23).

    ``begun``: when the harvest began; what was written later did not stop it. A donor has no alerts.
    """
    course, found = records.course, []
    for told in alerts_since(records, at) if course.relation == "autologous" else ():
        known = told.written is None or told.written <= (begun or at)
        if known and told.stops(course.condition, clock.day(at, records.zone)):
            again = ("eligibility.new", {"treatment_id": course.id})
            because, label = said_since(told.text, ""), "Decide on the eligibility again"
            found.append(Blocked(rule=23, because=because, who=tuple(SIGNS), fix=again, fix_label=label))
    return found


def _decide_again(reasons: list[Blocked]) -> list[Action]:
    """Return the tasks that answer alerts since the decision."""
    return [
        Action(title=one.fix_label, why=one.because, who=one.who, to=one.fix, danger=True)
        for one in reasons
        if one.fix is not None
    ]


def outcome(records: CourseRecords, _at: datetime) -> list[Blocked]:
    """Return the harvests that no signature closes yet: the laboratory waits for it (rule 31)."""
    return [
        Blocked(
            rule=31, because=f"The harvest ({harvest.headline()}) {NOT_SIGNED[bool(harvest.signatures)]}.",
            who=tuple(SIGNS),
            fix=("harvest.show", {"harvest_id": harvest.id}), fix_label="Open the harvest",
        )
        for harvest in records.of(Harvest)
        if not closed(harvest)
    ]  # fmt: skip


def banked(records: CourseRecords) -> list[Product]:
    """Return the products of the course that were not collected for it."""
    own = {harvest.id for harvest in records.of(Harvest)}
    return [product for product in records.of(Product) if product.harvest_id not in own]


def progress(records: CourseRecords, at: datetime) -> Progress:
    """Done when every harvest is signed and in containers, or when banked cells were assigned instead."""
    found = records.of(Harvest)
    if not found:
        products = banked(records)
        if products:
            return Progress(state=State.DONE, word="From the bank", by=products[0].name or "")
        blocked = bool(HARVEST.reasons(records, at))
        return Progress(state=State.BLOCKED if blocked else State.TO_DO, word="Blocked" if blocked else "To do")
    last = found[-1]
    who = last.done_by
    if all(closed(harvest) for harvest in found):
        return Progress(state=State.DONE, word="Signed" if last.signed else "Imported", by=who, record=last)
    word = "Amended, not signed" if last.signatures and not last.signed else "Not signed"
    return Progress(state=State.NOW, word=word, by=who, record=last)


def actions(records: CourseRecords, at: datetime) -> list[Action]:
    """Record the harvest; put what was collected into containers; sign."""
    course, found = records.course, records.of(Harvest)
    if not found:
        if is_history(records, or_used=True) or banked(records):
            return []
        if reasons := HARVEST.reasons(records, at):
            alone = unread(records, at)
            return _decide_again(alone) if len(alone) == len(reasons) else []
        why = f"Consent and eligibility are signed: {course.title}."
        to, due = ("harvest.new", {"treatment_id": course.id}), course.planned_at(records.zone)
        return [Action(title="Record the harvest", why=why, who=tuple(LOGS), to=to, due_at=due, due_words="planned")]
    opened = [action for harvest in found if not closed(harvest) for action in _open(harvest)]
    begun = max((one.performed_at for one in found if not one.signed and one.performed_at is not None), default=None)
    if opened and begun is not None and any(one.alerts for one in records.people):
        opened = [*_decide_again(unread(records, at, begun)), *opened]
    return opened + _other_sources(records, found, at)


def _other_sources(records: CourseRecords, found: list[Harvest], at: datetime) -> list[Action]:
    """Return the sources that a protocol combines and from which nothing was collected yet."""
    course = records.course
    if is_history(records, or_used=True) or course.stop is not None or HARVEST.reasons(records, at):
        return []
    done = {harvest.source for harvest in found}
    missing = [key for key in planned_sources(course) if key in SOURCES and key not in done]
    if not missing or _processed(records):
        return []
    to = ("harvest.new", {"treatment_id": course.id})
    return [
        Action(
            title="Record the second harvest", why=f"{SOURCES[key].label}: not collected yet.", who=tuple(LOGS), to=to
        )
        for key in missing
    ]  # fmt: skip


def _processed(records: CourseRecords) -> bool:
    """Whether what was collected went into a run already."""
    return any(product.uses or product.run_id is not None for product in records.of(Product))


def _open(harvest: Harvest) -> list[Action]:
    """Return what a harvest still needs; one that was signed and then amended is signed again first."""
    to = ("harvest.show", {"harvest_id": harvest.id})
    more = {"due_at": harvest.ended_at, "due_words": "collected"}
    correction = harvest.unconfirmed
    if correction is not None:
        why = f"{harvest.headline()}: corrected after it was signed; waiting for a second signature."
        by = (correction.amended_by_id,)
        return [Action(title="Confirm the correction", why=why, who=tuple(SIGNS), to=to, danger=True, not_by=by)]
    amended = bool(harvest.signatures)
    why = f"{harvest.headline()}: {'amended after it was signed' if amended else 'recorded, not signed'}."
    sign = Action(title="Sign the harvest", why=why, who=tuple(SIGNS), to=to, **more)
    if harvest.volume_to_label <= 0 or any(product.uses for product in harvest.products):
        return [sign]
    why = f"{harvest.volume_to_label} mL are not in a container yet."
    fill = Action(title="Add containers", why=why, who=tuple(LOGS), to=to, **more)
    return [sign, fill] if amended else [fill]


def moments(records: CourseRecords) -> Iterable[datetime]:
    """Return the planned day, which makes the harvest late."""
    due = records.course.planned_at(records.zone)
    return () if due is None else (due,)


def marks(records: CourseRecords, _at: datetime) -> list[Mark]:
    """Return the harvests with their volume; before the first one, its planned day."""
    found, course = records.of(Harvest), records.course
    if found or banked(records) or course.stop is not None or course.planned_on is None:
        return marks_of(found, records.zone, lambda one: f"{plain(one.volume)} mL" if one.volume else "")
    return [Mark(since=course.planned_on, state=State.TO_DO, said="planned")]


HARVEST = Step(
    name="harvest", title="Harvest", icon="droplet-half-2", views=("clinic.harvest.views",), records=(Harvest,),
    endpoint="harvest.index", begin="harvest.new", logs=LOGS, signs=SIGNS, blockers=blockers, outcome=outcome,
    progress=progress, actions=actions, moments=moments, marks=marks, rule=31,
)  # fmt: skip
