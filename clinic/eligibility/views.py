"""Pages of the decision on eligibility."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template, request, url_for

from clinic import clock, record_pages
from clinic.access import CLINICAL, allow
from clinic.course_records import of_course
from clinic.drafts import VERSION
from clinic.eligibility.forms import EligibilityForm, form_for_course
from clinic.eligibility.models import Eligibility
from clinic.eligibility.step import ELIGIBILITY
from clinic.eligibility.unread import mark, refuse_unread
from clinic.extensions import db
from clinic.notices import notify
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to
from clinic.patients.banner import patient_banner
from clinic.record_pages import record_page
from clinic.treatments.models import Treatment
from clinic.treatments.roles import DECIDES

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords

bp = Blueprint("eligibility", __name__)


def _course_url(course: Treatment) -> str:
    return url_for("pathway.course", treatment_id=course.id)


ELIGIBILITY_PAGES = record_pages.register_pages(
    Eligibility,
    signs_what="decision on eligibility",
    show=lambda decision: url_for("eligibility.show", eligibility_id=decision.id),
    signs=DECIDES,
    amends=DECIDES,
    people=DECIDES,
    patient=patient_banner,
    fixed=frozenset({"performed_by_id", "criteria"}),
)


@bp.get("/treatments/<treatment_id>/eligibility")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """List the decisions on eligibility of a course, the latest first."""
    course = get_or_404(Treatment, treatment_id)
    decisions = of_course(db.session(), course, only={Eligibility}).of(Eligibility)
    decide = (url_for("eligibility.new", treatment_id=course.id), "plus", "Decide")
    return render_template(
        "records/list.html",
        heading="Eligibility",
        lede=course.title,
        rows=[_row(decision) for decision in reversed(decisions)],
        patient=patient_banner(course),
        columns=[("Decision", "decision", False), ("By", "by", False), ("State", "state", False)],
        empty_text="No eligibility decision yet.",
        note="The last signed decision counts (rule 23).",
        actions=[(_course_url(course), "list-check", "Course"), *([decide] if me().role in DECIDES else [])],
    )


def _row(decision: Eligibility) -> tuple[object, ...]:
    return (
        (decision.headline(), url_for("eligibility.show", eligibility_id=decision.id)),
        decision.performed_by.printed_name if decision.performed_by else None,
        ("ok", "check", "Signed") if decision.signed else ("wait", "hourglass", "Not signed"),
    )


@bp.route("/treatments/<treatment_id>/eligibility/new", methods=["GET", "POST"])
@allow(ELIGIBILITY.logs)
def new(treatment_id: str) -> Answer:
    """Record the eligibility decision."""
    course = get_or_404(Treatment, treatment_id)
    records = of_course(db.session(), course)
    ELIGIBILITY.admit(records, by=me(), at=clock.now())
    form = _form(course, records)
    if form.validate_on_submit():
        with refusals_to(form):
            decision = _decide(form, course, records)
            return commit_and_redirect(_url(decision), "Decision saved. Review and sign it.")
    return form_page(
        form,
        heading="Decide on the eligibility",
        lede=f"{course.title} · {course.protocol_version.name}",
        save_label="Save the decision",
        back_url=_course_url(course),
        patient=patient_banner(course),
        before=_known(course) + _stopped(records),
        after="Your signature comes next. A patient with an exclusion cannot be eligible (rule 23).",
    )


def _decide(form: EligibilityForm, course: Treatment, records: CourseRecords) -> Eligibility:
    refuse_unread(records, request.form.get(VERSION))
    decision = Eligibility.log(by=me(), at=clock.now(), treatment=course, **form.facts())
    db.session.add(decision)
    _tell_who_said_no(decision)
    return decision


def _url(decision: Eligibility) -> str:
    return url_for("eligibility.show", eligibility_id=decision.id)


def _tell_who_said_no(decision: Eligibility) -> None:
    before = decision.overturns
    if before is not None and before.performed_by is not None:
        text = f"{decision.recorded_by.printed_name} decided “eligible” after your “not eligible”."
        notify(db.session(), [before.performed_by], by=decision.recorded_by, at=clock.now(), text=text, about=decision)


def _form(course: Treatment, records: CourseRecords) -> EligibilityForm:
    form = form_of(form_for_course(course), people=DECIDES, about={"treatment": course})
    form.plan(course.patient)
    form.record_version = mark(records)
    return form


def _known(course: Treatment) -> list[tuple[bool | str | None, str, str]]:
    """Return what is known about the patient that the decision looks at; only what was asked is ticked."""
    patient = course.patient
    asked: dict[str | None, bool | str | None] = {"present": "warn", "none_known": True}
    allergy: dict[str | None, str] = {
        "present": patient.allergies or "", "none_known": "No known allergies", None: "not recorded",
    }  # fmt: skip
    return [
        (asked.get(patient.allergy_status, False), "Allergies", allergy.get(patient.allergy_status, "Not asked yet")),
        (None, "Components of the product", course.says.vehicle or "no vehicle named in the protocol"),
        (None if course.medication else False, "Medication on the order", course.medication or "not recorded"),
        (
            None if course.comorbidities else False,
            "Other illnesses on the order",
            course.comorbidities or "not recorded",
        ),
    ]


def _stopped(records: CourseRecords) -> list[tuple[bool | str | None, str, str]]:
    """Return the vital signs that stopped the start of cells, which an “eligible” lets be begun with them (rule 57)."""
    found = [one for stopped in Eligibility.stopped_starts for one in stopped(records, clock.now())]
    note = "Cells were not begun with this. “Eligible” lets them be begun with it: see the patient first."
    return [("warn", f"{said}, measured {when}", note) for said, when in found]


@bp.get("/eligibilities/<eligibility_id>")
@allow(CLINICAL)
def show(eligibility_id: str) -> str:
    """Show one decision on eligibility."""
    decision = get_or_404(Eligibility, eligibility_id)
    return record_page(
        decision, ELIGIBILITY_PAGES, lede=decision.treatment.title, back_url=_course_url(decision.treatment)
    )
