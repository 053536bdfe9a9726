"""Pages of the adverse events: report, judge, and the clocks that then run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request, url_for
from sqlalchemy import select

from clinic import clock, record_display, record_pages, wording
from clinic.access import CLINICAL, WRITERS, Role, allow
from clinic.accounts.models import User
from clinic.administration.models import Administration
from clinic.course_records import of_course
from clinic.extensions import db
from clinic.followup import event_display, reporting
from clinic.followup.adverse_events import GRADE_TEXTS, GRADES, AdverseEvent
from clinic.followup.closing import stands
from clinic.followup.event_rules import may_be_serious
from clinic.followup.forms import AssessmentForm, EventForm, ReportForm, SentForm
from clinic.followup.reactions import waiting_visits
from clinic.followup.roles import JUDGES, REPORTERS, SENDERS
from clinic.followup.step import events
from clinic.notices import notify
from clinic.pages import (
    Answer,
    commit_and_redirect,
    form_of,
    form_page,
    get_or_404,
    me,
    refusals_to,
    refuse_stale,
    zone,
)
from clinic.patients.banner import patient_banner
from clinic.record_pages import record_page
from clinic.records import Meaning, Origin
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from datetime import date

    from werkzeug.wrappers import Response

bp = Blueprint("events", __name__, template_folder="templates")
AFTER = (
    "Serious, unexpected and possibly related to the treatment: the report is due 7 or 15 days after we became "
    "aware. Today shows the deadline."
)


CTCAE = [(GRADES[key], text) for key, text in GRADE_TEXTS.items()]


PAGES = record_pages.register_pages(
    AdverseEvent,
    show=lambda event: url_for("events.show", event_id=event.id),
    signs=JUDGES,
    amends=REPORTERS | JUDGES,
    people=WRITERS,
    patient=patient_banner,
    parts=lambda event: event.updates,
    means=lambda _event, _user: Meaning.REVIEW,
)


def _beside(record: Any) -> dict[str, Any]:
    """Return what the page of an administration says of the patient's serious events with a report due."""
    if not isinstance(record, Administration):
        return {}
    return {"reports": reporting.of_patient(db.session(), record.treatment.patient, clock.today(zone()))}


record_pages.BESIDE.append(_beside)


def day_box(event: AdverseEvent, on: date) -> dict[str, object] | None:
    """Return the running clock of an event as a page draws it: figure, words, state, share of the time gone."""
    due, day, days = event.report_due_on, event.clock_day(on), event.clock_days
    if event.origin is not Origin.CLINIC or due is None or day is None or days is None:
        return None
    left = (due - on).days
    state = "over" if left < 0 else "urgent" if left <= 2 else "soon" if left <= days // 2 else ""
    word = {"over": "Overdue", "urgent": "Urgent", "soon": "Soon"}.get(state, "")
    return {
        "fig": wording.days(abs(left)),
        "say": f"{'over' if left < 0 else 'left'} · day {day} of {days} · send by {wording.day(due)}",
        "state": state,
        "word": word,
        "frac": 100 * day / days,
    }


@bp.get("/treatments/<treatment_id>/adverse-events")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """List the adverse events of a course with grade, seriousness and clock."""
    course, on = get_or_404(Treatment, treatment_id), clock.today(zone())
    rows = [
        (event, day_box(event, on), stands(event))
        for event in events(of_course(db.session(), course, only={AdverseEvent}))
    ]
    return render_template(
        "events/index.html", course=course, rows=rows, may_report=me().role in REPORTERS, patient=patient_banner(course)
    )


@bp.route("/treatments/<treatment_id>/adverse-events/new", methods=["GET", "POST"])
@allow(REPORTERS)
def new(treatment_id: str) -> Answer:
    """Report an event; a fatal one writes the day of death into the patient's record in the same act."""
    course = get_or_404(Treatment, treatment_id)
    kind = EventForm if me().role in JUDGES else ReportForm
    form = form_of(kind, people=WRITERS, about={"treatment": course})
    waiting = waiting_visits(of_course(db.session(), course))
    form.plan(course, given := _given(course), waiting, request.args.get("visit", ""))
    if form.validate_on_submit():
        with refusals_to(form):
            return _report(course, given.id if given is not None else _last_given(course), form.facts())
    return form_page(
        form,
        template="events/new.html",
        heading="Report an adverse event",
        lede=course.title,
        save_label="Save the event",
        patient=patient_banner(course),
        back_url=url_for("events.index", treatment_id=course.id),
        grades=CTCAE,
        after=AFTER,
    )


def _given(course: Treatment) -> Administration | None:
    """Return the administration from whose page the report was opened."""
    asked = request.args.get("administration", "")
    given = get_or_404(Administration, asked) if asked else None
    if given is not None and given.treatment_id != course.id:
        abort(404)
    return given


def _report(course: Treatment, given_id: str | None, facts: dict[str, Any]) -> Response:
    rows = {"treatment": course, "administration_id": given_id}
    event = AdverseEvent.report(by=me(), at=clock.now(), **rows, **facts)
    db.session.add(event)
    _tell(event, course)
    url = url_for("events.show", event_id=event.id)
    waits = "a physician's assessment and signature" if event.unassessed else "a physician's signature"
    return commit_and_redirect(url, f"Event saved. Waiting for {waits}.")


def _tell(event: AdverseEvent, course: Treatment) -> None:
    """Tell the responsible physician and quality of a serious event: its clocks run (rule 67)."""
    if not may_be_serious(event.serious):
        return
    told = [course.performed_by] if course.performed_by is not None else []
    quality = select(User).where(User.role == Role.QUALITY, User.site_id == course.site_id)
    kind = "Serious adverse event" if event.is_serious else "Adverse event, a physician decides whether it is serious"
    text = f"{kind}: {event.headline()}, {course.patient.display_name}"
    notify(db.session(), [*told, *db.session.scalars(quality)], by=me(), at=clock.now(), text=text, about=event)


def _last_given(course: Treatment) -> str | None:
    chosen = select(Administration.id).where(Administration.treatment_id == course.id)
    return db.session.scalar(chosen.order_by(Administration.performed_at.desc()).limit(1))


@bp.get("/adverse-events/<event_id>")
@allow(CLINICAL)
def show(event_id: str) -> str:
    """Show one event with its clock."""
    event = get_or_404(AdverseEvent, event_id)
    return record_page(
        event,
        PAGES,
        template="events/show.html",
        **event_display.of_event(event),
        grade_text=GRADE_TEXTS.get(event.grade or "", ""),
        unfinished=event.assessed_here and bool(event.unassessed),
        assess_url=url_for("events.assessment", event_id=event.id) if _assesses(event) else None,
        back_url=url_for("events.index", treatment_id=event.treatment_id),
        back_label="Events",
    )


def _assesses(event: AdverseEvent) -> bool:
    return me().role in JUDGES and event.assessed_here and bool(event.unassessed)


def _told(event: AdverseEvent) -> dict[str, Any]:
    """Return what a physician reads of an event before grading it."""
    said = record_display.facts(event, zone(), people=record_pages.names())
    return {"facts": said, "hands": record_display.hands(event, zone()), "grades": CTCAE}


@bp.route("/adverse-events/<event_id>/assessment", methods=["GET", "POST"])
@allow(JUDGES)
def assessment(event_id: str) -> Answer:
    """Add a physician's assessment to what was reported: grade, expectedness, causes (rule 64)."""
    event = get_or_404(AdverseEvent, event_id)
    form = form_of(AssessmentForm, event)
    form.plan(event)
    if form.validate_on_submit():
        refuse_stale(event)
        with refusals_to(form):
            event.assess(at=clock.now(), **form.facts())
            url = url_for("record_pages.signature", record_id=event.id)
            return commit_and_redirect(url, "Assessment saved. Takes effect when you sign.")
    return form_page(
        form, template="events/assessment.html", **_told(event), heading=f"Assess: {event.term}",
        lede=event.treatment.title, save_label="Save and sign", patient=patient_banner(event),
        back_url=url_for("events.show", event_id=event.id), after=AFTER,
    )  # fmt: skip


@bp.route("/adverse-events/<event_id>/report", methods=["GET", "POST"])
@allow(SENDERS)
def report(event_id: str) -> Answer:
    """Record that the report was sent to the authority or sponsor, which ends the clock (rule 67)."""
    event = get_or_404(AdverseEvent, event_id)
    form = form_of(SentForm, event)
    if form.validate_on_submit():
        refuse_stale(event)
        with refusals_to(form, "reported_on"):
            event.send_report(at=clock.now(), **form.declared())
            return commit_and_redirect(url_for("events.show", event_id=event.id), "Saved. The report was sent.")
    return form_page(
        form,
        heading="Record that the report was sent",
        lede=event.headline(),
        save_label="Save",
        patient=patient_banner(event),
        back_url=url_for("events.show", event_id=event.id),
        after="The deadline is then met. The event stays open until it has an outcome.",
    )
