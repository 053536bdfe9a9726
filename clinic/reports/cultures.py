"""Tests for germs: how many products grew something, with those that are not final yet beside them."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from clinic.protocols.catalogues import QC_TESTS
from clinic.release.germ_words import names_something
from clinic.release.results import QCResult
from clinic.reports.asking import Option
from clinic.reports.cells import containers, group_label, group_of
from clinic.reports.control import g_chart
from clinic.reports.dimensions import COURSE
from clinic.reports.geometry import Span, control, intervals
from clinic.reports.report import Column, Report, Result, Row, count, share
from clinic.reports.statistics import clopper_pearson

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.reports.data import Data

COLUMNS = (
    Column("positive", "Positive"),
    Column("final", "Final results"),
    Column("rate", "Positive, %"),
    Column("low", "95 % from"),
    Column("high", "95 % to"),
    Column("pending", "Not final yet"),
)
GERMS = {key: test for key, test in QC_TESTS.items() if test.clean is not None}
FEWEST_GAPS = 3
PUBLISHED = (
    "Published: 37 of 3,078 grafts (1.2 %, doi 10.1038/sj.bmt.1705731); 35 of 11,743 (0.3 %, "
    "doi 10.3343/alm.2023.43.5.477)."
)


def verdict(row: Any, days: int, clean: str) -> str:
    """Return positive, negative or pending: a culture without growth is final when its days are over (rules 43, 44)."""
    if names_something(row.finding):
        return "positive"
    if row.pending or row.outcome is None:
        return "pending"
    if row.outcome != clean:
        return "positive"
    if not days or row.sampled_at is None or row.performed_at is None:
        return "negative"
    return "pending" if row.performed_at < row.sampled_at + timedelta(days=days) else "negative"


def figures(data: Data) -> Result:
    """Return the containers tested by what was found; any growth makes a container positive, whatever came later."""
    test = GERMS[data.asked.options["test"]]
    known = containers(data)
    found: dict[str, set[str]] = defaultdict(set)
    first: dict[str, datetime | None] = {}
    for row in data.read(
        QCResult.product_id,
        QCResult.outcome,
        QCResult.finding,
        QCResult.pending,
        QCResult.sampled_at,
        QCResult.performed_at,
        where=[QCResult.test == test.key],
        order=[QCResult.recorded_at, QCResult.id],
    ):
        at = row.sampled_at or row.performed_at
        if row.product_id in known and data.within(data.day(at), row.product_id):
            found[row.product_id].add(verdict(row, test.final_after_days, test.clean or ""))
            first.setdefault(row.product_id, at)
    state = {id_: next(v for v in ("positive", "negative", "pending") if v in said) for id_, said in found.items()}
    by_group: dict[str, list[str]] = defaultdict(list)
    for product in state:
        by_group[group_of(data, known[product])].append(product)
    rows = [
        Row(key or "none", group_label(data, key), _figures(some, state))
        for key, some in data.in_order(by_group).items()
    ]
    total = Row("total", "All", _figures(list(state), state))
    positive, final, rate, low, high, pending = total.figures
    says = (
        f"{positive.shown} of {final.shown} final results are positive"
        + (f" ({rate.shown} %, 95 % interval {low.shown} to {high.shown} %)" if final.value else "")
        + f"; {pending.shown} are not final yet."
    )
    drawings = [_spans(rows, says)] if rows else []
    gaps = _gaps(state, first)
    if len(gaps) >= FEWEST_GAPS:
        drawings.append(_rare(gaps))
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total if rows else None,
        of="containers",
        included=list(state),
        excluded=data.left_out,
        finding=says if rows else "No container was tested.",
        drawings=drawings,
        notes=[
            PUBLISHED,
            f"The chart of tests between positive ones is drawn from {FEWEST_GAPS + 1} positive results on.",
        ],
    )


def _figures(products: list[str], state: dict[str, str]) -> tuple:
    final = [p for p in products if state[p] != "pending"]
    positive = [p for p in final if state[p] == "positive"]
    return (*share(positive, final), count(p for p in products if state[p] == "pending"))


def _spans(rows: list[Row], says: str) -> Any:
    found = []
    for row in rows:
        n, of = len(row.figures[0].of or ()), len(row.figures[1].of or ())
        low, high = clopper_pearson(n, of) if of else (None, None)
        ends = [None if end is None else 100 * end for end in (low, high)]
        found.append(Span(row.label, 100 * n / of if of else None, ends[0], ends[1], f"{n} of {of}"))
    title = "Positive results with exact 95 % intervals"
    return intervals("cultures", title, says, found, unit=" %", caption="What is not final is in no share.")


def _gaps(state: dict[str, str], first: dict[str, datetime | None]) -> list[int]:
    """Return how many negative products lie between one positive product and the next, in the order of sampling."""
    order = sorted(
        (p for p, said in state.items() if said != "pending" and first[p] is not None), key=lambda p: (first[p], p)
    )
    places = [place for place, product in enumerate(order) if state[product] == "positive"]
    return [after - before - 1 for before, after in pairwise(places)]


def _rare(gaps: list[int]) -> Any:
    chart = g_chart(gaps)
    says = "The rate has changed." if chart.shifted else "No sign that the rate has changed."
    labels = [str(place) for place in range(2, len(gaps) + 2)]
    return control(
        "gaps",
        "Negative results between one positive and the next (g chart)",
        says,
        chart,
        labels,
        caption="Higher is better. Center: median. Limits: mean ± 3 √(m(m + 1)).",
    )


REPORT = Report(
    name="cultures",
    group="cells",
    topic="Sterility results",
    title="How often are cultures positive?",
    says="Positive cultures and other tests for germs with exact intervals, and those that are not final yet.",
    data_set="Containers of cells with the test chosen",
    numerator="Containers with any positive result",
    denominator="Containers with a final result: growth at once, no growth when the days of the culture are over",
    counted_by="date of the sample",
    by=("source", *(key for key in COURSE if key != "source")),
    figures=figures,
    method="95 % intervals: exact (Clopper–Pearson)",
    options=(Option("test", "Test", tuple((key, test.label) for key, test in GERMS.items()), "sterility"),),
)
