"""Who may decide on a product, and what must be true first."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from clinic.access import Role
from clinic.processing.release import Release
from clinic.processing.step import asked, runs_of, starting_products, unsigned_harvests, verified
from clinic.steps import Blocked, Progress, State, Step
from clinic.treatments import gates

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment

LOGS = frozenset({Role.QUALITY})


def blockers(course: Treatment, at: datetime) -> list[Blocked]:
    return gates.may_go_on(course, at)


def progress(course: Treatment, at: datetime) -> Progress:
    return Progress(state=State.TODO, word="To do")


RELEASE = Step(
    name="release", title="Release", icon="certificate", records=(Release,), endpoint="qc.course", begin="qc.course",
    logs=LOGS, signs=frozenset({Role.QUALITY, Role.DIRECTOR}), blockers=blockers, progress=progress,
)  # fmt: skip
