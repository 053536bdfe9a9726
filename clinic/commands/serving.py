"""The command that serves the clinic."""

from __future__ import annotations

import errno
import gc
import os
import resource
import socket
import threading
from importlib import import_module
from typing import TYPE_CHECKING

import click
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server
from sqlalchemy.exc import SQLAlchemyError

from clinic import assets, clock, one_server, query_plans
from clinic.access import Role
from clinic.accounts.security import is_demo
from clinic.console import application, current_schema
from clinic.errors import SettingsWrong
from clinic.exchange import uploads
from clinic.extensions import SQLITE_THREADS, db
from clinic.gateway import Gateway
from clinic.ledger import sealing
from clinic.pathway import catalogue_use
from clinic.pathway.sweeping import keep_sweeping, sweep
from clinic.reading import reading
from clinic.reports import schedule
from clinic.requests import mail
from config import ROOT, load

if TYPE_CHECKING:
    from datetime import datetime

    from flask import Flask

    from config import Settings

HEADER_WAIT = 10_000
"""Milliseconds until the head of a request is there."""
MOST_HEADERS = 64 * 1024
"""Bytes of the head of a request."""
MOST_CONNECTIONS = 8_192
"""Connections of one process; a further one waits until another is closed."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", type=click.IntRange(1, 64), help="Processes; SQLite has one. Default: as many as fit.")
def serve(host: str, port: int, workers: int | None) -> None:
    app, settings = application()
    _refuse_a_bare_clinic(settings)
    with app.app_context():
        current_schema()
        with one_server.serving(db.engine, settings.instance):
            demo, count = _ready(settings, workers)
            _refuse_a_port_in_use(host, port)
            _greet(host, port, demo=demo)
            os.environ["CLINIC_INSTANCE"] = str(settings.instance)
            os.environ["CLINIC_CATALOGUES_READ"] = app.config["CATALOGUES"]  # all processes know the same entries
            _serve(host, port, count)
    click.echo("Stopped.")


def _refuse_a_bare_clinic(settings: Settings) -> None:
    """Raise `SettingsWrong` where pages would come without style sheet or script; while developing, only say so."""
    if not (lacking := assets.missing()):
        return
    said = f"Pages have no style or script: {', '.join(lacking)} is not there. Run: make set-up"
    if settings.production:
        raise SettingsWrong(said)
    click.echo(f"clinic: {said}", err=True)


def _ready(settings: Settings, workers: int | None) -> tuple[bool, int]:
    """Return whether the clinic is a demonstration, and how many processes serve it; writes down its catalogues."""
    with reading():
        demo, sqlite = is_demo(), db.engine.dialect.name == "sqlite"
        said = catalogue_use.notices(db.session())
        db.session.remove()
    catalogue_use.write_down(db.session(), clock.now())
    db.session.remove()
    db.engine.dispose()
    for notice in said:
        click.echo(f"Catalogues: {notice}", err=True)
    if sqlite and workers not in {None, 1}:
        raise SettingsWrong("SQLite is served by one process with several threads; for more processes use PostgreSQL.")
    if demo and settings.production:
        raise SettingsWrong("This is a demonstration clinic; production does not allow demonstration accounts.")
    return demo, 1 if sqlite else workers or min(4, os.cpu_count() or 1)


def _greet(host: str, port: int, *, demo: bool) -> None:
    click.echo(f"Cellcourse: http://{host if ':' not in host else f'[{host}]'}:{port}")
    if demo:
        roles = ", ".join(role.value for role in Role)
        click.echo("Demonstration accounts: ROLE@north.demo or ROLE@south.demo, password cellcourse-demo-1")
        click.echo(f"ROLE is one of {roles}")


def _serve(host: str, port: int, processes: int) -> None:
    """Serve until this process is told to stop."""
    _allow_connections()
    server = Server(
        "clinic.commands.serving:served", factory=True, address=host, port=port,
        interface=Interfaces.ASGINL, http=HTTPModes.http1, websockets=False, workers=processes,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_WAIT, max_buffer_size=MOST_HEADERS),
        backlog=MOST_CONNECTIONS, backpressure=MOST_CONNECTIONS,
        log_level=LogLevels.error, working_dir=ROOT,
        respawn_failed_workers=True, workers_kill_timeout=10,
    )  # fmt: skip
    server.serve()


def _refuse_a_port_in_use(host: str, port: int) -> None:
    """Raise `SettingsWrong` where another program listens: the server itself would share the port with it unseen."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as fault:
        why = "is in use" if fault.errno == errno.EADDRINUSE else f"cannot be used ({fault.strerror or fault})"
        raise SettingsWrong(f"Port {port} of {host} {why}. Choose another one with --port.") from fault


def _allow_connections() -> None:
    """Let this process and its workers hold as many connections as are taken, as far as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + 1024
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def served() -> Gateway:
    """Return the application of one process of the server, with the thread that recalculates beside it.

    The thread starts in the process that serves, never in the one that forks it: what a thread has locked at the
    moment of a fork, such as the memory of SQLite, stays locked in the new process for good.
    """
    app: Flask = import_module("wsgi").app  # not imported above: it makes the application
    collect_less()
    _sweep_beside(app, threading.Event())
    with app.app_context():
        sqlite = db.engine.dialect.name == "sqlite"
    return Gateway(app, SQLITE_THREADS if sqlite else min(4, 2 * (os.cpu_count() or 1)))


def seal_beside(app: Flask, settings: Settings, at: datetime) -> None:
    """Seal the ledger in its turn; what keeps it from being sealed is logged as an error, once each turn."""
    with app.app_context(), reading():
        try:
            for fault in sealing.seal_in_turn(db.session(), settings.instance, settings.seal_folders, at):
                app.logger.error("the ledger is not sealed, run clinic verify: %s", fault)
        except (SQLAlchemyError, OSError) as fault:
            app.logger.warning("the ledger will be sealed later: %s", type(fault).__name__)
        except Exception as fault:  # noqa: BLE001 - what nobody can read must not end recalculation, mail and seals
            app.logger.error("the ledger is not sealed, run clinic verify: %s", type(fault).__name__)  # noqa: TRY400
        finally:
            db.session.remove()


def collect_less() -> None:
    """Let no collection of garbage walk through what lives as long as the process: a fifth of the time of a page."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _sweep_beside(app: Flask, stop: threading.Event) -> None:
    """Recalculate, beside the server, what time alone changes; if the database is unavailable, try again next time."""
    counted: datetime | None = None

    def judge() -> None:
        nonlocal counted
        with app.app_context():
            try:
                uploads.forget_old()  # first: whatever fails below, files of patients do not stay longer than is said
                app.extensions["readings"].take_left()
                sweep(db.session(), clock.now())
                schedule.keep_due(db.session(), clock.now(), app.config["REPORTS_DIR"])
                mail.send_waiting(db.session(), app.config["SMTP"], clock.now(), app.config["PUBLIC_URL"])
                if counted is None or clock.now() - counted > query_plans.EVERY:
                    db.session.remove()
                    query_plans.gather(db.engine)
                    counted = clock.now()
            except (SQLAlchemyError, OSError) as fault:
                app.logger.warning("the sweep will try again later: %s", type(fault).__name__)
            except Exception as fault:  # noqa: BLE001 - one fault must not end recalculation, mail and seals for good
                app.logger.error("the sweep failed and will try again: %s", type(fault).__name__)  # noqa: TRY400
            finally:
                db.session.remove()
        seal_beside(app, settings, clock.now())

    settings = load()
    keep_sweeping(judge, stop)
