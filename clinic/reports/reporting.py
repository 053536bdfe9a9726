"""Reporting completeness: how many of the facts that a published course should tell are recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from clinic.administration.models import Administration
from clinic.fields import fields_of
from clinic.harvest.models import Harvest
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.products.movements import Movement
from clinic.reports.dimensions import COURSE, Course
from clinic.reports.geometry import Span, intervals
from clinic.reports.report import Column, Figure, Option, Report, Result, Row, count, number, percent
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


class Asked(NamedTuple):
    """One fact that one record of a course should tell."""

    course: Course
    fact: str
    told: bool


def figures(data: Data) -> Result:
    """Return the share of facts that are recorded, by group or by fact."""
    asked = _asked(data)
    by_fact = data.asked.options["rows"] == "fact"
    groups: dict[str, list[Asked]] = {}
    for one in asked:
        groups.setdefault(one.fact if by_fact else data.key_of(one.course), []).append(one)
    if by_fact:
        order = sorted(groups, key=lambda fact: (_share(groups[fact]), fact))
        rows = [Row(fact, fact, _figures(groups[fact])) for fact in order]
    else:
        rows = [Row(key, data.label(key), _figures(some)) for key, some in data.in_order(groups).items()]
    total = Row("total", "All", _figures(asked))
    says = f"{total.figures[3].text} % of the facts that a published course should tell are recorded."
    spans = [Span(row.label, _value(row.figures[3]), None, None, f"{row.figures[3].text} %") for row in rows[:24]]
    drawing = intervals(
        "reporting",
        "Facts recorded",
        says,
        spans,
        unit=" %",
        marks=PUBLISHED,
        ends=(0.0, 100.0),
        caption="Lines: knee osteoarthritis trials, 70.5 % of 53 MIBO facts; orthopedic studies, 52 %.",
    )
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total if rows else None,
        of="courses",
        first="Fact" if by_fact else "Group",
        included=dict.fromkeys(one.course.id for one in asked),
        excluded=data.left_out,
        finding=says if rows else "There are no courses yet.",
        drawings=[drawing] if rows else [],
        notes=["Counted are the facts marked for reporting (DOSES, MIBO, vial to vein) of an order and its records."],
    )


def _asked(data: Data) -> list[Asked]:
    """Return each fact that should be told; a freezing medium only of a run that left its cells frozen."""
    chosen = {c.id for c in data.courses.values() if data.within(c.ordered_on, c.id)}
    frozen: set[str] = set()
    later = {row.product_id for row in data.read(Movement.product_id, where=[Movement.kind == "thawed"])}
    found = []
    for model in (Product, *(one for one in MODELS if one is not Product)):
        facts = {name: fact for name, fact in fields_of(model).items() if fact.reported}
        key = (model.id if model is Treatment else model.treatment_id).label("course")
        more = [Product.run_id, Product.frozen_at, Product.thawed_at] if model is Product else []
        for row in data.read(model.id, key, *(getattr(model, name) for name in facts), *more):
            if model is Product and row.frozen_at is not None and (row.thawed_at is None or row.id in later):
                frozen.add(row.run_id or "")
            if row.course not in chosen:
                continue
            for place, (name, fact) in enumerate(facts.items(), start=2):
                if name != "cryo_medium" or row.id in frozen:
                    label = f"{fact.label}, {model.NOUN.lower()}"
                    found.append(Asked(data.courses[row.course], label, row[place] not in (None, "", [])))
    return found


def _share(some: list[Asked]) -> float:
    return sum(one.told for one in some) / len(some)


def _value(figure: Figure) -> float | None:
    return None if figure.value is None else float(str(figure.value))


def _figures(some: list[Asked]) -> tuple[Figure, ...]:
    told = sum(one.told for one in some)
    lacking = count(one.course.id for one in some if not one.told)
    return (
        count(one.course.id for one in some),
        number(float(told), 0),
        number(float(len(some)), 0),
        percent(told, len(some)),
        lacking,
    )


REPORT = Report(
    name="reporting-completeness",
    group="records",
    title="Do our records tell what a publication must tell?",
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
