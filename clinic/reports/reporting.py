"""Reporting completeness: how many of the facts that a published course should tell are recorded."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, and_, case

from clinic.administration.models import Administration
from clinic.fields import fields_of
from clinic.harvest.models import Harvest
from clinic.processing.models import ProcessingRun
from clinic.products.models import OF_WHAT_IS_GIVEN, Product, RunInput
from clinic.products.movements import Movement
from clinic.reports.asking import Option
from clinic.reports.dimensions import COURSE
from clinic.reports.geometry import Span, intervals
from clinic.reports.report import Column, Figure, Report, Result, Row, count, number, percent
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.reports.data import Data

MODELS: tuple[type[Any], ...] = (Treatment, Harvest, ProcessingRun, Product, Administration)
PUBLISHED = (("placebo", 52.0, "36 studies: 52 %"), ("reached", 70.5, "27 trials: 70.5 %"))
COLUMNS = (
    Column("courses", "Courses"),
    Column("done", "Facts recorded"),
    Column("asked", "Facts asked"),
    Column("rate", "Recorded, %"),
    Column("lacks", "Courses that lack one"),
)


@dataclass(slots=True)
class Tally:
    """The facts of one group: how many are asked and told, of which courses, and which of these lack one."""

    asked: int = 0
    told: int = 0
    courses: dict[str, None] = field(default_factory=dict)
    lacking: dict[str, None] = field(default_factory=dict)

    def add(self, course: str, asked: int, told: int) -> None:
        """Count some facts of a course."""
        self.asked += asked
        self.told += told
        self.courses[course] = None
        if told < asked:
            self.lacking[course] = None

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The figures of its row."""
        told, asked = number(float(self.told), 0), number(float(self.asked), 0)
        return count(self.courses), told, asked, percent(self.told, self.asked), count(self.lacking)


MOST_DRAWN = 60
"""Rows of the chart; the table has all of them."""


def figures(data: Data) -> Result:
    """Return the share of facts that are recorded, by group or by fact."""
    by_fact = data.asked.options["rows"] == "fact"
    groups, total = _tallies(data, by_fact=by_fact)
    if by_fact:
        order = sorted(groups, key=lambda fact: (groups[fact].told / groups[fact].asked, fact))
        rows = [Row(fact, fact, groups[fact].figures) for fact in order]
    else:
        rows = [Row(key, data.label(key), tally.figures) for key, tally in data.in_order(groups).items()]
    says = f"{total.figures[3].shown} % of the facts that a published course should tell are recorded."
    spans = [
        Span(row.label, _value(row.figures[3]), None, None, f"{row.figures[3].shown} %") for row in rows[:MOST_DRAWN]
    ]
    left = f" The first {MOST_DRAWN} of {len(rows)} rows are drawn." if len(rows) > MOST_DRAWN else ""
    drawing = intervals(
        "reporting",
        "Facts recorded",
        says,
        spans,
        unit=" %",
        marks=PUBLISHED,
        ends=(0.0, 100.0),
        caption=f"Lines: knee osteoarthritis trials, 70.5 % of 53 MIBO facts; orthopedic studies, 52 %.{left}",
    )
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=Row("total", "All", total.figures) if rows else None,
        of="courses",
        first="Fact" if by_fact else "Group",
        included=total.courses,
        excluded=data.left_out,
        finding=says if rows else "There are no courses yet.",
        drawings=[drawing] if rows else [],
        notes=["Counted are the facts marked for reporting (DOSES, MIBO, vial to vein) of an order and its records."],
    )


def _tallies(data: Data, *, by_fact: bool) -> tuple[dict[str, Tally], Tally]:
    """Return the facts that should be told, by group or by fact, and all; the database says which are told."""
    chosen = {c.id: c for c in data.courses.values() if data.within(c.ordered, c.id)}
    frozen, groups, total = _left_frozen(data), defaultdict(Tally), Tally()
    processed = _processed(data)
    for model in MODELS:
        facts = {name: fact for name, fact in fields_of(model).items() if fact.reported}
        key = (model.id if model is Treatment else model.treatment_id).label("course")
        labels = [f"{fact.label}, {model.NOUN.lower()}" for fact in facts.values()]
        only_frozen = [place for place, name in enumerate(facts) if name == "cryo_medium"]
        only_given = [place for place, name in enumerate(facts) if name in OF_WHAT_IS_GIVEN]
        for id_, course, *told in data.read(model.id, key, *(_told(getattr(model, name)) for name in facts)):
            if course not in chosen:
                continue
            places = [p for p in range(len(told)) if p not in only_frozen or id_ in frozen]
            if id_ in processed:
                places = [p for p in places if p not in only_given]
            done = sum(told[place] for place in places)
            total.add(course, len(places), done)
            if by_fact:
                for place in places:
                    groups[labels[place]].add(course, 1, told[place])
            else:
                groups[data.key_of(chosen[course])].add(course, len(places), done)
    return groups, total


def _left_frozen(data: Data) -> set[str]:
    """Return the runs that left their cells frozen: only these have a freezing medium to tell."""
    later = {row.product_id for row in data.read(Movement.product_id, where=[Movement.kind == "thawed"])}
    rows = data.read(Product.id, Product.run_id, Product.thawed_at, where=[Product.frozen_at.is_not(None)])
    return {row.run_id for row in rows if row.run_id and (row.thawed_at is None or row.id in later)}


def _processed(data: Data) -> set[str]:
    """Return the containers that were collected and then processed: of these nobody asks how they are given."""
    used = {row.product_id for row in data.read(RunInput.product_id)}
    return used & {row.id for row in data.read(Product.id, where=[Product.run_id.is_(None)])}


def _told(column: Any) -> Any:
    """Return 1 where a column says something, else 0."""
    says = column.is_not(None)
    return case((and_(says, column != "") if isinstance(column.type, String) else says, 1), else_=0)


def _value(figure: Figure) -> float | None:
    return None if figure.value is None else float(str(figure.value))


REPORT = Report(
    name="reporting-completeness",
    group="records",
    topic="Reporting completeness",
    title="How complete are our records by reporting standards?",
    says="Share of the facts of DOSES, MIBO and vial to vein that are recorded, beside what published studies reach.",
    data_set="Courses with their order, harvests, processing, products and administrations",
    numerator="Facts marked for reporting that are recorded",
    denominator="Facts marked for reporting that apply",
    counted_by="date of the order",
    by=("protocol", *(key for key in COURSE if key != "protocol")),
    figures=figures,
    source="Murray et al. 2019 (DOSES); MIBO in 27 trials, Abed et al. 2023/24; doi 10.1177/0363546518758667",
    options=(Option("rows", "Rows", (("group", "Groups"), ("fact", "Facts")), "group"),),
)
