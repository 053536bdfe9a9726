"""Visits due: which follow-up visits were recorded in time, late, missed, or not at all."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from clinic.followup.models import FollowUpVisit, PlannedVisit
from clinic.reports.asking import Option
from clinic.reports.dimensions import COURSE
from clinic.reports.geometry import Bar, bars
from clinic.reports.report import Column, Figure, Report, Result, Row, count, percent

if TYPE_CHECKING:
    from clinic.reports.data import Data
    from clinic.reports.dimensions import Course

STATES = {
    "in": "Attended in its window",
    "out": "Attended outside it",
    "missed": "Missed or lost",
    "none": "Nothing recorded",
}
COLUMNS = (
    Column("due", "Due"),
    *(Column(key, words) for key, words in STATES.items()),
    Column("in-rate", "In its window, %"),
    Column("told", "Recorded, %"),
    Column("entered", "Recorded by the end of its window, %"),
)
TRIMESTER = 4
"""Months of a trimester, as the registry counts: from January, May and September."""
WANTED_NOW, WANTED_LAST = 50, 98


class Visit(NamedTuple):
    """One planned visit whose window is over: how it stands, and whether it was recorded by the end of its window."""

    id: str
    course: Course
    name: str
    day: int
    closes: date
    state: str
    entered: bool


def figures(data: Data) -> Result:
    """Return the visits whose window is over, by group or by visit, and the two rates that the registry asks for."""
    every = _visits(data)
    found = [one for one in every if data.within(one.closes, one.id)]
    by_visit = data.asked.options["rows"] == "visit"
    groups: dict[str, list[Visit]] = defaultdict(list)
    for one in found:
        groups[one.name if by_visit else data.key_of(one.course)].append(one)
    if by_visit:
        order = sorted(groups, key=lambda name: (min(one.day for one in groups[name]), name))
        rows = [Row(name, name, _figures(groups[name])) for name in order]
    else:
        rows = [Row(key, data.label(key), _figures(some)) for key, some in data.in_order(groups).items()]
    total = Row("total", "All", _figures(found))
    attended, silent = total.figures[1].shown, total.figures[4].shown
    says = f"Of {len(found)} visits due, {attended} were attended in their window; of {silent} nothing is recorded."
    drawing = bars(
        "visits",
        "Visits due",
        says,
        [Bar(row.label, [len(f.of or ()) for f in row.figures[1:5]], row.figures[0].shown) for row in rows],
        series=list(STATES.values()),
    )
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total if rows else None,
        of="visits due",
        first="Visit" if by_visit else "Group",
        included=[one.id for one in found],
        excluded=data.left_out,
        finding=says if rows else "No visit is due yet.",
        drawings=[drawing] if rows else [],
        notes=_rates(every, data.today),
    )


def _visits(data: Data) -> list[Visit]:
    made = {
        row.plan_id: row
        for row in data.read(
            FollowUpVisit.plan_id,
            FollowUpVisit.made,
            FollowUpVisit.performed_at,
            FollowUpVisit.precision,
            FollowUpVisit.recorded_at,
            where=[FollowUpVisit.plan_id.is_not(None)],
        )
    }
    found = []
    for plan in data.read(
        PlannedVisit.id,
        PlannedVisit.treatment_id,
        PlannedVisit.name,
        PlannedVisit.day,
        PlannedVisit.opens_on,
        PlannedVisit.closes_on,
        order=[PlannedVisit.closes_on, PlannedVisit.id],
    ):
        course, visit = data.courses.get(plan.treatment_id), made.get(plan.id)
        if course is None or (plan.closes_on >= data.today):
            continue
        on = data.when(visit.performed_at, visit.precision) if visit is not None else None
        state = "none"
        if visit is not None:
            inside = on is not None and plan.opens_on <= on.first and on.last <= plan.closes_on
            state = "missed" if visit.made in {"missed", "lost"} else "in" if inside else "out"
        written = data.day(visit.recorded_at) if visit is not None else None
        found.append(
            Visit(
                plan.id, course, plan.name, plan.day, plan.closes_on, state, bool(written and written <= plan.closes_on)
            )
        )
    return found


def _figures(some: list[Visit]) -> tuple[Figure, ...]:
    by_state = [count(one.id for one in some if one.state == key) for key in STATES]
    told = sum(one.state != "none" for one in some)
    return (
        count(one.id for one in some),
        *by_state,
        percent(len(by_state[0].of or ()), len(some)),
        percent(told, len(some)),
        percent(sum(one.entered for one in some), len(some)),
    )


def _rates(every: list[Visit], today: date) -> list[str]:
    """Return the two rates in words: of this trimester by the end of their window, of the last one by now."""
    begins = date(today.year, (today.month - 1) // TRIMESTER * TRIMESTER + 1, 1)
    before = date(begins.year - (begins.month == 1), 9 if begins.month == 1 else begins.month - TRIMESTER, 1)
    now = [one for one in every if one.closes >= begins]
    last = [one for one in every if before <= one.closes < begins]
    told = (
        (now, [one for one in now if one.entered], "this trimester", "by the end of their window", WANTED_NOW),
        (last, [one for one in last if one.state != "none"], "the last trimester", "by now", WANTED_LAST),
    )
    return [
        f"Of {len(due)} visits due in {when}, {len(done)} were recorded {by}"
        + (f" ({100 * len(done) / len(due):.0f} %; the registry asks for {wanted} % or more)." if due else ".")
        for due, done, when, by, wanted in told
    ]


REPORT = Report(
    name="visits-due",
    group="records",
    topic="Follow-up visits due",
    title="Which follow-up visits were due, and which were recorded?",
    says="Planned visits whose window is over: attended in time, outside it, missed, or nothing recorded.",
    data_set="Planned visits whose window ended before today",
    numerator="Visits by how they stand",
    denominator="Visits whose window is over",
    counted_by="end of the visit's window",
    by=("protocol", *(key for key in COURSE if key != "protocol")),
    figures=figures,
    source="CIBMTR continuous process improvement: forms done by their due date 50 % or more, by the end of the next "
    "trimester 98 % or more",
    options=(Option("rows", "Rows", (("visit", "Visits"), ("group", "Groups")), "visit"),),
)
