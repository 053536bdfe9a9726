"""What is wrong with a protocol before it is published: a sentence to its author for each problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.protocols.catalogue import within
from clinic.protocols.claims import more_than_minimal, unproven
from clinic.protocols.conditions import CONDITIONS
from clinic.protocols.content import RegulatoryPath
from clinic.protocols.facts import leaves, tables
from clinic.protocols.qc_tests import QC_TESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinic.protocols.content import Content, QCSpec


def problems(content: Content) -> list[str]:
    """Return all that keeps this version from being published; empty when it may be."""
    return [*_unknown(content), *_qc(content), *_dose(content), *_visits(content), *_claims(content)]


def _unknown(content: Content) -> Iterator[str]:
    wholes = [(leaf, content) for leaf in leaves(type(content))]
    wholes += [(leaf, row) for rows in tables(type(content)) for row in rows.of(content) for leaf in rows.leaves]
    for leaf, whole in wholes:
        value, entries = leaf.value(whole), leaf.fact.catalogue
        keys = value if isinstance(value, tuple) else (value,)
        if entries is not None:
            yield from (f"{leaf.fact.label}: “{key}” is not in the catalogue." for key in keys if key not in entries)
        if leaf.fact.at_least_one and not value:
            yield f"Choose at least one {within(leaf.fact.label)}."


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
        yield "The usual dose is outside the dose window."
    if not dose.source.strip():
        yield "The dose window needs its source."
    if dose.doses < 1 or (dose.doses > 1 and not dose.days_between):
        yield "More than one dose needs the days between them."


def _visits(content: Content) -> Iterator[str]:
    names = [plan.name for plan in content.visits]
    yield from (f"Two visits are called “{name}”." for name in sorted({n for n in names if names.count(n) > 1}))
    days = [plan.day for plan in content.visits]
    if days != sorted(days):
        yield "Visits must be in the order of their days."


def _claims(content: Content) -> Iterator[str]:
    yield from (
        f"{CONDITIONS[key].label} belongs to another field."
        for key in content.conditions
        if key in CONDITIONS and CONDITIONS[key].field != content.field
    )
    if unproven(content) and not (content.evidence.strip() and content.ethics.strip()):
        yield "An unproven indication must state its evidence and its ethics approval (rule 74)."
    if content.regulatory_path is RegulatoryPath.HCTP_361:
        more = more_than_minimal(content)
        if more:
            yield f"It cannot be a 361 product: {', '.join(more)} is more than minimal manipulation (rule 22)."
        if not content.homologous:
            yield "It cannot be a 361 product: its use is not homologous (rule 22)."
