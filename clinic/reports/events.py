"""Adverse events: how many by administrations and by time observed, with exact intervals."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from clinic.followup.adverse_events import AdverseEvent
from clinic.reports.asking import Option
from clinic.reports.data import of_events, population
from clinic.reports.dimensions import COURSE
from clinic.reports.followed import followed
from clinic.reports.geometry import Span, intervals
from clinic.reports.report import Column, Figure, Report, Result, Row, count, number, rate
from clinic.reports.statistics import poisson_interval
from clinic.reports.terms import by_term

if TYPE_CHECKING:
    from clinic.reports.data import Data

COLUMNS = (
    Column("events", "Events"),
    Column("serious", "Serious"),
    Column("severe", "Grade 3 or more"),
    Column("courses", "Courses with one"),
    Column("given", "Administrations"),
    Column("per-given", "Events per 100 administrations"),
    Column("low", "95 % from"),
    Column("high", "95 % to"),
    Column("years", "Years observed"),
    Column("per-year", "Events per year"),
    Column("y-low", "95 % from, per year"),
    Column("y-high", "95 % to, per year"),
)
YEAR = 365.25


def figures(data: Data) -> Result:
    """Return the events of the period by what happened or by group, with the administrations and years behind."""
    rows_ = data.read(
        AdverseEvent.id,
        AdverseEvent.treatment_id,
        AdverseEvent.term,
        AdverseEvent.grade,
        AdverseEvent.serious,
        AdverseEvent.performed_at,
        AdverseEvent.precision,
        order=[AdverseEvent.performed_at, AdverseEvent.id],
    )
    found = [
        row
        for row in rows_
        if row.treatment_id in data.courses and data.within(data.when(row.performed_at, row.precision), row.id)
    ]
    given, silent = of_events(data, data.given)
    seen = [one for one in followed(data)[0] if one.course.id in data.tell_of_events]
    termed = data.asked.options["rows"] == "term"
    if termed:
        rows = [Row(one.key, one.words, _figures(one.rows, given, seen)) for one in by_term(found)]
    else:
        by_group: dict[str, list[Any]] = defaultdict(list)
        for row in found:
            by_group[data.key_of(data.courses[row.treatment_id])].append(row)
        for one in given:
            by_group.setdefault(data.key_of(one.course), [])
        rows = [
            Row(
                key,
                data.label(key),
                _figures(
                    some,
                    [g for g in given if data.key_of(g.course) == key],
                    [s for s in seen if data.key_of(s.course) == key],
                ),
            )
            for key, some in data.in_order(by_group).items()
        ]
    total = Row("total", "All", _figures(found, given, seen))
    some_events = f"{len(found)} adverse event{'' if len(found) == 1 else 's'}"
    says = (
        f"{some_events}, {total.figures[1].shown} of them serious, after {len(given)} administrations: "
        f"{total.figures[5].shown} per 100 (95 % interval {total.figures[6].shown} to {total.figures[7].shown})."
    )
    spans = [
        Span(row.label, _value(rate), _value(low), _value(high), f"{events.shown} of {doses.shown}")
        for row in rows
        for events, doses, rate, low, high in [(row.figures[0], *row.figures[4:8])]
    ]
    drawing = intervals(
        "events", "Events per 100 administrations", says, spans[:18], caption="Exact 95 % intervals (Poisson)."
    )
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total if rows else None,
        of="adverse events",
        included=[row.id for row in found],
        first="What happened" if termed else "Group",
        excluded=[*data.left_out, silent],
        finding=says if given or found else "No cells were given.",
        missing=[
            ("no physician has graded it", [row.id for row in found if row.grade is None]),
            ("it is not recorded whether it is serious", [row.id for row in found if row.serious is None]),
        ],
        drawings=[drawing] if rows else [],
        notes=[
            population(given),
            "Years observed: of their courses begun in the period, from the first cells to the last day heard of.",
        ],
    )


def _value(figure: Figure) -> float | None:
    return None if figure.value is None else float(str(figure.value))


def _figures(some: list[Any], given: list[Any], seen: list[Any]) -> tuple[Figure, ...]:
    n, doses, years = len(some), len(given), sum(one.days for one in seen) / YEAR
    low, high = poisson_interval(n)
    rates = [rate(100 * x / doses if doses else None) for x in (n, low, high)]
    yearly = [rate(x / years if years else None, 2) for x in (n, low, high)]
    return (
        count(row.id for row in some),
        count(row.id for row in some if row.serious),
        count(row.id for row in some if (row.grade or "") >= "3"),
        count(row.treatment_id for row in some),
        count(one.id for one in given),
        *rates,
        number(years, 1),
        *yearly,
    )


REPORT = Report(
    name="adverse-events",
    group="safety",
    topic="Adverse events",
    title="Which adverse events occur, and how often?",
    says="Adverse events by what happened or by group, per administration and per year observed, with exact intervals.",
    data_set="Adverse events of courses",
    numerator="Events that began in the period",
    denominator="Administrations of the period, recorded here or of a source that records events; years from the first "
    "cells to death or the last day heard of",
    counted_by="onset of the event; date of administration",
    by=COURSE,
    figures=figures,
    method="95 % intervals: exact (Poisson)",
    options=(Option("rows", "Rows", (("term", "What happened"), ("group", "Groups")), "term"),),
)
