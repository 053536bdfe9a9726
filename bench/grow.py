"""Grow the demonstration clinic to any size: copies of its courses with new people, numbers and ids.

    CLINIC_DATABASE_URL=… python -m bench.grow --patients 20000 [--open 0.1] [--seed 1]

Every copy has its rows, their stored lines, and an entry of the ledger for each change, chained to the last one of its
site; signatures, releases and checks are bound to the copy's own contents. `clinic verify` finds nothing wrong.
Only for a database that holds the demonstration and nothing else: its indexes are taken away while it grows.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import defaultdict
from datetime import date, timedelta
from hashlib import sha256
from itertools import cycle
from typing import TYPE_CHECKING, Any

from faker import Faker
from sqlalchemy import func, select

from bench.templates import LINES, NUMBER, PREVIOUS, Family, columns, families, tables
from clinic import clock, create_app
from clinic.accounts.models import Site
from clinic.extensions import db
from clinic.identifiers import DRAWN, VALUES, drawn_from
from clinic.ledger.models import LedgerEntry, LedgerHead
from clinic.patients.models import Patient
from clinic.patients.names import compact, name_key, searchable
from clinic.query_plans import gather
from config import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

TOGETHER = 400
"""Families that are written in one transaction."""
LOCALES = ("de_DE", "en_GB", "pl_PL", "pt_PT", "fr_FR", "it_IT")
SPREAD = 0x9E3779B97
"""An odd number: multiplied with it, running numbers become ids that follow no order and never repeat."""
PAIRS = [(a + b, (VALUES.index(a) * 2 + VALUES.index(b)) * 2) for a in DRAWN for b in DRAWN]
"""Two characters of an id each, and what they add to its check (`identifiers.check_character`)."""


class Ids:
    """New public ids: each of a shape with its check character, none twice, none of those that are there."""

    def __init__(self, start: int, taken: set[str]) -> None:
        self.count, self.taken = start, taken

    def new(self, kind: str) -> str:
        """Return a new id of a kind."""
        begins = (VALUES.index(kind[0]) * 2 % 37 + VALUES.index(kind[1])) * 2 % 37
        while True:
            self.count += 1
            rest, total, body = self.count * SPREAD & 0xFFFFFFFFFF, begins, ""
            for shift in (30, 20, 10, 0):
                text, adds = PAIRS[rest >> shift & 1023]
                body, total = body + text, (total * 4 + adds) % 37
            check = VALUES[(38 - total) % 37]
            made = f"{kind}-{body}{check}"
            if check != "*" and not body.isalpha() and made not in self.taken:
                return made


class People:
    """Made-up people: names of several countries, record numbers that run on."""

    def __init__(self, seed: int, start: int) -> None:
        self.dice, self.count = random.Random(seed), start  # noqa: S311 - repeatable on purpose
        faker = Faker(list(LOCALES))
        faker.seed_instance(seed)
        self.family = sorted({one for _ in range(4000) if (one := faker.last_name()).isascii()})
        self.given = sorted({one for _ in range(2000) if (one := faker.first_name()).isascii()})

    def name(self, values: list[str], person: dict[str, Any]) -> None:
        """Fill the places in which one patient of a copy is named, born up to a year before the one of the template."""
        self.count += 1
        family, given = self.dice.choice(self.family), self.dice.choice(self.given)
        number, born, places = f"G-{self.count:08d}", person["birth_date"], person["places"]
        if "birth_date" in places:
            born = (date.fromisoformat(born) - timedelta(days=self.dice.randrange(365))).isoformat()
        names = [name for name, column in ((family, "family_name"), (given, "given_names")) if column in places]
        on = date.fromisoformat(born) if born else None
        days = f"{born} {on:%d %m %Y} {on:%d} {on:%b} {on.year}" if on else ""
        said = {
            "family_name": family, "given_names": given, "record_number": number, "birth_date": born,
            "signer_name": f"{given} {family}", "name_key": name_key(*names),
            "search_text": searchable(f"{' '.join(names)} {number} {compact(number)} {days}"),
        }  # fmt: skip
        for column, place in places.items():
            values[place] = said[column]


class Growth:
    """Writes copies of families, with the chains of the ledger that they lengthen."""

    def __init__(self, session: Session, seed: int) -> None:
        self.known = families(session, print)
        if not self.known:
            raise SystemExit("There is no course that can be copied: the database has no demonstration clinic.")
        count = session.scalar(select(func.count()).select_from(Patient)) or 0
        entries = session.scalar(select(func.count()).select_from(LedgerEntry)) or 0
        self.ids = Ids(entries + seed, {one for family in self.known for one in family.ids})
        self.people, self.count = People(seed + count, count), count
        self.heads = {row.site_id: (row.number, row.hash) for row in session.execute(select(*LedgerHead.__table__.c))}
        self.rows: dict[str, list[list[Any]]] = defaultdict(list)

    def until(self, patients: int, share_open: float) -> Iterator[dict[str, list[list[Any]]]]:
        """Yield the rows of some families after others, by table, until there are so many patients."""
        done, running = [cycle([f for f in self.known if f.is_open is state] or self.known) for state in (False, True)]
        waiting, written = 0.0, 0
        while self.count < patients:
            waiting += share_open
            family = next(running) if waiting >= 1 else next(done)
            waiting -= waiting >= 1
            self.copy(family)
            self.count += family.patients
            written += 1
            if written % TOGETHER == 0:
                yield self._taken()
        yield self._taken()

    def _taken(self) -> dict[str, list[list[Any]]]:
        taken, self.rows = self.rows, defaultdict(list)
        return taken

    def copy(self, family: Family) -> None:
        """Make the rows and entries of one more family like this one."""
        values = [""] * family.size
        ids = sorted(family.ids)
        for old, new in zip(ids, sorted(self.ids.new(old[:2]) for old in ids), strict=True):
            values[family.ids[old]] = new  # in the same order as in the template, as what is hashed is sorted by ids
        for old, (column, place) in family.numbers.items():
            values[place] = self._number(old, column)
        for person in family.people:
            self.people.name(values, person)
        for place, text in family.hashes:
            values[place] = sha256(text.filled(values).encode()).hexdigest()
        for table, rows in family.rows.items():
            self.rows[table].extend([row.filled(values) for row in rows])
        number, previous = self.heads[family.site_id]
        entries = self.rows["ledger_entry"]
        for entry in family.entries:
            number += 1
            values[NUMBER], values[PREVIOUS] = str(number), previous
            row = entry.row.filled(values)
            hashed = sha256(entry.content.filled(values).encode()).hexdigest()
            row[1], row[-2], row[-1] = number, previous, hashed
            previous = hashed
            entries.append(row)
        self.heads[family.site_id] = number, previous

    def _number(self, old: str, column: str) -> str:
        """Return a number of the same shape: a facility of our own, the same year, a running number."""
        self.ids.count += 1
        more, rest = divmod(self.ids.count, 1_000_000)
        if column == "din":
            return f"G{more:04d}{old[5:7]}{rest:06d}"
        return f"G0000{old[5:7]}" + "".join(DRAWN[self.ids.count >> shift & 31] for shift in (25, 20, 15, 10, 5, 0))


class SQLite:
    """Writes rows into a SQLite file."""

    INDEXES = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        for pragma in ("foreign_keys=OFF", "synchronous=OFF", "cache_size=-400000", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN IMMEDIATE")

    def indexes(self) -> list[tuple[str, str, str]]:
        """Return table, name and definition of each index that no constraint makes."""
        return list(self.connection.execute(self.INDEXES))

    def run(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        """Run one statement."""
        self.connection.execute(statement.replace("%s", "?"), values)

    def add(self, table: str, names: list[str], rows: list[list[Any]]) -> None:
        """Add rows to a table."""
        marks = ", ".join("?" * len(names))
        said = ", ".join(f'"{name}"' for name in names)
        self.connection.executemany(f'INSERT INTO "{table}" ({said}) VALUES ({marks})', rows)  # noqa: S608

    def commit(self) -> None:
        """Keep what was written."""
        self.connection.execute("COMMIT")
        self.connection.execute("BEGIN IMMEDIATE")

    def end(self) -> None:
        """Keep what was written, and let go."""
        self.connection.execute("COMMIT")
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.connection.close()


class PostgreSQL(SQLite):
    """Writes rows into a PostgreSQL database, with COPY; what refers to what is checked by its superuser's choice."""

    INDEXES = """
        SELECT i.tablename, i.indexname, i.indexdef FROM pg_indexes i WHERE i.schemaname = current_schema()
        AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")

    def run(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        self.connection.execute(statement, values)

    def add(self, table: str, names: list[str], rows: list[list[Any]]) -> None:
        said = ", ".join(f'"{name}"' for name in names)
        with self.connection.cursor() as cursor, cursor.copy(f'COPY "{table}" ({said}) FROM STDIN') as into:
            for row in rows:
                into.write_row(row)

    def commit(self) -> None:
        self.connection.commit()

    def end(self) -> None:
        self.connection.commit()
        self.connection.close()


def grow(session: Session, patients: int, *, share_open: float = 0.1, seed: int = 1, say: Callable[..., None]) -> None:
    """Copy courses until the clinic has so many patients; the session is left without a transaction."""
    if session.scalar(select(Site.id).where(~Site.is_demo).limit(1)) is not None:
        raise SystemExit("This is a real clinic. Only a demonstration is grown.")
    engine = session.get_bind()
    growth = Growth(session, seed)
    session.rollback()
    store = (SQLite if engine.dialect.name == "sqlite" else PostgreSQL)(_bare(engine))
    names = {name: columns(table) for name, table in tables().items()}
    names |= {model.__tablename__: columns(model.__table__) for model in (*LINES, LedgerEntry)}
    indexes = [one for one in store.indexes() if one[0] in names]
    for _table, name, _made in indexes:
        store.run(f'DROP INDEX "{name}"')
    began = time.perf_counter()
    for rows in growth.until(patients, share_open):
        for table in names:  # in the order in which they refer to each other
            if rows.get(table):
                store.add(table, names[table], rows[table])
        for site_id, (number, hashed) in growth.heads.items():
            store.run("UPDATE ledger_head SET number = %s, hash = %s WHERE site_id = %s", (number, hashed, site_id))
        store.commit()
        say(f"{growth.count} patients after {time.perf_counter() - began:.0f} s")
    for _table, _name, made in indexes:
        store.run(made)
    store.end()
    gather(engine)
    say(f"indexed after {time.perf_counter() - began:.0f} s")


def _bare(engine: Any) -> Any:
    """Return a connection of the driver that no pool takes back."""
    connection = engine.raw_connection()
    bare = connection.driver_connection
    connection.detach()
    return bare


def main() -> int:
    """Grow the database of the settings; build the demonstration first where it is empty."""
    parser = argparse.ArgumentParser(prog="python -m bench.grow", description=__doc__.split("\n")[0])
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--open", type=float, default=0.1, help="which part of the copied courses is still open")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    app = create_app(load())
    with app.app_context():
        if not db.session.scalar(select(func.count()).select_from(Site)):
            _build(db.session())
        grow(db.session(), asked.patients, share_open=asked.open, seed=asked.seed, say=print)
    return 0


def _build(session: Session) -> None:
    from clinic.demo import build  # noqa: PLC0415 - only where there is none

    with drawn_from(1):
        build.build(session, seed=1, at=clock.now())
    session.commit()


if __name__ == "__main__":
    sys.exit(main())
