"""What the page of a course tells: how far it is, the one next action, what is blocked, how complete it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import select

from clinic import clock, record_display
from clinic.fields import fields_of
from clinic.pathway.order import PATHWAY
from clinic.products.models import Product, products_of
from clinic.protocols.catalogues import CELL_TYPES, CONDITIONS, DOSE_MEASURES, ROUTES, SOURCES, within
from clinic.records import Record, Signature
from clinic.steps import State
from clinic.templating import units
from clinic.treatments.models import ASA, RELATIONS

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from clinic.access import Role
    from clinic.steps import Action, Progress, Step
    from clinic.treatments.models import Treatment

EMPTY = (None, "", [], {})
SOON = timedelta(days=1)


@dataclass(frozen=True)
class Standing:
    """One step of one course, at one moment."""

    step: Step
    progress: Progress
    actions: list[Action]


def standings(course: Treatment, at: datetime) -> list[Standing]:
    """Return how far every step is and what waits in it."""
    return [Standing(step, step.progress(course, at), list(step.actions(course, at))) for step in PATHWAY]


def rail(found: list[Standing], course: Treatment) -> list[dict[str, Any]]:
    """Return the steps as the rail draws them; the first that is not done is the present one."""
    present = next((s.step.name for s in found if s.progress.state is not State.DONE), "")
    return [
        {
            "title": s.step.title,
            "state": s.progress.state.value,
            "state_word": s.progress.word,
            "by": s.progress.by,
            "url": url_for(s.step.endpoint, treatment_id=course.id),
            "current": s.step.name == present,
        }
        for s in found
    ]


def next_action(found: list[Standing], role: Role, at: datetime) -> dict[str, Any] | None:
    """Return the one next action: this person's first, else whose turn it is; what is due later comes last."""
    waiting = [action for s in found for action in s.actions]
    waiting.sort(key=lambda action: (not action.danger, action.due_at is not None and action.due_at > at + SOON))
    mine = next((action for action in waiting if role in action.who), None)
    if mine is not None:
        return {
            "tag": "Your next action",
            "title": mine.title,
            "text": mine.why,
            "label": mine.title,
            "icon": "arrow-right",
            "url": url_for(mine.to[0], **mine.to[1]),
        }
    if not waiting:
        return None
    whose = " or ".join(sorted(role.label for role in waiting[0].who))
    return {
        "tag": f"Waits for {whose}",
        "title": waiting[0].title,
        "text": waiting[0].why,
        "url": None,
        "label": "",
        "icon": "",
    }


def blocked(found: list[Standing], course: Treatment, at: datetime) -> tuple[str, list[dict[str, Any]]] | None:
    """Return the first step whose gate is closed, with every reason; None where nothing is blocked."""
    for s in found:
        if s.progress.state in {State.BLOCKED, State.TO_DO} and course.stop is None:
            reasons = list(s.step.blockers(course, at))
            if reasons:
                return f"{s.step.title} is blocked, because…", record_display.reasons(reasons)
    return None


def of_course(model: type[Record], course: Treatment) -> Select[Any] | None:
    """Return the rows of one kind of record that belong to a course, its consent and products included."""
    columns = model.__table__.columns  # type: ignore[attr-defined]
    rows: Any = model
    if "treatment_id" in columns:
        return select(model).where(rows.treatment_id == course.id)
    if "protocol_version_id" in columns and "patient_id" in columns:
        same = rows.protocol_version_id == course.protocol_version_id
        return select(model).where(rows.patient_id == course.patient_id, same)
    if "product_id" in columns:
        products = select(Product.id).where(Product.treatment_id == course.id)
        return select(model).where(rows.product_id.in_(products))
    return None


def records_of(session: Session, found: list[Standing], course: Treatment) -> dict[str, list[Record]]:
    """Return all records of a course by step, read once; the order and the products stand under their own names."""
    records: dict[str, list[Record]] = {"course": [course], "products": [*products_of(session, course.id)]}
    for s in found:
        chosen = [rows for model in s.step.records if (rows := of_course(model, course)) is not None]
        records[s.step.name] = [record for rows in chosen for record in session.scalars(rows)]
    return records


def every(records: dict[str, list[Record]]) -> list[Record]:
    """Return the records of all steps as one list."""
    return [record for kind in records.values() for record in kind]


def completeness(records: dict[str, list[Record]]) -> tuple[int, int, list[str]]:
    """Return how many of the facts that a published course should tell are recorded, of how many, and which are not.

    Counted are the facts declared ``reported`` (DOSES, MIBO, vial to vein); those that do not apply are left out.
    """
    done, missing = 0, []
    for record in every(records):
        for name, fact in fields_of(type(record)).items():
            if not fact.reported or name in record.not_applicable:
                continue
            if getattr(record, name) in EMPTY:
                missing.append(f"{fact.label}, {record.NOUN.lower()}")
            else:
                done += 1
    return done, done + len(missing), list(dict.fromkeys(missing))


def signatures(session: Session, records: dict[str, list[Record]], zone: str) -> list[tuple[str, str, str]]:
    """Return who signed what in a course, newest first, in one query."""
    by_id = {record.id: record for record in every(records)}
    rows = session.scalars(select(Signature).where(Signature.record_id.in_(by_id)).order_by(Signature.signed_at.desc()))
    return [
        (
            f"{row.printed_name}, {row.role}",
            f"{by_id[row.record_id].NOUN}: {row.meaning.label}"
            + ("" if row.content_hash == by_id[row.record_id].content_hash else " (earlier content)"),
            f"{clock.local(row.signed_at, zone):%-d %b %Y, %H:%M} · {record_display.seal(row.content_hash)}",
        )
        for row in rows
    ]


def by_date(
    found: list[Standing], records: dict[str, list[Record]], course: Treatment, zone: str
) -> dict[str, Any] | None:
    """Return the course as the drawing by date shows it; None where nothing has a date."""
    today = clock.today(zone)
    rows, days = [], []
    for s in found:
        moments = [
            moment
            for record in records[s.step.name]
            for moment in (record.performed_at, getattr(record, "ended_at", None))
        ]
        dates = sorted(clock.local(moment, zone).date() for moment in moments if moment is not None)
        days += dates
        state = {State.DONE: "done", State.NOW: "now"}.get(s.progress.state, "todo")
        rows.append(
            {
                "label": s.step.title,
                "since": dates[0] if dates else None,
                "until": (dates[-1] if state == "done" or len(dates) > 1 else today) if dates else None,
                "state": state,
                "text": s.progress.word,
                "current": state == "now",
            }
        )
    planned = [course.planned_on] if course.planned_on else []
    if not days:
        return None
    start, end = min([*days, today]) - timedelta(days=3), max([*days, *planned, today]) + timedelta(days=14)
    told = "; ".join(f"{row['label']}: {row['text']}{_on(row['since'])}" for row in rows)
    return {"title": "Course by date", "description": told, "start": start, "end": end, "today": today, "rows": rows}


def _on(day: date | None) -> str:
    return f", {day:%-d %b %Y}" if day else ""


def key_facts(course: Treatment) -> list[record_display.Told]:
    """Return what a person looks for first in a course."""
    version = course.protocol_version
    index = course.body_mass_index
    facts: list[record_display.Told] = [
        (
            "Indication",
            CONDITIONS[course.condition or ""].label if course.condition in CONDITIONS else "",
            course.diagnosis or "",
        ),
        ("Cells", RELATIONS.get(course.relation or "", ""), CELL_TYPES[course.says.cell_type].label),
        ("Source and route", f"{SOURCES[course.source or ''].label} → {within(ROUTES[course.route or ''].label)}", ""),
        ("Protocol", version.name, version.says.title),
        ("Planned for", f"{course.planned_on:%-d %b %Y}" if course.planned_on else "", ""),
        ("Planned dose", units(_dose(course)), course.says.dose.source),
        ("ASA class", ASA.get(course.asa_class or "", ""), ""),
        (
            "Body mass index",
            f"{index} kg/m²" if index else "",
            f"{course.weight_kg} kg ÷ ({course.height_cm} cm)²" if index else "",
        ),
        ("Other illnesses", course.comorbidities or "", ""),
        ("Responsible", course.performed_by.printed_name if course.performed_by else "", "physician"),
    ]
    return facts


def _dose(course: Treatment) -> str:
    dose = course.says.dose
    measure = DOSE_MEASURES[dose.measure]
    unit = measure.unit_per_kg if dose.per_kg else measure.unit
    return f"{dose.usual} {unit} {within(measure.label)}, protocol {dose.window} {unit}" + (
        f", {dose.doses} times" if dose.doses > 1 else ""
    )
