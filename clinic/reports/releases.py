"""Release outcomes: what quality decided on the containers, and how often by condition or exception."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from clinic.release.models import DECISIONS, Release
from clinic.reports.cells import containers, group_label, group_of
from clinic.reports.dimensions import COURSE
from clinic.reports.geometry import Bar, bars
from clinic.reports.report import Column, Report, Result, Row, count, share, totalled

if TYPE_CHECKING:
    from clinic.reports.data import Data

SHORT = {
    "conforms": "Released, conforms",
    "conditional": "Released, result pending",
    "exceptional": "Released by exception",
    "accept": "Accepted for processing",
    "hold": "On hold",
    "reject": "Rejected",
}
COLUMNS = (
    *(Column(key, SHORT[key]) for key in DECISIONS),
    Column("decided", "Containers decided on"),
    Column("apart", "Not conforming, %"),
    Column("low", "95 % from"),
    Column("high", "95 % to"),
)


def figures(data: Data) -> Result:
    """Return the containers by their last decision of the period."""
    known, last = containers(data), {}
    for row in data.read(
        Release.id, Release.product_id, Release.decision, Release.performed_at, order=[Release.recorded_at, Release.id]
    ):
        if row.product_id in known and data.within(data.day(row.performed_at), row.id):
            last[row.product_id] = row
    by_group: dict[str, list[str]] = defaultdict(list)
    for product in last:
        by_group[group_of(data, known[product])].append(product)
    rows = [
        Row(key or "none", group_label(data, key), _figures(found, last))
        for key, found in data.in_order(by_group).items()
    ]
    total = totalled("All", rows, COLUMNS, [*DECISIONS, "decided"])
    total = Row(total.key, total.label, _figures(list(last), last))
    n, (apart, _whole, rate, low, high) = len(last), _apart(list(last), last)
    interval = f"{rate.shown} %, 95 % interval {low.shown} to {high.shown} %"
    says = f"Of {n} containers decided on, {apart.shown} did not conform ({interval})."
    drawing = bars(
        "releases",
        "Last decision by group",
        says,
        [
            Bar(row.label, [len(f.of or ()) for f in row.figures[: len(DECISIONS)]], row.figures[len(DECISIONS)].shown)
            for row in rows
        ],
        series=[SHORT[key] for key in DECISIONS],
    )
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total if rows else None,
        of="decisions that count",
        included=[row.id for row in last.values()],
        excluded=data.left_out,
        finding=says if n else "No container was decided on.",
        drawings=[drawing] if n else [],
        notes=[
            "A container counts by its last decision in the period. Not conforming: by exception, on hold, rejected."
        ],
    )


def _apart(products: list[str], last: dict) -> tuple:
    return share((p for p in products if last[p].decision in {"exceptional", "hold", "reject"}), products)


def _figures(products: list[str], last: dict) -> tuple:
    by_decision = [count(p for p in products if last[p].decision == key) for key in DECISIONS]
    _some, whole, rate, low, high = _apart(products, last)
    return (*by_decision, whole, rate, low, high)


REPORT = Report(
    name="releases",
    group="cells",
    topic="Release decisions",
    title="Which decisions did quality take on the products?",
    says="Containers released, released with a result pending or by exception, held and rejected.",
    data_set="Containers of cells with a decision of quality",
    numerator="Containers whose last decision is the one named",
    denominator="Containers with a decision in the period",
    counted_by="date of the decision",
    by=("cell_type", *(key for key in COURSE if key != "cell_type")),
    figures=figures,
    method="95 % intervals: exact (Clopper–Pearson)",
)
