"""Vigilance return: serious reactions of recipients and donors, with the denominators that authorities ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.event_rules import SUSPECTED
from clinic.reports.cells import group_label, group_of
from clinic.reports.data import population
from clinic.reports.exposure import DENOMINATORS, exposure
from clinic.reports.report import Column, Figure, Report, Result, Row, count, rate, totalled
from clinic.reports.statistics import poisson_interval

if TYPE_CHECKING:
    from clinic.reports.data import Data

COUNTS = (
    *DENOMINATORS,
    Column("reactions", "Serious reactions, recipients"),
    Column("fatal", "of these fatal"),
    Column("donor-reactions", "Serious reactions, donors"),
    Column("open", "Serious, not assessed"),
)
COLUMNS = (
    *COUNTS,
    Column("rate", "Per 1,000 units applied"),
    Column("low", "95 % from"),
    Column("high", "95 % to"),
)


def figures(data: Data) -> Result:
    """Return serious reactions and their denominators; each unit, person and event counts once in a row."""
    found, given, silent, _known = exposure(data, lambda one: group_of(data, one), data.key_of)
    events, unknown = _events(data, found)
    rows = [Row(key or "none", group_label(data, key), _figures(some)) for key, some in data.in_order(found).items()]
    total = totalled("All", rows, COLUMNS, [column.key for column in COUNTS])
    total = Row(total.key, total.label, (*total.figures[: len(COUNTS)], *_rate(total.figures)))
    collections, applied, people, bad, donors = (total.figures[place].shown for place in (1, 4, 5, 6, 8))
    says = (
        f"{bad} serious reactions of recipients in {applied} units applied to {people} recipients; "
        f"{donors} of donors in {collections} collections."
    )
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total if rows else None,
        of="serious adverse events",
        included=events,
        excluded=[*data.left_out, silent, ("it is not recorded whether the event is serious", unknown)],
        finding=says if rows else "Nothing was collected or given.",
        notes=[
            population(given),
            "Suspected: certainly, probably or possibly from cells or administration; of donors, from the collection.",
            "A serious event that nobody has assessed counts for neither and has a column of its own.",
        ],
    )


def _events(data: Data, found: dict) -> tuple[list[str], list[str]]:
    """Return the serious events, and those of which nobody recorded whether they are."""
    counted, unknown = list[str](), list[str]()
    for row in data.read(
        AdverseEvent.id,
        AdverseEvent.treatment_id,
        AdverseEvent.serious,
        AdverseEvent.outcome,
        AdverseEvent.from_cells,
        AdverseEvent.from_delivery,
        AdverseEvent.from_harvest,
        AdverseEvent.performed_at,
        AdverseEvent.precision,
    ):
        course = data.courses.get(row.treatment_id)
        if course is None or row.serious == [] or not data.within(data.when(row.performed_at, row.precision), row.id):
            continue
        if row.serious is None:
            unknown.append(row.id)
            continue
        counted.append(row.id)
        group = found[data.key_of(course)]
        if None in {row.from_cells, row.from_delivery, row.from_harvest}:
            group["open"].append(row.id)
            continue
        if {row.from_cells, row.from_delivery} & SUSPECTED:
            group["reactions"].append(row.id)
            if row.outcome == "fatal" or "death" in row.serious:
                group["fatal"].append(row.id)
        if row.from_harvest in SUSPECTED:
            group["donor-reactions"].append(row.id)
    return counted, unknown


def _rate(counts: Any) -> tuple[Figure, ...]:
    events, units = len(counts[6].of or ()), len(counts[4].of or ())
    if not units:
        return Figure(None), Figure(None), Figure(None)
    return tuple(rate(1000 * x / units) for x in (events, *poisson_interval(events)))


def _figures(some: dict[str, list[str]]) -> tuple[Figure, ...]:
    counts = tuple(count(some.get(column.key, ())) for column in COUNTS)
    return (*counts, *_rate(counts))


REPORT = Report(
    name="vigilance",
    group="safety",
    topic="Vigilance return",
    title="What is reported to the vigilance authority?",
    says="Serious reactions of recipients and donors with units processed, distributed, applied, and people.",
    data_set="Collections, containers, issues, administrations and serious adverse events of the period",
    numerator="Serious adverse events suspected to come from cells, administration or collection",
    denominator="Units processed, distributed and applied; recipients; donors. Rates are by units applied",
    counted_by="date of collection, of the end of processing, of issue, of administration, of onset",
    by=("source", "cell_type"),
    figures=figures,
    method="95 % intervals: exact (Poisson)",
    source="Directive 2006/86/EC, Article 7 and annexes III and IV, as amended by (EU) 2015/565",
)
