"""Error pages: what happened, whether anything was saved, what to do."""

from __future__ import annotations

import errno
import secrets
import sqlite3
import traceback
from typing import TYPE_CHECKING, Any

from flask import Response, current_app, g, make_response, render_template, request, url_for
from flask_login import AnonymousUserMixin, current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException, InternalServerError

from clinic import drafts, record_display, record_pages
from clinic.access import ROUTES
from clinic.accounts import security
from clinic.errors import RuleBroken, StepBlocked
from clinic.extensions import db
from clinic.identifiers import parse_id
from clinic.pages import ChangedMeanwhile, me
from clinic.reading import reading_only
from clinic.secret_boxes import is_secret

if TYPE_CHECKING:
    from flask import Flask

SORRY = {
    400: ("The request could not be read", "Go back, open the page again and try again."),
    403: ("You don't have access", "Your role does not allow this."),
    404: ("Page not found", "The address may be mistyped. Search for the patient, or scan the label again."),
    405: ("This action is not available here", "Go back and use the buttons on the page."),
    409: ("Not allowed by the clinic's rules", "Go back, correct the problem, and try again."),
    422: ("This choice cannot be used", "Go back and choose again."),
    413: ("The file is too large", "Send a smaller file."),
    429: ("Too many attempts", "Wait a few minutes and try again."),
    500: ("Something went wrong", "Nothing was saved. Try again. If it recurs, give your administrator the reference."),
}  # fmt: skip
RETRY_AFTER = 10
"""Seconds after which a page may be asked for again while the database is away."""
MOST_CARRIED = 100_000
"""The most characters of a form that the page keeps for another attempt."""

KEPT = "Your entries are kept as a draft; you will find it under Today."

BUSY = "The database is busy: another user is saving a lot of data."
AWAY = "The database does not answer."
NOT_SET_UP = "The database is empty: it is not this clinic's, or it was not set up (clinic migrate)."
NOT_WRITABLE = "The database cannot be written: its disk is full, broken or read-only."
NO_FILES = "The server cannot write files: its disk is full, broken or read-only."
BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
AWAY_CODES = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
NOT_WRITABLE_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}
POSTGRESQL = {"42P01": NOT_SET_UP, "55P03": BUSY, "53300": BUSY, "53100": NOT_WRITABLE, "25006": NOT_WRITABLE}
"""Undefined table, lock not available, too many connections, disk full, read-only transaction."""
DISK_CODES = {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO}
CONNECTION_CLASSES = {"08", "57"}


def unavailable(fault: BaseException | None) -> str | None:
    """Return why the database cannot be used now, as a sentence; None if the error has another cause."""
    if isinstance(fault, NoConnectionFree | DisconnectionError):
        return BUSY if isinstance(fault, NoConnectionFree) else AWAY
    if isinstance(fault, OSError) and fault.errno in DISK_CODES:
        return NO_FILES
    if not isinstance(fault, DBAPIError):
        return None
    return _of_sqlite(fault.orig) if isinstance(fault.orig, sqlite3.Error) else _of_postgresql(fault)


def _of_sqlite(fault: sqlite3.Error) -> str | None:
    code = getattr(fault, "sqlite_errorcode", None)
    if code is None:
        return AWAY if "unable to open" in str(fault) else None
    if "no such table" in str(fault):
        return NOT_SET_UP
    kinds = ((BUSY_CODES, BUSY), (AWAY_CODES, AWAY), (NOT_WRITABLE_CODES, NOT_WRITABLE))
    return next((sentence for codes, sentence in kinds if code & 0xFF in codes), None)


def _of_postgresql(fault: DBAPIError) -> str | None:
    """Read the server's code; where the server was not even reached there is none."""
    state = getattr(fault.orig, "sqlstate", None)
    if state in POSTGRESQL:
        return POSTGRESQL[state]
    unreached = isinstance(fault, OperationalError) and (state is None or state[:2] in CONNECTION_CLASSES)
    return AWAY if unreached or fault.connection_invalidated else None


def _where(fault: BaseException) -> str:
    """Return the traceback and the error's class, without its message: database errors repeat what was typed."""
    frames = "".join(traceback.format_tb(fault.__traceback__))
    cause = fault.__cause__ or fault.__context__
    return f"{frames}{type(fault).__name__}" + (f", because of {type(cause).__name__}" if cause else "")


def _start_over() -> bool:
    """Roll back. The error page only reads.

    What was typed into a form that has drafts is kept as one first; return whether it was.
    """
    db.session.rollback()
    kept = drafts.TITLE in request.form and current_user.is_authenticated and drafts.keep(current_user.id)
    if kept:
        db.session.commit()
    reading_only.set(True)
    return kept


def _page(code: int, sentence: str, reference: str | None = None) -> tuple[str, int]:
    title, what_to_do = SORRY.get(code, SORRY[500])
    return render_template(
        "errors/error.html", code=code, title=title, sentence=sentence, what_to_do=what_to_do, reference=reference
    ), code


def _ask_no_database() -> None:
    """Render the page without a user, so that it works even if the database is the cause."""
    g.without_database, g.user = True, None
    g._login_user = AnonymousUserMixin()  # noqa: SLF001 - or the sign-in package would ask the database who it is
    db.session.remove()


def _unavailable_page(sentence: str) -> Response:
    """Return a page that needs no database and keeps what was typed, so that one button sends it again.

    It has empty boxes for passwords and files, which no page keeps.
    """
    _ask_no_database()
    typed = [(name, text) for name, text in request.form.items(multi=True) if name != "do" and not is_secret(name)]
    fits = sum(len(text) for _name, text in typed) <= MOST_CARRIED
    sent = request.method == "POST"
    page = render_template(
        "errors/unavailable.html",
        sentence=sentence,
        sent=sent,
        url=drafts.sent_to() or url_for("pathway.today"),
        typed=[(name, text) for name, text in typed if text] if sent and fits else [],
        passwords=[(name, _password_label(name)) for name in request.form if is_secret(name)],
        files=[(name, file.filename) for name, file in request.files.items(multi=True) if file.filename],
    )
    answer = make_response(page, 503)
    answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def _password_label(name: str) -> str:
    """Return what a box for a password is called where its form is not at hand."""
    if name == security.OWN_PASSWORD:
        return "Your password"
    return "Password of the second person" if request.form.get(security.SECOND_PERSON) else "Password"


def _http(fault: HTTPException) -> Any:
    if fault.response is not None:
        return fault.response
    if isinstance(fault, InternalServerError) and isinstance(fault.original_exception, Exception):
        return _broke(fault.original_exception)  # while another answer was being made
    code = fault.code or 500
    if request.endpoint is None and current_user.is_authenticated and security.still_open():
        g.user = me()  # an unknown address asks no guard; the page has the menu and the site's time all the same
    default = type(fault).description
    said = fault.description if fault.description and fault.description != default else ""
    if isinstance(fault, CSRFError):
        said = "The page was open for too long, or the session ended."
    return _page(code, said or {403: _who_may(), 404: "No record in your clinic has this address."}.get(code, ""))


def _who_may() -> str:
    """Return which roles may do what was asked for; empty where the role is not why it was refused."""
    roles = ROUTES.get(request.endpoint or "")
    if not roles or not current_user.is_authenticated or current_user.role in roles:
        return ""
    return f"This can be done by: {', '.join(sorted(role.label for role in roles))}."


def _blocked(fault: StepBlocked) -> Any:
    kept, reasons = _start_over(), record_display.reasons(fault.reasons)
    title = f"{fault.title} is blocked, because…"
    lede = f"{fault.title} cannot be recorded now. Resolve the points below first."
    about = _about() | {
        "lede": lede if request.method == "GET" else "Nothing was saved. Resolve the points below first."
    }
    return render_template("errors/blocked.html", title=title, reasons=reasons, kept=kept, **about), 409


def _about() -> dict[str, Any]:
    """Return the patient whom the address is about, and the way back to the course or record that it names."""
    for name, value in (request.view_args or {}).items():
        wanted = parse_id(str(value))
        if not name.endswith("_id") or wanted is None or wanted[:2] not in record_pages.PAGES:
            continue
        place, record = record_pages.page_and_record(wanted)
        if name == "treatment_id":
            back = {"back_url": url_for("pathway.course", treatment_id=record.id), "back_label": "Back to the course"}
        else:
            back = {"back_url": place.show(record), "back_label": f"Back to the {record.NOUN.lower()}"}
        return back | {"patient": place.patient(record)}
    return {}


def _rule(fault: RuleBroken) -> Any:
    kept = _start_over()
    return _page(409, f"{fault} {KEPT}" if kept else str(fault))


def _stale(_fault: StaleDataError) -> Any:
    _start_over()
    return _page(409, "Another user changed this record at the same time. Your changes were not saved. Open it again.")


def _changed(fault: ChangedMeanwhile) -> Any:
    return record_pages.both_versions(fault.row), 409


def _broke(fault: Exception) -> Any:
    away = unavailable(fault)
    if away is not None:
        current_app.logger.error("503: %s (%s)", away, type(fault).__name__)  # a line: there will be many
        return _unavailable_page(away)
    if current_app.testing:
        raise fault
    reference = secrets.token_hex(4)
    current_app.logger.error("reference %s\n%s", reference, _where(fault))
    _ask_no_database()
    return _page(500, "An unexpected error occurred.", reference)


def init_app(app: Flask) -> None:
    """Register the handlers that answer every error with a page."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(StepBlocked, _blocked)
    app.register_error_handler(RuleBroken, _rule)
    app.register_error_handler(StaleDataError, _stale)
    app.register_error_handler(ChangedMeanwhile, _changed)
    app.register_error_handler(Exception, _broke)
