"""A patient's timeline: every act, product, result, visit and event, newest first, from one ordered union of all kinds.

The database orders and pages one thin list (kind, id, time) over all tables; then each kind's records on the page are
read with one query. The kinds are the steps of the pathway and a few things between them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, String, func, literal, null, or_, select, union_all

from clinic import clock, record_display, record_pages
from clinic.administration.models import VitalSigns
from clinic.attachments.files import WORDS, of_record
from clinic.attachments.models import Attachment
from clinic.course_records import CourseRecords, Pool, complete, named, read_page, read_rows, table_of
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.event_records import EventNotification, EventUpdate
from clinic.followup.models import ContactAttempt, FollowUpVisit, OutcomeScore, PlannedVisit
from clinic.pathway.order import current
from clinic.patients.donors import BloodTyping
from clinic.patients.models import Weight
from clinic.processing.models import InProcessCount, Manipulation
from clinic.products.models import Movement, Product, RunInput
from clinic.protocols.catalogues import INSTRUMENTS
from clinic.protocols.models import ProtocolVersion
from clinic.records import Origin, Record
from clinic.release.result_rows import result_row
from clinic.release.results import QCResult, asked_for
from clinic.requests.models import Comment
from clinic.templating import units
from clinic.treatments.models import Stop, Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Select, Subquery
    from sqlalchemy.orm import Session

    from clinic.patients.models import Patient

PAGE = 200
CHARTED = (PlannedVisit, FollowUpVisit, OutcomeScore)
"""What the charts of a course show."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of entry, as the filter offers it."""

    key: str
    label: str
    icon: str
    models: tuple[type[Record], ...]


def kinds() -> tuple[Kind, ...]:
    """Return the kinds of entries: the steps of the pathway, and a few things between them."""
    return (
        Kind(key="course", label="Course", icon="clipboard-list", models=(Treatment, Stop)),
        *(Kind(key=step.name, label=step.title, icon=step.icon, models=step.records) for step in current()),
        Kind(key="product", label="Products", icon="droplet", models=(Product,)),
        Kind(key="result", label="Test results", icon="microscope", models=(QCResult,)),
        Kind(key="custody", label="Custody", icon="snowflake", models=(Movement,)),
        Kind(key="measurement", label="Measured", icon="heartbeat", models=(Weight, BloodTyping, VitalSigns)),
        Kind(key="event", label="Adverse events", icon="alert-triangle", models=EVENTS),
        Kind(key="comment", label="Comments", icon="message", models=(Comment,)),
    )


def is_signed_by_rule(model: type[Record]) -> bool:
    """Whether a missing signature of a kind of record is told; a weighing may be signed and need not be."""
    of_steps = {one for step in current() for one in step.records}
    return model in {Treatment, AdverseEvent, *of_steps} - {OutcomeScore, VitalSigns}


EVENTS = (AdverseEvent, EventUpdate, EventNotification)
QUIET = {"custody"}
"""Kinds that are not shown until they are asked for."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One entry of the timeline, as the page draws it."""

    at: datetime | None
    day_label: str
    kind_label: str
    icon: str
    headline: Any
    who: str
    tag: tuple[str, str, str] | None
    serious: bool
    facts: list[Any]
    amendments: list[Any]
    hands: list[str]
    recorded_late: str
    url: str
    results: list[dict[str, Any]] = field(default_factory=list)
    open: bool = False


@dataclass(frozen=True, kw_only=True)
class Day:
    """The entries of one day; of a history without dates, of one day of the course."""

    on: date | None
    label: str
    is_today: bool
    entries: list[Line]


def of_patient(model: type[Record], patient_id: str, course_id: str | None) -> Select[Any] | None:
    """Return id, time, day of the course and time of writing of a model's rows about a patient, or one course."""
    columns: Any = model.__table__.columns  # type: ignore[attr-defined]
    chosen: Any = select(
        model.id,
        model.performed_at,
        model.course_day,
        model.recorded_at,
        literal(model.__tablename__, String).label("model"),
    )
    if model is OutcomeScore:
        chosen = chosen.where(OutcomeScore.visit_id.is_(None))  # the others are told with their visit
    if model is Treatment:
        return chosen.where(Treatment.patient_id == patient_id, *([Treatment.id == course_id] if course_id else []))
    courses = select(Treatment.id).where(
        Treatment.patient_id == patient_id, *([Treatment.id == course_id] if course_id else [])
    )
    if "treatment_id" in columns and model is not Product:
        return chosen.where(model.treatment_id.in_(courses))  # type: ignore[attr-defined]
    if "patient_id" in columns:
        return chosen.where(model.patient_id == patient_id)  # type: ignore[attr-defined]
    if model is Product:
        return chosen.where(Product.treatment_id.in_(courses))
    if "product_id" in columns:
        products = select(Product.id).where(Product.treatment_id.in_(courses))
        return chosen.where(model.product_id.in_(products))  # type: ignore[attr-defined]
    return None


def ordered(patient_id: str, kinds: Iterable[Kind], course_id: str | None) -> Any:
    """Return one union of all kinds, newest first; entries without a date come after, by day of the course."""
    models = {model: None for kind in kinds for model in kind.models}
    parts = [part for model in models if (part := of_patient(model, patient_id, course_id)) is not None]
    if not parts:
        parts = [
            select(
                null().label("id"),
                null().label("performed_at"),
                literal(0, Integer).label("course_day"),
                null().label("recorded_at"),
                literal("").label("model"),
            ).where(literal(1) == 0)
        ]
    return union_all(*parts).subquery()


def entries(  # noqa: PLR0913 - each narrows what is read
    session: Session,
    patient: Patient,
    *,
    zone: str,
    kinds: Sequence[Kind],
    course_id: str | None = None,
    page: int = 0,
    size: int = PAGE,
) -> tuple[list[Day], int, list[CourseRecords]]:
    """Return the days of one page of the timeline, how many entries there are in all, and the courses with visits."""
    union = ordered(patient.id, kinds, course_id)
    newest_first = (
        union.c.performed_at.is_(None),
        union.c.performed_at.desc(),
        union.c.course_day.desc(),
        union.c.recorded_at.desc(),
        union.c.id,
    )
    total, place = func.count().over().label("total"), func.row_number().over(order_by=newest_first).label("place")
    hanging = select(func.count()).where(Attachment.record_id == union.c.id).scalar_subquery().label("files")
    listed = select(union.c.id, union.c.model, total, place, hanging).order_by(place).limit(size).offset(page * size)
    pool, rows = _read(session, patient, kinds, listed.subquery())
    people = {user.id: user.label for user in pool.kept}
    files: dict[str, list[Attachment]] = {}
    with_files = [row.id for row in rows if row.files]
    for one in of_record(session, *with_files) if with_files else ():
        files.setdefault(one.record_id, []).append(one)
    icons = {table_of(model): kind for kind in kinds for model in kind.models}  # the later, closer kind wins
    lines = [
        (record, _with_files(_line(record, icons[row.model], zone, people), files.get(row.id, ())))
        for row in rows
        if (record := pool.by_id.get(row.id)) is not None
    ]
    courses = [CourseRecords(course, pool, zone=zone) for course in pool.every(Treatment)]
    total = rows[0].total if rows else session.scalar(select(func.count()).select_from(union)) or 0
    return _days(_gathered(lines, zone), zone), total, courses


def _read(session: Session, patient: Patient, kinds: Sequence[Kind], page: Subquery) -> tuple[Pool, list[Any]]:
    """Read the records of a page by one statement, with what they name; of the courses all visits, for the charts."""
    pool, own = Pool([patient]), select(Treatment.id).where(Treatment.patient_id == patient.id)
    whole: dict[Any, Any] = {Treatment: Treatment.patient_id == patient.id, Weight: Weight.patient_id == patient.id}
    whole |= {model: model.treatment_id.in_(own) for model in CHARTED}
    shown = {model: None for kind in kinds for model in kind.models}
    rows = read_page(session, pool, [model for model in shown if model not in whole and model is not Product], page)
    for model, condition in whole.items():
        read_rows(session, pool, model, condition)
    products = [row.id for row in rows if row.model == table_of(Product)]
    runs, harvests = pool.ids("processing_run"), pool.ids("harvest")
    used = select(RunInput.product_id).where(RunInput.run_id.in_(runs))
    by_run = or_(Product.run_id.in_(runs), Product.harvest_id.in_(harvests), Product.id.in_(used))
    read_rows(session, pool, Product, or_(Product.id.in_({*products, *named(pool, "product")}), by_run))
    read_rows(session, pool, ProtocolVersion, ProtocolVersion.id.in_(named(pool, "protocol_version")))
    complete(
        session, pool, {*CHARTED, Weight, Product, RunInput, Movement, Manipulation, InProcessCount, ContactAttempt}
    )
    return pool, rows


def _line(record: Record, kind: Kind, zone: str, people: dict[str, str]) -> Line:
    place = record_pages.PAGES.get(record.KIND)
    expected = place is not None and bool(place.signs) and is_signed_by_rule(type(record))
    who = record.performed_by.label if record.performed_by else ""
    return Line(
        at=record.performed_at,
        day_label=_day_of_course(record.course_day),
        kind_label=record.NOUN,
        icon=kind.icon,
        headline=units(record.headline()),
        who=who,
        tag=_tag(record, signs=expected),
        serious=bool(getattr(record, "is_serious", False) or record.not_permitted),
        facts=record_display.facts(record, zone, people=people) + _scores(record),
        amendments=record_display.amendments(record, zone),
        hands=record_display.hands(record, zone, signs=expected),
        recorded_late=record_display.late(record, zone),
        url=place.show(record) if place else "",
    )


def _with_files(line: Line, files: Iterable[Attachment]) -> Line:
    """Return an entry with the files that hang on its record."""
    told = [("File", one.headline, "taken back" if one.withdrawn_at else WORDS[one.media_type]) for one in files]
    return replace(line, facts=[*line.facts, *told]) if told else line


def _day_of_course(day: int | None) -> str:
    """Return “Day +28”, “Day 0”, “Day −7”; nothing where no day is known either."""
    if day is None:
        return ""
    return f"Day {day:+d}".replace("-", "−") if day else "Day 0"


def _scores(record: Record) -> list[record_display.FactLine]:
    if not isinstance(record, FollowUpVisit):
        return []
    return [(INSTRUMENTS[score.instrument or ""].label, score.words, score.note or "") for score in record.scores]


def _tag(record: Record, *, signs: bool) -> tuple[str, str, str] | None:
    if record.origin is Origin.IMPORTED:
        return ("rest", "file-import", "Imported")
    if record.not_permitted:
        return ("danger", "alert-octagon", "From paper: would have been refused")
    if not signs:
        return None
    if record.signed:
        return ("ok", "check", f"Signed, version {len(record.amendments) + 1}" if record.amendments else "Signed")
    return ("wait", "hourglass", "Signed before the amendment" if record.signatures else "Not signed")


def _gathered(lines: list[tuple[Record, Line]], zone: str) -> list[Line]:
    """Put the results of one product that were read on one day into one entry with a table."""
    found: list[Line] = []
    tables: dict[tuple[str, Any], list[dict[str, Any]]] = {}
    for record, line in lines:
        if not isinstance(record, QCResult):
            found.append(line)
            continue
        day = clock.day(line.at, zone) if line.at else line.day_label
        key = (record.product_id, day)
        if key not in tables:
            tables[key] = []
            name = record.product.name or "product"
            found.append(
                Line(
                    at=line.at,
                    day_label=line.day_label,
                    kind_label="Test results",
                    icon=line.icon,
                    headline=f"{name}, {record.product.division or record.product_id}",
                    who=line.who,
                    tag=None,
                    serious=False,
                    facts=[],
                    amendments=line.amendments,
                    hands=line.hands,
                    recorded_late=line.recorded_late,
                    url=line.url,
                    results=tables[key],
                )
            )
        tables[key].append(result_row(record, record.spec))
    return [_judged(line) if line.results else line for line in found]


def _judged(line: Line) -> Line:
    """Mark an entry of results of which some are out of limits, with figures and limits in its headline."""
    bad = [row for row in line.results if row["tag"][0] == "bad"]
    if not bad:
        return line
    said = "; ".join(f"{row['label']} {row['result'].words}, limit {asked_for(row['result'].spec)}" for row in bad)
    tag = ("bad", "alert-triangle", f"{len(bad)} of {len(line.results)} out of limits")
    return replace(line, tag=tag, headline=units(f"{line.headline} · {said}"), serious=True)


def _days(lines: list[Line], zone: str) -> list[Day]:
    today = clock.today(zone)
    days: list[Day] = []
    for line in lines:
        on = clock.day(line.at, zone) if line.at else None
        label = "" if on else line.day_label or "No date"
        if not days or (days[-1].on, days[-1].label) != (on, label):
            days.append(Day(on=on, label=label, is_today=on == today, entries=[]))
        days[-1].entries.append(line)
    return days
