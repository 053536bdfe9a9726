"""Who may log and sign a transport, and what waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.access import Role
from clinic.products.models import Product
from clinic.release.product_state import state_of
from clinic.steps import Action, Blocked, Progress, State, Step
from tests.pathway.transport.models import Transport

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.course_records import CourseRecords

LOGS = frozenset({Role.TECHNOLOGIST})
SIGNS = frozenset({Role.TECHNOLOGIST, Role.QUALITY})


def waiting(records: CourseRecords, at: datetime) -> list[Product]:
    """Return the released products that nobody has carried to the ward yet."""
    released = [product for product in records.of(Product) if state_of(records, product, at).usable]
    return [product for product in released if not records.on(product, Transport)]


def unsigned(records: CourseRecords) -> list[Transport]:
    return [transport for transport in records.of(Transport) if not transport.signed]


def outcome(records: CourseRecords, at: datetime) -> list[Blocked]:
    """Return the transports that are missing or not signed: nothing is given before."""
    course = records.course
    missing = [
        Blocked(
            because=f"{product.name} is still in the laboratory.", who=tuple(LOGS),
            fix=("transport.new", {"treatment_id": course.id}), fix_label="Log the transport",
        )
        for product in waiting(records, at)
    ]  # fmt: skip
    return missing + [
        Blocked(
            because=f"The transport ({transport.headline()}) is not signed.", who=tuple(SIGNS),
            fix=("transport.show", {"transport_id": transport.id}), fix_label="Open the transport",
        )
        for transport in unsigned(records)
    ]  # fmt: skip


def progress(records: CourseRecords, at: datetime) -> Progress:
    """Done when every transport is signed and no released product waits in the laboratory."""
    found = records.of(Transport)
    if unsigned(records):
        return Progress(state=State.NOW, word="Not signed")
    if found and not waiting(records, at):
        return Progress(state=State.DONE, word="Signed", by=found[-1].performed_by.printed_name)
    blocked = bool(TRANSPORT.reasons(records, at))
    return Progress(state=State.BLOCKED if blocked else State.TO_DO, word="Blocked" if blocked else "To do")


def actions(records: CourseRecords, at: datetime) -> list[Action]:
    """Carry what is released; sign."""
    if TRANSPORT.reasons(records, at):
        return []
    to = ("transport.new", {"treatment_id": records.course.id})
    return [
        Action(title="Log the transport", why=f"{product.name} is released.", who=tuple(LOGS), to=to)
        for product in waiting(records, at)
    ] + [
        Action(
            title="Sign the transport", why=transport.headline(), who=tuple(SIGNS),
            to=("transport.show", {"transport_id": transport.id}),
        )
        for transport in unsigned(records)
    ]  # fmt: skip


TRANSPORT = Step(
    name="transport", title="Transport", icon="arrow-right", views=("tests.pathway.transport.views",),
    records=(Transport,), endpoint="transport.index", begin="transport.new", logs=LOGS, signs=SIGNS, outcome=outcome,
    progress=progress, actions=actions,
)  # fmt: skip
