"""Sign-in on Flask-Security: throttled, generic in its answers, with sessions that end."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Flask, abort, flash, g, redirect, request, session, url_for
from flask_login import current_user, user_logged_in, user_logged_out
from flask_security.core import Security
from flask_security.datastore import SQLAlchemyUserDatastore
from flask_security.forms import LoginForm
from flask_security.proxies import _security
from flask_security.utils import verify_password
from sqlalchemy import delete, func, insert, inspect, select, update
from werkzeug.datastructures import ImmutableMultiDict

from clinic import clock, drafts, idempotency
from clinic.access import PUBLIC, ROUTES, keep_to_site
from clinic.accounts import staffing
from clinic.accounts.models import THROTTLE_LOCK, THROTTLE_SLOW, THROTTLE_WINDOW, FailedSignIn, SignIn, Site, User
from clinic.errors import RuleBroken, SettingsWrong
from clinic.extensions import db, reading_only
from clinic.ledger.listener import lock_site, set_actor

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

PATH = re.compile(r"/(?!/)[!-\[\]-~]*")
"""A path of ours: one slash first, then visible ASCII letters, and no backslash."""
IDLE = timedelta(minutes=15)
ABSOLUTE = timedelta(hours=12)
MOST_TYPED = 320
"""Characters of an address or a password that are looked at; no account has more."""
OPEN = {"static", "security.login", "health.alive", "health.ready", "accounts.welcome"}
KEYLESS = {"security.login", "security.logout"}
"""Posts that carry no record and so no idempotency key."""
SEARCHES = {"pathway.patients", "products.index"}
"""Posts that only ask: names and numbers travel in the form, never in an address. They write nothing, so they need
no key, leave no draft and wait for no writer."""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _address(typed: str) -> str:
    """Return the fingerprint of the account that an address means: all its spellings are throttled as one."""
    try:
        return _hash(_security.mail_util.normalize(typed.strip()).casefold())
    except ValueError:
        return _hash(typed.strip().casefold())


def failures(email: str, *, at: datetime) -> int:
    """Return how many tries on an address failed within the window."""
    counted = select(func.count()).select_from(FailedSignIn)
    where = FailedSignIn.name_hash == _address(email), FailedSignIn.at > at - THROTTLE_WINDOW
    return db.session.scalar(counted.where(*where)) or 0


def must_wait(email: str, *, at: datetime) -> timedelta:
    """Return how long a next try on an address has to wait: 30 s after 5 failures, the window's rest after 10."""
    tries = failures(email, at=at)
    if tries < THROTTLE_SLOW:
        return timedelta()
    last = db.session.scalar(select(func.max(FailedSignIn.at)).where(FailedSignIn.name_hash == _address(email)))
    pause = THROTTLE_WINDOW if tries >= THROTTLE_LOCK else timedelta(seconds=30)
    return max(timedelta(), (last or at) + pause - at)


def _failed(email: str, *, at: datetime) -> None:
    """Write down a failed try; forget those that no longer count, so that the table stays small (R26)."""
    db.session.execute(delete(FailedSignIn).where(FailedSignIn.at < at - 2 * THROTTLE_WINDOW))
    db.session.execute(insert(FailedSignIn).values(name_hash=_address(email), at=at))
    db.session.commit()


def within(place: str | None) -> str:
    """Return a path of this clinic that the sign-in may lead on to; nothing where it could lead anywhere else.

    Browsers read a backslash as a slash, and leave out tabs, line ends and what stands before the first letter.
    """
    return place if place and PATH.fullmatch(place) else ""


def _lead_within() -> None:
    """Forget where this request asks to be led, unless that is a path of the clinic."""
    for part in ("args", "form"):
        sent = getattr(request, part)
        if not all(within(place) for place in sent.getlist("next")):
            setattr(request, part, ImmutableMultiDict([pair for pair in sent.items(multi=True) if pair[0] != "next"]))


class SignInForm(LoginForm):
    """The sign-in form with its throttle. Every refusal reads alike, so that nobody learns who works here."""

    wait: timedelta = timedelta()

    def validate(self, **more: Any) -> bool:
        """Check the throttle, then address and password; write down a failure."""
        self.remember.data = False  # nobody is remembered: shared tablets (ASVS 7.3)
        at, email, password = clock.now(), self.email.data or "", self.password.data or ""
        if len(email) > MOST_TYPED or len(password) > MOST_TYPED:
            self.form_errors.append("Nobody signs in with this.")
            return False
        self.wait = must_wait(email, at=at)
        if self.wait:
            self.form_errors.append("Too many tries. Wait a little, or ask an administrator of your clinic.")
            return False
        if super().validate(**more):
            return True
        if email:
            _failed(email, at=at)
        return False


def recheck(user: User, password: str) -> None:
    """Ask for the password again before a signature (law 5); tries are throttled like the sign-in."""
    at = clock.now()
    if must_wait(user.email, at=at):
        raise RuleBroken("Too many wrong passwords. Wait a little before you try again.")
    right = 0 < len(password) <= MOST_TYPED and user.password
    if not right or not verify_password(staffing.normal(password), user.password or ""):
        db.session.rollback()
        _failed(user.email, at=at)
        raise WrongPassword("The password is not right. Nothing was signed.")


class WrongPassword(RuleBroken):
    """A signature was not given."""


def _began(_app: Flask, user: User, **_more: Any) -> None:
    set_actor(db.session(), user.id, "")  # a password that was kept with less work than today's is kept anew
    token, at = secrets.token_urlsafe(32), clock.now()
    session["token"], session["began"], session["seen"] = token, at.timestamp(), at.timestamp()
    db.session.execute(
        insert(SignIn).values(token_hash=_hash(token), user_id=user.id, began_at=at, address=request.remote_addr or "")
    )
    db.session.commit()


def _ended(_app: Flask, **_more: Any) -> None:
    token = session.get("token")
    if token:
        db.session.execute(update(SignIn).where(SignIn.token_hash == _hash(token)).values(ended_at=clock.now()))
        db.session.commit()
    for name in ("token", "began", "seen"):
        session.pop(name, None)


def _still_open() -> bool:
    """Whether this session is within its limits and was not ended on another machine."""
    return _for_how_long() <= IDLE and clock.now() - _moment("began") <= ABSOLUTE and _not_ended()


def _moment(name: str) -> datetime:
    return datetime.fromtimestamp(session.get(name, 0), UTC)


def _for_how_long() -> timedelta:
    """Return how long nobody touched this session."""
    return clock.now() - _moment("seen")


def _not_ended() -> bool:
    """Whether this session was begun here and ended by nobody, and its owner still works here."""
    ended = db.session.execute(
        select(SignIn.ended_at).where(SignIn.token_hash == _hash(session.get("token", "")))
    ).one_or_none()
    return current_user.active and ended is not None and ended.ended_at is None


def _keep_what_was_typed() -> bool:
    """Keep the form of somebody whose session ran out while typing; a session that was ended keeps nothing."""
    ours = request.method == "POST" and request.endpoint not in KEYLESS | SEARCHES
    kept = ours and _for_how_long() <= ABSOLUTE and _not_ended() and drafts.keep(current_user.id)
    if kept:
        db.session.commit()
    return kept


def _who_and_what() -> Response | None:
    """Before every request: who is it, may they, and is this form new."""
    endpoint = request.endpoint or ""
    reading_only.set(request.method in {"GET", "HEAD", "OPTIONS"} or endpoint in SEARCHES)
    if any("\0" in text for part in (request.args, request.form) for pair in part.items(multi=True) for text in pair):
        abort(400, "A character that was sent cannot be kept. Type it again.")
    if endpoint in KEYLESS:
        if request.is_json:
            abort(400, "Sign in and out with the form of the page.")
        _lead_within()
    if endpoint in OPEN or endpoint == "":
        return None
    if not current_user.is_authenticated:
        return redirect(url_for("security.login", next=request.path if request.method == "GET" else None))
    if not _still_open():
        kept = _keep_what_was_typed()
        session.clear()
        if kept:
            flash("You were signed out after a pause. What you wrote is kept and comes back after you sign in.", "wait")
            return redirect(url_for("security.login", next=request.path))
        return redirect(url_for("security.login", next=request.path if request.method == "GET" else None))
    session["seen"] = clock.now().timestamp()
    user: Any = current_user._get_current_object()  # noqa: SLF001
    keep_to_site(db.session(), user.site_id)
    set_actor(db.session(), user.id)
    roles = ROUTES.get(endpoint, PUBLIC)
    if roles is not None and user.role not in roles:
        abort(403)
    g.user = user
    if request.method == "POST" and endpoint not in KEYLESS | SEARCHES:
        lock_site(db.session(), user.site_id)
        return _draft(user.id) if request.form.get("do") == "draft" else idempotency.claim(user.id)
    return None


def _draft(user_id: str) -> Response:
    kept = drafts.keep(user_id)
    db.session.commit()
    flash(
        "Kept as a draft. Open the form again to go on; it waits on your page of the day."
        if kept
        else "Nothing was written yet.",
        "wait",
    )
    return redirect("/", 303)


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
        SECURITY_POST_LOGOUT_VIEW="/login",
        SECURITY_DEFAULT_REMEMBER_ME=False,
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False, "test_environment": True},
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_ANONYMOUS_USER_DISABLED=False,
    )
    store = SQLAlchemyUserDatastore(db, User, _NoRoles)  # type: ignore[arg-type]
    Security(app, store, login_form=SignInForm, register_blueprint=True)
    user_logged_in.connect(_began, app, weak=False)
    user_logged_out.connect(_ended, app, weak=False)
    app.before_request(_who_and_what)

    @app.teardown_request
    def _again(_fault: BaseException | None) -> None:
        reading_only.set(False)


def is_demo() -> bool:
    """Whether this database holds the demonstration clinic."""
    return bool(db.session.scalar(select(func.count()).select_from(Site).where(Site.is_demo)))


def refuse_demonstration() -> None:
    """Raise `SettingsWrong` over a demonstration clinic: everybody knows its accounts' password (hazard H38)."""
    if inspect(db.engine).has_table(Site.__tablename__) and is_demo():
        raise SettingsWrong("This is a demonstration clinic; production takes no demonstration accounts.")
    db.session.remove()
    db.engine.dispose()
