"""The demonstration clinic's houses, staff and protocols, and the hand that writes for each of them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from clinic.access import Role
from clinic.accounts.models import Site, User
from clinic.ledger.listener import set_actor
from clinic.model import Model
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.protocols.models import Protocol, ProtocolVersion

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.treatments.models import Treatment

PASSWORD = "cellcourse-demo-1"  # noqa: S105 - printed on the page that offers the demonstration
REASON = "Demonstration clinic"
SYNTHETIC = "Synthetic: made up for the demonstration"

HOUSES = (
    ("north", "Cellcourse North", "Europe/Berlin", "A9999"),
    ("south", "Cellcourse South", "Europe/Lisbon", "B9999"),
    ("east", "Cellcourse East", "Asia/Tokyo", "C9999"),
    ("west", "Cellcourse West", "America/Chicago", "D9999"),
)
"""Code, name, zone and facility code. The codes of facilities are those of examples: no real one has them."""
STAFF = {
    "north": {
        "coordinator": ("Clara Odenthal", "Bohdan Kaczor"),
        "nurse": ("Nadja Rask", "Niels Brandt"),
        "physician": ("Dr. Irena Novák", "Dr. Adaeze Okafor"),
        "technologist": ("Tomás Lindqvist", "Teresa Vaz"),
        "quality": ("Quirin Marsh", "Qiu Lan"),
        "director": ("Prof. Dorothea Hartmann", "Dr. Emi Satō"),
        "administrator": ("Ada Quist", "Abel Moor"),
        "inspector": ("Inés Pohl", "Ivo Reiter"),
    },
    "south": {
        "coordinator": ("Catarina Pires", "Duarte Neves"),
        "nurse": ("Noémia Saraiva", "Nuno Bettencourt"),
        "physician": ("Dra. Inês Cavaleiro", "Dr. Rui Abrantes"),
        "technologist": ("Telmo Quaresma", "Leonor Freixo"),
        "quality": ("Graça Viegas", "Óscar Mourão"),
        "director": ("Prof. Duarte Sá Nogueira", "Dra. Elisa Trindade"),
        "administrator": ("Abílio Cunha", "Alda Rebelo"),
        "inspector": ("Ivone Lacerda", "Jaime Toscano"),
    },
    "east": {
        "coordinator": ("Kaede Mori", "Ren Aoki"),
        "nurse": ("Nao Fujita", "Sora Hayashi"),
        "physician": ("Dr. Itsuki Ono", "Dr. Akari Kudō"),
        "technologist": ("Tōru Wada", "Mio Sakai"),
        "quality": ("Kyō Noda", "Rin Ueda"),
        "director": ("Prof. Daichi Hara", "Dr. Ema Ōta"),
        "administrator": ("Asa Kitano", "Aoi Sugi"),
        "inspector": ("Iori Baba", "Jun Mizuno"),
    },
    "west": {
        "coordinator": ("Carla Whitfield", "Dwight Nolan"),
        "nurse": ("Nell Ashby", "Noah Trujillo"),
        "physician": ("Dr. Imani Reyes", "Dr. Arlo Finch"),
        "technologist": ("Tess Holloway", "Theo Vance"),
        "quality": ("Quinn Delgado", "Greta Lowe"),
        "director": ("Dr. Delia Marlowe", "Dr. Ezra Stone"),
        "administrator": ("Abby Crane", "Amos Teller"),
        "inspector": ("Isla Burke", "Jonah Pratt"),
    },
}

R = TypeVar("R", bound=Model)


@dataclass(kw_only=True)
class House:
    """One site of the demonstration while it is written: its staff by ``nurse``, ``nurse2``, its published versions."""

    session: Session
    site: Site
    at: datetime
    random: random.Random
    staff: dict[str, User] = field(default_factory=dict)
    versions: dict[str, ProtocolVersion] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    shelf: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> User:
        staff = self.__dict__.get("staff", {})
        if name in staff:
            return staff[name]
        raise AttributeError(name)

    def hand(self, by: User) -> User:
        """Write from now on for a person; what another one wrote goes to the ledger first, under the right name."""
        if self.session.info.get("actor_id") != by.id:
            self.session.flush()
            set_actor(self.session, by.id, REASON)
        return by

    def add(self, by: User, row: R) -> R:
        """Write a row down for a person."""
        self.hand(by)
        self.session.add(row)
        return row

    def sign(self, by: User, record: Any, at: datetime, **meaning: Any) -> None:
        """Sign a record as a person does: after it was written."""
        self.hand(by)
        self.session.flush()
        record.sign(by=by, at=at, **meaning)

    def next(self, of: str, start: int = 1) -> int:
        """Return the next number of a series."""
        self.numbers[of] = self.numbers.get(of, start - 1) + 1
        return self.numbers[of]

    def din(self, at: datetime) -> str:
        """Return the next donation number of this facility: 13 characters, without its check character."""
        return f"{self.site.facility_code}{at.year % 100:02d}{self.next('din', 100001):06d}"

    def pick(self, *choices: Any) -> Any:
        """Return one of several, by the demonstration's own dice."""
        return self.random.choice(choices)

    def begin(self, course: Treatment) -> None:
        """Give a course its chain of identity."""
        course.begin(facility_code=self.site.facility_code)


def _dice(code: str, dice: random.Random) -> random.Random:
    return random.Random(f"{code}{dice.random()}")  # noqa: S311 - to be repeated, and nothing secret


def open_house(session: Session, number: int, *, at: datetime, dice: random.Random, password: str) -> House:
    """Write one site with its staff; the first administrator stands at the beginning of its ledger."""
    code, name, zone, facility = HOUSES[number]
    site = Site(code=code, name=name, zone=zone, facility_code=facility, is_demo=True)
    house = House(session=session, site=site, at=at, random=_dice(code, dice))
    for role in Role:
        for suffix, printed in zip(("", "2"), STAFF[code][role.value], strict=True):
            house.staff[f"{role.value}{suffix}"] = User(
                site_id=site.id,
                site=site,
                email=f"{role.value}{suffix}@{code}.demo",
                printed_name=printed,
                role=role,
                password=password,
            )
    set_actor(session, house.administrator.id, REASON)
    session.add(site)
    session.flush()
    session.add_all(house.staff.values())
    session.flush()
    publish(house)
    return house


def publish(house: House) -> None:
    """Draft every demonstration protocol by one person and have it published by another."""
    drafted, published = house.at - timedelta(days=1150), house.at - timedelta(days=1130)
    for code, content in DEMONSTRATIONS.items():
        protocol = Protocol(site_id=house.site.id, code=code)
        house.add(house.director2, protocol)
        house.versions[code] = protocol.draft(by=house.director2, at=drafted, content=content)
    house.hand(house.director)
    house.session.flush()
    for version in house.versions.values():
        version.publish(by=house.director, at=published)
    house.session.flush()
