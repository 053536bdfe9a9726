"""A patient's timeline: every act, product, result, visit and event, newest first, from one ordered union of all kinds.

The database orders and pages one thin list (kind, id, time) over all tables; then each kind's records on the page are
read with one query. The kinds are the steps of the pathway and a few things between them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Integer, String, bindparam, func, literal, null, or_, select, union_all

from clinic import clock, record_display, record_pages
from clinic.administration.vital_signs import VitalSigns
from clinic.attachments.files import WORDS, of_record
from clinic.attachments.models import Attachment
from clinic.course_records import CourseRecords, Pool, complete, named, read_rows, table_of
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.event_records import EventNotification, EventUpdate
from clinic.followup.models import ContactAttempt, FollowUpVisit, OutcomeScore, PlannedVisit
from clinic.model import among
from clinic.pathway.order import current
from clinic.patients.donors import BloodTyping
from clinic.patients.models import Weight
from clinic.processing.models import InProcessCount, Manipulation
from clinic.products.models import Movement, Product, RunInput
from clinic.protocols.catalogues import INSTRUMENTS
from clinic.protocols.models import ProtocolVersion
from clinic.records import Origin, Record
from clinic.release.models import Release
from clinic.release.result_rows import result_row
from clinic.release.results import QCResult, asked_for
from clinic.requests.models import Comment
from clinic.row_reader import always_under, joined
from clinic.templating import units
from clinic.treatments.models import Stop, Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from clinic.patients.models import Patient
    from clinic.row_reader import Statement

PAGE = 200
CHARTED = (PlannedVisit, FollowUpVisit, OutcomeScore)
"""What the charts of a course show."""
WHOLE = {Treatment, Weight, *CHARTED}
"""What is read of the whole patient, whatever the page shows of it."""
WHOSE: Any = bindparam("patient", type_=String)


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


def of_patient(model: type[Record], *, one_course: bool) -> Select[Any] | None:
    """Return id, time, day of the course and time of writing of a model's rows about a ``patient``, or a ``course``."""
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
    of_these = [Treatment.patient_id == WHOSE, *([Treatment.id == bindparam("course")] if one_course else [])]
    if model is Treatment:
        return chosen.where(*of_these)
    courses = select(Treatment.id).where(*of_these)
    if "treatment_id" in columns and model is not Product:
        return chosen.where(model.treatment_id.in_(courses))  # type: ignore[attr-defined]
    if "patient_id" in columns:
        return chosen.where(model.patient_id == WHOSE)  # type: ignore[attr-defined]
    if model is Product:
        return chosen.where(Product.treatment_id.in_(courses))
    if "product_id" in columns:
        products = select(Product.id).where(Product.treatment_id.in_(courses))
        return chosen.where(model.product_id.in_(products))  # type: ignore[attr-defined]
    return None


def ordered(models: Iterable[type[Record]], *, one_course: bool) -> Any:
    """Return one union of all kinds, newest first; entries without a date come after, by day of the course."""
    parts = [part for model in models if (part := of_patient(model, one_course=one_course)) is not None]
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


@lru_cache(maxsize=64)
def _page(models: tuple[type[Record], ...], *, one_course: bool) -> Statement:
    """Return the statement that reads one page: ids in their order, how many there are, and their records."""
    union = ordered(models, one_course=one_course)
    newest_first = (
        union.c.performed_at.is_(None),
        union.c.performed_at.desc(),
        union.c.course_day.desc(),
        union.c.recorded_at.desc(),
        union.c.id,
    )
    total, place = func.count().over().label("total"), func.row_number().over(order_by=newest_first).label("place")
    hanging = select(func.count()).where(Attachment.record_id == union.c.id).scalar_subquery().label("files")
    part = {"limit": bindparam("size", type_=Integer), "offset": bindparam("skipped", type_=Integer)}
    listed = select(union.c.id, union.c.model, total, hanging, place).order_by(place)
    page = listed.limit(part["limit"]).offset(part["offset"]).subquery()
    return joined(page, [model for model in models if model not in WHOLE and model is not Product])


class Listed(NamedTuple):
    """One entry of a page: the id and table of its record, how many entries there are in all, how many files it has."""

    id: str
    model: str
    total: int
    files: int


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
    models = tuple(dict.fromkeys(model for kind in kinds for model in kind.models))
    given = {"patient": patient.id, "course": course_id, "size": size, "skipped": page * size}
    pool, rows = _read(session, patient, _page(models, one_course=course_id is not None), given)
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
    total = rows[0].total if rows else _count(session, models, given)
    return _days(_gathered(lines, zone), zone), total, courses


def _count(session: Session, models: tuple[type[Record], ...], given: dict[str, Any]) -> int:
    """Return how many entries there are, for a page behind the last one."""
    union = ordered(models, one_course=given["course"] is not None)
    return session.scalar(select(func.count()).select_from(union), given) or 0


def _read(session: Session, patient: Patient, page: Statement, given: dict[str, Any]) -> tuple[Pool, list[Listed]]:
    """Read the records of a page by one statement, with what they name; of the courses all visits, for the charts."""
    pool, read = Pool([patient]), list[Any]()
    pool.add(page.read(session, given, rows=read))
    rows = list({row[0]: Listed(*row[:4]) for row in read}.values())
    read_rows(session, pool, Treatment, patient_id=[patient.id])
    read_rows(session, pool, Weight, patient_id=[patient.id])
    for model in CHARTED:
        read_rows(session, pool, model, treatment_id=pool.ids("treatment"))
    products = {row.id for row in rows if row.model == table_of(Product)} | named(pool, "product")
    family = {"products": products, "runs": pool.ids("processing_run"), "harvests": pool.ids("harvest")}
    pool.add(always_under(Product, _made_or_used()).read(session, family))
    read_rows(session, pool, ProtocolVersion, id=named(pool, "protocol_version"))
    complete(
        session, pool, {*CHARTED, Weight, Product, RunInput, Movement, Manipulation, InProcessCount, ContactAttempt}
    )
    return pool, rows


@cache
def _made_or_used() -> Any:
    """Return the condition that finds ``products``, and what ``runs`` and ``harvests`` made or used."""
    used = select(RunInput.product_id).where(among(RunInput.run_id, "runs"))
    made = or_(among(Product.run_id, "runs"), among(Product.harvest_id, "harvests"))
    return or_(among(Product.id, "products"), made, Product.id.in_(used))


def _line(record: Record, kind: Kind, zone: str, people: dict[str, str]) -> Line:
    place = record_pages.PAGES.get(record.KIND)
    expected = place is not None and bool(place.signs) and is_signed_by_rule(type(record))
    who = record.performed_by.label if record.performed_by else ""
    return Line(
        at=record.performed_at,
        day_label=_day_of_course(record.course_day),
        kind_label=record.NOUN,
        icon=kind.icon,
        headline=units(_headline(record)),
        who=who,
        tag=_tag(record, signs=expected),
        serious=bool(getattr(record, "is_serious", False) or record.not_permitted),
        facts=record_display.facts(record, zone, people=people) + _scores(record),
        amendments=record_display.amendments(record, zone),
        hands=record_display.hands(record, zone, signs=expected),
        recorded_late=record_display.late(record, zone),
        url=place.show(record) if place else "",
    )


def _headline(record: Record) -> str:
    """Return the headline of an entry; a decision and a movement also say of which container."""
    if isinstance(record, Release | Movement):
        return f"{record.headline()} · {record.product.division or record.product.id}"
    return record.headline()


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
