"""Inventory: the containers that are still here, by state and by how long they may still be used."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from clinic.judged_lines import ProductLine
from clinic.products.models import Product
from clinic.release.product_state import ProductState
from clinic.reports.cells import containers, group_label, group_of
from clinic.reports.dimensions import COURSE
from clinic.reports.geometry import Bar, bars
from clinic.reports.report import Column, Figure, Report, Result, Row, count

if TYPE_CHECKING:
    from clinic.reports.data import Data

GONE = frozenset({ProductState.GIVEN, ProductState.DISCARDED, ProductState.PROCESSED})
SOON = 30
"""Days within which the end of a container is near."""
STATES = (
    ("usable", "Can be given"),
    ("quarantine", "In quarantine"),
    ("hold", "On hold"),
    ("rejected", "Rejected"),
    ("expired", "Expired"),
)
COLUMNS = (
    *(Column(*one) for one in STATES),
    Column("n", "Containers in stock"),
    Column("soon", f"Ends within {SOON} days"),
    Column("endless", "No end recorded"),
    Column("next", "Next end", numeric=False),
)


class Stocked(NamedTuple):
    """One container in stock: its state, of `STATES`, and the day on which it ends."""

    id: str
    state: str
    ends: date | None


def figures(data: Data) -> Result:
    """Return the containers in stock by group."""
    known = containers(data)
    ends = {row.id: row.expires_at for row in data.read(Product.id, Product.expires_at)}
    by_group: dict[str, list[Stocked]] = defaultdict(list)
    some: list[Stocked] = []
    for row in data.read(ProductLine.product_id, ProductLine.state, order=[ProductLine.product_id]):
        state, end = ProductState(row.state), ends.get(row.product_id)
        if row.product_id not in known or state in GONE or not data.within(data.day(end), row.product_id):
            continue
        over = end is not None and end <= data.at
        kind = "usable" if state.usable else state.value
        one = Stocked(row.product_id, "expired" if over and kind in {"usable", "quarantine"} else kind, data.day(end))
        by_group[group_of(data, known[one.id])].append(one)
        some.append(one)
    rows = []
    for key, found in data.in_order(by_group).items():
        rows.append(Row(key or "none", group_label(data, key), _figures(data, found)))
    total = Row("total", "All", _figures(data, some)) if some else None
    says = _finding(data, some)
    drawing = bars(
        "stock",
        "Containers in stock by state",
        says,
        [_bar(row) for row in rows],
        series=[words for _key, words in STATES],
    )
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total,
        of="containers in stock",
        included=[one.id for one in some],
        excluded=data.left_out,
        finding=says,
        drawings=[drawing] if some else [],
        notes=["A container is in stock until it was given, discarded or used up in processing."],
    )


def _bar(row: Row) -> Bar:
    return Bar(row.label, [len(f.of or ()) for f in row.figures[: len(STATES)]], row.figures[len(STATES)].shown)


def _soon(data: Data, one: Stocked) -> bool:
    return one.ends is not None and data.today <= one.ends <= data.today + timedelta(days=SOON)


def _figures(data: Data, some: list[Stocked]) -> tuple[Figure, ...]:
    by_state = [count(one.id for one in some if one.state == key) for key, _words in STATES]
    ahead = [one.ends for one in some if one.ends is not None and one.ends >= data.today]
    return (
        *by_state,
        count(one.id for one in some),
        count(one.id for one in some if _soon(data, one)),
        count(one.id for one in some if one.ends is None),
        Figure(min(ahead, default=None)),
    )


def _finding(data: Data, some: list[Stocked]) -> str:
    if not some:
        return "No container is in stock."
    usable = sum(one.state == "usable" for one in some)
    soon, over = sum(_soon(data, one) for one in some), sum(one.state == "expired" for one in some)
    are = "is" if len(some) == 1 else "are"
    return (
        f"{len(some)} container{'' if len(some) == 1 else 's'} {are} in stock: {usable} can be given, {soon} "
        f"end{'s' if soon == 1 else ''} within {SOON} days, {over} {'has' if over == 1 else 'have'} expired."
    )


REPORT = Report(
    name="inventory",
    group="cells",
    topic="Inventory",
    title="Which cells are in stock, and until when?",
    says="Containers in stock, by state; expiring soon, or without an expiry date.",
    data_set="Containers of cells that were not given, discarded or used up in processing",
    numerator="Containers in the state named, as the product list shows it",
    denominator="Containers in stock",
    counted_by="day of “use before”",
    by=("cell_type", *(key for key in COURSE if key != "cell_type")),
    figures=figures,
    judged=True,
    method="Counts",
)
