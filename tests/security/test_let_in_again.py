"""Who has to wait after wrong passwords is told so, and is let in again; spraying is slowed at home too."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import func, insert, select

from clinic import clock, wording
from clinic.access import Role
from clinic.accounts.models import THROTTLE_SLOW, FailedSignIn, SignIn, User
from clinic.accounts.throttle import PEOPLE_AT_HOME, SPRAYED_AT_HOME
from clinic.cli import clinic
from clinic.ledger.models import LedgerEntry
from tests.databases import both_databases
from tests.factories import PASSWORD, harvested, ready_for_harvest
from tests.reading import Page
from tests.security.test_sign_in import PEOPLE, sign_in

THERE = {"environ_base": {"REMOTE_ADDR": "203.0.113.9"}}
GOOD = "Every Tuesday the tram is late"
TOO_MANY = "Too many attempts"


def locked_out(app, email="nurse@north.demo", tries=10):
    """Try wrong passwords from elsewhere, half a minute apart, until even the right one has to wait."""
    for number in range(tries):
        with time_machine.travel(clock.now() - timedelta(seconds=31 * (tries - number)), tick=False):
            sign_in(app.test_client(), email, "wrong", **THERE)
    assert sign_in(app.test_client(), email, **THERE).status_code == 200


def act(browser, post, person, verb):
    version = Page.of(browser.get(f"/staff/{person.id}").text).hidden["version"]
    return post(browser, f"/staff/{person.id}/{verb}", version=version)


def test_a_new_password_ends_the_waiting(app, client_as, post, user):
    person, browser = user("nurse"), client_as("administrator")
    locked_out(app)
    assert act(browser, post, person, "reset").status_code == 303
    link = re.search(r"/staff/welcome/[\w.-]+", browser.get(f"/staff/{person.id}").text)[0]
    app.test_client().post(link, data={"password": GOOD, "password_again": GOOD})
    assert sign_in(app.test_client(), password=GOOD, **THERE).status_code == 302


def test_tries_on_the_link_s_account_before_it_is_used_do_not_count_after(app, client_as, post, user):
    person, browser = user("nurse"), client_as("administrator")
    act(browser, post, person, "reset")
    link = re.search(r"/staff/welcome/[\w.-]+", browser.get(f"/staff/{person.id}").text)[0]
    for _ in range(6):
        sign_in(app.test_client(), "nurse@north.demo", "wrong", **THERE)
    app.test_client().post(link, data={"password": GOOD, "password_again": GOOD})
    assert sign_in(app.test_client(), password=GOOD, **THERE).status_code == 302


def test_an_administrator_sees_who_waits_and_until_when_and_lets_them_in(app, client_as, post, session, user):
    person, browser = user("nurse"), client_as("administrator")
    assert "Allow sign-in again" not in browser.get(f"/staff/{person.id}").text
    with time_machine.travel(clock.now(), tick=False):
        locked_out(app)
        shown = Page.of(browser.get(f"/staff/{person.id}").text)
        last = session.scalar(select(func.max(FailedSignIn.at)))
        until = wording.moment(last + timedelta(minutes=15), "Europe/Berlin")
        assert shown.problems() == []
        assert f"Locked after wrong passwords until {until}" in shown.text
        assert "Locked after wrong passwords" in client_as("quality").get(f"/staff/{person.id}").text
        assert act(browser, post, person, "sign-in").status_code == 303
        assert sign_in(app.test_client(), **THERE).status_code == 302
    session.expire_all()
    entry = session.scalars(select(LedgerEntry).order_by(LedgerEntry.key.desc())).first()
    assert (entry.record_id, entry.actor_id) == (person.id, user("administrator").id)
    assert "unlocked_at" in entry.after


def test_a_place_where_somebody_works_is_let_in_again_too(app, client_as, post, user):
    person, browser = user("nurse"), client_as("administrator")
    sign_in(app.test_client())
    for _ in range(6):
        sign_in(app.test_client(), "nurse@north.demo", "wrong")
    assert sign_in(app.test_client()).status_code == 200
    assert act(browser, post, person, "sign-in").status_code == 303
    assert sign_in(app.test_client()).status_code == 302


def test_who_mistyped_while_signing_is_let_in_again_too(client_as, post, session, team, user):
    harvest = harvested(ready_for_harvest(team), team)
    session.commit()
    physician, browser, url = client_as("physician"), client_as("administrator"), f"/records/{harvest.id}/signature"
    for _ in range(6):
        post(physician, url, password="wrong")
    assert "Too many incorrect passwords" in post(physician, url, password=PASSWORD).text
    assert act(browser, post, user("physician"), "sign-in").status_code == 303
    assert "Too many incorrect passwords" not in post(physician, url, password=PASSWORD).text


def test_who_does_not_wait_is_not_let_in_again(client_as, post, user):
    answer = act(client_as("administrator"), post, user("nurse"), "sign-in")
    assert answer.status_code == 409
    assert "does not have to wait" in answer.text


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_only_an_administrator_lets_anybody_in(app, client_as, post, user, role):
    person = user("nurse")
    assert post(client_as(role), f"/staff/{person.id}/sign-in", version="1").status_code == 403
    assert post(client_as("administrator", site="south"), f"/staff/{person.id}/sign-in", version="1").status_code == 404


def test_the_command_line_lets_somebody_in_with_a_new_link(app, house, session, user, tmp_path, monkeypatch):
    locked_out(app)
    monkeypatch.setenv("CLINIC_INSTANCE", str(tmp_path))
    monkeypatch.setenv("CLINIC_DATABASE_URL", house.store.url)
    session.commit()
    done = CliRunner().invoke(clinic, ["user", "reset", "nurse@north.demo"])
    assert done.exit_code == 0, done.output
    session.expire_all()
    assert session.scalar(select(func.count()).select_from(FailedSignIn)) == 0


def test_who_waits_is_told_so_and_not_that_the_password_is_wrong(app):
    locked_out(app)
    answer = Page.of(sign_in(app.test_client(), **THERE).text)
    assert answer.problems() == []
    assert TOO_MANY in answer
    assert "is incorrect" not in answer


def said(app, email, **more):
    return Page.of(sign_in(app.test_client(), email, "x", **more).text).text.partition("Demonstration accounts")[0]


@pytest.mark.parametrize("here", [{}, THERE], ids=["where the nurse works", "elsewhere"])
def test_what_is_said_of_waiting_tells_nobody_who_works_here(app, here):
    """Tries from one place, from two, and on many names: an account and a name of nobody are answered alike."""
    sign_in(app.test_client())
    for place in ({}, {}, {}, THERE, THERE, here, here):
        assert said(app, "nurse@north.demo", **place) == said(app, "nobody@north.demo", **place)
    assert TOO_MANY in said(app, "nobody@north.demo", **here)


def test_a_slowed_place_says_the_same_of_everybody(app):
    sign_in(app.test_client())
    for number in range(12):
        said(app, f"nobody{number}@north.demo")
    assert TOO_MANY in said(app, "nurse@north.demo")
    assert said(app, "nurse@north.demo") == said(app, "nobody@north.demo")
    assert sign_in(app.test_client()).status_code == 302, "who works here is in all the same"


@pytest.fixture
def at_home(session):
    """Everybody signed in from the clinic's one address."""
    people = session.execute(select(User.id, User.email)).all()
    for one in people:
        row = {"token_hash": one.id, "user_id": one.id, "began_at": clock.now(), "address": "127.0.0.1"}
        session.execute(insert(SignIn).values(row))
    session.commit()
    return [one.email for one in people]


def counted(session):
    session.rollback()
    return session.scalar(select(func.count()).select_from(FailedSignIn))


def test_spraying_over_the_staff_from_their_own_address_is_slowed(app, session, at_home):
    for _ in range(2):
        for email in at_home[:11]:
            sign_in(app.test_client(), email, "wrong")
    assert counted(session) == SPRAYED_AT_HOME, "two tries were not judged"
    assert sign_in(app.test_client(), at_home[12]).status_code == 200
    assert sign_in(app.test_client(), at_home[12], **THERE).status_code == 302, "elsewhere nobody waits"


def test_strangers_at_the_clinic_s_address_do_not_stop_its_staff(app, at_home):
    for number in range(40):
        sign_in(app.test_client(), f"nobody{number}@north.demo", "wrong")
    assert sign_in(app.test_client(), "nurse@north.demo").status_code == 302


def test_a_shift_that_begins_with_typing_errors_is_not_slowed(app, at_home):
    for email in at_home[:PEOPLE_AT_HOME]:
        for _ in range(3):
            sign_in(app.test_client(), email, "wrong")
    assert sign_in(app.test_client(), PEOPLE[0]).status_code == 302


@both_databases
@pytest.mark.parametrize("known", [True, False])
def test_of_many_tries_at_once_no_more_are_judged_than_of_as_many_in_a_row(app, session, known):
    if known:
        sign_in(app.test_client())
    begin, before = Barrier(20), counted(session)

    def one(_number):
        browser = app.test_client()
        begin.wait()
        return sign_in(browser, "nurse@north.demo", "wrong").status_code

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(one, range(20)))
    assert set(answers) == {200}
    assert counted(session) - before == THROTTLE_SLOW
