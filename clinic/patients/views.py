"""Pages of patients: the list and its search, registering, the patient's page, the line on printed sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template, request, url_for

from clinic import clock, record_pages, wording
from clinic.access import CLINICAL, WRITERS, Role, allow
from clinic.accounts.forms import PasswordForm
from clinic.accounts.security import recheck
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
from clinic.patients.alert_changes import confirming, say_read
from clinic.patients.alert_pages import (
    CLOSING,
    alert_said,
    cells_wait,
    lifting,
    now_shown,
    still_counts,
    to_read,
    unconfirmed,
)
from clinic.patients.banner import patient_banner
from clinic.patients.display import agreement, correction_lines
from clinic.patients.donors import BloodTyping
from clinic.patients.forms import AlertForm, AllergyForm, ClosingForm, PatientForm, ReadingForm, ask_writer
from clinic.patients.identity import IDENTITY, identity_corrections
from clinic.patients.lookalikes import register
from clinic.patients.models import Alert, Patient, Weight
from clinic.patients.weighing import doubted
from clinic.record_pages import names, record_page
from clinic.records import Amendment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinic.records import Record

bp = Blueprint("patients", __name__, template_folder="templates")

REGISTERS = frozenset({Role.COORDINATOR, Role.NURSE, Role.PHYSICIAN})
WEIGHS = REGISTERS | {Role.TECHNOLOGIST}
COUNTS_UNTIL = "Until you confirm, what was recorded before still counts at the bedside."
IDENTITY_AFTER = (
    "Compare the patient's identity document. Until you confirm, no cells are given. Replace wristband and labels that "
    "were printed with the old entry."
)
FAR = "It is far from the weight before: a second person compares it with the scale and signs it before it counts."
READ = "Read: cells may go on"
READ_AFTER = (
    "Cells are collected and given over this alert as it stands now; the bedside shows it as a warning. Who changes "
    "its words makes cells wait again. If cells must not go on, leave this page, and decide on eligibility."
)
TYPES = frozenset({Role.NURSE, Role.TECHNOLOGIST, Role.PHYSICIAN})


def _url(patient: Patient) -> str:
    return url_for("pathway.patient", patient_id=patient.id)


PATIENTS = record_pages.register_pages(Patient, show=_url, amends=REGISTERS, patient=patient_banner)
WEIGHTS = record_pages.register_pages(
    Weight,
    show=lambda weight: url_for("patients.weight", weight_id=weight.id),
    signs=WEIGHS,
    amends=WEIGHS,
    people=WEIGHS,
    patient=patient_banner,
)
ALERTS = record_pages.register_pages(
    Alert,
    show=lambda alert: url_for("patients.alerts", patient_id=alert.patient_id),
    amends=WRITERS,
    offers=ask_writer,
    patient=patient_banner,
)


@bp.route("/patients/new", methods=["GET", "POST"])
@allow(REGISTERS)
def new() -> Answer:
    """Register a patient; similar patients are shown first, with a question (rule 11)."""
    form = form_of(PatientForm, about={})
    if form.validate_on_submit():
        with refusals_to(form):
            told = {"another_because": form.said_another, "known": frozenset(request.form.getlist("seen"))}
            patient = register(db.session(), by=me(), at=clock.now(), **told, **form.facts())
            return commit_and_redirect(_url(patient), f"{patient.display_name} is registered.")
    return form_page(
        form,
        template="patients/new.html",
        heading="Register a patient",
        lede="One person, one record. Search for the name first.",
        save_label="Register",
        save_icon="user-plus",
        back_url=url_for("pathway.patients"),
        after="The patient's record opens. Treatment starts only after consent and eligibility are signed.",
    )


@bp.route("/patients/<patient_id>/allergies", methods=["GET", "POST"])
@allow(REGISTERS)
def allergies(patient_id: str) -> Answer:
    """Record the answer about allergies with the day on which it was given; the old answer stays visible."""
    patient = get_or_404(Patient, patient_id)
    form = form_of(AllergyForm, patient)
    if form.validate_on_submit():
        refuse_stale(patient)
        with refusals_to(form):
            patient.amend(by=me(), at=clock.now(), **form.changes())
            return commit_and_redirect(_url(patient), "Allergies saved.")
    return _form(form, patient, "Record allergies", "Save", _url(patient))


@bp.route("/patients/<patient_id>/corrections/<amendment_id>", methods=["GET", "POST"])
@allow(REGISTERS)
def confirm_correction(patient_id: str, amendment_id: str) -> Answer:
    """Confirm as a second person, with the password, that an allergy or the death was taken out rightly (rule 23).

    Likewise that who the patient is was corrected rightly, once there are cells (rule 1).
    """
    patient, correction = get_or_404(Patient, patient_id), get_or_404(Amendment, amendment_id)
    if correction not in [*patient.open_corrections, *identity_corrections(patient)]:
        raise RuleBroken("This correction is confirmed already, or needs no second person.")
    _may_confirm(correction)
    form = form_of(PasswordForm, rests_on=patient)
    if form.validate_on_submit():
        refuse_stale(patient)
        with refusals_to(form, "password"):
            recheck(me(), form.password.data or "")
            correction.confirm(by=me(), at=clock.now())
            return commit_and_redirect(_url(patient), "The correction is confirmed.")
    return form_page(form, **_confirming(patient, correction))


def _may_confirm(correction: Amendment) -> None:
    """Refuse that others than nurse or physician confirm the end of an alert; of what stops cells only a physician."""
    if correction.record != Alert.__tablename__:
        return
    who = confirming(get_or_404(Alert, correction.record_id), correction)
    if me().role not in who:
        stops = "stops cells" if Role.NURSE not in who else "counts at the bedside"
        whose = " or ".join(sorted(role.label for role in who))
        raise RuleBroken(f"A {whose} confirms that an alert that {stops} was closed or changed.", rule=23)


def _confirming(patient: Patient, correction: Amendment) -> dict[str, Any]:
    """Return what the page on which a correction is confirmed shows."""
    who = correction.amended_by.printed_name
    return {
        "heading": "Confirm the correction",
        "lede": f"{alert_said(correction)}Corrected by {who}: “{correction.reason}”",
        "save_label": "Confirm",
        "back_url": _url(patient),
        "patient": patient_banner(patient),
        "before": correction_lines(patient, correction, zone()),
        "before_title": f"Corrected by {who}",
        "after_title": "When you confirm",
        "after": IDENTITY_AFTER if correction.corrects(IDENTITY) else COUNTS_UNTIL,
    } | lifting(correction)


def _form(form: Any, patient: Patient, heading: str, save_label: str, back_url: str, **more: Any) -> Answer:
    shown = {"heading": heading, "save_label": save_label, "back_url": back_url, "patient": patient_banner(patient)}
    return form_page(form, **shown, **more)


def _when(record: Record) -> str:
    return wording.when(record.performed_at, zone(), record.precision_of("performed_at"))


def _state(record: Record) -> tuple[str, str, str]:
    return ("ok", "check", "Signed") if record.signed else ("wait", "hourglass", "Not signed")


@bp.get("/patients/<patient_id>/weights")
@allow(CLINICAL)
def weights(patient_id: str) -> str:
    """List the weighings, the last one first."""
    patient, people = get_or_404(Patient, patient_id), names()
    new_url = url_for("patients.new_weight", patient_id=patient.id)
    return render_template(
        "records/list.html",
        heading="Weights",
        rows=[_weight_row(weight, people) for weight in patient.weights],
        patient=patient_banner(patient),
        empty_text="No weights recorded yet.",
        note="A dose per kilogram names the weight it was calculated from.",
        columns=WEIGHT_COLUMNS,
        actions=[(new_url, "scale", "Record a weight")] if me().role in WEIGHS else [],
    )


WEIGHT_COLUMNS = [
    ("Weighed at", "at", False),
    ("Weight", "kg", True),
    ("Weighed by", "by", False),
    ("State", "state", False),
]


def _weight_row(weight: Weight, people: Mapping[str, str]) -> tuple[object, ...]:
    return (
        (_when(weight), url_for("patients.weight", weight_id=weight.id)),
        wording.kilograms(weight.kg),
        people.get(weight.performed_by_id or ""),
        _state(weight),
    )


@bp.route("/patients/<patient_id>/weights/new", methods=["GET", "POST"])
@allow(WEIGHS)
def new_weight(patient_id: str) -> Answer:
    """Record a weighing."""
    return _new(Weight, patient_id, "Record a weight", url_for("patients.weights", patient_id=patient_id), WEIGHS)


@bp.get("/weights/<weight_id>")
@allow(CLINICAL)
def weight(weight_id: str) -> str:
    """Show one weighing."""
    row = get_or_404(Weight, weight_id)
    return record_page(
        row, WEIGHTS, back_url=url_for("patients.weights", patient_id=row.patient_id), back_label="Weights"
    )


@bp.get("/patients/<patient_id>/blood-groups")
@allow(CLINICAL)
def blood_groups(patient_id: str) -> str:
    """List the blood groups, each from its own sample; two that agree are asked for (rule 20)."""
    patient, people = get_or_404(Patient, patient_id), names()
    new_url = url_for("patients.new_blood_group", patient_id=patient.id)
    return render_template(
        "records/list.html",
        heading="Blood groups",
        rows=[_typing_row(typing, people) for typing in patient.typings],
        patient=patient_banner(patient),
        empty_text="No blood groups recorded yet.",
        note=agreement(patient.typings),
        columns=TYPING_COLUMNS,
        actions=[(new_url, "test-pipe", "Record a blood group")] if me().role in TYPES else [],
    )


TYPING_COLUMNS = [
    ("Blood group", "group", False),
    ("Sample taken at", "at", False),
    ("Typed by", "by", False),
    ("State", "state", False),
]


def _typing_row(typing: BloodTyping, people: Mapping[str, str]) -> tuple[object, ...]:
    return (
        (typing.headline(), url_for("donors.typing", typing_id=typing.id)),
        _when(typing),
        people.get(typing.performed_by_id or ""),
        _state(typing),
    )


@bp.route("/patients/<patient_id>/blood-groups/new", methods=["GET", "POST"])
@allow(TYPES)
def new_blood_group(patient_id: str) -> Answer:
    """Record one blood group from one sample of the patient."""
    return _new(
        BloodTyping,
        patient_id,
        "Record a blood group",
        url_for("patients.blood_groups", patient_id=patient_id),
        TYPES,
    )


def _new(kind: type[Record], patient_id: str, heading: str, back_url: str, roles: frozenset[Role]) -> Answer:
    patient = get_or_404(Patient, patient_id)
    form = form_of(form_for(kind), people=roles, about={"patient": patient})
    if form.validate_on_submit():
        with refusals_to(form):
            record = kind.log(by=me(), at=clock.now(), patient=patient, **form.facts())
            db.session.add(record)
            waits = isinstance(record, Weight) and record in doubted(record.patient.weights)
            done = f"{record.headline()} saved. {FAR if waits else 'Review and sign it.'}"
            return commit_and_redirect(record_pages.PAGES[kind.KIND].show(record), done)
    return _form(form, patient, heading, "Save", back_url)


@bp.get("/patients/<patient_id>/alerts")
@allow(CLINICAL)
def alerts(patient_id: str) -> str:
    """List the alerts, those that are over too."""
    patient, today = get_or_404(Patient, patient_id), clock.today(zone())
    return render_template(
        "patients/alerts.html",
        record=patient,
        today=today,
        patient=patient_banner(patient),
        people=names(),
        answers={alert.id: cells_wait(alert) for alert in patient.alerts},
        unconfirmed={alert.id: unconfirmed(alert) for alert in patient.alerts},
        readings={alert.id: to_read(alert) for alert in patient.alerts},
        may_write=me().role in WRITERS,
    )


@bp.route("/patients/<patient_id>/alerts/new", methods=["GET", "POST"])
@allow(WRITERS)
def new_alert(patient_id: str) -> Answer:
    """Warn everybody of something about this patient."""
    patient = get_or_404(Patient, patient_id)
    form, back_url = form_of(AlertForm, about={"patient": patient}), url_for("patients.alerts", patient_id=patient.id)
    if form.validate_on_submit():
        with refusals_to(form):
            alert = Alert.log(by=me(), at=clock.now(), patient=patient, **form.facts())
            db.session.add(alert)
            return commit_and_redirect(back_url, *now_shown(alert))
    return _form(form, patient, "Add an alert", "Add the alert", back_url, template="patients/alert.html")


@bp.route("/alerts/<alert_id>/reading", methods=["GET", "POST"])
@allow(frozenset({Role.PHYSICIAN}))
def read_alert(alert_id: str) -> Answer:
    """Say as a physician that an alert which somebody else calls a caution is one: cells go on (rule 23)."""
    alert = get_or_404(Alert, alert_id)
    form, back_url = form_of(ReadingForm, alert), url_for("patients.alerts", patient_id=alert.patient_id)
    if form.validate_on_submit():
        refuse_stale(alert)
        with refusals_to(form):
            say_read(alert, by=me(), at=clock.now(), today=clock.today(zone()))
            return commit_and_redirect(back_url, "Cells go on over this alert. It stays on every page of the patient.")
    return _form(form, alert.patient, f"Read the alert: {alert.text}", READ, back_url, after=READ_AFTER)


@bp.route("/alerts/<alert_id>/closing", methods=["GET", "POST"])
@allow(WRITERS)
def close_alert(alert_id: str) -> Answer:
    """End an alert with a reason; it stays in the list."""
    alert = get_or_404(Alert, alert_id)
    form, back_url = form_of(ClosingForm, alert), url_for("patients.alerts", patient_id=alert.patient_id)
    if form.validate_on_submit():
        refuse_stale(alert)
        with refusals_to(form):
            alert.close(by=me(), at=clock.now(), today=clock.today(zone()), reason=form.facts()["reason"])
            return commit_and_redirect(back_url, f"The alert is closed. It stays in the list.{still_counts(alert)}")
    said = {"lede": cells_wait(alert), "after": CLOSING[me().role is Role.PHYSICIAN]}
    return _form(form, alert.patient, f"Close the alert: {alert.text}", "Close the alert", back_url, **said)
