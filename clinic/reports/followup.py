"""Follow-up completeness: how much of the time in which patients could have been observed they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.reports.asking import Option
from clinic.reports.dimensions import COURSE
from clinic.reports.followed import COMPLETE_ENOUGH, Followed, completeness, followed
from clinic.reports.geometry import Bar, bars
from clinic.reports.report import Column, Report, Result, Row, count, number, percent

if TYPE_CHECKING:
    from clinic.reports.data import Data

COLUMNS = (
    Column("n", "Courses"),
    Column("died", "Died within"),
    Column("whole", "Observed to the end"),
    Column("short", "Last heard of before"),
    Column("seen", "Days observed"),
    Column("could", "Days possible"),
    Column("c", "Clark's C, %"),
)
HORIZONS = ((100, "100 days"), (365, "1 year"), (730, "2 years"), (1095, "3 years"), (1825, "5 years"))


def figures(data: Data) -> Result:
    """Return Clark's C by group up to the horizon that was asked for."""
    horizon = int(data.asked.options["horizon"])
    some, missing = followed(data)
    by_group: dict[str, list[Followed]] = {}
    for one in some:
        by_group.setdefault(data.key_of(one.course), []).append(one)
    rows = [Row(key, data.label(key), _figures(found, horizon)) for key, found in data.in_order(by_group).items()]
    total = Row("total", "All", _figures(some, horizon))
    c = total.figures[-1]
    says = f"Of the time in which {len(some)} courses could have been observed, {c.shown} % was (Clark's C)."
    drawing = bars(
        "followup",
        "Clark's C by group",
        says,
        [
            Bar(row.label, [float(row.figures[-1].shown)], f"{row.figures[-1].shown} %")
            for row in rows
            if row.figures[-1].value is not None
        ],
        series=["Clark's C"],
        caption=f"Below {100 * COMPLETE_ENOUGH:.0f} % the outcome charts are drawn gray.",
    )
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total if rows else None,
        of="courses",
        included=[one.course.id for one in some],
        missing=missing,
        excluded=data.left_out,
        finding=says if some else "Nobody has received cells.",
        drawings=[drawing] if some else [],
        notes=[
            "A course of a published history could have been observed for the whole horizon, since it has no dates."
        ],
    )


def _figures(some: list[Followed], horizon: int) -> tuple:
    seen, whole = completeness(some, horizon)
    dead = {one.course.id for one in some if one.died and one.days <= horizon}
    full = [one.course.id for one in some if one.course.id not in dead and one.days >= _end(one, horizon)]
    short = [one.course.id for one in some if one.course.id not in dead and one.days < _end(one, horizon)]
    days = (number(float(seen), 0), number(float(whole), 0))
    return (count(one.course.id for one in some), count(dead), count(full), count(short), *days, percent(seen, whole))


def _end(one: Followed, horizon: int) -> int:
    return horizon if one.could is None else min(horizon, one.could)


REPORT = Report(
    name="follow-up-completeness",
    group="records",
    topic="Follow-up completeness",
    title="How complete is our follow-up?",
    says="Time observed of the time possible (Clark's C). Below the limit, outcome charts are drawn gray.",
    data_set="Courses in which cells were given",
    numerator="Days from the first cells to death or the last day heard of",
    denominator="Days that were possible until today or the horizon; until death for those who died",
    counted_by="date of the first administration",
    by=("protocol", *(key for key in COURSE if key != "protocol")),
    figures=figures,
    method="Clark's C",
    source="Clark et al., Lancet 2002;359:1309",
    options=(Option("horizon", "Within", tuple((str(days), words) for days, words in HORIZONS), "365"),),
)
