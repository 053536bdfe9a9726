"""Pages of the bedside check, the administration and the vital signs around it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from clinic import clock, record_pages
from clinic.access import CLINICAL, allow
from clinic.accounts.models import User
from clinic.accounts.security import recheck
from clinic.administration import bedside as acts
from clinic.administration.bedside_page import big_three, pairs, rested_on, times
from clinic.administration.display import check_rows, given_rows
from clinic.administration.forms import WORKED_OUT, AdministrationForm, BedsideForm, FinishForm, VitalSignsForm
from clinic.administration.models import Administration, BedsideCheck, VitalSigns
from clinic.administration.monitoring import monitoring
from clinic.administration.step import ADMINISTRATION, waiting_products
from clinic.course_records import of_course
from clinic.extensions import db
from clinic.pages import (
    Answer,
    commit_and_redirect,
    form_of,
    form_page,
    get_or_404,
    me,
    refusals_to,
    refuse_stale,
    staff_choices,
    zone,
)
from clinic.patients.banner import patient_banner
from clinic.record_display import address, reasons
from clinic.record_pages import record_page
from clinic.records import Meaning
from clinic.release.doses import doses
from clinic.release.results import QCResult
from clinic.treatments.models import Treatment

bp = Blueprint("administration", __name__, template_folder="templates")
BEGUN = "Start recorded. Take the next vital signs at 15 minutes."
ON_BEGIN = "All checks run again. The start is then recorded and the protocol's follow-up visits are planned."


def _url(administration: Administration) -> str:
    return url_for("administration.show", administration_id=administration.id)


def _vitals_url(signs: VitalSigns) -> str:
    if signs.administration_id:
        return url_for("administration.show", administration_id=signs.administration_id)
    return (
        url_for("administration.check", check_id=signs.check_id)
        if signs.check_id
        else url_for("administration.index", treatment_id=signs.treatment_id)
    )


PAGES = record_pages.register_pages(
    Administration,
    show=_url,
    signs=ADMINISTRATION.signs,
    amends=ADMINISTRATION.logs,
    patient=patient_banner,
    means=lambda record, user: Meaning.VERIFICATION if user.id == record.verified_by_id else Meaning.AUTHORSHIP,
    fixed=frozenset(WORKED_OUT | {"performed_by_id"}),
    parts=lambda given: given.vital_signs,
)
record_pages.register_pages(
    BedsideCheck,
    show=lambda check: url_for("administration.check", check_id=check.id),
    patient=patient_banner,
)
record_pages.register_pages(
    VitalSigns,
    show=_vitals_url,
    signs=ADMINISTRATION.signs,
    amends=ADMINISTRATION.logs,
    patient=patient_banner,
)


@bp.get("/treatments/<treatment_id>/administrations")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """List what was given in a course, and every reading of wristband and bag."""
    course = get_or_404(Treatment, treatment_id)
    check_url = url_for("administration.bedside", treatment_id=course.id)
    return render_template(
        "records/list.html",
        heading="Administrations",
        lede=course.title,
        rows=[*given_rows(db.session(), course, zone()), *check_rows(db.session(), course, zone())],
        empty_text="No administration in this course yet.",
        columns=[("What", "what", False), ("When", "when", False), ("By", "by", False), ("State", "state", False)],
        actions=[(check_url, "scan", "Bedside check")] if me().role in ADMINISTRATION.logs else [],
        patient=patient_banner(course),
    )


@bp.route("/treatments/<treatment_id>/bedside", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def bedside(treatment_id: str) -> Answer:
    """Read wristband and bag by two people; the reading is kept whether it is clear or not."""
    course = get_or_404(Treatment, treatment_id)
    form = form_of(BedsideForm)
    form.can_draft = False
    form.offer("second_person_id", [pair for pair in staff_choices(ADMINISTRATION.logs) if pair[0] != me().id])
    if form.validate_on_submit():
        with refusals_to(form, "password"):
            second = get_or_404(User, form["second_person_id"].data)
            recheck(second, form.password.data or "")
            check = acts.read(db.session(), course, by=me(), at=clock.now(), second=second, **form.reading)
            return commit_and_redirect(url_for("administration.check", check_id=check.id))
    return form_page(form, template="administration/bedside.html", **_bedside(course))


def _bedside(course: Treatment) -> dict[str, Any]:
    """Return what the page of the bedside check shows."""
    records, at = of_course(db.session(), course), clock.now()
    return {
        "course": course,
        "patient": patient_banner(course),
        "products": waiting_products(records, at),
        "closed": reasons(ADMINISTRATION.reasons(records, at)),
    }


@bp.get("/bedside-checks/<check_id>")
@allow(CLINICAL)
def check(check_id: str) -> str:
    """Show one reading: go, or stop with every fault in order of danger."""
    found, at = get_or_404(BedsideCheck, check_id), clock.now()
    readers = {found.performed_by_id, found.second_person_id}
    return render_template(
        "administration/check.html",
        check=found,
        problems=[fault | {"url": address(*fault["fix"]) if fault["fix"] else None} for fault in found.reasons],
        unusable=found.unusable(at) if found.clear else "",
        pairs=pairs(db.session(), found),
        big=big_three(found, at) if found.product else [],
        patient=patient_banner(found),
        may_begin=me().id in readers and me().role in ADMINISTRATION.logs,
    )


@bp.route("/treatments/<treatment_id>/administrations/new", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def new(treatment_id: str) -> Answer:
    """Begin an administration on a clear bedside check; the gate is asked again when it is saved."""
    course = get_or_404(Treatment, treatment_id)
    checked = get_or_404(BedsideCheck, request.args.get("check", ""))
    acts.must_be_usable(checked, course, clock.now())
    ADMINISTRATION.admit(of_course(db.session(), course), by=me(), at=clock.now())
    form = form_of(AdministrationForm)
    form.can_draft = False
    form.plan(course, checked)
    if form.validate_on_submit():
        with refusals_to(form):
            given = acts.give(db.session(), checked, by=me(), at=clock.now(), **form.facts())
            return commit_and_redirect(_url(given), BEGUN)
    return form_page(form, template="administration/new.html", **_beginning(course, checked))


def _beginning(course: Treatment, checked: BedsideCheck) -> dict[str, Any]:
    """Return what the page on which an administration is begun shows."""
    return {
        "heading": "Give the cells",
        "save_label": "Begin",
        "save_icon": "vaccine",
        "check": checked,
        "lede": f"{course.title} · {course.protocol_version.name} · checked by two people",
        "big": big_three(checked, clock.now()),
        "back_url": url_for("administration.check", check_id=checked.id),
        "before": [(line["ok"] and not line["warning"], line["check"], line["left"]) for line in checked.evidence],
        "after": ON_BEGIN,
        "patient": patient_banner(course),
    }


@bp.get("/administrations/<administration_id>")
@allow(CLINICAL)
def show(administration_id: str) -> str:
    """Show one administration: its times from thaw to end, its dose and working, the vital signs."""
    given = get_or_404(Administration, administration_id)
    records = of_course(db.session(), given.treatment)
    return record_page(
        given,
        PAGES,
        template="administration/show.html",
        times=times(given),
        doses=doses(given.product, records.on(given.product, QCResult)),
        monitoring=monitoring(given, clock.now()),
        rested_on=rested_on(records, given),
        unfinished=_running(given),
        back_url=url_for("pathway.course", treatment_id=given.treatment_id),
        **_acts_on(given, me()),
    )


def _running(given: Administration) -> bool:
    return given.origin == "clinic" and given.ended_at is None


def _acts_on(given: Administration, user: User) -> dict[str, Any]:
    """Return the addresses of what this person may do with an administration now; None where it is not to be done."""
    may, running = user.role in ADMINISTRATION.logs, _running(given)
    signed = any(signature.signed_by_id == user.id for signature in given.present_signatures)
    verifies = given.verified_by_id == user.id and given.ended_at is not None and given.signed and not signed
    return {
        "running": running,
        "finish_url": url_for("administration.finish", administration_id=given.id) if may and running else None,
        "vitals_url": url_for("administration.vital_signs", administration_id=given.id) if may else None,
        "verify_url": url_for("record_pages.signature", record_id=given.id) if verifies else None,
        "event_url": url_for("events.new", treatment_id=given.treatment_id) if may else None,
    }


@bp.route("/administrations/<administration_id>/end", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def finish(administration_id: str) -> Answer:
    """Record the end and the volumes given, wasted and returned."""
    given = get_or_404(Administration, administration_id)
    form = form_of(FinishForm, given)
    form.plan(given)
    if form.validate_on_submit():
        refuse_stale(given)
        with refusals_to(form):
            weight = given.treatment.weight_at(given.performed_at or clock.now())
            given.finish(at=clock.now(), weight=weight, **form.facts())
            return commit_and_redirect(_url(given), "End saved. Read the record once more and sign.")
    return form_page(
        form,
        heading="Record the end of the infusion",
        lede=given.headline(),
        save_label="Save the end",
        back_url=_url(given),
        patient=patient_banner(given),
        after="Given, wasted and returned must add up to the volume issued. The dose comes from the volume given.",
    )


@bp.route("/administrations/<administration_id>/vital-signs", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def vital_signs(administration_id: str) -> Answer:
    """Add one set of vital signs to an administration."""
    given = get_or_404(Administration, administration_id)
    course = {"treatment_id": given.treatment_id}
    form = form_of(VitalSignsForm, people=ADMINISTRATION.logs, about=course)
    if form.validate_on_submit():
        with refusals_to(form):
            given.vital_signs.append(VitalSigns.log(by=me(), at=clock.now(), **course, **form.facts()))
            return commit_and_redirect(_url(given), "Vital signs saved.")
    return form_page(
        form,
        heading="Vital signs",
        lede=given.headline(),
        save_label="Save",
        back_url=_url(given),
        patient=patient_banner(given),
        after="Measure before the start, at 15 minutes, at the end and one hour after the end.",
    )
