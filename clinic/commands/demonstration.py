"""The command that makes the demonstration clinic."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click
from sqlalchemy import func, select

from clinic import clock, query_plans
from clinic.accounts.models import Site
from clinic.console import with_database
from clinic.errors import RuleBroken, SettingsWrong
from clinic.extensions import db
from config import load

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@click.command()
@click.option(
    "--patients", type=click.IntRange(1, 100_000), help="Number of patients, without the published histories."
)
@click.option("--seed", default=1, show_default=True, help="The same seed builds the same clinic.")
@click.option("--sites", type=click.IntRange(1, 20), default=2, show_default=True)
@click.option("--if-empty", is_flag=True, help="Do nothing if the database already has a clinic.")
@with_database
def demo(session: Session, patients: int | None, seed: int, sites: int, *, if_empty: bool) -> None:
    if session.scalar(select(func.count()).select_from(Site)):
        if if_empty:
            return
        raise RuleBroken("This database already has a clinic. A demonstration is built only in an empty database.")
    if load().production:
        raise SettingsWrong("CLINIC_ENV is production: a demonstration clinic is not built there.")
    if find_spec("faker") is None:
        raise SettingsWrong("The demonstration needs Faker: run `make set-up`, or install requirements-demo.txt.")
    demonstration = import_module("clinic.demo.build")  # its Faker is not installed in production
    number = demonstration.SYNTHETIC_PATIENTS if patients is None else patients
    tell = partial(click.echo, err=True) if sys.stderr.isatty() else None
    made = demonstration.build(session, patients=number, seed=seed, sites=sites, at=clock.now(), progress=tell)
    session.commit()
    query_plans.gather(db.engine)
    click.echo(
        f"The demonstration clinic is ready: {', '.join(made.sites)}; {made.synthetic + made.published} patients."
    )
