"""Who may be mistaken for whom: same or similar names, same birth date, same number (rule 11, hazard H4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.exc import IntegrityError

from clinic import wording
from clinic.clock import Span, span
from clinic.errors import Problem, RuleBroken
from clinic.model import unindexed
from clinic.patients import numbers
from clinic.patients.models import Alert, Patient
from clinic.patients.names import Nearness, compact, name_key, searchable
from clinic.row_reader import Listing

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from clinic.accounts.models import User

SHOWN = 3
"""How many similar patients the banner names; it counts the rest."""
ASKED = 20
"""How many rows the band's one query reads at most."""


@dataclass(frozen=True, kw_only=True)
class Alike:
    """One person who may be mistaken for another, and why. ``weight`` orders: the likeliest mistake first."""

    id: str
    name: str
    birth_date: date | None
    record_number: str
    why: str
    weight: int
    birth_known: str = ""

    @property
    def words(self) -> str:
        """Name, birth date and record number in one line."""
        return f"{self.name}, {wording.born(self.birth_date, self.birth_known)}, {self.record_number}"


class Likeness:
    """What makes other people easy to mistake for one person.

    All have ``family_name``, ``given_names``, ``birth_date``, ``record_number``; the others the stored ``name_key``.
    """

    def __init__(self, one: Any) -> None:
        self.names = searchable(one.family_name or ""), searchable(one.given_names or "")
        self.near = Nearness(" ".join(self.names))
        self.born, self.number = born_of(one), compact(one.record_number or "")

    def to(self, other: Any) -> tuple[int, str] | None:
        """Return weight and words of what is alike, None where nothing is."""
        found: list[tuple[int, str]] = []
        if self.number and self.number == compact(other.record_number or ""):
            found.append((5, "same record number"))
        family, given = searchable(other.family_name or ""), searchable(other.given_names or "")
        text = f"{family} {given}".strip()
        if text and (family, given) == self.names:
            found.append((4, "same name"))
        elif text and (given, family) == self.names:
            found.append((4, "family and given name swapped"))
        elif text and (self.near.to(text) or self.near.key == other.name_key):
            found.append((3, "close name"))
        born = born_of(other)
        if self.born is not None and born is not None and self.born.day is not None and self.born.day == born.day:
            found.append((1, "same birth date"))
        elif found and may_agree(self.born, born):
            found.append((1, "perhaps the same birth date"))
        return (sum(weight for weight, _ in found), ", ".join(words for _, words in found)) if found else None


def born_of(one: Any) -> Span | None:
    """Return when a person was born, as far as a record or row of one says it."""
    return span(one.birth_date, known_of_birth(one))


def known_of_birth(one: Any) -> str:
    """Return how much is known of the birth date of a record or row; "": all."""
    return (one.precision or {}).get("birth_date", "")


def may_agree(one: Span | None, other: Span | None) -> bool:
    """Whether two days, of which one or both are known in part, can be the same."""
    return one is not None and other is not None and one.first <= other.last and other.first <= one.last


def _alike(row: Row[Any], found: tuple[int, str]) -> Alike:
    return Alike(
        id=row.id, name=wording.person(row.family_name, row.given_names), birth_date=row.birth_date,
        record_number=row.record_number or "", why=found[1], weight=found[0], birth_known=known_of_birth(row),
    )  # fmt: skip


COLUMNS = (
    Patient.id, Patient.family_name, Patient.given_names, Patient.birth_date, Patient.record_number, Patient.name_key,
    Patient.precision,
)  # fmt: skip


def _others(one: Any) -> Any:
    return select(*COLUMNS).where(Patient.site_id == one.site_id, Patient.id != one.id)


def _judged(one: Any, rows: Any) -> list[Alike]:
    likeness = Likeness(one)
    found = [_alike(row, why) for row in rows if (why := likeness.to(row)) is not None]
    return sorted(found, key=lambda alike: (-alike.weight, alike.name, alike.id))


def lookalikes(session: Session, patient: Patient, also: tuple[Any, ...] = ()) -> tuple[list[Alike], list[Any]]:
    """Return who else of the site may be mistaken for a patient, and values ``also`` that the same query selects.

    One query over three indexes, at most `ASKED` rows besides the patient's own. ``also``: always the same objects,
    so that the query is built once; their parameters are ``patient_id`` and ``person_id``, the id of the person's
    first record.
    """
    exact = not known_of_birth(patient)  # all who were born in a year are not alike
    facts = tuple(name for name in ("name_key", "birth_date")[: 1 + exact] if getattr(patient, name))
    given = {name: getattr(patient, name) for name in ("site_id", *facts)}
    given |= {"patient_id": patient.id, "person_id": patient.person_id or patient.id}
    with session.no_autoflush:
        rows = _near(facts, also).rows(session, given)
    others = [row for row in rows if row.id != patient.id]
    return _judged(patient, others), list(rows[0][-len(also) :]) if rows and also else [None] * len(also)


@cache
def _near(facts: tuple[str, ...], also: tuple[Any, ...]) -> Listing:
    """Return the query of those who share the id or one of some facts with a patient, the patient first."""
    own = Patient.id == bindparam("patient_id")
    same = [own, *(getattr(Patient, name) == bindparam(name) for name in facts)]
    more = [one.label(f"also_{number}") for number, one in enumerate(also)]
    here = select(*COLUMNS, *more).where(unindexed(Patient.site_id) == bindparam("site_id"), or_(*same))
    return Listing(here.order_by(~own, Patient.id).limit(ASKED + 1))


def lookalikes_of_new(session: Session, patient: Patient) -> list[Alike]:
    """Return who of the site a new patient may already be. Every name of the site is compared: it is done once."""
    with session.no_autoflush:
        return _judged(patient, session.execute(_others(patient)).yield_per(1000))


def warning(found: list[Alike]) -> str:
    """Return the band's one line about look-alikes; empty where there is none."""
    if not found:
        return ""
    said = "; ".join(f"{alike.words} ({alike.why})" for alike in found[:SHOWN])
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"similar patient: {said}{more}"


def register(
    session: Session,
    *,
    by: User,
    at: datetime,
    another_because: str = "",
    known: frozenset[str] = frozenset(),
    **facts: Any,
) -> Patient:
    """Add a new patient; raises `Perhaps` while a similar patient is registered and “another person” is not confirmed.

    ``known`` are the ids of the look-alikes that the person saw, ``another_because`` the reason why this is another
    one. Both people then carry an alert that names the other and keeps the reason. A record number that another
    patient has is refused with `NumberTaken`, whatever was answered.
    """
    patient = Patient.log(by=by, at=at, **facts)
    found = lookalikes_of_new(session, patient)
    number = compact(patient.record_number or "")
    taken = next((alike for alike in found if compact(alike.record_number) == number), None)
    if taken is not None:
        raise NumberTaken(taken)
    before = numbers.bearer(session, Patient, "record_number", patient.record_number, site_id=patient.site_id)
    if before is not None:
        raise RuleBroken(Problem(numbers.taken(before, by.site.zone), "record_number", rule=1))
    if any(alike.id not in known for alike in found) or (found and not another_because.strip()):
        raise Perhaps(found)
    patient.name_key = name_key(patient.family_name, patient.given_names)
    session.add(patient)
    try:
        session.flush()
    except IntegrityError as fault:
        raise RuleBroken(f"Record number {patient.record_number} was given to another patient just now.") from fault
    for alike in found:
        _tell_apart(session, patient, alike, another_because.strip())
    return patient


def _tell_apart(session: Session, patient: Patient, alike: Alike, reason: str) -> None:
    other, by, at = session.get_one(Patient, alike.id), patient.recorded_by, patient.recorded_at
    for whose, about in ((patient, other), (other, patient)):
        named = f"{about.display_name}, {wording.born(about.birth_date, known_of_birth(about))}, {about.record_number}"
        text = f"similar patient: {named} ({alike.why})"
        alert = Alert.log(
            by=by,
            at=at,
            site_id=patient.site_id,
            patient=whose,
            about_id=about.id,
            text=text,
            confirmed={"text": reason},
        )
        session.add(alert)


class NumberTaken(RuleBroken):
    """The record number is already used."""

    def __init__(self, alike: Alike) -> None:
        super().__init__(
            Problem(f"Record number {alike.record_number} already belongs to {alike.name}.", "record_number")
        )
        self.alike = alike


class Perhaps(RuleBroken):
    """A similar patient is already registered; a person has to say whether it is the same one."""

    def __init__(self, alike: list[Alike]) -> None:
        said = "A similar patient is already registered. Confirm whether it is the same person."
        super().__init__(said, rule=11)
        self.alike = alike
