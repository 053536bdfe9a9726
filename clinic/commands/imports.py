"""The command that takes tables in, takes them back, and lists what a column may go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from clinic import clock, query_plans
from clinic.access import keep_to_site
from clinic.console import FILE, NO, extend_catalogues, progress, user_with, with_database_to_read
from clinic.errors import RuleBroken
from clinic.exchange import import_report, import_undo, importing
from clinic.exchange.batches import ImportBatch
from clinic.exchange.import_targets import KINDS, described
from clinic.extensions import db, writing
from clinic.ledger.listener import lock_site, set_actor

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.exchange.import_report import Report


@click.command("import")
@click.argument("kind", required=False)
@click.argument("file", type=FILE, required=False)
@click.option("--map", "mapping", type=FILE, help="File that maps columns to facts.")
@click.option("--dry-run", is_flag=True, help="Check everything, import nothing.")
@click.option("--rejects", type=FILE, help="File to write: the rows with faults, each with its reasons, as CSV.")
@click.option("--as", "email", help="Responsible person: the e-mail address of a staff member.")
@click.option("--undo", metavar="IMPORT", help="Take a whole import back, by its number, while nobody built on it.")
@click.option("--reason", default="", help="Why it is taken back.")
@click.option("--targets", is_flag=True, help="List every fact that a column may go to, with unit and values.")
def import_table(*, targets: bool, email: str | None, **asked: Any) -> None:
    if targets:
        list_targets(asked["kind"])
        return
    if not email:
        raise click.UsageError("Missing option '--as'.")
    if asked["undo"]:
        undo(asked["undo"], asked["reason"], email)
        return
    if not asked["kind"] or asked["file"] is None:
        raise click.UsageError(f"Name what is imported ({', '.join(KINDS)}) and the file.")
    names = ("kind", "file", "mapping", "dry_run", "rejects")
    take_in(email=email, **{name: asked[name] for name in names})


def list_targets(kind: str | None) -> None:
    """Print every target as a table: its fact, unit and values."""
    if kind is not None and kind not in KINDS:
        raise RuleBroken(f"No kind of import is called “{kind}”. Available: {', '.join(KINDS)}.")
    extend_catalogues()
    rows = (row for one in ([kind] if kind else KINDS) for row in described(one))
    click.echo("Import\tTarget\tFact\tUnit\tValues")
    for row in rows:
        click.echo("\t".join(row))


@with_database_to_read
def take_in(  # noqa: PLR0913 - one for each option
    session: Session, kind: str, file: Path, mapping: Path | None, *, dry_run: bool, rejects: Path | None, email: str
) -> None:
    """Import a table, or check it; write the rows with faults where it is refused."""
    if rejects is not None and rejects.exists():
        raise click.UsageError(f"{rejects} is already there; nothing was done. Choose another file name.")
    one = _actor(session, email, f"imported from {file.name}")
    with progress(f"Reading {file.name}") as tell:
        report = importing.run(session, kind, file, mapping, one, clock.now(), dry_run, progress=tell)
    if report.refused or dry_run:
        session.rollback()
    else:
        session.commit()
        query_plans.gather(db.engine)
    for sentence in report.sentences():
        click.echo(sentence, err=report.refused)
    if report.refused:
        _reject(report, rejects)
        raise click.exceptions.Exit(NO)


def _reject(report: Report, file: Path | None) -> None:
    if file is not None and report.table is not None:
        with file.open("x", encoding="utf-8", newline="") as written:
            written.writelines(import_report.rejects(report.table, report.problems))
        click.echo(f"The rows with faults are in {file}.", err=True)


@with_database_to_read
def undo(session: Session, number: str, reason: str, email: str) -> None:
    """Take a whole import back."""
    with writing(session):
        one = _actor(session, email, "")
        lock_site(session, one.site_id)
        batch = session.get(ImportBatch, number.strip().upper())
        if batch is None or batch.site_id != one.site_id:
            raise RuleBroken(f"No import is called {number}.")
        gone = import_undo.take_back(session, batch, by=one, at=clock.now(), reason=reason)
        session.commit()
    if not gone:
        said = "a nurse, a physician, quality staff or the medical director confirms it on its page"
        click.echo(f"Proposed to take back import {batch.id} of {batch.file}. Its records count until {said}.")
        return
    click.echo(f"Import {batch.id} of {batch.file} was taken back. Removed: {import_undo.removed(batch)}.")


def _actor(session: Session, email: str, reason: str) -> User:
    one = user_with(session, email)
    keep_to_site(session, one.site_id)
    set_actor(session, one.id, reason)
    return one
