"""Serious adverse events for the annual report and the DSUR: cumulative tabulation, and the line listing of a period.

Both count up to the data lock point, the last day of the period: the tabulation in the period and since the beginning.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from clinic.followup.adverse_events import CAUSALITY, EXPECTED, GRADES, OUTCOMES, SERIOUS, AdverseEvent
from clinic.followup.event_rules import GRAVE, SUSPECTED
from clinic.reports.asking import Option
from clinic.reports.data import of_events, population
from clinic.reports.dimensions import COURSE
from clinic.reports.report import Column, Figure, Report, Result, Row, count, totalled
from clinic.reports.terms import by_term

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.clock import Span
    from clinic.reports.data import Data

TABULATION = (
    Column("period", "In the period"),
    Column("cumulative", "Since the beginning"),
    Column("grave", "Fatal or life-threatening"),
    Column("suspected", "Suspected"),
    Column("unexpected", "Suspected and unexpected"),
    Column("open", "Not assessed"),
    Column("patients", "Patients"),
)
LISTING = (
    Column("onset", "Onset", numeric=False),
    Column("term", "What happened", numeric=False),
    Column("grade", "Grade", numeric=False),
    Column("serious", "Serious because of", numeric=False),
    Column("cells", "Related to the cells", numeric=False),
    Column("delivery", "To the administration", numeric=False),
    Column("harvest", "To the collection", numeric=False),
    Column("expected", "Expectedness", numeric=False),
    Column("outcome", "Outcome", numeric=False),
    Column("reported", "Report sent on", numeric=False),
)
CAUSES = ("from_cells", "from_delivery", "from_harvest")


def figures(data: Data) -> Result:
    """Return the serious events up to the data lock point by what happened, by group, or one by one."""
    every = _events(data)
    period = [row for row in every if data.within(data.when(row.performed_at, row.precision), row.id)]
    exposed, silent = of_events(data, _exposed(data))
    listed = data.asked.options["rows"] == "line"
    rows = [_line(data, row) for row in period] if listed else _tabulated(data, period, every)
    people, doses = len({one.course.patient for one in exposed}), len(exposed)
    says = (
        f"{len(period)} serious adverse events in the period and {len(every)} since the beginning, "
        f"in {people} patients exposed by {doses} administrations."
    )
    total = None if listed else totalled("All", rows, TABULATION, [column.key for column in TABULATION])
    return Result(
        columns=LISTING if listed else TABULATION,
        rows=rows,
        total=total if rows else None,
        of="serious adverse events",
        included=[row.id for row in (period if listed else every)],
        first={"line": "Event", "term": "What happened"}.get(data.asked.options["rows"], "Group"),
        excluded=[*data.left_out, silent],
        missing=[("no physician has assessed it", [row.id for row in every if _unassessed(row)])],
        finding=says,
        notes=[
            "Data lock point: the last day of the period, else the day of the report.",
            "Suspected: certainly, probably or possibly from cells, administration or collection.",
            f"{population(exposed)} They are the exposure up to the data lock point.",
        ],
    )


def _events(data: Data) -> list[Any]:
    """Return the serious events up to the data lock point, oldest first; undated ones only without a period."""
    read = data.read(
        AdverseEvent.id, AdverseEvent.treatment_id, AdverseEvent.term, AdverseEvent.grade, AdverseEvent.serious,
        AdverseEvent.outcome, AdverseEvent.expected, AdverseEvent.from_cells, AdverseEvent.from_delivery,
        AdverseEvent.from_harvest, AdverseEvent.reported_on, AdverseEvent.performed_at, AdverseEvent.precision,
        order=[AdverseEvent.performed_at, AdverseEvent.id],
    )  # fmt: skip
    return [
        row for row in read
        if row.serious and row.treatment_id in data.courses and _until(data, data.when(row.performed_at, row.precision))
    ]  # fmt: skip


def _until(data: Data, on: Span | None) -> bool:
    until = data.asked.until
    return not data.asked.dated or (on is not None and (until is None or on.last <= until))


def _exposed(data: Data) -> list[Any]:
    return [
        one for one in data.administrations
        if one.course.id in data.courses and (data.asked.until is None or _until(data, one.when))
    ]  # fmt: skip


def _tabulated(data: Data, period: list[Any], every: list[Any]) -> list[Row]:
    now = {row.id for row in period}
    if data.asked.options["rows"] == "term":
        return [Row(one.key, one.words, _figures(data, one.rows, now)) for one in by_term(every)]
    groups: dict[str, list[Any]] = defaultdict(list)
    for row in every:
        groups[data.key_of(data.courses[row.treatment_id])].append(row)
    return [Row(key, data.label(key), _figures(data, some, now)) for key, some in data.in_order(groups).items()]


def _figures(data: Data, some: list[Any], now: set[str]) -> tuple[Figure, ...]:
    suspected = [row for row in some if _suspected(row)]
    grave = [row for row in some if GRAVE & set(row.serious) or row.outcome == "fatal"]
    return (
        _count(row for row in some if row.id in now), _count(some), _count(grave), _count(suspected),
        _count(row for row in suspected if row.expected == "unexpected"),
        _count(row for row in some if _unassessed(row)),
        count(data.courses[row.treatment_id].patient for row in some),
    )  # fmt: skip


def _count(some: Iterable[Any]) -> Figure:
    return count(row.id for row in some)


def _suspected(row: Any) -> bool:
    return bool({getattr(row, name) for name in CAUSES} & SUSPECTED)


def _unassessed(row: Any) -> bool:
    return None in {row.expected, *(getattr(row, name) for name in CAUSES)}


def _line(data: Data, row: Any) -> Row:
    """Return one event of the line listing; its figure for the term opens the event."""
    when = data.when(row.performed_at, row.precision)
    told = (
        None if when is None else when.told, row.term, GRADES.get(row.grade or ""),
        ", ".join(SERIOUS[one] for one in row.serious if one in SERIOUS),
        *(CAUSALITY.get(getattr(row, name) or "") for name in CAUSES),
        EXPECTED.get(row.expected or ""), OUTCOMES.get(row.outcome or ""), row.reported_on,
    )  # fmt: skip
    shown = tuple(Figure(value) for value in told)
    return Row(row.id, row.id, (shown[0], shown[1]._replace(of=(row.id,)), *shown[2:]))


REPORT = Report(
    name="serious-events",
    group="safety",
    topic="Serious adverse events",
    title="Which serious adverse events belong in the annual report?",
    says="Cumulative tabulation and line listing of serious events up to a data lock point, with the exposure.",
    data_set="Serious adverse events up to the last day of the period",
    numerator="Serious events, in the period and since the beginning",
    denominator="Patients and administrations up to the last day of the period, of the same sources as the events",
    counted_by="onset of the event",
    by=COURSE,
    figures=figures,
    source="21 CFR 312.33(b); ICH E2F, sections 7.2 and 7.3",
    options=(
        Option("rows", "Rows", (("term", "What happened"), ("group", "Groups"), ("line", "Line listing")), "term"),
    ),
)
