"""What reports read: columns of records as tuples, by a fixed number of statements, of the reader's site only."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.protocols.models import Protocol, ProtocolVersion
from clinic.reports.dimensions import DIMENSIONS, UNKNOWN, Course, whole_years
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from clinic.reports.asking import Asked

HISTORIES = "published histories, which record no events"
UNDATED = "no calendar date (published histories)"


class Given(NamedTuple):
    """One administration that counts: something was given, and the start was not voided. ``first``: of its course."""

    id: str
    course: Course
    product: str
    at: datetime | None
    on: date | None
    first: bool


def here(data: Data) -> tuple[list[Given], tuple[str, list[str]]]:
    """Return the administrations recorded here, and apart those of histories, which tell of no event or reaction."""
    some = [one for one in data.given if one.course.origin == "clinic"]
    return some, (HISTORIES, [one.id for one in data.given if one.course.origin != "clinic"])


class Data:
    """The records that one report reads for what was asked. ``at`` is the moment of reading, ``zone`` the site's.

    ``undated`` collects what a period leaves out because its day is not known.
    """

    def __init__(self, session: Session, asked: Asked, *, zone: str, at: datetime) -> None:
        self.session, self.asked, self.zone, self.at = session, asked, zone, at
        self.undated: list[str] = []

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

    def within(self, on: date | None, record: str) -> bool:
        """Whether a day is in the period; a record without a day is in none, and is told."""
        if not self.asked.dated:
            return True
        if on is None:
            self.undated.append(record)
            return False
        since, until = self.asked.since, self.asked.until
        return (since is None or on >= since) and (until is None or on <= until)

    @cached_property
    def versions(self) -> dict[str, Any]:
        """Code, title, field and cell type of each protocol version, by id."""
        rows = self.read(
            ProtocolVersion.id,
            Protocol.code,
            ProtocolVersion.number,
            ProtocolVersion.title,
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
            Patient.sex,
            Patient.birth_date,
            Patient.died_on,
            Patient.person_id,
            Treatment.asa_class,
            Treatment.donor_id,
            join=(Patient, Patient.id == Treatment.patient_id),
            order=(Treatment.recorded_at, Treatment.id),
        )
        donors = {row.id: row.kind for row in self.read(Donor.id, Donor.kind)}
        return {row.id: self._course(row, donors) for row in rows}

    def _course(self, row: Any, donors: dict[str, str]) -> Course:
        version, ordered = self.versions[row.protocol_version_id], self.day(row.performed_at)
        return Course(
            id=row.id,
            patient=row.person_id or row.patient_id,
            protocol=version.code,
            title=version.title,
            version=row.protocol_version_id,
            field=version.field_key or UNKNOWN,
            condition=row.condition or UNKNOWN,
            cell_type=version.cell_type or UNKNOWN,
            source=row.source or UNKNOWN,
            route=row.route or UNKNOWN,
            relation=row.relation or UNKNOWN,
            origin=row.origin.value,
            sex=row.sex or UNKNOWN,
            age=whole_years(row.birth_date, ordered, row.age_years),
            ordered_on=ordered,
            died_on=row.died_on,
            asa=row.asa_class or UNKNOWN,
            donor=donors.get(row.donor_id, "self" if row.relation == "autologous" else UNKNOWN),
        )

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
        found = {one.of(course) for course in self.every_course.values()} | ({self.asked.chosen.get(key, "")} - {""})
        order = list(one.labels)
        rank = {value: place for place, value in enumerate(order)}
        return sorted(
            ((value, one.words(value)) for value in found), key=lambda pair: (rank.get(pair[0], len(rank)), pair[1])
        )

    @cached_property
    def administrations(self) -> list[Given]:
        """All administrations of the chosen courses that count, in their order; not yet kept to the period."""
        rows = self.read(
            Administration.id,
            Administration.treatment_id,
            Administration.product_id,
            Administration.performed_at,
            Administration.outcome,
            Administration.volume_given,
            order=(Administration.performed_at, Administration.recorded_at, Administration.id),
        )
        found, begun = [], set()
        for row in rows:
            if row.outcome == "voided" or row.volume_given == 0 or row.treatment_id not in self.courses:
                continue
            first, course = row.treatment_id not in begun, self.courses[row.treatment_id]
            begun.add(row.treatment_id)
            found.append(Given(row.id, course, row.product_id, row.performed_at, self.day(row.performed_at), first))
        return found

    @cached_property
    def given(self) -> list[Given]:
        """The administrations of the period."""
        return [one for one in self.administrations if self.within(one.on, one.id)]

    @cached_property
    def begun(self) -> dict[str, Given]:
        """The first administration of each chosen course, by the course; of the period."""
        return {one.course.id: one for one in self.administrations if one.first and self.within(one.on, one.course.id)}

    def grouped(self, courses: Iterable[Course]) -> dict[str, list[Course]]:
        """Return courses by the key of the dimension that was asked for, in the order of its catalogue."""
        of = DIMENSIONS[self.asked.by].of
        found: dict[str, list[Course]] = defaultdict(list)
        for course in courses:
            found[of(course)].append(course)
        return self.in_order(found)

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
        return [(UNDATED, self.undated)] if self.undated else []
