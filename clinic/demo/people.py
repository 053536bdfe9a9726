"""The demonstration's sites, their staff, and their published protocols."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from clinic.accounts.models import Site
from clinic.demo.team import Team, staff_of
from clinic.ledger.listener import set_actor
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.protocols.models import Protocol

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PASSWORD = "cellcourse-demo-1"  # noqa: S105 - printed on the page that offers the demonstration
REASON = "Demonstration clinic"
SYNTHETIC = "Synthetic: made up for the demonstration"

SITES = (
    ("north", "Cellcourse North", "Europe/Berlin", "A9999"),
    ("south", "Cellcourse South", "Europe/Lisbon", "B9999"),
    ("east", "Cellcourse East", "Asia/Tokyo", "C9999"),
    ("west", "Cellcourse West", "America/Chicago", "D9999"),
)
"""Code, name, zone and facility code. The codes of facilities are those of examples: no real one has them."""


def rows_of(name: str) -> list[dict[str, str]]:
    """Return the rows of a table that comes with the demonstration."""
    text = files("clinic.demo").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


@dataclass(kw_only=True)
class House(Team):
    """One site of the demonstration while it is built, as it stands at the moment ``at``.

    ``bank``: donations of others from which containers are still taken, by source, protocol version and patient.
    """

    at: datetime
    dice: random.Random  # pyright: ignore[reportGeneralTypeIssues] - one without is no demonstration
    bank: dict[tuple[str, ...], Any] = field(default_factory=dict)

    @property
    def until(self) -> datetime:
        """The moment up to which anything has happened: the one at which the site is shown."""
        return self.at

    def din(self, at: datetime) -> str:
        """Return the next donation number of this facility: 13 characters, without its check character."""
        return f"{self.site.facility_code}{at.year % 100:02d}{self.next('din', 100001):06d}"


def open_house(session: Session, number: int, *, at: datetime, dice: random.Random, password: str) -> House:
    """Write one site with its staff; the first administrator stands at the beginning of its ledger."""
    code, name, zone, facility = SITES[number]
    site = Site(
        code=code,
        name=name,
        zone=zone,
        facility_code=facility,
        is_demo=True,
        laboratory_phone="4711",
        quality_phone="4712",
    )
    names = {row["role"]: (row["first"], row["second"]) for row in rows_of("staff.csv") if row["site"] == code}
    people = staff_of(site, names, password=password)
    own = random.Random(f"{code}{dice.random()}")  # noqa: S311 - to be repeated, and nothing secret
    house = House(site=site, people=people, session=session, note=SYNTHETIC, reason=REASON, at=at, dice=own)
    set_actor(session, house.administrator.id, REASON)
    house.add(site)
    session.add_all(people.values())
    session.flush()
    _publish(house)
    return house


def _publish(house: House) -> None:
    """Draft every demonstration protocol by one person and have it published by another."""
    drafted, published = house.at - timedelta(days=1150), house.at - timedelta(days=1130)
    for code, content in DEMONSTRATIONS.items():
        protocol = house.add(Protocol(site_id=house.site.id, code=code), house.director2)
        house.versions[code] = protocol.draft(by=house.director2, at=drafted, content=content)
    house.act(house.director)
    for version in house.versions.values():
        version.publish(by=house.director, at=published)
    house.database.flush()
