"""The guards: checks before every request, one after another.

A guard returns nothing to let the request pass, or the answer in its place; it may also abort. Every request begins as
one that only reads. The one that writes takes the write lock late: after all that can be asked without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import (
    Flask,
    abort,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy import select
from werkzeug.wrappers import Response

from clinic import drafts, idempotency
from clinic.access import CHECKS, KEYLESS, NOBODY, OPEN, ROUTES, SEARCHES, keep_to_site, may
from clinic.accounts import security
from clinic.accounts.models import User
from clinic.extensions import csrf, db, write_from_here, writing
from clinic.identifiers import parse_id
from clinic.ledger.listener import lock_site, set_actor
from clinic.ledger.verify import models
from clinic.pages import me
from clinic.reading import reading_only
from clinic.secret_boxes import is_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinic.model import Model


def begin_by_reading() -> None:
    """Take no write lock yet: user, session and roles are read while others write."""
    reading_only.set(True)


def refuse_unstorable_characters() -> None:
    """Refuse the one character (NUL) that databases cannot store in text."""
    pairs = [pair for part in (request.args, request.form) for pair in part.items(multi=True)]
    pairs += [(name, file.filename or "") for name, file in request.files.items(multi=True)]
    if any("\0" in text for pair in pairs for text in pair):
        abort(400, "The text contains a character that cannot be stored. Type it again.")


def refuse_foreign_forms() -> Response | None:
    """Refuse a form that another site made (CSRF): ours carry the token of their session.

    A form of ours whose session was replaced in the meantime, in another tab, is kept as a draft and not taken.
    """
    if not current_app.config["WTF_CSRF_ENABLED"]:
        return None
    try:
        csrf.protect(apply_exemptions=True)
    except CSRFError:
        answer = _rescue()
        if answer is None:
            raise
        return answer
    return None


def keep_sign_in_within_the_clinic() -> None:
    """Accept sign-in and sign-out only from their forms, and redirect only to our own pages."""
    if request.endpoint in KEYLESS:
        if request.is_json:
            abort(400, "Use the sign-in form on the page.")
        security.lead_within()


def require_sign_in() -> Response | None:
    """Redirect a person who is not signed in to the sign-in page."""
    if _is_open() or current_user.is_authenticated:
        return None
    return _rescue() or _to_sign_in(and_back=request.method == "GET")


def require_open_session() -> Response | None:
    """End a session that was idle too long, is too old, or was ended; its unfinished form is kept."""
    if _is_open():
        return None
    if security.still_open():
        security.touch()
        return None
    kept = _keep_what_was_typed()
    if not kept and (answer := _rescue()) is not None:
        return answer
    session.clear()
    if kept and request.form.get("do") == "autosave":
        return Response(status=204)
    if kept:
        flash(
            "You were signed out after a period of inactivity. Your entries are saved and come back after you sign in.",
            "wait",
        )
    return _to_sign_in(and_back=kept or request.method == "GET")


def keep_to_own_site() -> None:
    """Limit the request to the user's site, and set the user as actor for the ledger."""
    if not _is_open():
        user = me()
        keep_to_site(db.session(), user.site_id)
        set_actor(db.session(), user.id)


def require_role() -> None:
    """Refuse what the user's role may not do; a route without roles is closed to all."""
    if _is_open():
        return
    g.user = user = me()
    roles = ROUTES.get(request.endpoint or "", NOBODY)
    if roles is not None and user.role not in roles:
        abort(403)


def check_password_without_lock() -> None:
    """Check a typed password (slow) before the write lock is taken."""
    if _writes() and request.form.get("password"):
        security.check_password_ahead(me())


def take_write_lock() -> Response | None:
    """Take the write lock for a request that writes, and check again under the lock that the account is active."""
    if not _writes():
        return None
    write_from_here(db.session())
    lock_site(db.session(), me().site_id)
    if security.not_ended():
        return None
    session.clear()
    return _to_sign_in(and_back=False)


def take_form_once() -> Response | None:
    """Save a form as a draft if asked; otherwise accept each form once (hazards H15, H20)."""
    if not _writes() or request.endpoint in KEYLESS:
        return None
    if request.form.get("do") in DRAFTING:
        if request.form["do"] != "discard" and not _may_draft(me()):
            abort(404)
        return DRAFTING[request.form["do"]](me().id)
    return idempotency.claim(me().id)


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
"""The order: checks without database, then identity, permission, write lock, form."""


def init_app(app: Flask) -> None:
    """Run every guard before every request, before anything else."""
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
    """Return whether this address needs no sign-in. Unknown addresses need none: they answer 404."""
    return request.endpoint is None or request.endpoint in OPEN


def _writes() -> bool:
    """Return whether this request of a signed-in user may write."""
    if request.method != "POST" or _is_open() or request.endpoint in SEARCHES:
        return False
    return request.form.get("do", "") not in CHECKS.get(request.endpoint or "", ())


def _to_sign_in(*, and_back: bool) -> Response:
    return redirect(url_for("security.login", next=_page() if and_back else None))


def _page() -> str:
    """Return the page to come back to: of a form that was sent, the page on which it was filled in."""
    return f"{request.script_root}{drafts.place()}" if request.method == "POST" else idempotency.address()


def _rescue() -> Response | None:
    """Keep a form of ours that can no longer be taken, for the person to whom it was shown; None if it is not ours.

    The form names its reader in an input that only this clinic can make, so nobody plants a draft for a colleague.
    """
    who = drafts.typed_by(security.ABSOLUTE) if request.method == "POST" else None
    user = db.session.get(User, who) if who else None
    if user is None or not user.active:
        return None
    name, here = user.printed_name, current_user.is_authenticated and security.still_open()
    mine = here and me().id == who
    with writing(db.session()):
        keep_to_site(db.session(), user.site_id)
        kept = _may_draft(user) and drafts.keep(user.id)
        db.session.commit()
        keep_to_site(db.session(), None)
    if request.form.get("do") == "autosave":
        return Response(status=204)
    if not here:
        session.clear()
    if kept and here and not mine:
        flash(f"{name} was signed out here. The entries were not saved; they are a draft of {name} now.", "wait")
        return redirect(url_for("pathway.today"), 303)
    if kept:
        flash("You were signed out in the meantime. Your entries are filled in again: check them, then save.", "wait")
    return redirect(_page(), 303) if mine else _to_sign_in(and_back=kept)


def _keep_what_was_typed() -> bool:
    """Keep the form of a user whose session expired while typing; a session that was ended keeps nothing."""
    if not _writes() or request.endpoint in KEYLESS or not security.may_keep_what_was_typed():
        return False
    write_from_here(db.session())
    keep_to_site(db.session(), me().site_id)
    kept = _may_draft(me()) and drafts.keep(me().id)
    db.session.commit()
    return kept


def _discard_draft(user_id: str) -> Response:
    drafts.end(user_id)
    db.session.commit()
    flash("Draft discarded.", "ok")
    return redirect(_page(), 303)


def _may_draft(user: User) -> bool:
    """Whether a user may send this form, and the site has each record that its address names; it says 404 otherwise."""
    kinds = {model.KIND: model for model in models().values()}
    named = [str(given) for name, given in (request.view_args or {}).items() if name.endswith("_id")]
    found = ((kinds.get(one[:2].upper()), one) for one in named)
    here = all(kind is not None and _is_here(kind, one) for kind, one in found)
    return here and may(user.role, request.endpoint or "")


def _is_here(kind: type[Model], given: str) -> bool:
    wanted = parse_id(given, kind.KIND)
    return wanted is not None and db.session.scalar(select(kind.id).where(kind.id == wanted)) is not None


def _not_kept(reason: str) -> Response:
    """Return the page that says why a draft is not kept, and keeps what was typed itself until that is mended."""
    typed = [(name, text) for name, text in request.form.items(multi=True) if name != "do" and not is_secret(name)]
    page = render_template(
        "errors/draft.html", reason=reason, typed=typed, drafts=drafts.mine(me().id), url=drafts.sent_to()
    )
    return make_response(page, 409)


def _autosave(user_id: str) -> Response:
    """Keep what was typed so far; a form that was saved in the meantime leaves no draft."""
    reason = drafts.refused(user_id)
    if reason:
        return Response(f"Draft not saved: {reason}.", 409, mimetype="text/plain")
    if not idempotency.taken():
        drafts.keep(user_id)
    db.session.commit()
    return Response(status=204)


def _keep_draft(user_id: str) -> Response:
    reason = drafts.refused(user_id)
    if reason:
        return _not_kept(reason)
    kept = drafts.keep(user_id)
    db.session.commit()
    flash(
        "Saved as a draft. You will find it under Today." if kept else "Nothing was entered yet.",
        "plan" if kept else "wait",
    )
    return redirect(url_for("pathway.today"), 303)


DRAFTING: dict[str, Callable[[str], Response]] = {
    "draft": _keep_draft, "autosave": _autosave, "discard": _discard_draft,
}  # fmt: skip
"""What a form can be sent for besides saving its record."""
