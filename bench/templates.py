"""Courses of the demonstration as templates: all rows of a family of records, with the places that a copy fills anew.

A family is what hangs together by ids: patients, donors, courses, containers, results, signatures. Its text is cut at
each id, number, name and hash. A hash is worked out anew from what it was taken over: while the family is judged, every
text that is hashed is noted, with `noting`. A family with a hash whose text nobody knows any more (that of a content
before an amendment) is left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from sqlalchemy import JSON, inspect, select
from sqlalchemy.orm import Session

from clinic import clock
from clinic.administration.models import BedsideCheck
from clinic.administration.scanning import Wristband
from clinic.administration.verdict import Bedside
from clinic.course_records import load, turns
from clinic.judged_lines import CourseLine, ProductLine
from clinic.ledger import models as ledger
from clinic.ledger.models import LedgerEntry, canonical, digest
from clinic.model import Base, Model
from clinic.pathway.judgement import judge
from clinic.pathway.projection import product_lines
from clinic.products.models import Product
from clinic.records import Entry
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clinic.course_records import CourseRecords

SHARED = {
    "site", "user_account", "protocol", "protocol_version", "staff_authorization", "downtime_kit", "notice",
}  # fmt: skip
"""Tables of what a clinic has once, however many patients it treats."""
ID = re.compile(r"\b[A-Z]{2}-[0-9A-Z]{9}\b")
HASH = re.compile(r"\b[0-9a-f]{64}\b")
MARK = re.compile(r"@@(\d+)@@")
NUMBER, PREVIOUS, FIRST = 0, 1, 2
"""Places of an entry's number and of the hash before it, and the first place of a family's own values."""
NUMBERED = ("din", "chain_of_identity")
"""Columns with numbers that are printed and scanned, and that other records repeat."""
NAMED = ("family_name", "given_names", "record_number", "search_text", "name_key")
"""Columns in which a patient is named."""
GROWN_UP = "2000"
"""Who was born before is an adult in all that a course records, also if born a year later or earlier."""
LINES = (CourseLine, ProductLine)


@dataclass(frozen=True)
class Text:
    """A text with places: what stands between them, and the number of each."""

    between: tuple[str, ...]
    places: tuple[int, ...]

    def filled(self, values: list[str]) -> str:
        """Return the text with a value in each place."""
        parts: list[str] = [""] * (len(self.between) + len(self.places))
        parts[0::2] = self.between
        parts[1::2] = [values[place] for place in self.places]
        return "".join(parts)


def cut(text: str) -> Text:
    """Return a text cut at its marks."""
    found = MARK.split(text)
    return Text(tuple(found[0::2]), tuple(map(int, found[1::2])))


@dataclass(frozen=True)
class Row:
    """A row: its cells as the database keeps them, and those of them that have places."""

    cells: tuple[Any, ...]
    marked: tuple[tuple[int, Text], ...]

    def filled(self, values: list[str]) -> list[Any]:
        """Return the cells of a copy."""
        cells = list(self.cells)
        for at, text in self.marked:
            cells[at] = text.filled(values)
        return cells


@dataclass(frozen=True)
class EntryRow:
    """An entry of the ledger: its row without number and hashes, and the text that its hash is taken over."""

    row: Row
    content: Text


@dataclass
class Family:
    """A family of records as a template. ``people``: how its patients are named, by where each name stands."""

    site_id: str
    patients: int = 0
    is_open: bool = False
    ids: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, tuple[str, int]] = field(default_factory=dict)
    people: list[dict[str, Any]] = field(default_factory=list)
    hashes: list[tuple[int, Text]] = field(default_factory=list)
    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    entries: list[EntryRow] = field(default_factory=list)
    size: int = FIRST


@contextmanager
def noting() -> Iterator[dict[str, str]]:
    """Note every text that is hashed within, by its hash."""
    known: dict[str, str] = {}

    def note(value: Any) -> str:
        text = canonical(value)
        known[sha256(text.encode()).hexdigest()] = text
        return text

    with patch.object(ledger, "canonical", note):
        yield known


@cache
def tables() -> dict[str, Any]:
    """Return the tables of a family's records by name, those first to which others refer."""
    mapped = {m.class_.__tablename__: m.class_ for m in Model.registry.mappers if issubclass(m.class_, Model)}
    order = [table.name for table in Base.metadata.sorted_tables]
    return {name: mapped[name].__table__ for name in order if name in mapped and name not in SHARED}


def columns(table: Any) -> list[str]:
    """Return the columns that a copy gives a value to; a running key is given by the database."""
    return [column.name for column in table.columns if column.name != "key"]


def raw(session: Session, table: Any) -> list[tuple[Any, ...]]:
    """Return all rows of a table as the database keeps them: on PostgreSQL every cell as text."""
    cast = "::text" if session.get_bind().dialect.name == "postgresql" else ""
    named = ", ".join(f'"{name}"{cast}' for name in columns(table))
    found = session.connection().exec_driver_sql(f'SELECT {named} FROM "{table.name}" ORDER BY 1')  # noqa: S608
    return [tuple(row) for row in found]


def families(session: Session, say: Callable[[str], None]) -> list[Family]:
    """Return every family of the demonstration whose hashes are all known."""
    rows = {name: raw(session, table) for name, table in tables().items()}
    known = _hashed(session)
    group = _together(rows)
    entries: dict[str, list[Any]] = defaultdict(list)
    for entry in session.scalars(select(LedgerEntry).order_by(LedgerEntry.number)):
        entries[group.get(entry.record_id, "")].append(entry)
    stored = {entry[0]: entry for entry in raw_entries(session)}
    of_group: dict[str, dict[str, list[tuple[Any, ...]]]] = defaultdict(lambda: defaultdict(list))
    for name, found in rows.items():
        for row in found:
            of_group[group[row[0]]][name].append(row)
    for model in LINES:
        names = columns(model.__table__)
        at = names.index("treatment_id" if model is CourseLine else "product_id")
        for row in raw(session, model.__table__):
            of_group[group[row[at]]][model.__tablename__].append(row)
    made = []
    for name, found in of_group.items():
        if "treatment" in found:
            own = [(entry, stored[entry.key]) for entry in entries[name]]
            made.append(_Maker(found, known).family(own))
    whole = [one for one in made if one is not None]
    say(f"{len(whole)} of {len(made)} families of the demonstration can be copied")
    return whole


def raw_entries(session: Session) -> list[tuple[Any, ...]]:
    """Return all entries of the ledger as the database keeps them, each after its key."""
    table: Any = LedgerEntry.__table__
    cast = "::text" if session.get_bind().dialect.name == "postgresql" else ""
    named = ", ".join(f'"{name}"{cast}' for name in columns(table))
    found = session.connection().exec_driver_sql(f"SELECT key, {named} FROM ledger_entry")  # noqa: S608
    return [tuple(row) for row in found]


def _hashed(session: Session) -> dict[str, str]:
    """Judge all courses and return every text that was hashed for it, by its hash."""
    at = clock.now()
    with noting() as known:
        for turn in turns(session.scalars(select(Treatment.id)).all()):
            found = load(session, turn)
            for records in found.values():
                judge(records, at)
                product_lines(records, records.of(Product), at)
                for check in records.of(BedsideCheck):
                    _rests_on(records, check, known)
            for one in {row.id: row for records in found.values() for row in records.pool.by_id.values()}.values():
                if isinstance(one, Entry):
                    digest(one.content())
                for cell in _documents(one):
                    digest(cell)
            session.expunge_all()
    return known


def _rests_on(records: CourseRecords, check: BedsideCheck, known: dict[str, str]) -> None:
    """Note what a check at the bedside rests on; of one whose time has passed, what it would rest on now."""
    product = records.get(check.product_id)
    if check.rests_on and isinstance(product, Product):
        now = Bedside(records=records, wristband=Wristband(), wearer=None, product=product).evidence()
        known.setdefault(check.rests_on, known[now])


def _documents(row: Model) -> Iterator[Any]:
    for attribute in inspect(type(row)).column_attrs:
        value = getattr(row, attribute.key) if isinstance(attribute.columns[0].type, JSON) else None
        if value:
            yield value


def _together(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, str]:
    """Return for each id of a record the id that stands for its family."""
    parent = {row[0]: row[0] for found in rows.values() for row in found}

    def root(one: str) -> str:
        while parent[one] != one:
            parent[one] = one = parent[parent[one]]
        return one

    for found in rows.values():
        for row in found:
            for cell in row:
                for other in ID.findall(cell) if isinstance(cell, str) else ():
                    if other in parent:
                        parent[root(other)] = root(row[0])
    return {one: root(one) for one in parent}


class _Maker:
    """Makes a template of one family."""

    def __init__(self, rows: dict[str, list[tuple[Any, ...]]], known: dict[str, str]) -> None:
        self.rows, self.known = rows, known
        self.places: dict[str, int] = {}
        self.says: list[tuple[str, str, int]] = []
        self.written: list[tuple[str, str]] = []
        self.numbered: re.Pattern[str] | None = None
        self.unknown = False
        self.made = Family(site_id=self._cells("treatment", "site_id")[0])

    def _cells(self, table: str, column: str) -> list[Any]:
        at = columns(tables()[table]).index(column)
        return [row[at] for row in self.rows.get(table, ())]

    def family(self, entries: list[tuple[Any, tuple[Any, ...]]]) -> Family | None:
        """Return the template; None where a hash is taken over something that is no longer known."""
        made = self.made
        for name, found in self.rows.items():
            for row in found if name in tables() else ():
                made.ids[row[0]] = self._place(row[0])
        for column in NUMBERED:
            for table in ("treatment", "harvest", "product"):
                if column in columns(tables()[table]):
                    for number in self._cells(table, column):
                        if number and number not in self.places:
                            made.numbers[number] = (column, self._place(number))
        if made.numbers:
            self.numbered = re.compile("|".join(map(re.escape, made.numbers)))
        self._people()
        for name, found in self.rows.items():
            made.rows[name] = [self._row(columns(Base.metadata.tables[name]), row) for row in found]
        made.entries = [self._entry(entry, row) for entry, row in entries]
        made.patients, made.size = len(made.rows["patient"]), made.size
        lines = columns(CourseLine.__table__)
        waits, changes = lines.index("title"), lines.index("changes_at")
        made.is_open = any(row[waits] or row[changes] for row in self.rows.get("course_line", ()))
        made.hashes.sort(key=lambda pair: pair[0])
        return None if self.unknown or not entries else made

    def _place(self, value: str) -> int:
        if value not in self.places:
            self.places[value] = self.made.size
            self.made.size += 1
        return self.places[value]

    def _people(self) -> None:
        """Give a place to each text in which a patient of the family is named; the copy is another person."""
        names = columns(tables()["patient"])
        signers = set(self._cells("consent", "signer_name")) if "consent" in self.rows else set()
        for row in self.rows.get("patient", ()):
            said = dict(zip(names, row, strict=True))
            person: dict[str, Any] = {"birth_date": said["birth_date"], "sex": said["sex"], "places": {}}
            for column in NAMED:
                if said[column]:
                    person["places"][column] = self._named(column, said[column])
            if said["birth_date"] and said["birth_date"] < GROWN_UP:
                person["places"]["birth_date"] = self._named("birth_date", said["birth_date"])
            whole = f"{said['given_names']} {said['family_name']}"
            if whole in signers:
                person["places"]["signer_name"] = self._named("signer_name", whole)
            self.made.people.append(person)

    def _named(self, column: str, text: str) -> int:
        place = self.made.size
        self.made.size += 1
        self.says.append((column, text, place))
        for written in {canonical(text), ledger.json.dumps(text)}:
            for colon in (":", ": "):
                self.written.append((f'"{column}"{colon}{written}', f'"{column}"{colon}"@@{place}@@"'))
        return place

    def _row(self, names: list[str], row: tuple[Any, ...]) -> Row:
        marked = []
        for at, (name, cell) in enumerate(zip(names, row, strict=True)):
            if isinstance(cell, str) and cell:
                text = cut(self._marked(cell, name))
                if text.places:
                    marked.append((at, text))
        return Row(row, tuple(marked))

    def _marked(self, text: str, column: str = "") -> str:
        """Return a text with a mark at each value that a copy has anew; of a document, also in its named facts."""
        for name, said, place in self.says:
            if column == name and text == said:
                return f"@@{place}@@"
        if not column or text.startswith("{"):
            for fact, marked in self.written:
                text = text.replace(fact, marked)
        if self.numbered is not None:
            text = self.numbered.sub(lambda match: f"@@{self.places[match[0]]}@@", text)
        text = ID.sub(lambda match: f"@@{self.places[match[0]]}@@" if match[0] in self.places else match[0], text)
        return HASH.sub(lambda match: self._hash(match[0]), text)

    def _hash(self, said: str) -> str:
        if said not in self.places:
            text = self.known.get(said)
            if text is None:
                self.unknown = True
                return said
            over = cut(self._marked(text))  # the hashes within get their places, and are worked out, before this one
            if not over.places:
                return said
            self.made.hashes.append((self._place(said), over))
        return f"@@{self.places[said]}@@"

    def _entry(self, entry: LedgerEntry, row: tuple[Any, ...]) -> EntryRow:
        content = entry.content() | {"number": f"@@{NUMBER}@@", "previous": f"@@{PREVIOUS}@@"}
        text = self._marked(canonical(content)).replace(f'"@@{NUMBER}@@"', f"@@{NUMBER}@@")
        return EntryRow(self._row(columns(LedgerEntry.__table__), (*row[1:-2], None, None)), cut(text))
