"""When the cells of a run were frozen and thawed: by what went in and what was done, whatever was recorded first."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from clinic.protocols.catalogues import MANIPULATIONS
from clinic.wording import moment as moment_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinic.products.models import Product


class Cold(NamedTuple):
    """When cells were last frozen, and when they were thawed since; both None: they are fresh."""

    frozen_at: datetime | None = None
    thawed_at: datetime | None = None


def cold_after(run: Any) -> Cold:
    """Return when the cells that come out of a `clinic.processing.models.ProcessingRun` were frozen and thawed.

    Containers that went in frozen stay so until a thaw of the run, or until a step that nobody can do with frozen
    cells. What was thawed stays thawed since the first of these, until it is frozen again or grown in culture: then it
    is fresh (rules 50, 54).
    """
    state = _strictest([one.product for one in run.inputs])
    for moment, kind in sorted(_events(run), key=lambda event: event[0]):
        if kind == "freeze":
            state = Cold(moment, None)
        elif kind == "culture":
            state = Cold()
        elif kind == "thaw" or (state != Cold() and (state.frozen_at is None or state.frozen_at <= moment)):
            state = Cold(state.frozen_at, min(moment, state.thawed_at or moment))
    return state


def not_thawed(run: Any, step: Any) -> str:
    """Return why a step of a run cannot have been done when it began: its cells lay frozen; empty: they did not.

    A thaw counts from when it began: who washes may have begun while the last bag was still in the bath.
    """
    begun = step.performed_at
    if step.kind in KEEPS_MEDIUM or begun is None:
        return ""
    state = _strictest([one.product for one in run.inputs])
    for one in sorted((one for one in run.manipulations if one.performed_at), key=lambda one: one.performed_at):
        if one is step or one.performed_at > begun:
            continue
        if one.kind == "cryopreserve":
            state = Cold(one.ended_at or one.performed_at, None)
        elif one.kind == "thaw":
            state = Cold(state.frozen_at, min(one.performed_at, state.thawed_at or one.performed_at))
    if state.thawed_at is not None and state.thawed_at > begun:
        return f"The cells were thawed at {moment_in(state.thawed_at, run.zone)}, after this step began."
    if state.frozen_at is not None and state.thawed_at is None and state.frozen_at <= begun:
        return "The cells lay frozen when this step began. Their thaw comes first: record it, or correct its time."
    return ""


def _strictest(inputs: list[Product]) -> Cold:
    """Return the state of what is mixed: frozen where one container still is, else thawed with the earliest thaw."""
    frozen = [one.frozen_at or one.performed_at for one in inputs if one.lies_frozen]
    thawed = [one.thawed_at for one in inputs if one.thawed_at is not None]
    if frozen:
        return Cold(min((moment for moment in frozen if moment is not None), default=None), None)
    if not thawed:
        return Cold()
    return Cold(min((one.frozen_at for one in inputs if one.frozen_at is not None), default=None), min(thawed))


def _events(run: Any) -> Iterator[tuple[datetime, str]]:
    if run.thawed_at is not None:
        yield run.thawed_at, "thaw"
    for one in run.manipulations:
        moment = one.ended_at or one.performed_at
        kind = MANIPULATIONS.get(one.kind or "")
        if moment is None or kind is None:
            continue
        if one.kind == "cryopreserve":
            yield moment, "freeze"
        elif one.kind == "thaw":
            yield moment, "thaw"
        elif kind.culture:
            yield moment, "culture"
        elif one.kind not in KEEPS_MEDIUM:
            yield one.performed_at or moment, "open"


KEEPS_MEDIUM = frozenset({"receive", "thaw", "split", "pool", "cryopreserve"})
"""What is done to cells without taking their freezing medium out."""


def medium_after(run: Any, parents: list[Product]) -> dict[str, Any]:
    """Return the freezing medium of a run's containers: its own; of what it only divided, that of the parents."""
    washed = any(one.kind not in KEEPS_MEDIUM for one in run.manipulations)
    if run.cryo_medium or run.dmso_percent is not None or washed:
        return {"cryo_medium": run.cryo_medium, "dmso_percent": run.dmso_percent}
    percents = [one.dmso_percent for one in parents if one.dmso_percent is not None]
    return {
        "cryo_medium": next((one.cryo_medium for one in parents if one.cryo_medium), None),
        "dmso_percent": max(percents, default=None),
    }
