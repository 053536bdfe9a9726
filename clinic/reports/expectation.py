"""One-year survival against an expectation that the reader enters with its source; not adjusted for risk."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clinic.reports.asking import Option
from clinic.reports.dimensions import COURSE
from clinic.reports.followed import LATER, YEAR, Followed, by_first, observed, too_weak
from clinic.reports.geometry import Drawing, Span, intervals
from clinic.reports.report import Column, Figure, Report, Result, Row, count, number
from clinic.reports.statistics import at, clopper_pearson, poisson_interval, survival

if TYPE_CHECKING:
    from clinic.reports.data import Data

COLUMNS = (
    Column("n", "Patients"),
    Column("year", "Followed for a year or until death"),
    Column("censored", "Followed for less than a year"),
    Column("events", "Deaths within a year"),
    Column("alive", "Alive after a year, %"),
    Column("low", "95 % from"),
    Column("high", "95 % to"),
    Column("limits", "Limits", numeric=False),
    Column("reference", "Expected, %"),
    Column("status", "Status"),
    Column("expected", "Deaths expected"),
    Column("difference", "Observed − expected"),
    Column("ratio", "Observed ÷ expected"),
    Column("ratio-low", "Ratio, 95 % from"),
    Column("ratio-high", "Ratio, 95 % to"),
)
NOTE = (
    "Status: −1 where the expected survival lies above the limits of the observed one (fewer survived than expected), "
    "0 within them, 1 below them. It is not told where follow-up is too incomplete or there are no limits."
)
HOW = (
    "Limits are exact (Clopper–Pearson) where everybody was followed for a year or until death, else log-log. Deaths "
    "expected: the sum over patients of the expected share of deaths by the day until which each could be observed, "
    "the risk being the same on every day of the year. One expectation is compared with every row: choose a protocol "
    "to enter its own. A death of which only the month or year is known counts where all of it lies within the year or "
    "after it."
)
MOST = 18
"""Rows that a chart holds."""


class Year(NamedTuple):
    """Survival at one year, its limits and their kind; None where it cannot be told."""

    share: float | None = None
    low: float | None = None
    high: float | None = None
    kind: str | None = None


def figures(data: Data) -> Result:
    """Return observed and expected survival at one year by group; each patient counts once, by the first course."""
    seen = observed(data)
    decided = [one for one in seen.ranged if one.days > YEAR or (one.until or 0) <= YEAR]
    some, later = by_first(_in_order(data, [*seen.found, *decided]))
    known = {one.course.id for one in decided}
    missing = [(why, [id_ for id_ in ids if id_ not in known]) for why, ids in seen.missing]
    said = data.asked.options["expected"]
    reference = float(said) / 100 if said else None
    by_group: dict[str, list[Followed]] = {}
    for one in some:
        by_group.setdefault(data.key_of(one.course), []).append(one)
    rows = [Row(key, data.label(key), _figures(found, reference)) for key, found in data.in_order(by_group).items()]
    total = Row("total", "All", _figures(some, reference)) if some else None
    says = _finding(total, said, data.asked.options["reference"])
    censored = [one.course.id for one in some if _censored(one)]
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total,
        of="courses",
        included=[one.course.id for one in some],
        finding=says,
        missing=[*missing, ("followed for less than a year, not known to have died: censored", censored)],
        excluded=[*data.left_out, (LATER, later)],
        drawings=[_drawing(rows, reference, says)] if some else [],
        weak=too_weak(some),
        notes=["Not risk-adjusted: patients may differ from those of the reference.", NOTE, HOW],
    )


def _in_order(data: Data, some: list[Followed]) -> list[Followed]:
    """Return courses in the order in which they began, so that each patient counts by the first."""
    order = {id_: place for place, id_ in enumerate(data.begun)}
    return sorted(some, key=lambda one: order[one.course.id])


def _censored(one: Followed) -> bool:
    return not one.died and one.days < YEAR


def _dead(one: Followed) -> bool:
    return one.died and one.days <= YEAR


def after_a_year(some: list[Followed]) -> Year:
    """Return survival at one year: the share alive with exact limits where nobody is censored, else Kaplan–Meier."""
    dead, ends = sum(_dead(one) for one in some), [one.days for one in some if _censored(one)]
    if any(_dead(one) and one.until and one.days <= end < one.until for one in some for end in ends):
        return Year()  # whether the death was before the end of another's follow-up is not known
    if not ends:
        low, high = clopper_pearson(len(some) - dead, len(some))
        return Year(1 - dead / len(some), low, high, "exact")
    step = at(survival([one.days for one in some], [one.died for one in some]), YEAR)
    if all(one.days < YEAR for one in some) and (step is None or step.survival > 0):
        return Year()
    if step is None or step.low is None:
        return Year(1.0 if step is None else step.survival)
    return Year(step.survival, step.low, step.high, "log-log")


def deaths_expected(some: list[Followed], reference: float) -> float:
    """Return the deaths expected within a year where a share ``reference`` survives it (Hakulinen 1982).

    Who died could have been observed until today; who was lost, until the last day known.
    """
    days = [max(one.days, YEAR if one.could is None else one.could) if one.died else one.days for one in some]
    return sum(1 - reference ** (min(reach, YEAR) / YEAR) for reach in days)


def status(year: Year, reference: float) -> int | None:
    """Return −1 where fewer survived than expected, 1 where more did, 0 within the limits; None without limits."""
    if year.low is None or year.high is None:
        return None
    return -1 if reference > year.high else 1 if reference < year.low else 0


def _figures(some: list[Followed], reference: float | None) -> tuple[Figure, ...]:
    year, dead = after_a_year(some), [one.course.id for one in some if _dead(one)]
    head = (
        count(one.course.id for one in some),
        count(one.course.id for one in some if not _censored(one)),
        count(one.course.id for one in some if _censored(one)),
        count(dead),
        *(number(None if share is None else 100 * share, 1) for share in year[:3]),
        Figure(year.kind),
    )
    if reference is None:
        return (*head, *[Figure(None)] * 7)
    expected = deaths_expected(some, reference)
    ratios = [x / expected if expected else None for x in (len(dead), *poisson_interval(len(dead)))]
    return (
        *head,
        number(100 * reference, 1),
        number(None if too_weak(some) else status(year, reference), 0),
        number(expected, 2),
        number(len(dead) - expected, 2),
        *(number(one, 2) for one in ratios),
    )


def _finding(total: Row | None, expected: str, source: str) -> str:
    if total is None:
        return "Nobody has received cells."
    told = {column.key: figure.shown for column, figure in zip(COLUMNS, total.figures, strict=True)}
    said = f"{told['events']} of {told['n']} patients died within a year; {told['censored']} were followed for less."
    if told["alive"] != "–":
        limits = f", 95 % limits {told['low']} to {told['high']} %" if told["limits"] != "–" else ""
        said += f" After a year {told['alive']} % were alive{limits}."
    if not expected:
        return f"{said} To compare, enter the expected one-year survival and its source above."
    return (
        f"{said} Expected: {expected} % alive ({source}), {told['expected']} deaths; observed ÷ expected "
        f"{told['ratio']} ({told['ratio-low']} to {told['ratio-high']}). Not risk-adjusted."
    )


def _drawing(rows: list[Row], reference: float | None, says: str) -> Drawing:
    spans, told = [], [row for row in rows if row.figures[4].value is not None]
    for row in told[:MOST]:
        alive, low, high = (None if f.value is None else float(str(f.value)) for f in row.figures[4:7])
        spans.append(Span(row.label, alive, low, high, f"{row.figures[3].shown} of {row.figures[0].shown} died"))
    marks = [] if reference is None else [("reached", 100 * reference, "expected")]
    left = f" The first {MOST} rows are drawn." if len(told) > MOST else ""
    left += " Rows of which nobody was followed for long enough are not drawn." if len(told) < len(rows) else ""
    return intervals(
        "expectation", "Alive after a year", says, spans, unit=" %", marks=marks, ends=(0, 100),
        caption=f"Observed share with 95 % limits, not risk-adjusted.{left}",
    )  # fmt: skip


REPORT = Report(
    name="expectation",
    group="outcomes",
    topic="One-year survival, not risk-adjusted",
    title="Do as many patients survive the first year as expected?",
    says="Observed one-year survival against an expectation that you enter with its source. Not risk-adjusted.",
    data_set="Patients who received cells, by their first course in the selection",
    numerator="Deaths within 365 days of the first cells",
    denominator="Patients who received cells; deaths expected among them by the expectation that was entered",
    counted_by="date of the first administration",
    by=("protocol", "condition", *(key for key in COURSE if key not in {"protocol", "condition"})),
    figures=figures,
    method="Survival: exact (Clopper–Pearson) or Kaplan–Meier with Greenwood's log-log limits; ratio: exact (Poisson)",
    source="Deaths expected by the time each could be observed: Hakulinen, Biometrics 1982;38:933",
    options=(
        Option("expected", "Expected one-year survival", typed="percent", beside="reference"),
        Option("reference", "Source of the expectation", typed="text", beside="expected"),
    ),
)
