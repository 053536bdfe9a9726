"""Near misses at the bedside: checks that were refused, by what did not agree, and warnings that were followed."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from clinic.administration.models import Administration, BedsideCheck
from clinic.reports.asking import Option
from clinic.reports.control import FEWEST, u_chart
from clinic.reports.dimensions import COURSE
from clinic.reports.geometry import Bar, Drawing, bars, control
from clinic.reports.marks import key_of
from clinic.reports.report import Column, Figure, Report, Result, Row, count, share

if TYPE_CHECKING:
    from clinic.reports.data import Data

ROWS = Option("rows", "Rows", (("group", "Groups of courses"), ("check", "What did not agree")), "group")
OTHER = "No line of the check: the scan was not understood or found nothing"
COLUMNS = (
    Column("refused", "Refused"),
    Column("n", "Checks"),
    Column("rate", "Refused, %"),
    Column("low", "95 % from"),
    Column("high", "95 % to"),
    Column("warned", "Clear with a warning"),
    Column("started", "Started in spite of a warning"),
)


class Checked(NamedTuple):
    """One bedside check. ``against``: the lines that did not agree; ``warned``: those that warned."""

    id: str
    group: str
    on: date | None
    clear: bool
    against: tuple[str, ...]
    warned: bool
    started: bool


def figures(data: Data) -> Result:
    """Return bedside checks with those refused, by group or by what did not agree."""
    some = _checks(data)
    by_check = data.asked.options["rows"] == "check"
    by_group: dict[str, list[Checked]] = defaultdict(list)
    for one in some:
        for key in (one.against or (() if one.clear else (OTHER,))) if by_check else (one.group,):
            by_group[key].append(one)
    if by_check:
        order = sorted(by_group.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        rows = [Row(key_of(key), key, _figures(found, some)) for key, found in order]
    else:
        rows = [Row(key, data.label(key), _figures(found, found)) for key, found in data.in_order(by_group).items()]
    total = Row("total", "All", _figures(some, some)) if some else None
    says = _finding(total)
    refused = [row for row in rows if row.figures[0].value]
    drawn = [
        bars(
            "refused",
            "Refused checks by what did not agree" if by_check else "Refused checks by group",
            says,
            [Bar(row.label, [len(row.figures[0].of or ())], row.figures[0].shown) for row in refused],
            series=["Refused"],
        )
    ] if refused else []  # fmt: skip
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total if rows else None,
        of="bedside checks",
        first="What did not agree" if by_check else "Group",
        included=[one.id for one in some],
        excluded=data.left_out,
        finding=says,
        drawings=[*drawn, *_monthly(some)],
        notes=[
            "A check can be refused for several reasons: rows by what did not agree add up to more than all checks."
        ],
    )


def _checks(data: Data) -> list[Checked]:
    started = {row.check_id for row in data.read(Administration.check_id, where=[Administration.check_id.is_not(None)])}
    found = []
    rows = data.read(
        BedsideCheck.id, BedsideCheck.treatment_id, BedsideCheck.performed_at, BedsideCheck.clear,
        BedsideCheck.evidence, order=[BedsideCheck.recorded_at, BedsideCheck.id],
    )  # fmt: skip
    for row in rows:
        course, on = data.courses.get(row.treatment_id), data.day(row.performed_at)
        if course is None or not data.within(on, row.id):
            continue
        lines = row.evidence or []
        against = () if row.clear else tuple(dict.fromkeys(str(line["check"]) for line in lines if not line.get("ok")))
        warned = bool(row.clear and any(line.get("warning") for line in lines))
        key = data.key_of(course)
        found.append(Checked(row.id, key, on, bool(row.clear), against, warned, warned and row.id in started))
    return found


def _figures(some: list[Checked], whole: list[Checked]) -> tuple[Figure, ...]:
    return (
        *share((one.id for one in some if not one.clear), (one.id for one in whole)),
        count(one.id for one in some if one.warned),
        count(one.id for one in some if one.started),
    )


def _finding(total: Row | None) -> str:
    if total is None:
        return "No bedside check was made."
    refused, n, rate, low, high = total.figures[:5]
    interval = f"{rate.shown} %, 95 % interval {low.shown} to {high.shown} %"
    return f"{refused.shown} of {n.shown} bedside checks were refused ({interval})."


def _monthly(some: list[Checked]) -> list[Drawing]:
    """Return the u-chart by month, where there are enough months to see a change."""
    months: dict[str, list[bool]] = defaultdict(list)
    for one in some:
        if one.on is not None:
            months[f"{one.on:%Y-%m}"].append(not one.clear)
    if len(months) < FEWEST or not any(any(of) for of in months.values()):
        return []
    order = sorted(months)
    chart = u_chart([sum(months[m]) for m in order], [len(months[m]) for m in order])
    says = "The rate has changed." if chart.shifted else "No sign that the rate has changed."
    return [control("refused-by-month", "Refused per check by month (u-chart)", says, chart, order, caption=says)]


REPORT = Report(
    name="bedside-refusals",
    group="safety",
    topic="Near misses at the bedside",
    title="How often is a bedside check refused, and why?",
    says="Checks of wristband and bag that were refused, by what did not agree, and starts in spite of a warning.",
    data_set="Bedside checks by two people",
    numerator="Checks that were refused",
    denominator="All bedside checks",
    counted_by="date of the check",
    by=("route", *(key for key in COURSE if key != "route")),
    options=(ROWS,),
    figures=figures,
    method="95 % intervals: exact (Clopper–Pearson)",
)
