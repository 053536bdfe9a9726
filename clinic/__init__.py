"""Cellcourse: a stem-cell clinic's record of treatment, from consent to follow-up."""

from __future__ import annotations

import gc
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, g, url_for
from jinja2 import TemplateNotFound
from sqlalchemy import select
from werkzeug.middleware.proxy_fix import ProxyFix

from clinic import assets, clock, drafts, error_pages, guards, headers, idempotency, read_log, templating
from clinic.access import KEYLESS, NOBODY, OPEN, ROUTES, may
from clinic.accounts import security
from clinic.accounts.models import Site
from clinic.course_records import work_out_once
from clinic.extensions import db, engine_options, migrate, prepare
from clinic.notices import MOST_COUNTED
from clinic.protocols import catalogue_file
from clinic.schema import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from clinic.accounts.models import User
    from clinic.steps import Step
    from config import Settings

SELDOM = (50_000, 20, 100)
"""When garbage is collected: nearly all that a start makes lives as long as the program, a fifth of whose time went
into looking through it again."""
ROOMS = (
    "clinic.health", "clinic.record_pages", "clinic.accounts.views", "clinic.protocols.views", "clinic.patients.views",
    "clinic.patients.donor_views", "clinic.patients.merge_views", "clinic.inventory.donor_kind",
    "clinic.treatments.views", "clinic.inventory.views", "clinic.pathway.patient_views",
    "clinic.audit.views", "clinic.exchange.views", "clinic.exchange.import_views", "clinic.exchange.e2b_views",
    "clinic.documents.views", "clinic.dossier.views",
    "clinic.reports.views", "clinic.reports.analysis_views", "clinic.reports.kept_views", "clinic.reports.saved_views",
    "clinic.reports.line_views", "clinic.reports.past_views", "clinic.reports.source_audit_views",
    "clinic.requests.views", "clinic.requests.notice_views",
    "clinic.attachments.views",
    "clinic.downtime.views", "clinic.pathway.authorization_views",
)  # fmt: skip
"""Modules with pages that belong to no step; each defines a blueprint ``bp``. Steps name their own modules."""
MENU = (
    ("Today", "list-check", "pathway.today"),
    ("Patients", "users", "pathway.patients"),
    ("Products", "droplet-half-2", "products.index"),
    ("Protocols", "clipboard-list", "protocols.index"),
    ("Reports", "chart-line", "reports.index"),
    ("Ledger", "shield-check", "ledger.index"),
    ("Staff", "user-cog", "accounts.index"),
)


class UnderPrefix:
    """WSGI middleware: serve the app under the path of CLINIC_PUBLIC_URL, whether or not the proxy strips it."""

    def __init__(self, application: WSGIApplication, prefix: str) -> None:
        self.application, self.prefix = application, prefix

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Move the prefix from the path to the name under which the application is mounted."""
        path = environ.get("PATH_INFO", "")
        if not environ.get("SCRIPT_NAME"):
            environ["SCRIPT_NAME"] = self.prefix
            if path == self.prefix or path.startswith(f"{self.prefix}/"):
                environ["PATH_INFO"] = path.removeprefix(self.prefix)
        return self.application(environ, start_response)


def create_app(settings: Settings | None = None, pathway: Sequence[Step] | None = None) -> Flask:
    """Return the application.

    ``settings`` None: as the environment and ``instance/config.toml`` say. ``pathway`` None: the clinic's own steps;
    a test may give one step more. Raises `SettingsWrong` with a sentence.
    """
    gc.set_threshold(*SELDOM)
    if settings is None:
        chosen: Settings = import_module("config").load()  # not imported above: it imports this package
        return create_app(chosen, pathway)
    catalogues = _catalogues(settings)
    added = catalogue_file.read(catalogues, settings.catalogues.name if settings.catalogues else "catalogues.toml")
    app = Flask(__name__, instance_path=str(settings.instance), static_folder=None)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SECURITY_PASSWORD_SALT=settings.derived("password salt"),
        RESEARCH_SECRET=settings.derived("shift of days for research"),
        MARK_SECRET=settings.derived("marks of texts in addresses"),
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url, settings.database_wait),
        SESSION_COOKIE_NAME="__Host-session" if settings.production else "session",
        SESSION_COOKIE_SECURE=settings.production,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_CHECK_DEFAULT=False,  # a guard asks for the token, in its turn
        MAX_CONTENT_LENGTH=16 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        TESTING=settings.testing,
        SMTP=settings.smtp,
        PUBLIC_URL=settings.public_url,
        SEAL_FOLDERS=settings.seal_folders,
        REPORTS_DIR=settings.reports,
        CATALOGUES=catalogues,
        DEBUG=False,
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=1),
    )
    prefix = urlsplit(settings.public_url).path.rstrip("/")
    if prefix:
        app.wsgi_app = UnderPrefix(app.wsgi_app, prefix)
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS), render_as_batch=True)
    with app.app_context():
        prepare(
            db.engine,
            wait=settings.database_wait,
            silence=settings.database_silence,
            only_reads=settings.only_reads,
        )
    guards.init_app(app)
    security.init_app(app)
    idempotency.init_app(app)
    drafts.init_app(app)
    read_log.init_app(app)
    headers.init_app(app, production=settings.production)
    assets.init_app(app)
    templating.init_app(app, _zone)
    error_pages.init_app(app)
    from clinic.pathway import order, projection  # noqa: PLC0415 - the steps import the tools of this package

    steps = tuple(order.PATHWAY if pathway is None else pathway)
    for name in (*ROOMS, *(name for step in steps for name in step.views)):
        app.register_blueprint(import_module(name).bp)
    _close_what_is_undeclared(app)
    _refuse_steps_without_pages(app, steps)
    order.choose(steps)  # a start that was refused changes nothing in the program
    catalogue_file.use(added)
    app.context_processor(_around_every_page)
    with app.app_context():
        work_out_once(db.engine.dialect)
        projection.families_near(db.engine.dialect.name)
        if settings.production:
            security.refuse_demonstration()
    return app


def _catalogues(settings: Settings) -> str:
    """Return the text in which the installation extends the catalogues.

    The processes of one server have the text that the first of them read, whatever became of the file since.
    """
    text = settings.catalogues_read
    return catalogue_file.text_of(settings.catalogues) if text is None else text


def _refuse_steps_without_pages(app: Flask, steps: Sequence[Step]) -> None:
    """Raise at start-up if a step names a page or a template that does not exist."""
    for step in steps:
        for endpoint in (step.endpoint, step.begin):
            if endpoint not in app.view_functions:
                raise RuntimeError(f"The step {step.name} leads to {endpoint}, which is no page.")
        for name in step.templates:
            try:
                app.jinja_env.get_template(name)
            except TemplateNotFound as missing:
                raise RuntimeError(f"The step {step.name} needs the template {missing}, which is not there.") from None


def _close_what_is_undeclared(app: Flask) -> None:
    """Fill the table of routes; raise at start-up if one of our routes has no roles (deny by default)."""
    for endpoint, view in app.view_functions.items():
        if hasattr(view, "allowed"):
            ROUTES[endpoint] = view.allowed  # type: ignore[attr-defined]
        elif endpoint in OPEN | KEYLESS:
            ROUTES[endpoint] = None
        elif endpoint.startswith("security."):
            ROUTES[endpoint] = NOBODY
        else:
            raise RuntimeError(f"The route {endpoint} names no roles: mark its view with allow()")


def _zone() -> str:
    user = g.get("user")
    return user.site.zone if user is not None else "Etc/UTC"


def _around_every_page() -> dict[str, Any]:
    """Return the context that the layout needs on every page."""
    at, user = clock.now(), g.get("user")
    wall = clock.local(at, _zone())
    return {
        "user": user,
        "menu": _menu(user) if user is not None else [],
        "site_zone": f"{_zone()} ({_offset(f'{wall:%z}')})",
        "page_made_at": at,
        "is_demo": not g.get("without_database") and _is_demo(user),
        "sealed": None,
        "notices": _bell(user),
        "exports_url": url_for("exchange.index") if user is not None and may(user.role, "exchange.index") else None,
        "imports_url": url_for("imports.index") if user is not None and may(user.role, "imports.index") else None,
        "theme": user.theme if user is not None else "",
        "idle_seconds": int(security.IDLE.total_seconds()),
    }


def _bell(user: User | None) -> dict[str, str] | None:
    """Return the address of the notices and how many are unread, in words; the count came with the open session."""
    if user is None:
        return None
    count = g.get("unread", 0)
    return {"url": url_for("notices.index"), "count": "99+" if count >= MOST_COUNTED else str(count or "")}


def _menu(user: User) -> list[dict[str, Any]]:
    """Return the menu entries that a role may open; the one of this page is marked current."""
    here, home, places = idempotency.address(), url_for("pathway.today"), []
    for label, icon, endpoint in MENU:
        if may(user.role, endpoint):
            url = url_for(endpoint)
            current = here == url or (url != home and here.startswith(url))
            places.append({"label": label, "icon": icon, "url": url, "current": current})
    return places


def _offset(said: str) -> str:
    """Return “UTC+2” or “UTC−3:30” for +0200 or -0330."""
    hours, minutes = int(said[1:3]), said[3:5]
    sign = "−" if said[0] == "-" else "+"
    return f"UTC{sign}{hours}{':' + minutes if minutes != '00' else ''}"


def _is_demo(user: Any) -> bool:
    if user is not None:
        return user.site.is_demo
    return db.session.scalar(select(Site.id).where(Site.is_demo).limit(1)) is not None
