"""Infusion reactions: how many administrations brought one, by grade, of those that were watched."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from clinic.administration.events import InfusionEvent
from clinic.administration.models import Administration
from clinic.administration.vital_signs import VitalSigns
from clinic.followup.adverse_events import GRADES, AdverseEvent
from clinic.reports.control import FEWEST, p_chart
from clinic.reports.data import Data, Given, here
from clinic.reports.dimensions import COURSE
from clinic.reports.geometry import Bar, Drawing, bars, control
from clinic.reports.report import Column, Figure, Report, Result, Row, count, share

if TYPE_CHECKING:
    from datetime import datetime

WITHIN = timedelta(hours=24)
NOTHING = frozenset(
    {"", "no", "none", "nil", "nothing", "n/a", "-", "no reaction", "no reactions", "uneventful", "well tolerated"}
)
COLUMNS = (
    Column("any", "With a reaction"),
    Column("n", "Charted administrations"),
    Column("rate", "Reaction, %"),
    Column("low", "95 % from"),
    Column("high", "95 % to"),
    *(Column(f"g{grade}", f"Grade {grade}") for grade in GRADES),
    Column("ungraded", "Not graded"),
)


class Watched(NamedTuple):
    """One charted administration; ``grade``: the worst, "" of a reaction that nobody graded, None: no reaction."""

    given: Given
    grade: str | None


def figures(data: Data) -> Result:
    """Return charted administrations with a reaction, by its worst grade."""
    charted = {
        row.administration_id
        for row in data.read(VitalSigns.administration_id, where=[VitalSigns.administration_id.is_not(None)])
    }
    grades = _grades(data)
    given, published = here(data)
    watched = [Watched(one, grades.get(one.id)) for one in given if one.id in charted]
    unwatched = [one.id for one in given if one.id not in charted]
    by_group: dict[str, list[Watched]] = defaultdict(list)
    for one in watched:
        by_group[data.key_of(one.given.course)].append(one)
    rows = [Row(key, data.label(key), _figures(some)) for key, some in data.in_order(by_group).items()]
    total = Row("total", "All", _figures(watched))
    some, n, rate, low, high = total.figures[:5]
    interval = f"{rate.shown} %, 95 % interval {low.shown} to {high.shown} %"
    says = f"{some.shown} of {n.shown} charted administrations brought a reaction ({interval})."
    bars_ = [
        Bar(row.label, [len(f.of or ()) for f in row.figures[5:]], f"{row.figures[0].shown} of {row.figures[1].shown}")
        for row in rows
    ]
    drawings = [
        bars(
            "reactions",
            "Administrations with a reaction, by worst grade",
            says,
            bars_,
            series=[*(f"Grade {grade}" for grade in GRADES), "Not graded"],
        )
    ]
    monthly = _monthly(watched)
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total if rows else None,
        of="administrations",
        included=[w.given.id for w in watched],
        missing=[("no vital signs are recorded with it", unwatched)],
        excluded=[*data.left_out, published],
        finding=says if watched else "No administration was charted.",
        drawings=[*drawings, *monthly] if watched else [],
        notes=[
            "Published: 105 of 423 infusions (24.8 %), mostly mild to moderate (doi 10.1111/j.1423-0410.2010.01341.x)."
        ],
    )


def _grades(data: Data) -> dict[str, str]:
    """Return the worst grade of each administration with a reaction: reported, seen while giving, or written down."""
    found: dict[str, str] = {}
    for row in data.read(InfusionEvent.administration_id, where=[InfusionEvent.kind == "reaction"]):
        found.setdefault(row.administration_id, "")
    for row in data.read(Administration.id, Administration.reaction, where=[Administration.reaction.is_not(None)]):
        if row.reaction.strip(" .!").casefold() not in NOTHING:
            found.setdefault(row.id, "")
    by_course: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for one in data.administrations:
        if one.at is not None:
            by_course[one.course.id].append((one.at, one.id))
    for row in data.read(
        AdverseEvent.treatment_id, AdverseEvent.administration_id, AdverseEvent.performed_at, AdverseEvent.grade
    ):
        for at, id_ in by_course.get(row.treatment_id, ()):
            named = row.administration_id in {None, id_}
            if named and row.performed_at is not None and at <= row.performed_at <= at + WITHIN:
                found[id_] = max(found.get(id_, ""), row.grade or "")
    return found


def _figures(some: list[Watched]) -> tuple[Figure, ...]:
    ids = [one.given.id for one in some]
    with_one = [one.given.id for one in some if one.grade is not None]
    by_grade = [count(one.given.id for one in some if one.grade == grade) for grade in (*GRADES, "")]
    return (*share(with_one, ids), *by_grade)


def _monthly(watched: list[Watched]) -> list[Drawing]:
    """Return the p-chart by month, where there are enough months to see a change."""
    months: dict[str, list[bool]] = defaultdict(list)
    for one in watched:
        if one.given.on is not None:
            months[f"{one.given.on:%Y-%m}"].append(one.grade is not None)
    if len(months) < FEWEST:
        return []
    order = sorted(months)
    chart = p_chart([sum(months[m]) for m in order], [len(months[m]) for m in order])
    says = "The share has changed." if chart.shifted else "No sign that the share has changed."
    title = "Share with a reaction by month (p-chart)"
    return [control("reactions-by-month", title, says, chart.in_percent(), order, unit=" %", caption=says)]


REPORT = Report(
    name="infusion-reactions",
    group="safety",
    topic="Infusion reactions",
    title="How often does a reaction follow an administration?",
    says="Administrations with a reaction within a day, by worst grade, of those with vital signs charted.",
    data_set="Administrations with at least one set of vital signs",
    numerator="Administrations with a reaction: seen while giving, written down at the end, or an adverse event that "
    "began within 24 hours of the start",
    denominator="All charted administrations, uneventful ones too (not events by patients)",
    counted_by="date of administration",
    by=("route", *(key for key in COURSE if key != "route")),
    figures=figures,
    method="95 % intervals: exact (Clopper–Pearson)",
)
