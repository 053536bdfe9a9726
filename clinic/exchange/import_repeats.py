"""What a table repeats: keys, numbers and rows that stand in it twice, or came in before with other facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from clinic.exchange import batches, import_rows
from clinic.exchange.batches import ImportedRow
from clinic.exchange.import_checks import Fault, Given
from clinic.exchange.import_targets import NEW_PEOPLE, Slot
from clinic.patients.models import Patient
from clinic.patients.names import compact
from clinic.patients.numbers import bearers, replaced_on

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.exchange.import_report import Report
    from clinic.exchange.mapping import Mapping
    from clinic.exchange.tables import Table


class Asked(Protocol):
    """What is asked of one table that is taken in."""

    session: Session
    table: Table
    mapping: Mapping
    by: User
    report: Report


def repeated(job: Asked) -> list[Fault]:
    """Return the faults of rows beside each other and beside what is registered."""
    return [*known_already(job), *_twice(job), *_keys(job), *_same_rows(job)]


def _same_rows(job: Asked) -> list[Fault]:
    """Return a fault for each row that says the same as an earlier one: nobody knows whether it happened twice."""
    seen, faults = dict[str, int](), list[Fault]()
    for number, (row, cells) in job.table.rows.numbered() if job.mapping.kind not in NEW_PEOPLE else ():
        given = import_rows.given(row, number, cells, job.mapping, [])
        content = import_rows.content_of(given, job.mapping, job.by.site.zone)
        if content in seen:
            expected = f"a row that row {seen[content]} does not repeat; if it happened twice, give each a “row.key”"
            faults.append(Fault(row=row, column="", value="", expected=expected))
        seen.setdefault(content, row)
    return faults


def _keys(job: Asked) -> list[Fault]:
    """Return a fault for each key that stands in the table twice, or came in before with other facts."""
    wanted, seen, faults = Slot(part="row", name="key"), dict[str, tuple[int, Given]](), list[Fault]()
    for number, (row, cells) in job.table.rows.numbered():
        given = import_rows.given(row, number, cells, job.mapping, [])
        key, said = import_rows.key_of(given, job.mapping), given.get(wanted)
        if not key or said is None:
            continue
        if key in seen:
            first = seen[key][0]
            faults.append(
                Fault(row=row, column=said.column, value=said.written, expected=f"each key once; row {first} has it")
            )
        seen.setdefault(key, (row, said))
    known = batches.known_rows(job.session, job.by.site_id, ImportedRow.source_key, seen)
    for key, one in known.items():
        row, said = seen[key]
        if row not in job.report.before:
            expected = (
                f"the facts with which this key came in, as row {one.row} of import {one.batch_id}: an import never "
                "changes a record; correct it by amendment (rule 70)"
            )
            faults.append(Fault(row=row, column=said.column, value=said.written, expected=expected))
    return faults


WHOSE = (
    Slot(part="donor", name="donor_number"), Slot(part="course", name="key"),
    Slot(part="patient", name="record_number"),
)  # fmt: skip
"""What tells whose cells a row is about, the first that it names."""


def _twice(job: Asked) -> list[Fault]:
    """Return a fault for each donation number that an earlier row of the table has for another donor (rule 6)."""
    problems, seen, din = [], dict[str, Any](), Slot(part="product", name="din")
    for number, (row, cells) in job.table.rows.numbered():
        given = import_rows.given(row, number, cells, job.mapping, [])
        said = given.get(din)
        if said is None or not said.text:
            continue
        whose = next((compact(one.text) for at in WHOSE if (one := given.get(at)) and one.text), row)
        if seen.setdefault(compact(said.text), whose) != whose:
            expected = "each donation number for one donor (rule 6)"
            problems.append(Fault(row=row, column=said.column, value=said.written or said.text, expected=expected))
    return problems


def known_already(job: Asked) -> list[Fault]:
    """Return a fault for each record number that the clinic has already, or that is in the table twice."""
    problems, seen, session, by = list[Fault](), set(), job.session, job.by
    if job.mapping.kind not in NEW_PEOPLE:
        return problems
    wanted = Slot(part="patient", name="record_number")
    numbers: list[tuple[int, str, str]] = []
    for number, (row, cells) in job.table.rows.numbered():
        said = import_rows.given(row, number, cells, job.mapping, [])
        given = said.get(wanted)
        if given is not None and given.text and row not in job.report.before:
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
