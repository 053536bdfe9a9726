"""Pages of the visits: the schedule with its windows, a visit with its scores, contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template, url_for

from clinic import clock, record_pages, wording
from clinic.access import CLINICAL, allow
from clinic.course_records import of_course
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.followup.charts import charts, scores_table
from clinic.followup.forms import ContactForm, instruments_of, visit_form
from clinic.followup.models import BASELINE, ContactAttempt, FollowUpVisit, OutcomeScore, PlannedVisit
from clinic.followup.step import FOLLOW_UP, events, plans, visits
from clinic.pages import find, form_of, me, saved, zone
from clinic.patients.banner import band
from clinic.record_pages import offer_people, record_page
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from clinic.patients.banner import Band

bp = Blueprint("followup", __name__, template_folder="templates")
STANDINGS = {
    "done": ("ok", "check", "Done"),
    "missed": ("rest", "user-x", "Missed"),
    "overdue": ("danger", "alarm", "Overdue"),
    "open": ("wait", "hourglass", "Open"),
    "planned": ("plan", "calendar", "Planned"),
}


def _band(course: Treatment) -> Band:
    return band(course.patient, zone(), chain_of_identity=course.chain_of_identity)


def _course(id_: str) -> Treatment:
    return find(Treatment, id_)


def _score_url(score: OutcomeScore) -> str:
    return (
        url_for("followup.show", visit_id=score.visit_id)
        if score.visit_id
        else url_for("followup.index", treatment_id=score.treatment_id)
    )


DESK = record_pages.desk(
    FollowUpVisit,
    show=lambda visit: url_for("followup.show", visit_id=visit.id),
    signs=FOLLOW_UP.signs,
    amends=FOLLOW_UP.logs,
    patient=lambda visit: _band(visit.treatment),
    fixed=frozenset({"name"}),
)
record_pages.desk(
    OutcomeScore,
    show=_score_url,
    signs=FOLLOW_UP.signs,
    amends=FOLLOW_UP.logs,
    patient=lambda score: _band(_course(score.treatment_id)),
    fixed=frozenset({"instrument"}),
)
record_pages.desk(
    ContactAttempt,
    show=lambda contact: url_for("followup.contacts", plan_id=contact.plan_id),
    amends=FOLLOW_UP.logs,
    patient=lambda contact: _band(contact.plan.treatment),
)


@bp.get("/treatments/<treatment_id>/visits")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """Show the schedule with windows and standings, the scores with their change, and the course of each."""
    course, on = _course(treatment_id), clock.today(zone())
    records = of_course(db.session(), course)
    planned, made = plans(records), visits(records)
    rows = [(plan, STANDINGS[plan.standing(on)], plan.standing(on) in {"open", "overdue"}) for plan in planned]
    return render_template(
        "followup/index.html",
        course=course,
        plans=rows,
        unplanned=[v for v in made if v.plan_id is None],
        table=scores_table(made),
        charts=charts(course, planned, made),
        events=events(records),
        on=on,
        may_log=me().role in FOLLOW_UP.logs,
        has_baseline=any(v.is_baseline for v in made),
        patient=_band(course),
    )


@bp.route("/treatments/<treatment_id>/visits/new", methods=["GET", "POST"])
@allow(FOLLOW_UP.logs)
def new(treatment_id: str) -> Response | str | tuple[str, int]:
    """Write down the baseline, or a visit that nobody planned."""
    course = _course(treatment_id)
    records = of_course(db.session(), course)
    FOLLOW_UP.admit(records, by=me(), at=clock.now())
    first = not any(v.is_baseline for v in visits(records))
    form = form_of(visit_form(instruments_of(course)))
    form.plan(name=BASELINE if first and not plans(records) else "Unscheduled visit", fixed=False)
    return _log(form, course, None)


@bp.route("/planned-visits/<plan_id>/visit", methods=["GET", "POST"])
@allow(FOLLOW_UP.logs)
def visit(plan_id: str) -> Response | str | tuple[str, int]:
    """Write down a planned visit: made with its scores, missed with its reason, or lost after three contacts."""
    plan = find(PlannedVisit, plan_id)
    FOLLOW_UP.admit(plan.treatment, by=me(), at=clock.now())
    if plan.visit is not None:
        raise RuleBroken("This visit is written down already. Correct it with a reason, by an amendment.")
    form = form_of(visit_form(plan.instruments))
    form.plan(name=plan.name, fixed=True)
    return _log(form, plan.treatment, plan)


def _log(form: Any, course: Treatment, plan: PlannedVisit | None) -> Response | str | tuple[str, int]:
    """Take the form of a visit and its scores in one transaction."""
    offer_people(form, mine=True, roles=FOLLOW_UP.logs)
    course_id, plan_id = course.id, plan.id if plan else None
    if form.validate_on_submit():
        try:
            made = FollowUpVisit.log(
                by=me(),
                at=clock.now(),
                treatment=course,
                plan=plan,
                **({"name": plan.name} if plan else {}),
                **form.facts(),
            )
            db.session.add(made)
            for key, (value, unseen) in form.scores.items():
                made.score(key, by=me(), at=clock.now(), value=value, did_not_occur=unseen)
            made.refuse_scores()
            mine = me().role in FOLLOW_UP.signs
            signs = "Read it once more and sign." if mine else "A nurse or a physician reads and signs it."
            return saved(url_for("followup.show", visit_id=made.id), f"Visit written down. {signs}")
        except RuleBroken as fault:
            db.session.rollback()
            form.take(fault)
            course, plan = _course(course_id), find(PlannedVisit, plan_id) if plan_id else None
    window = (
        f"window {wording.short_day(plan.opens_on)} to {wording.day(plan.closes_on)}" if plan else "no planned visit"
    )
    page = render_template(
        "records/form.html",
        heading=plan.name if plan else "Write down a visit",
        lede=f"{course.title} · {window}",
        form=form,
        save_label="Save the visit",
        back_url=url_for("followup.index", treatment_id=course.id),
        patient=_band(course),
        after="Scores are compared with the baseline. Leave a box empty if the score was not taken.",
    )
    return (page, 422) if form.error_list else page


@bp.get("/visits/<visit_id>")
@allow(CLINICAL)
def show(visit_id: str) -> str:
    """Show one visit with its scores and their change since baseline."""
    made = find(FollowUpVisit, visit_id)
    return record_page(
        made,
        DESK,
        template="followup/show.html",
        rows=scores_table(visits(of_course(db.session(), made.treatment)), only=made),
        back_url=url_for("followup.index", treatment_id=made.treatment_id),
        back_label="Visits",
    )


@bp.route("/planned-visits/<plan_id>/contacts", methods=["GET", "POST"])
@allow(FOLLOW_UP.logs)
def contacts(plan_id: str) -> Response | str | tuple[str, int]:
    """Write down one try to reach the patient; after three without an answer the patient may be called lost."""
    plan = find(PlannedVisit, plan_id)
    form = form_of(ContactForm)
    offer_people(form, mine=True, roles=FOLLOW_UP.logs)
    form.prefill("performed_at", clock.now().replace(second=0, microsecond=0), "filled in: now")
    if form.validate_on_submit():
        try:
            plan.contacts.append(ContactAttempt.log(by=me(), at=clock.now(), plan_id=plan.id, **form.facts()))
            return saved(url_for("followup.contacts", plan_id=plan.id), "Contact written down.")
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault))
            plan = find(PlannedVisit, plan_id)
    page = render_template(
        "followup/contacts.html",
        heading=f"Contacts about {plan.name}",
        form=form,
        plan=plan,
        save_label="Save the contact",
        lede=f"{plan.treatment.title} · window {wording.short_day(plan.opens_on)} to {wording.day(plan.closes_on)}",
        back_url=url_for("followup.index", treatment_id=plan.treatment_id),
        patient=_band(plan.treatment),
    )
    return (page, 422) if form.error_list else page
