"""Commands about the database as a whole: its schema, what time changes in it, its copies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from alembic import command
from flask import current_app

from clinic import backup as keeping
from clinic import clock, one_server, query_plans
from clinic.console import FILE, application, progress, with_database, with_database_to_read
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.extensions import migrate as migrations
from clinic.ledger import sealing
from clinic.pathway import catalogue_use, sweeping
from clinic.reading import reading
from clinic.requests import mail
from clinic.schema import current, head

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from config import Settings


ACTS = {"insert": "new", "update": "changed"}
"""What an act of the ledger did to a record, in the words of the command line."""


@click.command()
def migrate() -> None:
    app, _settings = application(makes=True)
    with app.app_context():
        before = current(db.engine)
        if before != head():
            config: Any = migrations.get_config()
            command.upgrade(config, "head")
        after = current(db.engine)
        if before != after:
            sweeping.sweep(db.session(), clock.now(), whole=True)
            db.session.remove()
            query_plans.gather(db.engine)
        catalogue_use.write_down(db.session(), clock.now())
        db.session.remove()
        db.engine.dispose()
    click.echo(
        f"The database is current, at {after}."
        if before == after
        else f"The database was migrated from {before or 'nothing'} to {after}."
    )


@click.command()
@click.option("--all", "whole", is_flag=True, help="Judge every course and product anew, as after an update.")
@with_database
def sweep(session: Session, *, whole: bool) -> None:
    count = sweeping.sweep(session, clock.now(), whole=whole)
    mails = mail.send_waiting(session, current_app.config["SMTP"], clock.now(), current_app.config["PUBLIC_URL"])
    click.echo("Nothing has changed." if not count else f"Recalculated: {count} courses and products.")
    if mails:
        click.echo(f"E-mails about new notices: {mails}.")


@click.command()
@click.argument("file", type=FILE)
@with_database_to_read
def backup(session: Session, file: Path) -> None:
    session.close()
    with progress("Copying") as tell:
        wrong = keeping.backup(db.engine, file, progress=tell)
    for fault in wrong:
        click.echo(str(fault))
    if wrong:
        raise RuleBroken(f"The copy {file} disagrees with its ledger in {len(wrong)} places.")
    own = db.engine.dialect.name == "sqlite"
    click.echo(f"Written and verified: {file}" if own else f"Written and read: {file}. Once restored, clinic verify.")


@click.command()
@click.argument("file", type=FILE)
def restore(file: Path) -> None:
    app, settings = application(makes=True)
    with app.app_context():
        own = db.engine.dialect.name == "sqlite"
        try:
            with one_server.nobody_serving(db.engine, settings.instance):
                done = keeping.restore(db.engine, file, at=clock.now())
                with reading():
                    _seal_the_return(db.session(), settings)
        finally:
            db.session.remove()
            db.engine.dispose()
    click.echo(f"{file} is now the database. {_next(done, own=own)}")
    if done.replaced is not None:
        click.echo(f"The replaced database is kept as {done.replaced}.")
    for place, count in sorted(done.missing.items()):
        click.echo(f"Site {place}: the backup lacks the last entries of its ledger: {count}.")
    for (table, act), count in sorted(done.what.items()):
        click.echo(f"  {count} × {ACTS.get(act, act)} {table.replace('_', ' ')}: do this again, or check it.")


def _next(done: keeping.Restored, *, own: bool) -> str:
    """Say how far a restored database was checked, and what is to be done before it is served."""
    checked = f"Checked: {', '.join(done.checked)}." if own else "It was not checked."
    if done.revision == head():
        return f"{checked} Run clinic migrate before you serve it{'' if own else ', then clinic verify'}."
    rest = " Not checked: whether each record agrees with the ledger." if own else ""
    return (
        f"It is of an earlier version: its schema is at {done.revision}, this program's at {head()}. {checked}{rest}"
        " Next, run clinic migrate, then clinic verify."
    )


def _seal_the_return(session: Session, settings: Settings) -> None:
    """Seal how far a restored ledger reaches, so that `verify` tells the return from entries that were taken away."""
    at, key = clock.now(), sealing.key_of(settings.instance)
    seals, _faults = sealing.found_in(settings.seal_folders, key)
    if seals:
        sealing.keep(
            sealing.seal(keeping.heads_there(session), at=at, key=key, restored=True), at, settings.seal_folders
        )
