"""The pages that cross steps: the day's worklist, a course, a patient's timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, g, redirect, render_template, request, url_for

from clinic import clock, drafts, preferences, read_log, wording
from clinic.access import CLINICAL, EVERYBODY, WRITERS, Role, allow, may
from clinic.accounts.authorizations import staff_and_expiring
from clinic.administration.known_before import known_against
from clinic.administration.thawed_already import second_thaw
from clinic.course_records import course_with_id
from clinic.extensions import db
from clinic.followup.charts import charts
from clinic.followup.reporting import all_due
from clinic.followup.step import events, plans, visits
from clinic.identifiers import parse_id
from clinic.inventory import genealogy, thawing
from clinic.pages import (
    Answer,
    commit_and_redirect,
    form_of,
    form_page,
    get_or_404,
    me,
    refusals_to,
    staff_choices,
    zone,
)
from clinic.pathway import confirmations, timeline, worklist
from clinic.pathway import course as courses
from clinic.pathway import scan as codes
from clinic.pathway.course_chart import course_chart
from clinic.pathway.forms import ScanForm
from clinic.pathway.judgement import judge
from clinic.pathway.order import current
from clinic.pathway.timeline_table import timeline_table
from clinic.patients.banner import patient_banner
from clinic.patients.models import Patient
from clinic.products import movements
from clinic.products.models import Product
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from clinic.accounts.models import User
    from clinic.course_records import CourseRecords

thawing.KNOWN_AGAINST.append(known_against)
movements.ASKED_OF_A_THAW.append(second_thaw)
bp = Blueprint("pathway", __name__, template_folder="templates")
FILTER = "today"
"""The name under which a person's filter of Today is kept."""
PAGES = 50
"""How often Today can be asked for more lines."""


def _read(board: worklist.Board) -> worklist.Board:
    """Note that somebody is shown the lines of the day."""
    parts = (board.mine, board.others, board.products, board.late, board.clocks, board.stops)
    read_log.listed("Today", sum(len(part.rows) for part in parts))
    return board


@bp.get("/")
@allow(EVERYBODY)
def today() -> str:
    """Show the day's worklist of the person who is signed in, kept to the filter that she or he chose last."""
    at, page = clock.now(), max(1, min(request.args.get("page", 1, type=int), PAGES))
    if me().role is Role.ADMINISTRATOR:
        return render_template("pathway/today_administrator.html")
    staff = staff_and_expiring(db.session(), me(), clock.day(at, zone()), *_beside())
    only = worklist.Filter(**(staff[0].chosen or {}))
    return render_template(
        "pathway/today.html",
        board=_read(worklist.board(db.session(), me(), zone=zone(), at=at, limit=page * worklist.SHOWN, only=only)),
        asked=worklist.asked(db.session(), me(), at, zone()),
        confirmations=confirmations.waiting(db.session(), me(), staff[0]),
        renewals=worklist.renewals(staff, me(), at, zone()),
        further_url=url_for("pathway.today", page=page + 1),
        today_words=f"{wording.long_day(clock.day(at, zone()))}, {wording.time_of_day(at, zone())}",
        drafts=drafts.mine(me().id),
        only=only,
        steps=[(step.name, step.title) for step in current()],
        people=_writers(staff),
        may_filter=me().role in WRITERS,
    )


def _beside() -> list[Any]:
    """Return the columns that Today reads with the staff: the filter of the person, and whether anything waits."""
    return [preferences.chosen(me().id, FILTER), *confirmations.asked(me())]


def _writers(staff: list[Any]) -> list[tuple[str, str]]:
    """Return id and name of the staff to whose patients Today can be kept, each once."""
    named = [(row.id, f"{row.printed_name}, {row.role.label}") for row in staff if row.active and row.role in WRITERS]
    return list(dict.fromkeys(named))


@bp.post("/today/filter")
@allow(WRITERS)
def keep_filter() -> Answer:
    """Keep Today to a step and to the patients of one person, from now on; empty: everything."""
    step, person = request.form.get("step", ""), request.form.get("person", "")
    known = step in {"", *(one.name for one in current())} and person in {"", *dict(staff_choices())}
    preferences.choose(me().id, FILTER, {"step": step, "person": person} if known else {})
    return commit_and_redirect(url_for("pathway.today"))


@bp.get("/session")
@allow(EVERYBODY)
def stay() -> Response:
    """Keep the session open: asked for when somebody answers the warning before the automatic sign-out."""
    return Response(status=204)


@bp.get("/treatments/<treatment_id>")
@allow(CLINICAL)
def course(treatment_id: str) -> str:
    """Show one course: step rail, one next action, what is blocked and why, its cells, its facts."""
    wanted = parse_id(treatment_id, Treatment.KIND) or ""
    records = course_with_id(db.session(), wanted)
    if records is None:
        abort(404)
    return render_template("pathway/course.html", **_course_page(records, me(), clock.now()))


def _course_page(records: CourseRecords, user: User, at: datetime) -> dict[str, Any]:
    """Return all that the page of a course shows."""
    treatment, role = records.course, user.role
    found = judge(records, at)
    begins = [s.step for s in found if may(role, s.step.begin)]
    return {
        "treatment": treatment,
        "patient": patient_banner(treatment),
        "reports": all_due(records, events(records), clock.day(at, zone()), role),
        "drafts": _drafts(records, user),
        "rail": courses.rail(found, records, at),
        "action": courses.next_action(found, user, at),
        "blocked": courses.blocked(found, records, at),
        "gantt": course_chart(found, records),
        "genealogy": genealogy.of_course(records, at),
        "products": records.of(Product),
        "failing": courses.failing_results(records),
        "signatures": courses.signatures(records, zone()),
        "completeness": courses.completeness(records),
        "facts": courses.key_facts(treatment),
        "not_permitted": [one for one in courses.every(records) if one.not_permitted],
        "may_stop": may(role, "treatments.stop"),
        "acts": [(step, url_for(step.begin, treatment_id=treatment.id)) for step in begins],
    }


def _drafts(records: CourseRecords, user: User) -> list[Any]:
    """Return the person's drafts that are about a course; nothing is read where she or he has none."""
    ids = courses.addresses(records)
    return [one for one in drafts.mine(user.id) if any(part in one.path for part in ids)] if g.get("drafts") else []


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
    patient = get_or_404(Patient, patient_id)
    kinds, course_id, page = _asked()
    days, total, found = timeline.entries(
        db.session(), patient, zone=zone(), kinds=kinds, course_id=course_id, page=page
    )
    return render_template(
        "pathway/timeline.html",
        record=patient,
        patient=patient_banner(patient),
        days=days,
        total=total,
        kinds=timeline.kinds(),
        picked={kind.key for kind in kinds},
        page=page,
        pages=-(-total // timeline.PAGE),
        query=request.query_string.decode(),
        **_courses_of(found, course_id),
    )


def _courses_of(found: list[CourseRecords], course_id: str | None) -> dict[str, Any]:
    """Return the courses that the timeline can be kept to, and the charts of those that are shown."""
    here = sorted((one.course for one in found), key=lambda course: course.recorded_at)
    shown = [one for one in found if course_id in {None, one.course.id}]
    return {
        "courses": [(t.id, f"{t.title}{f', {t.performed_at:%Y}' if t.performed_at else ''}") for t in here],
        "course_id": course_id,
        "charts": [chart for one in shown for chart in charts(one.course, plans(one), visits(one))],
    }


@bp.get("/patients/<patient_id>/timeline.csv")
@allow(CLINICAL)
def timeline_csv(patient_id: str) -> Response:
    """Give the same entries as a table, every fact a line, with both times and the hands."""
    patient = get_or_404(Patient, patient_id)
    kinds, course_id, _page = _asked()
    days, _total, _courses = timeline.entries(
        db.session(), patient, zone=zone(), kinds=kinds, course_id=course_id, size=100_000
    )
    read_log.export("timeline", patient.id)
    named = {"Content-Disposition": f"attachment; filename=timeline-{patient.id}.csv"}
    return Response(timeline_table(days, patient, zone()), mimetype="text/csv", headers=named)


@bp.route("/scan", methods=["GET", "POST"])
@allow(CLINICAL)
def scan() -> Answer:
    """Lead to whatever was scanned; the code travels in the form, never in an address."""
    form = form_of(ScanForm)
    if form.validate_on_submit():
        with refusals_to(form):
            return redirect(codes.leads_to(db.session(), form.code.data or ""), 303)
    return form_page(form, template="pathway/scan.html")
