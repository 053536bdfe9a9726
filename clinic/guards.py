"""What is asked of every request before its page: the guards, one after another.

A guard returns nothing to let the request pass, or the answer in its place; it may also abort. Every request begins as
one that only reads. The one that writes takes the write lock late: after all that can be asked without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask, abort, current_app, flash, g, redirect, request, session, url_for
from flask_login import current_user

from clinic import drafts, idempotency
from clinic.access import KEYLESS, NOBODY, OPEN, ROUTES, SEARCHES, keep_to_site
from clinic.accounts import security
from clinic.extensions import csrf, db, reading_only, write_from_here
from clinic.ledger.listener import lock_site, set_actor

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response

    from clinic.accounts.models import User


def begin_by_reading() -> None:
    """Take no write lock, whatever is asked: user, session and roles are read beside a writer."""
    reading_only.set(True)


def refuse_unstorable_characters() -> None:
    """Refuse the one character that no database keeps in a text."""
    pairs = [pair for part in (request.args, request.form) for pair in part.items(multi=True)]
    if any("\0" in text for pair in pairs for text in pair):
        abort(400, "The text contains a character that cannot be stored. Type it again.")


def refuse_foreign_forms() -> None:
    """Refuse a form that another site made (CSRF): ours carry the token of their session."""
    if current_app.config["WTF_CSRF_ENABLED"]:
        csrf.protect(apply_exemptions=True)


def keep_sign_in_within_the_clinic() -> None:
    """Take a sign-in or sign-out from its form alone, and let it lead to our own pages only."""
    if request.endpoint in KEYLESS:
        if request.is_json:
            abort(400, "Use the sign-in form on the page.")
        security.lead_within()


def require_sign_in() -> Response | None:
    """Lead somebody who is not signed in to the sign-in."""
    if _is_open() or current_user.is_authenticated:
        return None
    return _to_sign_in(and_back=request.method == "GET")


def require_open_session() -> Response | None:
    """End a session that was idle for too long, is too old, or was ended; what was typed in it is kept."""
    if _is_open():
        return None
    if security.still_open():
        security.touch()
        return None
    kept = _keep_what_was_typed()
    session.clear()
    if kept:
        flash(
            "You were signed out after a period of inactivity. Your entries are saved and come back after you sign in.",
            "wait",
        )
    return _to_sign_in(and_back=kept or request.method == "GET")


def keep_to_own_site() -> None:
    """Show rows of the user's site only, and name the user as the one who acts, for the ledger."""
    if not _is_open():
        user = _user()
        keep_to_site(db.session(), user.site_id)
        set_actor(db.session(), user.id)


def require_role() -> None:
    """Refuse what the user's role may not do; a route in no table is nobody's."""
    if _is_open():
        return
    user, roles = _user(), ROUTES.get(request.endpoint or "", NOBODY)
    if roles is not None and user.role not in roles:
        abort(403)
    g.user = user


def check_password_without_lock() -> None:
    """Do the slow work of checking a typed password while nobody has to wait for it."""
    if _writes() and request.form.get("password"):
        security.check_password_ahead(_user())


def take_write_lock() -> Response | None:
    """Let a request that writes do so: alone in its site, and with the account still open under the lock."""
    if not _writes():
        return None
    write_from_here(db.session())
    lock_site(db.session(), _user().site_id)
    if security.not_ended():
        return None
    session.clear()
    return _to_sign_in(and_back=False)


def take_form_once() -> Response | None:
    """Keep a form as a draft where that was asked; otherwise take each form once (hazards H15, H20)."""
    if not _writes() or request.endpoint in KEYLESS:
        return None
    if request.form.get("do") == "draft":
        return _keep_draft(_user().id)
    return idempotency.claim(_user().id)


GUARDS: tuple[Callable[[], Response | None], ...] = (
    begin_by_reading,
    refuse_unstorable_characters,
    refuse_foreign_forms,
    keep_sign_in_within_the_clinic,
    require_sign_in,
    require_open_session,
    keep_to_own_site,
    require_role,
    check_password_without_lock,
    take_write_lock,
    take_form_once,
)
"""In this order: what needs no database, then who it is, then what they may, then the lock, then the form."""


def init_app(app: Flask) -> None:
    """Ask every guard before every request, before any other part of the program looks at it."""
    csrf.init_app(app)

    @app.before_request
    def _ask_every_guard() -> Response | None:
        for guard in GUARDS:
            answer = guard()
            if answer is not None:
                return answer
        return None

    @app.teardown_request
    def _forget(_fault: BaseException | None) -> None:
        reading_only.set(False)


def _is_open() -> bool:
    """Return whether this address asks nobody to sign in. An address of no page is among them: it answers 404."""
    return request.endpoint is None or request.endpoint in OPEN


def _writes() -> bool:
    """Return whether this request of somebody who is signed in may write."""
    return request.method == "POST" and not _is_open() and request.endpoint not in SEARCHES


def _user() -> User:
    user: Any = current_user._get_current_object()  # noqa: SLF001 - the proxy itself must not reach the database
    return user


def _to_sign_in(*, and_back: bool) -> Response:
    return redirect(url_for("security.login", next=idempotency.address() if and_back else None))


def _keep_what_was_typed() -> bool:
    """Keep the form of somebody whose session ran out while typing; a session that was ended keeps nothing."""
    if not _writes() or request.endpoint in KEYLESS or not security.may_keep_what_was_typed():
        return False
    write_from_here(db.session())
    kept = drafts.keep(_user().id)
    db.session.commit()
    return kept


def _keep_draft(user_id: str) -> Response:
    kept = drafts.keep(user_id)
    db.session.commit()
    flash(
        "Saved as a draft. You will find it under Today." if kept else "Nothing was entered yet.",
        "wait",
    )
    return redirect(url_for("pathway.today"), 303)
