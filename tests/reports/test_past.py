"""A report as it was known: what the ledger undoes is what it built up, and each difference has its records."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from html import unescape

import pytest
from sqlalchemy import func, select, text

from clinic import clock
from clinic.accounts.models import Site
from clinic.clock import said_day
from clinic.errors import RuleBroken
from clinic.ledger.listener import kept as as_kept
from clinic.ledger.models import LedgerEntry, LedgerHead
from clinic.ledger.verify import models, verify
from clinic.reports import asking, past_views
from clinic.reports import past as past_records
from clinic.reports.catalog import REPORTS
from clinic.reports.compared import CAME, CHANGED, WENT, moved, movers
from clinic.reports.data import Data
from clinic.reports.files import as_json
from clinic.reports.kept import KeptReport
from clinic.reports.making import make
from clinic.reports.past import as_known, entry_at, judge_anew
from clinic.treatments.models import Treatment
from tests.databases import both_databases
from tests.demonstration import AT
from tests.factories import course
from tests.reports.naive import ZONE
from tests.safety.driver import Ward


def built_up(session, site_id, number):
    """Return every row of a site after an entry, built up from the first entry on: the naive twin of undoing."""
    rows = {}
    chosen = select(LedgerEntry).where(LedgerEntry.site_id == site_id, LedgerEntry.number <= number)
    for entry in session.scalars(chosen.order_by(LedgerEntry.number)):
        key = (entry.record, entry.record_id)
        if entry.act == "delete":
            del rows[key]
        else:
            rows[key] = {**rows.get(key, {}), **entry.after}
    return rows


def as_read(session, site_id):
    """Return every row of a site as it is read, its values as the ledger keeps them."""
    found = {}
    for name, model in models().items():
        table = model.__table__
        for row in session.execute(select(table).where(table.c.site_id == site_id)).mappings():
            found[name, row["id"]] = {key: as_kept(table.c[key], value) for key, value in row.items()}
    return found


def without_secrets(rows):
    secret = {
        (name, c.key) for name, model in models().items() for c in model.__table__.columns if c.info.get("secret")
    }
    return {
        (name, id_): {key: value for key, value in row.items() if (name, key) not in secret}
        for (name, id_), row in rows.items()
    }


@pytest.fixture
def head(demonstration, north):
    return demonstration.scalar(select(LedgerHead.number).where(LedgerHead.site_id == north))


@pytest.mark.parametrize("share", [0.0, 0.6, 0.97])
def test_what_is_undone_is_what_was_built_up(demonstration, north, head, share):
    """Each row of each table, each of its columns; and nothing of it is left afterwards."""
    number = int(head * share)
    wanted = built_up(demonstration, north, number)
    with as_known(demonstration.get_bind(), north, number) as past:
        found = as_read(past.session, north)
        assert past.session.execute(select(LedgerHead.number)).scalar() == number
    assert found.keys() == wanted.keys()
    assert without_secrets(found) == without_secrets(wanted)
    assert demonstration.scalar(select(LedgerHead.number).where(LedgerHead.site_id == north)) == head
    assert demonstration.scalar(text("SELECT count(*) FROM sqlite_temp_master")) == 0


def test_at_the_head_each_report_is_that_of_today_and_earlier_each_difference_has_its_records(
    demonstration, north, head, team_site
):
    """What rests on the stored judgment too, which is made anew for the moment."""
    at = clock.now()  # the demonstration was judged just now
    for number in (head, head // 2):
        with as_known(demonstration.get_bind(), north, number) as past:
            if number == head:
                judge_anew(past, at)
            for name, report in REPORTS.items():
                if report.judged and number != head:
                    continue
                asked = asking.read(report, {}, today=AT.date())[0]
                today, then = (
                    make(report, Data(session, asked, zone=ZONE, at=at), team_site)
                    for session in (demonstration, past.session)
                )
                some = moved(then.result, today.result)
                assert (as_json(then) == as_json(today)) is (number == head), name
                assert bool(some) is (number != head), name
                of = movers(demonstration, then.result, today.result, some, past)
                assert {one.id for one in of} >= {id_ for one in some for id_ in (*one.came, *one.went)}


@pytest.mark.parametrize("banked", [False, True])
def test_too_many_courses_and_banked_containers_are_not_judged_for_a_page(
    demonstration, north, head, monkeypatch, banked
):
    courses = demonstration.scalar(select(func.count()).select_from(Treatment))
    monkeypatch.setattr(past_records, "MOST_JUDGED", courses if banked else 3)
    with as_known(demonstration.get_bind(), north, head) as past, pytest.raises(RuleBroken, match="too many to judge"):
        judge_anew(past, AT)


def test_what_was_written_since_about_a_record_has_every_entry_of_its_row(demonstration, north, head):
    """Each row that any of its later entries leads to the record; the naive twin holds all entries at once."""
    number = head // 2
    rows, chosen = {}, select(LedgerEntry).where(LedgerEntry.site_id == north, LedgerEntry.number > number)
    for entry in demonstration.scalars(chosen.order_by(LedgerEntry.number)):
        numbers, names = rows.setdefault((entry.record, entry.record_id), ([], {entry.record_id}))
        numbers.append(entry.number)
        states = (entry.before or {}) | (entry.after or {}), entry.before or {}
        names |= {str(value) for state in states for key, value in state.items() if key.endswith("_id")}
    wanted = set(demonstration.scalars(select(Treatment.id).order_by(Treatment.id).limit(5)))
    with as_known(demonstration.get_bind(), north, number) as past:
        found = {(one.table, one.id): one.numbers for one in past.later(wanted)}
        assert past.rows == len([key for key in rows if key[0] in models()])
    assert found == {key: numbers for key, (numbers, names) in rows.items() if names & wanted}
    assert found


@pytest.fixture
def team_site(demonstration, north):
    return demonstration.get(Site, north)


@pytest.fixture
def ward(session, team, client_as):
    return Ward(session, team, client_as)


@both_databases
def test_a_kept_report_is_made_again_and_its_differences_have_their_records(ward, team, session, page, client_as):
    stays, changes, goes = course(team), course(team), course(team)
    for one in (stays, changes, goes):
        one.relation = "autologous"
    session.commit()
    keep = "/reports/reporting-completeness/keep?relation=autologous"
    assert ward.fill("quality", keep, title="Facts").status_code == 303
    facts = session.scalars(select(KeptReport).where(KeptReport.title == "Facts")).one()
    url = f"/reports/reporting-completeness/past?kept={facts.id}"
    shown = page(ward.browser("nurse"), url)
    assert "every figure is the one that was kept" in shown
    assert "No figure is different today" in shown
    new = course(team)
    new.relation, goes.relation, changes.height_cm = "autologous", "related", None
    session.commit()
    link = next(one for one in page(ward.browser("nurse"), f"/reports/kept/{facts.id}").links if "/past?" in one)
    assert link == url
    shown = page(ward.browser("nurse"), url)
    assert "every figure is the one that was kept" in shown
    html = unescape(ward.browser("nurse").get(url).text)
    assert CAME in _row(html, new.id)
    assert re.search(r"Order recorded \(entry \d+", _row(html, new.id))
    assert WENT in _row(html, goes.id)
    assert CHANGED in _row(html, changes.id)
    assert stays.id not in html
    told = ward.browser("nurse").get(url.replace("/past?", "/past.json?")).json
    assert {key: told[key] for key in ("rows", "asides", "ledger", "at")} == {
        key: facts.told[key] for key in ("rows", "asides", "ledger", "at")
    }
    assert client_as("nurse", site="south").get(url).status_code == 404
    assert ward.browser("administrator").get(url).status_code == 403
    assert ward.browser("nurse").get(f"/reports/activity/past?kept={facts.id}").status_code == 404
    assert verify(session) == []


def test_what_changed_is_shown_twenty_rows_at_a_time(ward, team, session, page):
    some = [course(team).id for _ in range(23)]
    session.commit()
    yesterday = clock.day(clock.now(), ZONE) - timedelta(days=1)
    url = f"/reports/funnel/past?asof={yesterday}"
    shown = page(ward.browser("nurse"), url)
    html = ward.browser("nurse").get(url).text
    assert "What changed" in shown
    assert "23 records" in shown
    assert "1 to 20 of 23" in shown
    then = unescape(re.search(r'rel="next" href="([^"]*part-records=2[^"]*)"', html)[1])
    assert f"asof={yesterday}" in then
    assert then.endswith("#h-movers")
    second = ward.browser("nurse").get(then).text
    assert page(ward.browser("nurse"), then).problems() == []
    assert [sum(_row(one, id_) != "" for id_ in some) for one in (html, second)] == [20, 3]
    assert "part-" not in next(link for link in page(ward.browser("nurse"), then).links if "past.json" in link)


def test_sending_empty_boxes_asks_for_the_day(ward, page):
    answer = ward.browser("nurse").get("/reports/funnel/past?asof-d=&asof-m=&asof-y=")
    assert answer.status_code == 422
    assert "As known on: enter a day that is over." in unescape(answer.text)


def _row(html, id_):
    return next((row for row in html.split("<tr>") if id_ in row), "")


def test_a_day_that_is_over_is_shown_and_another_is_refused(ward, team, session, page):
    course(team)
    session.commit()
    today = clock.day(clock.now(), ZONE)
    yesterday = today - timedelta(days=1)
    assert entry_at(session, team.nurse.site_id, clock.now()) > 0
    shown = page(ward.browser("nurse"), f"/reports/funnel/past?asof={yesterday}")
    assert "There were no records for this report yet" in shown
    assert CAME in shown
    assert page(ward.browser("nurse"), "/reports/funnel/past").problems() == []
    for asof, sentence in (
        (str(today), "a day that is over"),
        ("2999-01-01", "a day that is over"),
        ("x", "not a date"),
        ("", "enter a day that is over"),
    ):
        answer = ward.browser("nurse").get(f"/reports/funnel/past?asof={asof}")
        assert answer.status_code == 422
        assert sentence in unescape(answer.text)
    assert ward.browser("nurse").get("/reports/funnel/past.json").status_code == 409
    assert ward.browser("nurse").get(f"/reports/funnel/past?asof={yesterday}&sex=blue").status_code == 422


@pytest.mark.parametrize(("day", "span", "first", "last"), [
    ("2025-10-31", "this-month", "1 Oct 2025", "31 Oct 2025"),
    ("2025-09-30", "this-quarter", "1 Jul 2025", "30 Sep 2025"),
    ("2025-12-31", "this-year", "1 Jan 2025", "31 Dec 2025"), ("2025-03-30", "this-month", "1 Mar 2025", "31 Mar 2025"),
])  # fmt: skip
def test_as_of_a_day_that_day_is_today_to_its_last_moment(client_as, day, span, first, last):
    """The day on which the clocks change too: it ends at midnight of the wall clock."""
    browser = client_as("nurse")
    told = browser.get(f"/reports/activity/past.json?asof={day}&period={span}").json
    assert f"{first} to {last}" in told["filters"]["Period"]
    assert clock.local(datetime.fromisoformat(told["at"]), ZONE).isoformat()[:19] == f"{day}T23:59:59"
    shown = unescape(browser.get(f"/reports/activity/past?asof={day}&period={span}").text)
    assert f"As known at the end of {said_day(date.fromisoformat(day))}" in shown
    assert f"{said_day(date.fromisoformat(day))}, 23:59" in shown


def test_what_is_entered_in_the_last_moment_of_a_day_is_known_then_and_a_moment_later_is_not(session, team):
    """A report that was kept, too, takes the entries until its own moment."""
    course(team)
    session.commit()
    at = session.scalars(select(LedgerEntry.at).order_by(LedgerEntry.number.desc()).limit(1)).one()
    number = session.scalar(select(LedgerHead.number).where(LedgerHead.site_id == team.nurse.site_id))
    assert entry_at(session, team.nurse.site_id, at) == number
    assert entry_at(session, team.nurse.site_id, at - timedelta(microseconds=1)) < number


@both_databases
def test_what_is_undone_and_what_is_read_are_of_one_snapshot(team, session, engine):
    course(team)
    session.commit()
    number = session.scalar(select(LedgerHead.number).where(LedgerHead.site_id == team.nurse.site_id))
    session.rollback()
    with as_known(engine, team.nurse.site_id, number) as past:
        assert past.rows == 0
        course(team)
        session.commit()
        assert past.session.scalar(select(func.count()).select_from(Treatment)) == 1


def test_more_later_entries_than_a_page_takes_back_are_refused_with_what_to_do(ward, team, session, page, monkeypatch):
    course(team)
    session.commit()
    assert ward.fill("quality", "/reports/funnel/keep", title="Kept").status_code == 303
    kept = session.scalars(select(KeptReport)).one()
    course(team)
    session.commit()
    monkeypatch.setattr(past_views, "MOST_LATER", 1)
    nurse, yesterday = ward.browser("nurse"), clock.day(clock.now(), ZONE) - timedelta(days=1)
    for asked, remedy in ((f"asof={yesterday}", "Choose a later day"), (f"kept={kept.id}", "page of the kept report")):
        answer = nurse.get(f"/reports/funnel/past?{asked}")
        assert answer.status_code == 422
        assert "at most 1 are taken back for a page" in unescape(answer.text)
        assert remedy in unescape(answer.text)
        assert nurse.get(f"/reports/funnel/past.json?{asked}").status_code == 409


def test_one_report_of_the_past_is_made_at_a_time(client_as, monkeypatch):
    monkeypatch.setattr(past_records, "WAIT", 0)
    nurse = client_as("nurse")
    with past_records.MAKING:
        for form in ("", ".json"):
            answer = nurse.get(f"/reports/funnel/past{form}?asof=2025-10-31")
            assert answer.status_code == 503
            assert "Open this page again in a minute" in unescape(answer.text)
    assert nurse.get("/reports/funnel/past?asof=2025-10-31").status_code == 200
    assert nurse.get("/reports/funnel/past?asof=2025-10-31&by=nothing").status_code == 422
    assert nurse.get("/reports/funnel/past?asof=2025-10-31").status_code == 200
