"""Pages of the bedside check, the administration and the vital signs around it."""

from __future__ import annotations

from itertools import chain
from typing import Any

from flask import Blueprint, render_template, request, url_for

from clinic import clock, record_pages
from clinic.access import CLINICAL, allow
from clinic.administration import bedside as acts
from clinic.administration.bedside_page import gate_page, left_after_thaw, rested_on, times
from clinic.administration.display import check_rows, given_rows, what_was_given
from clinic.administration.events import unsigned
from clinic.administration.forms import (
    SCANS,
    VITALS_RULE,
    WORKED_OUT,
    AdministrationForm,
    BedsideForm,
    FinishForm,
    ScanForm,
    VitalSignsForm,
)
from clinic.administration.known_before import each_once, known_against
from clinic.administration.models import Administration, BedsideCheck
from clinic.administration.monitoring import due_vital_signs, monitoring
from clinic.administration.route_words import act, first_actions, has_rate
from clinic.administration.running import disagreements, running, whole_dose
from clinic.administration.second_person import two_people
from clinic.administration.step import ADMINISTRATION, stop_because, waiting_products
from clinic.administration.vital_signs import VitalSigns
from clinic.administration.voiding import is_copy
from clinic.course_records import CourseRecords, of_course
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.fields import plain
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
from clinic.record_display import reasons
from clinic.record_pages import record_page
from clinic.records import Meaning
from clinic.release.carried import judged_results
from clinic.release.doses import doses
from clinic.step_pages import step_list
from clinic.treatments.models import Treatment

bp = Blueprint("administration", __name__, template_folder="templates")
BEGUN = "Start recorded. Take the next vital signs at 15 minutes."


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


def _to_sign(given: Administration, user: Any) -> list[Any]:
    """Return what happened and is signed with the administration; its second person reads it and signs it not again."""
    return [] if user.id == given.verified_by_id else unsigned(given)


PAGES = record_pages.register_pages(
    Administration,
    show=_url,
    signs=ADMINISTRATION.signs,
    amends=ADMINISTRATION.logs,
    patient=patient_banner,
    means=lambda record, user: Meaning.VERIFICATION if user.id == record.verified_by_id else Meaning.AUTHORSHIP,
    fixed=frozenset(WORKED_OUT | {"performed_by_id"}) - {"outcome"},
    showing=lambda given: {"before": what_was_given(given)},
    parts=lambda given: [*given.vital_signs, *(one for one in given.events if one not in _to_sign(given, me()))],
    together=_to_sign,
    ticked=True,
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
    people=ADMINISTRATION.logs,
    patient=patient_banner,
)


@bp.get("/treatments/<treatment_id>/administrations")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """List what was given in a course, and every reading of wristband and bag."""
    course = get_or_404(Treatment, treatment_id)
    return step_list(
        ADMINISTRATION, course, heading="Administrations", begin=("scan", "Bedside check"),
        rows=[*given_rows(db.session(), course, zone()), *check_rows(db.session(), course, zone())],
        empty_text="No administration in this course yet.",
        columns=[("What", "what", False), ("When", "when", False), ("By", "by", False), ("State", "state", False)],
    )  # fmt: skip


@bp.route("/treatments/<treatment_id>/bedside", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def bedside(treatment_id: str) -> Answer:
    """Read wristband and bag, then all the rest by two people; the reading is kept whether it is clear or not."""
    course = get_or_404(Treatment, treatment_id)
    form = form_of(BedsideForm, about=_signs_of(course)) if "password" in request.form else form_of(ScanForm)
    form.can_draft = False
    _offer_second(form)
    if form.validate_on_submit():
        with refusals_to(form, "password"):
            return _scanned(form, course) if isinstance(form, ScanForm) else _read_by_two(form, course)
    return form_page(form, template="administration/bedside.html", **_bedside(course))


def _signs_of(course: Treatment) -> dict[str, Any]:
    """Return whose vital signs they are and when they are measured, so that all that is unusual is asked at once."""
    return {"treatment_id": course.id, "performed_by": me(), "performed_at": clock.now()}


def _offer_second(form: Any) -> None:
    if "second_person_id" in form:
        form.offer("second_person_id", [pair for pair in staff_choices(ADMINISTRATION.logs) if pair[0] != me().id])


def _scanned(form: ScanForm, course: Treatment) -> Answer:
    """Refuse another patient's band or bag at once, and what is known to stop these cells; else ask for the rest."""
    scans = {name: form[name].data for name in SCANS}
    refuse_unreadable(scans)
    wrong = acts.wrong_pair(db.session(), course, **scans)
    refuse = acts.refuse_pair if wrong else acts.refuse_known
    check = refuse(db.session(), course, by=me(), at=clock.now(), **scans)
    if check is not None:
        return commit_and_redirect(url_for("administration.check", check_id=check.id))
    rest = form_of(BedsideForm, formdata=None, data=scans)
    rest.can_draft = False
    whole = acts.in_bag(db.session(), scans["product_scan"])
    rest.prefill("volume", whole, "prefilled: whole container")
    if whole is not None:
        rest.volume.hint = f"Leave blank for the whole {plain(whole)} mL"
    rest.start_at_the_vital_signs()
    _offer_second(rest)
    return render_template("administration/bedside.html", form=rest, **_bedside(course))


def refuse_unreadable(scans: dict[str, str]) -> None:
    """Refuse at its box a code that says nothing."""
    faults = acts.unreadable(db.session(), scans["patient_scan"], scans["product_scan"])
    if faults:
        raise RuleBroken(*faults)


def _read_by_two(form: BedsideForm, course: Treatment) -> Answer:
    """Take both passwords, then judge everything."""
    refuse_unreadable({name: form[name].data for name in SCANS})
    second = two_people(form)
    check = acts.read(db.session(), course, by=me(), at=clock.now(), second=second, **form.reading)
    if form.vitals is None and [one["rule"] for one in check.reasons] == [VITALS_RULE]:
        raise RuleBroken(*form.to_measure)  # cells and people are right: nothing was refused, and no near miss is kept
    return commit_and_redirect(url_for("administration.check", check_id=check.id))


def _bedside(course: Treatment) -> dict[str, Any]:
    """Return what the page of the bedside check shows."""
    records, at = of_course(db.session(), course), clock.now()
    products = waiting_products(records, at)
    against = {product.id: known_against(records, product, at) for product in products}
    closed = each_once([*ADMINISTRATION.reasons(records, at), *chain.from_iterable(against.values())])
    return {
        "course": course,
        "patient": patient_banner(course),
        "products": products,
        "clocks": left_after_thaw(products, at),
        "against": against,
        "closed": reasons(closed),
    }


@bp.get("/bedside-checks/<check_id>")
@allow(CLINICAL)
def check(check_id: str) -> Answer:
    """Show one reading: go, or stop with every fault in order of danger."""
    found = get_or_404(BedsideCheck, check_id)
    return _gate(found, _beginning(found) if _may_begin(found) else None)


def _may_begin(found: BedsideCheck) -> bool:
    readers = {found.performed_by_id, found.second_person_id}
    usable = found.clear and not found.unusable(clock.now())
    return usable and me().id in readers and me().role in ADMINISTRATION.logs


def _beginning(found: BedsideCheck, verdict: Any = None) -> AdministrationForm:
    """Return the form of the start on a check, as the gate judges now.

    Where it refuses now, no reason is asked for: only a new scan helps.
    """
    form = form_of(AdministrationForm)
    form.can_draft = False
    verdict = verdict or acts.now(db.session(), found, clock.now())
    form.plan(found.treatment, found, verdict.warnings if verdict.clear else [])
    return form


def _gate(found: BedsideCheck, form: AdministrationForm | None) -> Answer:
    """Return the page of a reading: what was found then, and for a clear one that is not used what is found now."""
    return form_page(
        form or form_of(ScanForm),
        template="administration/check.html",
        begins=form is not None,
        may_scan=me().role in ADMINISTRATION.logs,
        **gate_page(db.session(), found, clock.now(), me().site),
    )


@bp.route("/treatments/<treatment_id>/administrations/new", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def new(treatment_id: str) -> Answer:
    """Begin an administration on a clear bedside check; the gate is asked again when it is saved."""
    course = get_or_404(Treatment, treatment_id)
    checked = get_or_404(BedsideCheck, request.args.get("check", ""))
    acts.must_be_usable(checked, course, clock.now())
    ADMINISTRATION.admit(of_course(db.session(), course), by=me(), at=clock.now())
    form = _beginning(checked)
    if form.validate_on_submit():
        with refusals_to(form):
            facts = form.started(course, checked)
            given = acts.give(db.session(), checked, by=me(), at=clock.now(), **facts)
            return commit_and_redirect(_url(given), BEGUN)
    return _gate(checked, form)


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
        doses=doses(given.product, judged_results(records, given.product)),
        monitoring=monitoring(given, clock.now()),
        rested_on=rested_on(records, given),
        disagreements=disagreements(given),
        whole_dose=whole_dose(records, given),
        back_url=url_for("pathway.course", treatment_id=given.treatment_id),
        **_running(records, given),
        **_vital_signs_first(given),
        **_acts_on(given, me()),
    )


def _running(records: CourseRecords, given: Administration) -> dict[str, Any]:
    """Return what the page shows while the cells are being given, and why they are to be stopped."""
    at = clock.now()
    return {"run": running(given, at), "unfinished": given.running, "stop": stop_because(records, given, at)}


def _vital_signs_first(given: Administration) -> dict[str, Any]:
    """Return, as the course and Today do, the vital signs that are due as the next act; the signature then follows.

    A correction that waits for this person comes before them.
    """
    due = [] if given.running or given.voided else due_vital_signs(given, clock.now())
    if not due or me().role not in ADMINISTRATION.logs or record_pages.confirms(given, me()):
        return {}
    then = "" if given.signed else " Sign the record afterwards."
    url = url_for("administration.vital_signs", administration_id=given.id)
    act_now = {"tag": "Your next action", "title": due[0].title, "text": f"{due[0].why}{then}"}
    return {"next": act_now | {"url": url, "icon": "heartbeat", "label": due[0].title}, "may_sign": True}


def _acts_on(given: Administration, user: Any) -> dict[str, Any]:
    """Return the addresses of what this person may do with an administration now; None where it is not to be done.

    With them the words of its route.
    """
    may, running = user.role in ADMINISTRATION.logs, given.running
    signed = any(signature.signed_by_id == user.id for signature in given.present_signatures)
    verifies = given.verified_by_id == user.id and given.ended_at is not None and given.signed and not signed
    return {
        "running": running,
        "finish_url": url_for("administration.finish", administration_id=given.id) if may and running else None,
        "vitals_url": url_for("administration.vital_signs", administration_id=given.id) if may else None,
        "verify_url": url_for("record_pages.signature", record_id=given.id) if verifies else None,
        "event_url": url_for("events.new", treatment_id=given.treatment_id, administration=given.id) if may else None,
        "void_url": url_for("giving.void", administration_id=given.id) if may and is_copy(given) else None,
        "may": may,
        "sign_event": unsigned(given)[0].id if _signs_events(given, user) else None,
        "first_actions": first_actions(given.route),
        "act": act(given.route),
        "has_rate": has_rate(given.route),
    }


def _signs_events(given: Administration, user: Any) -> bool:
    """Whether a person is asked to sign what happened; with an unsigned administration it is signed together."""
    return user.role in ADMINISTRATION.signs and (given.signed or given.voided) and bool(unsigned(given))


@bp.route("/administrations/<administration_id>/end", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def finish(administration_id: str) -> Answer:
    """Record the end and the volumes given, wasted and returned."""
    given = get_or_404(Administration, administration_id)
    stop = stop_because(of_course(db.session(), given.treatment), given, clock.now())
    form = form_of(FinishForm, given)
    form.plan(given, whole=not stop)
    if form.validate_on_submit():
        refuse_stale(given)
        with refusals_to(form):
            weight = given.treatment.patient.weight_at(given.performed_at or clock.now())
            given.finish(by=me(), at=clock.now(), weight=weight, **form.facts())
            return commit_and_redirect(_url(given), "End saved. Take the vital signs, then sign.")
    return form_page(form, **_end_page(given))


def _end_page(given: Administration) -> dict[str, Any]:
    return {
        "heading": f"Record the end of the {act(given.route)}",
        "lede": given.headline(),
        "save_label": "Save the end",
        "back_url": _url(given),
        "patient": patient_banner(given),
        "after": "Given, wasted and returned must add up to the volume issued. The dose comes from the volume given.",
    }


@bp.route("/administrations/<administration_id>/vital-signs", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def vital_signs(administration_id: str) -> Answer:
    """Add one set of vital signs to an administration."""
    given = get_or_404(Administration, administration_id)
    course = {"treatment_id": given.treatment_id}
    form = form_of(VitalSignsForm, people=ADMINISTRATION.logs, about=course)
    if form.validate_on_submit():
        with refusals_to(form):
            signs = VitalSigns.log(by=me(), at=clock.now(), administration=given, **course, **form.facts())
            db.session.add(signs)
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
