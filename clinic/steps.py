"""A step of the pathway: what it records, who may, and what must be true first."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from clinic.errors import RuleBroken, StepBlocked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.access import Role
    from clinic.accounts.models import User
    from clinic.records import Record


@dataclass(frozen=True, kw_only=True)
class Blocked:
    """One reason why a step may not go on: what is missing, who can mend it, and where.

    ``rule`` is the number in the clinic's rule book, 0 for plain order of steps. ``who`` empty: nobody can
    allow this. ``fix`` is an endpoint with its values, which the page turns into an address.
    """

    because: str
    rule: int = 0
    who: tuple[Role, ...] = ()
    fix: tuple[str, dict[str, Any]] | None = None
    fix_label: str = "Open"


class State(StrEnum):
    """How far a step of one course is; derived, never stored."""

    DONE = "done"
    NOW = "now"
    BLOCKED = "block"
    TO_DO = "todo"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A step of one course as the step rail shows it."""

    state: State
    word: str
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Action:
    """What somebody should do next: verb and noun, why now, who, and where."""

    title: str
    why: str
    who: tuple[Role, ...]
    to: tuple[str, dict[str, Any]]
    due_at: datetime | None = None
    danger: bool = False


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """One line of the day's worklist: about whom, what to do, why, who may, where, until when."""

    patient: str
    title: str
    why: str
    who: frozenset[Role]
    to: tuple[str, dict[str, Any]]
    due_at: datetime | None = None
    due_words: str = ""
    danger: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """One room of the pathway.

    ``blockers(course, at)`` gives every reason why the step may not be begun now; empty means open.
    ``progress(course, at)`` tells how far it is. ``actions(course, at)`` what waits in it, ``waiting(session, at)``
    what waits in it for all courses of a site, by a counted few queries. ``endpoint`` lists its
    records for a course, ``begin`` is the form on which a new one is filled in.
    """

    name: str
    title: str
    icon: str
    records: tuple[type[Record], ...]
    endpoint: str
    begin: str
    logs: frozenset[Role]
    signs: frozenset[Role]
    blockers: Callable[[Any, datetime], Sequence[Blocked]]
    progress: Callable[[Any, datetime], Progress]
    actions: Callable[[Any, datetime], Sequence[Action]] = field(default=lambda _course, _at: ())
    waiting: Callable[[Session, datetime], Sequence[Waiting]] = field(default=lambda _session, _at: ())

    def admit(self, course: Any, *, by: User, at: datetime) -> None:
        """Raise unless this person may begin the step for this course now.

        `RuleBroken` for a role that does not log this step, here or under the course's protocol; `StepBlocked` with
        every reason where the gate is closed. The page, the command line and the demonstration all go through here.
        """
        allowed = course.says.logs.get(self.name)
        if by.role not in self.logs or (allowed and by.role.value not in allowed):
            who = " or ".join(sorted(role.label for role in self.logs if not allowed or role.value in allowed))
            raise RuleBroken(f"{self.title} is logged by {who}, not by {by.role.label}.")
        reasons = list(self.blockers(course, at))
        if reasons:
            raise StepBlocked(self.title, reasons)
