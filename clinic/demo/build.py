"""The demonstration clinic: sites, staff, published histories and synthetic courses, all repeatable from a seed.

Everything is written by the same verbs and past the same gates as on the pages. Dates are counted back from now, so
that the worklist lives: cells that wait, cultures that grow, visits that are due, clocks that run.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from flask_security.utils import hash_password
from sqlalchemy import func, select

from clinic.accounts.models import Site
from clinic.demo import audits, infants
from clinic.demo.people import PASSWORD, SITES, House, open_house
from clinic.demo.stories import chosen
from clinic.demo.synthetic import namer, tell
from clinic.errors import RuleBroken
from clinic.exchange import importing
from clinic.identifiers import drawn_from

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

SYNTHETIC_PATIENTS = 48
NORTHERN_SHARE = 2 / 3
HISTORIES = "bmt_children_uci_187"


@dataclass(kw_only=True)
class Summary:
    """What was built: the names of the sites, how many published and synthetic patients."""

    sites: list[str]
    published: int = 0
    synthetic: int = 0


def is_empty(session: Session) -> bool:
    """Whether there is no site yet, so that a demonstration clinic may be built."""
    return not session.scalar(select(func.count()).select_from(Site))


def refuse_real(session: Session) -> None:
    """Raise `RuleBroken` unless the database is quite empty: a demonstration never stands beside real patients."""
    real = session.scalar(select(Site.name).where(~Site.is_demo).limit(1))
    if real is not None:
        raise RuleBroken(f"{real} is a real clinic: no demonstration is put into its database.")
    if not is_empty(session):
        raise RuleBroken("The demonstration clinic is here already. Take an empty database for another one.")


def build(  # noqa: PLR0913 - each is a choice of the command line
    session: Session,
    *,
    patients: int = SYNTHETIC_PATIENTS,
    seed: int | str = 1,
    sites: int = 2,
    at: datetime,
    password_hash: str = "",
    progress: Callable[[str], None] | None = None,
) -> Summary:
    """Build the demonstration clinic as it stands at a moment; the caller commits.

    ``patients`` is the number of synthetic ones; the published histories come besides. ``sites`` 1 to 4. Raises
    `RuleBroken` where the database is not empty.
    """
    refuse_real(session)
    if not 1 <= sites <= len(SITES):
        raise RuleBroken(f"A demonstration has 1 to {len(SITES)} sites, not {sites}.")
    say = progress or (lambda _sentence: None)
    password, at = password_hash or hash_password(PASSWORD), at.replace(second=0, microsecond=0)
    with drawn_from(seed) as dice:
        houses = [open_house(session, number, at=at, dice=dice, password=password) for number in range(sites)]
        summary = Summary(sites=[house.site.name for house in houses])
        say("Sites, staff and protocols are written.")
        summary.published = _published(session, houses[0])
        say(f"{summary.published} published histories are written.")
        for house, count in zip(houses, _shares(patients, sites), strict=True):
            faker = namer(house)
            for story, again in chosen(house.site.code, count):
                tell(house, faker, story, again=again)
            summary.synthetic += count
            say(f"{count} synthetic courses of {house.site.name} are written.")
        session.flush()
        audits.build(houses[0])
        session.flush()
    return summary


def _published(session: Session, house: House) -> int:
    """Record the infants, act by act, and import the 187 children through the mapping that comes with them."""
    infant_courses = infants.build(house)
    data = files("clinic.demo") / "data"
    with as_file(data / f"{HISTORIES}.csv") as table, as_file(data / f"{HISTORIES}.toml") as mapping:
        by = house.coordinator2
        report = importing.run(session, "courses", table, mapping, by, house.at, dry_run=False)
    if report.refused:
        raise RuleBroken(" ".join(report.sentences()))
    return infant_courses + report.rows


def _shares(patients: int, sites: int) -> list[int]:
    """Return how many synthetic patients each site has: two thirds in the first, the rest in the others."""
    if sites == 1:
        return [patients]
    first = round(patients * NORTHERN_SHARE)
    each, more = divmod(patients - first, sites - 1)
    return [first, *(each + (number < more) for number in range(sites - 1))]
