"""Pages of a course: the order, the donor, the stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, redirect, render_template, request, url_for

from clinic import clock, record_pages
from clinic.access import CLINICAL, Role, allow
from clinic.accounts.models import Site
from clinic.errors import RuleBroken, StepBlocked
from clinic.extensions import db
from clinic.fields import plain
from clinic.pages import find, form_of, me, saved, unchanged_since_shown, zone
from clinic.patients.banner import band
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.protocols.claims import claims
from clinic.protocols.listing import by_field, offered
from clinic.protocols.models import ProtocolVersion, Stage
from clinic.record_pages import offer_people, record_page
from clinic.steps import Blocked
from clinic.treatments.forms import DonorForm, OrderForm, StopForm, donors
from clinic.treatments.models import Stop, Treatment
from clinic.treatments.roles import DECIDES, ORDERS, STOPS

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from clinic.forms import RecordForm
    from clinic.patients.banner import Band
    from clinic.records import Record

bp = Blueprint("treatments", __name__, template_folder="templates")


def _band(course: Treatment) -> Band:
    return band(course.patient, zone(), chain_of_identity=course.chain_of_identity)


def _order_url(course: Treatment) -> str:
    return url_for("treatments.order", treatment_id=course.id)


def _course_url(course: Treatment) -> str:
    return url_for("pathway.course", treatment_id=course.id)


ORDER_DESK = record_pages.desk(
    Treatment,
    show=_order_url,
    signs=DECIDES,
    amends=ORDERS,
    patient=_band,
    fixed=frozenset({"chain_of_identity", "performed_by_id"}),
)
STOP_DESK = record_pages.desk(
    Stop,
    show=lambda stop: url_for("treatments.stopped", stop_id=stop.id),
    signs=STOPS,
    amends=STOPS,
    patient=lambda stop: _band(stop.treatment),
    fixed=frozenset({"performed_by_id"}),
)


@bp.get("/patients/<patient_id>/treatments/new")
@allow(ORDERS)
def new(patient_id: str) -> Response | str:
    """Choose the protocol version of a new course; ``?version=`` leads to its order at once."""
    patient, wanted = find(Patient, patient_id), request.args.get("version", "")
    if wanted:
        return redirect(
            url_for("treatments.new_under", patient_id=patient.id, version=find(ProtocolVersion, wanted).id)
        )
    groups = by_field(offered(db.session()))
    return render_template(
        "treatments/choose.html", groups=groups, patient=band(patient, zone()), patient_id=patient.id
    )


@bp.route("/patients/<patient_id>/treatments/new/<version>", methods=["GET", "POST"])
@allow(ORDERS)
def new_under(patient_id: str, version: str) -> Response | str | tuple[str, int]:
    """Order a course within what one protocol version allows."""
    patient, wanted = find(Patient, patient_id), version
    chosen = find(ProtocolVersion, wanted)
    if chosen.stage is not Stage.PUBLISHED:
        raise RuleBroken(f"{chosen.name} is not published: no course may begin under it.")
    form = form_of(OrderForm)
    offer_people(form, mine=me().role is Role.PHYSICIAN, roles=frozenset({Role.PHYSICIAN}))
    form.plan(patient, chosen.says)
    if form.validate_on_submit():
        try:
            course = Treatment.log(by=me(), at=clock.now(), patient=patient, protocol_version=chosen, **form.facts())
            site = db.session.get_one(Site, me().site_id)
            course.begin(facility_code=site.facility_code)
            db.session.add(course)
            db.session.flush()
            return saved(_course_url(course), "Course ordered. A physician signs the order; then comes the consent.")
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault))
            patient, chosen = find(Patient, patient_id), find(ProtocolVersion, wanted)
    page = render_template(
        "treatments/new.html",
        heading="Order a course",
        lede=f"{chosen.title} · {chosen.name}",
        form=form,
        save_label="Order the course",
        back_url=url_for("pathway.patient", patient_id=patient.id),
        version=chosen,
        claims=claims(chosen.says),
        bmi=_mass_index(form),
        patient=band(patient, zone()),
        other_url=url_for("treatments.new", patient_id=patient.id),
    )
    return (page, 422) if form.error_list else page


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
    course = find(Treatment, treatment_id)
    role = me().role
    return record_page(
        course,
        ORDER_DESK,
        template="treatments/order.html",
        back_url=_course_url(course),
        claims=claims(course.says),
        version=course.protocol_version,
        bmi=_sum(course),
        donor=course.donor,
        needs_donor=course.relation != "autologous",
        may_name=role in ORDERS and course.stop is None,
        may_stop=role in STOPS and course.stop is None,
        stop=course.stop,
    )


@bp.route("/treatments/<treatment_id>/donor", methods=["GET", "POST"])
@allow(ORDERS)
def donor(treatment_id: str) -> Response | str | tuple[str, int]:
    """Name the donor of a course that uses somebody else's cells."""
    course = find(Treatment, treatment_id)
    if course.relation == "autologous":
        raise RuleBroken("This course uses the patient's own cells: it has no other donor.")
    if course.stop is not None:
        raise StepBlocked("Naming the donor", [Blocked(because=f"The course was stopped: {course.stop.reason}.")])
    form = form_of(DonorForm, course)
    form.offer("donor_id", donors(db.session()))
    if course.donor_id is None:
        del form.reason
    if form.validate_on_submit():
        unchanged_since_shown(course)
        chosen, said = find(Donor, form.donor_id.data), form.facts()
        try:
            course.name_donor(chosen, by=me(), at=clock.now(), reason=said.get("reason") or "")
            return saved(_course_url(course), "Donor named. The order is signed again, now with the donor.")
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault), form.donor_id.anchor)
            course = find(Treatment, treatment_id)
    page = render_template(
        "treatments/donor.html",
        heading="Name the donor",
        lede=f"{course.title} · {course.protocol_version.name}",
        form=form,
        save_label="Name this donor",
        back_url=_course_url(course),
        patient=_band(course),
        now=course.donor,
        new_url=url_for("donors.new"),
        any_donor=bool(form.donor_id.pairs),
        after="The donor's eligibility is asked at every later step: signed, complete, the blood sample fresh.",
    )
    return (page, 422) if form.error_list else page


@bp.route("/treatments/<treatment_id>/stop", methods=["GET", "POST"])
@allow(STOPS)
def stop(treatment_id: str) -> Response | str | tuple[str, int]:
    """Stop a course before its plan, with the reason."""
    course = find(Treatment, treatment_id)
    if course.stop is not None:
        raise RuleBroken(f"The course is stopped already: {course.stop.reason}")
    form = form_of(StopForm)
    offer_people(form, mine=True, roles=STOPS)
    form.prefill("performed_at", clock.now().replace(second=0, microsecond=0), "filled in: now")
    if form.validate_on_submit():
        try:
            stopped = Stop.log(by=me(), at=clock.now(), treatment=course, **form.facts())
            db.session.add(stopped)
            return saved(
                _course_url(course), "Course stopped. What was done stays readable; nothing more is begun.", "wait"
            )
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault))
            course = find(Treatment, treatment_id)
    page = render_template(
        "records/form.html",
        heading="Stop the course",
        lede=f"{course.title} · {course.protocol_version.name}",
        form=form,
        save_label="Stop the course",
        save_icon="player-stop",
        back_url=_course_url(course),
        patient=_band(course),
        after="No step of this course can be begun any more. Adverse events and visits can still be written down. "
        "Its products stay where they are, until somebody decides.",
    )
    return (page, 422) if form.error_list else page


@bp.get("/stops/<stop_id>")
@allow(CLINICAL)
def stopped(stop_id: str) -> str:
    """Show how a course was stopped."""
    record: Record = find(Stop, stop_id)
    return record_page(record, STOP_DESK, lede=record.treatment.title, back_url=_course_url(record.treatment))
