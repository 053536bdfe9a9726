"""The way of the courses from the order to the follow-up: how many came how far, and where the others stand."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from clinic.judged_lines import CourseLine
from clinic.pathway.order import current
from clinic.reports.geometry import Bar, bars
from clinic.reports.report import Column, Figure, Report, Result, Row, count, percent
from clinic.treatments.models import Stop

if TYPE_CHECKING:
    from clinic.reports.data import Data

COLUMNS = (
    Column("reached", "Reached"),
    Column("of_all", "% of ordered"),
    Column("of_before", "% of the stage before"),
    Column("ended", "Ended before"),
    Column("waiting", "On the way"),
)


def figures(data: Data) -> Result:
    """Return for each step how many courses ordered in the period have come as far."""
    cohort = [c for c in data.courses.values() if c.origin == "clinic" and data.within(c.ordered, c.id)]
    published = [c.id for c in data.courses.values() if c.origin != "clinic"]
    stopped = {row.treatment_id for row in data.read(Stop.treatment_id)}
    done: dict[str, set[str]] = defaultdict(set)
    for row in data.read(
        CourseLine.treatment_id, CourseLine.step, where=[CourseLine.title == "", CourseLine.state == "done"]
    ):
        done[row.step].add(row.treatment_id)
    steps = current()
    order = [step.name for step in steps]
    far = {c.id: max((place for place, name in enumerate(order, 1) if c.id in done[name]), default=0) for c in cohort}
    ended = {c.id for c in cohort if c.id in stopped or c.died is not None}
    stages = [("ordered", "Course ordered"), *((step.name, step.title) for step in steps)]
    rows: list[Row] = []
    before = [c.id for c in cohort]
    for place, (key, words) in enumerate(stages):
        reached = [id_ for id_ in before if far[id_] >= place]
        lost = [id_ for id_ in before if far[id_] < place]
        rows.append(
            Row(
                key,
                words,
                (
                    count(reached),
                    percent(len(reached), len(cohort)),
                    percent(len(reached), len(before)) if place else Figure(None),
                    count(id_ for id_ in lost if id_ in ended),
                    count(id_ for id_ in lost if id_ not in ended),
                ),
            )
        )
        before = reached
    most = max(rows[1:], key=lambda row: len(row.figures[4].of or ()))
    says = f"Of {len(cohort)} courses ordered, {len(before)} have finished every step."
    if most.figures[4].value:
        says += f" Most of the others, {most.figures[4].shown}, have yet to complete: {most.label.lower()}."
    drawing = bars(
        "funnel",
        "How far the courses have come",
        says,
        [
            Bar(row.label, [len(row.figures[0].of or ())], f"{row.figures[0].shown} ({row.figures[1].shown} %)")
            for row in rows
        ],
        series=["Courses"],
        caption="A course counts for a step when the step, or a later one, is done.",
    )
    return Result(
        columns=COLUMNS,
        rows=rows if cohort else [],
        first="Stage",
        of="courses",
        included=[c.id for c in cohort],
        excluded=[*data.left_out, ("published histories, whose steps are not recorded", published)],
        finding=says if cohort else "No courses were ordered.",
        drawings=[drawing] if cohort else [],
        notes=[
            "“Ended before”: the course was stopped or the patient died. “On the way”: it still can reach the stage."
        ],
    )


REPORT = Report(
    name="funnel",
    group="activity",
    topic="Treatment funnel",
    title="How many courses reach each step, and where do the others stop?",
    says="Courses from the order through each step to the end of follow-up: reached, ended before, on the way.",
    data_set="Courses recorded here; the state of their steps as on the day's list",
    numerator="Courses in which the step, or a later one, is done",
    denominator="Courses ordered in the period; beside it, courses that reached the stage before",
    counted_by="date of the order",
    figures=figures,
    judged=True,
)
