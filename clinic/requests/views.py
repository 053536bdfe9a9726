"""Pages of requests and comments."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from clinic import clock, record_display, record_pages
from clinic.access import CLINICAL, WRITERS, allow
from clinic.accounts.security import recheck
from clinic.errors import RuleBroken
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
    zone,
)
from clinic.patients.banner import patient_banner
from clinic.records import Entry
from clinic.requests import acts, discussion, listing, people
from clinic.requests.forms import AnswerForm, CommentForm, ReasonForm, RequestForm
from clinic.requests.models import KINDS, SIGNED, Comment, Request

bp = Blueprint("requests", __name__, template_folder="templates")
record_pages.BESIDE.append(discussion.of_record)
record_pages.register_pages(
    Request, show=lambda row: url_for("requests.show", request_id=row.id), patient=patient_banner
)
record_pages.register_pages(
    Comment, show=lambda row: url_for("requests.of_record", record_id=row.record_id), patient=patient_banner
)
CHANGED = "This record was changed since you opened it. Read it again, then answer."


def _back(record: Entry) -> str:
    return record_pages.PAGES[record.KIND].show(record)


@bp.get("/requests")
@allow(CLINICAL)
def index() -> str:
    """List the requests to this person and by this person, the open ones first."""
    return render_template("requests/index.html", **listing.of_person(db.session(), me(), request.args))


@bp.route("/records/<record_id>/requests/new", methods=["GET", "POST"])
@allow(WRITERS)
def ask(record_id: str) -> Answer:
    """Ask a person or a role to review a record, to check it as the second person, or for an opinion."""
    place, record = record_pages.page_and_record(record_id)
    form = form_of(RequestForm)
    form.offer("whom", people.choices(db.session(), me()))
    form.offer("kind", people.kinds(db.session(), record))
    if form.validate_on_submit():
        with refusals_to(form):
            facts = form.facts()
            of = people.chosen(db.session(), facts.pop("whom"))
            made = acts.ask(db.session(), record, of=of, by=me(), at=clock.now(), **facts)
            return commit_and_redirect(place.show(record), f"Request sent to {made.whom}.")
    return form_page(
        form, heading="Request a review", lede=people.named(record), save_label="Send the request", save_icon="send",
        back_url=place.show(record), patient=place.patient(record), after=ASKING,
    )  # fmt: skip


ASKING = (
    "The request appears under Today for the person asked. The answer is shown with this record. The answer to a "
    "review or a second check is signed."
)


@bp.get("/requests/<request_id>")
@allow(CLINICAL)
def show(request_id: str) -> str:
    """Show a request, its answer, and the record that it is about."""
    return render_template("requests/show.html", **_shown(get_or_404(Request, request_id)))


def _shown(one: Request) -> dict[str, Any]:
    place, record = record_pages.page_and_record(one.record_id)
    return {
        "heading": one.headline(),
        "asked": one,
        "kind": KINDS[one.kind],
        "tag_of": discussion.tag_of(one),
        "facts": record_display.facts(record, zone(), people=record_pages.names()),
        "record_url": place.show(record),
        "changed": one.seen_hash is not None and one.seen_hash != record.content_hash,
        "signatures": record_display.signature_lines(one, zone()),
        "may_answer": one.open and me().role in WRITERS and one.is_asked(me()),
        "may_withdraw": one.open and one.performed_by_id == me().id,
        "patient": place.patient(record),
    }


@bp.route("/requests/<request_id>/answer", methods=["GET", "POST"])
@allow(WRITERS)
def answer(request_id: str) -> Answer:
    """Answer a request; a review and a second check are signed with the password."""
    one = get_or_404(Request, request_id)
    record, form = record_pages.page_and_record(one.record_id)[1], form_of(AnswerForm, rests_on=one)
    form.plan(one.kind)
    form.can_draft = False
    if form.validate_on_submit():
        refuse_stale(one)
        with refusals_to(form, "answer_text"):
            _reply(one, record, form)
            return commit_and_redirect(_back(record), "Your answer is saved.")
    return form_page(form, template="requests/answer.html", seal=record.content_hash, url="", **_shown(one))


def _reply(one: Request, record: Entry, form: Any) -> None:
    """Take the answer; the password of a signature is checked, and the record must be the one that was shown."""
    if request.form.get("seen") != record.content_hash:
        raise RuleBroken(CHANGED)
    if one.kind in SIGNED:
        recheck(me(), form.password.data or "")
    facts = {"answer": form["answer"].data, "words": form["answer_text"].data or ""}
    acts.reply(db.session(), one, record, by=me(), at=clock.now(), **facts)


@bp.route("/requests/<request_id>/withdrawal", methods=["GET", "POST"])
@allow(WRITERS)
def withdraw(request_id: str) -> Answer:
    """Take a request back with a reason."""
    one = get_or_404(Request, request_id)
    form, back = form_of(ReasonForm), url_for("requests.show", request_id=one.id)
    if form.validate_on_submit():
        with refusals_to(form, "reason"):
            acts.withdraw(db.session(), one, by=me(), at=clock.now(), reason=form["reason"].data)
            return commit_and_redirect(back, "The request is withdrawn. It stays readable.")
    return form_page(
        form, heading="Withdraw the request", lede=one.headline(), save_label="Withdraw", save_icon="x", back_url=back,
        patient=patient_banner(one),
    )  # fmt: skip


COMMENTING = (
    "A comment stops nothing. To keep cells from being given, use “Put on hold” on the page of the product. A comment "
    "is not edited. It can be struck with a reason and stays readable."
)


@bp.get("/records/<record_id>/comments")
@allow(CLINICAL)
def of_record(record_id: str) -> str:
    """Show what was asked and said about a record of any kind."""
    place, record = record_pages.page_and_record(record_id)
    return render_template(
        "requests/record.html", heading="Comments and requests", lede=people.named(record),
        record_url=place.show(record), patient=place.patient(record), **discussion.of_record(record),
    )  # fmt: skip


@bp.route("/records/<record_id>/comments/new", methods=["GET", "POST"])
@allow(WRITERS)
def comment(record_id: str) -> Answer:
    """Write a comment on a record."""
    place, record = record_pages.page_and_record(record_id)
    form = form_of(CommentForm)
    if form.validate_on_submit():
        with refusals_to(form, "text"):
            acts.comment(db.session(), record, by=me(), at=clock.now(), **form.facts())
            return commit_and_redirect(url_for("requests.of_record", record_id=record.id), "Comment saved.")
    return form_page(
        form, heading="Write a comment", lede=people.named(record), save_label="Save the comment",
        back_url=place.show(record), patient=place.patient(record),
        after=COMMENTING,
    )  # fmt: skip


@bp.route("/comments/<comment_id>/strike", methods=["GET", "POST"])
@allow(WRITERS)
def strike(comment_id: str) -> Answer:
    """Strike a comment with a reason; it stays readable."""
    one = get_or_404(Comment, comment_id)
    form, back = form_of(ReasonForm), url_for("requests.of_record", record_id=one.record_id)
    if form.validate_on_submit():
        with refusals_to(form, "reason"):
            one.strike(by=me(), at=clock.now(), reason=form["reason"].data)
            return commit_and_redirect(back, "The comment is struck. It stays readable.")
    return form_page(
        form, heading="Strike the comment", lede=one.headline(), save_label="Strike", save_icon="x", back_url=back,
        patient=patient_banner(one),
    )  # fmt: skip
