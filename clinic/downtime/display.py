"""How pages show that a record was copied from paper, and where that is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import g, request, url_for
from sqlalchemy import select

from clinic import record_pages, wording
from clinic.administration.models import Administration
from clinic.attachments.files import of_record as attached_to
from clinic.course_records import of_course as records_of
from clinic.downtime.kinds import KINDS, Kind
from clinic.downtime.questions import LATE_BECAUSE
from clinic.extensions import db
from clinic.followup.models import PlannedVisit
from clinic.pages import zone
from clinic.products.models import Product
from clinic.records import Record
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.access import Role
    from clinic.records import Entry

FORMS = {
    "consent.new": "consent", "harvest.new": "harvest", "processing.new": "processing",
    "release.results": "results", "release.add_results": "results", "administration.bedside": "administration",
    "administration.new": "administration", "administration.vital_signs": "vital-signs", "followup.new": "visit",
    "followup.visit": "visit", "events.new": "adverse-event",
}  # fmt: skip
"""The kind of paper record that each form of a step has beside it."""


def of_record(record: Entry) -> dict[str, Any]:
    """Return what the page of a record says of the paper that it was copied from; nothing where it was not."""
    if not isinstance(record, Record) or record.paper is None:
        return {}
    scans = [one for one in attached_to(db.session(), record.id) if one.withdrawn_at is None]
    return {
        "paper": {
            "failed": record.not_permitted, "now": record.paper.get("now", []),
            "why": LATE_BECAUSE.get(record.paper.get("why", ""), ""), "note": record.paper.get("note", ""),
            "written_by": record.paper.get("written_by", ""),
            "happened": wording.moment(record.performed_at, zone(), record.precision_of("performed_at")),
            "entered": wording.moment(record.recorded_at, zone()), "entered_by": record.recorded_by.label,
            "scanned": bool(scans),
        }
    }  # fmt: skip


def taken(made: Record) -> str:
    """Return what a person reads after saving."""
    if made.not_permitted:
        return "Saved as the paper says. Checks failed when it happened: quality is asked to review it."
    return "Saved as the paper says."


def tone(made: Record) -> str:
    """Return the kind of that message."""
    return "danger" if made.not_permitted else "ok"


def lede(course: Treatment, on: Any) -> str:
    """Return what a paper record is about, in one line."""
    return f"{course.title} · {on.headline()}" if isinstance(on, Record) else course.title


def of_course(course: Treatment, role: Role) -> dict[str, Any]:
    """Return what may be copied from paper for a course, and what was."""
    records = records_of(db.session(), course)
    hanging = {Product: Product, Administration: Administration, PlannedVisit: PlannedVisit}
    offers = []
    for kind in KINDS.values():
        if role not in kind.logs:
            continue
        rows = records.of(hanging[kind.hangs_on]) if kind.hangs_on in hanging else []
        rows = [row for row in rows if not (isinstance(row, PlannedVisit) and row.visit is not None)]
        offers.append((kind, [(_of(row), _address(course, kind, row)) for row in rows] or _plain(course, kind)))
    copied = [row for kind in KINDS.values() for row in records.of(kind.model) if row.paper is not None]
    return {
        "course": course, "offers": offers,
        "copied": [(f"{row.NOUN}: {row.headline()}", record_pages.PAGES[row.KIND].show(row), row) for row in copied],
    }  # fmt: skip


def _plain(course: Treatment, kind: Kind) -> list[tuple[str, str]]:
    return [] if kind.hangs_on is Product else [("", _address(course, kind, None))]


def _of(row: Any) -> str:
    return (
        row.name
        if isinstance(row, PlannedVisit)
        else f"{row.headline()} {getattr(row, 'division', None) or ''}".strip()
    )


def _address(course: Treatment, kind: Kind, row: Any) -> str:
    more = {"of": row.id} if row is not None else {}
    return url_for("downtime.new", treatment_id=course.id, kind=kind.name, **more)


def first_of(kind: Kind, course: Treatment) -> Any:
    """Return the first product of a course where results name none; None for what needs no such row."""
    if kind.hangs_on is not Product:
        return None
    return next(iter(records_of(db.session(), course, only={Product}).of(Product)), None)


def paper_url() -> str:
    """Return the address of the paper form beside the form of a step that is shown; "" where there is none."""
    kind, values = FORMS.get(request.endpoint or ""), request.view_args or {}
    user = g.get("user")
    if kind is None or user is None or user.role not in KINDS[kind].logs:
        return ""
    course_id, on = _target(values)
    more: dict[str, Any] = {"of": on} if on else {}
    return url_for("downtime.new", treatment_id=course_id, kind=kind, **more) if course_id else ""


def _target(values: dict[str, Any]) -> tuple[str, str]:
    """Return the ids of the course, and of what the record hangs on, that the address of a step's form names."""
    if "treatment_id" in values:
        return values["treatment_id"], ""
    for name, model in (("product_id", Product), ("administration_id", Administration), ("plan_id", PlannedVisit)):
        if name in values:
            row = db.session.get(model, values[name])
            return (row.treatment_id or "", row.id) if row is not None else ("", "")
    if "patient_id" in values:
        last = select(Treatment.id).where(Treatment.patient_id == values["patient_id"])
        return db.session.scalar(last.order_by(Treatment.recorded_at.desc()).limit(1)) or "", ""
    return "", ""
