"""What a document is: one declared object, and one function that returns its sections.

A document says what the records say and nothing of the moment at which it is printed, so that the same records give
the same bytes. What is printed is kept by id (`Source.printed`): the proof at its foot is taken over just these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import object_session

from clinic import clock, record_display, wording
from clinic.access import CLINICAL, Role
from clinic.course_records import of_course
from clinic.pathway.timeline import is_signed_by_rule
from clinic.templating import unmarked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date, datetime
    from decimal import Decimal

    from clinic.course_records import CourseRecords
    from clinic.model import Model
    from clinic.records import Entry


@dataclass(frozen=True, kw_only=True)
class Block:
    """One part of a section, of which only what is given is set.

    ``facts``: label, value, note. ``head`` and ``rows``: a table. ``text``: paragraphs. ``signed``: name, meaning,
    time and seal of each signature. ``strong``: a paragraph that must not be overlooked. ``figures``: a drawing as SVG,
    what it shows in words, and its caption.
    """

    heading: str = ""
    facts: list[tuple[str, str, str]] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    strong: str = ""
    text: list[str] = field(default_factory=list)
    signed: list[tuple[str, str, str]] = field(default_factory=list)
    figures: list[tuple[str, str, str]] = field(default_factory=list)


def table(head: list[str], rows: list[list[str]]) -> list[Block]:
    """Return a table as the blocks of a section; none without rows."""
    return [Block(head=head, rows=rows)] if rows else []


def quantity(value: Decimal | None, unit: str) -> str:
    """Return a figure with its unit as a document says it; nothing where none was recorded."""
    return unmarked(wording.quantity(value, unit)) if value is not None else ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A titled part of a document; one without blocks says ``empty``."""

    title: str
    blocks: list[Block]
    empty: str = "None recorded."


class Source:
    """The record that a document is about, with the records around it, in words of its site's clock.

    ``records``: of the course or the banked cells; None for a document about a patient. ``printed``: what was printed.
    """

    def __init__(self, record: Any, records: CourseRecords | None, people: dict[str, str]) -> None:
        self.record, self._records, self.people = record, records, people
        self.zone: str = record.zone
        self.printed: dict[str, Model] = {}
        self.only: frozenset[str] | None = None
        """The patients whom it may name; None: everybody whom the records name."""

    def may_name(self, patient_id: str) -> bool:
        """Whether it may name a patient: a file for one person names no other."""
        return self.only is None or patient_id in self.only

    @property
    def records(self) -> CourseRecords:
        """The records around it; a document about a patient alone has none."""
        if self._records is None:
            raise LookupError("This document is about a patient alone.")
        return self._records

    def around(self, course: Any) -> CourseRecords:
        """Return the records of one of a patient's courses."""
        session = object_session(course)
        if session is None:
            raise LookupError("A document is made of stored records.")
        return of_course(session, course)

    def day(self, at: datetime | None) -> date | None:
        """Return the day of a moment on the site's clock."""
        return clock.day(at, self.zone) if at is not None else None

    def keep(self, *records: Any) -> None:
        """Note that records are printed: they, their parts, amendments and signatures are what the proof covers."""
        for record in records:
            self.printed[record.id] = record
            for part in (*getattr(record, "amendments", ()), *getattr(record, "signatures", ()), *_covered(record)):
                self.printed[part.id] = part

    def facts(self, record: Entry) -> list[tuple[str, str, str]]:
        """Return the declared facts of a record: label, value, note."""
        self.keep(record)
        shown = record_display.facts(record, self.zone, people=self.people)
        return [(label, unmarked(value), note) for label, value, note in shown]

    def entry(self, record: Any, heading: str = "", *, facts: bool = True) -> list[Block]:
        """Return a whole record: what was recorded, by whom, what was amended, who signed."""
        self.keep(record)
        signs = is_signed_by_rule(type(record))
        hands = record_display.hands(record, self.zone, signs=signs)
        who = [line for line in hands if not line.startswith("Signed by")]
        late = record_display.late(record, self.zone)
        said = unmarked(record.headline())
        blocks = [
            Block(
                heading=heading or (said if said.startswith(record.NOUN) else f"{record.NOUN}: {said}"),
                facts=self.facts(record) if facts else [],
                text=[*([late] if late else []), *who, f"{record.NOUN} {record.id}"],
            )
        ]
        blocks += [
            Block(
                text=[f"Amended {when} by {who}. Reason: {wording.quoted(reason)}{' ' + covers if covers else ''}"],
                head=["Corrected", "From", "To"],
                rows=[[label, unmarked(old), unmarked(new)] for label, old, new in changes],
            )
            for when, who, reason, changes, covers in record_display.amendments(record, self.zone)
        ]
        signed = record_display.signature_lines(record, self.zone) if hasattr(record, "signatures") else []
        return [*blocks, *([Block(signed=signed)] if signed else [])]

    def entries(self, records: Iterable[Any]) -> list[Block]:
        """Return whole records, one after the other."""
        return [block for record in records for block in self.entry(record)]


def _covered(record: Any) -> tuple[Any, ...]:
    covered = getattr(record, "covered", None)
    return tuple(one for one in covered() if one is not record) if covered is not None else ()


@dataclass(frozen=True, kw_only=True)
class Document:
    """One kind of document.

    ``name``: in addresses. ``about``: the kind of record that it is made of. ``purpose``: one sentence of what it is
    for. ``sections``: its content. ``missing``: why there is none of a record yet; empty: there is one.
    """

    name: str
    title: str
    about: type[Any]
    purpose: str
    sections: Callable[[Source], Sequence[Section]]
    missing: Callable[[Source], str] = lambda _source: ""
    roles: frozenset[Role] = CLINICAL
