"""An estimate and its interval share a column of a page, and nothing of them is lost there."""

from __future__ import annotations

import re

import pytest

from clinic.reports.catalog import REPORTS
from clinic.reports.page_columns import page_columns, told_table
from tests.reading import Page


def test_an_interval_joins_the_estimate_before_it():
    columns = [
        ("n", "Patients", True), ("s365", "Alive, %, day 365", True), ("low365", "from, day 365", True),
        ("high365", "to, day 365", True), ("median", "Median day", True), ("lower", "Lower quartile", True),
        ("upper", "Upper quartile", True), ("limits", "Limits", False),
    ]  # fmt: skip
    assert [(one.place, one.heading, one.ends) for one in page_columns(columns)] == [
        (0, "Patients", False),
        (1, "Alive, %, day 365 (95 % interval)", True),
        (4, "Median day (quartiles)", True),
        (7, "Limits", False),
    ]


@pytest.mark.parametrize("keys", [
    ["n", "low", "most"], ["n", "high", "low"], ["n", "low100", "high365"], ["n", "r-low", "high"],
    ["n", "lowest", "high"],
])  # fmt: skip
def test_columns_that_are_no_interval_stay_apart(keys):
    assert [one.key for one in page_columns((key, key, True) for key in keys)] == keys


def test_a_kept_report_has_the_same_columns():
    told = {
        "columns": [{"key": key, "heading": key} for key in ("rate", "low", "high")],
        "rows": [{"key": "a", "label": "A", "rate": "54.3", "low": "38.5", "high": None}],
    }
    columns, rows = told_table(told)
    assert [(one.key, one.ends) for one in columns] == [("rate", True)]
    assert [figure.shown for figure in rows[0].figures] == ["54.3", "38.5", "–"]


@pytest.mark.parametrize("name", list(REPORTS))
def test_no_page_of_a_report_has_a_column_for_one_end_of_an_interval(demo, name):
    html = demo("quality@north.demo").get(f"/reports/{name}").text
    table = re.search(r"<table[^>]*data-report-table>(.*?)</table>", html, re.DOTALL)
    assert table
    heads = [re.sub(r"<[^>]+>", "", head) for head in re.findall(r"<th scope=\"col\"[^>]*>(.*?)</th>", table[1])]
    assert not [head for head in heads if re.search(r"(?:^|, |% )(?:from|to)\b(?!.*\()|quartile$", head)], heads
    assert "c-table--fold" not in table[0], "it stays a table on a tablet"


def test_survival_on_a_page_reads_as_an_estimate_with_its_interval(demo):
    browser = demo("quality@north.demo")
    rows = [one for one in browser.get("/reports/survival.json").json["rows"] if one["low365"]]
    page = Page.of(browser.get("/reports/survival").text)
    assert rows
    assert all(f"{one['s365']} ({one['low365']} to {one['high365']})" in page for one in rows)
