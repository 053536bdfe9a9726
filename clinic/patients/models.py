"""A patient, what must be known at every step about her or him, and how the clinic finds the person again."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import Index, String, UniqueConstraint, event, inspect, select
from sqlalchemy.orm import Mapped, aliased, mapped_column, object_session, relationship

from clinic import clock, wording
from clinic.clock import last_day_in
from clinic.errors import Problem, RuleBroken
from clinic.fields import Range, field
from clinic.identifiers import LENGTH
from clinic.model import ADDED, reference
from clinic.patients.alert_changes import MAY_CELLS_GO_ON, MAY_GO_ON, said_on, weakened
from clinic.patients.allergens import named_allergies, reacts
from clinic.patients.doubted import moved, takes_away
from clinic.patients.names import name_key, search_text
from clinic.patients.numbers import bearer, taken
from clinic.patients.weighing import WEIGHT_CHANGE, author, doubted
from clinic.records import Amendment, Entry, Meaning, Record, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User

SEXES = {"female": "Female", "male": "Male", "other": "Other", "unknown": "Unknown"}
ALLERGY_STATUSES = {"not_asked": "Not asked yet", "none_known": "No known allergies", "present": "Has allergies"}
BLOOD_GROUPS = {"A": "A", "B": "B", "AB": "AB", "O": "O"}
RHD = {"positive": "RhD positive", "negative": "RhD negative"}
CHILD_YEARS = 18
CHILDBEARING = (10, 55)
"""Years of age from and to which a pregnancy is possible."""


class Patient(Entry):
    """One person under treatment. Found by name, number or birth date; written about under a public id."""

    KIND = "PT"
    NOUN = "Patient"
    READ_WITH = ("alerts",)
    EXPLAINED: ClassVar = frozenset({"family_name", "birth_date"})
    """What may be missing where the record says why; an import gives the reason of its source."""
    OF_PERSON: ClassVar = {"died_on": "record_of_death"}
    __table_args__ = (
        UniqueConstraint("site_id", "record_number"),
        Index("ix_patient_site_id_search_text_id", "site_id", "search_text", "id"),
    )

    warned_by: ClassVar[list[tuple[Callable[[Any, Any, str], Any], Callable[[Session, Any, str], str]]]] = []
    """What a room above adds to the band: a part of its query, and the sentence about what that found."""

    record_number: Mapped[str | None] = field("Record number", required=True, identifying=True, section="Who")
    family_name: Mapped[str | None] = field(
        "Family name", conditional=True, identifying=True, section="Who",
        hint="If the person has one name, fill in one box",
    )  # fmt: skip
    given_names: Mapped[str | None] = field("Given names", conditional=True, identifying=True, section="Who")
    birth_date: Mapped[date | None] = field("Born on", conditional=True, identifying=True, section="Who", index=True)
    sex: Mapped[str | None] = field("Sex", choices=SEXES, required=True, section="Who")
    phone: Mapped[str | None] = field("Telephone", identifying=True, section="Contact")
    email: Mapped[str | None] = field("E-mail", identifying=True, section="Contact")
    contact_person: Mapped[str | None] = field(
        "Contact person", identifying=True, section="Contact", hint="Name, relation and telephone"
    )
    allergy_status: Mapped[str | None] = field(
        "Allergies", choices=ALLERGY_STATUSES, required=True, section="Allergies and blood group", usual="not_asked"
    )
    allergies: Mapped[str | None] = field(
        "Allergy and reaction", conditional=True, section="Allergies and blood group",
        hint="For example: penicillin (anaphylaxis)",
    )  # fmt: skip
    allergies_asked_on: Mapped[date | None] = field(
        "Asked on", section="Allergies and blood group", not_before=("birth_date",)
    )
    abo: Mapped[str | None] = field("Blood group", choices=BLOOD_GROUPS, section="Allergies and blood group")
    rhd: Mapped[str | None] = field("RhD", choices=RHD, section="Allergies and blood group")
    died_on: Mapped[date | None] = field(
        "Died on", identifying=True, section="Allergies and blood group", not_before=("birth_date",)
    )
    is_synthetic: Mapped[bool] = mapped_column(default=False)
    search_text: Mapped[str] = mapped_column(default="")
    name_key: Mapped[str] = mapped_column(default="", index=True)
    person_id: Mapped[str | None] = mapped_column(String(LENGTH), index=True, info=ADDED)
    """The record that goes on, on it and on those that two people merged with it; see `clinic.patients.merging`."""

    weights: Mapped[list[Weight]] = relationship(back_populates="patient", order_by="Weight.performed_at.desc()")
    alerts: Mapped[list[Alert]] = relationship(
        back_populates="patient", order_by="Alert.recorded_at", foreign_keys="Alert.patient_id"
    )
    consents: Mapped[list[Any]] = relationship(
        "Consent", back_populates="patient", order_by="(Consent.performed_at, Consent.recorded_at)"
    )
    typings: Mapped[list[Any]] = relationship(
        "BloodTyping", back_populates="patient", order_by="BloodTyping.performed_at"
    )
    courses: Mapped[list[Any]] = relationship(
        "Treatment", viewonly=True, order_by="(Treatment.recorded_at, Treatment.id)"
    )
    merges: Mapped[list[Any]] = relationship(
        "PatientMerge", viewonly=True, foreign_keys="PatientMerge.patient_id", order_by="PatientMerge.recorded_at"
    )
    """The merges under which this record goes on; see `clinic.patients.merging`."""

    def problems(self, *, at: datetime) -> list[str]:
        """Also: one name at least, a birth date or that it is unknown; named allergies say that there are some."""
        found = super().problems(at=at)
        if not (self.family_name or self.given_names or self._excused("family_name")):
            found.append(Problem("Family name: required; a person with one name needs only one.", "family_name"))
        if self.birth_date is None and not self.not_recorded.get("birth_date"):
            found.append(Problem("Born on: required. Enter the date, or choose “Unknown”.", "birth_date"))
        if self.allergy_status == "present" and not self.allergies:
            found.append(Problem("Enter the allergy and the reaction.", "allergies"))
        if named_allergies(self.allergies) and self.allergy_status != "present":
            found.append(Problem("An allergy is named: select “Has allergies”.", "allergy_status"))
        return found + self._number_problems()

    def _number_problems(self) -> list[str]:
        """Refuse a new record number that another patient of the site has or had; asked where the row is in a session.

        Patients who shared one before this was asked can still be corrected.
        """
        session = object_session(self)
        if session is None or not inspect(self).attrs.record_number.history.has_changes():
            return []
        own = {one.id for one in self.person}
        other = bearer(session, Patient, "record_number", self.record_number, site_id=self.site_id, but=own)
        return [Problem(taken(other, self.zone), "record_number", rule=1)] if other is not None else []

    @property
    def unconfirmed(self) -> list[Amendment]:
        """The corrections that took a warning away, or a typed person's group, and that nobody confirmed (20, 23)."""
        return [
            one
            for one in self.amendments
            if one.confirmed_by_id is None
            and any(
                takes_away(name, change) and (name not in {"abo", "rhd"} or self.typings)
                for name, change in one.changes.items()
            )
        ]

    @property
    def open_corrections(self) -> list[Amendment]:
        """The corrections of this record and of its alerts that a second person must confirm (rule 23)."""
        changed = [alert for alert in self.alerts if (alert.version or 1) > 1]
        return [*self.unconfirmed, *(one for alert in changed for one in alert.unconfirmed)]

    @property
    def all_allergies(self) -> list[str]:
        """The allergies that are recorded, and those that a correction took away which nobody has confirmed."""
        before = [str(one.changes["allergies"][0] or "") for one in self.unconfirmed if "allergies" in one.changes]
        return [text for text in (self.allergies, *before) if text]

    @property
    def death(self) -> date | None:
        """The day of the death; also one that a correction took away or moved on and nobody has confirmed."""
        if self.died_on is None and self.not_recorded.get("died_on"):
            return date.min  # a history tells of a death whose day nobody knows
        before = [one.changes["died_on"][0] for one in self.unconfirmed if "died_on" in one.changes]
        days = [clock.kept_day(day) for day in before if day]
        return min([*days, *([self.died_on] if self.died_on else [])], default=None)

    @property
    def record_of_death(self) -> Patient | None:
        """The record of the person that tells the day of the death; of several, the one with the earliest last day."""
        dead = [one for one in self.person if one.died_on is not None]
        return min(dead, key=lambda one: last_day_in(one, "died_on"), default=None)

    def is_same_person(self, other: Patient) -> bool:
        """Whether two records are one person's: the same record, or two that two people confirmed to be (H27)."""
        return self.id == other.id or (self.person_id is not None and self.person_id == other.person_id)

    @property
    def display_name(self) -> str:
        """Family name in capitals, then given names; the record number where a history has no name."""
        return wording.person(self.family_name, self.given_names, self.record_number)

    def age_on(self, day: date) -> int | None:
        """Return whole years on a day, None where the birth date is not recorded."""
        if self.birth_date is None:
            return None
        had_birthday = (day.month, day.day) >= (self.birth_date.month, self.birth_date.day)
        return day.year - self.birth_date.year - (not had_birthday)

    @property
    def may_be_pregnant(self) -> bool:
        """Whether a pregnancy has to be excluded: not of men, nor certainly outside the childbearing age."""
        least, most = self.ages_on(clock.today(self.zone))
        if self.sex == "male" or least is None or most is None:
            return self.sex != "male"
        return CHILDBEARING[0] <= most and least <= CHILDBEARING[1]

    def ages_on(self, day: date) -> tuple[int | None, int | None]:
        """Return the least and the most years on a day: they may differ where the birth date is known in part."""
        known, oldest = self.precision_of("birth_date"), self.age_on(day)
        born = clock.span(self.birth_date, known) if known else None
        return (oldest, oldest) if born is None else clock.years_on(born, day)

    @property
    def of_age_from(self) -> list[date]:
        """The days on which the patient may be, and on which the patient certainly is, of age; a known day: the same.

        Born on 29 February: from 1 March.
        """
        born = self.birth_date
        if born is None:
            return []
        leap = born.month == 2 and born.day == 29
        month, day = (3, 1) if leap else (born.month, born.day)
        return [date(born.year + CHILD_YEARS + more, month, day) for more in (0, 1)]

    def age_text(self, day: date) -> str:
        """Return the age as it is said: days in the first half year, months in the first two, then years.

        In years where the birth date is known in part; two where it can be two.
        """
        years = self.age_on(day)
        if years is None or self.birth_date is None:
            return ""
        if clock.part_of(self.precision_of("birth_date")) in {"month", "year"}:
            least, most = self.ages_on(day)
            return f"{most} y" if least == most else f"{least} or {most} y"
        days = (day - self.birth_date).days
        if days < 183:
            return wording.days(days)
        return f"{self.months_on(day)} months" if years < 2 else f"{years} y"

    def months_on(self, day: date) -> int:
        """Return whole months of age on a day, by the calendar: born on the 25th, a month older on each 25th."""
        if self.birth_date is None:
            return 0
        born = self.birth_date
        return (day.year - born.year) * 12 + day.month - born.month - (day.day < born.day)

    def weight_at(self, moment: datetime) -> Weight | None:
        """Return the last weight measured by a moment, on any record of the person (rule 51)."""
        return weight_of(self.person, moment)

    @property
    def person(self) -> list[Patient]:
        """This record and the others of the same person; read from the database only where there are some (H27)."""
        session = object_session(self)
        if self.person_id is None or session is None:
            return [self]
        same = select(Patient).where(Patient.person_id == self.person_id, Patient.id != self.id)
        with session.no_autoflush:
            return [self, *session.scalars(same.order_by(Patient.id))]


def weight_of(people: Iterable[Patient], moment: datetime) -> Weight | None:
    """Return the last weight measured by a moment on any of a person's records, of those that count (rule 51)."""
    weighed = [w for one in people for w in one.weights]
    left = doubted(weighed) if len(weighed) > 1 else []
    known = [w for w in weighed if w.performed_at is not None and w.performed_at <= moment and w not in left]
    return max(known, key=lambda w: w.performed_at or moment, default=None)


def has_died(people: Iterable[Patient]) -> bool:
    """Whether any of a person's records says that she or he died."""
    return any(one.died_on is not None or bool(one.not_recorded.get("died_on")) for one in people)


def had_died(people: Iterable[Patient], moment: datetime, zone: str) -> bool:
    """Whether a person had died by a moment, as far as any of her or his records says (rules 23, 69).

    On the day of a death it is over at the latest when the death was written down: nobody records the hour.
    """
    day = clock.day(moment, zone)
    for one in people:
        died_on = one.death
        if died_on is None or day < died_on:
            continue
        told = [made.amended_at for made in one.amendments if made.changes.get("died_on", [0, 0])[1] == str(died_on)]
        if day > died_on or moment >= min(told, default=one.recorded_at):
            return True
    return False


@event.listens_for(Patient, "before_insert")
@event.listens_for(Patient, "before_update")
def _keep_search_text(_mapper: object, _connection: object, patient: Patient) -> None:
    patient.search_text = search_text(patient)
    patient.name_key = name_key(patient.family_name, patient.given_names)


class Weight(Record):
    """One weighing. A dose per kilogram names the weighing that it was worked out from (rule 51)."""

    KIND = "WT"
    NOUN = "Weight"
    HAPPENED = "Weighed at"
    PERSON = "patient"
    DONE = "Weighed by"

    patient_id: Mapped[str] = reference("patient")
    kg: Mapped[Decimal | None] = field(
        "Weight", unit="kg", possible=Range("0.3", 400), expected=Range(2, 180), required=True, section="Weight"
    )

    patient: Mapped[Patient] = relationship(back_populates="weights")

    def critical_corrections(self) -> list[Amendment]:
        """Return the amendments that change a dose: over 10 % of the weight, or when it was (rules 51, 52)."""
        return [one for one in self.amendments if self._changes_dose(one)]

    def _changes_dose(self, one: Amendment) -> bool:
        old = one.changes.get("kg", [None])[0]
        if old is not None and (self.kg is None or abs(self.kg - Decimal(old)) > WEIGHT_CHANGE * Decimal(old)):
            return True
        return moved(one.changes.get("performed_at"))

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.AUTHORSHIP) -> Signature:
        """Sign; one that is far from the weights before is signed by a second person first (rule 51)."""
        if by.is_same_person(author(self)) and self in doubted(w for one in self.patient.person for w in one.weights):
            said = "This weight is far from the one before. A second person compares it with the scale and signs first."
            raise RuleBroken(said, rule=51)
        return super().sign(by=by, at=at, meaning=meaning)

    def headline(self) -> str:
        return f"{self.kg} kg"


class Alert(Entry):
    """Something that everybody must see about a patient, until a day or until it is closed.

    ``about_id`` is the other person, where the alert warns of a likeness (rule 11). ``may_go_on`` None: it was not
    asked, as of such an alert, or comes from elsewhere; then words decide whether it stops cells.
    """

    KIND = "AL"
    NOUN = "Alert"
    JUDGED = False

    patient_id: Mapped[str] = reference("patient")
    about_id: Mapped[str | None] = reference("patient")
    text: Mapped[str] = field("Alert", required=True, identifying=True, hint="One line, on every page of this patient")
    may_go_on: Mapped[str | None] = field(MAY_CELLS_GO_ON, choices=MAY_GO_ON, conditional=True, info=ADDED)
    until_on: Mapped[date | None] = field("Until", past=False, hint="Leave blank if it has no end date")

    patient: Mapped[Patient] = relationship(back_populates="alerts", foreign_keys=[patient_id])

    def problems(self, *, at: datetime) -> list[str]:
        """Also: an alert of an allergy has no end date; where it is no longer true two people close it (rule 23)."""
        found = super().problems(at=at)
        state, waits = inspect(self), self.may_go_on in {"no", "unknown"}
        new = not state.persistent or any(state.attrs[name].history.has_changes() for name in ("text", "may_go_on"))
        what = "An allergy" if reacts(self.text or "") else "What waits for a physician" if waits else ""
        if new and what and self.until_on is not None and self.about_id is None:
            said = f"{what} does not end on a day: leave “Until” blank. Close the alert if it proves wrong."
            found.append(Problem(said, "until_on", rule=23))
        return found

    @property
    def not_applicable(self) -> frozenset[str]:
        """A likeness of two people stops no cells: nobody is asked about it."""
        return frozenset({"may_go_on"} if self.about_id is not None else ())

    def shown_on(self, day: date) -> bool:
        """Whether the alert is active on a day."""
        return self.until_on is None or day <= self.until_on

    @property
    def unconfirmed(self) -> list[Amendment]:
        """The corrections that took away an allergy, an infection or what stops cells, not confirmed (rule 23)."""
        return [one.amendment for one in weakened(self)]

    @property
    def of_physicians(self) -> list[Amendment]:
        """The corrections among them that took away what stops cells: a physician confirms them."""
        return [one.amendment for one in weakened(self) if one.stop]

    def texts_on(self, day: date) -> list[str]:
        """Return what the alert says on a day, also what was taken away and nobody who may has confirmed."""
        return list(dict.fromkeys(one.text for one in said_on(self, day)))

    def close(self, *, by: User, at: datetime, today: date, reason: str) -> Amendment:
        """End the alert: from this moment it is shown no more. Yesterday was its last day, so today has none of it."""
        if not self.shown_on(today):
            raise RuleBroken("This alert is closed already.")
        return self.amend(by=by, at=at, reason=reason, until_on=today - timedelta(days=1))

    def headline(self) -> str:
        return self.text


def same_person(session: Session, ids: Collection[str]) -> set[str]:
    """Return the ids of some patients and of all records that are confirmed to be the same people's; one statement."""
    if not ids:
        return set()
    one, other = aliased(Patient), aliased(Patient)
    chosen = select(other.id).join(one, one.person_id == other.person_id).where(one.id.in_(sorted(ids)))
    return {*ids, *session.scalars(chosen)}
