"""Turnaround: how long the cells wait from collection to receipt, release, issue and start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from clinic.judged_lines import ProductLine
from clinic.products.models import Product
from clinic.products.movements import Movement
from clinic.release.models import Release
from clinic.release.points import RELEASING
from clinic.reports.asking import Option
from clinic.reports.geometry import Bar, bars
from clinic.reports.report import Column, Report, Result, Row, count, number
from clinic.reports.statistics import event_quantile

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.reports.data import Data

COLUMNS = (
    Column("done", "Done"),
    Column("running", "Still running"),
    Column("median", "Median, h"),
    Column("p90", "90 % within, h"),
    Column("longest", "Longest done, h"),
    Column("disorder", "End before start"),
)
SPANS = (
    ("receipt", "Collected to received", "collected", "received"),
    ("release", "Collected to released", "collected", "released"),
    ("issue", "Released to issued", "released", "issued"),
    ("start", "Issued to start of giving", "issued", "given"),
    ("vein", "Collected to start of giving (vein to vein)", "collected", "given"),
)
CELLS = (("patient", "Collected for the patient"), ("bank", "From the bank"), ("all", "All"))
OVER = {"given", "discarded", "rejected", "processed"}
"""States of a product in which it waits for nothing more."""


class Lot(NamedTuple):
    """One container with the moments of its way; ``waits``: it may still come to the end of a span."""

    id: str
    moments: dict[str, datetime]
    fresh: bool
    waits: bool


def figures(data: Data) -> Result:
    """Return for each span of the way how long it took, running ones counted as censored now."""
    lots = _lots(data)
    rows = [Row(key, words, _figures(data, key, begin, end, lots)) for key, words, begin, end in SPANS]
    rows = [row for row in rows if row.figures[0].value or row.figures[1].value]
    says = "; ".join(
        f"{row.label.lower()}: median {row.figures[2].shown} h" for row in rows if row.figures[2].value is not None
    )
    drawing = bars(
        "turnaround",
        "Median hours",
        f"{says}." if says else "Nothing is done yet.",
        [
            Bar(
                row.label,
                [float(row.figures[2].shown)],
                f"{row.figures[2].shown} h (90 % within {row.figures[3].shown} h)",
            )
            for row in rows
            if row.figures[2].value is not None
        ],
        series=["Hours"],
        caption="Stages that are still running are censored today (Kaplan–Meier).",
    )
    return Result(
        columns=COLUMNS,
        rows=rows,
        first="Span",
        of="containers",
        included=[lot.id for lot in lots],
        excluded=data.left_out,
        finding=f"{says[:1].upper()}{says[1:]}." if says else "No span is complete yet.",
        drawings=[drawing] if says else [],
        notes=[
            "“–”: not reached yet. Where an end is before its start, one of the times is wrong: it counts there alone."
        ],
    )


def _lots(data: Data) -> list[Lot]:
    states = {row.product_id: row.state for row in data.read(ProductLine.product_id, ProductLine.state)}
    moments: dict[str, dict[str, Any]] = {}
    first = [
        (row.product_id, row.kind, row.performed_at)
        for row in data.read(
            Movement.product_id,
            Movement.kind,
            Movement.performed_at,
            where=[Movement.kind.in_(("received", "issued", "assigned")), Movement.performed_at.is_not(None)],
            order=[Movement.performed_at.desc()],
        )
    ]
    first += [
        (row.product_id, "released", row.performed_at)
        for row in data.read(
            Release.product_id,
            Release.performed_at,
            where=[Release.decision.in_(RELEASING), Release.performed_at.is_not(None)],
            order=[Release.performed_at.desc()],
        )
    ]
    first += [(one.product, "given", one.at) for one in reversed(data.administrations) if one.at is not None]
    for product, kind, at in first:
        moments.setdefault(product, {})[kind] = at
    lots = []
    for row in data.read(
        Product.id,
        Product.treatment_id,
        Product.run_id,
        Product.collected_at,
        where=[Product.collected_at.is_not(None)],
        order=[Product.recorded_at, Product.id],
    ):
        chosen = row.treatment_id in data.courses if row.treatment_id else not data.asked.chosen
        banked = "assigned" in moments.get(row.id, {}) or row.treatment_id is None
        chosen = chosen and data.asked.options["cells"] in {"all", "bank" if banked else "patient"}
        if chosen and data.within(data.day(row.collected_at), row.id):
            way = {"collected": row.collected_at, **moments.get(row.id, {})}
            lots.append(Lot(row.id, way, row.run_id is None, states.get(row.id) not in OVER))
    return lots


def _figures(data: Data, key: str, begin: str, end: str, lots: list[Lot]) -> tuple:
    """Return the figures of one span. Only what was collected is received; only what is made of it is released."""
    some = [lot for lot in lots if begin in lot.moments and (key != "receipt" or lot.fresh)]
    done = [lot for lot in some if end in lot.moments]
    wrong = [lot.id for lot in done if lot.moments[end] < lot.moments[begin]]
    done = [lot for lot in done if lot.id not in wrong]
    running = [
        lot for lot in some if end not in lot.moments and lot.waits and (key == "receipt" or not _only_stored(lot, key))
    ]
    times = [(lot.moments[end] - lot.moments[begin]).total_seconds() / 3600 for lot in done]
    waits = [max(0.0, (data.at - lot.moments[begin]).total_seconds() / 3600) for lot in running]
    events = [True] * len(times) + [False] * len(waits)
    median, ninety = (event_quantile(times + waits, events, share) for share in (0.5, 0.9))
    return (
        count(lot.id for lot in done),
        count(lot.id for lot in running),
        number(median),
        number(ninety),
        number(max(times, default=None)),
        count(wrong),
    )


def _only_stored(lot: Lot, key: str) -> bool:
    """Whether a container waits to be processed, not for the end of a span: what was collected, before its run."""
    return key in {"release", "vein"} and lot.fresh and "released" not in lot.moments


REPORT = Report(
    name="turnaround",
    group="cells",
    topic="Turnaround times",
    title="How long does each stage take?",
    says="Hours from collection to receipt, release, issue and start: median and 90 %, with what still runs.",
    data_set="Containers with a recorded end of collection; first receipt, releasing decision, issue and start",
    numerator="Hours between the two moments of a span, for containers that have both",
    denominator="Containers with the first moment; those that still wait count as censored now",
    counted_by="end of collection",
    figures=figures,
    judged=True,
    method="Quantiles by Kaplan–Meier",
    options=(Option("cells", "Cells", CELLS, "patient"),),
)
