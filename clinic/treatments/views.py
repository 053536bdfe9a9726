"""Pages of a course: the order, the donor, the stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, redirect, render_template, request, url_for

from clinic import clock, record_pages
from clinic.access import CLINICAL, Role, allow
from clinic.errors import RuleBroken, StepBlocked
from clinic.extensions import db
from clinic.fields import plain
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to, refuse_stale
from clinic.patients.banner import patient_banner
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.protocols.claims import claims
from clinic.protocols.listing import by_field, offered
from clinic.protocols.models import ProtocolVersion
from clinic.record_pages import record_page
from clinic.steps import Blocked
from clinic.treatments.forms import DonorForm, OrderForm, StopForm, donors
from clinic.treatments.models import Stop, Treatment
from clinic.treatments.roles import DECIDES, ORDERS, STOPS

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from clinic.forms import RecordForm
    from clinic.records import Record

bp = Blueprint("treatments", __name__, template_folder="templates")
AFTER_STOP = (
    "No further step of this course can be started. Adverse events and visits can still be recorded. "
    "Its products stay where they are until a decision is recorded."
)


def _order_url(course: Treatment) -> str:
    return url_for("treatments.order", treatment_id=course.id)


def _course_url(course: Treatment) -> str:
    return url_for("pathway.course", treatment_id=course.id)


ORDER_PAGES = record_pages.register_pages(
    Treatment,
    show=_order_url,
    signs=DECIDES,
    amends=ORDERS,
    people=frozenset({Role.PHYSICIAN}),
    patient=patient_banner,
    fixed=frozenset({"chain_of_identity", "performed_by_id"}),
)
STOP_PAGES = record_pages.register_pages(
    Stop,
    signs_what="end of the course",
    show=lambda stop: url_for("treatments.stopped", stop_id=stop.id),
    signs=STOPS,
    amends=STOPS,
    people=STOPS,
    patient=patient_banner,
    fixed=frozenset({"performed_by_id"}),
)


@bp.get("/patients/<patient_id>/treatments/new")
@allow(ORDERS)
def new(patient_id: str) -> Response | str:
    """Choose the protocol version of a new course; ``?version=`` leads to its order at once."""
    patient, wanted = get_or_404(Patient, patient_id), request.args.get("version", "")
    if wanted:
        return redirect(
            url_for("treatments.new_under", patient_id=patient.id, version=get_or_404(ProtocolVersion, wanted).id)
        )
    groups = by_field(offered(db.session()))
    return render_template(
        "treatments/choose.html", groups=groups, patient=patient_banner(patient), patient_id=patient.id
    )


@bp.route("/patients/<patient_id>/treatments/new/<version>", methods=["GET", "POST"])
@allow(ORDERS)
def new_under(patient_id: str, version: str) -> Answer:
    """Order a course within what one protocol version allows."""
    patient, chosen = get_or_404(Patient, patient_id), get_or_404(ProtocolVersion, version)
    chosen.must_be_published()
    form = form_of(OrderForm, people={Role.PHYSICIAN}, about={"patient": patient, "protocol_version": chosen})
    form.plan(patient, chosen.says)
    if form.validate_on_submit():
        with refusals_to(form):
            course = Treatment.log(by=me(), at=clock.now(), patient=patient, protocol_version=chosen, **form.facts())
            course.begin(facility_code=me().site.facility_code)
            db.session.add(course)
            done = "Course ordered. Next: a physician signs the order."
            return commit_and_redirect(_course_url(course), done)
    return form_page(form, template="treatments/new.html", **_ordering(form, patient, chosen))


def _ordering(form: OrderForm, patient: Patient, chosen: ProtocolVersion) -> dict[str, Any]:
    """Return what the page of a new order shows."""
    return {
        "heading": "Order a course",
        "lede": f"{chosen.title} · {chosen.name}",
        "save_label": "Order the course",
        "back_url": url_for("pathway.patient", patient_id=patient.id),
        "version": chosen,
        "claims": claims(chosen.says),
        "bmi": _mass_index(form),
        "patient": patient_banner(patient),
        "other_url": url_for("treatments.new", patient_id=patient.id),
    }


def _mass_index(form: RecordForm) -> tuple[str, str] | None:
    """Return the sum and the body mass index of what was typed; None where a figure is missing."""
    height, weight = form["height_cm"].data, form["weight_kg"].data
    return _sum(Treatment(height_cm=height, weight_kg=weight)) if height and weight else None


def _sum(course: Treatment) -> tuple[str, str] | None:
    index = course.body_mass_index
    if index is None or course.height_cm is None:
        return None
    return f"{plain(course.weight_kg)} kg ÷ ({plain(course.height_cm / 100)} m)²", f"{plain(index)} kg/m²"


@bp.get("/treatments/<treatment_id>/order")
@allow(CLINICAL)
def order(treatment_id: str) -> str:
    """Show the order of a course: what was asked for, under which version, with whose cells."""
    course, role = get_or_404(Treatment, treatment_id), me().role
    runs = course.stop is None
    return record_page(
        course,
        ORDER_PAGES,
        template="treatments/order.html",
        back_url=_course_url(course),
        claims=claims(course.says),
        version=course.protocol_version,
        bmi=_sum(course),
        donor=course.donor,
        needs_donor=course.relation != "autologous",
        may_name=role in ORDERS and runs,
        may_stop=role in STOPS and runs,
        stop=course.stop,
    )


@bp.route("/treatments/<treatment_id>/donor", methods=["GET", "POST"])
@allow(ORDERS)
def donor(treatment_id: str) -> Answer:
    """Name the donor of a course that uses another person's cells."""
    course = get_or_404(Treatment, treatment_id)
    _may_name_donor(course)
    form = form_of(DonorForm, course)
    form.plan(course, donors(db.session()))
    if form.validate_on_submit():
        refuse_stale(course)
        with refusals_to(form, "donor_id"):
            course.name_donor(get_or_404(Donor, form.donor_id.data), by=me(), at=clock.now(), reason=form.why)
            done = "Donor named. The order must be signed again."
            return commit_and_redirect(_course_url(course), done)
    return form_page(form, template="treatments/donor.html", **_naming(form, course))


def _may_name_donor(course: Treatment) -> None:
    if course.relation == "autologous":
        raise RuleBroken("This course uses the patient's own cells: it cannot have another donor.")
    if course.stop is not None:
        raise StepBlocked("Naming the donor", [Blocked(because=f"The course was stopped: {course.stop.reason}.")])


def _naming(form: DonorForm, course: Treatment) -> dict[str, Any]:
    """Return what the page on which a donor is named shows."""
    return {
        "heading": "Name the donor",
        "lede": f"{course.title} · {course.protocol_version.name}",
        "save_label": "Name this donor",
        "back_url": _course_url(course),
        "patient": patient_banner(course),
        "now": course.donor,
        "new_url": url_for("donors.new"),
        "any_donor": bool(form.donor_id.choices),
        "after": "Every later step checks the donor's eligibility: signed, complete, and a recent blood sample.",
    }


@bp.route("/treatments/<treatment_id>/stop", methods=["GET", "POST"])
@allow(STOPS)
def stop(treatment_id: str) -> Answer:
    """Stop a course before its plan, with the reason."""
    course = get_or_404(Treatment, treatment_id)
    if course.stop is not None:
        raise RuleBroken(f"The course is stopped already: {course.stop.reason}")
    form = form_of(StopForm, people=STOPS, about={"treatment_id": course.id})
    if form.validate_on_submit():
        with refusals_to(form):
            db.session.add(Stop.log(by=me(), at=clock.now(), treatment=course, **form.facts()))
            done = "Course stopped. Its records stay visible; no further step can be started."
            return commit_and_redirect(_course_url(course), done, "wait")
    return form_page(
        form,
        heading="Stop the course",
        lede=f"{course.title} · {course.protocol_version.name}",
        save_label="Stop the course",
        save_icon="player-stop",
        back_url=_course_url(course),
        patient=patient_banner(course),
        after=AFTER_STOP,
    )


@bp.get("/stops/<stop_id>")
@allow(CLINICAL)
def stopped(stop_id: str) -> str:
    """Show how a course was stopped."""
    record: Record = get_or_404(Stop, stop_id)
    return record_page(record, STOP_PAGES, lede=record.treatment.title, back_url=_course_url(record.treatment))
