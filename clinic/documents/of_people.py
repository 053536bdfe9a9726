"""Documents about patients: the summary, the report of a course, a consent, an adverse event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic import wording
from clinic.administration.amounts import worked_out
from clinic.administration.models import Administration
from clinic.consent.models import Consent
from clinic.documents.document import Block, Document, Section, Source, table
from clinic.documents.of_cells import movements, named, results
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.event_records import RECIPIENTS
from clinic.followup.models import FollowUpVisit, OutcomeScore
from clinic.followup.telling import duties, siblings
from clinic.pathway.order import current
from clinic.patients.donors import BloodTyping
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.protocols.catalogues import INSTRUMENTS
from clinic.release.after_giving import since_given
from clinic.release.models import decisions
from clinic.release.results import QCResult
from clinic.templating import unmarked
from clinic.treatments.models import Stop, Treatment

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords
    from clinic.records import Record

WITH_THEIR_VISIT = (OutcomeScore,)
"""Kinds that are told in the entry of another record."""


def given_rows(source: Source, courses: list[Any]) -> list[Block]:
    """Return what was given in some courses: when, what, how much, where."""
    rows = []
    for records in courses:
        given = records.of(Administration)
        source.keep(*given)
        rows += [
            [
                wording.moment(one.performed_at, source.zone, one.precision_of("performed_at")),
                named(one.product) if one.product is not None else "",
                one.product_id or "",
                unmarked(one.headline()),
            ]
            for one in given
        ]
    since = [block for records in courses for one in records.of(Administration) for block in corrected(records, one)]
    return [*table(["When", "Product", "Number", "Given"], rows), *since]


def corrected(records: CourseRecords, given: Administration) -> list[Block]:
    """Return what of the cells was corrected or found since they were given, with the dose that follows from it."""
    product = given.product
    if product is None or given.voided:
        return []
    found = since_given(product, records.on(product, QCResult))
    volume = given.volume_given if given.volume_given is not None else given.volume_issued
    now = worked_out(product, volume, given.weight_kg)
    dose = [f"Dose by what is recorded now: {unmarked(now['working'])}."] if now and now["dose"] != given.dose else []
    blocks = [Block(strong=unmarked(one.sentence)) for one in found]
    return [*blocks, Block(text=dose)] if blocks and dose else blocks


def summary(source: Source) -> list[Section]:
    """Return what another clinic needs to know of a patient who was treated with cells."""
    patient: Patient = source.record
    courses = [source.around(course) for course in patient.courses]
    source.keep(*patient.courses)
    ordered = [
        [course.title, course.chain_of_identity or "", course.protocol_version.name,
         wording.day(source.day(course.performed_at), course.precision_of("performed_at"))]
        for course in patient.courses
    ]  # fmt: skip
    events = [event for records in courses for event in records.of(AdverseEvent)]
    weights = patient.weights[:1]
    typings: list[BloodTyping] = list(patient.typings)
    return [
        Section(title="Patient", blocks=source.entry(patient)),
        Section(title="Alerts", blocks=source.entries(patient.alerts)),
        Section(title="Weight", blocks=source.entries(weights)),
        Section(title="Blood group", blocks=source.entries(typings)),
        Section(
            title="Courses",
            blocks=table(["Course", "Chain of identity", "Protocol", "Ordered"], ordered) if ordered else [],
        ),
        Section(title="Cells given", blocks=given_rows(source, courses)),
        Section(title="Adverse events", blocks=source.entries(events)),
        Section(title="Consents", blocks=source.entries(patient.consents)),
    ]


def course(source: Source) -> list[Section]:
    """Return a course from its order to its last visit, step by step."""
    records, ordered = source.records, source.record
    found = [Section(title="Order", blocks=[*source.entry(ordered), *source.entries(records.of(Stop))])]
    for step in current():
        kinds = [kind for kind in step.records if kind not in WITH_THEIR_VISIT]
        blocks = [block for kind in kinds for record in records.of(kind) for block in _entry(source, record)]
        found.append(Section(title=step.title, blocks=blocks))
    products = records.of(Product)
    source.keep(*products)
    tested = [
        block
        for product in products
        if (table := results(source, product))
        for block in (Block(heading=f"{named(product)}, {product.id}"), *table)
    ]
    return [
        *found,
        Section(title="Results", blocks=tested),
        Section(title="Custody", blocks=movements(source, products)),
    ]


def _entry(source: Source, record: Record) -> list[Block]:
    blocks = source.entry(record)
    if isinstance(record, Administration):
        blocks += corrected(source.records, record)
    if isinstance(record, FollowUpVisit) and record.scores:
        source.keep(*record.scores)
        rows = [[INSTRUMENTS[one.instrument or ""].label, unmarked(one.words), one.note or ""] for one in record.scores]
        blocks.insert(1, Block(head=["Outcome", "Score", "Note"], rows=rows))
    return blocks


def consent(source: Source) -> list[Section]:
    """Return one consent with its withdrawal."""
    record: Consent = source.record
    gone = [record.withdrawal] if record.withdrawal is not None else []
    return [
        Section(title="Consent", blocks=source.entry(record)),
        Section(title="Withdrawal", blocks=source.entries(gone), empty="Not withdrawn."),
    ]


def _told(source: Source, record: AdverseEvent) -> list[Block]:
    """Return who must be told of an event and until when, then each record of telling."""
    rows = []
    for duty in duties(source.records, record):
        state = "told" if duty.told is not None else f"sent {wording.day(duty.sent)}" if duty.sent else "not told"
        state = "need not be told" if duty.told is not None and duty.told.not_needed else state
        rows.append([RECIPIENTS[duty.recipient], duty.because, wording.day(duty.due), state])
    return [*table(["Who", "Why", "Due", "State"], rows), *source.entries(record.notifications)]


def _same_origin(source: Source, record: AdverseEvent) -> list[Block]:
    """Return the containers that share cells with those given before the event, and who received them."""
    rows, cells = [], siblings(source.records, record)
    source.keep(*cells)
    for one in cells:
        course = source.records.get(one.treatment_id)
        whose = course.patient if course is not None else None
        number = (whose.record_number or "") if whose is not None else ""
        if whose is not None and not source.may_name(whose.id):
            number = "another patient"
        rows.append([named(one), one.id, "given" if one.given else one.place_text or "", number])
    return table(["Product", "Number", "Where", "Record number of the patient"], rows)


def event(source: Source) -> list[Section]:
    """Return one adverse event to its end: updates, who was told, what had been given before it, who decided on it."""
    record: AdverseEvent = source.record
    source.keep(*record.updates, *record.notifications)
    products = [one for one in source.records.of(Product) if one.given]
    decided = [block for one in products for row in decisions(source.records, one) for block in source.entry(row)]
    return [
        Section(title="Event", blocks=source.entry(record)),
        Section(title="Updates", blocks=source.entries(record.updates)),
        Section(title="Notifications", blocks=_told(source, record)),
        Section(title="Containers of the same origin", blocks=_same_origin(source, record)),
        Section(title="Cells given", blocks=given_rows(source, [source.records])),
        Section(title="Decisions on the products given", blocks=decided),
    ]


SUMMARY = Document(
    name="patient-summary",
    title="Patient summary",
    about=Patient,
    purpose="For the next physician: who the patient is, which cells were given, allergies, adverse events, consents.",
    sections=summary,
)
COURSE = Document(
    name="course-report",
    title="Course report",
    about=Treatment,
    purpose="The whole course from order to follow-up, with results, custody, corrections and signatures.",
    sections=course,
)
CONSENT = Document(
    name="consent",
    title="Record of consent",
    about=Consent,
    purpose="What was consented to, who signed and obtained it, until when, and whether it was withdrawn.",
    sections=consent,
)
EVENT = Document(
    name="adverse-event",
    title="Adverse event report",
    about=AdverseEvent,
    purpose="One event with its assessment and reports, the cells given before it, and the decisions on them.",
    sections=event,
)
