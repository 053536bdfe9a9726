"""Pages of the staff's authorizations: whose, for which step, until when; giving and ending one with a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, request, url_for
from flask import render_template as page_of
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from clinic import clock, record_pages, wording
from clinic.access import EVERYBODY, allow, may
from clinic.accounts import views as accounts
from clinic.accounts.authorizations import AUTHORIZES, StaffAuthorization, of_person, state
from clinic.accounts.models import User
from clinic.accounts.security import recheck
from clinic.extensions import db
from clinic.form_fields import PasswordField, StringField
from clinic.forms import RecordForm, form_for
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
from clinic.paging import page, place_of
from clinic.pathway.order import current

if TYPE_CHECKING:
    from datetime import date

bp = Blueprint("authorizations", __name__, template_folder="templates")
COLUMNS = [
    ("Person", "person", False), ("Step", "step", False), ("First day", "from", False), ("Last day", "until", False),
    ("State", "state", False),
]  # fmt: skip
FACTS = ("performed_at", "step", "valid_from", "valid_until", "basis")
SIGNS = "You sign it with your password. It is not amended: end it with a reason and give another one."
ASKED = (
    "After the first authorization for a step is recorded, everybody who performs that step at this clinic needs one "
    "that is valid on that day. Before that, the step asks for none."
)


def _url(one: StaffAuthorization) -> str:
    return url_for("authorizations.show", authorization_id=one.id)


PAGES = record_pages.register_pages(StaffAuthorization, show=_url)


class AuthorizationForm(form_for(StaffAuthorization, only=FACTS)):
    """For which step, from which day until which, on what it rests; signed."""

    password = PasswordField(
        "Confirm with your password", autocomplete="current-password", required=True, section="Signature"
    )

    def facts(self) -> dict[str, Any]:
        """Return the facts of the authorization itself."""
        return {name: value for name, value in super().facts().items() if name != "password"}


class EndForm(RecordForm):
    """Why an authorization is ended; signed."""

    reason = StringField("Reason", required=True)
    password = PasswordField("Confirm with your password", autocomplete="current-password", required=True)


@bp.get("/authorizations")
@allow(EVERYBODY)
def index() -> str:
    """List the authorizations of this clinic, those that end last first."""
    order = (StaffAuthorization.valid_until, StaffAuthorization.id)
    mark, backwards = request.args.get("before") or request.args.get("after"), bool(request.args.get("before"))
    chosen = select(StaffAuthorization).options(joinedload(StaffAuthorization.user))
    found = page(
        db.session(), chosen.where(StaffAuthorization.site_id == me().site_id), order=order, descending=True,
        place=place_of(db.session(), order, mark), backwards=backwards, entities=True,
    )  # fmt: skip
    return page_of(
        "records/list.html", heading="Authorizations", columns=COLUMNS, note=_note(),
        lede="Who may perform which step, from which day until which. Quality staff give them under Staff.",
        rows=[_row(one, clock.today(zone())) for one in found.rows],
        pager={
            "previous_url": url_for("authorizations.index", before=found.before) if found.before else None,
            "next_url": url_for("authorizations.index", after=found.after) if found.after else None,
            "text": f"{len(found.rows)} on this page" if found.rows else "",
        },
        empty_text="No authorization recorded. No step asks for one.",
        actions=[(url_for("accounts.index"), "user-cog", "Staff")] if may(me().role, "accounts.index") else [],
    )  # fmt: skip


def _row(one: StaffAuthorization, on: date) -> list[Any]:
    days = (wording.day(one.valid_from), wording.day(one.valid_until))
    return [(one.user.label, _url(one)), one.title, *days, state(one, on)]


def _unasked() -> str:
    """Return the titles of the steps for which this clinic has recorded no authorization."""
    chosen = select(StaffAuthorization.step).where(StaffAuthorization.site_id == me().site_id).distinct()
    asked = set(db.session.scalars(chosen))
    return ", ".join(step.title for step in current() if step.name not in asked)


def _note() -> str:
    left = _unasked()
    return f"No authorization is required for {left}: none is recorded there. {ASKED}" if left else ""


def of_account(person: User) -> dict[str, Any]:
    """Return the authorizations of a person for the page of the account."""
    on = clock.today(zone())
    return {
        "authorizations": [
            {
                "id": one.id, "title": one.title, "first": one.valid_from, "last": one.valid_until,
                "by": one.performed_by.printed_name if one.performed_by is not None else "",
                "state": state(one, on), "reason": one.ended_reason or "",
            }
            for one in of_person(db.session(), person)
        ],
        "unasked": _unasked(),
        "authorize_url": url_for("authorizations.new", user_id=person.id) if _may_authorize(person) else None,
    }  # fmt: skip


def _may_authorize(person: User) -> bool:
    return may(me().role, "authorizations.new") and person.active and not me().is_same_person(person)


accounts.BESIDE.append(of_account)


@bp.route("/staff/<user_id>/authorizations/new", methods=["GET", "POST"])
@allow(AUTHORIZES)
def new(user_id: str) -> Answer:
    """Authorize a person for a step, or renew it; signed with the password."""
    person = get_or_404(User, user_id)
    form, back = form_of(AuthorizationForm), url_for("accounts.show", user_id=person.id)
    form.offer("step", [(step.name, step.title) for step in current()], chosen=request.args.get("step"))
    if form.validate_on_submit():
        with refusals_to(form):
            recheck(me(), form.password.data or "")
            made = StaffAuthorization.give(person, by=me(), at=clock.now(), **form.facts())
            db.session.add(made)
            return commit_and_redirect(back, f"{person.printed_name} is authorized for {made.title}.")
    return form_page(
        form, heading=f"Authorize {person.printed_name} for a step", lede=person.label, save_icon="signature",
        save_label="Sign the authorization", back_url=back, after=f"{SIGNS} {ASKED}",
    )  # fmt: skip


@bp.get("/authorizations/<authorization_id>")
@allow(EVERYBODY)
def show(authorization_id: str) -> str:
    """Show one authorization with its signatures; to quality the way to end it."""
    one = get_or_404(StaffAuthorization, authorization_id)
    ends = may(me().role, "authorizations.end") and one.ended_at is None
    return record_pages.record_page(
        one, PAGES, template="authorizations/show.html", person=one.user, tag_of=state(one, clock.today(zone())),
        end_url=url_for("authorizations.end", authorization_id=one.id) if ends else None,
        person_url=url_for("accounts.show", user_id=one.user_id) if may(me().role, "accounts.show") else None,
    )  # fmt: skip


@bp.route("/authorizations/<authorization_id>/end", methods=["GET", "POST"])
@allow(AUTHORIZES)
def end(authorization_id: str) -> Answer:
    """End an authorization now, with a reason; signed with the password."""
    one = get_or_404(StaffAuthorization, authorization_id)
    form = form_of(EndForm, rests_on=one)
    form.can_draft = False
    if form.validate_on_submit():
        refuse_stale(one)
        with refusals_to(form, "reason"):
            recheck(me(), form.password.data or "")
            one.end(by=me(), at=clock.now(), reason=form.reason.data or "")
            return commit_and_redirect(_url(one), "The authorization is ended. It stays readable.")
    return form_page(
        form, heading="End the authorization", lede=one.headline(), save_label="End it", save_icon="x",
        back_url=_url(one), after="It ends at this moment. What was done before stays authorized.",
    )  # fmt: skip
