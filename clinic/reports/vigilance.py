"""Vigilance return: serious reactions of recipients and donors, with the denominators that authorities ask for."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from clinic.followup.adverse_events import SUSPECTED, AdverseEvent
from clinic.harvest.models import Harvest
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.products.movements import Movement
from clinic.reports.cells import containers, group_label, group_of
from clinic.reports.data import of_events, population
from clinic.reports.report import Column, Figure, Report, Result, Row, count, number, totalled
from clinic.reports.statistics import poisson_interval

if TYPE_CHECKING:
    from clinic.reports.data import Data

COUNTS = (
    Column("donors", "Donors"),
    Column("collections", "Collections"),
    Column("processed", "Units processed"),
    Column("distributed", "Units distributed"),
    Column("applied", "Units applied"),
    Column("recipients", "Recipients"),
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
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    known = {
        id_: one
        for id_, one in containers(data).items()
        if one.origin == "clinic" or (one.course is not None and one.course.id in data.tell_of_events)
    }
    _collected(data, known, found)
    _units(data, known, found)
    events, unknown = _events(data, found)
    given, silent = of_events(data, data.given)
    for one in given:
        found[data.key_of(one.course)]["applied"].append(one.id)
        found[data.key_of(one.course)]["recipients"].append(one.course.patient)
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


def _collected(data: Data, known: dict, found: dict) -> None:
    groups = {
        row.harvest_id: group_of(data, known[row.id])
        for row in data.read(Product.id, Product.harvest_id, where=[Product.harvest_id.is_not(None)])
        if row.id in known
    }
    for row in data.read(Harvest.id, Harvest.donor_id, Harvest.performed_at):
        if row.id in groups and data.within(data.day(row.performed_at), row.id):
            found[groups[row.id]]["collections"].append(row.id)
            found[groups[row.id]]["donors"].append(row.donor_id)


def _units(data: Data, known: dict, found: dict) -> None:
    runs = {row.id: row for row in data.read(ProcessingRun.id, ProcessingRun.performed_at, ProcessingRun.ended_at)}
    for id_, one in known.items():
        run = runs.get(one.run) if one.run else None
        if run is not None and data.within(data.day(run.ended_at or run.performed_at), id_):
            found[group_of(data, one)]["processed"].append(id_)
    for row in data.read(Movement.product_id, Movement.performed_at, where=[Movement.kind == "issued"]):
        if row.product_id in known and data.within(data.day(row.performed_at), row.product_id):
            found[group_of(data, known[row.product_id])]["distributed"].append(row.product_id)


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
    ):
        course = data.courses.get(row.treatment_id)
        if course is None or row.serious == [] or not data.within(data.day(row.performed_at), row.id):
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
    return tuple(number(1000 * x / units, 1) for x in (events, *poisson_interval(events)))


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
