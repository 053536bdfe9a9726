"""Pages of the staff: who works here, adding a person, ending access; the page on which a password is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import select

from clinic import clock
from clinic.access import Role, allow
from clinic.accounts import staffing
from clinic.accounts.models import SignIn, User
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.fields import Field
from clinic.form_fields import Box, ChoiceBox
from clinic.forms import RecordForm
from clinic.ledger.listener import set_actor
from clinic.pages import find, form_of, me, saved

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

bp = Blueprint("accounts", __name__, template_folder="templates")

KEEPS = frozenset({Role.ADMINISTRATOR})
READS = KEEPS | {Role.DIRECTOR, Role.QUALITY, Role.INSPECTOR}
TAGS = {
    "active": ("ok", "check", "Active"),
    "waiting": ("wait", "hourglass", "No password yet"),
    "ended": ("rest", "lock", "No access"),
}


class PersonForm(RecordForm):
    """A new member of staff."""

    printed_name = Box(
        "Printed name",
        Field(
            label="Printed name", required=True, section="Who", hint="As it stands beside a signature: Dr Ines Novak"
        ),
    )
    email = Box(
        "E-mail address",
        Field(label="E-mail address", required=True, section="Who", hint="For signing in. One person, one account"),
    )
    role = ChoiceBox(
        "Role",
        Field(
            label="Role",
            required=True,
            section="What the person does",
            choices={r.value: r.label.capitalize() for r in Role},
        ),
    )


class SecretBox(Box):
    """A password: never shown again, not even to who typed it; kept exactly as typed."""

    kind = "password"

    def process(self, formdata: object, data: object = None, extra_filters: object = None) -> None:
        """Read without stripping spaces."""
        super().process(formdata, data, extra_filters)
        self.autocomplete = "new-password"
        if formdata:
            self.data = formdata.get(self.name, "") or None  # type: ignore[attr-defined]


class WelcomeForm(RecordForm):
    """A first or next password, twice."""

    password = SecretBox(
        "New password",
        Field(
            label="New password", required=True, hint="15 characters or more. A sentence of a few words is easy to keep"
        ),
    )
    again = SecretBox("The same once more", Field(label="The same once more", required=True))

    def validate(self, extra_validators: object = None) -> bool:
        """Also: both are the same."""
        right = super().validate(extra_validators)  # type: ignore[arg-type]
        if right and self.password.data != self.again.data:
            self.again.errors = ["The two are not the same. Type both again"]
            return False
        return right


def _standing(user: User) -> tuple[str, str, str]:
    if not user.active:
        return TAGS["ended"]
    return TAGS["active"] if user.password else TAGS["waiting"]


@bp.get("/staff")
@allow(READS)
def index() -> str:
    """List the accounts of the site: active ones first, by name."""
    people = db.session.scalars(select(User).order_by(User.active.desc(), User.printed_name, User.id))
    rows = [
        (
            (person.printed_name, url_for("accounts.show", user_id=person.id)),
            person.role.label,
            person.email,
            _standing(person),
        )
        for person in people
    ]
    return render_template(
        "records/list.html",
        heading="Staff",
        lede=f"Accounts of {me().site.name}. One person, one account; nobody is deleted.",
        rows=rows,
        columns=[
            ("Name", "name", False),
            ("Role", "role", False),
            ("E-mail address", "email", False),
            ("Access", "access", False),
        ],
        actions=[(url_for("accounts.new"), "user-plus", "Add a person")] if me().role in KEEPS else [],
    )


@bp.route("/staff/new", methods=["GET", "POST"])
@allow(KEEPS)
def new() -> Response | str | tuple[str, int]:
    """Add a person; the next page has the link with which she or he sets a password."""
    form = form_of(PersonForm)
    if form.validate_on_submit():
        said = form.facts()
        try:
            person = staffing.add(
                db.session(),
                by=me(),
                name=said["printed_name"],
                email=said["email"],
                role=Role(said["role"]),
                site=me().site,
            )
            return saved(
                url_for("accounts.show", user_id=person.id),
                f"{person.printed_name} is added. Hand over the link below.",
            )
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault), "email")
    page = render_template(
        "records/form.html",
        heading="Add a person",
        form=form,
        save_label="Add the person",
        save_icon="user-plus",
        back_url=url_for("accounts.index"),
        after="A link is made that works once, for 24 hours. The person sets the password; you never learn it.",
    )
    return (page, 422) if form.error_list else page


@bp.get("/staff/<user_id>")
@allow(READS)
def show(user_id: str) -> str:
    """Show one account; to an administrator also the one-time link, as long as no password is set."""
    person = find(User, user_id)
    last = db.session.scalar(
        select(SignIn.began_at).where(SignIn.user_id == person.id).order_by(SignIn.began_at.desc()).limit(1)
    )
    keeps = me().role in KEEPS
    waits = keeps and person.active and not person.password
    return render_template(
        "accounts/show.html",
        person=person,
        state=_standing(person),
        last=last,
        keeps=keeps,
        myself=person.id == me().id,
        link=request.host_url.rstrip("/") + staffing.one_time_link(person) if waits else None,
    )


@bp.post("/staff/<user_id>/suspension")
@allow(KEEPS)
def suspend(user_id: str) -> Response:
    """End a person's access at once."""
    person = _person(user_id)
    staffing.disable(db.session(), by=me(), user=person, at=clock.now())
    return saved(
        url_for("accounts.show", user_id=person.id), f"{person.printed_name} has no access any more and is signed out."
    )


@bp.post("/staff/<user_id>/return")
@allow(KEEPS)
def readmit(user_id: str) -> Response:
    """Give a person access again."""
    person = _person(user_id)
    staffing.enable(db.session(), by=me(), user=person, at=clock.now())
    return saved(url_for("accounts.show", user_id=person.id), f"{person.printed_name} has access again.")


@bp.post("/staff/<user_id>/reset")
@allow(KEEPS)
def reset(user_id: str) -> Response:
    """Forget a password, for which a one-time link sets the next one."""
    person = _person(user_id)
    staffing.reset(db.session(), by=me(), user=person, at=clock.now())
    return saved(url_for("accounts.show", user_id=person.id), "The password is forgotten. Hand over the link below.")


def _person(public_id: str) -> User:
    person = find(User, public_id)
    if request.form.get("version", "") != str(person.version):
        raise RuleBroken("Somebody else changed this account after you had opened it. Open it again.")
    return person


@bp.route("/staff/welcome/<token>", methods=["GET", "POST"])
@allow(None)
def welcome(token: str) -> Response | str | tuple[str, int]:
    """Let the bearer of a one-time link set the password."""
    person = staffing.bearer(db.session(), token)
    if person is None:
        return render_template("accounts/spent.html"), 410
    form = WelcomeForm()
    if form.validate_on_submit():
        set_actor(db.session(), person.id, "set a password with a one-time link")
        try:
            staffing.set_password(db.session(), user=person, password=form.password.data or "", at=clock.now())
        except RuleBroken as fault:
            db.session.rollback()
            form.password.errors = [str(fault)]
        else:
            db.session.commit()
            flash("Your password is set. Sign in with it.", "ok")
            return redirect(url_for("security.login"), 303)
    page = render_template("accounts/welcome.html", form=form, name=person.printed_name)
    return (page, 422) if form.error_list else page
