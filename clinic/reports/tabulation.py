"""Adverse events by the stage of the course in which they began and by their cause, with the vigilance denominators.

Cumulative: up to the data lock point, the last day of the period (ICH E2F 7.3); or of the period alone.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from clinic.administration.models import Administration
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.event_rules import RULED_OUT, SUSPECTED
from clinic.harvest.models import Harvest
from clinic.reports.asking import Option
from clinic.reports.data import Data, population
from clinic.reports.exposure import DENOMINATORS, Exposure, exposure
from clinic.reports.geometry import Bar, bars
from clinic.reports.report import Column, Figure, Report, Result, Row, count, rate
from clinic.reports.statistics import poisson_interval

if TYPE_CHECKING:
    from datetime import date, datetime

WITHIN = timedelta(hours=24)
STAGES = {
    "before": "Before the harvest",
    "harvest": "Harvest (within 24 h)",
    "between": "After the harvest, before giving",
    "giving": "Giving (within 24 h)",
    "follow-up": "Follow-up",
    "unknown": "Stage not known",
}
CAUSES = {
    "cells": "from_cells",
    "harvest": "from_harvest",
    "delivery": "from_delivery",
    "drug": "from_drug",
    "disease": "from_disease",
}
ASKED = ("cells", "harvest", "delivery")
"""The causes that every assessment has to judge."""
COUNTS = (
    Column("n", "Number"),
    Column("cells", "Cells"),
    Column("harvest", "Harvest"),
    Column("delivery", "Delivery"),
    Column("drug", "Another drug or conditioning"),
    Column("disease", "Disease"),
    Column("unrelated", "Unrelated"),
    Column("open", "Not assessed"),
)
COLUMNS = (
    *COUNTS,
    Column("per", "Denominator", numeric=False),
    Column("rate", "Per 1,000"),
    Column("low", "95 % from"),
    Column("high", "95 % to"),
)
PER = {
    "harvest": "collections",
    "between": "processed",
    "giving": "applied",
    "follow-up": "applied",
    "all": "applied",
}
"""The denominator of the rate of each stage; what began before the harvest has none."""
WORDS = {column.key: column.heading for column in DENOMINATORS}
STAGE_RULE = (
    "Giving and harvest: from the start until 24 hours later; of a time known to the day only, on that day. "
    "After the first cells everything else is follow-up. Cells from the bank were harvested before the course."
)
CAUSE_RULE = (
    "Cause: certainly, probably or possibly from it; an event suspected of several causes counts in each. "
    "Unrelated: from cells, harvest and delivery unlikely or not at all, and suspected of nothing else. Not assessed: "
    "one of these three is not assessed, or no cause is suspected and one needs more data or cannot be assessed."
)


class Began(NamedTuple):
    """When something began: the moment, its day on the site's clock, and what of it is known ("": all)."""

    at: datetime
    on: date
    known: str = ""


def figures(data: Data) -> Result:
    """Return events by stage and cause, serious ones apart, and below them the denominators."""
    if data.asked.options["counted"] == "cumulative":
        data = Data(data.session, replace(data.asked, since=None, span=""), zone=data.zone, at=data.at)
    exposed = exposure(data, lambda _one: "", lambda _one: "")
    found = _events(data)
    stage_of = _stages(data, found, exposed)
    stages = [key for key in STAGES if key != "unknown" or key in stage_of.values()]
    parts = [(key, STAGES[key], [row for row in found if stage_of[row.id] == key]) for key in stages]
    serious = [row for row in found if row.serious]
    rows = []
    for key, label, some in [*parts, ("all", "All stages", found)]:
        per = PER.get(key, "")
        units = len(exposed.found[""][per]) if per else 0
        rows.append(Row(key, label, _figures(some, per, units)))
        rows.append(Row(f"{key}-serious", f"{label}: serious", _figures([r for r in some if r.serious], per, units)))
    rows += [_denominator(column, exposed) for column in DENOMINATORS]
    open_, unknown = rows[2 * len(parts)].figures[7], [row.id for row in found if row.serious is None]
    people = len(set(exposed.found[""]["recipients"]))
    some_events = f"{len(found)} adverse event{'' if len(found) == 1 else 's'}"
    says = (
        f"{some_events}, {len(serious)} of them serious, after {len(exposed.given)} units applied to "
        f"{people} recipients; {open_.shown} not assessed."
    )
    anything = bool(found or any(exposed.found[""].values()))
    return Result(
        columns=COLUMNS,
        rows=rows if anything else [],
        of="adverse events",
        included=[row.id for row in found],
        first="Stage in which it began",
        finding=says if anything else "Nothing was collected or given, and no event is recorded.",
        drawings=[_drawing(parts, says)] if found else [],
        missing=[
            ("it is not recorded whether the event is serious", unknown),
            ("the stage cannot be told from the dates", [row.id for row in found if stage_of[row.id] == "unknown"]),
        ],
        excluded=[*data.left_out, exposed.silent],
        notes=[
            population(exposed.given),
            STAGE_RULE,
            CAUSE_RULE,
        ],
    )


def _events(data: Data) -> list[Any]:
    event = AdverseEvent
    rows = data.read(
        event.id, event.treatment_id, event.administration_id, event.serious, event.performed_at, event.course_day,
        event.precision, event.from_cells, event.from_harvest, event.from_delivery, event.from_drug,
        event.from_disease, order=[event.performed_at, event.id],
    )  # fmt: skip
    chosen = [row for row in rows if row.treatment_id in data.courses]
    return [row for row in chosen if data.within(data.when(row.performed_at, row.precision), row.id)]


def _stages(data: Data, found: list[Any], exposed: Exposure) -> dict[str, str]:
    """Return the stage of each event by its id."""
    harvests, doses = defaultdict[str, list[Began | None]](list), defaultdict[str, list[Began | None]](list)
    for row in data.read(Harvest.treatment_id, Harvest.performed_at, Harvest.precision):
        harvests[row.treatment_id].append(_began(data, row.performed_at, row.precision))
    parts = data.read(Administration.id, Administration.precision, where=[Administration.precision.is_not(None)])
    precise = {row.id: row.precision for row in parts}
    for one in data.administrations:
        doses[one.course.id].append(_began(data, one.at, precise.get(one.id)))
    banked = {one.course.id for one in exposed.known.values() if one.course is not None} | set(doses)
    return {
        row.id: _stage(
            _began(data, row.performed_at, row.precision),
            row.course_day,
            harvests.get(row.treatment_id, []),
            doses.get(row.treatment_id, []),
            banked=row.treatment_id in banked,
        )
        for row in found
    }


def _began(data: Data, at: datetime | None, precision: dict[str, str] | None) -> Began | None:
    when = data.when(at, precision)
    if at is None or when is None or when.day is None:
        return None
    return Began(at, when.day, (precision or {}).get("performed_at", ""))


def _stage(
    event: Began | None,
    course_day: int | None,
    harvests: list[Began | None],
    doses: list[Began | None],
    *,
    banked: bool,
) -> str:
    """Return the stage of one event; of a history without a calendar by its day, counted from the first cells."""
    if event is None:
        return "unknown" if course_day is None or course_day < 0 else "giving" if course_day == 0 else "follow-up"
    for stage, begun in (("giving", doses), ("harvest", harvests)):
        if any(one is not None and _within(event, one) for one in begun):
            return stage
    for stage, begun in (("follow-up", doses), ("between", harvests)):
        if any(one is not None and _after(event, one) for one in begun):
            return stage
        if None in begun:
            return "unknown"
    return "between" if banked and not harvests else "before"


def _after(event: Began, other: Began) -> bool:
    return event.on >= other.on if event.known or other.known else event.at >= other.at


def _within(event: Began, other: Began) -> bool:
    return event.on == other.on if event.known or other.known else other.at <= event.at <= other.at + WITHIN


def _causes(row: Any) -> list[str]:
    """Return the columns in which an event counts: one at least."""
    told = {key: getattr(row, name) for key, name in CAUSES.items()}
    found = [key for key, value in told.items() if value in SUSPECTED]
    if None in {told[key] for key in ASKED}:
        return [*found, "open"]
    return found or (["unrelated"] if {*told.values()} <= {*RULED_OUT, None} else ["open"])


def _figures(some: list[Any], per: str, units: int) -> tuple[Figure, ...]:
    by_cause: dict[str, list[str]] = defaultdict(list)
    for row in some:
        for cause in _causes(row):
            by_cause[cause].append(row.id)
    counts = [count(by_cause[column.key]) for column in COUNTS[1:]]
    ends = [rate(1000 * x / units) if units else Figure(None) for x in (len(some), *poisson_interval(len(some)))]
    return (count(row.id for row in some), *counts, Figure(WORDS[per].lower() if per else None), *ends)


def _denominator(column: Column, exposed: Exposure) -> Row:
    figure = count(exposed.found[""][column.key])
    return Row(column.key, f"Denominator: {column.heading.lower()}", (figure, *[Figure(None)] * (len(COLUMNS) - 1)))


def _drawing(parts: list[tuple[str, str, list[Any]]], says: str) -> Any:
    shown = []
    for _key, label, some in parts:
        serious = sum(bool(row.serious) for row in some)
        shown.append(Bar(label, [serious, len(some) - serious], f"{serious} of {len(some)} serious"))
    return bars(
        "tabulation", "Adverse events by the stage in which they began", says, shown,
        series=["Serious", "Not serious, or not recorded"],
    )  # fmt: skip


REPORT = Report(
    name="tabulation",
    group="safety",
    topic="Events by stage and cause",
    title="In which stage did adverse events begin, and from what?",
    says="Cumulative tabulation of adverse events by stage and assessed cause, serious ones apart, with denominators.",
    data_set="Adverse events of courses up to the last day of the period; collections, containers and administrations",
    numerator="Adverse events by the stage in which they began and the cause as a physician assessed it",
    denominator="Collections (harvest), units processed (between) and units applied (giving, follow-up, all stages); "
    "beside them units distributed, recipients and donors",
    counted_by="onset of the event; date of collection, of the end of processing, of issue, of administration",
    figures=figures,
    method="95 % intervals: exact (Poisson)",
    source="Directive 2006/86/EC, Article 7 and annexes III and IV, as amended by (EU) 2015/565; ICH E2F, section 7.3",
    options=(
        Option(
            "counted",
            "Counted",
            (("cumulative", "Since the beginning, up to the last day of the period"), ("period", "In the period")),
            "cumulative",
        ),
    ),
)
