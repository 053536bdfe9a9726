"""The downtime kit: the day's list, each open course in short, and blank forms, to be printed before the power goes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from clinic import wording
from clinic.administration.forms import SIGNS
from clinic.administration.known_facts import known_allergies
from clinic.administration.vital_signs import VitalSigns
from clinic.course_records import in_turns
from clinic.downtime.given import ASKED, ENDED, ENDED_HINT, NOT_ASKED
from clinic.downtime.kinds import KINDS, Kind
from clinic.downtime.models import DowntimeKit
from clinic.fields import Field, fields_of
from clinic.form_fields import MultiSelectField
from clinic.forms import RecordForm
from clinic.judged_lines import CourseLine, ProductLine
from clinic.pathway import course as courses
from clinic.pathway.judgement import judge
from clinic.patients.models import SEXES
from clinic.products.models import Product
from clinic.protocols.catalogues import ROUTES
from clinic.release.product_state import ProductState, state_of
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.accounts.models import Site, User
    from clinic.course_records import CourseRecords

AHEAD = timedelta(days=7)
"""Courses with a task due within this time are in the kit, and those with cells that may be given."""
LEDE = "The day's list, each open course in short, and blank forms: print it before an outage, or every evening."
AFTER = (
    "The kit holds records of patients: who printed it, when, and of which courses is recorded in the ledger. Keep "
    "the sheets locked and destroy them after use."
)
PARTS = {"forms": "Blank forms of each step"}


class KitForm(RecordForm):
    """What is printed besides the courses."""

    parts = MultiSelectField("Also print", choices=PARTS, many=True)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One open course in short."""

    treatment_id: str
    patient_id: str
    name: str
    number: str
    identity: list[tuple[str, str]]
    order: list[tuple[str, Any]]
    steps: list[tuple[str, str, str]]
    bags: list[tuple[str, ...]]
    tasks: list[tuple[str, str, str]]


@dataclass(frozen=True, kw_only=True)
class Blank:
    """One blank form: its sections, each with label, unit, choices and hint of its questions."""

    title: str
    sections: list[tuple[str, list[tuple[str, str, list[str], str]]]]


@dataclass(frozen=True, kw_only=True)
class Kit:
    """All that is printed for one site."""

    site_name: str
    site_id: str
    printed: str
    zone: str
    today: list[tuple[str, str, str, str, str]]
    sheets: list[Sheet]
    blanks: list[Blank]


def of_site(session: Session, site: Site, *, at: datetime, forms: bool) -> Kit:
    """Return the kit of a site at a moment. The caller notes that it was read."""
    sheets, tasks = [], []
    for records in in_turns(session, open_courses(session, site.id, at)):
        sheet, due = sheet_of(records, at)
        sheets.append(sheet)
        tasks += due
    return Kit(
        site_name=site.name, site_id=site.id, printed=wording.moment(at, site.zone), zone=site.zone,
        today=[task[1:] for task in sorted(tasks, key=lambda task: task[0]) if task[0][2] < (at + AHEAD).timestamp()],
        sheets=sorted(sheets, key=lambda sheet: wording.natural(f"{sheet.name} · {sheet.number}")),
        blanks=[blank(kind) for kind in KINDS.values()] if forms else [],
    )  # fmt: skip


def open_courses(session: Session, site_id: str, at: datetime) -> list[str]:
    """Return the ids of the courses with a task that is due within a week or has no day, or with usable cells."""
    usable = [state.value for state in ProductState if state.usable]
    waits = select(CourseLine.treatment_id).where(
        CourseLine.site_id == site_id, CourseLine.title != "",
        or_(CourseLine.due_at.is_(None), CourseLine.due_at < at + AHEAD),
    )  # fmt: skip
    ready = select(Product.treatment_id).join(ProductLine, ProductLine.product_id == Product.id)
    ready = ready.where(ProductLine.site_id == site_id, ProductLine.state.in_(usable))
    chosen = select(Treatment.id).where(
        Treatment.site_id == site_id, or_(Treatment.id.in_(waits), Treatment.id.in_(ready))
    )
    return list(session.scalars(chosen.order_by(Treatment.id)))


def sheet_of(records: CourseRecords, at: datetime) -> tuple[Sheet, list[tuple[Any, ...]]]:
    """Return a course in short, and its tasks for the day's list: sort key, when, what, for whom, name and number."""
    course, patient, zone = records.course, records.patient, records.zone
    found, name, number = judge(records, at), patient.display_name, patient.record_number or ""
    tasks = []
    for action in (action for step in found for action in step.actions):
        due = action.due_at or action.since
        who = " or ".join(sorted(role.label for role in action.who))
        when = wording.moment(due, zone) if due is not None else "open"
        key = (not action.danger, due is None, due.timestamp() if due is not None else 0.0, f"{name} · {number}")
        tasks.append((key, when, f"{action.title}: {action.why}", who, name, number))
    sheet = Sheet(
        treatment_id=course.id, patient_id=patient.id, name=name, number=number, identity=_identity(records, at),
        order=_order(course), steps=[(s.step.title, s.progress.word, s.progress.by) for s in found],
        bags=[_bag(records, product, at) for product in records.of(Product) if not _gone(product)],
        tasks=[task[1:4] for task in tasks],
    )  # fmt: skip
    return sheet, tasks


def allergies_asked(status: str | None) -> str:
    """Return what is printed where no allergy is named: none, or that nobody knows."""
    if status is None:
        return "NOT RECORDED"
    return {"none_known": "no known allergies", "not_asked": "NOT ASKED"}.get(status, "")


def _identity(records: CourseRecords, at: datetime) -> list[tuple[str, str]]:
    """Return by what the patient is known, what they cannot have, and their groups."""
    course, patient, zone = records.course, records.patient, records.zone
    asked = allergies_asked(patient.allergy_status)
    weight, rhd = patient.weight_at(at), fields_of(type(patient))["rhd"]
    return [
        ("Born", wording.day(patient.birth_date, patient.precision_of("birth_date")) or "not known"),
        ("Sex", SEXES.get(patient.sex or "", "not known")),
        ("Record number", patient.record_number or ""), ("Patient number", patient.id),
        ("Chain of identity", course.chain_of_identity or ""),
        ("Allergies", "; ".join(known_allergies(records, at)) or asked or "none recorded"),
        ("Blood group", " ".join(part for part in (patient.abo, rhd.words(patient.rhd)) if part)),
        ("Weight", f"{wording.kilograms(weight.kg)}, {wording.moment(weight.performed_at, zone)}" if weight else ""),
    ]  # fmt: skip


def _order(course: Treatment) -> list[tuple[str, Any]]:
    """Return what was ordered: side and site, route, dose, under which protocol; a figure keeps its superscripts."""
    facts = [(label, value) for label, value, _note in courses.key_facts(course) if value]
    route = ROUTES[course.route or ""].label if course.route in ROUTES else ""
    return [("Course", course.title), ("Route", route), *facts]


def _bag(records: CourseRecords, product: Product, at: datetime) -> tuple[str, ...]:
    """Return a container: name, numbers with spaces between, volume left, state, use before, place."""
    name = f"{product.name} {product.division or ''}".strip()
    until = wording.moment(product.expires_at, records.zone) if product.expires_at is not None else "no end"
    left = wording.quantity(product.left, "mL")
    return (name, f"{product.id} {product.din or ''}".strip(), left, state_of(records, product, at).label, until,
            product.place_text)  # fmt: skip


def _gone(product: Product) -> bool:
    return product.given or product.discarded or bool(product.uses and product.left <= 0)


def blank(kind: Kind) -> Blank:
    """Return the blank form of a kind of record: the questions are those of its declared facts."""
    asked: dict[str, Field] = dict(fields_of(kind.model))
    if kind.model.KIND == "AD":
        worked_out = NOT_ASKED - {"verified_by_id"}
        asked["outcome"] = replace(asked["outcome"], choices=ENDED, hint=ENDED_HINT)
        signs = {f"before_{name}": fact for name, fact in fields_of(VitalSigns).items() if name in SIGNS}
        asked = {**ASKED, **{name: fact for name, fact in asked.items() if name not in worked_out}, **signs}
    sections: dict[str, list[tuple[str, str, list[str], str]]] = {}
    for fact in asked.values():
        choices = list((fact.choices or {}).values())
        sections.setdefault(fact.section, []).append((fact.label, fact.unit, choices, fact.hint))
    return Blank(title=kind.title, sections=list(sections.items()))


def note(session: Session, kit: Kit, *, by: User | None, at: datetime, file: str | None = None) -> DowntimeKit:
    """Write down that a kit was read, by whom and of which courses (rule 70); ``file``: the text of its file."""
    made = DowntimeKit(
        site_id=kit.site_id, printed_at=at, printed_by_id=by.id if by is not None else None,
        courses=[sheet.treatment_id for sheet in kit.sheets], patients=len({sheet.patient_id for sheet in kit.sheets}),
        sha256=hashlib.sha256(file.encode()).hexdigest() if file is not None else None,
    )  # fmt: skip
    session.add(made)
    return made
