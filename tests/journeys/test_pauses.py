"""Pauses and crashes: the warning before the sign-out, the draft that keeps itself, Back after a search."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from clinic.accounts import security
from clinic.drafts import Draft
from tests.factories import ready_for_harvest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Request
    from sqlalchemy.orm import Session

    from tests.factories import Team
    from tests.journeys.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_two_minutes_before_the_sign_out_one_key_stays(arrive: Callable[[str], Person]) -> None:
    me = arrive("nurse")
    me.page.clock.install()
    me.goes_to("/patients")
    asked: list[str] = []

    def hears(request: Request) -> None:
        # The browser fetches the icon of a tab when it likes. A file touches no session, so it keeps nobody signed in.
        if "/static/" not in request.url:
            asked.append(request.url)

    me.page.on("request", hears)
    box = me.page.get_by_role("searchbox", name="Find a patient")
    box.focus()
    me.page.clock.run_for(12 * 60_000)
    dialog = me.page.get_by_role("alertdialog", name="Are you still there?")
    expect(dialog).to_be_hidden()
    assert asked == [], "a page that nobody touches asks for nothing"
    me.page.clock.run_for(62_000)
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("You will be signed out in")
    expect(me.page.get_by_role("button", name="Stay signed in")).to_be_focused()
    me.looks()
    with me.page.expect_response(re.compile("/session$")) as answered:
        me.page.keyboard.press("Enter")
    assert answered.value.status == 204
    expect(dialog).to_be_hidden()
    expect(box).to_be_focused()
    me.page.clock.run_for(12 * 60_000)
    expect(dialog).to_be_hidden()


def test_nobody_answers_and_the_page_no_longer_shows_a_patient(
    arrive: Callable[[str], Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    me = arrive("nurse")
    me.page.clock.install()
    me.goes_to("/patients")
    monkeypatch.setattr(security, "IDLE", timedelta())
    me.page.clock.run_for(15 * 60_000 + 3_000)
    me.page.wait_for_url(re.compile("/login"))
    me.reads("Sign in")


def test_a_browser_that_crashes_loses_nothing(arrive: Callable[[str], Person], team: Team, session: Session) -> None:
    course = ready_for_harvest(team)
    address = f"/treatments/{course.id}/harvests/new"
    session.commit()
    me = arrive("nurse")
    me.goes_to(address)
    me.fills({"Volume collected": "61", "Complications": "None seen so far"})
    me.sees(re.compile(r"Draft saved at \d\d:\d\d\."))
    session.expire_all()
    assert session.scalars(select(Draft.path)).all() == [address]
    session.commit()
    me.page.context.new_page().goto("/")
    me.page.close()
    me.page = me.page.context.pages[0]
    me.goes_to(address)
    me.sees(re.compile(r"Your draft of .* is filled in\."))
    expect(me.box("Volume collected")).to_have_value("61")


def test_back_leads_to_the_search_as_it_was(arrive: Callable[[str], Person], team: Team, session: Session) -> None:
    name = ready_for_harvest(team).patient.display_name
    session.commit()
    me = arrive("nurse")
    me.goes_to("/patients")
    me.page.get_by_role("searchbox", name="Find a patient").fill(name.split(",")[0].lower())
    me.presses("Find")
    me.clicks(name)
    me.page.go_back()
    me.reads("Patients")
    expect(me.page.get_by_role("searchbox", name="Find a patient")).to_have_value(name.split(",")[0].lower())
    me.sees(name)
