"""Pages of the visits: the schedule with its windows, a visit with its scores, contacts."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, render_template, url_for

from clinic import clock, record_pages, wording
from clinic.access import CLINICAL, allow
from clinic.course_records import of_course
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.charts import baselines, charts, scores_table
from clinic.followup.forms import ContactForm, instruments_of, visit_form
from clinic.followup.models import BASELINE, ContactAttempt, FollowUpVisit, OutcomeScore, PlannedVisit
from clinic.followup.roles import REPORTERS
from clinic.followup.step import FOLLOW_UP, events, plans, visits
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to, zone
from clinic.patients.banner import patient_banner
from clinic.record_pages import record_page
from clinic.treatments.models import Treatment

bp = Blueprint("followup", __name__, template_folder="templates")
READ_AND_SIGN = "Review and sign it."
REPORT_IT = "Visit saved. Report the new symptom or event now. The visit can be signed afterwards."
OTHERS_SIGN = "Waiting for a nurse's or physician's signature."
STANDINGS = {
    "done": ("ok", "check", "Done"),
    "missed": ("rest", "user-x", "Missed"),
    "overdue": ("danger", "alarm", "Overdue"),
    "open": ("wait", "hourglass", "Open"),
    "planned": ("plan", "calendar", "Planned"),
}


def _score_url(score: OutcomeScore) -> str:
    return (
        url_for("followup.show", visit_id=score.visit_id)
        if score.visit_id
        else url_for("followup.index", treatment_id=score.treatment_id)
    )


def _signers(score: OutcomeScore) -> set[str]:
    return {signature.signed_by_id for signature in score.present_signatures}


PAGES = record_pages.register_pages(
    FollowUpVisit,
    show=lambda visit: url_for("followup.show", visit_id=visit.id),
    signs=FOLLOW_UP.signs,
    amends=FOLLOW_UP.logs,
    people=FOLLOW_UP.logs,
    patient=patient_banner,
    fixed=frozenset({"name"}),
    together=lambda visit, user: [score for score in visit.scores if user.id not in _signers(score)],
)
record_pages.register_pages(
    OutcomeScore,
    show=_score_url,
    signs=FOLLOW_UP.signs,
    amends=FOLLOW_UP.logs,
    people=FOLLOW_UP.logs,
    patient=patient_banner,
    fixed=frozenset({"instrument"}),
)
record_pages.register_pages(
    ContactAttempt,
    show=lambda contact: url_for("followup.contacts", plan_id=contact.plan_id),
    amends=FOLLOW_UP.logs,
    people=FOLLOW_UP.logs,
    patient=patient_banner,
)


SHOWN = (PlannedVisit, FollowUpVisit, OutcomeScore, AdverseEvent)
"""What the page of visits shows; it judges nothing."""


@bp.get("/treatments/<treatment_id>/visits")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """Show the schedule with windows and standings, the scores with their change, and the course of each."""
    course, on = get_or_404(Treatment, treatment_id), clock.today(zone())
    records = of_course(db.session(), course, only=SHOWN)
    planned, made = plans(records), visits(records)
    return render_template(
        "followup/index.html",
        course=course,
        plans=[(plan, STANDINGS[plan.standing(on)], plan.standing(on) in {"open", "overdue"}) for plan in planned],
        unplanned=[v for v in made if v.plan_id is None],
        table=scores_table(made),
        charts=charts(course, planned, made),
        events=events(records),
        on=on,
        may_log=me().role in FOLLOW_UP.logs,
        has_baseline=any(v.is_baseline for v in made),
        patient=patient_banner(course),
    )


@bp.route("/treatments/<treatment_id>/visits/new", methods=["GET", "POST"])
@allow(FOLLOW_UP.logs)
def new(treatment_id: str) -> Answer:
    """Record the baseline, or an unplanned visit."""
    course = get_or_404(Treatment, treatment_id)
    records = of_course(db.session(), course)
    FOLLOW_UP.admit(records, by=me(), at=clock.now())
    made = visits(records)
    first = not any(v.is_baseline for v in made)
    form = form_of(visit_form(instruments_of(course)), people=FOLLOW_UP.logs, about={"treatment": course})
    name = BASELINE if first and not plans(records) else "Unscheduled visit"
    treated = any(plan.day > 0 for plan in plans(records))
    form.plan(name=name, fixed=False, asks=treated, baseline=baselines(made))
    return _log(form, course, None)


@bp.route("/planned-visits/<plan_id>/visit", methods=["GET", "POST"])
@allow(FOLLOW_UP.logs)
def visit(plan_id: str) -> Answer:
    """Record a planned visit: made with its scores, missed with its reason, or lost after three contacts."""
    plan = get_or_404(PlannedVisit, plan_id)
    records = of_course(db.session(), plan.treatment)
    FOLLOW_UP.admit(records, by=me(), at=clock.now())
    if plan.visit is not None:
        raise RuleBroken("This visit is already recorded. Correct it with an amendment.")
    form = form_of(visit_form(plan.instruments), people=FOLLOW_UP.logs, about={"treatment": plan.treatment})
    form.plan(name=plan.name, fixed=True, asks=plan.day > 0, baseline=baselines(visits(records)))
    return _log(form, plan.treatment, plan)


def _log(form: Any, course: Treatment, plan: PlannedVisit | None) -> Answer:
    """Take the form of a visit and its scores in one transaction."""
    if form.validate_on_submit():
        with refusals_to(form):
            made = form.log(course, plan, by=me(), at=clock.now())
            db.session.add(made)
            done = f"Visit saved. {READ_AND_SIGN if me().role in FOLLOW_UP.signs else OTHERS_SIGN}"
            if made.new_symptoms and me().role in REPORTERS:
                url = url_for("events.new", treatment_id=course.id, visit=made.id)
                return commit_and_redirect(url, REPORT_IT, "wait")
            return commit_and_redirect(url_for("followup.show", visit_id=made.id), done)
    return form_page(
        form,
        template="followup/visit.html",
        window=_said_first(plan, clock.today(zone())),
        heading=plan.name if plan else "Record a visit",
        lede=f"{course.title} · {_window(plan)}",
        save_label="Save the visit",
        back_url=url_for("followup.index", treatment_id=course.id),
        patient=patient_banner(course),
        after="Scores are compared with the baseline. Leave a score blank if it was not taken.",
    )


def _said_first(plan: PlannedVisit | None, on: date) -> tuple[str, str] | None:
    """Return that the window of a visit has closed, or is not open yet, and what that means; None within it."""
    if plan is None or plan.opens_on <= on <= plan.closes_on:
        return None
    if on > plan.closes_on:
        said = f"This window closed {wording.days((on - plan.closes_on).days)} ago, on {wording.day(plan.closes_on)}."
        return said, "A visit today is marked as outside its window. If it took place earlier, enter that day."
    said = f"This window opens in {wording.days((plan.opens_on - on).days)}, on {wording.day(plan.opens_on)}."
    return said, "A visit before that day is marked as outside its window."


def _window(plan: PlannedVisit | None) -> str:
    if plan is None:
        return "no planned visit"
    return f"window {wording.short_day(plan.opens_on)} to {wording.day(plan.closes_on)}"


@bp.get("/visits/<visit_id>")
@allow(CLINICAL)
def show(visit_id: str) -> str:
    """Show one visit with its scores and their change since baseline."""
    made = get_or_404(FollowUpVisit, visit_id)
    return record_page(
        made,
        PAGES,
        template="followup/show.html",
        rows=scores_table(visits(of_course(db.session(), made.treatment)), only=made),
        back_url=url_for("followup.index", treatment_id=made.treatment_id),
        back_label="Visits",
    )


@bp.route("/planned-visits/<plan_id>/contacts", methods=["GET", "POST"])
@allow(FOLLOW_UP.logs)
def contacts(plan_id: str) -> Answer:
    """Record one try to reach the patient; after three without an answer the patient counts as lost to follow-up."""
    plan = get_or_404(PlannedVisit, plan_id)
    form = form_of(ContactForm, people=FOLLOW_UP.logs, about={"plan_id": plan.id})
    if form.validate_on_submit():
        with refusals_to(form):
            plan.contacts.append(ContactAttempt.log(by=me(), at=clock.now(), plan_id=plan.id, **form.facts()))
            return commit_and_redirect(url_for("followup.contacts", plan_id=plan.id), "Contact saved.")
    return form_page(
        form,
        template="followup/contacts.html",
        heading=f"Contacts about {plan.name}",
        plan=plan,
        save_label="Save the contact",
        lede=f"{plan.treatment.title} · {_window(plan)}",
        back_url=url_for("followup.index", treatment_id=plan.treatment_id),
        patient=patient_banner(plan),
    )
