"""Reports that are kept as they were, reviewed and submitted; and views saved under a name, on a schedule too."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from clinic import clock
from clinic.ledger.verify import verify
from clinic.notices import Notice
from clinic.records import Meaning
from clinic.reports.asking import read
from clinic.reports.catalog import REPORTS
from clinic.reports.kept import KeptReport, ReportSubmission, differences
from clinic.reports.periods import EVERY, SPANS, days_of, next_of
from clinic.reports.saved import MOST, SavedView
from clinic.reports.schedule import keep_due
from tests.databases import both_databases
from tests.factories import PASSWORD, course
from tests.safety.driver import Ward


@pytest.fixture
def ward(session, team, client_as):
    return Ward(session, team, client_as)


def last(ward, model=KeptReport):
    ward.session.expire_all()
    return ward.session.scalars(select(model).order_by(model.recorded_at.desc(), model.id)).first()


def views(ward):
    ward.session.expire_all()
    return ward.session.scalars(select(SavedView).order_by(SavedView.name)).all()


def save(ward, who, *, name="Mine", report="funnel", asked="", every="no", **typed):
    return ward.fill(who, f"/reports/{report}/save{asked}", name=name, every=every, **typed)


@pytest.mark.parametrize(
    ("span", "today", "first", "final"),
    [
        ("last-week", "2026-11-26", "2026-11-16", "2026-11-22"),
        ("last-week", "2026-11-23", "2026-11-16", "2026-11-22"),
        ("this-month", "2028-02-10", "2028-02-01", "2028-02-29"),
        ("last-month", "2026-01-31", "2025-12-01", "2025-12-31"),
        ("this-quarter", "2026-11-26", "2026-10-01", "2026-12-31"),
        ("last-quarter", "2026-02-01", "2025-10-01", "2025-12-31"),
        ("this-year", "2026-11-26", "2026-01-01", "2026-12-31"),
        ("last-year", "2026-01-01", "2025-01-01", "2025-12-31"),
        ("last-12-months", "2026-11-26", "2025-11-01", "2026-10-31"),
    ],
)
def test_a_period_that_moves_has_these_days(span, today, first, final):
    assert [str(day) for day in days_of(span, date.fromisoformat(today))] == [first, final]


@given(st.dates(date(1901, 1, 1), date(2990, 1, 1)))
def test_periods_fit_together_on_every_day(today):
    for span in SPANS:
        first, final = days_of(span, today)
        assert first <= final
        assert (first <= today <= final) is span.startswith("this-")
    for unit in ("month", "quarter", "year"):
        assert days_of(f"last-{unit}", today)[1] + timedelta(days=1) == days_of(f"this-{unit}", today)[0]
    for every in EVERY:
        following = next_of(every, today)
        assert following > today
        assert days_of(f"last-{every}", following)[0] <= today <= days_of(f"last-{every}", following)[1]


def test_a_period_and_days_together_are_refused_and_each_alone_is_understood():
    today, report = date(2026, 11, 26), REPORTS["funnel"]
    asked, wrong = read(report, {"period": "last-quarter"}, today=today)
    assert (wrong, str(asked.since), str(asked.until)) == ({}, "2026-07-01", "2026-09-30")
    assert asked.params(report) == {"period": "last-quarter"}
    assert asked.fixed().params(report) == {"from": "2026-07-01", "to": "2026-09-30"}
    assert dict(asked.said(report, "North"))["Period"].startswith("Last quarter: 1 Jul 2026 to 30 Sep 2026")
    assert "period" in read(report, {"period": "last-quarter", "from": "2026-01-01"}, today=today)[1]
    assert "period" in read(report, {"period": "next-quarter"}, today=today)[1]


@both_databases
def test_a_report_is_kept_reviewed_and_submitted_and_says_what_is_different_today(ward, team, session, page, client_as):
    course(team)
    session.commit()
    assert (
        ward.fill("coordinator", "/reports/funnel/keep?origin=clinic", title="Funnel for the board").status_code == 303
    )
    kept = last(ward)
    before = ward.browser("nurse").get("/reports/funnel.json?origin=clinic").json
    assert {**kept.told, "at": "", "ledger": "", "definition": ""} == {
        **before,
        "at": "",
        "ledger": "",
        "definition": "",
    }
    shown = page(ward.browser("nurse"), f"/reports/kept/{kept.id}")
    assert "No figure is different today." in shown
    assert "Draft" in shown
    assert ward.fill("nurse", f"/reports/kept/{kept.id}/submission", submitted_to="Registry").status_code == 422
    ward.said_no("Sign the review first")
    assert ward.browser("nurse").get(f"/records/{kept.id}/signature").status_code == 403
    assert ward.fill("quality", f"/records/{kept.id}/signature", password=PASSWORD).status_code == 303
    assert last(ward).signatures[0].meaning is Meaning.REVIEW
    assert ward.fill("nurse", f"/reports/kept/{kept.id}/submission", submitted_to="Registry").status_code == 303
    assert last(ward, ReportSubmission).kept_id == kept.id
    assert last(ward).standing == "Submitted"
    assert last(ward).signed
    course(team)
    session.commit()
    shown = page(ward.browser("nurse"), f"/reports/kept/{kept.id}")
    assert "No figure is different today." not in shown
    assert "As kept" in shown
    assert last(ward).told == kept.told
    assert ward.browser("nurse").get(f"/reports/kept/{kept.id}.json").json == kept.told
    assert "Funnel for the board" in page(ward.browser("inspector"), "/reports/kept")
    assert ward.browser("administrator").get("/reports/kept").status_code == 403
    assert client_as("nurse", site="south").get(f"/reports/kept/{kept.id}").status_code == 404
    assert ward.browser("inspector").get("/reports/funnel/keep").status_code == 403
    assert verify(session) == []


def test_a_period_that_moves_is_kept_by_its_days(ward):
    assert ward.fill("quality", "/reports/funnel/keep?period=last-year", title="Last year").status_code == 303
    assert set(last(ward).asked) == {"from", "to"}


def told(**rows):
    return {
        "asides": [{"key": "included", "label": "Courses included", "n": 2}],
        "columns": [{"key": "n", "heading": "Courses"}],
        "rows": [{"key": key, "label": key.upper(), "n": value} for key, value in rows.items()],
    }


def test_differences_name_what_changed_came_and_went():
    assert differences(told(a=1, b=2), told(a=1, b=2)) == []
    found = differences(told(a=1, b=2, c=None), told(a=1, b=3, d=0, c=None))
    assert [tuple(one) for one in found] == [("B", "Courses", "2", "3"), ("D", "Courses", "–", "0")]
    assert [tuple(one) for one in differences(told(a=1), told())] == [("A", "Courses", "1", "–")]


def test_a_row_whose_label_was_typed_is_compared_by_it_whatever_its_mark_was():
    """Marks of 48 bits without a secret stand in reports that were kept before."""
    old, new = told(rash=1), told(rash=1)
    old["rows"][0]["key"], new["rows"][0]["key"] = "9045b58379d0", "0f" * 16
    assert differences(old, new) == []
    new["rows"][0]["label"] = "FEVER"
    assert [one.row for one in differences(old, new)] == ["RASH", "FEVER"]


def test_a_view_is_the_owners_until_it_is_shared_and_only_the_owner_changes_it(ward, page, post, client_as):
    assert save(ward, "nurse", asked="?period=last-month&sex=male").status_code == 303
    view = views(ward)[0]
    assert view.asked == {"period": "last-month", "sex": "male"}
    link = "/reports/funnel?period=last-month&sex=male"
    assert link in page(ward.browser("nurse"), "/reports").links
    assert link not in page(ward.browser("physician"), "/reports").links
    assert (
        ward.fill("nurse", f"/reports/views/{view.id}", name="Men", roles=["physician"], every="no").status_code == 303
    )
    assert "Men" in page(ward.browser("physician"), "/reports")
    assert link not in page(ward.browser("technologist"), "/reports").links
    assert link not in page(client_as("physician", site="south"), "/reports").links
    for who in ("physician", "technologist"):
        assert ward.browser(who).get(f"/reports/views/{view.id}").status_code == 404
        assert post(ward.browser(who), f"/reports/views/{view.id}/deletion", {}).status_code == 404
    assert post(ward.browser("technologist"), "/stars", {"what": view.id, "on": "yes"}).status_code == 404
    assert post(ward.browser("physician"), "/stars", {"what": view.id, "on": "yes"}).status_code == 303
    assert "Starred" in page(ward.browser("physician"), "/reports")
    assert "Starred" not in page(ward.browser("nurse"), "/reports")
    assert post(ward.browser("nurse"), f"/reports/views/{view.id}/deletion", {}).status_code == 303
    assert views(ward) == []
    assert "Starred" not in page(ward.browser("physician"), "/reports")


def test_bad_views_are_refused_with_a_sentence(ward, session, team):
    assert save(ward, "nurse", name=" ").status_code == 422
    ward.said_no("Name: required")
    assert save(ward, "nurse", roles=["administrator"]).status_code == 422
    assert ward.browser("nurse").get("/reports/funnel/save?sex=blue").status_code == 409
    assert ward.browser("nurse").get("/reports/nothing/save").status_code == 404
    for number in range(MOST):
        session.add(
            SavedView(
                site_id=team.nurse.site_id, owner_id=team.nurse.id, report="funnel", name=f"{number}", asked={},
                roles=[], shared=False, made_at=clock.now(),
            )
        )  # fmt: skip
    session.commit()
    assert save(ward, "nurse").status_code == 422
    ward.said_no("Delete one first")
    assert len(views(ward)) == MOST


@both_databases
def test_a_view_on_a_schedule_is_kept_on_the_first_day_and_its_owner_is_told(ward, session, team, page):
    assert save(ward, "nurse", name="Monthly", asked="?period=last-month", every="month").status_code == 303
    first = views(ward)[0].next_on
    at = datetime(first.year, first.month, first.day, 0, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    assert keep_due(session, at - timedelta(minutes=2)) == 0
    assert keep_due(session, at) == 1
    kept = last(ward)
    assert kept.scheduled
    assert kept.title == f"Monthly, {first}"
    start, end = days_of("last-month", first)
    assert kept.asked == {"from": str(start), "to": str(end)}
    notice = session.scalars(select(Notice).where(Notice.user_id == team.nurse.id)).one()
    assert notice.record_id == kept.id
    assert "Monthly" in page(ward.browser("nurse"), "/notices")
    assert keep_due(session, at) == 0
    assert views(ward)[0].next_on == next_of("month", first)
    assert verify(session) == []
    assert json.loads(kept.kept_json)["report"] == "funnel"


def test_a_change_of_the_name_alone_keeps_schedule_and_sharing(ward):
    assert save(ward, "nurse", every="month", roles=["physician"]).status_code == 303
    view = views(ward)[0]
    due = view.next_on
    assert ward.fill("nurse", f"/reports/views/{view.id}", name="Another").status_code == 303
    (view,) = views(ward)
    assert (view.name, view.every, view.next_on, view.roles) == ("Another", "month", due, ["physician"])


def test_the_view_of_somebody_who_left_is_not_made_any_more(ward, session, team):
    assert save(ward, "nurse", every="week").status_code == 303
    team.nurse.active = False
    session.commit()
    assert keep_due(session, clock.now() + timedelta(days=30)) == 0
    assert views(ward)[0].every == ""
    assert last(ward) is None


def test_a_view_with_a_filter_that_the_report_no_longer_has_says_so_to_its_owner(ward, session, team):
    assert save(ward, "nurse", every="week").status_code == 303
    views(ward)[0].asked = {"moon": "full"}
    session.commit()
    assert keep_due(session, clock.now() + timedelta(days=30)) == 0
    notice = session.scalars(select(Notice).where(Notice.user_id == team.nurse.id)).one()
    assert "was not made" in notice.text
    assert keep_due(session, clock.now() + timedelta(days=60)) == 0


def test_who_may_keep_no_report_has_none_kept_on_a_schedule(ward, session, team):
    assert save(ward, "inspector", every="week").status_code == 422
    assert save(ward, "inspector").status_code == 303
    views(ward)[0].repeat("week", clock.today("Europe/Berlin"))
    session.commit()
    assert keep_due(session, clock.now() + timedelta(days=30)) == 0
    assert last(ward) is None


def test_the_name_of_a_view_has_no_invisible_characters(ward):
    assert save(ward, "nurse", name="\u200b").status_code == 422
    assert save(ward, "nurse", name="Mo\u202enthly\r\n").status_code == 303
    assert views(ward)[0].name == "Monthly"
