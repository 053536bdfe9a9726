"""Pages of what is added to an adverse event: follow-up reports, closing, reopening, and who was told."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for

from clinic import clock, record_pages
from clinic.access import WRITERS, allow
from clinic.accounts.security import recheck
from clinic.course_records import CourseRecords, of_course
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.followup import closing as acts
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.event_records import RECIPIENTS, EventNotification, EventUpdate
from clinic.followup.roles import EXCUSES, JUDGES, REOPENERS, REPORTERS, TELLERS
from clinic.followup.telling import siblings
from clinic.followup.update_forms import ClosingForm, FollowUpForm, NotificationForm, ReopeningForm
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to, refuse_stale
from clinic.patients.banner import patient_banner
from clinic.products.models import Product
from clinic.records import Meaning

CLOSED = "The event leaves Today. A follow-up report, a correction or a reopening opens it again."
bp = Blueprint("event_updates", __name__, template_folder="templates")


def _url(record: Any) -> str:
    return url_for("events.show", event_id=record.event_id)


record_pages.register_pages(
    EventUpdate, show=_url, signs=JUDGES, patient=patient_banner, means=lambda _update, _user: Meaning.REVIEW
)
record_pages.register_pages(
    EventNotification, show=_url, amends=TELLERS, people=WRITERS, patient=patient_banner,
    fixed=frozenset({"recipient", "not_needed"}),
)  # fmt: skip


def _about(event: AdverseEvent) -> dict[str, Any]:
    """Return what every page about an event shows."""
    back = url_for("events.show", event_id=event.id)
    return {"lede": event.headline(), "patient": patient_banner(event), "back_url": back}


def _records(event: AdverseEvent) -> CourseRecords:
    return of_course(db.session(), event.treatment)


@bp.route("/adverse-events/<event_id>/updates/new", methods=["GET", "POST"])
@allow(REPORTERS)
def follow_up(event_id: str) -> Answer:
    """Add what is new of an event; what it changes of the event is kept as an amendment."""
    event = get_or_404(AdverseEvent, event_id)
    form = form_of(FollowUpForm, people=WRITERS, rests_on=event)
    form.plan(event)
    if form.validate_on_submit():
        refuse_stale(event)
        with refusals_to(form):
            acts.follow_up(event, by=me(), at=clock.now(), **form.facts())
            return commit_and_redirect(url_for("events.show", event_id=event.id), "Follow-up report saved.")
    after = "What you change is kept with the old value. A physician signs the event as it is then."
    return form_page(form, heading="Add a follow-up report", save_label="Save the report", after=after, **_about(event))


@bp.route("/adverse-events/<event_id>/closing", methods=["GET", "POST"])
@allow(JUDGES)
def closing(event_id: str) -> Answer:
    """Close an event with its outcome, signed by a physician."""
    event = get_or_404(AdverseEvent, event_id)
    form = form_of(ClosingForm, rests_on=event)
    form.can_draft = False
    form.prefill("outcome", event.outcome if event.outcome in form.outcome.offered else None)
    if form.validate_on_submit():
        refuse_stale(event)
        with refusals_to(form, "outcome"):
            recheck(me(), form.password.data or "")
            said = {"said": form.said.data, "outcome": form.outcome.data}
            acts.close(_records(event), event, by=me(), at=clock.now(), **said)
            return commit_and_redirect(url_for("events.show", event_id=event.id), "Event closed.")
    return form_page(
        form, heading="Close the event", save_label="Sign and close", save_icon="signature", after=CLOSED,
        **_about(event),
    )  # fmt: skip


@bp.route("/adverse-events/<event_id>/reopening", methods=["GET", "POST"])
@allow(REOPENERS)
def reopening(event_id: str) -> Answer:
    """Open a closed event again, with a reason."""
    event = get_or_404(AdverseEvent, event_id)
    form = form_of(ReopeningForm, rests_on=event)
    form.can_draft = False
    if form.validate_on_submit():
        refuse_stale(event)
        with refusals_to(form, "said"):
            acts.reopen(event, by=me(), at=clock.now(), said=form.said.data)
            return commit_and_redirect(url_for("events.show", event_id=event.id), "Event opened again.")
    return form_page(form, heading="Reopen the event", save_label="Reopen", **_about(event))


def _container(event: AdverseEvent, recipient: str) -> Product | None:
    """Return the container of which a facility is told: one with the cells that were given before the event."""
    if not request.args.get("product"):
        return None
    product = get_or_404(Product, request.args["product"])
    if recipient != "facility" or product.id not in {one.id for one in siblings(_records(event), event)}:
        raise RuleBroken(
            "This container has no cells in common with what was given before the event, or another recipient holds "
            "it. Open the notification from the list on the event's page.", rule=67,
        )  # fmt: skip
    return product


@bp.route("/adverse-events/<event_id>/notifications/new", methods=["GET", "POST"])
@allow(TELLERS)
def notification(event_id: str) -> Answer:
    """Record that somebody was told of an event, or why nobody need be."""
    event, asked = get_or_404(AdverseEvent, event_id), request.args.get("recipient", "")
    product = _container(event, asked)
    rows = {"treatment": event.treatment, "event": event, "product_id": product.id if product is not None else None}
    form = form_of(NotificationForm, people=WRITERS)
    form.plan(asked if asked in RECIPIENTS else "", excuses=me().role in EXCUSES)
    if form.validate_on_submit():
        with refusals_to(form):
            made = EventNotification.log(by=me(), at=clock.now(), **rows, **form.facts())
            db.session.add(made)
            return commit_and_redirect(url_for("events.show", event_id=event.id), f"Saved. {made.headline()}.")
    heading = f"Record a notification: {RECIPIENTS.get(asked, 'anybody')}"
    after = "The deadline ends with this record, which stays on the event's page."
    return form_page(form, heading=heading, save_label="Save", after=after, **_about(event))
