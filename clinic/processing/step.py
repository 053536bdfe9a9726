"""Who may log and sign a processing run, and what must be true first."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import object_session

from clinic.access import Role
from clinic.harvest.models import Harvest
from clinic.processing.models import ProcessingRun
from clinic.processing.waiting import runs as waiting_runs
from clinic.products.models import Product, products_of
from clinic.steps import Action, Blocked, Progress, State, Step
from clinic.treatments import gates

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment

LOGS = frozenset({Role.TECHNOLOGIST})
SIGNS = frozenset({Role.TECHNOLOGIST, Role.QUALITY})


def runs_of(course: Treatment) -> list[ProcessingRun]:
    """Return the runs of a course in the order in which they began."""
    session = object_session(course)
    if session is None:
        return []
    chosen = select(ProcessingRun).where(ProcessingRun.treatment_id == course.id)
    return list(session.scalars(chosen.order_by(ProcessingRun.performed_at, ProcessingRun.id)))


def starting_products(course: Treatment) -> list[Product]:
    """Return what a run of this course can begin with: its harvested containers, and banked ones assigned to it."""
    session = object_session(course)
    if session is None:
        return []
    own_runs = {run.id for run in runs_of(course)}
    return [product for product in products_of(session, course.id) if product.run_id not in own_runs]


def unsigned_harvests(course: Treatment) -> list[Blocked]:
    """Return the harvests that no signature closes yet: the laboratory waits for it (rule 31)."""
    session = object_session(course)
    if session is None:
        return []
    found = session.scalars(select(Harvest).where(Harvest.treatment_id == course.id).order_by(Harvest.performed_at))
    return [
        Blocked(
            rule=31,
            because=f"The harvest ({harvest.headline()}) is written down but not signed.",
            who=(Role.PHYSICIAN,),
            fix=("harvest.show", {"harvest_id": harvest.id}),
            fix_label="Open the harvest",
        )
        for harvest in found
        if not harvest.signed and harvest.origin == "clinic"
    ]


def blockers(course: Treatment, at: datetime) -> list[Blocked]:
    """Consent and eligibility hold, there are cells, their harvest is signed, their donor may give (rules 14 to 31)."""
    found = gates.may_go_on(course, at)
    starting = starting_products(course)
    if not starting:
        because = "There are no cells yet: nothing was harvested, and no banked product is assigned."
        return [
            *found,
            Blocked(
                because=because,
                who=(Role.NURSE, Role.PHYSICIAN),
                fix=("harvest.index", {"treatment_id": course.id}),
                fix_label="Open the harvests",
            ),
        ]
    collected = [product.collected_at for product in starting if product.collected_at is not None]
    return found + unsigned_harvests(course) + gates.donor(course, min(collected, default=at))


def asked(course: Treatment) -> bool:
    """Whether the protocol asks for more than receiving what was collected."""
    return any(kind != "receive" for kind in course.says.manipulations)


def verified(run: ProcessingRun) -> bool:
    """Whether all have signed who must: the author, and a second person where the protocol says so."""
    if run.origin == "imported":
        return True
    return run.signed and (not run.wants_verification or run.verified)


def progress(course: Treatment, at: datetime) -> Progress:
    """Done when every run is signed and verified, or when nothing has to be processed."""
    runs = runs_of(course)
    if not runs:
        banked = [product for product in starting_products(course) if product.run_id is not None]
        if banked:
            return Progress(state=State.DONE, word="From the bank", by=banked[0].name or "")
        if not asked(course):
            return Progress(state=State.DONE, word="Not needed")
        closed = bool(blockers(course, at))
        return Progress(state=State.BLOCKED if closed else State.TO_DO, word="Blocked" if closed else "To do")
    last = runs[-1]
    who = last.performed_by.printed_name if last.performed_by else ""
    if all(verified(run) for run in runs):
        return Progress(state=State.DONE, word="Signed" if last.signed else "Imported", by=who)
    return Progress(state=State.NOW, word="Not verified" if last.signed else "Not signed", by=who)


def actions(course: Treatment, at: datetime) -> list[Action]:
    """Log the run; make its products; sign; have it verified."""
    runs = runs_of(course)
    if not runs:
        if course.stop is not None or progress(course, at).state is State.DONE or blockers(course, at):
            return []
        starting = starting_products(course)
        why = f"{starting[0].headline()}: collected and signed."
        due = min((p.expires_at for p in starting if p.expires_at is not None), default=None)
        begin = ("processing.new", {"treatment_id": course.id})
        return [Action(title="Process the cells", why=why, who=tuple(LOGS), to=begin, due_at=due)]
    waiting = []
    for run in runs:
        if verified(run):
            continue
        to, said = ("processing.show", {"run_id": run.id}), run.headline()
        if not run.outputs:
            why = f"{said}: no product was made of it yet."
            waiting.append(Action(title="Write down what came out", why=why, who=tuple(LOGS), to=to))
        elif not run.signed:
            why = f"{said}: written down, not signed."
            waiting.append(Action(title="Sign the processing", why=why, who=tuple(LOGS), to=to))
        else:
            why = f"{said}: signed; a second person has to check it."
            waiting.append(Action(title="Verify the processing", why=why, who=run.verifiers, to=to))
    return waiting


PROCESSING = Step(
    name="processing",
    title="Processing",
    icon="microscope",
    records=(ProcessingRun,),
    endpoint="processing.index",
    begin="processing.new",
    logs=LOGS,
    signs=SIGNS,
    blockers=blockers,
    progress=progress,
    actions=actions,
    waiting=waiting_runs,
)
