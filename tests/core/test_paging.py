"""One pager: forwards and backwards, nothing left out and nothing twice, whatever the size of a page."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, func, literal, select, union_all

from clinic.paging import natural_order, page

NAMES = ["A1", "A10", "A11", "A2", "A", "B1", "B", "2", "12"]


@pytest.fixture
def lists():
    """A session's worth of reading, and the numbers 1 to 7 with a group of three each."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        rows = union_all(*(select(literal(n // 3).label("rank"), literal(n).label("id")) for n in range(1, 8)))
        yield SimpleNamespace(execute=connection.execute), rows.subquery()
    engine.dispose()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("descending", [False, True])
def test_every_row_stands_on_one_page_and_the_way_back_is_the_way_forth(lists, size, descending):
    session, rows = lists
    order = (rows.c.rank, rows.c.id)

    def read(mark=None, *, backwards=False):
        place = (int(mark) // 3, int(mark)) if mark else None
        return page(
            session, select(rows), order=order, place=place, backwards=backwards, descending=descending, size=size,
            mark=lambda row: str(row.id),
        )  # fmt: skip

    pages = [read()]
    while pages[-1].after:
        pages.append(read(pages[-1].after))
    seen = [row.id for one in pages for row in one.rows]
    assert seen == (list(range(7, 0, -1)) if descending else list(range(1, 8)))
    assert not pages[0].before
    for earlier, later in pairwise(pages):
        assert read(later.before, backwards=True).rows == earlier.rows


def test_an_unknown_place_is_the_beginning(lists):
    session, rows = lists
    found = page(session, select(rows), order=(rows.c.id,), place=None, backwards=True, size=3)
    assert [row.id for row in found.rows] == [1, 2, 3]
    assert not found.before


def test_the_database_puts_numbered_things_in_the_order_of_their_numbers(lists):
    session, _rows = lists
    names = union_all(*(select(literal(name).label("name")) for name in NAMES)).subquery()
    found = session.execute(select(names.c.name).order_by(*natural_order(names.c.name))).scalars().all()
    assert found == ["2", "12", "A", "A1", "A2", "A10", "A11", "B", "B1"]
    assert session.execute(select(func.count()).select_from(names)).scalar_one() == len(NAMES)
