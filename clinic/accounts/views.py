"""Pages of the staff: who works here, adding a person, ending access; the page on which a password is set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from sqlalchemy import select

from clinic import clock
from clinic.access import Role, allow
from clinic.accounts import staffing
from clinic.accounts.forms import IdentityForm, PersonForm, WelcomeForm
from clinic.accounts.identity import alike, undecided
from clinic.accounts.models import SignIn, User
from clinic.accounts.throttle import waits_until
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.ledger.listener import set_actor
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from werkzeug.wrappers import Response

bp = Blueprint("accounts", __name__, template_folder="templates")

BESIDE: list[Callable[[User], dict[str, Any]]] = []
"""What rooms above show on the page of an account: each returns variables of ``accounts/show.html``."""
KEEPS = frozenset({Role.ADMINISTRATOR})
READS = KEEPS | {Role.DIRECTOR, Role.QUALITY, Role.INSPECTOR}
TAGS = {
    "active": ("ok", "check", "Active"),
    "waiting": ("wait", "hourglass", "No password yet"),
    "ended": ("rest", "lock", "No access"),
}


def _standing(user: User) -> tuple[str, str, str]:
    if not user.active:
        return TAGS["ended"]
    return TAGS["active"] if user.password else TAGS["waiting"]


def _row(person: User) -> tuple[object, ...]:
    return (
        (person.printed_name, url_for("accounts.show", user_id=person.id)),
        person.role.label,
        person.email,
        _standing(person),
    )


COLUMNS = [
    ("Name", "name", False),
    ("Role", "role", False),
    ("E-mail address", "email", False),
    ("Access", "access", False),
]


@bp.get("/staff")
@allow(READS)
def index() -> str:
    """List the accounts of the site: active ones first, by name."""
    people = db.session.scalars(select(User).order_by(User.active.desc(), User.printed_name, User.id))
    return render_template(
        "records/list.html",
        heading="Staff",
        lede=f"Accounts of {me().site.name}. One person, one account; accounts are never deleted.",
        rows=[_row(person) for person in people],
        columns=COLUMNS,
        actions=[(url_for("accounts.new"), "user-plus", "Add a person")] if me().role in KEEPS else [],
    )


@bp.route("/staff/new", methods=["GET", "POST"])
@allow(KEEPS)
def new() -> Answer:
    """Add a person; the next page has the link with which she or he sets a password."""
    form = form_of(PersonForm)
    if form.validate_on_submit():
        with refusals_to(form, "email"):
            person = staffing.add(db.session(), by=me(), site=me().site, **_said(form))
            return _done(person, f"{person.printed_name} is added. Hand over the link below.")
    return form_page(
        form,
        template="accounts/person.html",
        heading="Add a person",
        save_label="Add the person",
        save_icon="user-plus",
        back_url=url_for("accounts.index"),
        after="You get a link that works once, for 24 hours. The person sets the password; you never see it.",
    )


def _said(form: PersonForm) -> dict[str, Any]:
    who = {"name": form.printed_name.data, "email": form.email.data, "role": Role(form.role.data)}
    return who | form.answer


def _done(person: User, message: str) -> Response:
    return commit_and_redirect(url_for("accounts.show", user_id=person.id), message)


@bp.get("/staff/<user_id>")
@allow(READS)
def show(user_id: str) -> str:
    """Show one account; to an administrator also the one-time link, as long as no password is set."""
    person = get_or_404(User, user_id)
    keeps = me().role in KEEPS
    waits = keeps and person.active and not person.password
    return render_template(
        "accounts/show.html",
        person=person,
        state=_standing(person),
        last=_last_sign_in(person),
        waits_until=waits_until(db.session(), person, at=clock.now()),
        unsettled=undecided(person, alike(db.session(), person)),
        keeps=keeps,
        myself=person.id == me().id,
        link=_public_address() + staffing.one_time_link(person) if waits else None,
        **{name: value for beside in BESIDE for name, value in beside(person).items()},
    )


def _public_address() -> str:
    """Return where the clinic is found, as its setting says; what a request calls itself counts only without one."""
    public = urlsplit(current_app.config["PUBLIC_URL"])
    return f"{public.scheme}://{public.netloc}" if public.netloc else request.host_url.rstrip("/")


def _last_sign_in(person: User) -> datetime | None:
    began = select(SignIn.began_at).where(SignIn.user_id == person.id)
    return db.session.scalar(began.order_by(SignIn.began_at.desc()).limit(1))


def _refuse_changed(person: User) -> None:
    """Refuse an answer about an account that somebody else changed since the page was opened (hazard H18)."""
    if request.form.get("version", "") != str(person.version):
        raise RuleBroken("This account was changed in the meantime. Open the page again.")


@bp.route("/staff/<user_id>/identity", methods=["GET", "POST"])
@allow(KEEPS)
def identify(user_id: str) -> Answer:
    """Set the staff number, and say whether accounts of the same name or number are the same person's."""
    person = get_or_404(User, user_id)
    form = form_of(IdentityForm, person)
    form.alike = alike(db.session(), person)
    if form.validate_on_submit():
        with refusals_to(form, "staff_number"):
            _refuse_changed(person)
            staffing.identify(db.session(), by=me(), user=person, **form.answer)
            return _done(person, f"Saved for {person.printed_name}.")
    return form_page(
        form,
        template="accounts/person.html",
        heading=f"Identity of {person.printed_name}",
        lede=f"{person.role.label.capitalize()}, {person.email}",
        save_label="Save",
        back_url=url_for("accounts.show", user_id=person.id),
        after="Accounts of one person never count as two people: not at the bedside, not for a release.",
    )


@bp.post("/staff/<user_id>/suspension")
@allow(KEEPS)
def suspend(user_id: str) -> Response:
    """End a person's access at once."""
    person = _person(user_id)
    staffing.disable(db.session(), by=me(), user=person, at=clock.now())
    return _done(person, f"{person.printed_name} no longer has access and is signed out.")


@bp.post("/staff/<user_id>/return")
@allow(KEEPS)
def readmit(user_id: str) -> Response:
    """Give a person access again."""
    person = _person(user_id)
    staffing.enable(db.session(), by=me(), user=person, at=clock.now())
    return _done(person, f"{person.printed_name} has access again.")


@bp.post("/staff/<user_id>/reset")
@allow(KEEPS)
def reset(user_id: str) -> Response:
    """Forget a password, for which a one-time link sets the next one."""
    person = _person(user_id)
    staffing.reset(db.session(), by=me(), user=person, at=clock.now())
    return _done(person, "The old password no longer works. Hand over the link below.")


@bp.post("/staff/<user_id>/sign-in")
@allow(KEEPS)
def allow_sign_in(user_id: str) -> Response:
    """Let a person sign in at once who has to wait after wrong passwords."""
    person = _person(user_id)
    staffing.allow_sign_in(db.session(), by=me(), user=person, at=clock.now())
    return _done(person, f"{person.printed_name} can sign in again.")


def _person(public_id: str) -> User:
    person = get_or_404(User, public_id)
    if request.form.get("version", "") != str(person.version):
        raise RuleBroken("Another user changed this account after you had opened it. Open it again.")
    return person


@bp.route("/staff/welcome/<token>", methods=["GET", "POST"])
@allow(None)
def welcome(token: str) -> Answer:
    """Let the bearer of a one-time link set the password."""
    person = staffing.bearer(db.session(), token)
    if person is None:
        return render_template("accounts/spent.html"), 410
    form = WelcomeForm()
    if form.validate_on_submit():
        set_actor(db.session(), person.id, "set a password with a one-time link")
        with refusals_to(form, "password"):
            staffing.set_password(db.session(), user=person, password=form.password.data or "", at=clock.now())
            db.session.commit()
            flash("Your password is set. Sign in with it.", "ok")
            return redirect(url_for("security.login"), 303)
    return form_page(form, template="accounts/welcome.html", name=person.printed_name)
