"""Two records of one person: which record number belongs to which patient, said by two people, and undone by two.

Nothing is moved or rewritten. While a merge is confirmed, both records carry the id of the one that goes on
(``person_id``, as accounts of one person do), pages show both, and the gates ask the alerts, the allergies, the
consents and the death of both; after it is undone everything is as it was (hazard H27).
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Index, Text, and_, column, or_, select
from sqlalchemy.orm import Mapped, object_session, relationship, selectinload

from clinic import clock, wording
from clinic.access import Role
from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import field
from clinic.model import among, reference
from clinic.patients.lookalikes import born_of, may_agree
from clinic.patients.models import SEXES, Patient
from clinic.patients.names import Nearness, searchable
from clinic.records import Meaning, Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.course_records import CourseRecords

PROPOSES = frozenset({Role.COORDINATOR, Role.NURSE, Role.PHYSICIAN, Role.QUALITY})
CONFIRMS = frozenset({Role.QUALITY, Role.PHYSICIAN})
MOST_OF_PATIENT, MOST_OF_ONE = 3, 10
"""How many proposals wait for a decision at most, of one patient and of one person who proposes."""


IN_FORCE = column("undone_at").is_(None)


class PatientMerge(Record):
    """That the record ``merged`` is the same person's as ``patient``, whose record number goes on."""

    KIND = "PM"
    NOUN = "Merge of two records"
    JUDGED = False
    RESTS_ON = ("patient", "merged")
    HAPPENED = "Proposed at"
    DONE = "Proposed by"
    __table_args__ = (
        CheckConstraint("patient_id <> merged_id", name="two_records"),
        CheckConstraint("(confirmed_at IS NULL) = (confirmed_by_id IS NULL)", name="confirmed_by_somebody"),
        CheckConstraint("(undone_at IS NULL) = (undone_by_id IS NULL)", name="undone_by_somebody"),
        *(
            Index(
                f"ix_patient_merge_{name}", "site_id", name,
                sqlite_where=IN_FORCE, postgresql_where=IN_FORCE,
            )
            for name in ("confirmed_at", "undo_asked_at")
        ),
    )  # fmt: skip

    patient_id: Mapped[str] = reference("patient")
    merged_id: Mapped[str] = reference("patient")
    reason: Mapped[str] = field(
        "Why are these the same person?", Text, long=True, required=True, identifying=True,
        hint="For example: identity card seen, both numbers asked of the patient",
    )  # fmt: skip
    confirmed_at: Mapped[datetime | None] = field("Confirmed at")
    confirmed_by_id: Mapped[str | None] = reference("user_account", index=False)
    undo_asked_at: Mapped[datetime | None] = field("Undo proposed at")
    undo_asked_by_id: Mapped[str | None] = reference("user_account", index=False)
    undo_reason: Mapped[str | None] = field("Why it is undone", Text, long=True, conditional=True, identifying=True)
    undone_at: Mapped[datetime | None] = field("Undone at")
    undone_by_id: Mapped[str | None] = reference("user_account", index=False)

    patient: Mapped[Patient] = relationship(foreign_keys=[patient_id])
    merged: Mapped[Patient] = relationship(foreign_keys=[merged_id])
    confirmed_by: Mapped[User | None] = relationship("User", foreign_keys=[confirmed_by_id])
    undo_asked_by: Mapped[User | None] = relationship("User", foreign_keys=[undo_asked_by_id])
    undone_by: Mapped[User | None] = relationship("User", foreign_keys=[undone_by_id])

    def questions(self) -> list[Question]:
        """Also: what contradicts itself on the two records; two people may be merged only by mistake (hazard H27)."""
        found = contradictions(self.patient, self.merged)
        if not found or self.confirmed_at is not None or self.undo_asked_at is not None:
            return []
        said = f"The records contradict each other: {'; '.join(found)}. Are they the same person?"
        why = "Compare identity documents and say which entry is wrong. It is corrected after the merge."
        return [Question("reason", said, why, rule=11)]

    @property
    def in_force(self) -> bool:
        """Whether the two records count as one person's now; a proposal to undo it changes nothing yet."""
        return self.confirmed_at is not None and self.undone_at is None

    @property
    def open(self) -> bool:
        """Whether it waits for a second person, or is in force."""
        return self.undone_at is None

    @property
    def waits(self) -> bool:
        """Whether nobody has confirmed or withdrawn it yet."""
        return self.confirmed_at is None and self.undone_at is None

    @classmethod
    @cache
    def waits_with(cls) -> Any:
        """Return the condition that a merge with one of some records, ``people``, waits for a decision."""
        part = or_(among(cls.patient_id, "people"), among(cls.merged_id, "people"))
        return and_(part, cls.confirmed_at.is_(None), cls.undone_at.is_(None))

    def confirm(self, *, by: User, at: datetime) -> None:
        """Confirm it as the second person; the caller has just checked the password (law 5)."""
        if not self.open or self.confirmed_at is not None:
            raise RuleBroken("This merge does not wait for a confirmation any more.")
        _refuse_one_person(by, self.performed_by, CONFIRMS)
        found = contradictions(self.patient, self.merged)
        if found and not self.confirmed.get("reason"):
            said = f"The records contradict each other: {'; '.join(found)}. Withdraw the proposal and propose it again."
            raise RuleBroken(said, rule=11)
        self.confirmed_at, self.confirmed_by, self.confirmed_by_id = at, by, by.id
        self.check(at=at)
        self.patient.person_id = self.merged.person_id = self.patient_id
        self.sign(by=by, at=at, meaning=Meaning.APPROVAL)

    def ask_to_undo(self, *, by: User, at: datetime, reason: str) -> None:
        """Propose to undo it; what nobody has confirmed yet is withdrawn at once."""
        if not self.open or self.undo_asked_at is not None:
            raise RuleBroken("This merge is undone, or its undoing is proposed already.")
        if by.role not in PROPOSES:
            raise RuleBroken(f"A merge is not undone by {by.role.label}.")
        if not reason.strip():
            raise RuleBroken(Problem("Reason: required", "reason"))
        self.undo_reason = reason.strip()
        self.undo_asked_at, self.undo_asked_by, self.undo_asked_by_id = at, by, by.id
        if self.confirmed_at is None:
            self.undone_at, self.undone_by, self.undone_by_id = at, by, by.id
        self.check(at=at)

    def undo(self, *, by: User, at: datetime) -> None:
        """Undo it as the second person; the caller has just checked the password (law 5)."""
        if not self.in_force or self.undo_asked_at is None:
            raise RuleBroken("Nobody has proposed to undo this merge.")
        _refuse_one_person(by, self.undo_asked_by, CONFIRMS)
        self.undone_at, self.undone_by, self.undone_by_id = at, by, by.id
        self.check(at=at)
        self.merged.person_id = None
        session = object_session(self)
        left = of_patient(session, self.patient) if session is not None else []
        if not any(one.in_force for one in left):
            self.patient.person_id = None
        self.sign(by=by, at=at, meaning=Meaning.APPROVAL)

    def headline(self) -> str:
        state = "undone" if self.undone_at else "confirmed" if self.confirmed_at else "proposed"
        return f"{self.merged.record_number} belongs to {self.patient.record_number}: {state}"


def _refuse_one_person(by: User, first: User | None, roles: Collection[Role]) -> None:
    if by.role not in roles:
        raise RuleBroken(f"This is confirmed by {' or '.join(sorted(role.label for role in roles))}.")
    if first is not None and by.is_same_person(first):
        raise RuleBroken("A second person confirms it, not the person who proposed it.")


def contradictions(one: Patient, other: Patient) -> list[str]:
    """Return in words what two records say of birth, sex, name, death and blood group that cannot both be true."""
    found = []
    if _both(one.birth_date, other.birth_date) and not may_agree(born_of(one), born_of(other)):
        days = [wording.day(row.birth_date, row.precision_of("birth_date")) for row in (one, other)]
        found.append(f"born {days[0]} and {days[1]}")
    sexes = [row.sex for row in (one, other) if row.sex and row.sex != "unknown"]
    if len(set(sexes)) > 1:
        found.append(f"{SEXES[sexes[0]].lower()} and {SEXES[sexes[1]].lower()}")
    words = [set(searchable(row.display_name).split()) for row in (one, other)]
    if not (
        words[0] <= words[1] or words[1] <= words[0] or Nearness(one.display_name).to(searchable(other.display_name))
    ):
        found.append(f"{one.display_name} and {other.display_name}")
    deaths = [clock.span(row.died_on, row.precision_of("died_on")) for row in (one, other)]
    if _both(*deaths) and not may_agree(*deaths):
        days = [wording.day(row.died_on, row.precision_of("died_on")) for row in (one, other)]
        found.append(f"died on {days[0]} and {days[1]}")
    for name, label in (("abo", "blood group"), ("rhd", "")):
        values = [getattr(row, name) for row in (one, other)]
        if _both(*values) and values[0] != values[1]:
            found.append(f"{label} {values[0]} and {values[1]}".strip())
    return found


def _both(one: Any, other: Any) -> bool:
    return bool(one and other)


def others(session: Session, patient: Patient) -> list[Patient]:
    """Return the other records of the same person; no statement where there are none."""
    if patient.person_id is None:
        return []
    chosen = select(Patient).where(Patient.person_id == patient.person_id, Patient.id != patient.id)
    with session.no_autoflush:
        return list(session.scalars(chosen.options(selectinload(Patient.alerts)).order_by(Patient.record_number)))


def of_patient(session: Session, patient: Patient) -> list[PatientMerge]:
    """Return the merges in which a patient takes part or took part, the last first."""
    part = or_(PatientMerge.patient_id == patient.id, PatientMerge.merged_id == patient.id)
    order = (PatientMerge.recorded_at.desc(), PatientMerge.id)
    return list(session.scalars(select(PatientMerge).where(part).order_by(*order)))


def propose(  # noqa: PLR0913 - what one record consists of
    session: Session,
    patient: Patient,
    merged: Patient,
    *,
    by: User,
    at: datetime,
    reason: str,
    confirmed: dict[str, str] | None = None,
) -> PatientMerge:
    """Propose that a record is the same person's as a patient; raises `RuleBroken` where it cannot be proposed.

    A person has one record that goes on: what is merged already, or has others merged into it, is not merged again.
    """
    if by.role not in PROPOSES:
        raise RuleBroken(f"A merge is not proposed by {by.role.label}.")
    if merged.id == patient.id:
        raise RuleBroken(Problem("This is the same record. Enter the other record number.", "number"))
    for one in (patient, merged):
        for known in of_patient(session, one):
            taken = known.open and (one is merged or known.merged_id == one.id)
            if taken:
                said = f"{one.record_number} takes part in another merge: {known.headline()}. Undo it first."
                raise RuleBroken(Problem(said, "number"))
    _refuse_too_many(session, patient, by)
    made = PatientMerge.log(
        by=by, at=at, performed_by=by, performed_at=at, site_id=patient.site_id, patient=patient, patient_id=patient.id,
        merged=merged, merged_id=merged.id, reason=reason, confirmed=confirmed or {},
    )  # fmt: skip
    session.add(made)
    return made


def _refuse_too_many(session: Session, patient: Patient, by: User) -> None:
    """Each open proposal can stop cells at the bedside: one person leaves only so many, and a patient has few."""
    if len(proposed(session, {patient.id})) >= MOST_OF_PATIENT:
        said = f"{MOST_OF_PATIENT} merges of this patient wait for a decision. Have them confirmed or withdrawn first."
        raise RuleBroken(Problem(said, "number"))
    waits = PatientMerge.confirmed_at.is_(None), PatientMerge.undone_at.is_(None)
    mine = select(PatientMerge.id).where(PatientMerge.site_id == by.site_id, *waits)
    mine = mine.where(PatientMerge.performed_by_id == by.id)
    if len(session.scalars(mine.limit(MOST_OF_ONE)).all()) >= MOST_OF_ONE:
        said = f"{MOST_OF_ONE} merges that you proposed wait for a decision. Have them confirmed or withdrawn first."
        raise RuleBroken(Problem(said, "number"))


def proposed(session: Session, ids: Collection[str]) -> list[PatientMerge]:
    """Return the merges with some patients' records that nobody has confirmed or withdrawn yet, the oldest first."""
    waiting = select(PatientMerge).where(PatientMerge.waits_with())
    order = (PatientMerge.recorded_at, PatientMerge.id)
    return list(session.scalars(waiting.order_by(*order), {"people": sorted(ids)}))


def joined_at(merges: Iterable[PatientMerge], own_id: str, other_id: str) -> datetime | None:
    """Return when two records came to be known as one person's: what stands on the other was news here then (H27).

    None: they are one record, or no merge among ``merges`` says that they are one person's.
    """
    in_force = [one for one in merges if one.in_force and one.confirmed_at is not None]
    groups: list[set[str]] = []
    for one in sorted(in_force, key=lambda one: one.confirmed_at or one.recorded_at) if own_id != other_id else ():
        sides = {one.patient_id, one.merged_id}
        joined = sides.union(*(group for group in groups if group & sides))
        groups = [group for group in groups if not group & sides] + [joined]
        if {own_id, other_id} <= joined:
            return one.confirmed_at
    return None


def known_here_at(records: CourseRecords, patient_id: str, written: datetime) -> datetime:
    """Return since when the people of a course could read what was written on a record of its patient's person."""
    joined = joined_at(records.every(PatientMerge), records.course.patient_id, patient_id)
    return written if joined is None else max(written, joined)


def proposed_to(records: CourseRecords) -> list[tuple[PatientMerge, list[Patient]]]:
    """Return the merges of a course's patient that wait for a decision, each with every record that it would join.

    These are its own, those that are joined to them, and those that another proposal would join in turn.
    """
    own = records.people_ids
    waiting = [one for one in records.every(PatientMerge) if one.waits]
    touching = [one for one in waiting if {one.patient_id, one.merged_id} & own]
    order = sorted(touching, key=lambda one: (one.recorded_at, one.id))
    return [(one, _other_side(records, one, waiting, own)) for one in order]


def _other_side(
    records: CourseRecords, merge: PatientMerge, waiting: list[PatientMerge], own: Collection[str]
) -> list[Patient]:
    found: dict[str, Patient] = {}
    left = [merge.patient_id, merge.merged_id]
    while left:
        one = records.get(left.pop())
        if one is None or one.id in found or one.id in own:
            continue
        found[one.id] = one
        left += [row.id for row in records.every(Patient) if one.is_same_person(row)]
        left += [side for more in waiting if one.id in (sides := (more.patient_id, more.merged_id)) for side in sides]
    return list(found.values())
