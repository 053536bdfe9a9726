"""Pages of donors: who gives cells, whether they may be used, and the blood groups of both sides."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from clinic import clock, record_pages, searches, wording
from clinic.access import CLINICAL, Role, allow, may, own_site
from clinic.accounts.forms import PasswordForm
from clinic.accounts.security import recheck
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.forms import form_for
from clinic.identifiers import parse_id
from clinic.pages import (
    Answer,
    commit_and_redirect,
    form_of,
    form_page,
    get_or_404,
    me,
    refusals_to,
    staff_choices,
    zone,
)
from clinic.paging import Page, page, place_of
from clinic.patients.banner import patient_banner
from clinic.patients.display import agreement
from clinic.patients.donor_consent import DonorConsent, usual_giver
from clinic.patients.donor_forms import DonorForm, EligibilityForm, marker_rows
from clinic.patients.donor_screening import counts_of, label_warnings
from clinic.patients.donor_search import fits
from clinic.patients.donors import ELIGIBILITY, BloodTyping, Donor, DonorEligibility
from clinic.patients.identity import KNOW_THE_DONOR, corrected_words, identity_corrections
from clinic.patients.models import Patient
from clinic.patients.numbers import bearer
from clinic.record_display import amendments, facts, hands
from clinic.record_pages import record_page
from clinic.records import Amendment, Meaning

bp = Blueprint("donors", __name__, template_folder="templates")

PAGE = 50
REGISTERS = frozenset({Role.COORDINATOR, Role.NURSE, Role.PHYSICIAN, Role.TECHNOLOGIST})
DETERMINES = frozenset({Role.PHYSICIAN, Role.NURSE, Role.COORDINATOR})
TYPES = frozenset({Role.NURSE, Role.TECHNOLOGIST, Role.PHYSICIAN})


def _url(donor: Donor) -> str:
    return url_for("donors.show", donor_id=donor.id)


DONORS = record_pages.register_pages(
    Donor, show=_url, amends=REGISTERS, patient=patient_banner, fixed=frozenset({"kind"})
)
DETERMINATIONS = record_pages.register_pages(
    DonorEligibility,
    signs_what="decision on the donor",
    show=lambda row: url_for("donors.eligibility", eligibility_id=row.id),
    signs=frozenset({Role.PHYSICIAN, Role.QUALITY}),
    amends=DETERMINES,
    people=DETERMINES,
    patient=patient_banner,
    meanings={Role.QUALITY: Meaning.REVIEW},
    fixed=frozenset({"markers", "physician_told"}),
    means=lambda row, user: Meaning.REVIEW if user.id == row.told_id else None,
)
CONSENTS = record_pages.register_pages(
    DonorConsent,
    show=lambda row: url_for("donors.consent", consent_id=row.id),
    signs=DETERMINES,
    amends=DETERMINES,
    people=DETERMINES,
    patient=patient_banner,
)
TYPINGS = record_pages.register_pages(
    BloodTyping,
    show=lambda row: url_for("donors.typing", typing_id=row.id),
    signs=TYPES,
    amends=TYPES,
    people=TYPES,
    patient=patient_banner,
)


COLUMNS = [
    ("Donor", "donor", False),
    ("Kind", "kind", False),
    ("Linked patient", "patient", False),
    ("Recorded", "at", False),
    ("Eligibility", "state", False),
]


@bp.route("/donors", methods=["GET", "POST"])
@allow(CLINICAL)
def index() -> Answer:
    """List the donors of the site, the newest first; number, name or linked patient finds them.

    What is searched for travels in the form and stays on the server, never in an address.
    """
    if request.method == "POST":
        return searches.answer(me().id, "donors.index", q=request.form.get("q", "").strip()[:200])
    typed = searches.asked(me().id).get("q", "")
    found = _found(typed)
    return render_template(
        "donors/index.html",
        heading="Donors",
        typed=typed,
        rows=[_row(donor) for donor in found.rows],
        columns=COLUMNS,
        empty_text=NONE_FITS if typed else NONE_YET,
        actions=[(url_for("donors.new"), "user-plus", "Add a donor")] if me().role in REGISTERS else [],
        pager=_pager(found),
    )


NONE_YET = "No donors yet. A patient becomes the donor of their own cells with the first harvest."
NONE_FITS = "No matching donor. Try fewer words."


def _found(typed: str) -> Page[Donor]:
    """Return the page of donors that the address asks for and that fit what was typed, the newest first."""
    asked, order = request.args, (Donor.recorded_at, Donor.id)
    linked = (selectinload(Donor.patient), selectinload(Donor.relative_of))
    chosen = select(Donor).options(*linked, selectinload(Donor.eligibilities).selectinload(DonorEligibility.signatures))
    chosen = chosen.where(*own_site(db.session(), Donor), *([fits(typed)] if typed else []))
    place = place_of(db.session(), order, parse_id(asked.get("after") or asked.get("before", ""), Donor.KIND))
    return page(
        db.session(), chosen, order=order, place=place, backwards="before" in asked, descending=True, size=PAGE,
        entities=True,
    )  # fmt: skip


def _pager(found: Page[Donor]) -> dict[str, Any]:
    more = found.before or found.after
    return {
        "previous_url": url_for("donors.index", before=found.before, **searches.place()) if found.before else None,
        "next_url": url_for("donors.index", after=found.after, **searches.place()) if found.after else None,
        "text": f"{len(found.rows)} donors on this page, the newest first" if more else "",
    }


def _row(donor: Donor) -> tuple[object, ...]:
    return (
        (donor.patient.display_name if donor.patient else donor.name or donor.donor_number or donor.id, _url(donor)),
        donor.kind_words,
        _linked(donor),
        wording.moment(donor.recorded_at, zone()),
        _state(donor),
    )


def _who(donor: Donor) -> str:
    """Return name and kind of a donor; a number is shown with its kind already."""
    name, kind = donor.display_name, donor.kind_words
    return name if name.startswith(kind) else f"{name} · {kind}"


def _linked(donor: Donor) -> str | None:
    patient = donor.patient or donor.relative_of
    if patient is None:
        return None
    born = f", {wording.born(patient.birth_date, patient.precision_of('birth_date'))}" if patient.birth_date else ""
    return f"{patient.record_number}{born}"


def _state(donor: Donor) -> tuple[str, str, str]:
    last = counts_of(donor.eligibilities)
    if last is not None:
        kind, icon = {"eligible": ("ok", "check"), "ineligible": ("danger", "ban")}.get(
            last.outcome or "", ("wait", "hourglass")
        )
        return (kind, icon, ELIGIBILITY[last.outcome or "incomplete"])
    if donor.kind == "self":
        return ("rest", "user", "Own cells")
    return ("wait", "hourglass", "Not signed" if donor.eligibilities else "Not determined")


@bp.route("/donors/new", methods=["GET", "POST"])
@allow(REGISTERS)
def new() -> Answer:
    """Add a donor; the number tells nothing of a patient (rule 10) and is no other donor's (rule 17)."""
    patient = get_or_404(Patient, request.args["patient"]) if request.args.get("patient") else None
    form = form_of(DonorForm, about={})
    form.start_with(patient)
    if form.validate_on_submit():
        with refusals_to(form):
            facts = form.linked(db.session()) | {"another_because": form.said_another}
            donor = Donor.register(db.session(), by=me(), at=clock.now(), **facts)
            return commit_and_redirect(_url(donor), f"{donor.display_name} is added as a donor.")
    return form_page(
        form,
        template="donors/new.html",
        known=_with_number(form["donor_number"].data),
        heading="Add a donor", save_label="Add the donor", save_icon="user-heart",
        lede="A relative has a name. An unrelated donor or a cord donation has a number, and never a name.",
        back_url=url_for("pathway.patient", patient_id=patient.id) if patient else url_for("donors.index"),
        after="The donor's eligibility comes next; the cells stay in quarantine until a physician has signed it.",
        patient=patient_banner(patient),
    )  # fmt: skip


def _with_number(number: str | None) -> Donor | None:
    """Return the donor of the site who has or had a number."""
    known = bearer(db.session(), Donor, "donor_number", number, site_id=me().site_id)
    return db.session.get(Donor, known.id) if known is not None else None


@bp.route("/donors/<donor_id>/corrections/<amendment_id>", methods=["GET", "POST"])
@allow(KNOW_THE_DONOR)
def confirm_correction(donor_id: str, amendment_id: str) -> Answer:
    """Confirm as a second person, with the password, that who the donor is was corrected rightly (rule 17)."""
    donor, correction = get_or_404(Donor, donor_id), get_or_404(Amendment, amendment_id)
    if correction not in identity_corrections(donor):
        raise RuleBroken("This correction is confirmed already, or needs no second person.")
    form = form_of(PasswordForm, rests_on=donor)
    form.can_draft = False
    if form.validate_on_submit():
        with refusals_to(form, "password"):
            recheck(me(), form.password.data or "")
            correction.confirm(by=me(), at=clock.now())
            return commit_and_redirect(_url(donor), "The correction is confirmed.")
    return form_page(
        form, heading="Confirm the correction", save_label="Confirm", back_url=_url(donor),
        lede=f"{corrected_words([correction])}. Reason: “{correction.reason}”", patient=patient_banner(donor),
        after="Compare the donor's documents, the registry's number and the labels. Until you confirm, cells of this "
        "donor that were here before are on hold.",
    )  # fmt: skip


@bp.get("/donors/<donor_id>")
@allow(CLINICAL)
def show(donor_id: str) -> str:
    """Show one donor with every determination and blood group."""
    return render_template("donors/show.html", **_shown(get_or_404(Donor, donor_id), me().role))


def _shown(donor: Donor, role: Role) -> dict[str, Any]:
    """Return all that the page of a donor shows."""
    typings = donor.patient.typings if donor.patient is not None else donor.typings
    own = donor.patient_id is not None
    return {
        "record": donor,
        "facts": facts(donor, zone()),
        "hands": hands(donor, zone()),
        "state": _state(donor),
        "amendments": amendments(donor, zone()),
        "doubted": [
            (corrected_words([one]), url_for("donors.confirm_correction", donor_id=donor.id, amendment_id=one.id))
            for one in identity_corrections(donor)
            if role in KNOW_THE_DONOR and not me().is_same_person(one.amended_by)
        ],
        "patient": patient_banner(donor),
        "related": donor.patient or donor.relative_of,
        "typings": typings,
        "consents": _consents(donor),
        "agreement": agreement(typings),
        "outcomes": ELIGIBILITY,
        "may_determine": role in DETERMINES,
        "may_type": role in TYPES,
        "may_collect": donor.kind != "self" and may(role, "harvest.new_banked"),
        "amend_url": url_for("record_pages.amendment", record_id=donor.id) if role in REGISTERS else None,
        "new_typing_url": url_for("patients.new_blood_group", patient_id=donor.patient_id)
        if own
        else url_for("donors.new_typing", donor_id=donor.id),
    }


def _consents(donor: Donor) -> list[DonorConsent]:
    chosen = select(DonorConsent).where(DonorConsent.donor_id == donor.id)
    newest = chosen.order_by(DonorConsent.performed_at.desc(), DonorConsent.id)
    return list(db.session.scalars(newest.options(selectinload(DonorConsent.signatures))))


@bp.route("/donors/<donor_id>/eligibility/new", methods=["GET", "POST"])
@allow(DETERMINES)
def new_eligibility(donor_id: str) -> Answer:
    """Determine whether a donor may be used: history, markers, the answer (rules 17 to 19)."""
    donor = get_or_404(Donor, donor_id)
    form = form_of(EligibilityForm, people=DETERMINES, about={"donor": donor})
    form.offer("physician_told", staff_choices({Role.PHYSICIAN}))
    return _new(form, DonorEligibility, donor, "Determine the donor's eligibility")


@bp.get("/donor-eligibilities/<eligibility_id>")
@allow(CLINICAL)
def eligibility(eligibility_id: str) -> str:
    """Show one determination with its markers."""
    row = get_or_404(DonorEligibility, eligibility_id)
    return record_page(
        row,
        DETERMINATIONS,
        template="donors/eligibility.html",
        markers=marker_rows(row),
        warnings=label_warnings(row) if row.urgent_need else [],
        second_url=url_for("record_pages.signature", record_id=row.id) if _second(row) else None,
        back_url=_url(row.donor),
        back_label="Donor",
        lede=_who(row.donor),
    )


def _second(row: DonorEligibility) -> bool:
    """Whether this person can be the second one to sign, which a resolved reactive marker needs."""
    mine = me().role in DETERMINATIONS.signs
    return mine and row.signed and not any(me().is_same_person(one.signed_by) for one in row.present_signatures)


@bp.route("/donors/<donor_id>/consents/new", methods=["GET", "POST"])
@allow(DETERMINES)
def new_consent(donor_id: str) -> Answer:
    """Record a donor's consent to donate, or the mother's for a cord (rule 14)."""
    donor = get_or_404(Donor, donor_id)
    form = form_of(form_for(DonorConsent, without=("withdrawn_at",)), people=DETERMINES, about={"donor": donor})
    form.prefill("given_by", usual_giver(donor))
    return _new(form, DonorConsent, donor, "Record the consent to donate")


@bp.get("/donor-consents/<consent_id>")
@allow(CLINICAL)
def consent(consent_id: str) -> str:
    """Show one consent to donate."""
    row = get_or_404(DonorConsent, consent_id)
    lede = _who(row.donor)
    return record_page(row, CONSENTS, back_url=_url(row.donor), back_label="Donor", lede=lede)


@bp.route("/donors/<donor_id>/blood-groups/new", methods=["GET", "POST"])
@allow(TYPES)
def new_typing(donor_id: str) -> Answer:
    """Record one blood group from one sample of the donor (rule 20)."""
    donor = get_or_404(Donor, donor_id)
    form = form_of(form_for(BloodTyping), people=TYPES, about={"donor": donor})
    return _new(form, BloodTyping, donor, "Record a blood group")


def _new(form: Any, kind: type[DonorEligibility | BloodTyping | DonorConsent], donor: Donor, heading: str) -> Answer:
    if form.validate_on_submit():
        with refusals_to(form):
            row = kind.log(by=me(), at=clock.now(), donor=donor, **form.facts())
            db.session.add(row)
            done = "Saved. Review and sign it."
            return commit_and_redirect(record_pages.PAGES[kind.KIND].show(row), done)
    return form_page(
        form,
        heading=heading,
        lede=_who(donor),
        save_label="Save",
        back_url=_url(donor),
        patient=patient_banner(donor),
    )


@bp.get("/blood-groups/<typing_id>")
@allow(CLINICAL)
def typing(typing_id: str) -> str:
    """Show one blood group of a patient or a donor."""
    row = get_or_404(BloodTyping, typing_id)
    if row.patient_id is not None:
        back_url = url_for("patients.blood_groups", patient_id=row.patient_id)
        return record_page(row, TYPINGS, back_url=back_url, back_label="Blood groups")
    donor: Any = row.donor
    return record_page(row, TYPINGS, back_url=_url(donor), back_label="Donor", lede=donor.display_name)
