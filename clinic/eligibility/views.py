"""Pages of the decision on eligibility."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template, url_for

from clinic import clock, record_pages
from clinic.access import CLINICAL, allow
from clinic.course_records import of_course
from clinic.eligibility.forms import EligibilityForm
from clinic.eligibility.models import Eligibility
from clinic.eligibility.step import ELIGIBILITY
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.pages import find, form_of, me, saved, zone
from clinic.patients.banner import band
from clinic.record_pages import offer_people, record_page
from clinic.treatments.models import Treatment
from clinic.treatments.roles import DECIDES

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from clinic.patients.banner import Band

bp = Blueprint("eligibility", __name__)


def _band(course: Treatment) -> Band:
    return band(course.patient, zone(), chain_of_identity=course.chain_of_identity)


def _course_url(course: Treatment) -> str:
    return url_for("pathway.course", treatment_id=course.id)


ELIGIBILITY_DESK = record_pages.desk(
    Eligibility,
    show=lambda decision: url_for("eligibility.show", eligibility_id=decision.id),
    signs=DECIDES,
    amends=DECIDES,
    patient=lambda decision: _band(decision.treatment),
    fixed=frozenset({"performed_by_id"}),
)


@bp.get("/treatments/<treatment_id>/eligibility")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """List the decisions on eligibility of a course, the latest first."""
    course = find(Treatment, treatment_id)
    rows = [
        (
            (e.headline(), url_for("eligibility.show", eligibility_id=e.id)),
            e.performed_by.printed_name if e.performed_by else None,
            ("ok", "check", "Signed") if e.signed else ("wait", "hourglass", "Not signed"),
        )
        for e in reversed(of_course(db.session(), course).of(Eligibility))
    ]
    return render_template(
        "records/list.html",
        heading="Eligibility",
        lede=course.title,
        rows=rows,
        patient=_band(course),
        columns=[("Decision", "decision", False), ("By", "by", False), ("State", "state", False)],
        empty_text="Nobody has decided yet whether the patient is eligible.",
        note="The last signed decision counts (rule 23).",
        actions=[
            (_course_url(course), "list-check", "Course"),
            *([(url_for("eligibility.new", treatment_id=course.id), "plus", "Decide")] if me().role in DECIDES else []),
        ],
    )


@bp.route("/treatments/<treatment_id>/eligibility/new", methods=["GET", "POST"])
@allow(ELIGIBILITY.logs)
def new(treatment_id: str) -> Response | str | tuple[str, int]:
    """Write down whether the patient may be treated so."""
    course = find(Treatment, treatment_id)
    ELIGIBILITY.admit(of_course(db.session(), course), by=me(), at=clock.now())
    form = form_of(EligibilityForm)
    offer_people(form, mine=True, roles=DECIDES)
    form.prefill("performed_at", clock.now().replace(second=0, microsecond=0), "filled in: now")
    if form.validate_on_submit():
        try:
            decision = Eligibility.log(by=me(), at=clock.now(), treatment=course, **form.facts())
            db.session.add(decision)
            db.session.flush()
            return saved(
                url_for("eligibility.show", eligibility_id=decision.id),
                "Decision written down. Read it once more and sign.",
            )
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault))
            course = find(Treatment, treatment_id)
    patient, says = course.patient, course.says
    allergy = {"present": patient.allergies or "", "none_known": "No known allergies"}.get(
        patient.allergy_status, "Not asked yet"
    )
    page = render_template(
        "records/form.html",
        heading="Decide on the eligibility",
        lede=f"{course.title} · {course.protocol_version.name}",
        form=form,
        save_label="Save the decision",
        back_url=_course_url(course),
        patient=_band(course),
        before=[
            (patient.allergy_status == "none_known", "Allergies", allergy),
            (True, "The product holds", says.vehicle or "no vehicle is named in the protocol"),
            (bool(course.medication), "Medication on the order", course.medication or "not written down"),
            (bool(course.comorbidities), "Other illnesses on the order", course.comorbidities or "not written down"),
        ],
        after="The decision waits for your signature. With an exclusion nobody can be eligible (rule 23).",
    )
    return (page, 422) if form.error_list else page


@bp.get("/eligibilities/<eligibility_id>")
@allow(CLINICAL)
def show(eligibility_id: str) -> str:
    """Show one decision on eligibility."""
    decision = find(Eligibility, eligibility_id)
    return record_page(
        decision, ELIGIBILITY_DESK, lede=decision.treatment.title, back_url=_course_url(decision.treatment)
    )
