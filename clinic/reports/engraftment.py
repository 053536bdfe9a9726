"""Engraftment: recovery of neutrophils and platelets, with death before it as a competing event."""

from __future__ import annotations

from statistics import quantiles
from typing import TYPE_CHECKING, NamedTuple

from clinic.followup.models import OutcomeScore
from clinic.reports.asking import Option
from clinic.reports.dimensions import COURSE, Course
from clinic.reports.followed import followed
from clinic.reports.geometry import Curve, curves
from clinic.reports.report import Column, Figure, Report, Result, Row, count, number
from clinic.reports.statistics import incidence

if TYPE_CHECKING:
    from clinic.reports.data import Data

LINES = {
    "anc": ("Neutrophils", "anc_recovered", "anc_recovery"),
    "platelets": ("Platelets", "platelets_recovered", "platelet_recovery"),
}
BLOOD_FORMING = {"hsc", "gene_modified"}
DAYS = (28, 42, 60, 100)
COLUMNS = (
    Column("n", "Courses"),
    Column("recovered", "Recovered"),
    Column("died", "Died before"),
    Column("waiting", "Not yet"),
    Column("median", "Median day"),
    Column("lower", "Lower quartile"),
    Column("upper", "Upper quartile"),
    Column("first", "First day"),
    Column("last", "Last day"),
    *(Column(f"by{day}", f"Recovered by day {day}, %") for day in DAYS),
)


class Graft(NamedTuple):
    """One course: the day of recovery, of death before it, or until when it was observed without either."""

    course: Course
    day: int
    cause: str | None


def figures(data: Data) -> Result:
    """Return recovery by group: days among those who recovered, cumulative incidence among all."""
    line = LINES[data.asked.options["line"]]
    some, missing = _grafts(data, line)
    by_group: dict[str, list[Graft]] = {}
    for one in some:
        by_group.setdefault(data.key_of(one.course), []).append(one)
    by_group = data.in_order(by_group)
    rows = [Row(key, data.label(key), _figures(found)) for key, found in by_group.items()]
    total = Row("total", "All", _figures(some))
    n, recovered, died, _waiting, median = total.figures[:5]
    says = (
        f"{line[0]} recovered in {recovered.shown} of {n.shown} courses, in the middle on day {median.shown}; "
        f"{died.shown} died before."
    )
    if total.figures[9].value is not None:
        says += f" By day 28: {total.figures[9].shown} %."
    drawing = curves(
        "engraftment",
        f"{line[0]}: share recovered by day",
        says,
        [_curve(data.label(key), found) for key, found in list(by_group.items())[:6]],
        start=0.0,
        gone="Not yet recovered",
        most=100,
        caption="Cumulative incidence (Aalen–Johansen): who died before stays in the denominator as not recovered.",
    )
    others = [id_ for id_, first in data.begun.items() if first.course.cell_type not in BLOOD_FORMING]
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total if rows else None,
        of="courses",
        included=[one.course.id for one in some],
        missing=[("recovery is not recorded", missing)],
        excluded=[*data.left_out, ("cells that form no blood", others)],
        finding=says if some else "No blood-forming cells were given.",
        drawings=[drawing] if some else [],
    )


class Told(NamedTuple):
    """What scores tell of the recovery of a course: on which day it was, or until which day there was none.

    ``until`` is None where a score says that there was none without saying until when: then until the end.
    """

    day: int | None = None
    none: bool = False
    until: int | None = None


def _grafts(data: Data, line: tuple[str, str, str]) -> tuple[list[Graft], list[str]]:
    """Return what is known of each course, and the courses of which nobody wrote down a day, or that there was none."""
    told, known = _told(data, line), {one.course.id: one for one in followed(data)[0]}
    found, missing = [], []
    for id_, first in data.begun.items():
        if first.course.cell_type not in BLOOD_FORMING:
            continue
        said, seen = told.get(id_, Told()), known.get(id_)
        if said.day is not None:
            found.append(Graft(first.course, said.day, "recovered"))
        elif said.none and said.until is not None and (seen is None or seen.days > said.until or not seen.died):
            found.append(Graft(first.course, said.until, None))
        elif said.none and seen is not None:
            found.append(Graft(first.course, seen.days, "died" if seen.died else None))
        else:
            missing.append(id_)
    return found, missing


def _told(data: Data, line: tuple[str, str, str]) -> dict[str, Told]:
    found: dict[str, Told] = {}
    for row in data.read(
        OutcomeScore.treatment_id,
        OutcomeScore.instrument,
        OutcomeScore.value,
        OutcomeScore.did_not_occur,
        OutcomeScore.course_day,
        OutcomeScore.performed_at,
        where=[OutcomeScore.instrument.in_(line[1:])],
        order=[OutcomeScore.recorded_at, OutcomeScore.id],
    ):
        before, first = found.get(row.treatment_id, Told()), data.begun.get(row.treatment_id)
        if row.did_not_occur or (row.instrument == line[1] and row.value == 0):
            on, zero = data.day(row.performed_at), None if first is None else first.on
            day = (on - zero).days if row.course_day is None and on and zero else row.course_day
            until = max((one for one in (day, before.until) if one is not None), default=None)
            found[row.treatment_id] = before._replace(none=True, until=until)
        elif row.instrument == line[2] and row.value is not None:
            found[row.treatment_id] = before._replace(day=int(row.value))
    return found


def _figures(some: list[Graft]) -> tuple[Figure, ...]:
    days = sorted(one.day for one in some if one.cause == "recovered")
    lower, middle, upper = (
        quantiles(days, n=4, method="inclusive") if len(days) > 1 else (*days, *days, *days) or (None,) * 3
    )
    by_cause = [count(one.course.id for one in some if one.cause == cause) for cause in ("recovered", "died", None)]
    return (
        count(one.course.id for one in some),
        *by_cause,
        *(number(day, 0 if day is None or day == int(day) else 1) for day in (middle, lower, upper)),
        number(min(days, default=None), 0),
        number(max(days, default=None), 0),
        *(number(None if (share := _by(some, day)) is None else 100 * share, 1) for day in DAYS),
    )


def _by(some: list[Graft], day: int) -> float | None:
    """Return the share recovered by a day; None where nobody was observed for so long."""
    steps = _incidence(some)
    left = steps[-1][3] if steps else 1.0
    if not some or (max(one.day for one in some) < day and left > 0):
        return None
    shares = [by.get("recovered", 0.0) for time, _n, by, _s in steps if time <= day]
    return shares[-1] if shares else 0.0


def _incidence(some: list[Graft]) -> list:
    return incidence([one.day for one in some], [one.cause for one in some])


def _curve(label: str, some: list[Graft]) -> Curve:
    points = [(time, by.get("recovered", 0.0)) for time, _n, by, _s in _incidence(some)]
    return Curve(label, points, [], [one.day for one in some], 100)


REPORT = Report(
    name="engraftment",
    group="outcomes",
    topic="Engraftment",
    title="How soon do neutrophils and platelets recover?",
    says="Recovery of neutrophils and platelets by product, with death before it as a competing event.",
    data_set="Courses in which blood-forming or gene-modified cells were given",
    numerator="Courses with a recorded day of recovery",
    counted_by="date of the first administration",
    denominator="Courses of which a day of recovery is recorded, or that there was none until a day or the end",
    by=("source", *(key for key in COURSE if key != "source")),
    figures=figures,
    method="Cumulative incidence by Aalen–Johansen, without recovery until the last day on which there was none; days "
    "among those who recovered",
    source="CIBMTR and ASTCT consensus: neutrophils 0.5, platelets 20 × 10⁹/L, first of three values (PMC11161398)",
    options=(Option("line", "Recovery of", tuple((key, words[0]) for key, words in LINES.items()), "anc"),),
)
