"""A draft lies at a page of this clinic about a record of its own, however the form was sent; and it is bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import insert, select

from clinic import clock
from clinic.drafts import MOST_PLACE, MOST_TITLE, Draft
from tests import factories
from tests.reading import Page

NOON = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)


@pytest.fixture
def harvest(session, team):
    made = factories.harvested(factories.ready_for_harvest(team), team)
    session.commit()
    return made.id


@pytest.fixture
def places(session, harvest, southern_team, team):
    theirs, other = factories.patient(southern_team), factories.patient(team)
    session.commit()
    return (
        "/no/such/page", "//evil.example", f"/patients/{theirs.id}/alerts/new", f"/patients/{other.id}/alerts/new",
        "/staff/new", "/", f"/harvests/{harvest}/products?x={'y' * 10_000}", f"/records/{theirs.id}/amendment",
        "/static/logo.svg", f"/harvests/{'x' * 5_000}", "", "/logout", f"/harvests/../patients/{theirs.id}",
    )  # fmt: skip


def kept(session):
    session.rollback()
    return session.scalars(select(Draft.path)).all()


@pytest.mark.hazard("H35")
@pytest.mark.parametrize("how", ["draft", "autosave", "idle", "no session"])
def test_a_draft_lies_at_no_other_page_than_the_form_s_own(client_as, post, session, harvest, places, how):
    url = f"/harvests/{harvest}/products"
    own = {f"/harvests/{harvest}", url}
    for place in places:
        with time_machine.travel(NOON, tick=False) as now:
            browser = client_as("physician")
            token = Page.of(browser.get("/patients/new").text).hidden["typed_by"]
            if how == "idle":
                now.shift(timedelta(minutes=20))
            if how == "no session":
                browser.delete_cookie("session")
            do = how if how in {"draft", "autosave"} else ""
            post(browser, url, volume="62", typed_by=token, typed_on=place, do=do)
        assert set(kept(session)) <= own, place
    assert kept(session), "the form is kept at its own page all the same"


def test_a_form_that_is_part_of_another_page_is_kept_there(client_as, post, session, harvest):
    page = f"/harvests/{harvest}"
    post(client_as("physician"), f"{page}/products", volume="62", typed_on=page, do="draft")
    assert kept(session) == [page]


@pytest.mark.hazard("H35")
@pytest.mark.parametrize("how", ["idle", "no session"])
def test_what_is_sent_too_late_is_kept_at_no_record_of_another_site(client_as, post, session, harvest, how):
    with time_machine.travel(NOON, tick=False) as now:
        browser = client_as("physician", site="south")
        token = Page.of(browser.get("/patients/new").text).hidden["typed_by"]
        if how == "idle":
            now.shift(timedelta(minutes=20))
        else:
            browser.delete_cookie("session")
        for url in (f"/harvests/{harvest}/products", f"/records/{harvest}/amendment", "/staff/new"):
            answer = post(browser, url, volume="62", printed_name="Xo", typed_by=token)
            assert answer.status_code == 302
    assert kept(session) == []


def test_title_and_address_of_a_draft_are_bounded(client_as, post, session, harvest):
    browser, url = client_as("physician"), f"/harvests/{harvest}/products"
    answer = post(browser, f"{url}?x={'y' * MOST_PLACE}", volume="62", do="draft")
    assert answer.status_code == 409
    assert "2,000 characters" in answer.text
    assert post(browser, url, volume="62", draft_title="t" * 7_500_000, do="draft").status_code == 303
    assert session.scalars(select(Draft.title)).one() == "t" * MOST_TITLE
    assert kept(session) == [url]


def test_a_draft_at_a_page_that_is_gone_can_still_be_discarded(client_as, post, session, user, harvest):
    gone = "/patients/PT-000000000/alerts/new"
    row = {"id": "DR-1", "user_id": user("physician").id, "path": gone, "title": "x", "typed": {}, "at": clock.now()}
    session.execute(insert(Draft).values(row))
    session.commit()
    assert post(client_as("physician"), gone, do="discard").status_code == 303
    assert kept(session) == []
