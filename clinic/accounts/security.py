"""Sign-in on Flask-Security: throttled, generic in its answers, with sessions that end."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, g, request, session
from flask_login import current_user, user_logged_in, user_logged_out
from flask_security.core import Security
from flask_security.datastore import SQLAlchemyUserDatastore
from flask_security.forms import LoginForm
from flask_security.utils import verify_password
from sqlalchemy import bindparam, delete, func, insert, inspect, select, update
from werkzeug.datastructures import ImmutableMultiDict

from clinic import clock
from clinic.accounts import staffing, throttle
from clinic.accounts.models import FailedSignIn, SignIn, Site, User
from clinic.accounts.throttle import in_this_session
from clinic.drafts import ANY_OF_READER
from clinic.errors import Problem, RuleBroken, SettingsWrong
from clinic.extensions import db, writing
from clinic.identifiers import fingerprint, within
from clinic.ledger.listener import set_actor
from clinic.notices import UNREAD_OF_READER
from clinic.reading import reading
from clinic.record_pool import Pool, give_related
from clinic.row_reader import Listing, always_under
from clinic.schema import current

IDLE = timedelta(minutes=15)
ABSOLUTE = timedelta(hours=12)
MOST_TYPED = 320
"""Characters of an address or a password that are looked at; no account has more."""
SECOND_PERSON, OWN_PASSWORD = "second_person_id", "own_password"
"""The box of a form in which a second person is named, who types a password of her or his own."""


def lead_within() -> None:
    """Forget where this request asks to be led, unless that is a path of the clinic."""
    for part in ("args", "form"):
        sent = getattr(request, part)
        if not all(within(place) for place in sent.getlist("next")):
            setattr(request, part, ImmutableMultiDict([pair for pair in sent.items(multi=True) if pair[0] != "next"]))


NO_WAIT = throttle.Wait(timedelta(), said=False)


class SignInForm(LoginForm):
    """The sign-in form with its throttle. A refusal tells of tries alone, so that nobody learns who works here."""

    wait = NO_WAIT

    def validate(self, **more: Any) -> bool:
        """Check the throttle, then address and password, which is slow and done without the write lock."""
        self.remember.data = False  # nobody is remembered: shared tablets (ASVS 7.3)
        at, email, password = clock.now(), self.email.data or "", self.password.data or ""
        if len(email) > MOST_TYPED or len(password) > MOST_TYPED:
            self.form_errors.append("No account uses this address.")
            return False
        self.wait = throttle.count_try(email, at=at) if email else NO_WAIT
        return not self.wait.rest and super().validate(**more)


def recheck(user: User, password: str) -> None:
    """Ask for the password again before a signature (law 5).

    Tries are throttled like the sign-in and counted apart from it: who is signed in signs, whatever strangers try.
    """
    at = clock.now()
    if throttle.must_wait(db.session(), in_this_session(user), at=at):
        raise WrongPassword(
            Problem("Too many incorrect passwords. Wait a few minutes before you try again.", "password")
        )
    if not _is_password_of(user, password):
        db.session.rollback()
        throttle.failed(in_this_session(user), at=at)
        db.session.commit()
        raise WrongPassword(Problem("Incorrect password. Nothing was signed.", "password"))


def _is_password_of(user: User, password: str) -> bool:
    """Return whether a password is the user's; the work of finding out is done once in a request."""
    if not 0 < len(password) <= MOST_TYPED or not user.password:
        return False
    found, key = g.setdefault("passwords_checked", {}), (user.password, password)
    if key not in found:
        found[key] = verify_password(staffing.normal(password), user.password)
    return found[key]


def check_password_ahead(user: User) -> None:
    """Do the work of checking a password (argon2, a third of a second) before the write lock is taken.

    `recheck` finds the answer, and judges it. ``user`` is who is signed in; where the form names a second person,
    the password is hers or his.
    """
    password, second = request.form.get("password", ""), request.form.get(SECOND_PERSON, "")
    own = request.form.get(OWN_PASSWORD, "")
    if own and not throttle.must_wait(db.session(), in_this_session(user), at=clock.now()):
        _is_password_of(user, own)
    whose = db.session.scalar(select(User).where(User.id == second)) if second else user
    if password and whose is not None and not throttle.must_wait(db.session(), in_this_session(whose), at=clock.now()):
        _is_password_of(whose, password)


class WrongPassword(RuleBroken):
    """A signature was not given."""


def _began(_app: Flask, user: User, **_more: Any) -> None:
    token, at, db_session = secrets.token_urlsafe(32), clock.now(), db.session()
    changed = inspect(user).attrs.password.history  # by the package, where it was kept with less work than today's
    before, after = next(iter(changed.deleted or ()), None), next(iter(changed.added or ()), None)
    with writing(db_session):
        set_actor(db_session, user.id, "")
        if before and user.password == before:
            user.password = after
        db_session.execute(delete(FailedSignIn).where(FailedSignIn.key == g.pop("counted_try", None)))
        db_session.execute(
            insert(SignIn).values(
                token_hash=fingerprint(token), user_id=user.id, began_at=at, address=request.remote_addr or ""
            )
        )
        db_session.commit()
    session["token"], session["began"], session["seen"] = token, at.timestamp(), at.timestamp()


def _ended(_app: Flask, **_more: Any) -> None:
    token = session.get("token")
    if token:
        db.session.execute(update(SignIn).where(SignIn.token_hash == fingerprint(token)).values(ended_at=clock.now()))
        db.session.commit()
    for name in ("token", "began", "seen"):
        session.pop(name, None)


def still_open() -> bool:
    """Return whether this session is within its limits and was not ended on another machine."""
    return _since("seen") <= IDLE and _since("began") <= ABSOLUTE and not_ended()


def may_keep_what_was_typed() -> bool:
    """Return whether this session only ran out, and was ended by nobody: then what was typed in it is kept."""
    return _since("seen") <= ABSOLUTE and not_ended()


def touch() -> None:
    """Note in the session's cookie that its owner is at work; nothing is written to the database."""
    session["seen"] = clock.now().timestamp()


def _since(name: str) -> timedelta:
    """Return how long ago this session began, or was last seen at work."""
    return clock.now() - datetime.fromtimestamp(session.get(name, 0), UTC)


OPEN_SESSION = Listing(
    select(SignIn.ended_at, UNREAD_OF_READER.label("unread"), ANY_OF_READER.label("drafts")).where(
        SignIn.token_hash == bindparam("token")
    )
)
"""Whether a session was ended, with what every page shows to its owner."""


def not_ended() -> bool:
    """Return whether this session was begun here and ended by nobody, and its owner still works here."""
    given = {"token": fingerprint(session.get("token", "")), "reader": current_user.id}
    ended = next(iter(OPEN_SESSION.rows(db.session(), given)), None)
    g.unread = ended.unread if ended is not None else 0
    g.drafts = ended is not None and bool(ended.drafts)
    return current_user.active and ended is not None and ended.ended_at is None


SIGNED_IN = User.fs_uniquifier == bindparam("uniquifier")


class _Accounts(SQLAlchemyUserDatastore):
    """The accounts, as the login package finds them; who is signed in is read on every page."""

    def find_user(self, case_insensitive: bool = False, **wanted: Any) -> Any:  # noqa: FBT001, FBT002 - its own
        if wanted.keys() != {"fs_uniquifier"}:
            return super().find_user(case_insensitive, **wanted)
        given = {"uniquifier": wanted["fs_uniquifier"]}
        found = Pool(always_under(User, SIGNED_IN).read(db.session(), given))
        give_related(db.session(), found, set())
        return next(iter(found.rows[User]), None)


class _NoRoles:
    """Roles are a column of the account (`clinic.access.Role`); the login package keeps none of its own."""

    name = ""


def init_app(app: Flask) -> None:
    """Bind sign-in, its limits, and the check before every request."""
    app.config.update(
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 - the name of the method
        SECURITY_PASSWORD_SINGLE_HASH=["argon2"],
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_DEPRECATED_PASSWORD_SCHEMES=[],
        SECURITY_JOIN_USER_ROLES=False,
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_FLASH_MESSAGES=False,
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_LOGOUT_CSRF=True,
        SECURITY_POST_LOGIN_VIEW="pathway.today",
        SECURITY_POST_LOGOUT_VIEW="security.login",
        SECURITY_CLI_USERS_NAME=None,  # `clinic user` keeps staff, with its rules and its ledger
        SECURITY_CLI_ROLES_NAME=None,
        SECURITY_DEFAULT_REMEMBER_ME=False,
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False, "test_environment": True},
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_ANONYMOUS_USER_DISABLED=False,
    )
    store = _Accounts(db, User, _NoRoles)  # type: ignore[arg-type]
    package = Security(app, store, login_form=SignInForm, register_blueprint=True)
    # its permissions are not used, and would read the user even for a style sheet
    package.principal.identity_loaders.clear()
    user_logged_in.connect(_began, app, weak=False)
    user_logged_out.connect(_ended, app, weak=False)


def is_demo() -> bool:
    """Whether this database holds the demonstration clinic."""
    return bool(db.session.scalar(select(func.count()).select_from(Site).where(Site.is_demo)))


def refuse_demonstration() -> None:
    """Raise `SettingsWrong` over a demonstration clinic: everybody knows its accounts' password (hazard H38)."""
    with reading():
        found = current(db.engine) is not None and is_demo()
        db.session.remove()
    db.engine.dispose()
    if found:
        raise SettingsWrong("This is a demonstration clinic; production does not allow demonstration accounts.")
