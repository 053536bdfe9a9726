"""The page of the columns says a mapping as it is: what is posted unchanged stays unchanged."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.datastructures import MultiDict
from xlsxwriter import Workbook

from clinic.exchange import import_columns
from clinic.exchange.uploads import Upload
from tests.exchange.test_import_pages import new_key, upload

if TYPE_CHECKING:
    from flask.testing import FlaskClient

DATA = Path(import_columns.__file__).parents[1] / "demo" / "data"
EVERYTHING = r"""
kind = "courses"
source = " Old register "
title = "Register"
encoding = "utf-8"
heading_row = 1
separator = ","
missing = [" ", "a;b"]
reason = "not in the register"
[constants]
"treatment.route" = "intravenous"
"donor.donor_number" = ""
[numbered]
"patient.record_number" = "X-"
[columns]
family = { to = "patient.family_name", values = { "0" = "Ode", " f" = " g", gone = "" } }
sex = { to = "patient.sex", values = { f = "Female", " m" = "male" }, missing = ["x;y", "?"], default = "unknown " }
relapse = [{ to = "score.out.relapse", values = { "0" = "1", "1" = "0" } }, { to = "qc.viability", never = "-1" }]
kg = { to = "weight.kg", factor = "0.001", values = { "9" = "90" } }
seen = { to = "visit.m6.performed_at", date = ["DD.MM.YYYY hh:mm", "YYYY-MM"] }
days = { to = "score.m6.relapse_day", as = "event_day", never = "999" }
number = { to = "donor.donor_number", template = "A-{} " }
"not in the file" = { to = "product.volume" }
"two\nlines" = { to = "patient.given_names" }
[texts."treatment.diagnosis"]
risk = "Risk group"
[pairs."score.paired.relapse_day"]
time = "time"
happened = "happened"
[visits]
out = { name = "Outcome", course_day = 0 }
m6 = { name = "Month 6", course_day = 180 }
paired = { name = "Paired", course_day = 365 }
[ignored]
shoe = "of no use"
kept = "left out on the page of the columns"
"never there" = "an older file had it"
[not_recorded]
"patient.birth_date" = "withheld"
[confirmed]
"rule 52" = "as published"
"""
OLD = {"a": "female", "hidden": "male"}
HEADINGS = 'family,sex,relapse,kg,seen,days,number,"two\nlines",risk,time,happened,shoe,kept'


class Sent(HTMLParser):
    """What a browser sends of a page's form when nothing was changed: each box, in its order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.boxes: list[tuple[str, str]] = []
        self.feed(html.split('id="record"')[1].split("</form>", maxsplit=1)[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        name = said.get("name", self.boxes[-1][0] if self.boxes else "")
        if tag == "option" and "selected" in said:
            self.boxes[-1] = name, said["value"]
        elif tag == "select" or (tag == "input" and said.get("type") != "checkbox"):
            value = said.get("value", "")
            one_line = value if said.get("type") == "hidden" else value.replace("\n", "")
            self.boxes.append((name, one_line.replace("\n", "\r\n")))


def state(browser: FlaskClient, url: str) -> Any:
    key = url.split("/uploads/")[1].split("/", maxsplit=1)[0]
    file = Path(browser.application.instance_path) / "imports" / key / "state.json"
    return json.loads(file.read_text(encoding="utf-8"))["mapping"]


@pytest.mark.parametrize(("text", "mapping"), [
    (f"{HEADINGS}\n0,f,0,9,1.1.2020 08:00,3,7,Clara,high,3,1,38,1\n", EVERYTHING),
    *(("\n".join(file.with_suffix(".csv").read_text().splitlines()[:12]), file.read_text())
      for file in sorted(DATA.glob("*.toml"))),
])  # fmt: skip
def test_a_mapping_whose_page_is_posted_unchanged_stays_as_it_is(client_as, text, mapping):
    browser = client_as("nurse")
    url = upload(browser, text, mapping=mapping).location
    before = state(browser, url)
    sent = MultiDict([*Sent(browser.get(url).text).boxes, ("do", "again")])
    answer = browser.post(url, data=sent)
    after = state(browser, url)
    assert answer.status_code == 303
    assert {name: after.get(name) for name in before} == before
    assert after == before


def test_the_other_sheets_of_a_spreadsheet_are_named_on_the_page(client_as, tmp_path):
    browser, file = client_as("nurse"), tmp_path / "t.xlsx"
    with Workbook(file) as book:
        book.add_worksheet("Read me").write_row(0, 0, ["About"])
        book.add_worksheet("Data <1>").write_row(0, 0, ["Surname"])
    sent = {"kind": "patients", "idempotency_key": new_key(), "table": (file.open("rb"), "t.xlsx")}
    url = browser.post("/imports/new", data=sent).location
    page = browser.get(url).text
    assert "Others: Data &lt;1&gt;" in page
    boxes = MultiDict([*Sent(page).boxes, ("do", "again")])
    boxes["sheet"] = "data <1>"
    browser.post(url, data=boxes)
    assert "Surname" in browser.get(url).text


def test_what_a_mapping_translates_is_shown_whatever_the_fact(client_as):
    browser = client_as("nurse")
    text = browser.get(upload(browser, f"{HEADINGS}\n", mapping=EVERYTHING).location).text
    assert text.count("These cells are translated") == 3
    assert "Drop “not in the file”" in text


@pytest.mark.parametrize(("typed", "expected"), [
    ({"value-0-of": [" f", "b"], "value-0-is": ["male", ""]}, {"to": "patient.sex", "values": {**OLD, " f": "male"}}),
    ({"to-0": "patient.abo"}, {"to": "patient.abo"}),
    ({"value-0-of": ["a"], "value-0-is": [""]}, {"to": "patient.sex", "values": {"hidden": "male"}}),
])  # fmt: skip
def test_what_is_typed_counts(typed, expected):
    old = {"to": "patient.sex", "values": OLD}
    one = Upload(key="k", user_id="u", file="t.csv", mapping={"kind": "patients", "columns": {"s": [old]}})
    found = import_columns.written(one, ["s"], MultiDict(typed))["columns"]["s"][0]
    assert found == expected


def test_what_other_systems_call_a_fact_is_suggested():
    found = import_columns.suggestions("patients")
    said = {"Surname": "family_name", "Given": "given_names", "DOB": "birth_date", "MRN": "record_number"}
    assert {word: found.get(import_columns.plain(word)) for word in said} == {
        w: f"patient.{n}" for w, n in said.items()
    }
    assert import_columns.suggestions("courses").get("date") is None, "several facts have it"
