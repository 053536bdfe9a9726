"""Line lists: their counts are their rows, as a naive reading of the raw rows has them, of the reader's site alone."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from html import unescape

import openpyxl
import pytest
from sqlalchemy import select

from clinic.access import CLINICAL, Role, keep_to_site
from clinic.accounts.models import Site
from clinic.ledger.models import ReadEntry
from clinic.records import Origin
from clinic.reports.line_asking import Reader, offered, params, read
from clinic.reports.line_columns import listed, lists
from clinic.reports.line_list import NOT_RECORDED, bucket, span_of
from clinic.reports.marks import key_of
from clinic.reports.saved import SavedView
from tests.databases import both_databases
from tests.demonstration import AT
from tests.factories import course, patient
from tests.reports.naive import ZONE, calendar, day
from tests.safety.driver import Ward


@pytest.fixture
def ask(demonstration, north):
    """Return a list of the northern site for an address: ``ask("harvests", {"by": "source"})``."""

    def one(name, said=(), **more):
        reader = Reader(session=demonstration, site_id=north, zone=ZONE, today=AT.date())
        listing, wrong = read(listed(name), {**dict(said), **more}, reader)
        assert wrong == {}
        return listing

    return one


def ids(listing, session):
    return [line.id for some in listing.lines(session) for line in some]


@pytest.mark.parametrize("name", [one.name for one in lists()])
def test_each_way_to_count_a_data_set_counts_each_row_once(ask, clinic, demonstration, name):
    """Of every data set and a third of its groupings; a count opens a list of as many rows, by its address too."""
    every, table = ask(name), listed(name).model.__tablename__
    assert sorted(ids(every, demonstration)) == sorted(row["id"] for row in clinic[table])
    assert every.count(demonstration) == len(clinic[table])
    for place, grouping in enumerate(offered(every.of)[len(name) % 3 :: 3]):
        groups = replace(every, by=(grouping,)).groups(demonstration)
        assert sum(one.count for one in groups) == len(clinic[table]), grouping.key
        for one in groups[place % 3 :: max(1, len(groups))]:
            again = ask(name, {key: str(value) for key, value in params(one.listing).items()})
            assert again.count(demonstration) == one.count, (grouping.key, one.labels)


def test_groups_filters_and_periods_are_those_of_the_raw_rows(ask, clinic, demonstration):
    courses, products = clinic.by_id("treatment"), clinic.by_id("product")
    results = clinic["qc_result"]

    def condition(row):
        owner = products[row["product_id"]]["treatment_id"]
        return courses[owner]["condition"] if owner else None

    wanted = Counter((row["test"], condition(row)) for row in results)
    found = ask("qc-results", by="test", then="course_condition").groups(demonstration)
    assert sorted(one.count for one in found) == sorted(wanted.values())
    for one in found:
        said = params(one.listing)
        key = (said["is.test"], said["is.course_condition"])
        assert one.count == wanted[key[0], None if key[1] == NOT_RECORDED else key[1]]
        assert len(ids(one.listing, demonstration)) == one.count
    high = ask("qc-results", {"min.value": "50", "max.value": "90.5", "is.test": "viability"})
    assert ids(high, demonstration)
    assert set(ids(high, demonstration)) == {
        row["id"]
        for row in results
        if row["test"] == "viability" and row["value"] and 50 <= float(row["value"]) <= 90.5
    }
    inside = ask("visits", {"from": "2026-09-01", "to": "2026-10-31"})
    dated = [row for row in clinic["follow_up_visit"] if day(row["performed_at"])]
    wanted = {
        row["id"] for row in dated if calendar("2026-09-01") <= day(row["performed_at"]) <= calendar("2026-10-31")
    }
    assert wanted
    assert set(ids(inside, demonstration)) == wanted
    assert inside.undated(demonstration) == len(clinic["follow_up_visit"]) - len(dated)


def test_months_are_those_of_the_wall_clock_and_of_a_year_no_month_is_made(ask, clinic, demonstration):
    rows = clinic["harvest"]
    known = {row["id"]: json.loads(row["precision"] or "null") or {} for row in rows}

    def month(row):
        on = day(row["performed_at"])
        if on is None:
            return NOT_RECORDED
        return f"{on.year}*" if known[row["id"]].get("performed_at", "").endswith("year") else f"{on:%Y-%m}"

    wanted = Counter(map(month, rows))
    found = ask("harvests", by="performed_at.month").groups(demonstration)
    assert {params(one.listing)["is.performed_at"]: one.count for one in found} == wanted
    narrow = ask("harvests", {"is.performed_at": "2026-10", "by": "performed_at.year"})
    groups = narrow.groups(demonstration)
    assert [one.count for one in groups] == [wanted["2026-10"]]
    assert groups[0].listing.count(demonstration) == wanted["2026-10"], "a group of a month is not widened to its year"


@both_databases
def test_the_day_and_the_year_that_is_all_that_is_known_are_counted_by_the_sites_clock(session, team):
    """23:30 of 31 March in Greenwich is April in Berlin; a year that is all that is known is in no month."""
    moments = [datetime(2026, 3, 31, 23, 30, tzinfo=UTC), datetime(2026, 3, 31, 21, 30, tzinfo=UTC),
               datetime(2026, 1, 1, 11, tzinfo=UTC), None]  # fmt: skip
    for at, known in zip(moments, (None, None, {"performed_at": "year"}, None), strict=True):
        one = course(team)
        one.performed_at, one.precision, one.diagnosis = at, known, f"told at {at}"
        one.origin, one.source_note = Origin.IMPORTED, "a history"
    session.commit()
    reader = Reader(session=session, site_id=team.nurse.site_id, zone=ZONE, today=date(2026, 11, 26))
    for group in ("performed_at.month", "performed_at.quarter", "performed_at.year", "diagnosis", "amended"):
        listing, wrong = read(listed("treatments"), {"by": group}, reader)
        assert wrong == {}
        found = {one.labels[0]: one.count for one in listing.groups(session)}
        assert [one.listing.count(session) for one in listing.groups(session)] == list(found.values())
        assert sum(found.values()) == listing.count(session) == 4
        if group == "performed_at.month":
            assert found == {"Mar 2026": 1, "Apr 2026": 1, "2026, month not known": 1, "Not recorded": 1}
    dated, _ = read(listed("treatments"), {"period": "this-year", "order": "patient_sex"}, reader)
    assert (dated.count(session), dated.undated(session)) == (3, 1)


@pytest.mark.parametrize(("said", "first", "last"), [
    ("2026", "2026-01-01", "2026-12-31"), ("2026-Q4", "2026-10-01", "2026-12-31"),
    ("2028-02", "2028-02-01", "2028-02-29"), ("2026*", "2026-01-01", "2026-12-31"),
    ("9999-12", "9999-12-01", "9999-12-30"),
])  # fmt: skip
def test_a_year_a_quarter_and_a_month_have_these_days(said, first, last):
    assert [str(one) for one in span_of(said)[:2]] == [first, last]
    unit = {4: "year", 7: "quarter" if "Q" in said else "month"}.get(len(said))
    if unit:
        assert bucket(span_of(said)[0], unit) == bucket(span_of(said)[1], unit) == said


@pytest.mark.parametrize("said", ["0000", "2026-13", "2026-Q5", "2026-03*", "26", "x"])
def test_what_is_no_period_is_refused(said):
    with pytest.raises(ValueError, match=re.escape(said)):
        span_of(said)


def test_no_row_of_another_site_is_listed_or_counted(demonstration, north):
    keep_to_site(demonstration, None)  # the list itself names its site
    south = demonstration.scalar(select(Site.id).where(Site.code == "south"))
    for name in ("patients", "harvests", "qc-results"):
        both = [
            read(
                listed(name), {"by": "origin"}, Reader(session=demonstration, site_id=site, zone=ZONE, today=AT.date())
            )[0]
            for site in (north, south)
        ]
        found = [set(ids(one, demonstration)) for one in both]
        assert all(found)
        assert not found[0] & found[1]
        assert [sum(g.count for g in one.groups(demonstration)) for one in both] == [len(some) for some in found]


@pytest.fixture
def ward(session, team, client_as):
    return Ward(session, team, client_as)


@pytest.fixture
def three(session, team):
    """Three courses of three patients; the last one has a source that the catalogue does not know (any more)."""
    made = [course(team, patient(team)) for _ in range(3)]
    made[0].diagnosis, made[1].diagnosis, made[2].diagnosis = "=1+1", "Gonarthrosis", None
    made[2].source = "no longer known"
    session.commit()
    return made


def test_page_csv_xlsx_and_json_have_the_same_rows_and_counts(client_as, three, session, app):
    app.extensions["readings"].waiting.clear()  # of other tests
    browser = client_as("quality")
    url = "/reports/lists/treatments"
    asked = "columns=patient&columns=diagnosis&columns=source&order=diagnosis&by=source"
    html = browser.get(f"{url}?{asked}").text
    for link, count in re.findall(r'<a href="([^"]+)" aria-label="\d+ rows: [^"]+">(\d+)</a>', html):
        again = browser.get(unescape(link)).text
        assert f"{count} row{'' if count == '1' else 's'}</h2>" in again
        assert again.count('<th scope="row" class="c-num c-nowrap">') == int(count)
    text = browser.get(f"{url}.csv?{asked}").text.lstrip("\ufeff")
    said = [line for line in text.split("\r\n") if line.startswith("# ")]
    assert [line for line in said if line.startswith("# Order: ") and "," in line], "never quoted"
    rows = list(csv.reader(line for line in text.split("\r\n") if line and not line.startswith("#")))
    assert rows[0] == ["Id", "Patient", "Full diagnosis", "Source"]
    assert [row[2] for row in rows[1:]] == ["'=1+1", "Gonarthrosis", ""]
    assert any("Time zone: Europe/Berlin" in one for one in said)
    assert any(re.search(r"Data as of: .*; ledger entry \d+", one) for one in said)
    book = openpyxl.load_workbook(io.BytesIO(browser.get(f"{url}.xlsx?{asked}").data))
    assert [row[0] for row in book["List"].iter_rows(min_row=2, values_only=True)] == [row[0] for row in rows[1:]]
    assert book["List"]["C2"].value == "=1+1"
    assert book["List"]["C2"].data_type == "s"
    told = browser.get(f"{url}.json?{asked}").json
    assert [row["id"] for row in told["rows"]] == [row[0] for row in rows[1:]]
    assert (told["count"], sum(one["count"] for one in told["groups"])) == (3, 3)
    counts = [
        line
        for line in csv.reader(io.StringIO(browser.get(f"{url}.csv?{asked}&part=counts").text.lstrip("\ufeff")))
        if not line[0].startswith("# ")
    ]
    assert {tuple(one["labels"]): str(one["count"]) for one in told["groups"]} == {(a,): n for a, n in counts[1:]}
    assert list(book["Counts"].iter_rows(min_row=2, values_only=True)) == [(a, int(n)) for a, n in counts[1:]]
    app.extensions["readings"].write()
    read_ = session.execute(select(ReadEntry.kind, ReadEntry.about, ReadEntry.patient_id)).all()
    assert {row.patient_id for row in read_ if row.kind == "search"} == {one.patient_id for one in three}
    assert ("export", "line list treatments.csv", "") in {tuple(row) for row in read_}


def test_no_word_that_somebody_typed_is_in_an_address(client_as, three, page):
    browser = client_as("quality")
    html = browser.get("/reports/lists/treatments?by=diagnosis").text
    links = [unescape(one) for one in re.findall(r'href="([^"]+)"', html)]
    assert not [one for one in links if "onarthrosis" in one or "1%2B1" in one]
    link = next(unescape(one) for one in re.findall(r'href="([^"]+)" aria-label="1 rows: Gonarthrosis"', html))
    assert "1 row</h2>" in browser.get(link).text
    gone = page(browser, "/reports/lists/treatments?is.diagnosis=~000000000000")
    assert "0 rows" in gone
    assert "A text that no row has" in gone
    for asked in ("is.diagnosis=Gonarthrosis", "is.patient=x", "by=patient", "is.record_number=~0"):
        assert (
            browser.get(f"/reports/lists/{'patients' if 'number' in asked else 'treatments'}?{asked}").status_code
            == 422
        )


ALIKE = "Autologous knee cartilage lesion 0a7be8f", "Autologous knee cartilage lesion 146fb12"
"""Two texts whose hashes begin with the same 48 bits."""


def test_two_texts_are_never_one_group_and_each_count_opens_its_own_rows(client_as, three, session):
    three[0].diagnosis, three[1].diagnosis = ALIKE
    session.commit()
    browser = client_as("quality")
    html = browser.get("/reports/lists/treatments?by=diagnosis&columns=diagnosis").text
    for text in ALIKE:
        link = next(unescape(one) for one in re.findall(rf'href="([^"]+)" aria-label="1 rows: {text}"', html))
        assert re.search(r"is\.diagnosis=(~|%7E)[0-9a-f]{32}\b", link)
        opened = browser.get(link).text
        assert "1 row</h2>" in opened
        assert [one in opened for one in ALIKE] == [one == text for one in ALIKE]


def test_a_mark_is_made_with_a_secret_of_the_clinic(app, monkeypatch):
    """Whoever has the program and guesses a text cannot tell whether a mark in an address is its mark."""
    with app.app_context():
        own = key_of(ALIKE[0])
        assert own == key_of(ALIKE[0]) != key_of(ALIKE[1])
        assert not hashlib.sha256(ALIKE[0].encode()).hexdigest().startswith(own[:8])
        monkeypatch.setitem(app.config, "MARK_SECRET", "of another clinic")
        assert key_of(ALIKE[0]) != own


@pytest.mark.parametrize(("asked", "sentence"), [
    ("is.source=stones", "Source: choose one of the list."), ("min.weight_kg=heavy", "“heavy” is not a number."),
    ("min.source=1", "This list has no filter called “min.source”."), ("columns=nothing", "no column called “nothing”"),
    ("order=patient", "Order: choose one of the list."), ("by=performed_at", "Grouped by: choose one of the list."),
    ("from=2026-02-30", "First day: “2026-02-30” is not a date."), ("is.performed_at=March", "choose one of the list."),
    (f"min.weight_kg={'9' * 400}", "is not a number."),
    ("is.course_day=99999999999999999999", "choose one of the list."),
    ("is.performed_at=0001", "choose one of the list."), ("is.donor_id=M%C3%BCller", "choose one of the list."),
    ("diagnosis=x", "This list has no filter called “diagnosis”."),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused_in_a_sentence(client_as, asked, sentence):
    browser = client_as("quality")
    answer = browser.get(f"/reports/lists/treatments?{asked}")
    assert answer.status_code == 422
    assert sentence in unescape(answer.text)
    assert "data-rows" not in answer.text
    assert browser.get(f"/reports/lists/treatments.csv?{asked}").status_code == 409


def test_roles_pages_and_what_is_not_there(client_as, page):
    for role in Role:
        assert client_as(role).get("/reports/lists").status_code == (200 if role in CLINICAL else 403)
    browser = client_as("inspector")
    for address in (
        "/reports/lists",
        "/reports/lists/adverse-events?by=grade&then=onset.month".replace("onset.", "performed_at."),
    ):
        assert page(browser, address).problems() == []
    for address in ("nothing", "nothing.csv", "harvests.pdf", "harvests.csv?part=all", "nothing/save"):
        assert browser.get(f"/reports/lists/{address}").status_code == 404
    assert client_as("administrator").get("/reports/lists/harvests.csv").status_code == 403


def test_long_lists_are_paged_and_no_row_is_lost(client_as, demonstration, ask):
    listing = ask("scores", order="value")
    whole, count = ids(listing, demonstration), listing.count(demonstration)
    pieces = [
        line.id
        for skip in range(0, count, 700)
        for some in listing.lines(demonstration, skip=skip, most=700)
        for line in some
    ]
    assert pieces == whole
    assert len(set(whole)) == count > 2000


def test_a_list_is_saved_as_a_view_shared_and_changed_without_a_schedule(ward, session, page, three):
    answer = ward.fill(
        "nurse", "/reports/lists/treatments/save?by=source&is.source=bone_marrow", name="Fat", roles=["quality"]
    )
    assert answer.status_code == 303
    view = session.scalars(select(SavedView)).one()
    assert (view.report, view.asked) == ("list:treatments", {"by": "source", "is.source": "bone_marrow"})
    seen = page(ward.browser("quality"), "/reports")
    assert "/reports/lists/treatments?by=source&is.source=bone_marrow" in seen.links
    assert "Line list: Treatments" in seen
    assert "Fat" not in page(ward.browser("physician"), "/reports")
    assert "schedule" not in page(ward.browser("nurse"), f"/reports/views/{view.id}")
    assert ward.fill("nurse", f"/reports/views/{view.id}", name="Adipose", roles=["physician"]).status_code == 303
    assert "Adipose" in page(ward.browser("physician"), "/reports")
    assert ward.browser("nurse").get("/reports/lists/treatments/save?is.source=stones").status_code == 409


def test_a_list_of_any_size_asks_as_often(client_as, three, queries):
    browser = client_as("quality")
    found = []
    for asked in ("is.source=bone_marrow", ""):
        count = queries()
        assert browser.get(f"/reports/lists/treatments?by=source&{asked}").status_code == 200
        found.append(count())
    assert found[0] == found[1] <= 12
