"""Pages of consent: written down, signed by who took it, withdrawn in the patient's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy import or_, select

from clinic import clock, record_pages
from clinic.access import CLINICAL, WRITERS, Role, allow
from clinic.consent.display import STANDINGS, sign_consent
from clinic.consent.models import Consent, Standing, Withdrawal, to_version
from clinic.consent.step import TAKES_CONSENT
from clinic.course_records import of_course
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.fields import Field
from clinic.form_fields import ChoiceBox
from clinic.forms import RecordForm, form_for
from clinic.pages import find, form_of, me, saved, unchanged_since_shown, zone
from clinic.patients.banner import band
from clinic.patients.models import Patient
from clinic.protocols.claims import claims
from clinic.protocols.models import Protocol, ProtocolVersion
from clinic.record_display import amendments, facts, hands, signature_lines
from clinic.record_pages import offer_people, record_page
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

bp = Blueprint("consent", __name__, template_folder="templates")

TAKES = frozenset({Role.NURSE, Role.PHYSICIAN, Role.COORDINATOR})


def _band(row: Any) -> object:
    return band(row.patient, zone())


def _url(consent: Consent) -> str:
    return url_for("consent.show", consent_id=consent.id)


CONSENTS = record_pages.desk(
    Consent,
    show=_url,
    signs=TAKES,
    amends=TAKES,
    patient=_band,
    fixed=frozenset({"scope"}),
)
WITHDRAWALS = record_pages.desk(
    Withdrawal,
    show=lambda row: url_for("consent.show", consent_id=row.consent_id),
    signs=WRITERS,
    amends=WRITERS,
    patient=lambda row: _band(row.consent),
)


class VersionBox(ChoiceBox):
    """A list to choose from, also where it is short: the names are long."""

    @property
    def kind(self) -> str:  # type: ignore[override]
        """How to draw it."""
        return "choice"


class ConsentForm(form_for(Consent)):
    """One consent of one scope; to a treatment it names the protocol version that was explained."""

    protocol = VersionBox(
        "Protocol version",
        Field(label="Protocol version", section="What", hint="The one that was explained. To a treatment only"),
    )

    def plan(self, patient: Patient, wanted: str = "") -> None:
        """Offer the versions that may be consented to; fill in the course under way (or ``wanted``) and the patient."""
        running = [course.protocol_version_id for course in patient.courses if course.stop is None]
        last = wanted if wanted in running else running[-1] if running else None
        self.offer("protocol", versions(patient), chosen=last, filled="filled in: the course under way")
        self.prefill("scope", "treatment" if not patient.consents else None)
        adult = (patient.age_on(clock.today(zone())) or 0) >= 18
        self.prefill("signer", "patient" if adult else None)
        self.prefill(
            "signer_name", f"{patient.given_names} {patient.family_name}" if adult else None, "filled in: the patient"
        )

    def facts(self) -> dict[str, Any]:
        """Return what was filled in; use of data and research name no protocol version."""
        found = super().facts()
        version_id = found.pop("protocol")
        treatment = found["scope"] == "treatment"
        return found | {"protocol_version": find(ProtocolVersion, version_id) if version_id and treatment else None}


def versions(patient: Patient) -> list[tuple[str, str]]:
    """Return id and name of the versions that may be consented to: published now, or of a course of this patient."""
    open_now = ProtocolVersion.published_at.is_not(None) & ProtocolVersion.retired_at.is_(None)
    own = ProtocolVersion.id.in_([course.protocol_version_id for course in patient.courses])
    chosen = (
        select(ProtocolVersion.id, Protocol.code, ProtocolVersion.number, ProtocolVersion.title)
        .join(Protocol, Protocol.id == ProtocolVersion.protocol_id)
        .where(or_(open_now, own))
        .order_by(Protocol.code, ProtocolVersion.number.desc())
    )
    return [
        (row.id, f"{row.code}, version {row.number}{f': {row.title}' if row.title else ''}")
        for row in db.session.execute(chosen)
    ]


def _told(version_id: str | None) -> list[tuple[bool, str, str]]:
    """Return what the version says of itself, to be explained before anybody agrees (rules 22 and 74)."""
    version = db.session.scalar(select(ProtocolVersion).where(ProtocolVersion.id == version_id)) if version_id else None
    return [(label != "Not proven for", label, said) for label, said in claims(version.says)] if version else []


@bp.route("/patients/<patient_id>/consents/new", methods=["GET", "POST"])
@allow(TAKES)
def new(patient_id: str) -> Response | str | tuple[str, int]:
    """Write down a consent that was signed on paper."""
    patient = find(Patient, patient_id)
    form = form_of(ConsentForm)
    offer_people(form, mine=True, roles=TAKES)
    form.prefill("performed_at", clock.now().replace(second=0, microsecond=0), "filled in: now")
    form.plan(patient, request.args.get("version", ""))
    if form.validate_on_submit():
        try:
            consent = Consent.log(by=me(), at=clock.now(), patient=patient, **form.facts())
            db.session.add(consent)
            return saved(_url(consent), "Consent written down. Read it once more and sign.")
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault))
            patient = find(Patient, patient_id)
    page = render_template(
        "records/form.html",
        heading="Write down a consent",
        lede="Treatment, use of data and research are three consents.",
        form=form,
        save_label="Save the consent",
        save_icon="file-check",
        back_url=url_for("pathway.patient", patient_id=patient.id),
        patient=band(patient, zone()),
        before=_told(form.protocol.data),
        after=(
            "Who took it signs next. From then on it holds, for exactly this protocol version, until its day or until "
            "it is withdrawn. A new version needs a new consent."
        ),
    )
    return (page, 422) if form.error_list else page


@bp.get("/consents/<consent_id>")
@allow(CLINICAL)
def show(consent_id: str) -> str:
    """Show one consent, where it stands now, what rests on it, and its withdrawal."""
    consent, at = find(Consent, consent_id), clock.now()
    standing, gone = consent.standing(at), consent.withdrawal
    imported = consent.origin != "clinic"
    action = sign_consent(consent, me()) if standing is Standing.UNSIGNED and not imported else None
    if gone is not None and not gone.signed and me().role in WRITERS:
        action = {
            "tag": "Your next action",
            "title": "Sign the withdrawal",
            "text": "It holds already. The signature says that it was written down as the patient said it.",
            "url": url_for("record_pages.signature", record_id=gone.id),
            "icon": "signature",
            "label": "Read and sign",
        }
    return record_page(
        consent,
        CONSENTS,
        template="consent/show.html",
        next=action,
        state=STANDINGS[standing],
        standing=standing.value,
        lede=consent.protocol_version.title if consent.protocol_version else "No treatment rests on it",
        courses=[
            c
            for c in consent.patient.courses
            if consent.scope == "treatment" and c.protocol_version_id == consent.protocol_version_id
        ],
        withdrawal=gone,
        may_withdraw=gone is None and me().role in WRITERS,
        withdrawal_facts=facts(gone, zone(), people=record_pages.names()) if gone else [],
        withdrawal_hands=hands(gone, zone()) if gone else [],
        withdrawal_amendments=amendments(gone, zone()) if gone else [],
        withdrawal_signatures=signature_lines(gone, zone()) if gone else [],
        withdrawal_amend_url=url_for("record_pages.amendment", record_id=gone.id)
        if gone and me().role in WRITERS
        else None,
        may_take=me().role in TAKES,
        back_url=url_for("pathway.patient", patient_id=consent.patient_id),
        back_label="Patient",
    )


@bp.route("/consents/<consent_id>/withdrawal", methods=["GET", "POST"])
@allow(WRITERS)
def withdraw(consent_id: str) -> Response | str | tuple[str, int]:
    """Write down that the patient withdraws; everything that rests on the consent is locked at once (rule 15)."""
    consent = find(Consent, consent_id)
    if consent.withdrawal is not None:
        raise RuleBroken("This consent is withdrawn already.")
    form: RecordForm = form_of(form_for(Withdrawal))
    form.record_version = consent.version
    offer_people(form, mine=True, roles=WRITERS)
    form.prefill("performed_at", clock.now().replace(second=0, microsecond=0), "filled in: now")
    if form.validate_on_submit():
        unchanged_since_shown(consent)
        try:
            consent.withdraw(by=me(), at=clock.now(), **form.facts())
            return saved(_url(consent), "The consent is withdrawn. What rests on it is locked from now on.", "wait")
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault))
            consent = find(Consent, consent_id)
    page = render_template(
        "records/form.html",
        heading="Withdraw the consent",
        lede=f"{consent.headline()}. A patient may withdraw at any time and needs no reason.",
        form=form,
        save_label="Write down the withdrawal",
        save_icon="hand-stop",
        back_url=_url(consent),
        patient=_band(consent),
        after=(
            "At once no harvest, processing, release or administration goes on under it. The products stay where they "
            "are, locked, until somebody decides about them with the patient. Nothing is thrown away or deleted."
        ),
    )
    return (page, 422) if form.error_list else page


def _course_band(course: Treatment) -> object:
    return band(course.patient, zone(), chain_of_identity=course.chain_of_identity)


@bp.get("/treatments/<treatment_id>/consents")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """List the consents to this treatment and to its earlier versions."""
    course, at = find(Treatment, treatment_id), clock.now()
    records = of_course(db.session(), course)
    now = to_version(records)
    rows = [
        (
            (c.headline(), url_for("consent.show", consent_id=c.id)),
            c.protocol_version.name if c.protocol_version else None,
            c.performed_by.printed_name if c.performed_by else None,
            ("ok", "check", "Valid") if c.current(at) else ("wait", "hourglass", c.standing(at).value.capitalize()),
        )
        for c in sorted(records.of(Consent), key=lambda c: c not in now)
        if c.scope == "treatment"
    ]
    return render_template(
        "records/list.html",
        heading="Consent to treatment",
        lede=f"{course.title} · {course.protocol_version.name}",
        columns=[
            ("Consent", "consent", False),
            ("To", "version", False),
            ("Taken by", "by", False),
            ("Stands", "state", False),
        ],
        rows=rows,
        empty_text="Nobody has consented to this treatment yet.",
        patient=_course_band(course),
        note=f"This course needs consent to exactly {course.protocol_version.name} (rules 14 to 16).",
        actions=[
            (url_for("pathway.course", treatment_id=course.id), "list-check", "Course"),
            *(
                [(url_for("consent.new_for_course", treatment_id=course.id), "plus", "Take the consent")]
                if me().role in TAKES_CONSENT
                else []
            ),
        ],
    )


@bp.get("/treatments/<treatment_id>/consents/new")
@allow(TAKES_CONSENT)
def new_for_course(treatment_id: str) -> Response:
    """Lead to the patient's new consent, for the version that this course follows."""
    course = find(Treatment, treatment_id)
    return redirect(url_for("consent.new", patient_id=course.patient_id, version=course.protocol_version_id))
