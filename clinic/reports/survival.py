"""Survival after the first cells, by what was known before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.reports.dimensions import COURSE
from clinic.reports.followed import LATER, Followed, by_first, followed, too_weak
from clinic.reports.geometry import BANDS, Curve, curves
from clinic.reports.report import Column, Figure, Report, Result, Row, count, number
from clinic.reports.statistics import Step, at, log_rank, median_time, survival

if TYPE_CHECKING:
    from clinic.reports.data import Data

DAYS = (100, 365, 730, 1095)
COLUMNS = (
    Column("n", "Patients"),
    Column("events", "Deaths"),
    *(
        Column(f"{key}{day}", f"{words} day {day}")
        for day in DAYS
        for key, words in (("s", "Alive, %,"), ("low", "from,"), ("high", "to,"), ("risk", "At risk,"))
    ),
    Column("median", "Median, days"),
    Column("median-low", "Median, 95 % from"),
    Column("median-high", "Median, 95 % to"),
)
MOST_CURVES = 6
FEWEST = 5
"""Patients of a group from which it is compared with others."""


def figures(data: Data) -> Result:
    """Return Kaplan–Meier estimates by group; each patient counts once, by the first course."""
    everybody, missing = followed(data)
    some, later = by_first(everybody)
    by_group: dict[str, list[Followed]] = {}
    for one in some:
        by_group.setdefault(data.key_of(one.course), []).append(one)
    by_group = data.in_order(by_group)
    rows = [Row(key, data.label(key), _figures(found)) for key, found in by_group.items()]
    total = Row("total", "All", _figures(some)) if some else None
    says = _finding(some, list(by_group.values()))
    largest = sorted(by_group, key=lambda key: -len(by_group[key]))[:MOST_CURVES]
    drawing = curves(
        "survival",
        "Share of patients alive after the first cells",
        says,
        [_curve(data.label(key), by_group[key]) for key in by_group if key in largest],
        start=1.0,
        gone="Still at risk",
        caption=_caption(len(by_group)),
    )
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total,
        of="courses",
        included=[one.course.id for one in some],
        finding=says,
        missing=missing,
        excluded=[*data.left_out, (LATER, later)],
        drawings=[drawing] if some else [],
        weak=too_weak(some),
        notes=["A patient who is not known to have died counts until the last day known alive."],
    )


def _steps(some: list[Followed]) -> list[Step]:
    return survival([one.days for one in some], [one.died for one in some])


def _figures(some: list[Followed]) -> tuple[Figure, ...]:
    steps, last = _steps(some), max(one.days for one in some)
    found = [count(one.course.id for one in some), count(one.course.id for one in some if one.died)]
    for day in DAYS:
        step, still = at(steps, day), [one.course.id for one in some if one.days >= day]
        if day > last and not (step and step.survival == 0):
            found += [Figure(None), Figure(None), Figure(None), count(still)]
            continue
        share = 1.0 if step is None else step.survival
        ends = (None, None) if step is None else (step.low, step.high)
        found += [
            number(100 * share, 1),
            *(number(None if end is None else 100 * end, 1) for end in ends),
            count(still),
        ]
    return (*found, *(number(one, 0) for one in median_time(steps)))


def _curve(label: str, some: list[Followed]) -> Curve:
    steps = _steps(some)
    return Curve(
        label,
        [(step.time, step.survival) for step in steps],
        [(step.time, step.low, step.high) for step in steps if step.low is not None and step.high is not None],
        [one.days for one in some],
        max(one.days for one in some),
    )


def _caption(groups: int) -> str:
    """Return what is said below the chart; limits are drawn of a few curves only."""
    limits = "the bands are" if groups <= len(BANDS) else "the table has the"
    said = f"Kaplan–Meier; {limits} 95 % limits (Greenwood, log-log)."
    left = f" The {MOST_CURVES} largest of {groups} groups are drawn." if groups > MOST_CURVES else ""
    return f"{said} Groups were not randomized: do not read a difference as an effect of the group.{left}"


def _finding(some: list[Followed], groups: list[list[Followed]]) -> str:
    if not some:
        return "Nobody has received cells."
    steps, year = _steps(some), 365
    said = [f"{sum(one.died for one in some)} of {len(some)} patients have died."]
    step = at(steps, year)
    if max(one.days for one in some) >= year:
        interval = f", 95 % limits {100 * step.low:.1f} to {100 * (step.high or 0):.1f} %" if step and step.low else ""
        said.append(f"After a year {100 * (step.survival if step else 1):.1f} % were alive{interval}.")
    groups = [group for group in groups if len(group) >= FEWEST]
    if len(groups) > 1:
        test = log_rank([([one.days for one in group], [one.died for one in group]) for group in groups])
        if test is not None:
            p = f"{test.p:.4f}" if test.p >= 0.0001 else "< 0.0001"
            said.append(f"Log-rank over groups of {FEWEST} or more: χ² {test.statistic:.4f}, {test.freedom} df, p {p}.")
    return " ".join(said)


REPORT = Report(
    name="survival",
    group="outcomes",
    topic="Survival",
    title="How long do patients survive?",
    says="Survival after the first cells with numbers at risk, by what was known before.",
    data_set="Patients who received cells, by their first course in the selection",
    numerator="Deaths, with the day after the first cells",
    counted_by="date of the first administration",
    denominator="Patients at risk: not dead and still observed on the day",
    by=("source", *(key for key in COURSE if key != "source")),
    figures=figures,
    method="Kaplan–Meier with Greenwood's log-log limits; median: Brookmeyer–Crowley; log-rank test",
    source="Kaplan and Meier 1958; Brookmeyer and Crowley 1982; a group may not be a later event, such as relapse",
)
