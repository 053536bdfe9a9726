"""A record: who did it, who recorded it, who signed, and what was amended since.

The person who did it (``performed_by``), who typed it (``recorded_by``) and who answers for it (`Signature`) are
told apart, and so are when it happened and when it was recorded. Nothing is overwritten unseen: a correction
is an `Amendment` with a reason, and a signature binds the content that was signed (21 CFR 11.70).
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import filterfalse
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, event, inspect
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
from clinic.model import Model, reference
from clinic.record_content import RecordContent, at_path, corrected, unflushed
from clinic.signatures import Amendment, Meaning, Signature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User


class Origin(StrEnum):
    """Where a record comes from."""

    CLINIC = "clinic"
    IMPORTED = "imported"


class Entry(RecordContent, Model):
    """Base of everything that staff record: who, when, where it comes from, and its amendments.

    ``precision`` says of which days and moments not everything is known, and how much is: ``{"performed_at": "day"}``;
    see `wording.day` for the words. Such a moment is kept as the first one of that day, month or year on the site's
    clock. None: everything is known.
    """

    __abstract__ = True
    NOUN: ClassVar[str]
    JUDGED: ClassVar[bool] = True
    ACCUSES: ClassVar[bool] = False
    TELLS_OF_PATIENT: ClassVar[bool] = False

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
        """The time zone of the clinic in which it was recorded: its days are that clock's."""
        session = object_session(self)
        with session.no_autoflush if session is not None else nullcontext():
            return self.recorded_by.site.zone

    def local_day(self, moment: datetime) -> date:
        """Return the day that a moment has where this was recorded."""
        return clock.day(moment, self.zone)

    def precision_of(self, name: str) -> str:
        """Return how much of a day or moment is known; "" where all of it is."""
        return (self.precision or {}).get(name, "")

    @classmethod
    def log(cls, *, by: User, at: datetime, **facts: Any) -> Self:
        """Return a new record recorded by a person at a moment.

        Raises `RuleBroken` with a sentence where a required fact is missing, a quantity is impossible, an
        unexpected one has no reason, or the time is in the future. The caller adds it to the session.
        """
        with unflushed(by):
            record = cls._made(by=by, at=at, **facts)
            record.check(at=at)
        return record

    @classmethod
    def judged(cls, *, by: User, at: datetime, **facts: Any) -> tuple[list[str], list[Question]]:
        """Return the problems and open questions of a record that is not made; the caller rolls back afterwards."""
        with unflushed(by):
            record = cls._made(by=by, at=at, **facts)
            return record.problems(at=at), record.open_questions()

    @classmethod
    def _made(cls, *, by: User, at: datetime, **facts: Any) -> Self:
        facts.setdefault("site_id", by.site_id)
        record = cls(recorded_by=by, recorded_by_id=by.id, recorded_at=at, **facts)
        record.fill_keys(object_session(by))
        return record

    def check(self, *, at: datetime) -> None:
        """Raise `RuleBroken` with problems and the questions without a reason, `Unconfirmed` with questions only."""
        problems, questions = self.problems(at=at), self.open_questions()
        if problems:
            raise RuleBroken(*problems, questions=questions)
        if questions:
            raise Unconfirmed(questions)

    def open_questions(self) -> list[Question]:
        """Return what is unusual about the facts, one by one and together, and has no reason in ``confirmed`` yet."""
        new = corrected(self) if self.origin is Origin.IMPORTED else None  # what came in is not asked about
        if new == set():
            return []
        single = [fact.question(name, getattr(self, name)) for name, fact in fields_of(type(self)).items()]
        asked = [one for one in (*single, *self.questions()) if one is not None and (new is None or one.name in new)]
        return [question for question in asked if not self.confirmed.get(question.name)]

    def questions(self) -> list[Question]:
        """Return what is possible but unusual about facts together; each wants a reason in ``confirmed``."""
        return []

    def fill_keys(self, session: Session | None = None) -> None:
        """Synchronize relationships and their foreign keys, so that the content is complete before it is stored.

        A row that lists its records is not read here: the record would stand in its list before it is in the session.
        """
        for relation in inspect(type(self)).relationships:
            if relation.direction is not RelationshipDirection.MANYTOONE or relation.viewonly:
                continue
            ((local, _remote),) = relation.local_remote_pairs
            row, named = getattr(self, relation.key), getattr(self, str(local.key))
            if row is not None and named != row.id:
                setattr(self, str(local.key), row.id)
            elif row is None and named is not None and session is not None and relation.back_populates is None:
                setattr(self, relation.key, session.get(relation.mapper.class_, named))

    def problems(self, *, at: datetime) -> list[str]:
        """Return what is wrong with the facts, a sentence each; a `Problem` names its fact. Rooms add their checks."""
        found, zone, precision = [], self.zone, self.precision or {}
        for name, fact in fields_of(type(self)).items():
            value, known = getattr(self, name), precision.get(name, "")
            if self.not_recorded and (value is None or value in ("", [])) and self._excused(name):
                continue
            sentences = fact.problems(value, at=at, zone=zone, known=known)
            if isinstance(value, date) and not sentences:
                sentences = self._order_problems(fact, value, zone, known)
            rule = 69 if isinstance(value, date) else fact.rule if value else 0
            found += [Problem(sentence, name, rule=rule) for sentence in sentences]
        return found

    def _excused(self, name: str) -> bool:
        return self.origin is Origin.IMPORTED and bool(self.not_recorded.get(name))

    def _order_problems(self, fact: Field, value: date, zone: str, known: str) -> list[str]:
        """Return which facts, of this record or a related one, a day or moment precedes or follows and may not."""
        found = []
        for before, paths in ((True, fact.not_before), (False, fact.not_after)):
            for path in paths:
                other, its, of_it = at_path(self, path, self.recorded_by)
                if other is not None and its is not None and not (path.endswith("died_on") and self._begun_before()):
                    found += fact.order_problems(value, (other, its, of_it), before=before, zone=zone, known=known)
        return found

    def _begun_before(self) -> bool:
        """Whether it was recorded before, at the same moment: what began before the death is ended and corrected."""
        known = inspect(self)
        return known.persistent and not known.attrs["performed_at"].history.has_changes()

    @property
    def not_applicable(self) -> frozenset[str]:
        """Facts that this record cannot have, such as the freezing medium of a fresh product."""
        return frozenset()

    def unit_of(self, name: str) -> str:  # noqa: ARG002 - most facts have one unit, declared with them
        """Return the unit of a fact that has another one in each record; empty where it is declared with the fact."""
        return ""

    def choices_of(self, name: str) -> Mapping[str, str] | None:  # noqa: ARG002 - most are declared with the fact
        """Return the choices of a fact that has other ones in each record; None where it is declared with the fact."""
        return None

    def amend(
        self, facts: Mapping[str, Any] | None = None, known: Mapping[str, str] | None = None, /, *,
        by: User, at: datetime, reason: str, **changes: Any,
    ) -> Amendment:  # fmt: skip
        """Correct facts and keep the old values; raises `RuleBroken` without a reason or a real change (rule 70).

        ``facts``: changes by name, also of one called ``by``, ``at`` or ``reason``. ``known``: precision of new days.
        """
        changes |= facts or {}
        if not reason.strip():
            raise RuleBroken("Give a reason for the correction. It is kept with the old value.", rule=70)
        parts, old = dict(known or {}), {name: (getattr(self, name), self.precision_of(name)) for name in changes}
        differing = {name: to for name, to in changes.items() if old[name] != (to, parts.get(name, old[name][1]))}
        changed = {name: [self._written(name, old[name][0]), ledger_value(value)] for name, value in differing.items()}
        if not changed:
            raise RuleBroken("Nothing was changed, so nothing was amended.")
        with unflushed(self):
            for name in changed:
                setattr(self, name, changes[name])
            # the content must not be one that was signed or decided on before the corrections
            if any(_said_before(one, name, now) for one in self.amendments for name, (_old, now) in changed.items()):
                self.confirmed = {**self.confirmed, f"amendment {len(self.amendments) + 1}": reason.strip()}
            left = {name: part for name, part in (self.precision or {}).items() if name not in changed}
            self.precision = {name: part for name, part in (left | parts).items() if part} or None
            for name in changed.keys() & parts.keys():
                changed[name][1] = self._written(name, changes[name])
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

    def accusation(self) -> str:
        """Return what it says against the cells that were given in its course; empty: nothing (``ACCUSES``)."""
        return ""

    def headline(self) -> str:
        """Return the record in one line, for the timeline."""
        return self.NOUN


def _said_before(one: Amendment, name: str, value: Any) -> bool:
    """Whether an earlier correction took this value away: who puts it back confirms nothing by old signatures."""
    return name in one.changes and one.changes[name][0] == value


@event.listens_for(Entry, "attribute_instrument", propagate=True)
def _take_out_what_nobody_sees(_entry: type[Entry], _key: str, attribute: Any) -> None:
    """Take invisible and control characters out of every text that is recorded, whichever way it came in."""
    if isinstance(attribute.property, ColumnProperty) and isinstance(attribute.property.columns[0].type, String):
        event.listen(attribute, "set", _visible, retval=True)


def _visible(_record: Entry, value: Any, *_more: Any) -> Any:
    plain = not isinstance(value, str) or (value.isascii() and value.isprintable())
    return value if plain else wording.recorded(value)


class Record(Entry):
    """Base of all that is done to or known about a patient. See the module.

    ``course_day`` is the day of the course, counted from administration (day 0), where a published history
    gives no date. ``PERSON`` is the path to the patient that it is done to: nothing is done to a patient before the
    birth, nor after the death unless ``AFTER_DEATH``. ``STARTS``: whether its form starts with now. ``QUALIFIED``: the
    facts that name people who must be authorized, each with the rule that asks for it or 0, and ``QUALIFIED_IF`` the
    fact with the values without which nobody must: a refusal or a hold waits for no authorization.
    ``QUALIFIED_FOR``: the step for which, where it is no record of a step; an authorization for one of the others does.
    """

    __abstract__ = True
    HAPPENED: ClassVar[str] = "Happened at"
    DONE: ClassVar[str] = "Done by"
    PERSON: ClassVar[str] = ""
    AFTER_DEATH: ClassVar[bool] = False
    STARTS: ClassVar[str] = "now"
    NOT_BEFORE: ClassVar[tuple[str, ...]] = ()
    needs_permission: ClassVar[bool] = False
    """Whether it is an act that consent and eligibility must have allowed at the moment when it happened."""
    QUALIFIED: ClassVar[tuple[tuple[str, int], ...]] = ()
    QUALIFIED_IF: ClassVar[tuple[str, frozenset[Any]] | None] = None
    QUALIFIED_FOR: ClassVar[tuple[str, ...]] = ()
    CONFIRMS_NOTHING: ClassVar[frozenset[Meaning]] = frozenset()

    @declared_attr
    def performed_at(cls) -> Mapped[datetime | None]:
        born = (f"{cls.PERSON}.birth_date",) if cls.PERSON else ()
        died = (f"{cls.PERSON}.died_on",) if cls.PERSON and not cls.AFTER_DEATH else ()
        return field(
            cls.HAPPENED, required=True, section="When and who", order=-9, index=True, starts=cls.STARTS,
            not_before=(*born, *cls.NOT_BEFORE), not_after=died,
        )  # fmt: skip

    @declared_attr
    def performed_by_id(cls) -> Mapped[str | None]:
        me = {"required": True, "section": "When and who", "order": -8, "starts": "me"}
        return field(cls.DONE, String(LENGTH), ForeignKey("user_account.id"), **me)

    course_day: Mapped[int | None]
    paper: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), info={"added": True})

    @declared_attr
    def performed_by(cls) -> Mapped[User | None]:
        return relationship("User", foreign_keys=[cls.performed_by_id])  # type: ignore[list-item]

    @declared_attr
    def signatures(cls) -> Mapped[list[Signature]]:
        own = f"foreign(Signature.record_id) == {cls.__name__}.id"
        return relationship("Signature", primaryjoin=own, order_by="Signature.signed_at", overlaps="signatures")

    def critical_corrections(self) -> list[Amendment]:
        """Return the amendments that a second person must confirm; kinds of records say which ones are critical."""
        return []

    def is_confirmed(self, correction: Amendment) -> bool:
        """Whether another person than its author has signed since: whoever corrects again confirms no other's."""
        since = [one for one in self.signatures if one.signed_at >= correction.amended_at]
        others = [one for one in since if not one.signed_by.is_same_person(correction.amended_by)]
        return any(one.meaning not in self.CONFIRMS_NOTHING for one in others)

    @property
    def unconfirmed(self) -> Amendment | None:
        """The last critical correction that nobody but its author has signed; None where no second person is needed."""
        waits = list(filterfalse(self.is_confirmed, self.critical_corrections()))
        return waits[-1] if waits else None

    @property
    def done_by(self) -> str:
        """The printed name of the person who did it; empty where nobody is recorded."""
        return self.performed_by.printed_name if self.performed_by is not None else ""

    @property
    def needs_authorization(self) -> bool:
        """Whether the people of ``QUALIFIED`` must be authorized."""
        return self.QUALIFIED_IF is None or getattr(self, self.QUALIFIED_IF[0]) in self.QUALIFIED_IF[1]

    @property
    def not_permitted(self) -> list[str]:
        """The checks that an act copied from ``paper`` would have failed when it happened (hazard H37)."""
        return list((self.paper or {}).get("then", ()))

    @property
    def late_by(self) -> timedelta | None:
        """How long after it happened it was recorded."""
        return None if self.performed_at is None else self.recorded_at - self.performed_at

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.AUTHORSHIP) -> Signature:
        """Sign the present content. The caller has just checked the password (law 5)."""
        session = object_session(self)
        if session is not None:
            session.flush()  # the version that lists compare with is counted when a change is written
        content_hash = self.content_hash
        if any(s.content_hash == content_hash and by.is_same_person(s.signed_by) for s in self.signatures):
            said = f"{by.printed_name} has signed this already. The second signature must be from another person."
            raise RuleBroken(said)
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
        content_hash = self.content_hash if self.signatures else ""
        return [signature for signature in self.signatures if signature.content_hash == content_hash]

    @property
    def signed(self) -> bool:
        """Whether the present content is signed."""
        return bool(self.present_signatures)
