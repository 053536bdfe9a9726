"""One site and its staff while records are written for them, in a database or, for a test, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from clinic import clock
from clinic.access import Role
from clinic.accounts.models import Site, User
from clinic.course_records import CourseRecords, of_course
from clinic.ledger.listener import set_actor
from clinic.records import Entry, Record

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.model import Model
    from clinic.protocols.models import ProtocolVersion
    from clinic.steps import Step
    from clinic.treatments.models import Treatment

M = TypeVar("M", bound="Model")
E = TypeVar("E", bound=Entry)


@dataclass
class Team:
    """The staff of one site: ``team.nurse``, ``team.nurse2``, ``team(Role.NURSE, second=True)``.

    Without a session nothing is stored. ``note`` is the source note of every record. ``reason`` stands in the ledger
    beside the person who acted; where it is empty the session's actor stays. Without dice the first choice is taken.
    """

    site: Site
    people: dict[str, User]
    session: Session | None = None
    note: str = ""
    reason: str = ""
    dice: random.Random | None = None
    versions: dict[str, ProtocolVersion] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def __getattr__(self, name: str) -> User:
        try:
            return self.__dict__["people"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __call__(self, role: Role | str, *, second: bool = False) -> User:
        return self.people[f"{Role(role).value}{'2' if second else ''}"]

    @property
    def until(self) -> datetime:
        """The moment up to which anything has happened."""
        return clock.now()

    @property
    def database(self) -> Session:
        """The session of a team that has one."""
        if self.session is None:
            raise RuntimeError("This team has no database.")
        return self.session

    def act(self, by: User) -> User:
        """Let the ledger name a person from now on; what another one did is written first."""
        if self.reason and self.database.info.get("actor_id") != by.id:
            self.database.flush()
            set_actor(self.database, by.id, self.reason)
        return by

    def admit(self, step: Step, course: Treatment, by: User, at: datetime) -> None:
        """Ask the gate of a step; raises as `Step.admit` does."""
        records = of_course(self.session, course) if self.session else CourseRecords(course, [course])
        step.admit(records, by=self.act(by), at=at)

    def add(self, row: M, by: User | None = None) -> M:
        """Store a new or changed row, for a person where one is named."""
        if by is not None:
            self.act(by)
        if self.session is not None:
            self.session.add(row)
            self.session.flush()
        return row

    def new(self, kind: type[E], by: User, at: datetime, /, *, written: datetime | None = None, **facts: Any) -> E:
        """Return a record of what a person did at a moment, not stored yet; ``written`` where it was typed later."""
        self.act(by)
        done = {"performed_at": at, "performed_by": by} if issubclass(kind, Record) else {}
        recorder = facts.pop("recorded_by", by)
        return kind.log(by=recorder, at=written or at, **({"source_note": self.note} | done | facts))

    def log(self, kind: type[E], by: User, at: datetime, /, **facts: Any) -> E:
        """Record what a person did at a moment; ``written`` as for `new`."""
        return self.add(self.new(kind, by, at, **facts))

    def sign(self, record: Any, by: User, at: datetime, **meaning: Any) -> None:
        """Sign a record that is stored."""
        self.act(by)
        record.sign(by=by, at=at, **meaning)
        self.add(record)

    def next(self, series: str, start: int = 1) -> int:
        """Return the next number of a series."""
        self.numbers[series] = self.numbers.get(series, start - 1) + 1
        return self.numbers[series]

    def pick(self, *choices: Any) -> Any:
        """Return one of several, by the team's dice."""
        return choices[0] if self.dice is None else self.dice.choice(choices)


def staff_of(site: Site, names: Mapping[str, tuple[str, str]], *, password: str | None = None) -> dict[str, User]:
    """Return two people of each role, as ``nurse`` and ``nurse2``; ``names`` by role, ``password`` is its hash."""
    return {
        f"{role.value}{suffix}": User(
            site_id=site.id, site=site, email=f"{role.value}{suffix}@{site.code}.demo", printed_name=name, role=role,
            password=password,
        )
        for role in Role
        for suffix, name in zip(("", "2"), names[role.value], strict=True)
    }  # fmt: skip
