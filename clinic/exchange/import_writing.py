"""How an import is written: prepared and judged while nobody waits, then written in a moment, whole or not at all.

The records of a table are made, judged and laid aside on the disk in pieces while others write. Only then the write
lock is taken. Where something was written meanwhile that the import has read, it is judged again (ADR 22).
"""

from __future__ import annotations

import gc
import pickle
import tempfile
import weakref
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from clinic.accounts.models import Site, User
from clinic.consent.models import Consent
from clinic.errors import RuleBroken
from clinic.exchange.batches import ImportBatch, ImportedRow
from clinic.exchange.import_checks import Fault
from clinic.extensions import writing
from clinic.followup.models import FollowUpVisit
from clinic.ledger.listener import Written
from clinic.ledger.prepared import Prepared, complete, insert_rows, prepare, write, written_since
from clinic.ledger.verify import models
from clinic.pathway.judged_before import Judged, Row, judge, keep
from clinic.pathway.projection import touched
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.protocols.models import Protocol, ProtocolVersion
from clinic.reading import reading_only
from clinic.record_kinds import link, table_of
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.exchange.import_course import History
    from clinic.model import Model

AT_ONCE = 5_000
"""Records that are judged together and kept in memory meanwhile; those of one donor or course up to twice as many."""
READ_WHOLE = frozenset(
    {Patient, Donor, Product, Consent, Protocol, ProtocolVersion, ImportBatch, ImportedRow, Site, User}
)
"""Kinds of which any row may decide what a table may say: numbers, keys, people who are similar, protocols."""
NAMED_LATER = {table_of(Donor): "donor_id", table_of(FollowUpVisit): "visit_id"}
"""What a row of a table makes and a later one may name."""


class Laid(NamedTuple):
    """Where a row lies on the disk: what its cells come from, see `_origin`, its place, and how many records it is."""

    origin: str
    place: int
    records: int


class Piece(NamedTuple):
    """Some rows of a table: the number of each with what is written of it; their judgement; who is judged when."""

    rows: list[tuple[int, list[Prepared]]]
    judged: Judged
    late: dict[str, Written]


class Waiting:
    """The records of an import that wait to be written, on the disk.

    Rows are judged by what their cells come from, not in the order of the table: with a course everything is read that
    comes from its donor, so the courses of one donor are judged together, once. ``faults``: why some cannot be.
    ``courses``, ``products``, ``patients``: the ids of what they touch. What hangs on records of an earlier piece,
    ``late``, is judged with the commit.
    """

    def __init__(self, session: Session, batch: ImportBatch, at: datetime) -> None:
        self.session, self.batch, self.at = session, batch, at
        self.dialect = session.get_bind().dialect
        self.faults: list[Fault] = []
        self.courses, self.products, self.patients = set[str](), set[str](), set[str]()
        self._named = set[str]()
        self._open: list[tuple[int, list[Prepared], list[Row]]] = []
        self._size = 0
        self._laid: list[Laid] = []
        self._rows = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this object
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this object
        weakref.finalize(self, self._rows.close)
        weakref.finalize(self, self._file.close)

    def add(self, history: History) -> None:
        """Lay aside the records of one row."""
        records: list[Model] = list(history.records)
        connection = self.session.connection()
        row = ImportedRow(
            site_id=self.batch.site_id, batch_id=self.batch.id, row=history.row, content=history.content,
            source_key=history.source_key or None, records=[one.id for one in records],
        )  # fmt: skip
        made: list[Row] = [(type(one), complete(one, connection)) for one in records]
        prepared = [prepare(*one, self.dialect) for one in (*made, (ImportedRow, complete(row, connection)))]
        self._laid.append(Laid(_origin(history.row, made), self._rows.tell(), len(records)))
        pickle.dump((history.row, prepared, made), self._rows)

    def judge(self) -> None:
        """Judge all rows, some thousand records at a time, and lay them aside by what they were judged with."""
        together: dict[str, list[Laid]] = defaultdict(list)
        for one in self._laid:
            together[one.origin].append(one)
        self._laid = []
        for some in together.values():
            size = sum(one.records for one in some)
            if self._open and self._size + size > AT_ONCE:
                self._end_piece_of_more()
            for one in some:
                self._rows.seek(one.place)
                self._open.append(pickle.load(self._rows))  # noqa: S301 - written here, in a file without a name
                self._size += one.records
                if self._size >= 2 * AT_ONCE:
                    self._end_piece_of_more()
        self._end_piece()

    def _end_piece_of_more(self) -> None:
        """End a piece after which others come: records that name each other would be found only with theirs."""
        self._end_piece()
        gc.collect()  # a table of one piece has nothing to make room for

    def _end_piece(self) -> None:
        """Judge what is in memory and lay it aside."""
        if not self._open:
            return
        late, now = dict[str, Written](), list[tuple[int, list[Row]]]()
        for number, _prepared, rows in self._open:
            if any(values.get(key) in self._named for _model, values in rows for key in NAMED_LATER.values()):
                late |= _all_new(rows)
            else:
                now.append((number, rows))
        judged = self._judged(now)
        again = self.courses & judged.courses.keys()
        late |= {one: Written(Treatment, frozenset()) for one in again}
        late |= {one: Written(Product, frozenset()) for one in self.products & judged.products.keys()}
        for _number, rows in now:
            if any(values.get("treatment_id") in again for _model, values in rows):
                late |= _all_new(rows)
        self._remember(judged)
        pickle.dump(Piece([(number, made) for number, made, _rows in self._open], judged, late), self._file)
        self._open, self._size = [], 0

    def _judged(self, rows: list[tuple[int, list[Row]]]) -> Judged:
        every = [one for _number, made in rows for one in made]
        try:
            return judge(self.session, every, self.at) if every else Judged({}, {})
        except RuleBroken as fault:
            found = [Fault(row=number, column="", value="", expected=said) for number, said in self._each(rows, every)]
            self.faults += found or [Fault(row=rows[0][0], column="", value="", expected=str(fault))]
            return Judged({}, {})

    def _each(self, rows: list[tuple[int, list[Row]]], every: list[Row]) -> Iterator[tuple[int, str]]:
        for number, made in rows:
            try:
                judge(self.session, every, self.at, only=frozenset(str(values["id"]) for _model, values in made))
            except RuleBroken as fault:
                yield number, str(fault)

    def _remember(self, judged: Judged) -> None:
        self.courses |= judged.courses.keys()
        self.products |= judged.products.keys()
        for _number, _prepared, rows in self._open:
            for model, values in rows:
                if table_of(model) in NAMED_LATER:
                    self._named.add(str(values["id"]))
                self.courses |= {values["treatment_id"]} if values.get("treatment_id") else set()
                name = link(model, "patient")
                self.patients |= {values[name]} if name is not None and values[name] else set()

    def pieces(self) -> Iterator[Piece]:
        """Yield what was laid aside."""
        self._file.seek(0)
        while True:
            try:
                yield pickle.load(self._file)  # noqa: S301 - written here, in a file without a name
            except EOFError:
                return

    def tried(self, progress: Callable[[int], None]) -> list[Fault]:
        """Insert and roll back, and return what only the database refuses, by row.

        On SQLite the write lock is held for one piece at a time; elsewhere nobody waits for an insert.
        """
        sqlite, found = self.dialect.name == "sqlite", list[Fault]()
        groups: Iterable[Iterable[Piece]] = ([piece] for piece in self.pieces()) if sqlite else [self.pieces()]
        only_reads = reading_only.get()
        for group in groups:
            with writing(self.session):
                whole = self.session.begin_nested()
                if sqlite:  # a row may name one of another piece
                    self.session.connection().exec_driver_sql("PRAGMA defer_foreign_keys=ON")
                self._insert(self.batch_row())
                for piece in group:
                    found += self._refused(piece)
                    progress(len(piece.rows))
                whole.rollback()
                if only_reads:
                    self.session.rollback()
        return found

    def batch_row(self) -> list[Prepared]:
        """Return the row of the batch, which the others name."""
        return [prepare(ImportBatch, complete(self.batch, self.session.connection()), self.dialect)]

    def _refused(self, piece: Piece) -> Iterator[Fault]:
        if not self._insert([one for _number, made in piece.rows for one in made]):
            return
        for number, made in piece.rows:
            if said := self._insert(made):
                expected = f"facts that fit together: {said}"
                yield Fault(row=number, column="", value="", expected=expected)

    def _insert(self, rows: list[Prepared]) -> str:
        """Insert rows; return why the database refuses them, in which case none of them is there."""
        try:
            with self.session.begin_nested():
                insert_rows(self.session, rows)
        except IntegrityError as fault:
            return str(fault.orig)
        return ""

    def is_out_of_date(self, head: int) -> bool:
        """Whether something was written since an entry of the ledger that these records were judged by."""
        known, session = models(), self.session
        changed = {row_id: known[table] for table, row_id in written_since(session, self.batch.site_id, head)}
        if not changed or not READ_WHOLE.isdisjoint(changed.values()):
            return bool(changed)
        courses, products = touched(session, {row_id: Written(model, None) for row_id, model in changed.items()})
        near = not self.courses.isdisjoint(courses) or not self.products.isdisjoint(products)
        return near or self._of_a_patient(changed)

    def _of_a_patient(self, changed: dict[str, type[Model]]) -> bool:
        for row_id, model in changed.items():
            name = link(model, "patient")
            chosen = None if name is None else select(getattr(model, name)).where(model.id == row_id)
            if chosen is not None and self.session.scalar(chosen) in self.patients:
                return True
        return False

    def write(self, progress: Callable[[int], None]) -> None:
        """Write all of it; the caller has the lock and commits, or rolls back."""
        session, late = self.session, dict[str, Written]()
        with session.begin_nested():
            session.add(self.batch)
            session.flush()
            for piece in self.pieces():
                write(session, self.batch.site_id, [one for _number, made in piece.rows for one in made])
                keep(session, piece.judged)
                late |= piece.late
                progress(len(piece.rows))
        session.info.setdefault("written", {}).update(late)


def _origin(number: int, rows: Iterable[Row]) -> str:
    """Return what tells whose cells a row of a table is about: the donor, else the course, else the row alone."""
    for name in ("donor_id", "treatment_id"):
        for _model, values in rows:
            if values.get(name):
                return str(values[name])
    return f"row {number}"


def _all_new(rows: Iterable[Row]) -> dict[str, Written]:
    return {str(values["id"]): Written(model, None) for model, values in rows}
