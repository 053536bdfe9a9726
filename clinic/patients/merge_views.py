"""Pages on which two people say that two records are one person's, and on which two people undo it (hazard H27)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, url_for
from sqlalchemy import func, select

from clinic import clock, record_pages, wording
from clinic.access import CLINICAL, Role, allow, may
from clinic.accounts.forms import PasswordForm
from clinic.accounts.models import User
from clinic.accounts.security import recheck
from clinic.errors import Problem, RuleBroken
from clinic.extensions import db
from clinic.form_fields import StringField
from clinic.forms import RecordForm, form_for
from clinic.identifiers import parse_id
from clinic.notices import notify
from clinic.pages import (
    Answer,
    commit_and_redirect,
    form_of,
    form_page,
    get_or_404,
    me,
    refusals_to,
    refuse_stale,
)
from clinic.patients import merging
from clinic.patients.banner import patient_banner
from clinic.patients.merging import CONFIRMS, PROPOSES, PatientMerge
from clinic.patients.models import SEXES, Patient

bp = Blueprint("merges", __name__, template_folder="templates")


def _url(one: PatientMerge) -> str:
    return url_for("merges.show", merge_id=one.id)


PAGES = record_pages.register_pages(PatientMerge, show=_url, patient=patient_banner)


class MergeForm(form_for(PatientMerge, only=("reason",))):
    """Which other record is the same person's, and how one knows."""

    number = StringField("Record number of the other record", required=True, hint="It is kept and links to this record")


class UndoForm(RecordForm):
    """Why a merge is undone."""

    reason = StringField("Reason", required=True)


@bp.route("/patients/<patient_id>/merges/new", methods=["GET", "POST"])
@allow(PROPOSES)
def propose(patient_id: str) -> Answer:
    """Propose that another record is the same person's; a second person confirms it."""
    patient, form = get_or_404(Patient, patient_id), form_of(MergeForm)
    if form.validate_on_submit():
        with refusals_to(form, "number"):
            other = _numbered(form["number"].data or "")
            made = merging.propose(db.session(), patient, other, by=me(), at=clock.now(), **_told(form))
            _tell(made, f"{me().printed_name} proposes to merge two records. Confirm or decline it: {made.headline()}")
            return commit_and_redirect(_url(made), "Proposed. Quality staff or a physician confirm it.")
    return form_page(
        form, heading="Merge another record", save_label="Propose the merge", save_icon="users",
        lede=f"The other record belongs to {patient.display_name}, {patient.record_number}, which goes on.",
        back_url=url_for("pathway.patient", patient_id=patient.id), patient=patient_banner(patient), after=AFTER,
    )  # fmt: skip


AFTER = (
    "Nothing changes until a second person confirms it. Nothing is moved or rewritten: both records stay, show each "
    "other, and share alerts, allergies and consents. Two people can undo it."
)


def _told(form: MergeForm) -> dict[str, Any]:
    """Return the reason, and the answer to what the two records contradict each other in."""
    return {"reason": form["reason"].data, "confirmed": form.facts().get("confirmed", {})}


def _numbered(typed: str) -> Patient:
    """Return the patient with a record number or a public id; raises `RuleBroken` where there is none."""
    number, public_id = typed.strip(), parse_id(typed, Patient.KIND)
    same = Patient.id == public_id if public_id else func.lower(Patient.record_number) == number.lower()
    found = db.session.scalars(select(Patient).where(same).limit(2)).all()
    if len(found) != 1:
        raise RuleBroken(Problem(f"No single patient of this clinic has the record number {number}.", "number"))
    return found[0]


def _tell(one: PatientMerge, text: str) -> None:
    people = select(User).where(User.site_id == one.site_id, User.active, User.role == Role.QUALITY)
    notify(db.session(), db.session.scalars(people), by=me(), at=clock.now(), text=text, about=one)


@bp.get("/merges/<merge_id>")
@allow(CLINICAL)
def show(merge_id: str) -> str:
    """Show a merge: both records side by side, who proposed, confirmed and undid it, and what may be done now."""
    one = get_or_404(PatientMerge, merge_id)
    return record_pages.record_page(
        one, PAGES, template="patients/merge.html", sides=_sides(one), acts=_acts(one), back_label="Patient",
        back_url=url_for("pathway.patient", patient_id=one.patient_id),
    )  # fmt: skip


def _sides(one: PatientMerge) -> list[dict[str, Any]]:
    """Return what tells people apart, of both records."""
    return [
        {
            "title": title, "url": url_for("pathway.patient", patient_id=row.id), "name": row.display_name,
            "number": row.record_number, "born": wording.born(row.birth_date, row.precision_of("birth_date")),
            "sex": SEXES.get(row.sex or "", "not known"), "allergies": row.allergies or "none named",
        }
        for title, row in (("Goes on", one.patient), ("Belongs to it", one.merged))
    ]  # fmt: skip


def _acts(one: PatientMerge) -> list[tuple[str, str, str]]:
    """Return address, icon and label of what the reader may do with a merge now."""
    confirms, proposes = may(me().role, "merges.confirm"), may(me().role, "merges.ask_to_undo")
    first = one.undo_asked_by if one.undo_asked_at is not None else one.performed_by
    second = confirms and first is not None and not me().is_same_person(first)
    waiting = one.open and one.confirmed_at is None
    undoing = one.in_force and one.undo_asked_at is not None
    found = []
    if (waiting or undoing) and second:
        found.append((url_for("merges.confirm", merge_id=one.id), "signature", "Undo it" if undoing else "Confirm"))
    if one.open and one.undo_asked_at is None and proposes:
        label = "Propose to undo it" if one.in_force else "Withdraw the proposal"
        found.append((url_for("merges.ask_to_undo", merge_id=one.id), "x", label))
    return found


@bp.route("/merges/<merge_id>/confirmation", methods=["GET", "POST"])
@allow(CONFIRMS)
def confirm(merge_id: str) -> Answer:
    """Confirm a merge, or its undoing, as the second person with the password."""
    one = get_or_404(PatientMerge, merge_id)
    form = form_of(PasswordForm, rests_on=one)
    form.can_draft = False
    if form.validate_on_submit():
        refuse_stale(one)
        with refusals_to(form, "password"):
            recheck(me(), form.password.data or "")
            (one.undo if one.undo_asked_at is not None else one.confirm)(by=me(), at=clock.now())
            return commit_and_redirect(_url(one), one.headline())
    undoing = one.undo_asked_at is not None
    return form_page(
        form, template="patients/merge_confirmation.html", sides=_sides(one),
        contradictions=merging.contradictions(one.patient, one.merged), answer=one.confirmed.get("reason", ""),
        heading="Undo the merge" if undoing else "Confirm the merge", lede=one.headline(),
        save_label="Sign", save_icon="signature", back_url=_url(one), patient=patient_banner(one.patient),
        after=one.undo_reason if undoing else one.reason,
    )  # fmt: skip


@bp.route("/merges/<merge_id>/undo", methods=["GET", "POST"])
@allow(PROPOSES)
def ask_to_undo(merge_id: str) -> Answer:
    """Propose to undo a merge, or withdraw one that nobody has confirmed."""
    one = get_or_404(PatientMerge, merge_id)
    form = form_of(UndoForm, rests_on=one)
    form.can_draft = False
    if form.validate_on_submit():
        refuse_stale(one)
        with refusals_to(form, "reason"):
            one.ask_to_undo(by=me(), at=clock.now(), reason=form.reason.data or "")
            _tell(one, f"{me().printed_name} proposes to undo a merge: {one.headline()}")
            return commit_and_redirect(_url(one), "Saved. Both records stay as they are until it is undone.")
    return form_page(
        form, heading="Undo the merge", lede=one.headline(), save_label="Propose to undo it", save_icon="x",
        back_url=_url(one), patient=patient_banner(one.patient),
        after="A second person confirms it with the password. A proposal that nobody confirmed is withdrawn at once.",
    )  # fmt: skip
