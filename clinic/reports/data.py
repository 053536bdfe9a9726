"""What reports read: columns of records as tuples, by a fixed number of statements, of the reader's site only."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from clinic.clock import Span, span
from clinic.followup.adverse_events import AdverseEvent
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.protocols.models import Protocol, ProtocolVersion
from clinic.reports.dimensions import DIMENSIONS, UNKNOWN, Course, ages_at
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from clinic.reports.asking import Asked

HISTORIES = "imported administrations of sources that record no adverse event"
ELSEWHERE = "imported administrations, which have no vital signs"
ENTERED = (Administration.recorded_at, Administration.id)
UNDATED = "no calendar date (published histories)"
IN_PART = "no more than the month or year is known, which lies only partly in the period"


class Given(NamedTuple):
    """One administration that counts: something was given, and the start was not voided. ``first``: of its course.

    ``when``: when it can have been; of a history no more than its month or year may be known. ``here``: it was recorded
    here, not imported.
    """

    id: str
    course: Course
    product: str
    at: datetime | None
    when: Span | None
    first: bool
    here: bool

    @property
    def on(self) -> date | None:
        """The day on which it was given, where the day is known."""
        return None if self.when is None else self.when.day


def here(data: Data) -> tuple[list[Given], tuple[str, list[str]]]:
    """Return the administrations recorded here, and apart those that were imported."""
    return [one for one in data.given if one.here], (ELSEWHERE, [one.id for one in data.given if not one.here])


def of_events(data: Data, given: list[Given]) -> tuple[list[Given], tuple[str, list[str]]]:
    """Return the administrations after which an event would be recorded, and apart the others.

    They are the denominator of every rate of events: whose events are counted is counted, and nobody else.
    """
    tell = data.tell_of_events
    some = [one for one in given if one.here or one.course.id in tell]
    counted = {one.id for one in some}
    return some, (HISTORIES, [one.id for one in given if one.id not in counted])


def population(some: list[Given]) -> str:
    """Return in words which administrations are the denominator."""
    imported = sum(not one.here for one in some)
    return (
        f"Administrations counted: {len(some) - imported} recorded here and {imported} imported ones of sources that "
        "record adverse events."
    )


class Data:
    """The records that one report reads for what was asked. ``at`` is the moment of reading, ``zone`` the site's.

    ``undated`` collects what a period leaves out because its day is not known, ``unclear`` what may be in it or not.
    """

    def __init__(self, session: Session, asked: Asked, *, zone: str, at: datetime) -> None:
        self.session, self.asked, self.zone, self.at = session, asked, zone, at
        self.undated: list[str] = []
        self.unclear: list[str] = []

    @property
    def today(self) -> date:
        """The day on the site's clock."""
        return clock.day(self.at, self.zone)

    def read(self, *columns: Any, where: Sequence[Any] = (), order: Sequence[Any] = (), join: Any = None) -> list[Any]:
        """Return rows of columns, one statement."""
        chosen = select(*columns)
        if join is not None:
            chosen = chosen.join(*join)
        return list(self.session.execute(chosen.where(*where).order_by(*order)))

    def day(self, moment: datetime | None) -> date | None:
        """Return the day of a moment on the site's clock."""
        return None if moment is None else clock.day(moment, self.zone)

    def when(self, moment: date | None, precision: dict[str, str] | None, name: str = "performed_at") -> Span | None:
        """Return when a day or moment of a row can have been, by the row's ``precision``."""
        return span(moment, (precision or {}).get(name, ""), self.zone)

    def within(self, on: Span | date | None, record: str) -> bool:
        """Whether a day is in the period; a record without a day is in none, and is told.

        Of a month or a year all days have to be in the period, or none is; else it is told, too.
        """
        if not self.asked.dated:
            return True
        if on is None:
            self.undated.append(record)
            return False
        first, last = on if isinstance(on, Span) else (on, on)
        since, until = self.asked.since or first, self.asked.until or last
        if since <= first and last <= until:
            return True
        if last >= since and first <= until:
            self.unclear.append(record)
        return False

    @cached_property
    def versions(self) -> dict[str, Any]:
        """Code, field and cell type of each protocol version, by id."""
        rows = self.read(
            ProtocolVersion.id,
            Protocol.code,
            ProtocolVersion.field_key,
            ProtocolVersion.content["cell_type"].as_string().label("cell_type"),
            join=(Protocol, Protocol.id == ProtocolVersion.protocol_id),
        )
        return {row.id: row for row in rows}

    @cached_property
    def every_course(self) -> dict[str, Course]:
        """Every course of the site, by id, in the order in which they were recorded."""
        rows = self.read(
            Treatment.id,
            Treatment.patient_id,
            Treatment.protocol_version_id,
            Treatment.condition,
            Treatment.source,
            Treatment.route,
            Treatment.relation,
            Treatment.origin,
            Treatment.age_years,
            Treatment.performed_at,
            Treatment.precision,
            Patient.sex,
            Patient.birth_date,
            Patient.died_on,
            Patient.precision,
            Patient.person_id,
            Treatment.body_site,
            Treatment.asa_class,
            Treatment.donor_id,
            join=(Patient, Patient.id == Treatment.patient_id),
            order=(Treatment.recorded_at, Treatment.id),
        )
        donors = {row.id: row.kind for row in self.read(Donor.id, Donor.kind)}
        versions, day, found = self.versions, self.day, {}
        for id_, patient, version_id, condition, source, route, relation, origin, years, at, part, *about in rows:
            sex, born, died_on, known, person, place, asa, donor_id = about
            version, on = versions[version_id], day(at)
            donor = donors.get(donor_id) or ("self" if relation == "autologous" else UNKNOWN)
            found[id_] = Course(
                id_,
                person or patient,
                version.code,
                version.field_key or UNKNOWN,
                condition or UNKNOWN,
                version.cell_type or UNKNOWN,
                source or UNKNOWN,
                route or UNKNOWN,
                relation or UNKNOWN,
                origin.value,
                sex or UNKNOWN,
                ages_at(clock.span(born, (known or {}).get("birth_date", "")), on, years),
                place or UNKNOWN,
                asa or UNKNOWN,
                donor,
                self.when(at, part),
                self.when(died_on, known, "died_on"),
            )
        return found

    @cached_property
    def tell_of_events(self) -> set[str]:
        """The courses whose events are recorded: those of the clinic, and of an import whose source brought events.

        What a source says of one patient's events it would say of the others'. A source is named by `source_note`.
        """
        rows = self.read(Treatment.id, Treatment.origin, Treatment.source_note)
        with_one = {row.treatment_id for row in self.read(AdverseEvent.treatment_id)}
        sources = {row.source_note for row in rows if row.id in with_one} - {None, ""}
        here_too = {row.id for row in rows if row.origin.value == "clinic"} | with_one
        return here_too | {row.id for row in rows if row.source_note in sources}

    @cached_property
    def courses(self) -> dict[str, Course]:
        """The courses that the filters choose, by id; the period is asked of each record that a report counts."""
        wanted = [(DIMENSIONS[key].of, value) for key, value in self.asked.chosen.items()]
        if not wanted:
            return self.every_course
        return {id_: one for id_, one in self.every_course.items() if all(of(one) == value for of, value in wanted)}

    def choices(self, key: str) -> list[tuple[str, str]]:
        """Return value and words of a dimension as far as the site's courses have it, by their words."""
        one = DIMENSIONS[key]
        found = {one.of(course) for course in self.every_course.values()}
        if one.labels:  # a key that is gone from its catalogue is shown and no choice
            found = {value for value in found if value in one.labels or value == UNKNOWN}
        found |= {self.asked.chosen.get(key, "")} - {""}
        order = list(one.labels)
        rank = {value: place for place, value in enumerate(order)}
        return sorted(
            ((value, one.words(value)) for value in found), key=lambda pair: (rank.get(pair[0], len(rank)), pair[1])
        )

    @cached_property
    def every_administration(self) -> list[Given]:
        """All administrations of the site that count, whatever the filters choose, in their order."""
        rows = self.read(
            Administration.id,
            Administration.treatment_id,
            Administration.product_id,
            Administration.performed_at,
            Administration.precision,
            Administration.outcome,
            Administration.volume_given,
            Administration.origin,
            order=(Administration.performed_at.is_not(None), Administration.performed_at, *ENTERED),
        )
        found, begun, courses = [], set(), self.every_course
        for id_, course_id, product, at, part, outcome, volume, origin in rows:
            course = courses.get(course_id)
            if course is None or outcome == "voided" or volume == 0:
                continue
            when = self.when(at, part)
            found.append(Given(id_, course, product, at, when, course_id not in begun, origin.value == "clinic"))
            begun.add(course_id)
        return found

    @cached_property
    def administrations(self) -> list[Given]:
        """The administrations of the chosen courses that count, in their order; not yet kept to the period."""
        chosen = self.courses
        return [one for one in self.every_administration if one.course.id in chosen]

    @cached_property
    def given(self) -> list[Given]:
        """The administrations of the period."""
        return [one for one in self.administrations if self.within(one.when, one.id)]

    @cached_property
    def begun(self) -> dict[str, Given]:
        """The first administration of each chosen course, by the course; of the period."""
        first = [one for one in self.administrations if one.first]
        return {one.course.id: one for one in first if self.within(one.when, one.course.id)}

    @cached_property
    def zero(self) -> dict[str, date]:
        """The day of the first cells of each course, where it is known; of whatever period."""
        return {one.course.id: one.on for one in self.every_administration if one.first and one.on is not None}

    def in_order(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return groups in the order of the catalogue, unknown last."""
        one = DIMENSIONS[self.asked.by]
        rank = {value: place for place, value in enumerate(one.labels)}
        keys = sorted(found, key=lambda key: (key == UNKNOWN, rank.get(key, len(rank)), one.words(key)))
        return {key: found[key] for key in keys}

    @property
    def key_of(self) -> Callable[[Course], str]:
        """The key by which courses are grouped."""
        return DIMENSIONS[self.asked.by].of

    def label(self, key: str) -> str:
        """Return the key of a group in words."""
        return DIMENSIONS[self.asked.by].words(key)

    @property
    def left_out(self) -> list[tuple[str, list[str]]]:
        """What the period leaves out because its day is not known."""
        return [(why, ids) for why, ids in ((UNDATED, self.undated), (IN_PART, self.unclear)) if ids]
