"""Take patients or whole courses in from a table: all or nothing, every fault named by row, column and value.

A record that comes in says so (origin imported, source) and names each required fact that its table does not give.
A patient whose record number the clinic has already is refused: an import adds, it never changes anybody. What came in
is a batch (`clinic.exchange.batches`); a row that an earlier batch took in is not taken in again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count, islice
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from clinic.access import WRITERS
from clinic.errors import RuleBroken
from clinic.exchange import batches, import_rows
from clinic.exchange.batches import ImportBatch, ImportedRow
from clinic.exchange.datasets import datasets
from clinic.exchange.import_additions import ADDITIONS
from clinic.exchange.import_checks import Fault
from clinic.exchange.import_constants import Told
from clinic.exchange.import_course import History
from clinic.exchange.import_days import day_faults
from clinic.exchange.import_footers import footer_faults
from clinic.exchange.import_headings import heading_faults
from clinic.exchange.import_keys import as_whole, key_faults, key_notes, whole_columns
from clinic.exchange.import_known import Known, TableWide
from clinic.exchange.import_people import KnownDonors, KnownPeople, similar_people
from clinic.exchange.import_repeats import Repeats
from clinic.exchange.import_report import Report, shown
from clinic.exchange.import_targets import KINDS, slot
from clinic.exchange.import_writing import Waiting
from clinic.exchange.mapping import Mapping, Target, load
from clinic.exchange.table_cells import cell_faults
from clinic.exchange.tables import READING, Table, read
from clinic.extensions import read_from_here, write_from_here
from clinic.ledger.listener import lock_site, set_actor
from clinic.ledger.prepared import head_of
from clinic.protocols.models import Protocol
from clinic.reading import reading_only
from clinic.wording import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.protocols.models import ProtocolVersion

T = TypeVar("T")
MOST_PROBLEMS = 1_000
KNOWN = "whoever imported the table says that the patient is registered already."
FIRST_SHOWN = 5
"""Rows that a preview shows as they would be saved."""
AT_ONCE = 50
"""Rows that are read together."""
TOLD_BY_LATER_ROWS = frozenset({"scores"})
"""Kinds of import of which a record says what later rows tell: they are made a second time when all rows are known."""


def pieces(many: Iterable[T]) -> Iterator[list[T]]:
    """Yield what there is in pieces of `AT_ONCE`."""
    left = iter(many)
    while piece := list(islice(left, AT_ONCE)):
        yield piece


@dataclass(kw_only=True)
class Job:
    """One table to take in: what it says, by which mapping, and who answers for it."""

    session: Session
    table: Table
    mapping: Mapping
    by: User
    at: datetime
    report: Report
    sha256: str
    published: Callable[[str], ProtocolVersion | None]
    progress: Callable[[int, int], None]

    wide: TableWide = field(default_factory=TableWide)
    whole: frozenset[str] = frozenset()

    def batch(self) -> ImportBatch:
        """Return the import as a record, which counts nothing yet."""
        return ImportBatch(
            site_id=self.by.site_id, kind=self.mapping.kind, file=self.report.file, sha256=self.sha256,
            source=self.mapping.source, mapping=self.mapping.kept(), mapping_hash=batches.hash_of_mapping(self.mapping),
            rows=self.report.rows, skipped=0, made={}, notes=[], imported_at=self.at, imported_by=self.by,
            imported_by_id=self.by.id,
        )  # fmt: skip

    def complete(self, batch: ImportBatch) -> None:
        """Say with the record of the import what came of it."""
        report = self.report
        left_out = [f"Row {row} was left out: {KNOWN}" for row in sorted(self.table.rows.without)]
        batch.skipped, batch.made = report.skipped, dict(report.made)
        batch.notes = [*map(str, report.notes), *left_out]
        report.batch = batch.id

    def histories(self, repeats: Repeats | None = None) -> Iterator[History]:
        """Yield the records of each row that no earlier batch has taken in; ``repeats`` learns of every row."""
        visits = {key: (visit.name, visit.course_day) for key, visit in self.mapping.visits.items()}
        donors = KnownDonors(self.session, self.by.site_id)
        told = Told(self.mapping)
        known, maker = Known(self.session, self.by, self.mapping, self.wide), ADDITIONS.get(self.mapping.kind, History)
        for numbered in pieces(self.table.rows.numbered()):
            made = []
            for number, (row, written) in numbered:
                problems, cells = list[Fault](), as_whole(written, self.whole)
                given = import_rows.given(row, number, cells, self.mapping, problems)
                history = maker(
                    row=row, given=told.kept(given), by=self.by, at=self.at, note=self.mapping.source,
                    reason=self.mapping.reason,
                    not_recorded=self.mapping.not_recorded, confirmed=self.mapping.confirmed, visit_names=visits,
                    version_of=self.published, donors=donors, known=known, problems=problems,
                    content=import_rows.content_of(given, self.mapping, self.by.site.zone),
                    written_content=import_rows.written_content_of(given, self.mapping),
                    source_key=import_rows.key_of(given, self.mapping),
                )  # fmt: skip
                made.append(history)
                if repeats is not None:
                    repeats.note(row, given, history.content)
            contents = {known for one in made for known in (one.content, one.written_content)}
            before = batches.known_rows(self.session, self.by.site_id, ImportedRow.content, contents)
            again = {one.row for one in made if not before.keys().isdisjoint((one.content, one.written_content))}
            self.report.before |= again
            for one in made:
                if one.row not in again:
                    one.build(self.mapping.kind)
                    one.problems += day_faults(one)
                    yield one


TRIES = 3
"""How often a table is judged without the write lock before it is judged with it, where others write beside it."""


def run(  # noqa: PLR0913, PLR0917 - what the command line asks for
    session: Session,
    kind: str,
    path: Path,
    mapping_path: Path | Mapping | None,
    by: User,
    at: datetime,
    dry_run: bool,  # noqa: FBT001
    *,
    progress: Callable[[int, int], None] | None = None,
    name: str = "",
    without: Iterable[int] = (),
) -> Report:
    """Take a table in for a person, who answers for it; the caller commits unless it was refused.

    Where the session only reads yet, others write until the records are made and judged. Raises `RuleBroken` where
    file or mapping cannot be read at all. ``progress`` gets rows done and rows in total. ``name``: what the file is
    called, where that is not its name on this machine. ``without``: rows that are left out, since whoever answers says
    that their patients are registered already.
    """
    for attempt in range(TRIES + 1):
        alone = not reading_only.get() or (attempt == TRIES and not dry_run)
        if alone:
            _lock(session, by)
        job = prepared(session, kind, path, mapping_path, by, at, name=recorded(name or path.name))
        job.table.rows.without = frozenset(without)
        job.report.dry_run, job.progress = dry_run, progress or job.progress
        if _taken_in(job, alone=alone):
            return job.report
    raise AssertionError("who is alone is never overtaken")


def _lock(session: Session, by: User) -> None:
    """Keep others from writing for the site of a person until the caller commits or rolls back."""
    write_from_here(session)
    session.flush()
    lock_site(session, by.site_id)


def _taken_in(job: Job, *, alone: bool) -> bool:
    """Judge a table, and write it unless it is refused or only tried; False where others wrote what it rests on."""
    session, report, by = job.session, job.report, job.by
    head = head_of(session, by.site_id)
    earlier = batches.same_import(session, by.site_id, job.sha256, job.mapping)
    if earlier is not None:
        report.already = _said_already(report, earlier)
        return True
    report.problems += heading_faults(job.table, job.mapping)
    if report.problems:
        return True
    report.problems += cell_faults(job.table, job.mapping)
    report.problems += footer_faults(job.table, job.mapping, report.notes)
    job.whole = whole_columns(job.table, job.mapping)
    report.notes += key_notes(sorted(job.whole))
    report.problems += key_faults(job.table, job.mapping, job.whole)
    waiting = Waiting(session, job.batch(), job.at)
    with session.no_autoflush:
        _check(job, waiting)
    report.problems.sort(key=lambda fault: fault.row)
    report.skipped = report.rows - report.fresh - len(job.table.rows.without)
    if not report.problems and not report.fresh:
        report.already = f"All rows of {report.file} were imported before. Nothing was changed."
    if report.problems or report.already:
        return True
    set_actor(session, by.id, f"Import of {report.file}")
    done = count(report.rows + 1)
    if job.report.dry_run:
        report.problems += waiting.tried(lambda rows: _tell(job, done, rows))
        return True
    if not alone:
        _lock(session, by)
        if waiting.is_out_of_date(head):
            read_from_here(session)
            return False
    job.complete(waiting.batch)
    try:
        waiting.write(lambda rows: _tell(job, done, rows))
    except IntegrityError as fault:
        refused = Fault(row=1, column="", value="", expected=f"facts that fit together: {fault.orig}")
        report.problems += waiting.tried(lambda _rows: None) or [refused]
    return True


def _tell(job: Job, done: Iterator[int], rows: int) -> None:
    for _row in range(rows):
        job.progress(next(done), 2 * job.report.rows)


def prepared(  # noqa: PLR0913, PLR0917 - as above
    session: Session, kind: str, path: Path, mapping: Path | Mapping | None, by: User, at: datetime, *, name: str
) -> Job:
    """Return the job of taking in a table; raises `RuleBroken` where it cannot be read, or the person may not."""
    if kind not in KINDS:
        raise RuleBroken(f"No kind of import is called “{kind}”. Available: {', '.join(KINDS)}.")
    if by.role not in WRITERS or not by.active:
        raise RuleBroken(f"{by.label} cannot record patient data and so cannot import.")
    said = mapping if mapping is None or isinstance(mapping, Mapping) else load(mapping, kind)
    how: dict[str, Any] = {} if said is None else {name: getattr(said, name) for name in READING}
    table = read(path, **how, headings=said.spoken_for() if said is not None else ())
    dates = path.suffix.lower() == ".xlsx" or bool(table.of_rejects)  # rejects have rows as they were read
    said = (said or own(table, kind, name)).model_copy(
        update={"holds_dates": dates, "of_rejects": bool(table.of_rejects)}
    )
    return Job(
        session=session, table=table, mapping=said, by=by, at=at, sha256=batches.hash_of(path),
        report=Report(kind=kind, file=name, rows=len(table.rows), table=table, notes=list(table.told)),
        published=_published(session, by), progress=lambda *_: None,
    )  # fmt: skip


def _said_already(report: Report, earlier: ImportBatch) -> str:
    return (
        f"{report.file} was imported before, as {earlier.id}, by {earlier.imported_by.printed_name}. "
        "Nothing was changed."
    )


def _check(job: Job, waiting: Waiting) -> None:
    """Make the records of each row, judge them by themselves and beside the others; nothing is written."""
    report, known = job.report, KnownPeople(job.session, job.by.site_id)
    apart, repeats = job.mapping.kind in TOLD_BY_LATER_ROWS, Repeats(job.session, job.by, job.mapping)
    told = {fault.row for fault in report.problems}  # such a row is judged once it can be read
    for done, history in enumerate(job.histories(repeats), start=1):
        report.fresh = done
        report.problems += [] if history.row in told else history.problems
        report.notes += [*history.notes, *similar_people(known, history.row, history.records)]
        report.made.update(record.NOUN for record in history.records)
        if len(report.first) < FIRST_SHOWN:
            report.first.append((history.row, [(one.NOUN, shown(one, job.by.site.zone)) for one in history.records]))
        job.progress(done, 2 * report.rows)
        if len(report.problems) >= MOST_PROBLEMS:
            report.notes.append(f"The first {MOST_PROBLEMS:,} problems are listed. Correct them and try again.")
            return
        if not report.problems and not apart:
            waiting.add(history)
    report.problems += [fault for fault in repeats.faults(report.before) if fault.row not in told]
    if not report.problems:
        for history in job.histories() if apart else ():
            waiting.add(history)
        waiting.judge()
        report.problems += waiting.faults


def own(table: Table, kind: str, file: str) -> Mapping:
    """Return the mapping of a table with our own headings: those of the export, or the targets themselves."""
    by_heading = (
        {column.heading: f"patient.{column.key}" for column in datasets()["patients"].columns}
        if kind == "patients"
        else {}
    )
    columns, ignored = {}, {}
    for name in table.headings:
        target = by_heading.get(name, name)
        if slot(target, kind) is not None:
            columns[name] = (Target(to=target),)
        elif name in by_heading:
            ignored[name] = "assigned by the import"
    return Mapping(kind=kind, source=f"Imported from {file}", columns=columns, ignored=ignored)


def _published(session: Session, by: User) -> Callable[[str], ProtocolVersion | None]:
    protocols = session.scalars(select(Protocol).where(Protocol.site_id == by.site_id))
    versions = {protocol.code: protocol.published() for protocol in protocols}
    return versions.get
