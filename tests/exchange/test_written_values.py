"""A table that is read straight from the database holds what the records say, cell by cell."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import inspect, select

from clinic.accounts.models import Site, User
from clinic.clock import today
from clinic.exchange import exporting
from clinic.exchange.datasets import Dataset, datasets
from clinic.exchange.export_values import Around, value_of
from clinic.exchange.exporting import Choice
from tests.bedside import released_product
from tests.databases import both_databases
from tests.factories import ready_for_harvest

BESIDE = {"signed_by", "signed_at", "amended"}
"""Columns that are not of the row itself: their own tests compare them."""


def of_records(session: Any, dataset: Dataset) -> list[dict[str, Any]]:
    """Return what the mapper's records say, by the columns that are of the row itself."""
    people = {one.id: one.printed_name for one in session.scalars(select(User))}
    kept, sites = (
        {one.key for one in inspect(dataset.model).column_attrs},
        {one.id: one for one in session.scalars(select(Site))},
    )
    found = []
    for row in session.scalars(select(dataset.model).order_by(dataset.model.id)).unique():
        site = sites[row.site_id]
        around = Around(
            people=people, code=site.code, zone=site.zone, clock=ZoneInfo(site.zone), on=today(site.zone),
            precision=getattr(row, "precision", None) or {},
        )  # fmt: skip
        found.append({
            column.heading: value_of(column, getattr(row, column.key) if column.key in kept else None, around)
            for column in dataset.chosen(research=False) if column.key not in BESIDE
        })  # fmt: skip
    return found


def compare(session: Any) -> int:
    """Compare each table that is taken out with its records; return how many rows there were."""
    rows = 0
    for name, dataset in datasets().items():
        if name == "doses":  # its columns are worked out
            continue
        columns = dataset.chosen(research=False)
        ours = [
            {column.heading: value for column, value in zip(columns, row, strict=True) if column.key not in BESIDE}
            for row in exporting.rows(session, dataset, Choice())
        ]
        theirs = of_records(session, dataset)
        assert ours == theirs, name
        assert [list(map(type, row.values())) for row in ours] == [list(map(type, row.values())) for row in theirs]
        rows += len(ours)
    return rows


def test_every_cell_of_the_demonstration_is_what_its_record_says(demonstration: Any) -> None:
    assert compare(demonstration) > 5000


@both_databases
def test_every_cell_is_the_same_on_both_databases(team: Any, session: Any) -> None:
    released_product(ready_for_harvest(team), team)
    session.commit()
    assert compare(session) > 20
