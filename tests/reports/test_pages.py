"""Pages and files of the reports: who reads them, that they say the same, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import date, datetime
from html import unescape
from typing import TYPE_CHECKING

import openpyxl
import pypdf
import pytest
from sqlalchemy import event

from clinic import clock
from clinic.access import CLINICAL, Role
from clinic.extensions import db
from clinic.followup.adverse_events import AdverseEvent
from clinic.reports import behind, views
from clinic.reports.asking import Asked
from clinic.reports.catalog import GROUPS, REPORTS
from clinic.reports.data import Data
from tests.factories import course, patient
from tests.reading import Page

if TYPE_CHECKING:
    pass

ADDRESSES = (".csv", ".xlsx", ".pdf", ".json", "/records?row=included&column=n")
MOST_STATEMENTS = 24
"""Of a page: session and user, the ledger's head, the records of the report; the same for any number of patients."""


def table_of(html: str) -> list[list[str]]:
    """Return the rows of the table of figures, as they are read: an estimate and the ends of its interval apart."""
    table = re.search(r"<table[^>]*data-report-table>(.*?)</table>", html, re.DOTALL)
    if table is None:
        return []
    rows = re.findall(r"<tr>(.*?)</tr>", unescape(table[1]), re.DOTALL)[1:]
    return [
        [
            words
            for attributes, cell in re.findall(r"<t[hd]([^>]*)>(.*?)</t[hd]>", row)
            for words in parts_of(re.sub(r"<[^>]+>", "", cell).strip(), with_interval="data-interval" in attributes)
        ]
        for row in rows
    ]


def parts_of(words: str, *, with_interval: bool) -> list[str]:
    """Return estimate, lower and upper end of “54.3 (38.5 to 67.6)”; an en dash for each end that is not shown."""
    if not with_interval:
        return [words]
    shown = re.fullmatch(r"(\S+)(?: \((\S+) to (\S+)\))?", words)
    assert shown, words
    return [shown[1], shown[2] or "–", shown[3] or "–"]


def as_shown(cell: object) -> str:
    """Return a cell of a file as the page shows it; a file has days as YYYY-MM-DD, or as the days of a spreadsheet."""
    if cell in (None, ""):
        return "–"
    if isinstance(cell, datetime) or re.fullmatch(r"\d{4}-\d\d-\d\d", str(cell)):
        on = date.fromisoformat(str(cell)[:10])
        return f"{on.day} {on:%b %Y}"
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).replace("-", "−", 1) if re.fullmatch(r"-[\d.]+", str(cell)) else str(cell)


def same(one: str, other: str) -> bool:
    """Whether two figures are the same; a spreadsheet keeps no zeros at the end."""
    numbers = [re.fullmatch(r"−?[\d.]+", text) for text in (one, other)]
    return float(one.replace("−", "-")) == float(other.replace("−", "-")) if all(numbers) else one == other


@pytest.mark.parametrize("role", list(Role))
def test_every_role_and_every_report_of_an_empty_clinic(client_as, role):
    """Files and lists of records are one address for all reports: each role asks for them of another report."""
    browser, place = client_as(role), list(Role).index(role)
    files = [f"{list(REPORTS)[place + number]}{address}" for number, address in enumerate(ADDRESSES)]
    for address in [*REPORTS, *files]:
        answer = browser.get(f"/reports/{address}")
        assert answer.status_code == (200 if role in CLINICAL else 403), (role, address)
        if role is Role.QUALITY and address in REPORTS:
            page = Page.of(answer.text)
            assert page.problems() == []
            assert "No records for this report yet." in page, address
            assert 'role="img"' not in answer.text
    assert ('href="/reports"' in browser.get("/").text) is (role in CLINICAL)


def test_the_list_names_every_report_once(client_as):
    page = Page.of(client_as("inspector").get("/reports").text)
    assert page.problems() == []
    assert {f"/reports/{name}" for name in REPORTS} <= set(page.links)
    assert all(page.links.count(f"/reports/{name}") == 1 for name in REPORTS)
    assert {report.group for report in REPORTS.values()} <= set(GROUPS)
    assert all(report.title.endswith("?") for report in REPORTS.values())


def printed_words(*cells):
    """Text without its spaces, and the hyphens that lines are broken at."""
    return re.sub(r"[\s\-\u2010\u00ad\u202f]", "", "".join(cells))


def printed(data):
    """The text of a PDF in the order in which it is read aloud."""
    return printed_words(*(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages))


@pytest.mark.parametrize("name", list(REPORTS))
def test_page_csv_xlsx_pdf_and_json_say_the_same(demo, name):
    browser = demo("quality@north.demo")
    shown, html = whole_table(browser, f"/reports/{name}")
    page = Page.of(html)
    assert page.problems() == []
    assert shown
    text = browser.get(f"/reports/{name}.csv").text.lstrip("\ufeff")
    comments = [line for line in text.split("\r\n") if line.startswith("# ")]
    of_csv = list(csv.reader(line for line in text.splitlines() if not line.startswith("#")))[1:]
    book = openpyxl.load_workbook(io.BytesIO(browser.get(f"/reports/{name}.xlsx").data))
    of_xlsx = [list(row) for row in book["Figures"].iter_rows(min_row=2, values_only=True)]
    told = json.loads(browser.get(f"/reports/{name}.json").text)
    keys = ["label", *(column["key"] for column in told["columns"])]
    of_json = [[row[key] for key in keys] for row in told["rows"]]
    for rows in (of_csv, of_xlsx, of_json):
        assert len(rows) == len(shown)
        for cells, seen in zip(rows, shown, strict=True):
            assert len(cells) == len(seen)
            assert all(same(as_shown(cell), text) for cell, text in zip(cells, seen, strict=True)), (cells, seen)
    paper = printed(browser.get(f"/reports/{name}.pdf").data)
    for seen in shown:
        assert printed_words(*seen[1:]) in paper, seen
    assert printed_words(told["answer"]) in paper
    assert str(told["ledger"]["number"]) in paper
    for label in (
        "Site: Cellcourse North",
        "Time zone: Europe/Berlin",
        "Period: All dates",
        "Filters: none",
        "Data as of: ",
    ):
        assert any(label in comment for comment in comments), label
    said = list(book["Report"].iter_rows(values_only=True, max_col=2))
    about = dict(said)
    assert [words for label, words in said if label == "Note"] == told["notes"]
    for note in told["notes"]:
        assert f"# Note: {' '.join(note.split())}" in comments
        assert note in page
        assert printed_words(note) in paper, note
    assert about["Answer"] == told["answer"] == told["definition"]["Answer"]
    assert told["answer"] in page
    assert str(told["ledger"]["number"]) in about["Data as of"]
    records = list(book["Records"].iter_rows(min_row=2, values_only=True))
    counts = [cell for row in told["rows"] if row["key"] != "total" for cell in row.values() if isinstance(cell, int)]
    assert len(records) == sum(counts)


@pytest.mark.parametrize("name", list(REPORTS))
def test_a_figure_opens_as_many_records_as_it_says(demo, name):
    browser = demo("quality@north.demo")
    html = browser.get(f"/reports/{name}").text
    links = re.findall(rf'<a href="(/reports/{name}/records[^"]*)">([\d]+)</a>', html)
    assert links
    for url, figure in links[:: max(1, len(links) // 4)][:4]:
        answer = browser.get(url.replace("&amp;", "&"))
        assert answer.status_code == 200
        assert f">{figure} record{'' if figure == '1' else 's'}</h2>" in answer.text
        assert answer.text.count('<th scope="row">') == min(int(figure), 100)
    page = Page.of(answer.text)
    assert page.problems() == []
    record = next(link for link in re.findall(r'<th scope="row"><a [^>]*href="([^"]+)"', answer.text))
    assert browser.get(record).status_code == 200


def test_long_lists_of_records_are_paged(demo):
    browser = demo("inspector@north.demo")
    url = "/reports/survival/records?row=total&column=n&origin=imported"
    first, second = (browser.get(f"{url}&page={number}").text for number in (1, 2))
    assert "1 to 100 of 187" in first
    assert "101 to 187 of 187" in second
    ids = [set(re.findall(r"TR-[A-Z0-9]+", text)) for text in (first, second)]
    assert (len(ids[0]), len(ids[1]), ids[0] & ids[1]) == (100, 87, set())
    for odd in ("0", "99999999999", "x", "-1"):
        assert browser.get(f"{url}&page={odd}").status_code == 200
    assert browser.get("/reports/survival/records?row=nobody&column=n").status_code == 404


@pytest.mark.parametrize(("asked", "sentence"), [
    ("from=2026-12-31&to=2026-01-01", "Last day: 1 Jan 2026 is before the first day, 31 Dec 2026."),
    ("from=31.12.2026", "First day: “31.12.2026” is not a date. Enter a day such as 23 Nov 2026."),
    ("to=2026-02-30", "Last day: “2026-02-30” is not a date."),
    ("from=0001-01-01", "First day: “0001-01-01” is not a date."),
    ("source=stones", "Source: choose one of the list."), ("protocol==1%2B1", "Protocol: choose one of the list."),
    ("by=relapse", "Grouped by: choose one of the list."), ("relapse=1", "This report has no filter called “relapse”."),
    ("cell=msc", "This report has no filter called “cell”."),
    ("profile=all", "This report has no filter called “profile”."),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused_in_a_sentence(client_as, asked, sentence):
    """A group may not be a later event such as relapse; a filter that is not understood gives no figures at all."""
    browser = client_as("physician")
    answer = browser.get(f"/reports/survival?{asked}")
    assert answer.status_code == 422
    page = Page.of(answer.text)
    assert page.problems() == []
    assert sentence in page
    assert page.title.startswith("Error: ")
    assert "Definition" not in page
    for address in (".csv", ".xlsx", ".json", "/records"):
        refused = browser.get(f"/reports/survival{address}?{asked}")
        assert refused.status_code == 409
        assert sentence in Page.of(refused.text)


def test_what_is_not_there_is_not_found(client_as):
    browser = client_as("physician")
    for address in ("/reports/nothing", "/reports/nothing.csv", "/reports/nothing/records"):
        assert browser.get(address).status_code == 404


def test_a_page_asks_as_often_for_a_whole_clinic_as_for_none(demo, shown, client_as, queries):
    empty, browser = client_as("quality"), demo("quality@north.demo")
    with shown.app_context():
        engine = db.engine
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_more: asked.append(statement))
    empty.get("/reports/activity")
    for name in REPORTS:
        count = queries()
        empty.get(f"/reports/{name}")
        nobody = count()
        asked.clear()
        browser.get(f"/reports/{name}")
        whole = len([statement for statement in asked if not statement.startswith(("BEGIN", "PRAGMA"))])
        assert nobody <= whole <= nobody + 1, name
        assert whole <= MOST_STATEMENTS, name


def test_every_kind_of_record_behind_a_figure_has_a_page(made):
    for name in REPORTS:
        result = made(name)
        counted = [figure.of or () for row in result.all_rows for figure in row.figures]
        counted += [aside.figure.of or () for aside in result.asides]
        assert {id_[:2] for ids in counted for id_ in ids} <= set(behind.KINDS), name


def test_one_site_sees_its_own_records_only(demo):
    found = {}
    for site in ("north", "south"):
        told = json.loads(demo(f"quality@{site}.demo").get("/reports/activity.json?origin=clinic").text)
        found[site] = told["rows"][-1]["all"]
        assert told["filters"]["Site"] == f"Cellcourse {site.capitalize()}"
    assert found == {"north": 26, "south": 8}


def test_filters_and_zone_are_said_on_every_format(demo):
    browser = demo("quality@south.demo")
    asked = "from=2026-01-01&source=bone_marrow&age=40&by=sex"
    said = ("Period: 1 Jan 2026, by", "Source: Bone marrow", "Age: 40 to 64 years", "Grouped by: sex")
    page = browser.get(f"/reports/survival?{asked}").text
    told = browser.get(f"/reports/survival.csv?{asked}").text
    assert all(words.replace("1 Jan", "from 1 Jan") in told for words in said)
    assert all(words.replace("1 Jan", "from 1 Jan") in Page.of(page) for words in said)
    assert "Time zone: Europe/Lisbon" in told
    links = [link for link in Page.of(page).links if "/records" in link or link.startswith("/reports/survival.")]
    assert links
    assert all("source=bone_marrow" in link and "age=40" in link for link in links)


def test_no_cell_of_a_report_is_run_by_a_spreadsheet(client_as, session, team):
    at = clock.now()
    of = course(team, patient(team))
    event_ = AdverseEvent.log(
        by=team.physician, at=at, treatment=of, performed_at=at, performed_by=team.physician, term="=1+1",
        aware_on=clock.day(at, "Europe/Berlin"), serious=[], outcome="ongoing",
    )  # fmt: skip
    session.add(event_)
    session.commit()
    browser = client_as("quality")
    lines = list(csv.reader(io.StringIO(browser.get("/reports/adverse-events.csv").text)))
    assert "1%2B1" not in (page := browser.get("/reports/adverse-events").text)
    assert all("1+1" not in link for link in Page.of(page).links), "what somebody typed is in no address"
    assert any(line[0] == "'=1+1" for line in lines)
    assert not any(cell.startswith("=") for line in lines for cell in line)
    book = openpyxl.load_workbook(io.BytesIO(browser.get("/reports/adverse-events.xlsx").data))
    cell = book["Figures"]["A2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_two_records_of_one_person_are_one_patient(session, team):
    """Counted is the person, by the record that goes on (hazard H27)."""
    first, second = patient(team), patient(team)
    courses = [course(team, one) for one in (first, second)]
    second.person_id = first.id
    session.flush()
    data = Data(session, Asked(), zone="Europe/Berlin", at=clock.now())
    assert {data.courses[one.id].patient for one in courses} == {first.id}


def test_a_definition_whose_review_is_due_says_so(client_as, monkeypatch):
    old = replace(REPORTS["activity"], next_review=date(2020, 1, 1))
    monkeypatch.setattr(views, "REPORTS", {"activity": old})
    assert "review is due since 1 Jan 2020" in Page.of(client_as("quality").get("/reports/activity").text)


def test_a_long_table_is_shown_some_rows_at_a_time_each_time_with_its_total(demo, monkeypatch):
    browser = demo("quality@north.demo")
    whole = table_of(browser.get("/reports/visits-due?source=bone_marrow").text)
    count = len(whole) - 1
    monkeypatch.setattr(views, "ROWS", 3)
    html = browser.get("/reports/visits-due?source=bone_marrow").text
    assert table_of(html) == [*whole[:3], whole[-1]]
    assert f"1 to 3 of {count}" in Page.of(html)
    assert 'rel="prev"' not in html
    link = unescape(re.search(r'rel="next" href="([^"]+)"', html)[1])
    assert "source=bone_marrow" in link
    second = browser.get(link).text
    assert table_of(second) == [*whole[3:6], whole[-1]]
    assert Page.of(second).problems() == []
    for beyond in ("99", "-1", "x", "9" * 30):
        assert browser.get(f"/reports/visits-due?source=bone_marrow&part={beyond}").status_code == 200
    last = browser.get("/reports/visits-due?source=bone_marrow&part=99").text
    assert table_of(last)[-2] == whole[-2]
    assert 'rel="next"' not in last


def whole_table(browser, address):
    """Return the table of a report from all its parts, and the page of the first one."""
    html = browser.get(address).text
    shown, after = table_of(html), html
    while turn := re.search(r'rel="next" href="([^"]+)"', after):
        after = browser.get(unescape(turn[1])).text
        more = table_of(after)
        shown = [*(shown[:-1] if "<tfoot>" in html else shown), *more]
    return shown, html
