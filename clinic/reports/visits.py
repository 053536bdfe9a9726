"""Visits due: which follow-up visits were recorded in time, late, missed, or not at all."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from clinic.clock import Span, shifted
from clinic.followup.models import FollowUpVisit, PlannedVisit
from clinic.records import Origin
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
    """One planned visit whose window is over: how it stands, and whether it was recorded by the end of its window.

    ``entered`` is None where it came in from a table: nobody knows when its source recorded it. ``by_day``: it is known
    by the day of its course alone, and judged by it.
    """

    id: str
    course: Course
    name: str
    day: int
    closes: date
    state: str
    entered: bool | None
    by_day: bool


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
        notes=[*_rates(every, data.today), *_known_otherwise(found)],
    )


def _visits(data: Data) -> list[Visit]:
    made = {
        row.plan_id: row
        for row in data.read(
            FollowUpVisit.plan_id,
            FollowUpVisit.made,
            FollowUpVisit.performed_at,
            FollowUpVisit.precision,
            FollowUpVisit.course_day,
            FollowUpVisit.recorded_at,
            FollowUpVisit.origin,
            where=[FollowUpVisit.plan_id.is_not(None)],
        )
    }
    plans = data.read(
        PlannedVisit.id,
        PlannedVisit.treatment_id,
        PlannedVisit.name,
        PlannedVisit.day,
        PlannedVisit.due_on,
        PlannedVisit.opens_on,
        PlannedVisit.closes_on,
        order=[PlannedVisit.closes_on, PlannedVisit.id],
    )
    begun: dict[str, date] = {}
    for plan in plans:  # days of a course are counted from its first cells
        zero = plan.due_on - timedelta(days=plan.day)
        begun[plan.treatment_id] = min(zero, begun.get(plan.treatment_id, zero))
    found = []
    for plan in plans:
        course, visit = data.courses.get(plan.treatment_id), made.get(plan.id)
        if course is None or (plan.closes_on >= data.today):
            continue
        on, state = None if visit is None else _seen(data, visit, begun[plan.treatment_id]), "none"
        if visit is not None:
            inside = on is not None and plan.opens_on <= on.first and on.last <= plan.closes_on
            state = "missed" if visit.made in {"missed", "lost"} else "in" if inside else "out"
        elsewhere = visit is not None and visit.origin is Origin.IMPORTED
        entered = None if elsewhere else visit is not None and data.day(visit.recorded_at) <= plan.closes_on
        by_day = state in {"in", "out"} and visit is not None and visit.performed_at is None and on is not None
        found.append(Visit(plan.id, course, plan.name, plan.day, plan.closes_on, state, entered, by_day))
    return found


def _seen(data: Data, visit: Any, begun: date) -> Span | None:
    """Return when a visit was: by its date, else by the day of its course."""
    if visit.performed_at is None and visit.course_day is not None:
        return shifted(Span(begun, begun), visit.course_day)
    return data.when(visit.performed_at, visit.precision)


def _figures(some: list[Visit]) -> tuple[Figure, ...]:
    by_state = [count(one.id for one in some if one.state == key) for key in STATES]
    told = sum(one.state != "none" for one in some)
    return (
        count(one.id for one in some),
        *by_state,
        percent(len(by_state[0].of or ()), len(some)),
        percent(told, len(some)),
        percent(sum(bool(one.entered) for one in some), sum(one.entered is not None for one in some)),
    )


def _rates(every: list[Visit], today: date) -> list[str]:
    """Return the two rates in words: of this trimester by the end of their window, of the last one by now."""
    begins = date(today.year, (today.month - 1) // TRIMESTER * TRIMESTER + 1, 1)
    before = date(begins.year - (begins.month == 1), 9 if begins.month == 1 else begins.month - TRIMESTER, 1)
    here = [one for one in every if one.entered is not None]
    now = [one for one in here if one.closes >= begins]
    last = [one for one in here if before <= one.closes < begins]
    told = (
        (now, [one for one in now if one.entered], "this trimester", "by the end of their window", WANTED_NOW),
        (last, [one for one in last if one.state != "none"], "the last trimester", "by now", WANTED_LAST),
    )
    return [
        f"Of {len(due)} visits due in {when}, {len(done)} were recorded {by}"
        f" ({100 * len(done) / len(due):.0f} %; the registry asks for {wanted} % or more)."
        for due, done, when, by, wanted in told
        if due
    ]


def _known_otherwise(found: list[Visit]) -> list[str]:
    """Return what is known less well of visits that came in from a table."""
    elsewhere, by_day = sum(one.entered is None for one in found), sum(one.by_day for one in found)
    said = []
    if elsewhere:
        said.append(
            f"{elsewhere} came in from a table: when they were first recorded is not known, and no rate of recording "
            "in time counts them."
        )
    if by_day:
        said.append(f"{by_day} are known by the day of the course alone, and judged by it; their date is approximate.")
    return said


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
