"""Pages of the bedside check, the administration and the vital signs around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template, request, url_for
from sqlalchemy import select

from clinic import clock, record_pages, wording
from clinic.access import CLINICAL, allow
from clinic.accounts.models import User
from clinic.accounts.security import recheck
from clinic.administration import bedside as acts
from clinic.administration.bedside_page import big_three, pairs, rested_on, times
from clinic.administration.forms import WORKED_OUT, AdministrationForm, BedsideForm, FinishForm, VitalSignsForm
from clinic.administration.models import Administration, BedsideCheck, VitalSigns
from clinic.administration.monitoring import monitoring
from clinic.administration.step import ADMINISTRATION, waiting_products
from clinic.course_records import of_course
from clinic.errors import RuleBroken, StepBlocked
from clinic.extensions import db
from clinic.pages import find, form_of, me, saved, unchanged_since_shown, zone
from clinic.patients.banner import band
from clinic.record_display import reasons
from clinic.record_pages import offer_people, record_page, staff_choices
from clinic.records import Meaning
from clinic.release.doses import doses
from clinic.release.results import QCResult
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from clinic.patients.banner import Band

bp = Blueprint("administration", __name__, template_folder="templates")
BEGUN = "Begun and written down. Take the next vital signs at 15 minutes."
ON_BEGIN = "The gate is asked once more. Then the start is on record, and the protocol's follow-up visits are planned."


def _band(course: Treatment) -> Band:
    return band(course.patient, zone(), chain_of_identity=course.chain_of_identity)


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


DESK = record_pages.desk(
    Administration,
    show=_url,
    signs=ADMINISTRATION.signs,
    amends=ADMINISTRATION.logs,
    patient=lambda a: _band(a.treatment),
    means=lambda record, user: Meaning.VERIFICATION if user.id == record.verified_by_id else Meaning.AUTHORSHIP,
    fixed=frozenset(WORKED_OUT | {"performed_by_id"}),
)
record_pages.desk(
    BedsideCheck,
    show=lambda check: url_for("administration.check", check_id=check.id),
    patient=lambda check: _band(check.treatment),
)
record_pages.desk(
    VitalSigns,
    show=_vitals_url,
    signs=ADMINISTRATION.signs,
    amends=ADMINISTRATION.logs,
    patient=lambda signs: _band(find(Treatment, signs.treatment_id)),
)


@bp.get("/treatments/<treatment_id>/administrations")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """List what was given in a course, and every reading of wristband and bag."""
    course = find(Treatment, treatment_id)
    signed, open_ = ("ok", "check", "Signed"), ("wait", "hourglass", "Not signed")
    given = [
        (
            (a.headline() or "Cells given", _url(a)),
            wording.moment(a.performed_at, zone(), a.precision_of("performed_at"))
            if a.performed_at
            else f"Day {a.course_day}"
            if a.course_day is not None
            else None,
            a.performed_by.printed_name if a.performed_by else None,
            signed if a.signed else ("rest", "archive", "Imported") if a.origin == "imported" else open_,
        )
        for a in of_course(db.session(), course).of(Administration)
    ]
    chosen = (
        select(BedsideCheck)
        .where(BedsideCheck.treatment_id == course.id)
        .order_by(BedsideCheck.performed_at.desc(), BedsideCheck.id)
        .limit(50)
    )
    checks = [
        (
            (f"{c.NOUN}: {c.headline()}", url_for("administration.check", check_id=c.id)),
            wording.moment(c.performed_at, zone()) or None,
            c.performed_by.printed_name if c.performed_by else None,
            ("ok", "check", "Clear") if c.clear else ("danger", "alert-octagon", "Refused"),
        )
        for c in db.session.scalars(chosen)
    ]
    return render_template(
        "records/list.html",
        heading="Administrations",
        lede=course.title,
        rows=given + checks,
        empty_text="No cells were given in this course yet.",
        columns=[("What", "what", False), ("When", "when", False), ("By", "by", False), ("State", "state", False)],
        actions=[(url_for("administration.bedside", treatment_id=course.id), "scan", "Bedside check")]
        if me().role in ADMINISTRATION.logs
        else [],
        patient=_band(course),
    )


@bp.route("/treatments/<treatment_id>/bedside", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def bedside(treatment_id: str) -> Response | str | tuple[str, int]:
    """Read wristband and bag by two people; the reading is kept whether it is clear or not."""
    course = find(Treatment, treatment_id)
    form = form_of(BedsideForm)
    form.can_draft = False
    form.offer("second_person_id", [pair for pair in staff_choices(ADMINISTRATION.logs) if pair[0] != me().id])
    if form.validate_on_submit():
        try:
            facts = form.facts()
            second = db.session.scalars(select(User).where(User.id == facts["second_person_id"])).one()
            recheck(second, facts["password"] or "")
            check = acts.read(
                db.session(),
                course,
                by=me(),
                at=clock.now(),
                second=second,
                patient_scan=facts["patient_scan"],
                product_scan=facts["product_scan"],
                vitals=form.vitals,
            )
            return saved(url_for("administration.check", check_id=check.id))
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault), "password")
            course = find(Treatment, treatment_id)
    records, at = of_course(db.session(), course), clock.now()
    page = render_template(
        "administration/bedside.html",
        form=form,
        course=course,
        patient=_band(course),
        products=waiting_products(records, at),
        closed=reasons(ADMINISTRATION.reasons(records, at)),
    )
    return (page, 422) if form.error_list else page


@bp.get("/bedside-checks/<check_id>")
@allow(CLINICAL)
def check(check_id: str) -> str:
    """Show one reading: go, or stop with every fault in order of danger."""
    found = find(BedsideCheck, check_id)
    at = clock.now()
    problems = [
        fault | {"url": url_for(fault["fix"][0], **fault["fix"][1]) if fault["fix"] else None}
        for fault in found.reasons
    ]
    return render_template(
        "administration/check.html",
        check=found,
        problems=problems,
        unusable=found.unusable(at) if found.clear else "",
        pairs=pairs(db.session(), found),
        big=big_three(found, at) if found.product else [],
        patient=_band(found.treatment),
        may_begin=me().id in {found.performed_by_id, found.second_person_id} and me().role in ADMINISTRATION.logs,
    )


@bp.route("/treatments/<treatment_id>/administrations/new", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def new(treatment_id: str) -> Response | str | tuple[str, int]:
    """Begin an administration on a clear bedside check; the gate is asked again when it is saved."""
    course = find(Treatment, treatment_id)
    checked = find(BedsideCheck, request.args.get("check", ""))
    unusable = (
        checked.unusable(clock.now())
        if checked.treatment_id == course.id
        else "This bedside check belongs to another course."
    )
    if unusable:
        raise RuleBroken(unusable)
    ADMINISTRATION.admit(of_course(db.session(), course), by=me(), at=clock.now())
    form = form_of(AdministrationForm)
    form.can_draft = False
    form.plan(course, checked)
    if form.validate_on_submit():
        try:
            return saved(
                _url(acts.give(db.session(), checked, by=me(), at=clock.now(), **form.facts())),
                BEGUN,
            )
        except StepBlocked:
            raise
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault))
            course, checked = find(Treatment, treatment_id), find(BedsideCheck, request.args["check"])
    page = render_template(
        "administration/new.html",
        heading="Give the cells",
        form=form,
        save_label="Begin",
        save_icon="vaccine",
        check=checked,
        lede=f"{course.title} · {course.protocol_version.name} · checked by two people",
        big=big_three(checked, clock.now()),
        back_url=url_for("administration.check", check_id=checked.id),
        before=[(line["ok"] and not line["warning"], line["check"], line["left"]) for line in checked.evidence],
        after=ON_BEGIN,
        patient=_band(course),
    )
    return (page, 422) if form.error_list else page


@bp.get("/administrations/<administration_id>")
@allow(CLINICAL)
def show(administration_id: str) -> str:
    """Show one administration: its times from thaw to end, its dose and working, the vital signs."""
    given = find(Administration, administration_id)
    records = of_course(db.session(), given.treatment)
    may = me().role in ADMINISTRATION.logs
    second = (
        given.verified_by_id == me().id
        and given.ended_at is not None
        and not any(s.signed_by_id == me().id for s in given.present_signatures)
    )
    running = given.origin == "clinic" and given.ended_at is None
    return record_page(
        given,
        DESK,
        template="administration/show.html",
        times=times(given),
        doses=doses(given.product, records.on(given.product, QCResult)),
        monitoring=monitoring(given, clock.now()),
        rested_on=rested_on(records, given),
        finish_url=url_for("administration.finish", administration_id=given.id) if may and running else None,
        running=running,
        unfinished=running,
        vitals_url=url_for("administration.vital_signs", administration_id=given.id) if may else None,
        verify_url=url_for("record_pages.signature", record_id=given.id) if second and given.signed else None,
        event_url=url_for("events.new", treatment_id=given.treatment_id) if may else None,
        back_url=url_for("pathway.course", treatment_id=given.treatment_id),
    )


@bp.route("/administrations/<administration_id>/end", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def finish(administration_id: str) -> Response | str | tuple[str, int]:
    """Write down the end, and what became of the volume."""
    given = find(Administration, administration_id)
    form = form_of(FinishForm, given)
    form.plan(given)
    if form.validate_on_submit():
        unchanged_since_shown(given)
        try:
            given.finish(
                at=clock.now(), weight=given.treatment.weight_at(given.performed_at or clock.now()), **form.facts()
            )
            return saved(_url(given), "The end is written down. Read the record once more and sign.")
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault))
            given = find(Administration, administration_id)
    page = render_template(
        "records/form.html",
        heading="Write down the end",
        lede=given.headline(),
        form=form,
        save_label="Save the end",
        back_url=_url(given),
        patient=_band(given.treatment),
        after="Given, wasted and returned together are what was issued. The dose is worked out from what was given.",
    )
    return (page, 422) if form.error_list else page


@bp.route("/administrations/<administration_id>/vital-signs", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def vital_signs(administration_id: str) -> Response | str | tuple[str, int]:
    """Add one set of vital signs to an administration."""
    given = find(Administration, administration_id)
    form = form_of(VitalSignsForm)
    offer_people(form, mine=True, roles=ADMINISTRATION.logs)
    form.prefill("performed_at", clock.now().replace(second=0, microsecond=0), "filled in: now")
    if form.validate_on_submit():
        try:
            given.vital_signs.append(
                VitalSigns.log(by=me(), at=clock.now(), treatment_id=given.treatment_id, **form.facts())
            )
            return saved(_url(given), "Vital signs written down.")
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault))
            given = find(Administration, administration_id)
    page = render_template(
        "records/form.html",
        heading="Vital signs",
        lede=given.headline(),
        form=form,
        save_label="Save",
        back_url=_url(given),
        patient=_band(given.treatment),
        after="Taken before the start, at 15 minutes, at the end and one hour after it.",
    )
    return (page, 422) if form.error_list else page
