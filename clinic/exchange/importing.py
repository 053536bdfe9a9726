"""Take patients or whole courses in from a table: all or nothing, every fault named by row, column and value.

A record that comes in says so (origin imported, source) and names each required fact that its table does not give.
A patient whose record number the clinic has already is refused: an import adds, it never changes anybody.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from clinic.access import WRITERS
from clinic.errors import RuleBroken
from clinic.exchange import parse_cell
from clinic.exchange.datasets import datasets
from clinic.exchange.import_checks import Fault, Given
from clinic.exchange.import_course import History
from clinic.exchange.import_people import KnownPeople, similar_people
from clinic.exchange.import_targets import KINDS, OWN, Slot, slot
from clinic.exchange.mapping import Mapping, Target, load
from clinic.exchange.tables import Table, read
from clinic.extensions import write_from_here
from clinic.ledger.listener import set_actor
from clinic.patients.models import Patient
from clinic.patients.names import compact
from clinic.patients.numbers import bearers, replaced_on
from clinic.protocols.models import Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.protocols.models import ProtocolVersion

MOST_PROBLEMS = 1_000
AT_ONCE = 50
"""Rows whose records are written together; what is written is let go, so that a long table needs little memory."""


@dataclass(kw_only=True)
class Report:
    """What an import did, or would do. ``made``: how many records of each noun."""

    kind: str
    file: str
    rows: int = 0
    made: Counter[str] = field(default_factory=Counter)
    problems: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    dry_run: bool = False

    @property
    def refused(self) -> bool:
        """Whether nothing was, or would be, taken in."""
        return bool(self.problems)

    def sentences(self) -> list[str]:
        """Return the report as a person reads it, a line each."""
        made = ", ".join(f"{count} {noun}" for noun, count in self.made.items())
        if self.refused:
            some = f"{len(self.problems)} {'problem' if len(self.problems) == 1 else 'problems'}"
            return [*self.notes, *map(str, self.problems), f"Nothing was imported: {some} in {self.file}."]
        did = "would be imported; this was a dry run" if self.dry_run else "imported"
        return [*self.notes, f"{self.rows} rows of {self.file} {did}: {made}."]


def run(  # noqa: PLR0913, PLR0917 - what the command line asks for
    session: Session,
    kind: str,
    path: Path,
    mapping_path: Path | None,
    by: User,
    at: datetime,
    dry_run: bool,  # noqa: FBT001
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Take a table in for a person, who answers for it; the caller commits unless it was refused.

    Raises `RuleBroken` where file or mapping cannot be read at all. ``progress`` gets rows done and rows in total.
    """
    if kind not in KINDS:
        raise RuleBroken(f"No kind of import is called “{kind}”. Available: {', '.join(KINDS)}.")
    if by.role not in WRITERS or not by.active:
        raise RuleBroken(f"{by.label} cannot record patient data and so cannot import.")
    table = read(path)
    mapping = load(mapping_path, kind) if mapping_path else own(table, kind, path.name)
    report = Report(
        kind=kind, file=path.name, rows=len(table.rows), dry_run=dry_run, notes=[table.note] if table.note else []
    )
    report.problems += _of_mapping(table, mapping)
    if report.problems:
        return report
    published = _published(session, by)
    with session.no_autoflush:
        known = KnownPeople(session, by.site_id)
        for done, history in enumerate(_histories(table, mapping, by, at, published), start=1):
            report.problems += history.problems
            report.notes += [*history.notes, *similar_people(known, history.row, history.records)]
            report.made.update(record.NOUN for record in history.records)
            if progress:
                progress(done, 2 * len(table.rows))
            if len(report.problems) >= MOST_PROBLEMS:
                report.notes.append(f"The first {MOST_PROBLEMS:,} problems are listed. Correct them and try again.")
                return report
        report.problems += [*_known_already(session, table, mapping, by), *_twice(table, mapping)]
    report.problems.sort(key=lambda fault: fault.row)
    if report.problems or dry_run:
        return report
    write_from_here(session)
    report.problems += _known_already(session, table, mapping, by)  # somebody may have been added meanwhile
    if not report.problems:
        set_actor(session, by.id, f"Import of {path.name}")
        _write(session, _histories(table, mapping, by, at, published), len(table.rows), progress)
    return report


def _write(
    session: Session, histories: Iterator[History], rows: int, progress: Callable[[int, int], None] | None
) -> None:
    for done, history in enumerate(histories, start=1):
        session.add_all(history.records)
        if done % AT_ONCE == 0:
            session.flush()
        if progress:
            progress(rows + done, 2 * rows)
    session.flush()


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


def _of_mapping(table: Table, mapping: Mapping) -> list[Fault]:
    """Return what keeps table and mapping from fitting together; row 1 is the row of headings."""
    problems = [
        Fault(
            row=1,
            column=name,
            value=name,
            expected="a column that the mapping names; otherwise say under [ignored] why it is left out",
        )
        for name in table.headings
        if name and name not in mapping.spoken_for()
    ]
    problems += [
        Fault(row=1, column=name, value="", expected="this column in the file: the mapping names it")
        for name in sorted(mapping.spoken_for() - set(table.headings))
    ]
    problems += [
        Fault(
            row=1,
            column=column,
            value=target,
            expected=OWN.get(target, "the name of a fact, for example patient.sex, qc.viability, score.month6.spo2"),
        )
        for target, column in mapping.targets()
        if slot(target, mapping.kind) is None
    ]
    return problems


def _published(session: Session, by: User) -> Callable[[str], ProtocolVersion | None]:
    protocols = session.scalars(select(Protocol).where(Protocol.site_id == by.site_id))
    versions = {protocol.code: protocol.published() for protocol in protocols}
    return versions.get


def _histories(
    table: Table, mapping: Mapping, by: User, at: datetime, published: Callable[[str], ProtocolVersion | None]
) -> Iterator[History]:
    visits = {key: (visit.name, visit.course_day) for key, visit in mapping.visits.items()}
    for number, (row, cells) in enumerate(table.rows, start=1):
        problems: list[Fault] = []
        history = History(
            row=row,
            given=_given(row, number, cells, mapping, problems),
            by=by,
            at=at,
            note=mapping.source,
            reason=mapping.reason,
            not_recorded=mapping.not_recorded,
            confirmed=mapping.confirmed,
            visit_names=visits,
            version_of=published,
        )
        history.build(mapping.kind)
        history.problems[:0] = problems
        yield history


def _given(row: int, number: int, cells: dict[str, str], mapping: Mapping, problems: list[Fault]) -> dict[Slot, Given]:
    """Return what one row says about each slot. A reading error is reported once, and the slot counts as missing."""
    found: dict[Slot, Given] = {}
    for target, text in mapping.constants.items():
        found[_slot(target, mapping)] = Given(text=text, column="the mapping", written=text)
    for target, prefix in mapping.numbered.items():
        found[_slot(target, mapping)] = Given(text=f"{prefix}{number:03}", column="the mapping", written=prefix)
    for target, columns in mapping.texts.items():
        said = [
            f"{label}: {cells[name]}"
            for name, label in columns.items()
            if cells[name] and cells[name] not in mapping.missing
        ]
        found[_slot(target, mapping)] = Given(text="; ".join(said) or None, column=", ".join(columns))
    for name, wanted in mapping.columns.items():
        for target in wanted:
            found[_slot(target.to, mapping)] = _read(
                row, name, "" if cells[name] in mapping.missing else cells[name], target, problems
            )
    return found


def _slot(target: str, mapping: Mapping) -> Slot:
    found = slot(target, mapping.kind)
    if found is None:
        raise RuleBroken(f"There is no fact {target}.")
    return found


def _read(row: int, name: str, written: str, target: Target, problems: list[Fault]) -> Given:
    if not written:
        return Given(text=None, column=name)
    text = target.values.get(written, written)
    if target.never and _same(text, target.never):
        occurred = target.transform == "event_occurred"
        return Given(text="0" if occurred else None, column=name, written=written, never=not occurred)
    try:
        text = parse_cell.TRANSFORMS[target.transform](text) if target.transform else text
    except parse_cell.NotThat as fault:
        problems.append(Fault(row=row, column=name, value=written, expected=str(fault)))
        return Given(text=None, column=name, written=written)
    return Given(text=text, column=name, written=written)


def _same(text: str, never: str) -> bool:
    try:
        return parse_cell.number(text) == parse_cell.number(never)
    except parse_cell.NotThat:
        return text == never


ONCE = {
    Slot(part="donor", name="donor_number"): "each donor number once; record further courses of a donor by hand",
    Slot(part="product", name="din"): "each donation number once: every row has a donor of its own (rule 6)",
}
"""What two rows of a table cannot share, and what is expected instead."""


def _twice(table: Table, mapping: Mapping) -> list[Fault]:
    """Return a fault for each donor number and donation number that an earlier row of the table has already."""
    problems, seen = [], set()
    for number, (row, cells) in enumerate(table.rows, start=1):
        given = _given(row, number, cells, mapping, [])
        for wanted, expected in ONCE.items():
            said = given.get(wanted)
            key = (wanted.part, compact(said.text)) if said is not None and said.text else None
            if said is not None and key in seen:
                problems.append(
                    Fault(row=row, column=said.column, value=said.written or said.text or "", expected=expected)
                )
            if key is not None:
                seen.add(key)
    return problems


def _known_already(session: Session, table: Table, mapping: Mapping, by: User) -> list[Fault]:
    """Return a fault for each record number that the clinic has already, or that is in the table twice."""
    problems, seen = [], set()
    wanted = Slot(part="patient", name="record_number")
    numbers: list[tuple[int, str, str]] = []
    for number, (row, cells) in enumerate(table.rows, start=1):
        given = _given(row, number, cells, mapping, []).get(wanted)
        if given is not None and given.text:
            numbers.append((row, given.column, given.text))
    borne = bearers(session, Patient, "record_number", site_id=by.site_id) if numbers else []
    known = {compact(one.number): one for one in reversed(borne)}
    for row, column, text in numbers:
        other = known.get(compact(text))
        if other is not None:
            expected = "a record number that is new here: an import never changes a patient (rule 70)"
            if other.until is not None:
                expected = (
                    f"a record number that no patient here had: this one was replaced on "
                    f"{replaced_on(other, by.site.zone)}, and a wristband may still carry it (rule 1)"
                )
            problems.append(Fault(row=row, column=column, value=text, expected=expected))
        elif compact(text) in seen:
            problems.append(Fault(row=row, column=column, value=text, expected="each record number once"))
        seen.add(compact(text))
    return problems
