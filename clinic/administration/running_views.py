"""Pages of what is done while cells are given: events, stopping early, voiding; and of another approved dose."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, url_for

from clinic import clock, record_pages
from clinic.access import CLINICAL, Role, allow
from clinic.administration import cells_running
from clinic.administration.dose_change import SECONDS, DoseChange
from clinic.administration.events import EVENTS, InfusionEvent, unsigned
from clinic.administration.forms import AbortForm, DoseForm, EventForm, VoidForm
from clinic.administration.known_facts import past_reactions
from clinic.administration.models import Administration
from clinic.administration.route_words import first_actions, has_rate
from clinic.administration.running_gate import may_go_on
from clinic.administration.second_person import two_people
from clinic.administration.step import ADMINISTRATION, stop_because
from clinic.administration.voiding import void_copy
from clinic.course_records import of_course
from clinic.errors import Problem, RuleBroken
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
)
from clinic.patients.banner import CELLS_RUNNING, patient_banner
from clinic.record_pages import record_page
from clinic.records import Meaning
from clinic.treatments.models import Treatment

bp = Blueprint("giving", __name__, template_folder="templates")
DECIDES = frozenset({Role.PHYSICIAN})
VOID_START = "For a start that was pressed by mistake. If anything left the bag, stop early instead."
VOID_COPY = "For a wrong bag number: this bag was not given. Then copy the paper again with the right bag."

CELLS_RUNNING.append((cells_running.running_in, cells_running.told))


def _url(given: Administration) -> str:
    return url_for("administration.show", administration_id=given.id)


record_pages.register_pages(
    InfusionEvent,
    show=lambda event: url_for("administration.show", administration_id=event.administration_id),
    signs=ADMINISTRATION.signs,
    amends=ADMINISTRATION.logs,
    patient=patient_banner,
    fixed=frozenset({"kind", "performed_by_id"}),
    signs_what="event",
    together=lambda event, _user: [one for one in unsigned(event.administration) if one is not event],
    ticked=True,
)
DOSE_PAGES = record_pages.register_pages(
    DoseChange,
    show=lambda change: url_for("giving.dose", change_id=change.id),
    signs=DECIDES | SECONDS,
    amends=DECIDES,
    people=DECIDES,
    patient=patient_banner,
    fixed=frozenset({"performed_by_id"}),
)


@bp.route("/administrations/<administration_id>/events/<kind>", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def event(administration_id: str, kind: str) -> Answer:
    """Record another rate, an interruption, that it goes on, or a reaction."""
    given = get_or_404(Administration, administration_id)
    if kind not in EVENTS or given.voided:
        abort(404)
    about = {"treatment_id": given.treatment_id, "administration": given, "kind": kind}
    form = form_of(EventForm, people=ADMINISTRATION.logs, about=about)
    form.can_draft = False
    form.narrow(kind, rate=has_rate(given.route))
    if form.validate_on_submit():
        with refusals_to(form):
            if kind == "resumed":
                _refuse_to_go_on(given)
            db.session.add(InfusionEvent.log(by=me(), at=clock.now(), **about, **form.facts()))
            return commit_and_redirect(_url(given), *_saved(kind))
    return form_page(form, **_event_page(given, kind))


def _saved(kind: str) -> tuple[str, str]:
    """Return what is said when an event was saved, and the kind of that message."""
    if kind == "reaction":
        return "Reaction saved. Call the physician, and do the first actions below.", "danger"
    return f"{EVENTS[kind]}: saved.", "ok"


def _refuse_to_go_on(given: Administration) -> None:
    """Refuse that interrupted cells go on while anything stops them (rule 1; hazard H29)."""
    records, at = of_course(db.session(), given.treatment), clock.now()
    may_go_on(records, given, at)
    if stops := stop_because(records, given, at):
        raise RuleBroken(f"Stop giving these cells: {' '.join(stops)} They do not go on while this stands.", rule=1)


def _event_page(given: Administration, kind: str) -> dict[str, Any]:
    return {
        "heading": {"rate": "Change the rate", "stopped": "Interrupt", "resumed": "Resume"}.get(kind, "Reaction"),
        "lede": given.headline(),
        "save_label": "Save",
        "back_url": _url(given),
        "patient": patient_banner(given),
        "template": "administration/event.html",
        "first_actions": first_actions(given.route) if kind == "reaction" else (),
    }


@bp.route("/administrations/<administration_id>/abort", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def stop_early(administration_id: str) -> Answer:
    """Stop before all was given: how much, why, and what becomes of the rest."""
    given = get_or_404(Administration, administration_id)
    form = form_of(AbortForm, given)
    form.can_draft = False
    form.plan(given, stop_because(of_course(db.session(), given.treatment), given, clock.now()))
    if form.validate_on_submit():
        refuse_stale(given)
        with refusals_to(form, "volume_given"):
            weight = given.treatment.patient.weight_at(given.performed_at or clock.now())
            given.abort(by=me(), at=clock.now(), weight=weight, **form.said)
            return commit_and_redirect(_url(given), "Stopped early: saved. Take the vital signs, then sign.", "wait")
    return form_page(form, **_early_page(given))


def _early_page(given: Administration) -> dict[str, Any]:
    return {
        "heading": "Stop early",
        "lede": given.headline(),
        "save_label": "Stop early",
        "save_icon": "player-stop",
        "back_url": _url(given),
        "patient": patient_banner(given),
        "after": "The rest of the bag is recorded as wasted or returned. It is not given again.",
    }


@bp.route("/administrations/<administration_id>/void", methods=["GET", "POST"])
@allow(ADMINISTRATION.logs)
def void(administration_id: str) -> Answer:
    """Take back a start pressed by mistake, or a record copied from paper with a wrong bag, with a second person."""
    given = get_or_404(Administration, administration_id)
    form = form_of(VoidForm)
    form.can_draft = False
    form.offer("second_person_id", [pair for pair in staff_choices(ADMINISTRATION.logs) if pair[0] != me().id])
    if form.validate_on_submit():
        with refusals_to(form, "password"):
            _void(given, form)
            return commit_and_redirect(_url(given), "Voided. Nothing was given; the bag may be scanned again.", "wait")
    return form_page(
        form,
        heading="Void the copy" if given.paper else "Void the start",
        lede=given.headline(),
        save_label="Void",
        save_icon="ban",
        back_url=_url(given),
        patient=patient_banner(given),
        after=VOID_COPY if given.paper else VOID_START,
    )


def _void(given: Administration, form: VoidForm) -> None:
    if form.untouched.data != "yes":
        said = "The bag was opened or used. Stop early instead, with 0 mL given where nothing reached the patient."
        raise RuleBroken(Problem(said, "untouched", rule=59))
    second, at = two_people(form), clock.now()
    records = of_course(db.session(), given.treatment)
    seen = [one for one in past_reactions(records) if one.at and given.performed_at and one.at >= given.performed_at]
    if seen and not given.paper:
        said = f"A reaction is recorded since the start ({seen[0].words}). Stop early instead."
        raise RuleBroken(Problem(said, "untouched", rule=59))
    take_back = void_copy if given.paper else Administration.void
    take_back(given, by=me(), at=at, because=form.because.data or "")
    given.sign(by=me(), at=at, meaning=Meaning.AUTHORSHIP)
    given.sign(by=second, at=at, meaning=Meaning.VERIFICATION)


@bp.route("/treatments/<treatment_id>/dose-change", methods=["GET", "POST"])
@allow(DECIDES)
def dose_change(treatment_id: str) -> Answer:
    """Approve another dose than the protocol's for one course, with the reason."""
    course = get_or_404(Treatment, treatment_id)
    form = form_of(DoseForm, people=DECIDES, about={"treatment": course})
    form.plan(course)
    if form.validate_on_submit():
        with refusals_to(form):
            change = DoseChange.log(by=me(), at=clock.now(), treatment=course, **form.facts())
            db.session.add(change)
            return commit_and_redirect(url_for("record_pages.signature", record_id=change.id))
    return form_page(
        form,
        heading="Approve another dose",
        lede=f"{course.title} · {course.protocol_version.name}",
        save_label="Save and sign",
        back_url=url_for("pathway.course", treatment_id=course.id),
        patient=patient_banner(course),
        after="It counts from a physician's signature; the bedside then judges by this range. More than twice the "
        "protocol's highest dose also needs the signature of another physician, quality or the director.",
    )


@bp.get("/dose-changes/<change_id>")
@allow(CLINICAL)
def dose(change_id: str) -> str:
    """Show an approved dose."""
    change = get_or_404(DoseChange, change_id)
    return record_page(change, DOSE_PAGES, back_url=url_for("pathway.course", treatment_id=change.treatment_id))
