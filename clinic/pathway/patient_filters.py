"""What the list of patients is narrowed by: state and step of a course, condition, protocol, responsible physician."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, and_, cast, exists, literal, or_, select, union_all

from clinic.access import Role
from clinic.extensions import db
from clinic.judged_lines import CourseLine
from clinic.pages import me
from clinic.pathway.order import current
from clinic.patients.models import Patient
from clinic.protocols.catalogues import CONDITIONS
from clinic.protocols.models import Protocol, ProtocolVersion
from clinic.steps import State
from clinic.treatments.models import Stop, Treatment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import ColumnElement

WORDS = ("state", "step", "condition", "protocol", "physician")
STATES = {
    "active": "Active", "finished": "Finished", "stopped": "Stopped", "died": "Died", "none": "No course yet",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Box:
    """One list to choose from above the patients: name, label, what is chosen, values with their words."""

    name: str
    label: str
    chosen: str
    choices: list[tuple[str, str]]


def boxes(asked: Mapping[str, str]) -> list[Box]:
    """Return the boxes of the filter; a choice that is not offered is none."""
    named = _protocols_and_physicians(asked.get("physician", ""))
    offered = {
        "state": ("State", [*STATES.items()]),
        "step": ("At step", [(step.name, step.title) for step in current()]),
        "condition": ("Condition", sorted(((key, one.label) for key, one in CONDITIONS.items()), key=lambda p: p[1])),
        "protocol": ("Protocol", named["protocol"]),
        "physician": ("Physician", named["physician"]),
    }
    return [
        Box(
            name=name, label=label, choices=choices,
            chosen=asked.get(name, "") if asked.get(name) in {key for key, _words in choices} else "",
        )
        for name, (label, choices) in offered.items()
    ]  # fmt: skip


def _protocols_and_physicians(chosen: str) -> dict[str, list[tuple[str, str]]]:
    """Return the site's protocols and its physicians with access, and whoever is chosen; one statement."""
    site_id = me().site_id
    user, found = type(me()), defaultdict[str, list[tuple[str, str]]](list)
    doctors = or_(and_(user.role == Role.PHYSICIAN, user.active.is_(True)), user.id == chosen)
    for kind, row_id, words in db.session.execute(
        union_all(
            select(literal("protocol"), Protocol.id, Protocol.code).where(Protocol.site_id == site_id),
            select(literal("physician"), user.id, user.printed_name).where(user.site_id == site_id, doctors),
        )
    ):
        found[kind].append((row_id, words))
    return {kind: sorted(found[kind], key=lambda pair: pair[1]) for kind in ("protocol", "physician")}


def conditions(chosen: list[Box]) -> tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]]:
    """Return the conditions on a patient, and those on the course that fits, from what is chosen.

    Each patient of the list, which is read in its order, is asked for such a course by the index of its patient.
    """
    asked = kept(chosen)
    state, courses = asked.get("state"), [*_of_judgement(asked), *_of_order(asked)]
    died = or_(Patient.died_on.is_not(None), cast(Patient.not_recorded, String).contains('"died_on"', autoescape=True))
    people: list[Any] = [died if state == "died" else ~died] if state else []
    if state == "none":
        people.append(~exists().where(Treatment.patient_id == Patient.id))
    if courses:
        people.append(exists().where(Treatment.patient_id == Patient.id, *courses))
    return people, courses


def _of_judgement(asked: dict[str, str]) -> Iterator[Any]:
    """Yield what the stored judgement says of a course: active, finished, stopped; the step that it waits at."""
    state, step = asked.get("state"), asked.get("step")
    if state == "stopped":
        yield _stopped()
    elif state in {"active", "finished"}:
        yield ~_stopped()
        yield _waits() if state == "active" else and_(_line(), ~_waits())
    if step:
        names = [one.name for one in current()]
        yield ~_stopped()
        yield _waits(CourseLine.step == step)
        yield ~_waits(CourseLine.step.in_(names[: names.index(step)]))


def _of_order(asked: dict[str, str]) -> Iterator[Any]:
    """Yield what the order of a course says: condition, protocol in any version, responsible physician."""
    if "condition" in asked:
        yield Treatment.condition == asked["condition"]
    if "physician" in asked:
        yield Treatment.performed_by_id == asked["physician"]
    if "protocol" in asked:
        versions = select(ProtocolVersion.id).where(ProtocolVersion.protocol_id == asked["protocol"])
        yield Treatment.protocol_version_id.in_(versions)


def kept(chosen: list[Box]) -> dict[str, str]:
    """Return the part of an address that asks for the same again."""
    return {box.name: box.chosen for box in chosen if box.chosen}


def _stopped() -> Any:
    return exists().where(Stop.treatment_id == Treatment.id)


def _line(*more: Any) -> Any:
    return exists().where(CourseLine.treatment_id == Treatment.id, *more)


def _waits(*more: Any) -> Any:
    """Return the condition that a step of a course is not done."""
    return _line(CourseLine.title == "", CourseLine.state != State.DONE.value, *more)
