"""Commands about staff and sites."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from clinic import clock
from clinic.access import Role
from clinic.accounts import staffing
from clinic.accounts.identity import alike, undecided
from clinic.accounts.models import Site, User
from clinic.console import site_with, user_with, with_database, with_database_to_read
from clinic.errors import RuleBroken
from clinic.ledger.listener import set_actor
from clinic.treatments.models import IDENTITY
from config import load

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@click.group()
def user() -> None:
    """Hold the commands about staff."""


@user.command("add")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--site", "code", required=True, help="Code of the site, e.g. north.")
@click.option("--email", required=True, help="Address with which the person signs in.")
@click.option("--staff-number", default="", help="The person's number in the organization, the same in every role.")
@with_database
def add_user(  # noqa: PLR0913, PLR0917 - the options of one command
    session: Session, name: str, role: str, code: str, email: str, staff_number: str
) -> None:
    """Add a member of staff and print a one-time link to set the password."""
    site = site_with(session, code)
    set_actor(session, _actor(session, site), "added on the command line")
    one = staffing.add(session, by=None, name=name, email=email, role=Role(role), site=site, staff_number=staff_number)
    session.commit()
    for other in undecided(one, alike(session, one)):
        click.echo(f"Counts as one person with {other.label} ({other.email}) until an administrator tells them apart.")
    _say_where()
    click.echo(f"{one.printed_name} is {one.role.label} at {site.name}. Valid once, for 24 hours:\n{_link(one)}")


@user.command("disable")
@click.argument("email")
@with_database
def disable_user(session: Session, email: str) -> None:
    """End a person's access at once."""
    one = user_with(session, email)
    set_actor(session, _actor(session, one.site), "ended on the command line")
    staffing.disable(session, by=None, user=one, at=clock.now())
    session.commit()
    click.echo(f"{one.printed_name} no longer has access.")


@user.command("reset")
@click.argument("email")
@with_database
def reset_user(session: Session, email: str) -> None:
    """Reset a password and print a one-time link to set a new one."""
    one = user_with(session, email)
    set_actor(session, _actor(session, one.site), "reset on the command line")
    staffing.reset(session, by=None, user=one, at=clock.now())
    session.commit()
    _say_where()
    click.echo(f"{one.printed_name} sets a new password here. Valid once, for 24 hours:\n{_link(one)}")


@user.command("list")
@with_database_to_read
def list_users(session: Session) -> None:
    """List the staff of all sites, tab between columns."""
    for one in session.scalars(select(User).order_by(User.site_id, User.email)):
        click.echo(
            "\t".join(
                (one.site.code, one.email, one.role.value, one.printed_name, "active" if one.active else "no access")
            )
        )


def _say_where() -> None:
    """Say how the link leads to where the clinic is served, while nobody has said where that is."""
    if not load().public_url:
        click.echo(
            "The link leads to port 8000 of this machine. Set CLINIC_PUBLIC_URL where the clinic is served elsewhere."
        )


def _link(one: User) -> str:
    public = urlsplit(load().public_url or "http://127.0.0.1:8000")
    return f"{public.scheme}://{public.netloc}{staffing.one_time_link(one)}"  # the path begins with the public one's


def _actor(session: Session, site: Site) -> str:
    """Return who answers for a change from the command line: the site's first administrator, or the site itself."""
    first = (
        select(User.id)
        .where(User.site_id == site.id, User.role == Role.ADMINISTRATOR, User.active)
        .order_by(User.email)
        .limit(1)
    )
    return session.scalar(first) or site.id


@click.group()
def site() -> None:
    """Hold the commands about sites."""


@site.command("add")
@click.argument("code")
@click.option("--name", required=True)
@click.option("--zone", required=True, help="Time zone, e.g. Europe/Berlin.")
@click.option("--facility", default="", help="Facility identification number, 5 characters.")
@with_database
def add_site(session: Session, code: str, name: str, zone: str, facility: str) -> None:
    """Add a site. An empty database needs one first."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RuleBroken(f"“{zone}” is not a time zone. Write it like Europe/Berlin.") from None
    number = facility.strip().upper()
    if number and not IDENTITY.fullmatch(f"{number:0<5}00{'0' * 6}"):
        said = "A facility identification number has five characters, like A9999: three letters or digits, two digits."
        raise RuleBroken(said, rule=8)
    made = Site(code=code.strip().casefold(), name=name.strip(), zone=zone, facility_code=number)
    set_actor(session, made.id, "added on the command line")
    session.add(made)
    try:
        session.commit()
    except IntegrityError:
        raise RuleBroken(f"The code “{code}” is already used by a site.") from None
    click.echo(
        f"{made.name} was added. Next: clinic user add NAME --role administrator --site {made.code} --email ADDRESS"
    )


@site.command("phones")
@click.argument("code")
@click.option("--laboratory", help="Telephone of the laboratory; empty removes it.")
@click.option("--quality", help="Telephone of quality; empty removes it.")
@with_database
def site_phones(session: Session, code: str, laboratory: str | None, quality: str | None) -> None:
    """Set the telephone numbers that staff see where the cells are refused at the bedside."""
    one = site_with(session, code)
    set_actor(session, _actor(session, one), "set on the command line")
    for name, number in (("laboratory_phone", laboratory), ("quality_phone", quality)):
        if number is not None:
            setattr(one, name, _phone(number))
    session.commit()
    click.echo(f"{one.name}: laboratory {one.laboratory_phone or '–'}, quality {one.quality_phone or '–'}")


def _phone(text: str) -> str | None:
    """Return a telephone number as it is shown; raises `RuleBroken` for anything else."""
    number = " ".join(text.split())
    if number and not re.fullmatch(r"\+?[0-9][0-9 ()/.-]{1,30}(?: ?(?:x|ext\.?) ?[0-9]{1,6})?", number):
        raise RuleBroken(f"“{text}” is not a telephone number. Write it like +1 617 555 0100 or 4711.")
    return number or None


@site.command("list")
@with_database_to_read
def list_sites(session: Session) -> None:
    """List the sites, tab between columns."""
    for one in session.scalars(select(Site).order_by(Site.code)):
        click.echo(f"{one.code}\t{one.name}\t{one.zone}\t{one.facility_code}")
