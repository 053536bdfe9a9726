"""Activity return: whom the clinic treated, year by year; patients and administrations are told apart."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from clinic.reports.dimensions import COURSE
from clinic.reports.geometry import Bar, bars
from clinic.reports.report import Column, Report, Result, Row, count, totalled

if TYPE_CHECKING:
    from clinic.reports.data import Data, Given

COLUMNS = (
    Column("patients", "Patients"),
    Column("courses", "Courses begun"),
    Column("all", "Administrations"),
    Column("first", "of these first of a course"),
    Column("later", "later ones"),
)
NO_YEAR = 9999
"""Sorts what has no calendar date last."""


def figures(data: Data) -> Result:
    """Return patients and administrations by year of administration and group."""
    found: dict[tuple[int, str], list[Given]] = defaultdict(list)
    for one in data.given:
        found[(one.when.year if one.when else None) or NO_YEAR, data.key_of(one.course)].append(one)
    groups = list(data.in_order({key: True for _year, key in found}))
    order = sorted(found, key=lambda pair: (pair[0], groups.index(pair[1])))
    rows = [
        Row(f"{year}-{key}", f"{_year(year)}: {data.label(key)}", _counted(found[year, key])) for year, key in order
    ]
    total = totalled("All", rows, COLUMNS, [column.key for column in COLUMNS])
    patients, given = total.figures[0].value, total.figures[2].value
    says = f"{patients} patients received {given} administrations."
    years = sorted({year for year, _key in order})
    columns = [
        Bar(
            _year(year),
            [len(found.get((year, key), [])) for key in groups],
            str(sum(len(found.get((year, key), [])) for key in groups)),
        )
        for year in years
    ]
    drawing = bars(
        "activity",
        "Administrations by year",
        says,
        columns,
        series=[data.label(key) for key in groups],
        caption="Administrations, not patients: one patient may have several.",
    )
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total,
        first="Year and group",
        of="administrations",
        included=[one.id for one in data.given],
        excluded=data.left_out,
        finding=says,
        drawings=[drawing] if rows else [],
        notes=["In a sum each patient, course and administration counts once, so patients of two years count once."],
    )


def _counted(given: list[Given]) -> tuple:
    firsts = [one for one in given if one.first]
    return (
        count(one.course.patient for one in given),
        count(one.course.id for one in firsts),
        count(one.id for one in given),
        count(one.id for one in firsts),
        count(one.id for one in given if not one.first),
    )


def _year(year: int) -> str:
    return "No date" if year == NO_YEAR else str(year)


REPORT = Report(
    name="activity",
    group="activity",
    topic="Activity",
    title="Who was treated, and with which cells?",
    says="Patients and administrations by year and group: the yearly return of activity to a registry or authority.",
    data_set="Administrations of cells",
    numerator="Patients, courses and administrations, counted apart",
    denominator="These are counts, not shares. A start that was voided, or of which 0 mL were given, does not count",
    counted_by="date of administration",
    by=("donor", *(key for key in COURSE if key != "donor")),
    figures=figures,
    source="HRSA and CIBMTR transplant activity report; EBMT activity survey; HTA annual activity collection",
)
