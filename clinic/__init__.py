"""Cellcourse: a stem-cell clinic's record of treatment, from consent to follow-up."""

from __future__ import annotations

import secrets
import traceback
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from flask import Flask, g, render_template, request
from sqlalchemy import select
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from clinic import clock, headers, idempotency, record_display, record_pages, templating
from clinic.access import PUBLIC, ROUTES, may
from clinic.accounts import security
from clinic.accounts.models import Site
from clinic.errors import RuleBroken, StepBlocked
from clinic.extensions import csrf, db, migrate, prepare
from clinic.pages import ChangedMeanwhile
from clinic.schema import MIGRATIONS

if TYPE_CHECKING:
    from config import Settings

ROOMS = (
    "clinic.health", "clinic.record_pages", "clinic.audit.views", "clinic.accounts.views", "clinic.protocols.views",
    "clinic.patients.views", "clinic.patients.donor_views", "clinic.treatments.views", "clinic.consent.views",
    "clinic.eligibility.views", "clinic.harvest.views", "clinic.processing.views", "clinic.release.views",
    "clinic.inventory.views", "clinic.administration.views", "clinic.followup.views", "clinic.followup.event_views",
    "clinic.pathway.patient_views", "clinic.exchange.views",
)  # fmt: skip
MENU = (
    ("Today", "list-check", "pathway.today", "/"),
    ("Patients", "users", "pathway.patients", "/patients"),
    ("Products", "droplet-half-2", "products.index", "/products"),
    ("Protocols", "clipboard-list", "protocols.index", "/protocols"),
    ("Ledger", "shield-check", "ledger.index", "/ledger"),
    ("Staff", "user-cog", "accounts.index", "/staff"),
)
SORRY = {
    400: ("This could not be read", "Go back, open the page again and repeat what you did."),
    403: ("This is not yours to open", "Your role does not do this. Ask somebody whose role does."),
    404: ("Nothing is here", "The address may be mistyped. Search for the patient, or scan the label again."),
    405: ("This page cannot do that", "Go back and use the buttons of the page."),
    409: ("The clinic's rules say no", "Go back, mend what is named, and try again."),
    413: ("That is too large", "Send a smaller file."),
    429: ("Too many tries", "Wait a little and try again."),
    500: ("Something broke", "Nothing was saved. Try once more; then tell your administrator the reference."),
}  # fmt: skip


def create_app(settings: Settings) -> Flask:
    """Return the application for the given settings."""
    app = Flask(__name__, instance_path=str(settings.instance))
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SECURITY_PASSWORD_SALT=settings.secret_key[::-1],
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS={"hide_parameters": True},
        SESSION_COOKIE_NAME="__Host-session" if settings.production else "session",
        SESSION_COOKIE_SECURE=settings.production,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        WTF_CSRF_TIME_LIMIT=None,
        MAX_CONTENT_LENGTH=16 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        TESTING=settings.testing,
        DEBUG=False,
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=1),
    )
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS), render_as_batch=True)
    csrf.init_app(app)
    with app.app_context():
        prepare(db.engine)
    security.init_app(app)
    idempotency.init_app(app)
    headers.init_app(app, production=settings.production)
    templating.init_app(app, _zone)
    for name in ROOMS:
        app.register_blueprint(import_module(name).bp)
    _close_what_is_undeclared(app)
    _say_sorry(app)
    app.context_processor(_around_every_page)
    if settings.production:
        with app.app_context():
            security.refuse_demonstration()
    return app


def _close_what_is_undeclared(app: Flask) -> None:
    """Fill the table of routes; one of ours without roles stops the start (deny by default)."""
    for endpoint, view in app.view_functions.items():
        if hasattr(view, "allowed"):
            ROUTES[endpoint] = view.allowed  # type: ignore[attr-defined]
        elif endpoint in security.OPEN | security.KEYLESS | {"static"}:
            ROUTES[endpoint] = None
        elif endpoint.startswith("security."):
            ROUTES[endpoint] = PUBLIC
        else:
            raise RuntimeError(f"The route {endpoint} names no roles: mark its view with allow()")


def _zone() -> str:
    user = g.get("user")
    return user.site.zone if user is not None else "Etc/UTC"


def _around_every_page() -> dict[str, Any]:
    """Return what the layout needs on every page."""
    at, user = clock.now(), g.get("user")
    wall = clock.local(at, _zone())
    menu = [
        {
            "label": label,
            "icon": icon,
            "url": url,
            "current": request.path == url or (url != "/" and request.path.startswith(url)),
        }
        for label, icon, endpoint, url in MENU
        if user is not None and may(user.role, endpoint)
    ]
    return {
        "user": user,
        "menu": menu,
        "site_zone": f"{_zone()} ({_offset(f'{wall:%z}')})",
        "page_made_at": at,
        "is_demo": _is_demo(user),
        "sealed": None,
        "exports_url": "/exports" if user is not None and may(user.role, "exchange.index") else None,
        "theme": user.theme if user is not None else "",
    }


def _offset(said: str) -> str:
    """Return “UTC+2” or “UTC−3:30” for +0200 or -0330."""
    hours, minutes = int(said[1:3]), said[3:5]
    sign = "−" if said[0] == "-" else "+"
    return f"UTC{sign}{hours}{':' + minutes if minutes != '00' else ''}"


def _is_demo(user: Any) -> bool:
    if user is not None:
        return user.site.is_demo
    return db.session.scalar(select(Site.id).where(Site.is_demo).limit(1)) is not None


def _where(fault: BaseException) -> str:
    """Return what broke and in which lines, without the fault's own words: a database repeats there what was typed."""
    frames = "".join(traceback.format_tb(fault.__traceback__))
    cause = fault.__cause__ or fault.__context__
    return f"{frames}{type(fault).__name__}" + (f", because of {type(cause).__name__}" if cause else "")


def _say_sorry(app: Flask) -> None:
    """Answer every fault with a page that says what happened and what to do; one place for all of them."""

    def page(code: int, sentence: str, reference: str | None = None) -> tuple[str, int]:
        title, what_to_do = SORRY.get(code, SORRY[500])
        return render_template(
            "errors/error.html", code=code, title=title, sentence=sentence, what_to_do=what_to_do, reference=reference
        ), code

    @app.errorhandler(HTTPException)
    def _http(fault: HTTPException) -> Any:
        if fault.response is not None:
            return fault.response
        code = fault.code or 500
        default = type(fault).description
        said = fault.description if fault.description and fault.description != default else ""
        return page(code, said or {404: "No record of your clinic has this address."}.get(code, ""))

    @app.errorhandler(StepBlocked)
    def _blocked(fault: StepBlocked) -> Any:
        db.session.rollback()
        reasons = record_display.reasons(fault.reasons)
        return render_template("errors/blocked.html", title=f"{fault.title} is blocked, because…", reasons=reasons), 409

    @app.errorhandler(RuleBroken)
    def _rule(fault: RuleBroken) -> Any:
        db.session.rollback()
        return page(409, str(fault))

    @app.errorhandler(StaleDataError)
    def _stale(_fault: StaleDataError) -> Any:
        db.session.rollback()
        return page(
            409, "Somebody else changed this record at the same moment. Nothing of yours was saved. Open it again."
        )

    @app.errorhandler(ChangedMeanwhile)
    def _changed(fault: ChangedMeanwhile) -> Any:
        return record_pages.both_versions(fault.row), 409

    @app.errorhandler(Exception)
    def _broke(fault: Exception) -> Any:
        if app.testing:
            raise fault
        reference = secrets.token_hex(4)
        app.logger.error("reference %s\n%s", reference, _where(fault))
        db.session.rollback()
        return page(500, "The program met something it does not know.", reference)
