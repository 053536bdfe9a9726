"""The pages that cross steps: the day's worklist, a course, a patient's timeline."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, render_template, request, url_for
from sqlalchemy import select

from clinic import clock, drafts, wording
from clinic.access import CLINICAL, EVERYBODY, Role, allow, may
from clinic.course_records import load, of_course
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.fields import RUNS_AS_FORMULA
from clinic.followup.charts import charts
from clinic.followup.step import plans, visits
from clinic.inventory import genealogy
from clinic.pages import find, me, saved, zone
from clinic.pathway import course as courses
from clinic.pathway import scan as codes
from clinic.pathway import timeline, worklist
from clinic.pathway.judgement import judge
from clinic.patients.banner import band
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Sequence

bp = Blueprint("pathway", __name__, template_folder="templates")


@bp.get("/")
@allow(EVERYBODY)
def today() -> str:
    """Show the day's worklist of the role that is signed in."""
    at = clock.now()
    if me().role is Role.ADMINISTRATOR:
        return render_template("pathway/today_administrator.html")
    words = f"{wording.long_day(clock.day(at, zone()))}, {wording.time_of_day(at, zone())}"
    return render_template(
        "pathway/today.html",
        board=worklist.board(db.session(), me().role, site_id=me().site_id, zone=zone(), at=at),
        today_words=words,
        drafts=drafts.mine(me().id),
    )


@bp.get("/treatments/<treatment_id>")
@allow(CLINICAL)
def course(treatment_id: str) -> str:
    """Show one course: step rail, one next action, what is blocked and why, its cells, its facts."""
    treatment, at = find(Treatment, treatment_id), clock.now()
    records = of_course(db.session(), treatment)
    found = judge(records, at)
    done, total, missing = courses.completeness(records)
    return render_template(
        "pathway/course.html",
        treatment=treatment,
        patient=band(treatment.patient, zone(), chain_of_identity=treatment.chain_of_identity),
        rail=courses.rail(found, treatment),
        action=courses.next_action(found, me().role, at),
        blocked=courses.blocked(found, records, at),
        gantt=courses.by_date(found, records, zone()),
        genealogy=genealogy.of_course(records, at),
        products=records.of(Product),
        signatures=courses.signatures(records, zone()),
        completeness=(done, total, missing),
        facts=courses.key_facts(treatment),
        may_stop=may(me().role, "treatments.stop"),
        acts=[
            (s.step, url_for(s.step.begin, treatment_id=treatment.id)) for s in found if may(me().role, s.step.begin)
        ],
    )


def _asked() -> tuple[Sequence[timeline.Kind], str | None, int]:
    """Return the kinds, the course and the page that the address asks for; unknown ones are ignored."""
    keys = set(request.args.getlist("kind"))
    kinds = [kind for kind in timeline.kinds() if (kind.key in keys if keys else kind.key not in timeline.QUIET)]
    page = request.args.get("page", "0")
    return kinds, request.args.get("course") or None, int(page) if page.isdigit() and len(page) < 6 else 0


@bp.get("/patients/<patient_id>/timeline")
@allow(CLINICAL)
def timeline_of(patient_id: str) -> str:
    """Show everything recorded about a patient, newest first."""
    patient = find(Patient, patient_id)
    kinds, course_id, page = _asked()
    days, total = timeline.entries(db.session(), patient, zone=zone(), kinds=kinds, course_id=course_id, page=page)
    here = list(
        db.session.scalars(select(Treatment).where(Treatment.patient_id == patient.id).order_by(Treatment.recorded_at))
    )
    told = load(db.session(), [one.id for one in here if course_id in {None, one.id}]).values()
    told = [one for one in told if course_id in {None, one.course.id}]
    return render_template(
        "pathway/timeline.html",
        record=patient,
        patient=band(patient, zone()),
        days=days,
        total=total,
        kinds=timeline.kinds(),
        picked={kind.key for kind in kinds},
        courses=[(t.id, f"{t.title}{f', {t.performed_at:%Y}' if t.performed_at else ''}") for t in here],
        course_id=course_id,
        page=page,
        pages=-(-total // timeline.PAGE),
        charts=[chart for one in told for chart in charts(one.course, plans(one), visits(one))],
        query=request.query_string.decode(),
    )


@bp.get("/patients/<patient_id>/timeline.csv")
@allow(CLINICAL)
def timeline_csv(patient_id: str) -> Response:
    """Give the same entries as a table, every fact a line, with both times and the hands."""
    patient = find(Patient, patient_id)
    kinds, course_id, _page = _asked()
    days, _total = timeline.entries(db.session(), patient, zone=zone(), kinds=kinds, course_id=course_id, size=100_000)
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(
        ["Patient", "Happened at", "Day", "Kind", "Entry", "Fact", "Value", "Note", "Done by", "History", "Time zone"]
    )
    for line in (entry for day in days for entry in day.entries):
        for label, value, note in line.facts or [("", "", "")]:
            table.writerow(
                [
                    safe(cell)
                    for cell in (
                        patient.id,
                        line.at.isoformat() if line.at else "",
                        line.day_label,
                        line.kind_label,
                        plain(line.headline),
                        label,
                        plain(value),
                        note,
                        line.who,
                        "; ".join(line.hands),
                        zone(),
                    )
                ]
            )
    return Response(
        out.getvalue(),
        mimetype="text/csv",
        headers={"Content-Disposition": f"attachment; filename=timeline-{patient.id}.csv"},
    )


@bp.route("/scan", methods=["GET", "POST"])
@allow(CLINICAL)
def scan() -> Any:
    """Lead to whatever was scanned; the code travels in the form, never in an address."""
    typed, error = request.form.get("code", ""), ""
    if request.method == "POST":
        try:
            return saved(codes.leads_to(db.session(), typed))
        except RuleBroken as fault:
            error = str(fault)
    page = render_template("pathway/scan.html", error=error, typed=typed)
    return (page, 422) if error else page


def plain(value: Any) -> str:
    """Return text without markup."""
    return value.striptags() if hasattr(value, "striptags") else str(value)


def safe(cell: str) -> str:
    """Return a cell that a spreadsheet does not take for a formula (it gets a leading apostrophe)."""
    return f"'{cell}" if cell.startswith(RUNS_AS_FORMULA) else cell
