"""Who may log and sign a processing run, and what must be true first."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import object_session

from clinic import wording
from clinic.access import Role
from clinic.harvest.models import Harvest
from clinic.patients.donor_screening import Collection, blood_groups, problems
from clinic.patients.identity import donor_doubted
from clinic.processing.closing import Next, next_in, steps_left
from clinic.processing.models import ProcessingRun
from clinic.products.graph import ancestry, donors
from clinic.products.models import Movement, Product
from clinic.protocols.catalogues import MANIPULATIONS
from clinic.records import Origin
from clinic.steps import Action, Blocked, Mark, Progress, State, Step, is_history, marks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clinic.course_records import CourseRecords
    from clinic.patients.donors import Donor

LOGS = frozenset({Role.TECHNOLOGIST})
SIGNS = frozenset({Role.TECHNOLOGIST, Role.QUALITY})


WITHHELD: list[Callable[[CourseRecords, Product, datetime], bool]] = []
"""Whether quality has to decide on a container first, or rejected it, so that nobody is asked to process it."""


def _thawed_in_run(product: Product) -> datetime | None:
    """Return when the run that made a container had thawed its cells; None: it did not."""
    session = object_session(product)
    run = session.get(ProcessingRun, product.run_id) if session is not None and product.run_id else None
    return run.cold.thawed_at if run is not None else None


Movement.thawed_in_run.append(_thawed_in_run)


def starting_products(records: CourseRecords) -> list[Product]:
    """Return what a run of this course can begin with: its harvested containers, and banked ones assigned to it."""
    own = {run.id for run in records.of(ProcessingRun)}
    return [product for product in records.of(Product) if product.run_id not in own]


def donors_usable(records: CourseRecords, products: list[Product], at: datetime) -> list[Blocked]:
    """Return why a donor in the ancestry of some cells may not be used for this patient (rules 4, 17 to 20)."""
    found: list[Blocked] = []
    asked: dict[tuple[str, datetime | None], tuple[Donor, Collection]] = {}
    for product in products:
        givers = donors(records, product)
        if records.course.donor is not None:
            found += [reason for reason in _another_donor(records, givers) if reason not in found]
        for donor in givers:
            if donor.amendments:
                found += [one for one in doubted_donor(records, donor) if one not in found]
            if donor.kind != "self":  # own cells need neither screening nor blood groups
                for one in collections(records, product, donor, at):
                    asked.setdefault((donor.id, one.at), (donor, one))
    for donor, one in asked.values():
        said = problems(records, donor, says=records.course.says, collected=one, recipient=records.patient)
        found += [reason for reason in said if reason not in found]
    givers = list({donor.id: donor for donor, _one in asked.values()}.values())
    return found + (blood_groups(records, givers) if asked else [])


def cells_of(records: CourseRecords, donor: Donor) -> datetime | None:
    """Return since when there are cells of a donor among the records; None: there are none."""
    made = [one.recorded_at for one in records.every(Product) if one.donor_id == donor.id]
    return min(made, default=None)


def doubted_donor(records: CourseRecords, donor: Donor) -> list[Blocked]:
    """Return that who a donor is was rewritten by one person alone since there are cells (rule 17)."""
    return donor_doubted(donor, cells_of(records, donor)) if donor.amendments else []


def collections(records: CourseRecords, product: Product, donor: Donor, at: datetime) -> list[Collection]:
    """Return when what a donor gave to a product was collected, each collection once; see `Collection`.

    ``at``: the moment that counts for cells collected here whose end is not recorded, or that no harvest names.
    """
    found = []
    for one in ancestry(records, product):
        harvest = records.get(one.harvest_id)
        if isinstance(harvest, Harvest) and donor.id in {harvest.donor_id, one.donor_id}:
            found.append(_collected(one, harvest, at))
    return list({one.at: one for one in found}.values()) or [Collection(product.collected_at or at)]


def _collected(product: Product, harvest: Harvest, at: datetime) -> Collection:
    if harvest.origin is not Origin.IMPORTED:
        return Collection(product.collected_at or at)
    said = ((product, "collected_at"), (harvest, "ended_at"), (harvest, "performed_at"))
    known = [moment for row, name in said if (moment := getattr(row, name)) and row.precision_of(name) in {"", "day"}]
    fix = ("record_pages.amendment", {"record_id": harvest.id})
    return Collection(known[0] if known else at, known=bool(known), elsewhere=True, fix=fix)


def _another_donor(records: CourseRecords, givers: list[Donor]) -> list[Blocked]:
    """Return that some cells come from none of the donors whom the order names (rule 17)."""
    course = records.course
    named = course.donor
    if course.relation == "autologous" or named is None or any(one.id == named.id for one in givers):
        return []
    whose = ", ".join(one.display_name for one in givers)
    because = f"The order names {named.display_name} as donor; these cells are from {whose}. Correct the order first."
    who = (Role.PHYSICIAN, Role.COORDINATOR)
    fix = ("treatments.donor", {"treatment_id": course.id})
    return [Blocked(rule=17, because=because, who=who, fix=fix, fix_label="Correct the donor")]


def blockers(records: CourseRecords, at: datetime) -> list[Blocked]:
    """There are cells, and their donors may give them (rules 17 to 20)."""
    starting = starting_products(records)
    if not starting:
        return [
            Blocked(
                because="There are no cells yet: no harvest is recorded and no banked product is assigned.",
                who=(Role.NURSE, Role.PHYSICIAN),
                fix=("harvest.index", {"treatment_id": records.course.id}),
                fix_label="Open the harvests",
            )
        ]
    return donors_usable(records, starting, at)


def needed(records: CourseRecords) -> bool:
    """Whether the protocol asks for more than receiving what was collected."""
    return any(kind != "receive" for kind in records.course.says.manipulations)


def closed(run: ProcessingRun) -> bool:
    """Whether all have signed who must: the author, and a second person where the protocol says so."""
    if run.origin is Origin.IMPORTED:
        return True
    return run.signed and (not run.wants_verification or run.verified)


def unfinished(run: ProcessingRun) -> Blocked:
    """Return that a run is not signed, or not verified where the protocol asks for it."""
    said, who = ("signed", tuple(LOGS)) if not run.signed else ("verified by a second person", run.verifiers)
    because = f"The processing ({run.headline()}) is not {said}."
    return Blocked(because=because, who=who, fix=("processing.show", {"run_id": run.id}), fix_label="Open the run")


def progress(records: CourseRecords, at: datetime) -> Progress:
    """Done when every run is signed and verified, or when nothing has to be processed."""
    runs = records.of(ProcessingRun)
    if not runs:
        banked = [product for product in starting_products(records) if product.run_id is not None]
        if banked:
            return Progress(state=State.DONE, word="From the bank", by=banked[0].name or "")
        if not needed(records):
            return Progress(state=State.DONE, word="Not needed")
        blocked = bool(PROCESSING.reasons(records, at))
        return Progress(state=State.BLOCKED if blocked else State.TO_DO, word="Blocked" if blocked else "To do")
    last = runs[-1]
    who = last.done_by
    if all(closed(run) for run in runs):
        return Progress(state=State.DONE, word="Signed" if last.signed else "Imported", by=who, record=last)
    return Progress(state=State.NOW, word="Not verified" if last.signed else "Not signed", by=who, record=last)


def actions(records: CourseRecords, at: datetime) -> list[Action]:
    """Log the run; make its products; sign; have it verified."""
    course, runs = records.course, records.of(ProcessingRun)
    if not runs:
        starting = starting_products(records)
        if is_history(records, or_used=True) or not needed(records) or any(p.run_id for p in starting):
            return []
        ready = [p for p in starting if not p.discarded and not p.given and p.left > 0]
        if not ready or PROCESSING.reasons(records, at):
            return []
        ready = [p for p in ready if not any(withheld(records, p, at) for withheld in WITHHELD)]
        lost = [p for p in ready if p.end is not None and p.end <= at]
        ready = [p for p in ready if p not in lost]
        if not ready:
            return [_lost(records, product) for product in lost]
        why = f"{ready[0].headline()}: collected and signed, for {course.title}."
        due = min((p.end for p in ready if p.end is not None), default=None)
        to = ("processing.new", {"treatment_id": course.id})
        act = Action(title="Process the cells", why=why, who=tuple(LOGS), to=to, due_at=due, due_words="use before")
        return [act, *(_lost(records, product) for product in lost)]
    return [_open(records, run) for run in runs if not closed(run)]


def expired_words(product: Product, zone: str) -> str:
    """Return which container expired, and when."""
    return (
        f"{product.name} {product.division or ''}".strip()
        + f" expired at {wording.moment(product.end, zone, product.end_known)}."
    )


def nothing_to_take(records: CourseRecords, at: datetime) -> list[Blocked]:
    """Return why no container of a course can go into a run, each that expired by name (rule 50)."""
    left = [one for one in records.of(Product) if one.left > 0 and not (one.given or one.discarded)]
    if not left:
        because = "Nothing is left to process: every container was processed, given or discarded."
        return [Blocked(because=because, fix=("processing.index", {"treatment_id": records.course.id}))]
    return [
        Blocked(
            rule=50, because=f"{expired_words(one, records.zone)} Expired cells are not processed.",
            who=(Role.QUALITY,), fix=("release.release", {"product_id": one.id}), fix_label="Open the release",
        )
        for one in left if one.expired(at)
    ]  # fmt: skip


def _lost(records: CourseRecords, product: Product) -> Action:
    """Return that starting cells expired before anybody processed them: quality rejects them (rule 50)."""
    why = f"{expired_words(product, records.zone)} Nobody processed it in time."
    to = ("release.release", {"product_id": product.id})
    since = None if product.end_known else product.end
    return Action(
        title="Decide on the expired cells", why=why, who=(Role.QUALITY,), to=to, danger=True,
        due_at=since, due_words="expired",
    )  # fmt: skip


def _open(records: CourseRecords, run: ProcessingRun) -> Action:
    to, said = ("processing.show", {"run_id": run.id}), run.headline()
    more = {"due_at": run.ended_at, "due_words": "ended"}
    if not run.signed:
        title, what = wanted(run, steps_left(run, records.get))
        return Action(title=title, why=f"{said}: {what}", who=tuple(LOGS), to=to, **more)
    ends = [one.end for one in run.outputs if one.end is not None and not (one.end_known or one.given or one.discarded)]
    if ends:
        more = {"due_at": min(ends), "due_words": "use before"}
    why = f"{said}: signed; waiting for a second person to verify it."
    return Action(title="Verify the processing", why=why, who=run.verifiers, to=to, not_by=tuple(run.hands), **more)


def wanted(run: ProcessingRun, left: list[str]) -> tuple[str, str]:
    """Return title and text of what comes next in a run that is not signed, in the order of the work."""
    found = next_in(run, left)
    if found is Next.STEP:
        return "Record the next step", f"next in the protocol: {MANIPULATIONS[left[0]].label}."
    if found is Next.CONTAINERS:
        return "Record the containers", "no product recorded yet."
    if found is Next.END and run.ended_at is None:
        return "Record end and balance", "record the end time and the volume of samples and waste."
    if found is Next.END:
        named = ", ".join(MANIPULATIONS[kind].label for kind in left)
        return "Record the steps, or why they were left out", f"not recorded: {named}."
    return "Sign the run", "recorded, not signed."


def moments(records: CourseRecords) -> Iterable[datetime]:
    """Return when the cells that a run may begin with end."""
    return (product.end for product in records.of(Product) if product.end is not None)


def marks(records: CourseRecords, _at: datetime) -> list[Mark]:
    """Return the runs from start to end, with how long they took; one without an end goes on today."""
    return marks_of(records.of(ProcessingRun), records.zone, _took, open_now=True)


def _took(run: ProcessingRun) -> str:
    return wording.duration(run.ended_at - run.performed_at) if run.ended_at and run.performed_at else "in progress"


PROCESSING = Step(
    name="processing", title="Processing", icon="microscope", views=("clinic.processing.views",),
    records=(ProcessingRun,), endpoint="processing.index", begin="processing.new", logs=LOGS, signs=SIGNS,
    blockers=blockers, progress=progress, actions=actions, moments=moments, marks=marks,
)  # fmt: skip
