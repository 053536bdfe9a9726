"""A period that is none is refused in a sentence, and an export that fails midway is no file."""

from __future__ import annotations

import re

import pytest

from clinic.exchange import exporting

WRONG = [
    "0001-01-01",
    "1899-12-31",
    "9999-12-31",
    "3000-01-01",
    "2026-13-01",
    "2026-02-30",
    "yesterday",
    "-1",
    "0",
    "x",
]


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("day", WRONG)
@pytest.mark.parametrize(
    "address", ["/exports", "/exports/patients.csv", "/exports/doses.jsonl", "/exports/harvests.xlsx"]
)
def test_a_day_that_is_none_or_out_of_range_is_refused(client_as, address, name, day):
    answer = client_as("quality").get(f"{address}?{name}={day}")
    assert answer.status_code == 422
    assert ("is not a day" in answer.text) or ("is out of range" in answer.text)
    assert "First day" in answer.text or "first day" in answer.text or "ast day" in answer.text


def test_a_period_that_ends_before_it_begins_is_refused(client_as):
    answer = client_as("quality").get("/exports/patients.csv?from=2026-02-01&to=2026-01-01")
    assert answer.status_code == 422
    assert "The last day is before the first day" in answer.text


@pytest.mark.parametrize(("since", "until"), [("1900-01-01", "2999-12-31"), ("2026-01-01", "2026-01-01")])
def test_a_period_of_any_length_is_exported(client_as, since, until):
    assert client_as("quality").get(f"/exports/patients.csv?from={since}&to={until}").status_code == 200


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
def test_an_export_that_fails_midway_is_no_file(client_as, monkeypatch, form):
    def broken(*_):
        yield ["x"]
        raise RuntimeError("the disk went")

    monkeypatch.setattr(exporting, "rows", broken)
    monkeypatch.setattr(exporting, "heading", lambda *_: ["one"])
    with pytest.raises(RuntimeError, match="the disk went"):  # before the first byte of an answer
        client_as("quality").get(f"/exports/patients.{form}")


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
def test_an_export_says_its_length(client_as, form):
    answer = client_as("quality").get(f"/exports/patients.{form}")
    assert int(answer.headers["Content-Length"]) == len(answer.data)


@pytest.mark.parametrize("typed", ["31.1.2026", "2026-13-01", "next week"])
def test_a_period_that_cannot_be_read_is_said_at_its_box_and_stays_there(client_as, typed):
    answer = client_as("nurse").get("/exports", query_string={"from": typed, "to": "2026-12-31"})
    assert answer.status_code == 422
    assert "Write it like 2026-11-23." in answer.text
    assert typed in answer.text
    assert re.search(r'name="to-y" value="2026"', answer.text)
    assert "Something went wrong" not in answer.text


def test_the_boxes_of_a_day_that_there_is_not_keep_what_was_typed(client_as):
    sent = {"from-d": "31", "from-m": "2", "from-y": "2026", "to-d": "1", "to-m": "12", "to-y": "2026"}
    answer = client_as("nurse").get("/exports", query_string=sent)
    assert answer.status_code == 422
    for name, typed in (("from-d", "31"), ("from-y", "2026"), ("to-d", "1"), ("to-y", "2026")):
        assert f'name="{name}" value="{typed}"' in answer.text, name
