"""Yield, recovery and viability of the cells over time, by what they come from and how they were prepared."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from clinic import wording
from clinic.accounts.models import User
from clinic.processing.counts import InProcessCount
from clinic.processing.manipulations import Manipulation
from clinic.processing.models import ProcessingRun
from clinic.release.results import QCResult
from clinic.reports.asking import Option
from clinic.reports.cells import Container, containers, group_label, group_of
from clinic.reports.control import xmr
from clinic.reports.dimensions import COURSE
from clinic.reports.geometry import Drawing, control
from clinic.reports.marks import key_of
from clinic.reports.report import Column, Figure, Report, Result, Row, count, number
from clinic.reports.statistics import mean_interval

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.reports.data import Data

MEASURES = {
    "viability": ("Viability", "%"),
    "cd34_viability": ("Viability of CD34+ cells", "%"),
    "tnc": ("Yield: nucleated cells", "×10⁶"),
    "cd34": ("Yield: CD34+ cells", "×10⁶"),
    "viable": ("Yield: viable cells", "×10⁶"),
    "recovery": ("Recovery over the run", "%"),
}
RESULTS = {"viability", "cd34_viability"}
COUNTED = ("viable", "cd34", "tnc")
"""What a recovery is worked out from: the first of these that was counted before and after."""
FEW_POINTS = 4
LAST = 100
"""Points that a chart holds; what is older says little of how the cells are made now."""
UNTOLD = "Not recorded, or not processed"


class Measured(NamedTuple):
    """One figure: the record that has it, when, and the rows in which it counts; a run may have several lots."""

    id: str
    at: datetime
    value: float
    groups: tuple[str, ...]


def figures(data: Data) -> Result:
    """Return mean, spread and control chart of one measure, in the order of time."""
    measure = data.asked.options["measure"]
    known = containers(data)
    if measure in RESULTS:
        found, missing = _of_results(data, measure, known), []
    else:
        found, missing = _of_runs(data, measure, known)
    found.sort(key=lambda one: (one.at, one.id))
    by_group: dict[str, list[Measured]] = defaultdict(list)
    for one in found:
        for group in one.groups:
            by_group[group].append(one)
    rows = [Row(_key(data, key), _label(data, key), _figures(some)) for key, some in _ordered(data, by_group).items()]
    total = Row("total", "All", _figures(found)) if found else None
    label, unit = MEASURES[measure]
    drawn = [_drawing(data, label, unit, found)] if len(found) >= FEW_POINTS else []
    says = f"{label}: no figures yet."
    if total:
        told = f" {drawn[0].says}" if drawn else ""
        says = f"{label}: {len(found)} figures, mean {total.figures[1].shown} {unit}.{told}"
    return Result(
        columns=tuple(Column(c.key, c.heading.format(unit=unit)) for c in COLUMNS),
        rows=rows,
        total=total,
        of="figures",
        included=[one.id for one in found],
        finding=says,
        excluded=data.left_out,
        missing=[("the run has no count of the same cells before and after", missing)] if measure == "recovery" else [],
        drawings=drawn,
        notes=["Published, thawed grafts: viability 78 % (53 to 95), 88 collections (SciELO S2531-13792018000300233)."]
        if measure in RESULTS
        else [],
    )


COLUMNS = (
    Column("n", "Figures"),
    Column("mean", "Mean, {unit}"),
    Column("low", "95 % from"),
    Column("high", "95 % to"),
    Column("median", "Median"),
    Column("least", "Lowest"),
    Column("most", "Highest"),
)


def _of_results(data: Data, test: str, known: dict[str, Container]) -> list[Measured]:
    work, found = _work(data), []
    for row in data.read(
        QCResult.id,
        QCResult.product_id,
        QCResult.value,
        QCResult.performed_at,
        where=[QCResult.test == test, QCResult.comparator == "=", QCResult.performed_at.is_not(None)],
    ):
        one = known.get(row.product_id)
        if one is not None and row.value is not None and data.within(data.day(row.performed_at), row.id):
            found.append(Measured(row.id, row.performed_at, float(row.value), _groups(data, one, work)))
    return found


def _of_runs(data: Data, measure: str, known: dict[str, Container]) -> tuple[list[Measured], list[str]]:
    made = {one.run: one for one in known.values() if one.run}
    totals: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in data.read(
        InProcessCount.run_id,
        InProcessCount.counted,
        InProcessCount.concentration,
        InProcessCount.volume,
        order=[InProcessCount.performed_at, InProcessCount.recorded_at, InProcessCount.id],
    ):
        if row.concentration is not None and row.volume is not None:
            totals[row.run_id][row.counted].append(float(row.concentration * row.volume))
    work, found, missing = _work(data), [], []
    for run in data.read(ProcessingRun.id, ProcessingRun.performed_at):
        one = made.get(run.id)
        if one is None or run.performed_at is None or not data.within(data.day(run.performed_at), run.id):
            continue
        value = _value(measure, totals[run.id])
        if value is not None:
            found.append(Measured(run.id, run.performed_at, value, _groups(data, one, work)))
        elif measure == "recovery":
            missing.append(run.id)
    return found, missing


def _value(measure: str, totals: dict[str, list[float]]) -> float | None:
    """Return the last total of what was counted; a recovery is the last ÷ the first of the same cells, in percent."""
    if measure != "recovery":
        return totals[measure][-1] if totals.get(measure) else None
    pairs = (totals.get(kind, []) for kind in COUNTED)
    return next((100 * some[-1] / some[0] for some in pairs if len(some) > 1 and some[0]), None)


def _work(data: Data) -> dict[str, set[str]]:
    """Return for each run what the rows were asked to tell apart: preparation, operator, equipment or lots."""
    rows, found = data.asked.options["rows"], defaultdict(set)
    if rows in {"equipment", "lot"}:
        for run, reagent, lot, equipment in data.read(
            Manipulation.run_id, Manipulation.reagent, Manipulation.lot, Manipulation.equipment
        ):
            words = equipment if rows == "equipment" else " ".join(part for part in (reagent, lot) if part and lot)
            found[run] |= {words} - {"", None}
    elif rows != "group":
        people = {row.id: row.printed_name for row in data.read(User.id, User.printed_name)}
        for run, preparation, who in data.read(
            ProcessingRun.id, ProcessingRun.preparation, ProcessingRun.performed_by_id
        ):
            found[run] |= {preparation if rows == "preparation" else people.get(who)} - {"", None}
    return found


def _groups(data: Data, one: Container, work: dict[str, set[str]]) -> tuple[str, ...]:
    if data.asked.options["rows"] == "group":
        return (group_of(data, one),)
    return tuple(sorted(work.get(one.run or "", ()))) or (UNTOLD,)


def _ordered(data: Data, groups: dict[str, list[Measured]]) -> dict[str, list[Measured]]:
    return data.in_order(groups) if data.asked.options["rows"] == "group" else dict(sorted(groups.items()))


def _key(data: Data, group: str) -> str:
    return group or "none" if data.asked.options["rows"] == "group" else key_of(group)


def _label(data: Data, key: str) -> str:
    return group_label(data, key) if data.asked.options["rows"] == "group" else key


def _figures(some: list[Measured]) -> tuple[Figure, ...]:
    values = [one.value for one in some]
    mean, low, high = mean_interval(values)
    ends = [None if abs(end) == float("inf") else end for end in (low, high)]
    told = [number(x, 1) for x in (mean, *ends, median(values), min(values), max(values))]
    return (count(one.id for one in some), *told)


def _drawing(data: Data, label: str, unit: str, found: list[Measured]) -> Drawing:
    found, every = found[-LAST:], len(found)
    chart = xmr([one.value for one in found])
    if chart.shifted:
        says = (
            f"The process shifted: longest run {chart.run} (at most {chart.longest_allowed} expected), "
            f"{chart.crossings} crossings (at least {chart.fewest_allowed}). No average exists, so no limits are drawn."
        )
    else:
        says = f"{len(chart.outside)} of {len(found)} figures lie outside the limits; no sign of a shift."
    left = f" The last {LAST} of {every} figures are drawn." if every > LAST else ""
    return control(
        "yields",
        f"{label} in the order of time",
        says,
        chart,
        [wording.day(data.day(one.at)) for one in found],
        unit=f" {unit}" if unit == "%" else "",
        caption=f"{says} Mean ± 3 ÷ 1.128 mean moving ranges.{left}",
    )


REPORT = Report(
    name="yields",
    group="cells",
    topic="Viability, yield and recovery",
    title="What is the quality of the cells made here?",
    says="Viability, yield and recovery in the order of time, with control limits, by source or preparation.",
    data_set="Test results of viability; counts of processing runs",
    numerator="The figure chosen, in the order of time",
    denominator="Containers with an exact result (not “less than”), or runs with a count",
    counted_by="date of the result; start of the run",
    by=("source", *(key for key in COURSE if key != "source")),
    figures=figures,
    method="Chart of individual values (XmR) with the two Anhøj rules; t interval of the mean",
    options=(
        Option("measure", "Figure", tuple((key, words[0]) for key, words in MEASURES.items()), "viability"),
        Option(
            "rows",
            "Rows",
            (
                ("group", "Groups"),
                ("preparation", "Preparation method"),
                ("operator", "Operator"),
                ("equipment", "Equipment"),
                ("lot", "Lot"),
            ),
            "group",
        ),
    ),
)
