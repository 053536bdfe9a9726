"""A record: who did it, who wrote it down, who signed, and what was amended since.

The person who did it (``performed_by``), who typed it (``recorded_by``) and who answers for it (`Signature`) are
told apart, and so are when it happened and when it was written down. Nothing is overwritten unseen: a correction
is an `Amendment` with a reason, and a signature binds the content that was signed (21 CFR 11.70).
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    String,
    UniqueConstraint,
    event,
    exists,
    inspect,
)
from sqlalchemy.orm import (
    ColumnProperty,
    Mapped,
    RelationshipDirection,
    declared_attr,
    mapped_column,
    object_session,
    relationship,
)

from clinic import clock, wording
from clinic.errors import Problem, Question, RuleBroken, Unconfirmed
from clinic.fields import Field, field, fields_of
from clinic.identifiers import LENGTH
from clinic.ledger.listener import ledger_value
from clinic.ledger.models import digest
from clinic.model import Model, reference

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.accounts.models import User

CLOCK_SLACK = timedelta(minutes=2)
"""How far a typed time may lie ahead of the server's clock before it counts as the future (rule 69)."""


class Origin(StrEnum):
    """Where a record comes from."""

    CLINIC = "clinic"
    IMPORTED = "imported"


class Meaning(StrEnum):
    """What a signature says (21 CFR 11.50)."""

    AUTHORSHIP = "authorship"
    VERIFICATION = "verification"
    REVIEW = "review"
    APPROVAL = "approval"
    RELEASE = "release"

    @property
    def label(self) -> str:
        """The sentence that stands by the signature, on screen and on paper."""
        return {
            "authorship": "This record is complete and true",
            "verification": "Second person: I checked this myself",
            "review": "I have reviewed this record",
            "approval": "I approve this",
            "release": "Released for this patient",
        }[self.value]


class Signature(Model):
    """One person's signature under one content of one record."""

    KIND = "SG"
    __table_args__ = (UniqueConstraint("record_id", "content_hash", "signed_by_id", "meaning"),)

    record: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str] = mapped_column(String(LENGTH), index=True)
    record_version: Mapped[int]
    meaning: Mapped[Meaning]
    content_hash: Mapped[str] = mapped_column(String(64))
    signed_by_id: Mapped[str] = reference("user_account")
    signed_at: Mapped[datetime]
    printed_name: Mapped[str]
    role: Mapped[str]

    signed_by: Mapped[User] = relationship("User")


class Amendment(Model):
    """One correction of one record: what it said before, what it says now, who, when and why."""

    KIND = "AM"
    __table_args__ = (UniqueConstraint("record_id", "number"),)

    record: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str] = mapped_column(String(LENGTH), index=True)
    number: Mapped[int]
    amended_by_id: Mapped[str] = reference("user_account")
    amended_at: Mapped[datetime]
    reason: Mapped[str]
    changes: Mapped[dict[str, Any]]

    amended_by: Mapped[User] = relationship("User")


def signed_now(model: type[Record]) -> ColumnElement[bool]:
    """Return the SQL condition that a record's present version is signed, for lists of many records."""
    return exists().where(Signature.record_id == model.id, Signature.record_version == model.version)


class Entry(Model):
    """Base of all that staff write down: who, when, where it comes from, and its amendments.

    ``precision`` says of which days and moments not everything is known, and how much is: ``{"performed_at": "day"}``;
    see `wording.day` for the words. Such a moment is kept as the first one of that day, month or year on the site's
    clock. None: everything is known.
    """

    __abstract__ = True
    NOUN: ClassVar[str]
    JUDGED: ClassVar[bool] = True

    recorded_at: Mapped[datetime]

    @declared_attr
    def recorded_by_id(cls) -> Mapped[str]:
        return reference("user_account")

    origin: Mapped[Origin] = mapped_column(default=Origin.CLINIC)
    source_note: Mapped[str] = mapped_column(default="")
    not_recorded: Mapped[dict[str, str]] = mapped_column(default=dict)
    confirmed: Mapped[dict[str, str]] = mapped_column(default=dict)
    precision: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True), info={"added": True})

    @declared_attr
    def recorded_by(cls) -> Mapped[User]:
        return relationship("User", foreign_keys=[cls.recorded_by_id])  # type: ignore[list-item]

    @declared_attr
    def amendments(cls) -> Mapped[list[Amendment]]:
        return relationship(
            "Amendment",
            primaryjoin=f"foreign(Amendment.record_id) == {cls.__name__}.id",
            order_by="Amendment.number",
            overlaps="amendments",
        )

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if cls.__dict__.get("__abstract__"):
            return
        for name, fact in fields_of(cls).items():
            if fact.required:
                cls.__table__.append_constraint(  # type: ignore[attr-defined]
                    CheckConstraint(f"{name} IS NOT NULL OR origin = 'imported'", name=f"{name}_recorded")
                )

    @property
    def zone(self) -> str:
        """The time zone of the clinic in which it was written down: its days are that clock's."""
        session = object_session(self)
        with session.no_autoflush if session is not None else nullcontext():
            return self.recorded_by.site.zone

    def local_day(self, moment: datetime) -> date:
        """Return the day that a moment has where this was written down."""
        return clock.day(moment, self.zone)

    def precision_of(self, name: str) -> str:
        """Return how much of a day or moment is known; "" where all of it is."""
        return (self.precision or {}).get(name, "")

    @classmethod
    def log(cls, *, by: User, at: datetime, **facts: Any) -> Self:
        """Return a new record written down by a person at a moment.

        Raises `RuleBroken` with a sentence where a required fact is missing, a quantity is impossible, an
        unexpected one has no reason, or the time lies in the future. The caller adds it to the session.
        """
        facts.setdefault("site_id", by.site_id)
        session = object_session(by)
        # related rows are read while the record is not in the session yet: nothing is to be flushed meanwhile
        with session.no_autoflush if session is not None else nullcontext():
            record = cls(recorded_by=by, recorded_by_id=by.id, recorded_at=at, **facts)
            record.fill_keys(session)
            record.check(at=at)
        return record

    def check(self, *, at: datetime) -> None:
        """Raise `RuleBroken` with every fault, or `Unconfirmed` with every question that has no reason yet."""
        problems = self.problems(at=at)
        if problems:
            raise RuleBroken(" ".join(problems))
        open_questions = [question for question in self.questions() if not self.confirmed.get(question.name)]
        if open_questions and self.origin is Origin.CLINIC:
            raise Unconfirmed(open_questions)

    def questions(self) -> list[Question]:
        """Return what is possible but unusual about facts together; each wants a reason in ``confirmed``."""
        return []

    def fill_keys(self, session: Session | None = None) -> None:
        """Let related rows and the columns that name them agree, so that the content is whole before it is stored.

        A row that lists its records is not read here: the record would stand in its list before it is in the session.
        """
        for relation in inspect(type(self)).relationships:
            if relation.direction is not RelationshipDirection.MANYTOONE or relation.viewonly:
                continue
            ((local, _remote),) = relation.local_remote_pairs
            row, named = getattr(self, relation.key), getattr(self, str(local.key))
            if row is not None:
                setattr(self, str(local.key), row.id)
            elif named is not None and session is not None and relation.back_populates is None:
                setattr(self, relation.key, session.get(relation.mapper.class_, named))

    def problems(self, *, at: datetime) -> list[str]:  # noqa: ARG002 - rooms judge by the moment
        """Return what is wrong with the facts themselves, a sentence each; rooms add checks over two facts."""
        found = []
        for name, fact in fields_of(type(self)).items():
            value = getattr(self, name)
            if value is None or value in ("", []):
                if fact.required and not self._excused(name):
                    found.append(f"{fact.label} is missing.")
            else:
                found += self._limit_problems(name, fact, value)
        return found

    def _excused(self, name: str) -> bool:
        return self.origin is Origin.IMPORTED and bool(self.not_recorded.get(name))

    def _limit_problems(self, name: str, fact: Field, value: Any) -> list[str]:
        said = f"{fact.words(value)} {fact.unit}".rstrip()
        if fact.possible is not None and value not in fact.possible:
            return [f"{fact.label} must be {fact.possible} {fact.unit}".rstrip() + f", not {fact.words(value)}."]
        if fact.choices is not None and not set(value if fact.many else [value]) <= set(fact.choices):
            return [f"{fact.label}: “{said}” is none of the choices."]
        if fact.expected is None or value in fact.expected or self.confirmed.get(name):
            return []
        if self.origin is Origin.IMPORTED:
            return []
        return [f"{fact.label}: {said} is not the expected {fact.expected}. Confirm it with a reason."]

    @property
    def not_applicable(self) -> frozenset[str]:
        """Facts that this record cannot have, such as the freezing medium of a fresh product."""
        return frozenset()

    def content(self) -> dict[str, Any]:
        """Return all that a signature covers: every column but the row's version, and empty ones added later."""
        found = {}
        for attribute in inspect(type(self)).column_attrs:
            value = getattr(self, attribute.key)
            if attribute.key != "version" and not (value is None and attribute.columns[0].info.get("added")):
                found[attribute.key] = ledger_value(value)
        return found

    def unit_of(self, name: str) -> str:  # noqa: ARG002 - most facts have one unit, declared with them
        """Return the unit of a fact that has another one in each record; empty where it is declared with the fact."""
        return ""

    @property
    def content_hash(self) -> str:
        """SHA-256 of the present content."""
        return digest(self.content())

    def amend(self, *, by: User, at: datetime, reason: str, **changes: Any) -> Amendment:
        """Correct facts, keeping what stood there; raises `RuleBroken` without a reason or a real change (rule 70)."""
        if not reason.strip():
            raise RuleBroken("Say why this is corrected. The reason stays beside the old value.", rule=70)
        old = {name: getattr(self, name) for name in changes}
        changed = {
            name: [self._written(name, old[name]), ledger_value(value)]
            for name, value in changes.items()
            if old[name] != value
        }
        if not changed:
            raise RuleBroken("Nothing was changed, so nothing was amended.")
        for name in changed:
            setattr(self, name, changes[name])
        left = {name: known for name, known in (self.precision or {}).items() if name not in changed}
        if left != (self.precision or {}):
            self.precision = left or None
        self.check(at=at)
        amendment = Amendment(
            site_id=self.site_id, record=self.__tablename__, record_id=self.id, number=len(self.amendments) + 1,
            amended_by=by, amended_by_id=by.id, amended_at=at, reason=reason.strip(), changes=changed,
        )  # fmt: skip
        self.amendments.append(amendment)
        return amendment

    def _written(self, name: str, value: Any) -> Any:
        """Return a value as an amendment keeps it: of a day or moment no more than was known."""
        known = self.precision_of(name)
        return wording.iso(value, self.zone, known) if known and value is not None else ledger_value(value)

    def headline(self) -> str:
        """Return the record in one line, for the timeline."""
        return self.NOUN


@event.listens_for(Entry, "attribute_instrument", propagate=True)
def _take_out_what_nobody_sees(_entry: type[Entry], _key: str, attribute: Any) -> None:
    """Take invisible characters out of every text that is written down, whichever way it came in."""
    if isinstance(attribute.property, ColumnProperty) and isinstance(attribute.property.columns[0].type, String):
        event.listen(attribute, "set", _visible, retval=True)


def _visible(_record: Entry, value: Any, *_more: Any) -> Any:
    return wording.visible(value) if isinstance(value, str) else value


class Record(Entry):
    """Base of all that is done to or known about a patient. See the module.

    ``course_day`` is the day of the course, counted from administration (day 0), where a published history
    gives no date.
    """

    __abstract__ = True
    HAPPENED: ClassVar[str] = "Happened at"
    DONE: ClassVar[str] = "Done by"

    @declared_attr
    def performed_at(cls) -> Mapped[datetime | None]:
        return field(cls.HAPPENED, required=True, section="When and who", order=-9, index=True)

    @declared_attr
    def performed_by_id(cls) -> Mapped[str | None]:
        return field(
            cls.DONE, String(LENGTH), ForeignKey("user_account.id"), required=True, section="When and who", order=-8
        )

    course_day: Mapped[int | None]

    @declared_attr
    def performed_by(cls) -> Mapped[User | None]:
        return relationship("User", foreign_keys=[cls.performed_by_id])  # type: ignore[list-item]

    @declared_attr
    def signatures(cls) -> Mapped[list[Signature]]:
        return relationship(
            "Signature",
            primaryjoin=f"foreign(Signature.record_id) == {cls.__name__}.id",
            order_by="Signature.signed_at",
            overlaps="signatures",
        )

    def problems(self, *, at: datetime) -> list[str]:
        """Also refuse a time that lies in the future (rule 69)."""
        found = super().problems(at=at)
        if self.performed_at is not None and self.performed_at > at + CLOCK_SLACK:
            found.append(Problem(f"{self.HAPPENED} lies in the future.", rule=69))
        return found

    def critical_correction(self) -> Amendment | None:
        """Return the last amendment that a second person must confirm; kinds of records say which ones are critical."""
        return None

    @property
    def unconfirmed(self) -> Amendment | None:
        """The critical correction that nobody but who made it has signed; None where nothing waits for a second person."""
        correction = self.critical_correction()
        others = [s for s in self.present_signatures if correction and s.signed_by_id != correction.amended_by_id]
        return correction if correction is not None and not others else None

    @property
    def needs_permission(self) -> bool:
        """Whether it is an act that consent and eligibility must have allowed at the moment when it happened."""
        return False

    @property
    def late_by(self) -> timedelta | None:
        """How long after it happened it was written down."""
        return None if self.performed_at is None else self.recorded_at - self.performed_at

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.AUTHORSHIP) -> Signature:
        """Put a person's signature under the present content. The caller has just checked the password (law 5)."""
        session = object_session(self)
        if session is not None:
            session.flush()  # the version that lists compare with is counted when a change is written
        content_hash = self.content_hash
        if any(s.signed_by_id == by.id and s.content_hash == content_hash for s in self.signatures):
            raise RuleBroken(f"{by.printed_name} has signed this already. A second signature must be another person's.")
        signature = Signature(
            site_id=self.site_id, record=self.__tablename__, record_id=self.id, record_version=self.version or 1,
            meaning=meaning, content_hash=content_hash, signed_by=by, signed_by_id=by.id, signed_at=at,
            printed_name=by.printed_name, role=by.role.value,
        )  # fmt: skip
        self.signatures.append(signature)
        return signature

    @property
    def present_signatures(self) -> list[Signature]:
        """The signatures that cover the present content; after an amendment the older ones no longer do."""
        content_hash = self.content_hash
        return [signature for signature in self.signatures if signature.content_hash == content_hash]

    @property
    def signed(self) -> bool:
        """Whether somebody answers for the present content."""
        return bool(self.present_signatures)
