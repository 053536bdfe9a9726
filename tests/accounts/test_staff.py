"""Staff: adding people, ending access, the one-time link."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from clinic import clock
from clinic.access import Role
from clinic.accounts import staffing
from clinic.accounts.models import SignIn, User
from clinic.accounts.security import WrongPassword, recheck
from clinic.errors import RuleBroken
from tests import factories
from tests.reading import Page

NOW = datetime(2026, 5, 14, 9, 0, tzinfo=UTC)
GOOD = "Every Tuesday the tram is late"


def added(browser, post, **changed):
    said = {"printed_name": "Dr Ines Zabala", "email": "ines@clinic.example", "role": "physician"} | changed
    return post(browser, "/staff/new", said)


def account(session, email="ines@clinic.example"):
    session.expire_all()
    return session.scalars(select(User).where(User.email == email)).one()


def link_on(browser, page, person):
    found = re.search(r"/staff/welcome/\S+", page(browser, f"/staff/{person.id}").text)
    return found[0] if found else None


def chosen(browser, link, password=GOOD, again=None):
    return browser.post(link, data={"password": password, "password_again": again or password})


def test_the_list_shows_the_people_of_this_clinic_alone(client_as, page):
    shown = page(client_as("administrator"), "/staff")
    assert "nurse@north.demo" in shown
    assert "south.demo" not in shown


@pytest.mark.parametrize("role", list(Role))
def test_the_list_is_for_those_who_answer_for_the_staff(client_as, role):
    allowed = role in {Role.ADMINISTRATOR, Role.DIRECTOR, Role.QUALITY, Role.INSPECTOR}
    assert client_as(role).get("/staff").status_code == (200 if allowed else 403)
    assert client_as(role).get("/staff/new").status_code == (200 if role is Role.ADMINISTRATOR else 403)


def test_a_new_person_sets_a_password_and_signs_in(app, client_as, client, page, post, session):
    browser = client_as("administrator")
    page(browser, "/staff/new")
    assert added(browser, post).status_code == 303
    person = account(session)
    assert person.password is None
    link = link_on(browser, page, person)
    page(client, link)
    answer = chosen(client, link)
    assert (answer.status_code, answer.location) == (303, "/login")
    person = account(session)
    assert GOOD not in person.password
    fresh = app.test_client()
    assert fresh.post("/login", data={"email": person.email, "password": GOOD}).status_code == 302
    assert fresh.get("/patients").status_code == 200


def test_a_link_works_once(client_as, client, page, post, session):
    browser = client_as("administrator")
    added(browser, post)
    link = link_on(browser, page, account(session))
    assert chosen(client, link).status_code == 303
    kept = account(session).password
    assert chosen(client, link, "Another sentence of words").status_code == 410
    page(client, link, 410)
    assert account(session).password == kept
    assert link_on(browser, page, account(session)) is None


@pytest.mark.parametrize(("hours", "works"), [(23, True), (25, False)])
def test_a_link_is_good_for_a_day(client_as, client, page, post, session, hours, works):
    browser = client_as("administrator")
    added(browser, post)
    link = link_on(browser, page, account(session))
    with time_machine.travel(clock.now() + timedelta(hours=hours), tick=False):
        assert client.get(link).status_code == (200 if works else 410)


@pytest.mark.parametrize("token", ["x", "W10.x.y", "WyJVUyJd.aaaaaa.bbbbbb", "../../login"])
def test_a_forged_link_is_as_good_as_a_spent_one(client, token):
    assert client.get(f"/staff/welcome/{token}").status_code in {404, 410}


def test_a_link_says_nothing_of_its_bearer(client_as, page, post, session):
    added(client_as("administrator"), post)
    link = link_on(client_as("administrator"), page, account(session))
    assert "ines" not in link.casefold()


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("too short", "15 characters"),
        ("aaaaaaaaaaaaaaaaaaaa", "different characters"),
        ("my Cellcourse record", "name of this program"),
        ("the word password 1", "the word password"),
        ("Dr Zabala is my name", "your name"),
        ("i-n-e-s is my secret", "your name"),
        ("x" * 300 + "abcdef", "256 characters or fewer"),
    ],
)
def test_a_weak_password_is_refused_and_says_why(client_as, client, page, post, session, password, why):
    browser = client_as("administrator")
    added(browser, post)
    answer = chosen(client, link_on(browser, page, account(session)), password)
    assert answer.status_code == 422
    assert why in Page.of(answer.text)
    assert password not in answer.text
    assert account(session).password is None


def test_both_passwords_are_the_same(client_as, client, page, post, session):
    browser = client_as("administrator")
    added(browser, post)
    assert "do not match" in chosen(client, link_on(browser, page, account(session)), GOOD, GOOD.lower()).text
    assert account(session).password is None


@given(st.text(min_size=15, max_size=200))
def test_any_characters_are_allowed_in_a_password_that_is_long_and_varied(password):
    user = User(site_id="ST-1", email="x@clinic.example", printed_name="Xo", role=Role.NURSE)
    problems = staffing.password_problems(password, user)
    named = any(word in re.sub(r"[\W_]", "", password.casefold()) for word in ("cellcourse", "password"))
    assert bool(problems) is (len(set(password)) < staffing.VARIED or named)


@pytest.mark.hazard("H24")
def test_a_password_with_accents_signs_too(app, session, team):
    chosen_one = "Jürgen fährt über die Brücke"
    with app.test_request_context():
        nurse = team.nurse
        staffing.set_password(session, user=nurse, password=chosen_one, at=clock.now())
        session.flush()
        session.refresh(nurse)
        session.expunge(nurse)
        session.commit()
        recheck(nurse, chosen_one)
        with pytest.raises(WrongPassword):
            recheck(nurse, "Jurgen fahrt uber die Brucke")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"email": "nurse@north.demo"}, "is already used by an account"),
        ({"email": "NURSE@south.demo "}, "is already used by an account"),
        ({"email": "no address"}, "is not an e-mail address"),
        ({"printed_name": "X"}, "printed beside a signature"),
        ({"role": "king"}, "choose from the list"),
        ({"role": ""}, "required"),
    ],
)
def test_who_cannot_be_added_is_refused_in_words(client_as, post, session, changed, why):
    before = len(session.scalars(select(User.id)).all())
    answer = added(client_as("administrator"), post, **changed)
    assert answer.status_code == 422
    assert why in answer.text
    assert len(session.scalars(select(User.id)).all()) == before


def acted(browser, page, post, person, verb):
    version = page(browser, f"/staff/{person.id}").hidden["version"]
    return post(browser, f"/staff/{person.id}/{verb}", version=version)


@pytest.mark.hazard("H34")
def test_ending_access_signs_the_person_out_at_once(client_as, page, post, session, user):
    nurse, browser = client_as("nurse"), client_as("administrator")
    assert nurse.get("/patients").status_code == 200
    person = user("nurse")
    assert acted(browser, page, post, person, "suspension").status_code == 303
    assert nurse.get("/patients").location.startswith("/login")
    assert "No access" in page(browser, "/staff")
    session.expire_all()
    assert not session.scalars(select(SignIn).where(SignIn.user_id == person.id, SignIn.ended_at.is_(None))).all()
    assert acted(browser, page, post, person, "return").status_code == 303
    assert nurse.get("/patients").location.startswith("/login")
    assert session.get(User, person.id) is not None


def test_a_forgotten_password_no_longer_opens_anything(app, client_as, client, page, post, session, user):
    browser, person = client_as("administrator"), user("nurse")
    assert acted(browser, page, post, person, "reset").status_code == 303
    refused = client.post("/login", data={"email": person.email, "password": factories.PASSWORD})
    assert refused.status_code == 200
    link = link_on(browser, page, account(session, person.email))
    assert chosen(client, link).status_code == 303
    fresh = app.test_client()
    assert fresh.post("/login", data={"email": person.email, "password": GOOD}).status_code == 302


def test_a_link_dies_with_the_access(client_as, client, page, post, session):
    browser = client_as("administrator")
    added(browser, post)
    link = link_on(browser, page, account(session))
    assert acted(browser, page, post, account(session), "suspension").status_code == 303
    assert client.get(link).status_code == 410
    assert acted(browser, page, post, account(session), "return").status_code == 303
    assert client.get(link).status_code == 410


def test_nobody_locks_the_clinic_out(client_as, page, post, session, user):
    browser = client_as("administrator")
    mine = acted(browser, page, post, user("administrator"), "suspension")
    assert mine.status_code == 409
    assert "your own access" in mine.text
    assert acted(browser, page, post, user("administrator", second=True), "suspension").status_code == 303
    with pytest.raises(RuleBroken, match="last administrator"):
        staffing.disable(session, by=None, user=account(session, "administrator@north.demo"), at=NOW)


def test_an_account_that_changed_meanwhile_is_not_changed_unseen(client_as, page, post, user):
    browser, person = client_as("administrator"), user("nurse")
    version = page(browser, f"/staff/{person.id}").hidden["version"]
    assert post(browser, f"/staff/{person.id}/suspension", version=version).status_code == 303
    again = post(browser, f"/staff/{person.id}/return", version=version)
    assert again.status_code == 409
    assert "after you had opened it" in again.text


@pytest.mark.hazard("H35")
def test_the_staff_of_another_clinic_is_out_of_reach(client_as, post, user, session):
    theirs = user("nurse", site="south")
    browser = client_as("administrator")
    assert browser.get(f"/staff/{theirs.id}").status_code == 404
    assert post(browser, f"/staff/{theirs.id}/suspension", version="1").status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_only_an_administrator_of_the_clinic_changes_its_staff(role):
    people, others = factories.team(), factories.team("south")
    for by in (people(role), others.administrator):
        with pytest.raises(RuleBroken, match="Only an administrator"):
            staffing.disable(None, by=by, user=people.nurse, at=NOW)
    assert people.nurse.active


def test_the_command_line_may_add_the_first_person(session, team):
    person = staffing.add(
        session, by=None, name="Ada  Quist", email=" Ada@Clinic.Example ", role=Role.ADMINISTRATOR, site=team.site
    )
    assert (person.printed_name, person.email, person.password) == ("Ada Quist", "ada@clinic.example", None)


def test_the_one_time_link_leads_where_the_setting_says_whatever_a_request_calls_itself(
    app, client_as, post, session, monkeypatch
):
    browser = client_as("administrator")
    added(browser, post)
    url = f"/staff/{account(session).id}"
    session.commit()
    monkeypatch.setitem(app.config, "PUBLIC_URL", "https://clinic.example/course")
    browser.set_cookie(app.config["SESSION_COOKIE_NAME"], browser.get_cookie("session").value, domain="evil.example")
    shown = browser.get(url, base_url="http://evil.example", headers={"X-Forwarded-Host": "evil.example"}).text
    assert "https://clinic.example/staff/welcome/" in shown
    assert "evil.example" not in shown
