"""Who decides on the eligibility, and how far it is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from clinic.eligibility.models import Eligibility
from clinic.steps import Action, Blocked, Progress, State, Step
from clinic.treatments import gates, waiting
from clinic.treatments.roles import DECIDES, ORDERS, STOPS

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment


def blockers(course: Treatment, _at: datetime) -> list[Blocked]:
    """Leave the decision open at any time, unless the course is over."""
    return gates.running(course)


def progress(course: Treatment, _at: datetime) -> Progress:
    """Done when a physician signed that the patient is eligible (rule 23)."""
    decision = course.eligibility()
    if decision is not None:
        state = State.DONE if decision.eligible else State.BLOCKED
        return Progress(state=state, word="Eligible" if decision.eligible else "Not eligible", by=_who(decision))
    if not course.eligibilities:
        return Progress(state=State.TO_DO, word="To do")
    last = course.eligibilities[-1]
    if last.origin == "imported":
        return Progress(state=State.DONE, word="Imported", by=_who(last))
    return Progress(state=State.NOW, word="Not signed", by=_who(last))


def actions(course: Treatment, _at: datetime) -> list[Action]:
    """Sign the order, name the donor, decide and sign."""
    if course.origin == "imported" or gates.running(course):
        return []
    who, here, waiting = tuple(DECIDES), {"treatment_id": course.id}, []
    if not course.signed:
        why = f"{course.title}: ordered, not signed by a physician."
        waiting.append(Action(title="Sign the order", why=why, who=who, to=("treatments.order", here)))
    if course.relation != "autologous" and course.donor_id is None:
        why = "This course uses a donor's cells, and no donor is named."
        waiting.append(Action(title="Name the donor", why=why, who=tuple(ORDERS), to=("treatments.donor", here)))
    decision, begun = course.eligibility(), course.eligibilities[-1:]
    if decision is None and begun:
        to, why = ("eligibility.show", {"eligibility_id": begun[0].id}), "The decision is written down, not signed."
        waiting.append(Action(title="Sign the eligibility", why=why, who=who, to=to))
    elif decision is None:
        to, why = ("eligibility.new", here), "Nobody has decided yet whether the patient is eligible."
        waiting.append(Action(title="Decide on the eligibility", why=why, who=who, to=to))
    elif not decision.eligible:
        why = "The patient is not eligible: stop the course, or decide again when it is mended."
        waiting.append(Action(title="Stop the course", why=why, who=tuple(STOPS), to=("treatments.stop", here)))
    return waiting


def _who(record: Eligibility) -> str:
    return record.performed_by.printed_name if record.performed_by else ""


ELIGIBILITY = Step(
    name="eligibility", title="Eligibility", icon="clipboard-check", records=(Eligibility,),
    endpoint="eligibility.index", begin="eligibility.new", logs=DECIDES, signs=DECIDES,
    blockers=blockers, progress=progress, actions=actions, waiting=waiting.eligibilities,
)  # fmt: skip
