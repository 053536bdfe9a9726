"""The command that writes the downtime kit."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask import render_template
from sqlalchemy import select

from clinic import clock
from clinic.access import CLINICAL, keep_to_site
from clinic.accounts.models import Site, User
from clinic.assets import STATIC
from clinic.console import FILE, site_with, user_with, with_database
from clinic.downtime import kit as kits
from clinic.errors import RuleBroken
from clinic.ledger.listener import set_actor
from clinic.whole_files import written_whole

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

FIRST = "<!doctype html><!-- Cellcourse downtime kit -->"
"""How a kit begins; a file that begins otherwise is never replaced by one."""


@click.command()
@click.option("--out", "-o", "output", type=FILE, required=True, help="File to write, readable by its owner alone.")
@click.option("--site", "code", help="Code of one site; default: all.")
@click.option("--as", "email", help="Who reads it: the e-mail address of a staff member. Default: this machine's user.")
@click.option("--without-forms", is_flag=True, help="Only the day's list and the courses.")
@with_database
def downtime(session: Session, output: Path, code: str | None, email: str | None, *, without_forms: bool) -> None:
    _refuse_other_files(output)
    at, reader = clock.now(), user_with(session, email) if email else None
    sites = _sites(session, code, reader)
    made = []
    for site in sites:
        keep_to_site(session, site.id)
        made.append(kits.of_site(session, site, at=at, forms=not without_forms))
    style = (STATIC / "css" / "downtime.css").read_text()
    text = render_template("downtime/file.html", kits=made, style=style)
    for one in made:
        set_actor(session, reader.id if reader else one.site_id, f"command line, {getpass.getuser()} on this machine")
        kits.note(session, one, by=reader, at=at, file=text)
        session.flush()
    session.commit()
    with written_whole(output) as file:
        file.write(text.encode())
    count = sum(len(one.sheets) for one in made)
    click.echo(f"Written: {output}, {count} {'course' if count == 1 else 'courses'}. It holds records of patients.")


def _sites(session: Session, code: str | None, reader: User | None) -> list[Site]:
    """Return the sites of a kit; a person reads their own alone, and only in a role that reads patients."""
    if reader is not None and (reader.role not in CLINICAL or not reader.active):
        raise RuleBroken(f"{reader.label} does not read patients' records.")
    if reader is not None and code is not None and site_with(session, code).id != reader.site_id:
        raise RuleBroken(f"{reader.printed_name} works at another site.")
    if reader is not None:
        return [reader.site]
    return [site_with(session, code)] if code else list(session.scalars(select(Site).order_by(Site.code)))


def _refuse_other_files(output: Path) -> None:
    if output.exists() and not output.read_bytes().startswith(FIRST.encode()):
        raise RuleBroken(f"{output} is another file; nothing was written. Choose another file name.")
