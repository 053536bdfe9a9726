"""What is wrong with a protocol before it is published: each fault a sentence to its author."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.protocols.cells import CELL_TYPES, MANIPULATIONS, SOURCES
from clinic.protocols.conditions import CONDITIONS, FIELDS
from clinic.protocols.content import RegulatoryPath
from clinic.protocols.delivery import DOSE_MEASURES, ROUTES
from clinic.protocols.instruments import INSTRUMENTS
from clinic.protocols.qc_tests import MARKERS, QC_TESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinic.protocols.content import Content, QCSpec


def problems(content: Content) -> list[str]:
    """Return all that keeps this version from being published; empty when it may be."""
    return [*_unknown(content), *_qc(content), *_dose(content), *_visits(content), *_claims(content)]


def _unknown(content: Content) -> Iterator[str]:
    chosen = (
        ("field", FIELDS, (content.field,)),
        ("condition", CONDITIONS, content.conditions),
        ("cell type", CELL_TYPES, (content.cell_type,)),
        ("source", SOURCES, content.sources),
        ("route", ROUTES, content.routes),
        ("laboratory step", MANIPULATIONS, content.manipulations),
        ("test", QC_TESTS, [spec.test for spec in content.qc]),
        ("dose measure", DOSE_MEASURES, (content.dose.measure,)),
        ("infectious marker", MARKERS, content.screening.markers),
        ("instrument", INSTRUMENTS, [key for plan in content.visits for key in plan.instruments]),
    )
    for noun, entries, keys in chosen:
        yield from (f"No {noun} is called “{key}”." for key in keys if key not in entries)
    for noun, keys in (("condition", content.conditions), ("source", content.sources), ("route", content.routes)):
        if not keys:
            yield f"Choose at least one {noun}."


def _qc(content: Content) -> Iterator[str]:
    tests = [spec.test for spec in content.qc]
    yield from (f"“{key}” is asked for twice." for key in sorted({key for key in tests if tests.count(key) > 1}))
    for spec in content.qc:
        if spec.test in QC_TESTS:
            yield from _limit(spec)


def _limit(spec: QCSpec) -> Iterator[str]:
    test = QC_TESTS[spec.test]
    if not spec.source.strip():
        yield f"{test.label} needs the source of its limit."
    if spec.limit is not None and test.outcomes is not None:
        yield f"{test.label} has an outcome, not a limit."
    if spec.accepted is not None and spec.accepted not in (test.outcomes or {}):
        yield f"{test.label} has no outcome “{spec.accepted}”."
    if spec.mandatory and spec.limit is None and spec.accepted is None:
        yield f"{test.label} is judged, so it needs a limit or an accepted outcome."
    if spec.readers < 1:
        yield f"{test.label} needs at least one reader."


def _dose(content: Content) -> Iterator[str]:
    dose = content.dose
    if dose.usual not in dose.window:
        yield "The usual dose lies outside the dose window."
    if not dose.source.strip():
        yield "The dose window needs its source."
    if dose.doses < 1 or (dose.doses > 1 and not dose.days_between):
        yield "More than one dose needs the days between them."


def _visits(content: Content) -> Iterator[str]:
    names = [plan.name for plan in content.visits]
    yield from (f"Two visits are called “{name}”." for name in sorted({n for n in names if names.count(n) > 1}))
    days = [plan.day for plan in content.visits]
    if days != sorted(days):
        yield "Visits stand in the order of their days."


def _claims(content: Content) -> Iterator[str]:
    yield from (
        f"{CONDITIONS[key].label} belongs to another field."
        for key in content.conditions
        if key in CONDITIONS and CONDITIONS[key].field != content.field
    )
    unproven = any(CONDITIONS[key].unproven for key in content.conditions if key in CONDITIONS)
    if unproven and not (content.evidence.strip() and content.ethics.strip()):
        yield "An unproven indication must state its evidence and its ethics approval (rule 74)."
    if content.regulatory_path is RegulatoryPath.HCTP_361:
        more = [MANIPULATIONS[key].label for key in content.manipulations if key in MANIPULATIONS
                and MANIPULATIONS[key].more_than_minimal]  # fmt: skip
        if more:
            yield f"It cannot be a 361 product: {', '.join(more)} is more than minimal manipulation (rule 22)."
        if not content.homologous:
            yield "It cannot be a 361 product: its use is not homologous (rule 22)."
