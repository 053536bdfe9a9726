"""Pages of patients: the list and its search, registering, the patient's page, the line on printed sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template, request, url_for

from clinic import clock, record_pages, wording
from clinic.access import CLINICAL, WRITERS, Role, allow
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.forms import form_for
from clinic.pages import find, form_of, me, saved, unchanged_since_shown, zone
from clinic.patients.banner import band
from clinic.patients.display import agreement
from clinic.patients.donors import BloodTyping
from clinic.patients.forms import AlertForm, AllergyForm, ClosingForm, PatientForm
from clinic.patients.lookalikes import NumberTaken, Perhaps, register
from clinic.patients.models import Alert, Patient, Weight
from clinic.record_pages import names, offer_people, record_page

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as Answer

    from clinic.records import Record

bp = Blueprint("patients", __name__, template_folder="templates")

REGISTERS = frozenset({Role.COORDINATOR, Role.NURSE, Role.PHYSICIAN})
WEIGHS = REGISTERS | {Role.TECHNOLOGIST}
TYPES = frozenset({Role.NURSE, Role.TECHNOLOGIST, Role.PHYSICIAN})


def _band(row: Any) -> object:
    return band(row.patient, zone())


def _url(patient: Patient) -> str:
    return url_for("pathway.patient", patient_id=patient.id)


PATIENTS = record_pages.desk(Patient, show=_url, amends=REGISTERS, patient=lambda patient: band(patient, zone()))
WEIGHTS = record_pages.desk(
    Weight,
    show=lambda weight: url_for("patients.weight", weight_id=weight.id),
    signs=WEIGHS,
    amends=WEIGHS,
    patient=_band,
)
ALERTS = record_pages.desk(
    Alert, show=lambda alert: url_for("patients.alerts", patient_id=alert.patient_id), amends=WRITERS, patient=_band
)


@bp.route("/patients/new", methods=["GET", "POST"])
@allow(REGISTERS)
def new() -> Answer | str | tuple[str, int]:
    """Register a patient; somebody alike is shown first, and asked about once (rule 11)."""
    form = form_of(PatientForm)
    if form.validate_on_submit():
        try:
            patient = register(
                db.session(),
                by=me(),
                at=clock.now(),
                another_because=form.said_another,
                known=frozenset(request.form.getlist("seen")),
                **form.facts(),
            )
            return saved(_url(patient), f"{patient.display_name} is registered.")
        except Perhaps as fault:
            db.session.rollback()
            form.ask_about(fault.alike)
        except NumberTaken as fault:
            db.session.rollback()
            form._fields["record_number"].errors = [str(fault)]
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault))
    page = render_template(
        "patients/new.html",
        heading="Register a patient",
        lede="One person, one record. Look for the name first.",
        form=form,
        save_label="Register",
        save_icon="user-plus",
        back_url=url_for("pathway.patients"),
        after="The patient gets a page. Nothing is done before consent and eligibility are signed.",
    )
    return (page, 422) if form.error_list else page


@bp.route("/patients/<patient_id>/allergies", methods=["GET", "POST"])
@allow(REGISTERS)
def allergies(patient_id: str) -> Answer | str | tuple[str, int]:
    """Write down the answer about allergies with the day on which it was given; the old answer stays readable."""
    patient = find(Patient, patient_id)
    form = form_of(AllergyForm, patient)
    form._fields["allergies_asked_on"].required = True
    form.prefill("allergies_asked_on", clock.today(zone()), "filled in: today")
    if form.validate_on_submit():
        unchanged_since_shown(patient)
        changes = form.facts()
        reason = changes.pop("amend_reason") or "Asked at a visit"
        try:
            patient.amend(by=me(), at=clock.now(), reason=reason, **changes)
            return saved(_url(patient), "Allergies written down.")
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault))
            patient = find(Patient, patient_id)
    return _form(form, patient, "Ask about allergies", "Save the answer", _url(patient))


def _form(form: Any, patient: Patient, heading: str, save_label: str, back_url: str) -> str | tuple[str, int]:
    page = render_template(
        "records/form.html",
        heading=heading,
        form=form,
        save_label=save_label,
        back_url=back_url,
        patient=band(patient, zone()),
    )
    return (page, 422) if form.error_list else page


def _state(record: Record) -> tuple[str, str, str]:
    return ("ok", "check", "Signed") if record.signed else ("wait", "hourglass", "Not signed")


@bp.get("/patients/<patient_id>/weights")
@allow(CLINICAL)
def weights(patient_id: str) -> str:
    """List the weighings, the last one first."""
    patient = find(Patient, patient_id)
    rows = [
        (
            (
                wording.when(w.performed_at, zone(), w.precision_of("performed_at")),
                url_for("patients.weight", weight_id=w.id),
            ),
            wording.kilograms(w.kg),
            names().get(w.performed_by_id or ""),
            _state(w),
        )
        for w in patient.weights
    ]
    return render_template(
        "records/list.html",
        heading="Weights",
        rows=rows,
        patient=band(patient, zone()),
        empty_text="Nobody has weighed the patient yet.",
        note="A dose per kilogram names the weighing that it was worked out from.",
        columns=[
            ("Weighed at", "at", False),
            ("Weight", "kg", True),
            ("Weighed by", "by", False),
            ("State", "state", False),
        ],
        actions=[(url_for("patients.new_weight", patient_id=patient.id), "scale", "Write down a weight")]
        if me().role in WEIGHS
        else [],
    )


@bp.route("/patients/<patient_id>/weights/new", methods=["GET", "POST"])
@allow(WEIGHS)
def new_weight(patient_id: str) -> Answer | str | tuple[str, int]:
    """Write down a weighing."""
    return _new(Weight, patient_id, "Write down a weight", url_for("patients.weights", patient_id=patient_id), WEIGHS)


@bp.get("/weights/<weight_id>")
@allow(CLINICAL)
def weight(weight_id: str) -> str:
    """Show one weighing."""
    row = find(Weight, weight_id)
    return record_page(
        row, WEIGHTS, back_url=url_for("patients.weights", patient_id=row.patient_id), back_label="Weights"
    )


@bp.get("/patients/<patient_id>/blood-groups")
@allow(CLINICAL)
def blood_groups(patient_id: str) -> str:
    """List the blood groups, each from its own sample; two that agree are asked for (rule 20)."""
    patient = find(Patient, patient_id)
    rows = [
        (
            (t.headline(), url_for("donors.typing", typing_id=t.id)),
            wording.when(t.performed_at, zone(), t.precision_of("performed_at")),
            names().get(t.performed_by_id or ""),
            _state(t),
        )
        for t in patient.typings
    ]
    return render_template(
        "records/list.html",
        heading="Blood groups",
        rows=rows,
        patient=band(patient, zone()),
        empty_text="No blood group was typed yet.",
        note=agreement(patient.typings),
        columns=[
            ("Blood group", "group", False),
            ("Sample taken at", "at", False),
            ("Typed by", "by", False),
            ("State", "state", False),
        ],
        actions=[(url_for("patients.new_blood_group", patient_id=patient.id), "test-pipe", "Write down a blood group")]
        if me().role in TYPES
        else [],
    )


@bp.route("/patients/<patient_id>/blood-groups/new", methods=["GET", "POST"])
@allow(TYPES)
def new_blood_group(patient_id: str) -> Answer | str | tuple[str, int]:
    """Write down one blood group from one sample of the patient."""
    return _new(
        BloodTyping,
        patient_id,
        "Write down a blood group",
        url_for("patients.blood_groups", patient_id=patient_id),
        TYPES,
    )


def _new(kind: type[Record], patient_id: str, heading: str, back_url: str, roles: frozenset[Role]) -> Any:
    patient = find(Patient, patient_id)
    form = form_of(form_for(kind))
    offer_people(form, mine=True, roles=roles)
    form.prefill("performed_at", clock.now().replace(second=0, microsecond=0), "filled in: now")
    if form.validate_on_submit():
        try:
            record = kind.log(by=me(), at=clock.now(), patient=patient, **form.facts())
            db.session.add(record)
            return saved(
                record_pages.DESKS[kind.KIND].show(record),
                f"{record.headline()} written down. Read it once more and sign.",
            )
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault))
            patient = find(Patient, patient_id)
    return _form(form, patient, heading, "Save", back_url)


@bp.get("/patients/<patient_id>/alerts")
@allow(CLINICAL)
def alerts(patient_id: str) -> str:
    """List the alerts, those that are over too."""
    patient, today = find(Patient, patient_id), clock.today(zone())
    return render_template(
        "patients/alerts.html",
        record=patient,
        today=today,
        patient=band(patient, zone()),
        people=names(),
        may_write=me().role in WRITERS,
    )


@bp.route("/patients/<patient_id>/alerts/new", methods=["GET", "POST"])
@allow(WRITERS)
def new_alert(patient_id: str) -> Answer | str | tuple[str, int]:
    """Warn everybody of something about this patient."""
    patient = find(Patient, patient_id)
    form, back_url = form_of(AlertForm), url_for("patients.alerts", patient_id=patient.id)
    if form.validate_on_submit():
        db.session.add(Alert.log(by=me(), at=clock.now(), patient=patient, **form.facts()))
        return saved(back_url, "The alert now stands on every page about this patient.")
    return _form(form, patient, "Add an alert", "Add the alert", back_url)


@bp.route("/alerts/<alert_id>/closing", methods=["GET", "POST"])
@allow(WRITERS)
def close_alert(alert_id: str) -> Answer | str | tuple[str, int]:
    """End an alert with a reason; it stays readable in the list."""
    alert = find(Alert, alert_id)
    form, back_url = form_of(ClosingForm, alert), url_for("patients.alerts", patient_id=alert.patient_id)
    if form.validate_on_submit():
        unchanged_since_shown(alert)
        alert.close(by=me(), at=clock.now(), today=clock.today(zone()), reason=form.facts()["reason"])
        return saved(back_url, "The alert is closed. It stays in the list.")
    return _form(form, alert.patient, f"Close the alert: {alert.text}", "Close the alert", back_url)
