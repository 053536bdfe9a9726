"""A raised sign is no digit of its figure, and a space that does not break is a space."""

from __future__ import annotations

import pytest
from xlsxwriter import Workbook

from clinic.exchange import tables
from clinic.exchange.parse_cell import NotThat, number, one_way
from tests.exchange.test_cells import HEAD, run
from tests.exchange.test_shown_otherwise import with_cell


@pytest.mark.parametrize(
    ("script", "runs", "shown"),
    [
        (1, ("9", "1"), "9¹"),
        (2, ("9", "1"), "9₁"),
        (1, ("7 ×10", "6"), "7 ×10⁶"),
        (1, ("70", "a"), "70^a"),
        (2, ("70", "b"), "70_b"),
        (1, ("10", "-6"), "10⁻⁶"),
    ],
)
def test_a_raised_sign_is_read_as_one(session, team, tmp_path, script, runs, shown):
    with Workbook(tmp_path / "t.xlsx") as book:
        page, other = book.add_worksheet(), book.add_format({"font_script": script})
        page.write_row(0, 0, HEAD.split(";"))
        page.write_row(1, 0, ["A-1", "Ode", "male", None, "2020-03-04"])
        page.write_rich_string(1, 3, runs[0], other, runs[1])
        page.write_row(2, 0, ["A-2", "Bo", "male", 70, "2020-03-04"])
    first, second = (cells for _number, cells in tables.read(tmp_path / "t.xlsx").rows)
    assert (first["kg"], first["id"], second["kg"]) == (shown, "A-1", "70")
    report = run(session, team, tmp_path / "t.xlsx")
    assert [(one.row, one.value) for one in report.problems] == [(2, shown)]


def test_a_raised_sign_within_the_cell_itself_is_read_as_one(tmp_path):
    runs = '<r><t>9</t></r><r><rPr><vertAlign val="superscript"/></rPr><t>1</t></r><rPh sb="0" eb="1"><t>2</t></rPh>'
    ((_number, cells),) = tables.read(with_cell(tmp_path, f'<c r="D2" t="inlineStr"><is>{runs}</is></c>')).rows
    assert (cells["kg"], cells["at"]) == ("9¹", "2020-03-04")


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u2007", "\u2009", "\u202f"])
def test_all_spaces_within_a_figure_are_alike(space):
    with pytest.raises(NotThat, match=r"a number$"):
        number(f"4{space}2")
    with pytest.raises(NotThat, match="decimal = "):
        number(f"70{space}500")
    assert one_way(f"70{space}500,5", ",") == "70500.5"
    assert number(f"{space}70{space}") == 70
