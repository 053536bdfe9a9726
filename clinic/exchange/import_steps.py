"""What happens to an upload between its steps: it is checked, its notes are confirmed, and it is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.errors import RuleBroken
from clinic.exchange import import_columns, import_report, importing, tables
from clinic.exchange.import_labels import Labels
from clinic.exchange.import_people import Alike
from clinic.exchange.import_report import grouped
from clinic.extensions import read_from_here
from clinic.ledger.models import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.exchange.import_report import Report
    from clinic.exchange.tables import Table
    from clinic.exchange.uploads import Upload

MOST_ROWS = 2_000
"""Rows that are imported in the browser; a longer table would keep others from saving for too long."""
MOST_SHOWN = 200


def table_of(upload: Upload) -> Table:
    """Return the table of an upload; raises `RuleBroken` where it cannot be read, or is too long for a page."""
    table = tables.read(upload.table(), **upload.reading, headings=import_columns.spoken_for(upload.mapping))
    if len(table.rows) > MOST_ROWS:
        raise RuleBroken(
            f"The table has {len(table.rows):,} rows. In the browser at most {MOST_ROWS:,} are imported at once. Split "
            "it, or ask your administrator to import it by the command line."
        )
    return table


def check(session: Session, upload: Upload, by: User) -> None:
    """Try the import of an upload without keeping anything, and keep what was found with the upload."""
    read_from_here(session)
    mapping = upload.read_mapping()
    table_of(upload)
    report = importing.run(
        session,
        upload.kind,
        upload.table(),
        mapping,
        by,
        clock.now(),
        dry_run=True,
        name=upload.file,
        without=upload.same,
    )
    confirmed = {note for place, note in enumerate((upload.checked or {}).get("notes", ())) if place in upload.seen}
    upload.checked = _found(report, upload.kind)
    upload.seen = [place for place, note in enumerate(upload.checked["notes"]) if note in confirmed]
    upload.save()


def _found(report: Report, kind: str) -> dict[str, Any]:
    groups, labels, notes = grouped(report.problems), Labels(kind), [str(note) for note in report.notes]
    return {
        "rows": report.rows, "fresh": report.fresh, "skipped": report.skipped, "made": dict(report.made),
        "already": report.already, "count": len(report.problems), "notes": notes[:MOST_SHOWN],
        "more_notes": max(0, len(report.notes) - MOST_SHOWN), "unshown": [_mark(note) for note in notes[MOST_SHOWN:]],
        "faults": [_group(one, labels) for one in groups if not one.fault.ask][:MOST_SHOWN],
        "alike": {
            str(place): [note.row, note.patient_id]
            for place, note in enumerate(report.notes[:MOST_SHOWN])
            if isinstance(note, Alike)
        },
        "first": report.first,
        "asked": [_group(one, labels) for one in groups if one.fault.ask][:MOST_SHOWN],
    }  # fmt: skip


def _mark(note: str) -> str:
    """Return what stands for a note that is not shown: thousands of them are kept with the upload."""
    return digest([str(note)])[:16]


def _group(one: import_report.Group, labels: Labels) -> dict[str, Any]:
    """Return a group of faults as the page shows it; a fact that no column has is named by its label."""
    fault, label = one.fault, labels.known(one.fault.column)
    expected = fault.expected.partition("; if it happened so")[0].partition(" If it is right, the mapping")[0]
    if label and not fault.value:
        expected += ": choose its column, or give one value for every row"
    return {
        "column": label or fault.column, "value": fault.value, "expected": expected, "ask": fault.ask,
        "where": one.where, "count": len(one.rows),
    }  # fmt: skip


def confirm(upload: Upload, reasons: dict[str, str], seen: list[int], same: list[int]) -> bool:
    """Keep why unusual facts are right, and which notes were looked at; return whether it must be checked again.

    ``same``: the rows that are left out, since their patients are registered already.
    """
    before, known = upload.mapping.get("confirmed", {}), upload.same
    after = {**before, **{ask: reason.strip() for ask, reason in reasons.items() if reason.strip()}}
    upload.mapping["confirmed"], upload.seen = after, seen
    upload.same = sorted(set(same))
    upload.save()
    return after != before or upload.same != known


def import_now(session: Session, upload: Upload, by: User) -> Report:
    """Import an upload; raises `RuleBroken` with what keeps it from being imported. The caller commits.

    What the session wrote before is not kept, and others write until the table is judged.
    """
    found = upload.checked
    if found is None or found["faults"] or found["asked"] or found["already"]:
        raise RuleBroken("Check the table first; what is refused is corrected in the file or its mapping.")
    if set(upload.seen) != set(range(len(found["notes"]))):
        raise RuleBroken("Confirm each note first, or correct the file.")
    read_from_here(session)
    report = importing.run(
        session, upload.kind, upload.table(), upload.read_mapping(), by, clock.now(), dry_run=False, name=upload.file,
        without=upload.same,
    )  # fmt: skip
    if report.refused:
        raise RuleBroken(f"Something has changed since the check: {report.sentences()[0]} Check it again.")
    if report.already:
        raise RuleBroken(report.already)
    looked_at = {*map(_mark, found["notes"]), *found.get("unshown", ())}
    if new := [note for note in report.notes if _mark(note) not in looked_at]:
        raise RuleBroken(
            "Something has changed since the check. Check the table again, and confirm:", *new[:MOST_SHOWN]
        )
    return report


def rejects(session: Session, upload: Upload, by: User) -> Iterator[str]:
    """Yield the rows with faults as CSV, each with its reasons; raises `RuleBroken` as `table_of` does."""
    table_of(upload)
    report = importing.run(
        session, upload.kind, upload.table(), upload.read_mapping(), by, clock.now(), dry_run=True, name=upload.file
    )
    if report.table is not None:
        yield from import_report.rejects(report.table, report.problems)
