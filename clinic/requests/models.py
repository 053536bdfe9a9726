"""A request to look at a record, and a comment on one. Nothing of either is deleted."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Index, String, Text, and_, or_, select
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from clinic import wording
from clinic.access import WRITERS, Role
from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import field
from clinic.identifiers import LENGTH
from clinic.model import reference
from clinic.records import Entry, Meaning, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clinic.accounts.models import User
    from clinic.records import Signature

OBJECTION = "objection"
"""The kind of request by which quality decides on a signed disagreement."""
DANGER = "danger"
"""The kind of request by which quality or a physician answers a comment that tells of a danger."""
KINDS = {
    "review": "Review", "second_check": "Second check", "opinion": "Opinion", OBJECTION: "Decision on an objection",
    DANGER: "Answer to a comment",
}  # fmt: skip
ABOUT_CELLS = frozenset({"product", "processing_run", "harvest", "qc_result", "movement", "treatment", "release"})
"""Tables of the records on which a comment may tell of a danger in some cells."""
TELLS_OF_DANGER: list[Callable[[str], bool]] = []
"""Readers of a comment on cells: the rooms that know what germs, damage and a “no” are called add theirs."""
SIGNED = {"review": Meaning.REVIEW, "second_check": Meaning.VERIFICATION, OBJECTION: Meaning.APPROVAL}
"""Kinds whose answer is a signature, and what it says."""
ANSWERS = {"agree": "Agrees", "disagree": "Disagrees", "answered": "Answered"}
DECISIONS = {"agree": "The record is right", "disagree": "The record is wrong"}
"""What quality answers to an objection: with the first its stop ends, with the second it stays."""
DECIDERS = frozenset({Role.QUALITY, Role.DIRECTOR})
ANSWERERS = DECIDERS | {Role.PHYSICIAN}
"""Who answers a comment that tells of a danger."""
STRIKERS = frozenset({Role.QUALITY, Role.DIRECTOR})
"""Who may strike the comment of somebody else."""
PERSONAL_NUMBER = "staff_number"
"""The fact of an account that names the human, where accounts have one: one human may have had two accounts."""


def same_human(one: User, other: User) -> bool:
    """Whether two accounts belong to one human (hazard H25)."""
    number = getattr(one, PERSONAL_NUMBER, None)
    return one.id == other.id or (bool(number) and number == getattr(other, PERSONAL_NUMBER, None))


def hands_on(record: Entry) -> list[User]:
    """Return who did a record, recorded it, confirmed it and corrected it: none of them is its second person."""
    did = [getattr(record, "performed_by", None), record.recorded_by, getattr(record, "confirmed_by", None)]
    return [one for one in (*did, *(row.amended_by for row in record.amendments)) if one is not None]


class Request(Record):
    """One person asks another one, or a role of the site, to look at a record.

    The answer of a review or a second check is signed, and binds the content of the record that was looked at
    (``seen_hash``); it is no signature under the record itself, which only those of its step may give.
    """

    KIND = "RQ"
    NOUN = "Request"
    JUDGED = False
    ATTACHED = True
    HAPPENED = "Asked at"
    DONE = "Asked by"
    __table_args__ = (
        CheckConstraint("(asked_of_id IS NULL) <> (asked_role IS NULL)", name="one_asked"),
        CheckConstraint("(answered_at IS NULL) = (answered_by_id IS NULL)", name="answered_by_somebody"),
        CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by_id IS NULL)", name="withdrawn_by_somebody"),
        CheckConstraint("answered_at IS NULL OR withdrawn_at IS NULL", name="one_end"),
        Index(None, "record_id"),
        Index(None, "recorded_at", "id"),
    )

    record: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str] = mapped_column(String(LENGTH))
    about: Mapped[str] = field("About", identifying=True)
    patient_id: Mapped[str | None] = reference("patient")
    kind: Mapped[str] = field("What is asked for", choices=KINDS, required=True)
    text: Mapped[str] = field("Question", Text, long=True, required=True, identifying=True)
    due_on: Mapped[date | None] = field("Answer by", past=False)
    asked_of_id: Mapped[str | None] = reference("user_account", index=False)
    asked_role: Mapped[str | None] = mapped_column(String(20))
    answer: Mapped[str | None] = field("Answer", choices=ANSWERS)
    answer_text: Mapped[str | None] = field("In words", Text, long=True, identifying=True)
    answered_at: Mapped[datetime | None]
    answered_by_id: Mapped[str | None] = reference("user_account", index=False)
    seen_hash: Mapped[str | None] = mapped_column(String(64))
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by_id: Mapped[str | None] = reference("user_account", index=False)
    withdrawn_reason: Mapped[str | None] = field("Reason for withdrawing it", identifying=True)

    patient: Mapped[Any] = relationship("Patient")
    asked_of: Mapped[User | None] = relationship("User", foreign_keys=[asked_of_id])
    answered_by: Mapped[User | None] = relationship("User", foreign_keys=[answered_by_id])
    withdrawn_by: Mapped[User | None] = relationship("User", foreign_keys=[withdrawn_by_id])

    @property
    def open(self) -> bool:
        """Whether an answer is awaited."""
        return self.answered_at is None and self.withdrawn_at is None

    @property
    def whom(self) -> str:
        """Who is asked, in words."""
        if self.asked_of is not None:
            return self.asked_of.label
        return Role(self.asked_role).label if self.asked_role else ""

    def problems(self, *, at: datetime) -> list[str]:
        """Also: an answer is not asked for by a day that is over."""
        found = super().problems(at=at)
        if self.due_on is not None and self.answered_at is None and self.due_on < self.local_day(self.recorded_at):
            found.append(Problem("Answer by: this day is over. Choose today or a later day.", "due_on"))
        return found

    @classmethod
    def ask(cls, record: Entry, *, by: User, at: datetime, of: User | Role, **facts: Any) -> Request:
        """Return a new request about a record to an account or to a role of the site.

        Raises `RuleBroken` where the one who is asked is not active, of another site, may not read the record, or did
        the record that a second check is asked for (rule 2). ``facts``: kind, text, due_on, patient_id, about.
        """
        whom = {"asked_role": of.value} if isinstance(of, Role) else {"asked_of_id": of.id, "asked_of": of}
        said = _not_askable(record, of, by=by, kind=facts.get("kind", ""))
        if said:
            raise RuleBroken(Problem(said, "whom", rule=2 if facts.get("kind") == "second_check" else 0))
        return cls.log(
            by=by, at=at, performed_by=by, performed_at=at, record=record.__tablename__, record_id=record.id,
            site_id=record.site_id, **whom, **facts,
        )  # fmt: skip

    def is_asked(self, user: User) -> bool:
        """Whether a person is the one asked, or of the role that is asked."""
        if self.asked_of is not None:
            return same_human(self.asked_of, user)
        deciders = {OBJECTION: DECIDERS, DANGER: ANSWERERS}.get(self.kind, frozenset())
        return self.asked_role == user.role.value or user.role in deciders

    @classmethod
    def decisive(cls) -> Any:
        """Return the condition that finds the signed disagreements, what quality decided on them, and open dangers."""
        signed = and_(
            cls.answered_at.is_not(None), or_(cls.kind == OBJECTION, cls.answer == "disagree"), cls.kind.in_(SIGNED)
        )
        return or_(signed, and_(cls.kind == DANGER, cls.answered_at.is_(None), cls.withdrawn_at.is_(None)))

    @property
    def answer_words(self) -> str:
        """What was answered, in words; empty where nothing was."""
        return (DECISIONS if self.kind == OBJECTION else ANSWERS).get(self.answer or "", "")

    def reply(self, record: Entry, *, by: User, at: datetime, answer: str, words: str) -> Signature | None:
        """Record the answer; of a review and of a second check it is signed: the caller has just checked the password.

        Raises `RuleBroken` where it is not open, where somebody else is asked, or where the second person did the
        record (rule 2).
        """
        self._must_be_open()
        if not self.is_asked(by):
            raise RuleBroken(f"This is asked of {self.whom}. Nobody else answers it.")
        if self.kind == "second_check" and any(same_human(by, one) for one in hands_on(record)):
            raise RuleBroken("You did this record. The second check must be by another person.", rule=2)
        if self.kind == DANGER and self.performed_by is not None and same_human(by, self.performed_by):
            raise RuleBroken("You wrote the comment. Another member of quality staff or a physician answers it.")
        if self.kind == OBJECTION and any(same_human(by, one) for one in hands_on(record)):
            raise RuleBroken("You did this record. Another member of quality staff or the director decides.", rule=45)
        if self.kind == OBJECTION and any(same_human(by, one) for one in self._objectors()):
            said = "You signed the disagreement. Another member of quality staff or the director decides."
            raise RuleBroken(said, rule=45)
        if (answer != "agree" or self.kind == OBJECTION) and not words.strip():
            raise RuleBroken(Problem("In words: required; say what you found.", "answer_text"))
        self.answer, self.answer_text, self.seen_hash = answer, words.strip() or None, record.content_hash
        self.answered_by, self.answered_by_id, self.answered_at = by, by.id, at
        self.check(at=at)
        return self.sign(by=by, at=at, meaning=SIGNED[self.kind]) if self.kind in SIGNED else None

    def _objectors(self) -> list[User]:
        """Return who signed a disagreement with the record."""
        session = object_session(self)
        chosen = select(Request).where(Request.record_id == self.record_id, Request.answer == "disagree")
        said = session.scalars(chosen.where(Request.kind != OBJECTION)) if session is not None else []
        return [row.answered_by for row in said if row.answered_by is not None]

    def withdraw(self, *, by: User, at: datetime, reason: str) -> None:
        """Take the request back, by who asked, with a reason; it stays readable."""
        self._must_be_open()
        if self.kind in {OBJECTION, DANGER}:
            raise RuleBroken(
                "This is not withdrawn. Quality staff, the director or, of a comment, a physician answers it."
            )
        if self.performed_by is None or not same_human(self.performed_by, by):
            raise RuleBroken("A request is withdrawn by the person who asked.")
        self.withdrawn_by, self.withdrawn_by_id, self.withdrawn_at = by, by.id, at
        self.withdrawn_reason = reason.strip()
        self.check(at=at)

    def _must_be_open(self) -> None:
        if self.withdrawn_at is not None:
            raise RuleBroken("This request was withdrawn.")
        if self.answered_at is not None:
            raise RuleBroken("This request is answered already. Ask again if the record has changed.")

    def headline(self) -> str:
        return f"{KINDS.get(self.kind, 'Request')}: {self.about}"


def undecided(said: Sequence[Request]) -> list[Request]:
    """Return the signed disagreements with one record on which quality has not decided that the record is right.

    ``said``: the `Request.decisive` ones about the record.
    """
    objected = [one for one in said if one.answer == "disagree" and one.kind in SIGNED and one.answered_at is not None]
    if not objected:
        return []
    ends = [one.answered_at for one in said if one.kind == OBJECTION and one.answer == "agree" and one.answered_at]
    return [one for one in objected if not ends or (one.answered_at or ends[0]) > max(ends)]


_open = and_(Request.answered_at.is_(None), Request.withdrawn_at.is_(None))
Index(
    "ix_request_open", Request.site_id, Request.asked_of_id, Request.asked_role, sqlite_where=_open,
    postgresql_where=_open,
)  # fmt: skip


def _not_askable(record: Entry, of: User | Role, *, by: User, kind: str) -> str:
    """Return why nobody can be asked this; empty: they can."""
    if kind == OBJECTION and (of if isinstance(of, Role) else of.role) not in DECIDERS:
        return "Quality staff or the medical director decides on an objection."
    if isinstance(of, Role):
        return "" if of in WRITERS else f"Nobody with the role of {of.label} answers requests."
    second = kind == "second_check" and any(same_human(of, one) for one in hands_on(record))
    reasons = (
        (not of.active, f"{of.printed_name} no longer works here. Ask another person or a role."),
        (of.site_id != record.site_id, f"{of.printed_name} works at another site and does not see this record."),
        (of.role not in WRITERS, f"{of.label} cannot answer: this role does not write in patients' records."),
        (same_human(of, by), "Ask another person: this is you."),
        (second, f"{of.printed_name} did this record. The second check must be by another person."),
    )
    return next((said for applies, said in reasons if applies), "")


class Comment(Record):
    """What somebody said about a record: never edited, at most struck with a reason, and then still readable."""

    KIND = "CM"
    NOUN = "Comment"
    JUDGED = False
    HAPPENED = "Written at"
    DONE = "Written by"
    __table_args__ = (
        CheckConstraint("(struck_at IS NULL) = (struck_by_id IS NULL)", name="struck_by_somebody"),
        Index(None, "record_id"),
    )

    record: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str] = mapped_column(String(LENGTH))
    about: Mapped[str] = field("About", identifying=True)
    patient_id: Mapped[str | None] = reference("patient")
    text: Mapped[str] = field("Comment", Text, long=True, required=True, identifying=True)
    struck_at: Mapped[datetime | None]
    struck_by_id: Mapped[str | None] = reference("user_account", index=False)
    struck_reason: Mapped[str | None] = field("Struck because", identifying=True)

    patient: Mapped[Any] = relationship("Patient")
    struck_by: Mapped[User | None] = relationship("User", foreign_keys=[struck_by_id])

    @classmethod
    def write(cls, record: Entry, *, by: User, at: datetime, **facts: Any) -> Comment:
        """Return a new comment on a record. ``facts``: text, about, patient_id."""
        return cls.log(
            by=by, at=at, performed_by=by, performed_at=at, record=record.__tablename__, record_id=record.id,
            site_id=record.site_id, **facts,
        )  # fmt: skip

    def questions(self) -> list[Question]:
        """Also: a comment on cells that tells of a danger stops nothing, see `TELLS_OF_DANGER`."""
        if not self.tells_of_danger:
            return super().questions()
        said = (
            "Is this a reason to hold the cells? A comment stops nothing: use “Put on hold” on the page of the product."
        )
        more = "If not, give the reason. The comment is shown at the bedside until quality or a physician answers it."
        return [*super().questions(), Question("text", said, more, rule=50)]

    @property
    def tells_of_danger(self) -> bool:
        """Whether it tells of germs, damage or a “no” to cells."""
        return self.record in ABOUT_CELLS and any(tells(self.text or "") for tells in TELLS_OF_DANGER)

    def may_be_struck_by(self, user: User) -> bool:
        """Whether a person may strike it: who wrote it, quality staff, the medical director."""
        own = self.performed_by is not None and same_human(self.performed_by, user)
        return self.struck_at is None and (own or user.role in STRIKERS)

    def strike(self, *, by: User, at: datetime, reason: str) -> None:
        """Strike it through, with a reason."""
        if self.struck_at is not None:
            raise RuleBroken("This comment is struck already.")
        if not self.may_be_struck_by(by):
            raise RuleBroken("A comment is struck by the person who wrote it, or by quality staff.")
        self.struck_by, self.struck_by_id, self.struck_at, self.struck_reason = by, by.id, at, reason.strip()
        self.check(at=at)

    def headline(self) -> str:
        said = wording.visible(self.text or "")
        short = said if len(said) <= 80 else f"{said[:79]}…"
        return f"struck: {short}" if self.struck_at is not None else short
