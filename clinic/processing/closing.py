"""What a run still needs before it ends and is signed: the protocol's steps, containers, end, a reason for a loss."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from clinic.errors import Problem, Question, RuleBroken, Unconfirmed
from clinic.fields import plain
from clinic.protocols.catalogues import MANIPULATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOSS_TO_EXPLAIN = Decimal("0.10")
EVIDENT = frozenset({"receive", "split", "pool", "cryopreserve", "thaw"})
"""Steps that movements, containers and times of cold tell already."""


class Next(StrEnum):
    """What comes next in a run that is not signed."""

    STEP = "step"
    CONTAINERS = "containers"
    END = "end"
    SIGNATURE = "signature"


def steps_left(run: Any, made_by: Callable[[str | None], Any]) -> list[str]:
    """Return the steps of the protocol that are recorded neither in a run nor in those that made what went in.

    What follows the freezing belongs to a later run while the cells lie frozen. ``made_by`` returns a run by its id.
    """
    if run.follows is None or run.origin != "clinic":
        return []
    asked = run.follows.says.manipulations
    if run.frozen_at is not None and "cryopreserve" in asked:
        asked = asked[: asked.index("cryopreserve")]
    done = {step.kind for one in _line(run, made_by, set()) for step in one.manipulations}
    return [kind for kind in asked if kind not in EVIDENT and kind not in done]


def _line(run: Any, made_by: Callable[[str | None], Any], seen: set[str]) -> Iterator[Any]:
    yield run
    for taken in run.inputs:
        before = made_by(taken.product.run_id)
        if before is not None and before.id not in seen:
            seen.add(before.id)
            yield from _line(before, made_by, seen)


def next_in(run: Any, left: list[str]) -> Next:
    """Return what comes next in a run that is not signed; ``left``: the steps of the protocol that are not recorded."""
    if left and run.ended_at is None:
        return Next.STEP
    if not run.outputs:
        return Next.CONTAINERS
    return Next.END if run.ended_at is None or unanswered(run, left) else Next.SIGNATURE


def unanswered(run: Any, left: list[str]) -> list[Question]:
    """Return the question why steps of the protocol were left out, until it has a reason."""
    if not left or run.confirmed.get("ended_at"):
        return []
    named = ", ".join(MANIPULATIONS[kind].label for kind in left)
    asked = f"Steps of the protocol are not recorded: {named}. Does the run end without them?"
    return [Question("ended_at", asked, "Record each step that was done. If one was left out, give the reason.")]


def lost(run: Any) -> list[Problem]:
    """Return that more than a tenth of the volume is lost without a reason (rule 36)."""
    if run.loss_share <= LOSS_TO_EXPLAIN or run.loss_reason or run.origin != "clinic":
        return []
    share = f"{run.loss_share:.0%}".replace("%", " %")
    return [Problem(f"{share} of the volume is lost: {run.balance}. Give the reason.", "loss_reason", rule=36)]


def refuse_end(run: Any, left: list[str]) -> None:
    """Refuse an end that leaves a loss unexplained, and ask why steps of the protocol were left out.

    Before its containers are recorded nothing can be said about a loss.
    """
    problems, questions = lost(run) if run.outputs else [], unanswered(run, left)
    if problems:
        raise RuleBroken(*problems, questions=questions)
    if questions:
        raise Unconfirmed(questions)


def refuse_signature(run: Any, left: list[str]) -> None:
    """Refuse to sign what is not complete: containers, end, the protocol's steps, a reason for a loss."""
    if run.origin != "clinic":
        return
    if not run.outputs:
        raise RuleBroken("Record the containers first.")
    if run.ended_at is None:
        raise RuleBroken("Record the end first, with samples and waste.")
    asked = unanswered(run, left)
    if asked:
        said = asked[0].question.partition(". ")[0]
        raise RuleBroken(f"{said}. Record them, or give the reason under “End and balance”.")
    if problems := lost(run):
        raise RuleBroken(*problems)


def balance_of(run: Any) -> str:
    """Return the sum of the volumes of a run in words; see `ProcessingRun.balance`."""
    parts = f"{plain(run.input_volume)} mL in"
    if run.added_volume:
        parts += f" + {plain(run.added_volume)} mL added"
    parts += f" − {plain(run.output_volume)} mL in containers"
    if run.waste_volume:
        parts += f" − {plain(run.waste_volume)} mL samples and waste"
    return f"{parts} = {plain(run.loss)} mL"
