"""A point before three digits is as doubtful as a comma where figures are written with decimal commas."""

from __future__ import annotations

import pytest
from xlsxwriter import Workbook

from clinic.exchange import mapping, tables
from clinic.exchange.table_cells import cell_faults

TARGETS = {
    "lido": "harvest.lidocaine_mg", "vol": "harvest.volume", "gef": "harvest.containers", "age": "treatment.age_years",
    "edss": "score.m6.edss", "note": "treatment.diagnosis", "left": "",
}  # fmt: skip


def doubtful(file, headings, **how):
    """Return the cells of a table that are asked about, with their columns."""
    columns = {name: [{"to": TARGETS[name]} | how.get(name, {})] for name in headings if TARGETS.get(name)}
    said = mapping.Mapping(
        kind="courses", source="Old", columns=columns, ignored={"left": "x"}, decimal=how.get("decimal", ""),
        pairs=how.get("pairs", {}), holds_dates=file.suffix == ".xlsx",
    )  # fmt: skip
    found = cell_faults(tables.read(file), said)
    assert all("one way only" in one.expected for one in found)
    return [(one.column, one.value) for one in found]


@pytest.mark.parametrize(("lines", "wrong"), [
    (["lido;edss", "1.250;3,5", "400;2,5"], [("lido", "1.250")]),
    (["lido;vol", "1.250;980", "400;100"], [("lido", "1.250")]),
    (["lido\tedss", "1.250\t3,5"], [("lido", "1.250")]), (["lido|edss", "1.250|3,5"], [("lido", "1.250")]),
    (['lido,"edss"', '1.250,"3,5"'], [("lido", "1.250")]), (["lido,left", '1.250,"3,5"'], [("lido", "1.250")]),
    (["lido,edss", "1.250,3.5"], []), (["lido,edss", "1.250,3"], []), (["lido,note", '1.250,"a, b"'], []),
    (["lido;edss", "1.250;3,5", "2.5;3"], []), (["lido;edss", "0.250;3,5"], []), (["lido;edss", "1.2500;3,5"], []),
    (["lido;edss", "1.250 mg;3,5", "-1.250;1"], [("lido", "1.250 mg"), ("lido", "-1.250")]),
    (["gef,lido", "2.000,1.25"], [("gef", "2.000")]), (["gef;lido", "2.000;1"], [("gef", "2.000")]),
    (["gef,lido", "2.0,1.25", "3.000,1"], [("gef", "3.000")]),
    (["gef,lido", '"2,000",1.25', '"2,0",1'], [("gef", "2,000")]),
    (["gef,age", "2.0,3.0", "2,3"], []), (["note;edss", "1.250;3,5"], []),
])  # fmt: skip
def test_a_point_before_three_digits_is_asked_about(table, lines, wrong):
    assert (
        doubtful(
            table(*lines), lines[0].replace('"', "").replace(";", ",").replace("\t", ",").replace("|", ",").split(",")
        )
        == wrong
    )


def test_the_mapping_says_which_mark_is_the_decimal_one(table):
    file = table("lido;edss;gef", "1.250;3,5;2.000")
    for mark in (",", "."):
        assert doubtful(file, ["lido", "edss", "gef"], decimal=mark) == []
        own = {name: {"decimal": mark} for name in ("lido", "gef")}
        assert doubtful(file, ["lido", "edss", "gef"], **own) == []
    other = table("lido,edss", "1.250,3")
    assert doubtful(other, ["lido", "edss"], edss={"decimal": ","}) == [("lido", "1.250")]


def test_the_time_of_a_pair_is_a_whole_number_of_days(table):
    pairs = {"score.o.survival_days": {"time": "t", "happened": "d"}}
    assert doubtful(table("t,d", "2.000,0"), [], pairs=pairs) == [("t", "2.000")]
    assert doubtful(table("t,d", "2000,0"), [], pairs=pairs) == []


def test_a_figure_that_is_a_text_in_a_spreadsheet_was_not_understood_there(tmp_path):
    with Workbook(tmp_path / "t.xlsx") as book:
        page = book.add_worksheet()
        for row, cells in enumerate([["lido", "vol"], [72.5, 71.125], ["1.250", 70], [1.25, 7.125]]):
            page.write_row(row, 0, cells)
    assert doubtful(tmp_path / "t.xlsx", ["lido", "vol"]) == [("lido", "1.250")]


def test_rejected_rows_are_asked_about_as_in_the_whole_table(table):
    file = table("Row,Why it was refused,lido,edss", "2,expected,1.250,x")
    assert doubtful(file, ["lido", "edss"]) == [("lido", "1.250")]
