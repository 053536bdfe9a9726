"""Commands that take tables in and out."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from clinic import clock, query_plans
from clinic.access import keep_to_site
from clinic.console import FILE, NO, progress, site_with, user_with, with_database_to_read
from clinic.errors import RuleBroken
from clinic.exchange import exporting, importing
from clinic.exchange.datasets import datasets
from clinic.exchange.exporting import Choice
from clinic.extensions import db
from clinic.ledger.listener import set_actor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy.orm import Session

DAY = click.DateTime(["%Y-%m-%d"])


@click.command("import")
@click.argument("kind")
@click.argument("file", type=FILE)
@click.option("--map", "mapping", type=FILE, help="File that maps columns to facts.")
@click.option("--dry-run", is_flag=True, help="Check everything, import nothing.")
@click.option("--as", "email", required=True, help="Responsible person: the e-mail address of a staff member.")
@with_database_to_read
def import_table(  # noqa: PLR0913 - one for each option
    session: Session, kind: str, file: Path, mapping: Path | None, *, dry_run: bool, email: str
) -> None:
    one = user_with(session, email)
    keep_to_site(session, one.site_id)
    set_actor(session, one.id, f"imported from {file.name}")
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
        raise click.exceptions.Exit(NO)


@click.command()
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
    if output.exists():
        raise click.UsageError(f"{output} is already there; nothing was written. Choose another file name.")
    with exporting.whole(pieces) as made, output.open("xb") as file:  # what failed midway leaves no file
        shutil.copyfileobj(made, file)


def _choice(
    session: Session, *, since: datetime | None, until: datetime | None, code: str | None, research: bool
) -> Choice:

    if since and until and until < since:
        raise click.UsageError("The last day is before the first. Exchange --from and --to.")
    days: dict[str, Any] = {"since": since.date() if since else None, "until": until.date() if until else None}
    try:
        exporting.check_period(**days)
    except RuleBroken as broken:
        raise click.UsageError(str(broken)) from None
    place = site_with(session, code) if code else None
    return Choice(
        site_id=place.id if place else None, zone=place.zone if place else "Etc/UTC", research=research, **days
    )


def _pour(pieces: Iterator[str | bytes], target: IO[bytes]) -> None:
    for piece in pieces:
        target.write(piece.encode() if isinstance(piece, str) else piece)
    target.flush()
