"""Vital signs around an administration: what is measured, what is usual, what stops cells that run (rules 23, 57)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.orm import Mapped, object_session, relationship

from clinic import clock
from clinic.eligibility.models import Eligibility
from clinic.errors import Problem, Question
from clinic.fields import CLOCK_SLACK, Range, field, fields_of, plain
from clinic.model import reference
from clinic.patients.doubted import is_after
from clinic.records import Record
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from clinic.course_records import CourseRecords
    from clinic.patients.models import Patient

VITALS_HOLD = timedelta(hours=1)
"""How old the vital signs before the start may be [site default] (rule 57)."""
GROWN = 12
"""From this age in years on, pulse, pressure and breathing are judged as an adult's."""


class Usual(NamedTuple):
    """What is usual of one vital sign: of adults, and of children under 12 years."""

    adult: Range
    child: Range


USUAL = {
    "systolic": Usual(Range(90, 180), Range(65, 140)),
    "diastolic": Usual(Range(40, 110), Range(30, 95)),
    "pulse": Usual(Range(45, 120), Range(60, 180)),
    "breathing": Usual(Range(8, 25), Range(12, 60)),
}
"""What is asked about where it is outside, besides saturation and temperature [defaults of the product, K]."""
BEARABLE = {
    "spo2": Usual(Range(85), Range(85)),
    "temperature": Usual(Range(34, "39.5", below=True), Range(34, "39.5", below=True)),
    "systolic": Usual(Range(70, 220), Range(45, 180)),
    "diastolic": Usual(Range(None, 130), Range(None, 120)),
    "pulse": Usual(Range(40, 160), Range(50, 220)),
    "breathing": Usual(Range(8, 40), Range(10, 80)),
}
"""Outside of these no cells begin, and those that run are stopped, until a physician decides [product defaults, K].

They are set wide: short of them a person judges. Those of children under 12 years hold for every age of theirs.
"""
REFUSED_FOR = timedelta(minutes=15)
"""For how long a value that stopped the start is remembered: one that is measured then has to be usual."""
KNOWN_FOR = timedelta(days=1)
"""For how long a physician's decision covers a value that was measured before it [site default]."""


class VitalSigns(Record):
    """One set of vital signs around an administration (rule 57)."""

    KIND = "VS"
    NOUN = "Vital signs"
    HAPPENED = "Measured at"
    DONE = "Measured by"
    PERSON = "treatment.patient"

    treatment_id: Mapped[str] = reference("treatment")
    administration_id: Mapped[str | None] = reference("administration")
    check_id: Mapped[str | None] = reference("bedside_check", unique=True)
    spo2: Mapped[Decimal | None] = field(
        "Oxygen saturation", unit="%", possible=Range(30, 100), expected=Range(92, 100), required=True
    )
    temperature: Mapped[Decimal | None] = field(
        "Temperature", unit="°C", possible=Range(25, 45), expected=Range(35, "37.9"), required=True
    )
    systolic: Mapped[int | None] = field("Systolic pressure", unit="mmHg", possible=Range(30, 300), required=True)
    diastolic: Mapped[int | None] = field("Diastolic pressure", unit="mmHg", possible=Range(10, 200))
    pulse: Mapped[int | None] = field("Pulse", unit="/min", possible=Range(20, 300), required=True)
    breathing: Mapped[int | None] = field("Breathing", unit="/min", possible=Range(4, 120))

    treatment: Mapped[Treatment] = relationship(viewonly=True)
    administration: Mapped[Any] = relationship("Administration", back_populates="vital_signs")
    bedside_check: Mapped[Any] = relationship("BedsideCheck", back_populates="vital_signs")

    def problems(self, *, at: datetime) -> list[str]:
        """Also rule 57: those before the start were taken within the hour before it, all others after the check."""
        found, taken = super().problems(at=at), self.performed_at
        check = self.bedside_check
        if check is None and self.administration is not None:
            check = self.administration.bedside_check
        if taken is None or check is None or check.performed_at is None or self.origin != "clinic":
            return found
        if taken < (check.performed_at - VITALS_HOLD).replace(second=0, microsecond=0):
            said = "Measured at: more than 1 hour before the bedside check. Take the vital signs again."
            found.append(Problem(said, "performed_at", rule=57))
        elif self.bedside_check is not None and taken > check.performed_at + CLOCK_SLACK:
            said = "Measured at: after the bedside check, for which these vital signs were taken."
            found.append(Problem(said, "performed_at", rule=57))
        return found

    @property
    def patient(self) -> Patient | None:
        """Whose vital signs they are."""
        by: Any = self.recorded_by  # what paper told has nobody yet
        session = object_session(by if by is not None else self)
        course = session.get(Treatment, self.treatment_id) if session is not None and self.treatment_id else None
        return course.patient if course is not None else None

    @property
    def of_child(self) -> bool:
        """Whether the patient was under 12 years old; who has no known date of birth is judged as an adult."""
        patient, taken = self.patient, self.performed_at
        if patient is None or patient.birth_date is None or taken is None:
            return False
        age = patient.age_on(clock.day(taken, self.zone))
        return age is not None and age < GROWN

    def outside(self, limits: dict[str, Usual], of: Mapping[str, Any] | None = None) -> list[str]:
        """Return the names of the vital signs outside of some limits; ``of``: values to judge instead of its own."""
        child, found = self.of_child, []
        for name, limit in limits.items():
            value = getattr(self, name) if of is None else of.get(name)
            if value is not None and value not in (limit.child if child else limit.adult):
                found.append(name)
        return found

    def questions(self) -> list[Question]:
        """Also rule 57: each pressure, pulse and breathing that is not usual at the patient's age."""
        found, child, facts = super().questions(), self.of_child, fields_of(type(self))
        for name in self.outside(USUAL):
            limit, fact, value = USUAL[name], facts[name], getattr(self, name)
            asked = replace(fact, expected=limit.child if child else limit.adult).question(name, value)
            found += [asked] if asked is not None else []
        return found

    @property
    def unusual(self) -> list[str]:
        """The names of the vital signs that are asked about, whether somebody confirmed them or not."""
        facts = fields_of(type(self))
        single = [fact.question(name, getattr(self, name)) for name, fact in facts.items()]
        asked = {one.name for one in (*single, *self.questions()) if one is not None} | set(self.outside(BEARABLE))
        return [name for name in facts if name in asked]

    def headline(self) -> str:
        return f"SpO₂ {plain(self.spo2)} %, {plain(self.temperature)} °C, {self.systolic} mmHg, pulse {self.pulse}"


def not_borne(records: CourseRecords, signs: VitalSigns) -> list[str]:
    """Return the names of the vital signs with which no cells begin: no physician has decided on them (rule 57).

    A signed decision on eligibility covers for a day what was measured before it, and nothing that is worse. What is
    unusual and was not to be borne just before is measured again too soon.
    """
    found, decided, unusual = _unborne(records, signs), _decided_on(records, signs), signs.unusual
    again = [name for one in _just_before(records, signs) if one not in decided for name in _unborne(records, one)]
    return [name for name in unusual if name in found or name in again]


def _just_before(records: CourseRecords, signs: VitalSigns) -> list[VitalSigns]:
    """Return the earlier sets of a bedside check that are still remembered."""
    taken = signs.performed_at
    return [
        one
        for one in records.of(VitalSigns)
        if one is not signs and one.check_id is not None and one.performed_at is not None and taken is not None
        if taken - REFUSED_FOR <= one.performed_at <= taken
        if one.performed_at < taken or signs.recorded_at is None or one.recorded_at <= signs.recorded_at
    ]


def _unborne(records: CourseRecords, signs: VitalSigns) -> list[str]:
    """Return the vital signs outside of what can be borne that no decision covers."""
    found = signs.outside(BEARABLE)
    return [name for name in found if not any(_as_bad(one, signs, name) for one in _decided_on(records, signs))]


def _decided_on(records: CourseRecords, signs: VitalSigns) -> list[VitalSigns]:
    """Return the earlier vital signs of a day after which a physician found the patient eligible."""
    found = [one for one in records.of(Eligibility) if one.signed and one.eligible]
    decided = [(one.performed_at, one.recorded_at) for one in found if one.performed_at is not None]
    return [
        earlier
        for earlier in records.of(VitalSigns)
        if earlier is not signs and earlier.performed_at is not None and signs.performed_at is not None
        if signs.performed_at - KNOWN_FOR <= earlier.performed_at <= signs.performed_at
        if any(is_after(at, written, earlier.performed_at, earlier.recorded_at) for at, written in decided)
    ]


def _as_bad(earlier: VitalSigns, signs: VitalSigns, name: str) -> bool:
    """Whether a vital sign was as far out of what can be borne before, on the same side."""
    value, before = getattr(signs, name), getattr(earlier, name)
    low = (BEARABLE[name].child if signs.of_child else BEARABLE[name].adult).low
    return before is not None and (before <= value if low is not None and value < low else before >= value)
