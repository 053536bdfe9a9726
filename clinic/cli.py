"""The command line. Exit status: 0 done, 1 failed or refused, 2 wrong usage or settings; errors are one sentence."""

from __future__ import annotations

import os
import sys
import threading
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from alembic import command
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from clinic import clock
from clinic.access import Role
from clinic.cli_staff import site, user
from clinic.console import (
    NO,
    application,
    current_schema,
    progress,
    run,
    site_with,
    user_with,
    with_database,
    with_database_to_read,
)
from clinic.errors import RuleBroken, SettingsWrong
from config import ROOT, load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flask import Flask
    from sqlalchemy.orm import Session

    from clinic.exchange.exporting import Choice

FILE = click.Path(dir_okay=False, path_type=Path)
DAY = click.DateTime(["%Y-%m-%d"])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cellcourse")
def clinic() -> None:
    """Cellcourse: a stem-cell clinic's record of treatment."""


def main() -> None:
    """Run the command line."""
    run(clinic)


clinic.add_command(user)
clinic.add_command(site)


@clinic.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", type=click.IntRange(1, 64), help="Processes; SQLite has one. Default: as many as fit.")
def serve(host: str, port: int, workers: int | None) -> None:
    """Serve the clinic until Ctrl-C or SIGTERM."""
    from granian.constants import Interfaces  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415
    from granian.server import Server  # noqa: PLC0415

    from clinic.accounts.security import is_demo  # noqa: PLC0415
    from clinic.extensions import SQLITE_THREADS, db, reading  # noqa: PLC0415

    app, settings = application()
    with app.app_context():
        current_schema()
        with reading():
            demo, sqlite = is_demo(), db.engine.dialect.name == "sqlite"
            db.session.remove()
        db.engine.dispose()
    if sqlite and workers not in {None, 1}:
        raise SettingsWrong("SQLite is served by one process with several threads; for more processes use PostgreSQL.")
    if demo and settings.production:
        raise SettingsWrong("This is a demonstration clinic; production does not allow demonstration accounts.")
    count = 1 if sqlite else workers or min(4, os.cpu_count() or 1)
    click.echo(f"Cellcourse: http://{host if ':' not in host else f'[{host}]'}:{port}")
    if demo:
        roles = ", ".join(role.value for role in Role)
        click.echo("Demonstration accounts: ROLE@north.demo or ROLE@south.demo, password cellcourse-demo-1")
        click.echo(f"ROLE is one of {roles}")
    os.environ["CLINIC_INSTANCE"] = str(settings.instance)
    server = Server(
        "wsgi:app", address=host, port=port, interface=Interfaces.WSGI, workers=count,
        blocking_threads=SQLITE_THREADS if sqlite else min(4, 2 * (os.cpu_count() or 1)),
        log_level=LogLevels.error, working_dir=ROOT,
        respawn_failed_workers=True, workers_kill_timeout=10,
    )  # fmt: skip
    stop = threading.Event()
    server.on_startup(partial(_sweep_beside, app, stop))
    server.serve()
    stop.set()
    click.echo("Stopped.")


def _sweep_beside(app: Flask, stop: threading.Event) -> None:
    """Recalculate, beside the server, what time alone changes; if the database is unavailable, try again next time."""
    from clinic.extensions import db  # noqa: PLC0415
    from clinic.pathway.sweeping import keep_sweeping, sweep  # noqa: PLC0415

    def judge() -> None:
        with app.app_context():
            try:
                sweep(db.session(), clock.now())
            except SQLAlchemyError as fault:
                app.logger.warning("the sweep will try again later: %s", type(fault).__name__)
            finally:
                db.session.remove()

    keep_sweeping(judge, stop)


@clinic.command()
def migrate() -> None:
    """Bring the database to the current schema; safe when many start at once."""
    from clinic.extensions import db  # noqa: PLC0415
    from clinic.extensions import migrate as migrations  # noqa: PLC0415
    from clinic.pathway.sweeping import sweep  # noqa: PLC0415
    from clinic.schema import current, head  # noqa: PLC0415

    app, _settings = application()
    with app.app_context():
        before = current(db.engine)
        if before != head():
            config: Any = migrations.get_config()
            command.upgrade(config, "head")
        after = current(db.engine)
        if before != after:
            sweep(db.session(), clock.now())
            db.session.remove()
        db.engine.dispose()
    click.echo(
        f"The database is current, at {after}."
        if before == after
        else f"The database was migrated from {before or 'nothing'} to {after}."
    )


@clinic.command()
@click.option(
    "--patients", type=click.IntRange(1, 100_000), help="Number of patients, without the published histories."
)
@click.option("--seed", default=1, show_default=True, help="The same seed builds the same clinic.")
@click.option("--sites", type=click.IntRange(1, 20), default=2, show_default=True)
@click.option("--if-empty", is_flag=True, help="Do nothing if the database already has a clinic.")
@with_database
def demo(session: Session, patients: int | None, seed: int, sites: int, *, if_empty: bool) -> None:
    """Build a demonstration clinic; refuses a database that has another clinic."""
    from clinic.accounts.models import Site  # noqa: PLC0415

    if session.scalar(select(func.count()).select_from(Site)):
        if if_empty:
            return
        raise RuleBroken("This database already has a clinic. A demonstration is built only in an empty database.")
    if load().production:
        raise SettingsWrong("CLINIC_ENV is production: a demonstration clinic is not built there.")
    if find_spec("faker") is None:
        raise SettingsWrong("The demonstration needs Faker: run `make set-up`, or install requirements-demo.txt.")
    from clinic.demo import build as demonstration  # noqa: PLC0415 - it needs what production does not have

    number = demonstration.SYNTHETIC_PATIENTS if patients is None else patients
    tell = partial(click.echo, err=True) if sys.stderr.isatty() else None
    made = demonstration.build(session, patients=number, seed=seed, sites=sites, at=clock.now(), progress=tell)
    session.commit()
    click.echo(
        f"The demonstration clinic is ready: {', '.join(made.sites)}; {made.synthetic + made.published} patients."
    )


@clinic.command("import")
@click.argument("kind")
@click.argument("file", type=FILE)
@click.option("--map", "mapping", type=FILE, help="File that maps columns to facts.")
@click.option("--dry-run", is_flag=True, help="Check everything, import nothing.")
@click.option("--as", "email", required=True, help="Responsible person: the e-mail address of a staff member.")
@with_database_to_read
def import_table(  # noqa: PLR0913 - one for each option
    session: Session, kind: str, file: Path, mapping: Path | None, *, dry_run: bool, email: str
) -> None:
    """Import patients, courses or observations from CSV or XLSX: all or nothing."""
    from clinic.access import keep_to_site  # noqa: PLC0415
    from clinic.exchange import importing  # noqa: PLC0415
    from clinic.ledger.listener import set_actor  # noqa: PLC0415

    one = user_with(session, email)
    keep_to_site(session, one.site_id)
    set_actor(session, one.id, f"imported from {file.name}")
    with progress(f"Reading {file.name}") as tell:
        report = importing.run(session, kind, file, mapping, one, clock.now(), dry_run, progress=tell)
    if report.refused or dry_run:
        session.rollback()
    else:
        session.commit()
    for sentence in report.sentences():
        click.echo(sentence, err=report.refused)
    if report.refused:
        raise click.exceptions.Exit(NO)


@clinic.command()
@click.argument("dataset", required=False)
@click.option("--format", "form", default="csv", show_default=True)
@click.option("--from", "since", type=DAY, help="First day, e.g. 2026-01-31.")
@click.option("--to", "until", type=DAY, help="Last day, included.")
@click.option("--site", "code", help="Code of one site; default: all.")
@click.option("--research", is_flag=True, help="Without names, birth dates and free text.")
@click.option("--list", "listing", is_flag=True, help="List the data sets.")
@click.option("-o", "--output", type=FILE, help="File to write; default: standard output.")
@with_database_to_read
def export(
    session: Session, dataset: str | None, form: str, output: Path | None, *, listing: bool, **chosen: Any
) -> None:
    """Export a data set."""
    from clinic.exchange import exporting  # noqa: PLC0415
    from clinic.exchange.datasets import datasets  # noqa: PLC0415

    if listing:
        for known in datasets().values():
            click.echo(f"{known.name}\t{known.title}")
        return
    if dataset is None:
        raise click.UsageError("Name a data set, or use --list.")
    pieces = exporting.chunks(session, dataset, form, _choice(session, **chosen))
    if output is None:
        _pour(pieces, sys.stdout.buffer)
        return
    with output.open("xb") as file:
        _pour(pieces, file)


def _choice(
    session: Session, *, since: datetime | None, until: datetime | None, code: str | None, research: bool
) -> Choice:
    from clinic.exchange.exporting import Choice  # noqa: PLC0415

    place = site_with(session, code) if code else None
    days: dict[str, Any] = {"since": since.date() if since else None, "until": until.date() if until else None}
    return Choice(
        site_id=place.id if place else None, zone=place.zone if place else "Etc/UTC", research=research, **days
    )


def _pour(pieces: Iterator[str | bytes], target: IO[bytes]) -> None:
    for piece in pieces:
        target.write(piece.encode() if isinstance(piece, str) else piece)
    target.flush()


@clinic.command()
@click.option("--head", "seal_file", type=FILE, help="An earlier seal: shows whether entries are missing since.")
@with_database_to_read
def verify(session: Session, seal_file: Path | None) -> None:
    """Check the ledger, and that every record agrees with it."""
    from clinic.ledger import sealing  # noqa: PLC0415
    from clinic.ledger import verify as proof  # noqa: PLC0415

    key = sealing.key_of(load().instance)
    earlier = sealing.opened(seal_file.read_text(), key=key) if seal_file else None
    from clinic.pathway.sweeping import disagreements  # noqa: PLC0415

    found: list[Any] = list(proof.verify(session, earlier=earlier))
    found = found or list(disagreements(session, clock.now()))
    for fault in found:
        click.echo(str(fault))
    if found:
        raise RuleBroken(
            f"The records and the ledger disagree in {len(found)} {'place' if len(found) == 1 else 'places'}."
        )
    count = sum(head.number for head in proof.heads(session).values())
    click.echo(f"All {count} entries of the ledger follow each other, and every record agrees with them.")


@clinic.command()
@with_database
def sweep(session: Session) -> None:
    """Recalculate what time alone has changed; the server does this by itself."""
    from clinic.pathway import sweeping  # noqa: PLC0415

    count = sweeping.sweep(session, clock.now())
    click.echo("Nothing has changed." if not count else f"Recalculated: {count} courses and products.")


@clinic.command()
@click.option("-o", "--output", type=FILE, help="File to write; default: a new one in the instance's seals.")
@with_database_to_read
def seal(session: Session, output: Path | None) -> None:
    """Write and sign the present heads of the ledger. Keep the file elsewhere."""
    from clinic.ledger import sealing  # noqa: PLC0415
    from clinic.ledger import verify as proof  # noqa: PLC0415

    instance, at = load().instance, clock.now()
    heads = proof.heads(session)
    text = sealing.seal(heads, at=at, key=sealing.key_of(instance))
    if output is None:
        output = instance / "seals" / f"{at:%Y%m%dT%H%M%SZ}.json"
        output.parent.mkdir(mode=0o700, exist_ok=True)
    with output.open("x") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    click.echo(f"Sealed {sum(head.number for head in heads.values())} entries: {output}")


@clinic.command()
@click.argument("file", type=FILE)
@with_database_to_read
def backup(session: Session, file: Path) -> None:
    """Copy the database to a new file while it is in use, and verify the copy."""
    from clinic import backup as keeping  # noqa: PLC0415
    from clinic.extensions import db  # noqa: PLC0415

    session.close()
    with progress("Copying") as tell:
        wrong = keeping.backup(db.engine, file, progress=tell)
    for fault in wrong:
        click.echo(str(fault))
    if wrong:
        raise RuleBroken(f"The copy {file} disagrees with its ledger in {len(wrong)} places.")
    click.echo(f"Written and verified: {file}" if db.engine.dialect.name == "sqlite" else f"Written: {file}")


@clinic.command()
@click.argument("file", type=FILE)
def restore(file: Path) -> None:
    """Replace the database by a backup; reports what the backup lacks."""
    from clinic import backup as keeping  # noqa: PLC0415
    from clinic.extensions import db  # noqa: PLC0415

    app, _settings = application()
    with app.app_context():
        replaced, missing, what = keeping.restore(db.engine, file, at=clock.now())
        db.engine.dispose()
    click.echo(f"{file} is now the database. Run clinic migrate before you serve it.")
    if replaced is not None:
        click.echo(f"The replaced database is kept as {replaced}.")
    for place, count in sorted(missing.items()):
        click.echo(f"Site {place}: the backup lacks the last {count} entries of the ledger.")
    for (table, act), count in sorted(what.items()):
        click.echo(f"  {count} × {act} of {table.replace('_', ' ')}: do this again, or check it.")
