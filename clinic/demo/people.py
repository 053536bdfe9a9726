"""The demonstration's sites, their staff, and their published protocols."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from clinic.access import Role
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
STAFF = {
    "north": (
        ("Clara Odenthal", "Bohdan Kaczor"), ("Nadja Rask", "Niels Brandt"), ("Dr. Irena Novák", "Dr. Adaeze Okafor"),
        ("Tomás Lindqvist", "Teresa Vaz"), ("Quirin Marsh", "Qiu Lan"), ("Prof. Dorothea Hartmann", "Dr. Emi Satō"),
        ("Ada Quist", "Abel Moor"), ("Inés Pohl", "Ivo Reiter"),
    ),
    "south": (
        ("Catarina Pires", "Duarte Neves"), ("Noémia Saraiva", "Nuno Bettencourt"),
        ("Dra. Inês Cavaleiro", "Dr. Rui Abrantes"), ("Telmo Quaresma", "Leonor Freixo"),
        ("Graça Viegas", "Óscar Mourão"), ("Prof. Duarte Sá Nogueira", "Dra. Elisa Trindade"),
        ("Abílio Cunha", "Alda Rebelo"), ("Ivone Lacerda", "Jaime Toscano"),
    ),
    "east": (
        ("Kaede Mori", "Ren Aoki"), ("Nao Fujita", "Sora Hayashi"), ("Dr. Itsuki Ono", "Dr. Akari Kudō"),
        ("Tōru Wada", "Mio Sakai"), ("Kyō Noda", "Rin Ueda"), ("Prof. Daichi Hara", "Dr. Ema Ōta"),
        ("Asa Kitano", "Aoi Sugi"), ("Iori Baba", "Jun Mizuno"),
    ),
    "west": (
        ("Carla Whitfield", "Dwight Nolan"), ("Nell Ashby", "Noah Trujillo"), ("Dr. Imani Reyes", "Dr. Arlo Finch"),
        ("Tess Holloway", "Theo Vance"), ("Quinn Delgado", "Greta Lowe"), ("Dr. Delia Marlowe", "Dr. Ezra Stone"),
        ("Abby Crane", "Amos Teller"), ("Isla Burke", "Jonah Pratt"),
    ),
}  # fmt: skip
"""Two people of each role, in the order of `Role`."""


@dataclass(kw_only=True)
class House(Team):
    """One site of the demonstration while it is built, as it stands at the moment ``at``.

    ``bank``: donations of others from which containers are still taken, by source, protocol version and patient.
    """

    at: datetime
    dice: random.Random
    bank: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def din(self, at: datetime) -> str:
        """Return the next donation number of this facility: 13 characters, without its check character."""
        return f"{self.site.facility_code}{at.year % 100:02d}{self.next('din', 100001):06d}"


def open_house(session: Session, number: int, *, at: datetime, dice: random.Random, password: str) -> House:
    """Write one site with its staff; the first administrator stands at the beginning of its ledger."""
    code, name, zone, facility = SITES[number]
    site = Site(code=code, name=name, zone=zone, facility_code=facility, is_demo=True)
    people = staff_of(site, dict(zip((role.value for role in Role), STAFF[code], strict=True)), password=password)
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
