"""Files that programs write in a way of their own are read, or refused with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest
from xlsxwriter import Workbook

from clinic.errors import RuleBroken
from clinic.exchange import parse_cell, tables, written_days

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXT = "number\tname\nA-1\tÖdön\nA-2\tŁucja\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_text_in_utf_16_is_read_by_its_mark(table: Callable[..., Path], encoding: str) -> None:
    """A spreadsheet program calls it “Unicode text”."""
    mark = "" if encoding == "utf-16" else "\ufeff"
    found = tables.read(table(raw=(mark + TEXT).encode(encoding)))
    assert [cells for _line, cells in found.rows] == [
        {"number": "A-1", "name": "Ödön"}, {"number": "A-2", "name": "Łucja"},
    ]  # fmt: skip


def test_a_text_in_utf_16_without_its_mark_is_refused_with_what_to_do(table: Callable[..., Path]) -> None:
    with pytest.raises(RuleBroken, match="Save it as CSV in UTF-8, or as XLSX"):
        tables.read(table(raw=TEXT.encode("utf-16-le")))


def test_a_part_of_a_spreadsheet_in_another_encoding_is_named(tmp_path: Path) -> None:
    with Workbook(tmp_path / "made.xlsx") as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["number", "name"])
        page.write_row(1, 0, ["A-1", "Müller"])
    with ZipFile(tmp_path / "made.xlsx") as made, ZipFile(tmp_path / "t.xlsx", "w") as other:
        for part in made.namelist():
            text = made.read(part)
            if part.endswith("sharedStrings.xml"):
                text = text.decode().replace('encoding="UTF-8"', 'encoding="windows-1252"').encode("windows-1252")
            other.writestr(part, text)
    with pytest.raises(RuleBroken) as told:
        tables.read(tmp_path / "t.xlsx")
    assert "one of its parts is not UTF-8 but windows-1252. Open it in a spreadsheet program and save it again." in str(
        told.value
    )


@pytest.mark.parametrize(("text", "day"), [("44000", "2020-06-18"), ("44000.5", "2020-06-18"), ("29221", "1980-01-01")])
@pytest.mark.parametrize("read", [
    parse_cell.day, lambda text: parse_cell.moment(text, "Etc/UTC"),
    lambda text: written_days.dated(text, "DD.MM.YYYY", held=True),
])  # fmt: skip
def test_the_number_by_which_a_spreadsheet_counts_a_day_is_told_as_one(read: Any, text: str, day: str) -> None:
    with pytest.raises(parse_cell.NotThat, match=f"A spreadsheet counts {day} as {text[:5]}: show"):
        read(text)
