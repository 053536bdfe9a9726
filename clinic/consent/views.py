"""Pages of consent: recorded, signed by the person who obtained it, withdrawn in the patient's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, redirect, render_template, request, url_for

from clinic import clock, record_pages
from clinic.access import CLINICAL, WRITERS, Role, allow
from clinic.consent.display import COLUMNS, rows_of, standing_of, withdrawal_shown, withdrawing
from clinic.consent.forms import ConsentForm, explained
from clinic.consent.models import Consent, Continuation, Withdrawal, to_version
from clinic.consent.step import DECIDES, TAKES_CONSENT
from clinic.course_records import of_course
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.forms import form_for
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
from clinic.patients.models import Patient
from clinic.record_pages import record_page
from clinic.records import Meaning
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from clinic.accounts.models import User

bp = Blueprint("consent", __name__, template_folder="templates")

WithdrawalForm = form_for(Withdrawal)
AFTER_NEW = (
    "The person who obtained it signs next. It is then valid for exactly this protocol version, until its end date or "
    "until it is withdrawn. A new version needs a new consent."
)
TAKES = frozenset({Role.NURSE, Role.PHYSICIAN, Role.COORDINATOR})


def _url(consent: Consent) -> str:
    return url_for("consent.show", consent_id=consent.id)


def _confirms(consent: Consent, user: User) -> bool:
    """Whether a person's signature confirms a correction, instead of standing for having obtained the consent."""
    return bool(consent.critical_corrections()) and consent.performed_by_id not in {None, user.id}


CONSENTS = record_pages.register_pages(
    Consent,
    show=_url,
    signs=TAKES,
    amends=TAKES,
    people=TAKES,
    patient=patient_banner,
    fixed=frozenset({"scope"}),
    means=lambda consent, user: Meaning.VERIFICATION if _confirms(consent, user) else None,
)
CONTINUATIONS = record_pages.register_pages(
    Continuation,
    show=lambda row: url_for("consent.decision", decision_id=row.id),
    signs=frozenset(DECIDES),
    amends=frozenset(DECIDES),
    people=frozenset(DECIDES),
    patient=patient_banner,
)
WITHDRAWALS = record_pages.register_pages(
    Withdrawal,
    signs_what="withdrawal of consent",
    show=lambda row: url_for("consent.show", consent_id=row.consent_id),
    signs=WRITERS,
    amends=WRITERS,
    people=WRITERS,
    patient=patient_banner,
)


@bp.route("/patients/<patient_id>/consents/new", methods=["GET", "POST"])
@allow(TAKES)
def new(patient_id: str) -> Answer:
    """Record a consent that was signed on paper."""
    patient = get_or_404(Patient, patient_id)
    form = form_of(ConsentForm, people=TAKES, about={"patient": patient})
    form.plan(patient, request.args.get("version", ""))
    if form.validate_on_submit():
        with refusals_to(form):
            consent = Consent.log(by=me(), at=clock.now(), patient=patient, **form.facts())
            db.session.add(consent)
            return commit_and_redirect(_url(consent), "Consent saved. Review and sign it.")
    return form_page(
        form,
        heading="Record a consent",
        lede="Treatment, use of data and research are three separate consents.",
        save_label="Save the consent",
        save_icon="file-check",
        back_url=url_for("pathway.patient", patient_id=patient.id),
        patient=patient_banner(patient),
        before=explained(form.protocol.data),
        after=AFTER_NEW,
    )


@bp.get("/consents/<consent_id>")
@allow(CLINICAL)
def show(consent_id: str) -> str:
    """Show one consent, whether it is valid now, what rests on it, and its withdrawal."""
    consent = get_or_404(Consent, consent_id)
    writes, gone = me().role in WRITERS, consent.withdrawal
    return record_page(
        consent,
        CONSENTS,
        template="consent/show.html",
        lede=consent.protocol_version.title if consent.protocol_version else "No treatment depends on it",
        may_withdraw=consent.withdrawn_since(clock.now()) is None and writes,
        may_take=me().role in TAKES,
        back_url=url_for("pathway.patient", patient_id=consent.patient_id),
        back_label="Patient",
        **standing_of(consent, me(), clock.now()),
        **withdrawal_shown(gone, zone(), record_pages.names(), writes=writes),
    )


@bp.route("/consents/<consent_id>/withdrawal", methods=["GET", "POST"])
@allow(WRITERS)
def withdraw(consent_id: str) -> Answer:
    """Record that the patient withdraws; everything that depends on the consent is locked at once (rule 15)."""
    consent = get_or_404(Consent, consent_id)
    if consent.withdrawn_since(clock.now()) is not None:
        raise RuleBroken("This consent is withdrawn already.")
    about = {"consent_id": consent.id, "patient_id": consent.patient_id}
    form = form_of(WithdrawalForm, people=WRITERS, about=about, rests_on=consent)
    if form.validate_on_submit():
        refuse_stale(consent)
        with refusals_to(form):
            consent.withdraw(by=me(), at=clock.now(), **form.facts())
            done = "The consent is withdrawn. Everything that depends on it is now locked."
            return commit_and_redirect(_url(consent), done, "wait")
    return form_page(form, back_url=_url(consent), patient=patient_banner(consent), **withdrawing(consent))


@bp.get("/treatments/<treatment_id>/consents")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """List the consents to this treatment and to its earlier versions."""
    course = get_or_404(Treatment, treatment_id)
    records, take_url = of_course(db.session(), course), url_for("consent.new_for_course", treatment_id=course.id)
    return render_template(
        "records/list.html",
        heading="Consent to treatment",
        lede=f"{course.title} · {course.protocol_version.name}",
        columns=COLUMNS,
        rows=rows_of(records.of(Consent), to_version(records), clock.now()),
        empty_text="No consent for this treatment yet.",
        patient=patient_banner(course),
        note=f"This course needs consent to exactly {course.protocol_version.name} (rules 14 to 16).",
        actions=[
            (url_for("pathway.course", treatment_id=course.id), "list-check", "Course"),
            *([(take_url, "plus", "Obtain consent")] if me().role in TAKES_CONSENT else []),
        ],
    )


@bp.route("/treatments/<treatment_id>/continuation", methods=["GET", "POST"])
@allow(DECIDES)
def continuation(treatment_id: str) -> Answer:
    """Decide that a course goes on under a protocol version that was retired (rule 16)."""
    course = get_or_404(Treatment, treatment_id)
    form = form_of(form_for(Continuation), people=DECIDES, about={"treatment": course})
    if form.validate_on_submit():
        with refusals_to(form):
            decision = Continuation.log(by=me(), at=clock.now(), treatment=course, **form.facts())
            db.session.add(decision)
            return commit_and_redirect(CONTINUATIONS.show(decision), "Decision saved. Review and sign it.")
    return form_page(
        form,
        heading="Decide whether the course continues",
        lede=f"{course.title} · {course.protocol_version.name}",
        save_label="Save the decision",
        back_url=url_for("pathway.course", treatment_id=course.id),
        patient=patient_banner(course),
        after="Your signature comes next. If the new version changes what the patient agreed to, obtain consent again.",
    )


@bp.get("/continuations/<decision_id>")
@allow(CLINICAL)
def decision(decision_id: str) -> str:
    """Show the decision that a course goes on under a retired version."""
    row = get_or_404(Continuation, decision_id)
    back_url = url_for("pathway.course", treatment_id=row.treatment_id)
    return record_page(row, CONTINUATIONS, lede=row.treatment.title, back_url=back_url)


@bp.route("/treatments/<treatment_id>/consents/new", methods=["GET", "POST"])
@allow(TAKES_CONSENT)
def new_for_course(treatment_id: str) -> Response:
    """Lead to the patient's new consent, for the version that this course follows; a form that was sent goes along."""
    course = get_or_404(Treatment, treatment_id)
    to = url_for("consent.new", patient_id=course.patient_id, version=course.protocol_version_id)
    return redirect(to, 307 if request.method == "POST" else 302)
