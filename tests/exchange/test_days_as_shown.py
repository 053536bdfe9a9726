"""A date of a spreadsheet is as much as its cell shows: no time of day behind a day, and no day behind a time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from xlsxwriter import Workbook

from clinic.exchange import tables


@pytest.mark.parametrize(("form", "read"), [
    ("yyyy-mm-dd", "2020-03-01"), ("dd.mm.yyyy", "2020-03-01"), ("m/d/yy", "2020-03-01"),
    ("yyyy-mm-dd hh:mm", "2020-03-01T10:00:00"), ("hh:mm", "10:00:00"), ("h:mm AM/PM", "10:00:00"),
    ("mmm yyyy", "2020-03"),
])  # fmt: skip
def test_a_date_is_as_much_as_its_cell_shows(tmp_path, form, read):
    file, at = tmp_path / "t.xlsx", datetime(2020, 3, 1, 10, tzinfo=UTC).replace(tzinfo=None)
    with Workbook(file) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["id", "at"])
        page.write(1, 0, "1")
        page.write_datetime(1, 1, at, book.add_format({"num_format": form}))
    (row,) = [cells for _number, cells in tables.read(file).rows]
    assert row["at"] == read
