"""Strangers cannot keep staff out or from signing, spraying is slowed, and nobody locks a whole clinic out."""

from __future__ import annotations

import re

import pytest
import time_machine
from sqlalchemy import func, insert, select

from clinic import clock
from clinic.accounts.models import FailedSignIn, SignIn, User
from clinic.accounts.throttle import SPRAYED
from clinic.idempotency import new_key
from tests.factories import PASSWORD, harvested, ready_for_harvest
from tests.reading import Page
from tests.security.test_sign_in import PEOPLE, sign_in

THERE = {"environ_base": {"REMOTE_ADDR": "203.0.113.9"}}


@pytest.mark.parametrize("tries", [5, 10])
def test_wrong_passwords_at_the_sign_in_do_not_keep_a_signed_in_physician_from_signing(
    app, client_as, session, team, post, tries
):
    harvest = harvested(ready_for_harvest(team), team)
    session.commit()
    physician, stranger = client_as("physician"), app.test_client()
    for _ in range(tries):
        sign_in(stranger, "physician@north.demo", "wrong", **THERE)
    answer = post(physician, f"/records/{harvest.id}/signature", password="wrong")
    assert "Incorrect password. Nothing was signed." in answer.text


def test_wrong_passwords_in_a_session_are_still_limited(client_as, session, team, post):
    harvest = harvested(ready_for_harvest(team), team)
    session.commit()
    physician = client_as("physician")
    said = [post(physician, f"/records/{harvest.id}/signature", password="wrong").text for _ in range(7)]
    assert "Too many incorrect passwords" in said[-1]
    answer = post(physician, f"/records/{harvest.id}/signature", password=PASSWORD)
    assert "Too many incorrect passwords" in answer.text


def test_strangers_do_not_keep_staff_out_of_where_they_work(app):
    assert sign_in(app.test_client()).status_code == 302
    for _ in range(12):
        sign_in(app.test_client(), "nurse@north.demo", "wrong", **THERE)
    assert sign_in(app.test_client(), **THERE).status_code == 200, "from elsewhere the account has to wait"
    assert sign_in(app.test_client()).status_code == 302


def test_a_known_place_is_limited_too(app):
    sign_in(app.test_client())
    for _ in range(12):
        sign_in(app.test_client(), "nurse@north.demo", "wrong")
    assert sign_in(app.test_client()).status_code == 200, "the right password has to wait"


def test_an_old_sign_in_makes_no_place_known(app, session, user):
    old = clock.now().replace(year=clock.now().year - 1)
    session.execute(
        insert(SignIn).values(token_hash="x", user_id=user("nurse").id, began_at=old, address="203.0.113.9")
    )
    for _ in range(6):
        sign_in(app.test_client(), "nurse@north.demo", "wrong")
    assert sign_in(app.test_client(), **THERE).status_code == 200, "the right password has to wait"


def test_spraying_over_many_accounts_from_one_address_is_slowed_for_all_of_them(app, session):
    for email in PEOPLE[2:]:
        sign_in(app.test_client(), email, "wrong", **THERE)
    judged = select(func.count()).select_from(FailedSignIn)
    assert session.scalar(judged) == SPRAYED, "the other tries were not judged"
    assert sign_in(app.test_client(), PEOPLE[0], **THERE).status_code == 200
    assert sign_in(app.test_client(), PEOPLE[0]).status_code == 302, "other addresses are not slowed"


def test_a_wrong_and_an_unknown_name_are_answered_alike_while_an_address_is_slowed(app):
    for email in PEOPLE[2:]:
        sign_in(app.test_client(), email, "wrong", **THERE)
    told = [Page.of(sign_in(app.test_client(), email, "x", **THERE).text) for email in (PEOPLE[0], "no@north.demo")]
    assert len({re.sub(r"\d\d:\d\d", "", page.text) for page in told}) == 1


def test_an_address_that_was_slowed_tries_again_after_the_pause(app):
    with time_machine.travel(clock.now(), tick=False) as moment:
        for email in PEOPLE[2:]:
            sign_in(app.test_client(), email, "wrong", **THERE)
        moment.shift(31)
        assert sign_in(app.test_client(), PEOPLE[0], **THERE).status_code == 302


def test_one_person_s_typing_errors_are_no_spraying(app):
    for _ in range(4):
        sign_in(app.test_client(), "nurse@north.demo", "wrong")
    assert sign_in(app.test_client(), "physician@north.demo").status_code == 302


@pytest.mark.parametrize("act", ["reset", "suspension"])
def test_the_last_administrator_who_can_sign_in_is_not_locked_out(client_as, session, user, act):
    own, second = user("administrator"), user("administrator", second=True)
    second.password = None  # was invited, and never set a password
    session.commit()
    before = own.password
    answer = client_as("administrator").post(
        f"/staff/{own.id}/{act}", data={"idempotency_key": new_key(), "version": own.version}
    )
    session.expire_all()
    again = session.scalar(select(User).where(User.id == own.id))
    assert (again.password, again.active) == (before, True)
    assert answer.status_code == 409
    assert "last administrator" in answer.text or "cannot end your own access" in answer.text
