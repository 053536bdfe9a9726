"""Makes documents of records: what they say, the proof at their foot, and what became of the records since."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from clinic import wording
from clinic.course_records import around, of_course
from clinic.documents import proof
from clinic.documents.catalog import KINDS
from clinic.documents.document import Document, Source
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.course_records import CourseRecords
    from clinic.documents.proof import Proof


class Made:
    """One document as it is printed: its content, its proof and its code."""

    def __init__(self, session: Session, document: Document, source: Source, site: Any) -> None:
        self.document, self.source, self.site = document, source, site
        sections = [asdict(section) for section in document.sections(source)]
        self.proof: Proof | None = proof.last_entry(session, site.id, source.printed)
        said = {
            "title": document.title, "site": site.name, "lines": _lines(source.record), "sections": sections,
            "notes": [f"Times: {source.zone}."],
            "ledger": [self.proof.number, self.proof.hash] if self.proof else [],
        }  # fmt: skip
        self.digits = proof.code_of(said)
        self.content = {**said, "foot": self._foot(), "dated": self._dated()}

    @property
    def code(self) -> str:
        """What is entered to compare the paper with the records."""
        return f"{self.source.record.id} {self.document.name} {self.digits}"

    @property
    def ids(self) -> set[str]:
        """The rows that it prints."""
        return set(self.source.printed)

    def _foot(self) -> list[str]:
        if self.proof is None:
            return [f"Check code {self.code}", "No entry of the ledger is about these records."]
        at = wording.moment(self.proof.at, self.source.zone)
        entry = f"ledger entry {self.proof.number}, {self.proof.hash[:16]}"
        return [f"Check code {self.code}", f"State of the records: {at}, {entry}"]

    def _dated(self) -> list[int]:
        day = self.source.day(self.proof.at if self.proof else self.source.record.recorded_at)
        return [day.year, day.month, day.day] if day is not None else [1970, 1, 1]


def records_of(session: Session, record: Any) -> CourseRecords | None:
    """Return the records around one; None around a patient."""
    if isinstance(record, Patient):
        return None
    if isinstance(record, Treatment):
        return of_course(session, record)
    if isinstance(record, Product):
        return around(session, record)
    if (course := getattr(record, "treatment", None)) is not None:
        return of_course(session, course)
    cells = [*getattr(record, "outputs", ()), *(use.product for use in getattr(record, "inputs", ()))]
    return around(session, cells[0]) if cells else None


def source_of(session: Session, record: Any, records: CourseRecords | None, people: dict[str, str]) -> Source:
    """Return a record as a document reads it."""
    return Source(record, records if records is not None else records_of(session, record), people)


def _lines(record: Any) -> list[str]:
    """Return who and what a document is about, as its first lines say it."""
    patient = record if isinstance(record, Patient) else getattr(record, "patient", None)
    course = record if isinstance(record, Treatment) else getattr(record, "treatment", None)
    if patient is None and course is not None:
        patient = course.patient
    found = []
    if patient is not None:
        born = wording.day(patient.birth_date, patient.precision_of("birth_date")) if patient.birth_date else "unknown"
        found.append(
            f"{patient.display_name}, born {born}, record number {patient.record_number}, patient {patient.id}"
        )
    if course is not None:
        found.append(f"Course {course.title}, {course.id}, chain of identity {course.chain_of_identity or 'none'}")
    if record is not patient and record is not course:
        found.append(f"{type(record).NOUN} {record.id}")
    return found


def kind_of(record_id: str) -> type[Any] | None:
    """Return the kind of record of an id, None where no document is about such."""
    return KINDS.get(record_id[:2])
