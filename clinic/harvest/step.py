"""Who may log and sign a harvest, and what must be true first."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import object_session

from clinic.access import Role
from clinic.harvest.models import Harvest
from clinic.harvest.waiting import harvests
from clinic.products.models import products_of
from clinic.steps import Action, Blocked, Progress, State, Step
from clinic.treatments import gates

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment

LOGS = frozenset({Role.NURSE, Role.PHYSICIAN})
SIGNS = frozenset({Role.PHYSICIAN})


def harvests_of(course: Treatment) -> list[Harvest]:
    """Return the harvests of a course in the order in which they began."""
    session = object_session(course)
    if session is None:
        return []
    chosen = select(Harvest).where(Harvest.treatment_id == course.id).order_by(Harvest.performed_at, Harvest.id)
    return list(session.scalars(chosen))


def blockers(course: Treatment, at: datetime) -> list[Blocked]:
    """Consent, eligibility and the donor come before the needle (rules 14 to 23)."""
    return gates.may_go_on(course, at) + gates.donor(course, at)


def progress(course: Treatment, at: datetime) -> Progress:
    """Done when every harvest is signed and in containers, or when banked cells were assigned instead."""
    found = harvests_of(course)
    if not found:
        session = object_session(course)
        banked = products_of(session, course.id) if session else []
        if banked:
            return Progress(state=State.DONE, word="From the bank", by=banked[0].name or "")
        return Progress(
            state=State.BLOCKED if blockers(course, at) else State.TO_DO,
            word="Blocked" if blockers(course, at) else "To do",
        )
    last = found[-1]
    who = last.performed_by.printed_name if last.performed_by else ""
    if all(harvest.signed or harvest.origin == "imported" for harvest in found):
        return Progress(state=State.DONE, word="Signed" if last.signed else "Imported", by=who)
    return Progress(state=State.NOW, word="Not signed", by=who)


def actions(course: Treatment, at: datetime) -> list[Action]:
    """Log the harvest; put what was collected into containers; sign."""
    found = harvests_of(course)
    if not found:
        done = progress(course, at).state is State.DONE
        if done or blockers(course, at) or course.stop is not None:
            return []
        why = "Consent and eligibility are signed; nothing else has to come first."
        return [
            Action(
                title="Log the harvest",
                why=why,
                who=tuple(LOGS),
                to=("harvest.new", {"treatment_id": course.id}),
                due_at=None,
            )
        ]
    waiting = []
    for harvest in found:
        if harvest.signed or harvest.origin == "imported":
            continue
        to = ("harvest.show", {"harvest_id": harvest.id})
        if harvest.volume_to_label > 0:
            waiting.append(
                Action(
                    title="Put the harvest into containers",
                    why=f"{harvest.volume_to_label} mL have no container yet.",
                    who=tuple(LOGS),
                    to=to,
                )
            )
        else:
            waiting.append(
                Action(
                    title="Sign the harvest",
                    why=f"{harvest.headline()}: written down, not signed.",
                    who=tuple(SIGNS),
                    to=to,
                )
            )
    return waiting


HARVEST = Step(
    name="harvest",
    title="Harvest",
    icon="droplet-half-2",
    records=(Harvest,),
    endpoint="harvest.index",
    begin="harvest.new",
    logs=LOGS,
    signs=SIGNS,
    blockers=blockers,
    progress=progress,
    actions=actions,
    waiting=harvests,
)
