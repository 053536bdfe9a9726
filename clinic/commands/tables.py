"""Commands that take tables out."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask import current_app
from sqlalchemy import select

from clinic import read_log
from clinic.accounts.models import Site
from clinic.console import FILE, refuse_reader, site_with, user_with, with_database_to_read
from clinic.errors import RuleBroken
from clinic.exchange import exporting
from clinic.exchange.datasets import datasets
from clinic.exchange.exporting import Choice
from clinic.whole_files import written_whole

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("dataset", required=False)
@click.option("--format", "form", default="csv", show_default=True)
@click.option("--from", "since", type=DAY, help="First day, e.g. 2026-01-31.")
@click.option("--to", "until", type=DAY, help="Last day, included.")
@click.option("--site", "code", help="Code of one site; default: that of the person named by --as, else all.")
@click.option("--research", is_flag=True, help="Without names, birth dates, free text; days shifted per patient.")
@click.option("--list", "listing", is_flag=True, help="List the data sets.")
@click.option("-o", "--output", type=FILE, help="File to write; default: standard output.")
@click.option("--as", "email", help="Who reads it: the e-mail address of a staff member. Default: this machine's user.")
@with_database_to_read
def export(  # noqa: PLR0913 - the options of one command
    session: Session, dataset: str | None, form: str, output: Path | None, *, email: str | None, listing: bool,
    **chosen: Any,
) -> None:  # fmt: skip
    if listing:
        for known in datasets().values():
            click.echo(f"{known.name}\t{known.title}")
        return
    if dataset is None:
        raise click.UsageError("Name a data set, or use --list.")
    if output is not None and output.exists():
        raise click.UsageError(f"{output} is already there; nothing was written. Choose another file name.")
    reader = user_with(session, email) if email else None
    choice = _choice(session, reader.site if reader is not None else None, **chosen)
    refuse_reader(reader, choice.site_id)
    sites = [choice.site_id] if choice.site_id else list(session.scalars(select(Site.id).order_by(Site.id)))
    with exporting.whole(exporting.chunks(session, dataset, form, choice)) as made:  # first whole, then given away
        said = exporting.about(dataset, form, exporting.digest_of(made), research=choice.research)
        session.rollback()
        read_log.export_by_command(sites, reader.id if reader else "", said)
        if output is None:
            shutil.copyfileobj(made, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            with written_whole(output, over=False) as file:
                shutil.copyfileobj(made, file)


def _choice(  # noqa: PLR0913 - the options that choose rows
    session: Session, own: Site | None, *, since: datetime | None, until: datetime | None, code: str | None,
    research: bool,
) -> Choice:  # fmt: skip
    """Return what is taken out; where no site is named, of the site at which the reader works, ``own``."""
    if since and until and until < since:
        raise click.UsageError("The last day is before the first. Exchange --from and --to.")
    days: dict[str, Any] = {"since": since.date() if since else None, "until": until.date() if until else None}
    try:
        exporting.check_period(**days)
    except RuleBroken as broken:
        raise click.UsageError(str(broken)) from None
    place = site_with(session, code) if code else own
    return Choice(
        site_id=place.id if place else None,
        zone=place.zone if place else "Etc/UTC",
        research=research,
        secret=current_app.config["RESEARCH_SECRET"],
        **days,
    )
