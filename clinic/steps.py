"""A step of the pathway: what it records, who may, and what must be true first."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from clinic import clock
from clinic.errors import RuleBroken, StepBlocked
from clinic.record_kinds import keys_to, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date, datetime

    from clinic.access import Role
    from clinic.accounts.models import User
    from clinic.course_records import CourseRecords
    from clinic.records import Record


@dataclass(frozen=True, kw_only=True)
class Blocked:
    """One reason why a step may not go on: what is missing, who can resolve it, and where.

    ``rule`` is the number in the clinic's rule book, 0 for plain order of steps. ``who`` empty: nobody can
    allow this. ``fix`` is an endpoint with its values, which the page turns into an address. ``by_clock``: time alone
    brought it, such as the last day of a decision, or the protocol was retired; what was begun rightly before is not
    stopped by it.
    """

    because: str
    rule: int = 0
    who: tuple[Role, ...] = ()
    fix: tuple[str, dict[str, Any]] | None = None
    fix_label: str = "Open"
    by_clock: bool = False


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
    record: Record | None = None
    """The record that ``word`` and ``by`` are about: its signature says who answers for it, and since when."""
    waits: bool = False
    """Whether something is still awaited in a step that is done, such as a culture: the rail shows it in amber."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One part of a step in the course by date: what was done, what is in progress or late, what is planned.

    ``until`` None: one moment. ``said`` is the figure that is written beside it.
    """

    since: date
    until: date | None = None
    state: State = State.DONE
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Action:
    """The next task: title (verb and noun), why now, which roles, and where.

    ``due_at``: by when, ``due_words`` what happens then; ``since``: when a deadline that is drawn as days began.
    ``danger``: it is listed before everything else. ``not_by``: ids of the people who may not do it although they have
    the role, such as who signed first where a second person verifies; ``only_by``: of the only people who may do it,
    such as the physician who was informed.
    """

    title: str
    why: str
    who: tuple[Role, ...]
    to: tuple[str, dict[str, Any]]
    due_at: datetime | None = None
    due_words: str = ""
    since: datetime | None = None
    danger: bool = False
    not_by: tuple[str, ...] = ()
    only_by: tuple[str, ...] = ()

    def is_for(self, user: User) -> bool:
        """Whether a person may do it."""
        named = not self.only_by or user.id in self.only_by
        return user.role in self.who and named and user.id not in self.not_by


def marks_of(found: Iterable[Record], zone: str, said: Callable[[Any], str], *, open_now: bool = False) -> list[Mark]:
    """Return a mark for each record whose day is known: done once signed or imported, until then in progress.

    ``open_now``: one without an end is still going on.
    """
    marks = []
    for one in found:
        if one.performed_at is None:
            continue
        since, ended = clock.day(one.performed_at, zone), getattr(one, "ended_at", None)
        until = clock.day(ended, zone) if ended is not None else clock.today(zone) if open_now else None
        done = (one.signed or one.origin != "clinic") and not (open_now and ended is None)
        state = State.DONE if done else State.NOW
        marks.append(Mark(since=since, until=until if until != since else None, state=state, said=said(one)))
    return marks


def nothing(_records: CourseRecords, _at: datetime) -> tuple[()]:
    """Return nothing: the answer of a step that has no reasons, actions or moments of its own."""
    return ()


@dataclass(kw_only=True, eq=False)
class Step:
    """One step of the pathway: a folder with its pages, its records and its judgement.

    Every judgement is a function of the records of one course and a moment:

    ``permission``: why nothing that follows may be done, such as a withdrawn consent; each later act needs it at its
    own time. ``outcome``: what is still open in this step before a later one may begin, such as a signature.
    ``blockers``: what only this step needs. ``progress`` is its state, ``actions`` its open tasks,
    ``moments`` when time alone will change any of these, ``marks`` its days as the course by date draws them.
    ``after`` names the steps that it comes after; None: all before it in the pathway.

    ``rule`` is the number under which the bedside lists it. ``endpoint`` lists its records for a course, ``begin`` is
    the form on which a new one is filled in, ``views`` the modules with its blueprints.
    """

    name: str
    title: str
    icon: str
    views: tuple[str, ...]
    records: tuple[type[Record], ...]
    endpoint: str
    begin: str
    logs: frozenset[Role]
    signs: frozenset[Role]
    progress: Callable[[CourseRecords, datetime], Progress]
    blockers: Callable[[CourseRecords, datetime], Sequence[Blocked]] = nothing
    permission: Callable[[CourseRecords, datetime], Sequence[Blocked]] = nothing
    outcome: Callable[[CourseRecords, datetime], Sequence[Blocked]] = nothing
    actions: Callable[[CourseRecords, datetime], Sequence[Action]] = nothing
    moments: Callable[[CourseRecords], Iterable[datetime]] = field(default=lambda _records: ())
    marks: Callable[[CourseRecords, datetime], Sequence[Mark]] = nothing
    rule: int = 0
    after: tuple[str, ...] | None = None
    templates: tuple[str, ...] = ()
    earlier: tuple[Step, ...] = ()

    def reasons(self, records: CourseRecords, at: datetime) -> list[Blocked]:
        """Return every reason why the step may not be begun now; empty: it may."""
        found = [] if records.course.stop is None else stopped(records)
        for step in self.earlier:
            found += [*step.permission(records, at), *step.outcome(records, at)]
        return [*found, *self.blockers(records, at)]

    def forbidden(self, records: CourseRecords, at: datetime) -> list[Blocked]:
        """Return why an act of this step was not permitted at the moment when it happened."""
        return [reason for step in self.earlier for reason in step.permission(records, at)]

    def admit(self, records: CourseRecords, *, by: Any, at: datetime) -> None:
        """Raise unless this person may begin the step for this course now.

        `RuleBroken` for a role that does not log this step, here or under the course's protocol; `StepBlocked` with
        every reason where the gate is closed. The page, the command line and the demonstration all go through here.
        """
        allowed = records.course.says.logs.get(self.name)
        if by.role not in self.logs or (allowed and by.role.value not in allowed):
            who = " or ".join(sorted(role.label for role in self.logs if not allowed or role.value in allowed))
            raise RuleBroken(f"{self.title} is recorded by {who}, not by {by.role.label}.")
        reasons = self.reasons(records, at)
        if reasons:
            raise StepBlocked(self.title, reasons)


NOT_RECORDED = "Not recorded"
"""What a step says of a course that is over elsewhere and tells nothing of it."""


def stopped(records: CourseRecords) -> list[Blocked]:
    """Return why no step can be started in a stopped course."""
    stop = records.course.stop
    return [] if stop is None else [Blocked(because=f"The course was stopped: {stop.reason}.")]


def is_history(records: CourseRecords, *, or_used: bool = False) -> bool:
    """Whether a course was imported and nothing was done here for it yet, apart from following the patient up.

    Nobody has a task in it: it happened elsewhere. From the first act here, such as a signed order, it is continued.
    ``or_used``: also one all of whose cells are used, which asks for no consent, decision or collection any more.
    """
    course = records.course
    if course.origin != "imported":
        return False
    pool, kinds = records.pool, [kind for kind, rows in records.pool.rows.items() if rows]
    cells = [kind for kind in kinds if table_of(kind) == "product"]
    mine = [row for kind in cells for row in pool.index(kind, "treatment_id").get(course.id, ())]
    if or_used and mine and all(one.given or one.discarded for one in mine):
        return True
    if course.signed:
        return False
    own = {"treatment": [course.id], "product": [row.id for row in mine]}
    return not any(
        _done_here(row)
        for kind in kinds
        for table, ids in own.items()
        for name in keys_to(kind).get(table, ())
        for one in ids
        for row in pool.index(kind, name).get(one, ())
    )


def _done_here(row: Any) -> bool:
    return getattr(row, "origin", "") == "clinic" and not getattr(row, "AFTER_DEATH", False) and row.ASKED_FIRST


class Pathway(tuple[Step, ...]):
    """The steps of a course in their order, each linked to the steps before it."""

    __slots__ = ()

    def __new__(cls, steps: Iterable[Step]) -> Self:
        """Return the pathway of some steps, linked."""
        made = super().__new__(cls, steps)
        made.link()
        return made

    def link(self) -> None:
        """Link each step to the ones it comes after: those that it names, else all before it."""
        for number, step in enumerate(self):
            before = self[:number]
            step.earlier = tuple(s for s in before if step.after is None or s.name in step.after)
