"""All documents, by name, and which of them are about one record and what hangs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.documents.of_cells import BATCH, CERTIFICATE, CHAIN
from clinic.documents.of_people import CONSENT, COURSE, EVENT, SUMMARY
from clinic.followup.adverse_events import AdverseEvent
from clinic.patients.models import Patient
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords
    from clinic.documents.document import Document

DOCUMENTS = {one.name: one for one in (SUMMARY, COURSE, CERTIFICATE, BATCH, CHAIN, CONSENT, EVENT)}
KINDS: dict[str, type[Any]] = {one.about.KIND: one.about for one in DOCUMENTS.values()}
"""The kinds of records that documents are about, by the first letters of their ids."""
OF_A_COURSE = (ProcessingRun, Product, AdverseEvent)


def about(record: Any, records: CourseRecords | None) -> list[tuple[Document, Any]]:
    """Return the documents about a record, then those about what hangs on it: of a course its runs and products."""
    hanging: list[Any] = []
    if isinstance(record, Treatment) and records is not None:
        hanging = [one for kind in OF_A_COURSE for one in records.of(kind)]
    if isinstance(record, Patient):
        hanging = [*record.courses, *record.consents]
    if isinstance(record, ProcessingRun):
        hanging = list(record.outputs)
    return [(one, row) for row in (record, *hanging) for one in DOCUMENTS.values() if isinstance(row, one.about)]
