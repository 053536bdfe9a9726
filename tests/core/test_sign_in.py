"""Signing in, staying signed in, signing out; and what every answer says to the browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from sqlalchemy import select

from clinic.accounts.models import SignIn
from tests.factories import PASSWORD, patient
from tests.reading import Page

NOON = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)


def sign_in(browser, email="nurse@north.demo", password=PASSWORD):
    return browser.post("/login", data={"email": email, "password": password})


def is_open(browser):
    return browser.get("/").status_code == 200


def test_the_form_opens_the_same_session_as_the_tests_do(client, client_as):
    assert sign_in(client).status_code == 302
    assert is_open(client)
    with client.session_transaction() as made, client_as("nurse").session_transaction() as ours:
        assert set(ours) <= set(made)


def test_each_of_the_demonstration_s_people_signs_in_with_its_password(app):
    for email in ("nurse2@south.demo", "administrator@north.demo", "inspector@south.demo"):
        browser = app.test_client()
        sign_in(browser, email)
        assert is_open(browser)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("nurse@north.demo", "wrong"),
        ("nobody@north.demo", PASSWORD),
        ("nurse@north.demo", ""),
        ("' OR 1=1", "x"),
        ("", ""),
    ],
)
def test_a_wrong_address_and_a_wrong_password_are_told_apart_by_nobody(client, email, password):
    answer = sign_in(client, email, password)
    assert answer.status_code == 200
    assert "The e-mail address or the password is incorrect" in answer.text
    assert not is_open(client)


def test_a_session_ends_after_a_quarter_of_an_hour_without_a_touch(client_as, app):
    with time_machine.travel(NOON, tick=False) as now:
        browser = client_as("nurse")
        now.shift(timedelta(minutes=14, seconds=59))
        assert is_open(browser)
        now.shift(timedelta(minutes=15, seconds=1))
        assert not is_open(browser)


def test_a_session_ends_after_twelve_hours_of_work(client_as):
    with time_machine.travel(NOON, tick=False) as now:
        browser = client_as("nurse")
        for _ in range(72):
            assert is_open(browser)
            now.shift(timedelta(minutes=10))
        now.shift(timedelta(seconds=1))
        assert not is_open(browser)


def test_a_cookie_that_was_made_up_opens_nothing(app, client_as):
    browser = client_as("nurse")
    cookie = browser.get_cookie("session").value
    for made_up in ("", "x", cookie[:-2] + "aa", cookie.replace(".", "..", 1)):
        thief = app.test_client()
        thief.set_cookie("session", made_up)
        assert not is_open(thief)


def test_whoever_has_no_access_any_more_is_out_at_once(client_as, session, user):
    browser = client_as("nurse")
    assert is_open(browser)
    user("nurse").active = False
    session.commit()
    assert not is_open(browser)


def test_after_five_failures_even_the_right_password_waits_half_a_minute(client):
    with time_machine.travel(NOON, tick=False) as now:
        for _ in range(5):
            sign_in(client, password="wrong")
        assert sign_in(client).status_code == 200
        assert not is_open(client)
        now.shift(timedelta(seconds=31))
        assert sign_in(client).status_code == 302
        assert is_open(client)


def test_after_ten_failures_the_address_waits_a_quarter_of_an_hour_and_others_do_not(app, client):
    with time_machine.travel(NOON, tick=False) as now:
        for _ in range(10):
            sign_in(client, password="wrong")
            now.shift(timedelta(seconds=31))
        now.shift(timedelta(minutes=9))
        assert sign_in(client).status_code == 200
        other = app.test_client()
        assert sign_in(other, "physician@north.demo").status_code == 302
        now.shift(timedelta(minutes=15))
        assert sign_in(client).status_code == 302


def test_the_sign_in_leads_on_only_within_the_clinic(client):
    for elsewhere in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "http:evil.example",
        "javascript:alert(1)",
    ):
        answer = client.post(
            "/login", query_string={"next": elsewhere}, data={"email": "nurse@north.demo", "password": PASSWORD}
        )
        led_to = urlsplit(answer.location or "")
        assert answer.status_code in {200, 302}
        assert (led_to.scheme, led_to.netloc) == ("", ""), elsewhere
        assert not (answer.location or "").startswith(("//", "/\\"))
        client.delete_cookie("session")


@pytest.fixture
def guarded(app):
    """The application as it runs: every form must carry the token of its session."""
    app.config["WTF_CSRF_ENABLED"] = True
    return app


def test_signing_out_ends_the_session_itself_not_only_the_cookie(guarded, client_as, post, session):
    client = client_as("nurse")
    cookie = client.get_cookie("session")
    token = Page.of(client.get("/").text).hidden["csrf_token"]
    assert is_open(client)
    assert client.post("/logout").status_code == 400, "nobody is signed out by another site's form"
    assert client.post("/logout", data={"csrf_token": token}).status_code == 302
    assert not is_open(client)
    thief = guarded.test_client()
    thief.set_cookie("session", cookie.value)
    assert not is_open(thief)
    assert session.scalars(select(SignIn.ended_at)).one() is not None


def test_a_form_without_the_token_of_its_session_is_refused(guarded, client_as, post):
    nurse, other = client_as("nurse"), client_as("nurse", second=True)
    assert post(nurse, "/patients/new", csrf_token="").status_code == 400
    assert post(nurse, "/patients/new", csrf_token="made-up").status_code == 400
    foreign = post(other, "/patients/new")
    assert foreign.status_code == 422, "with its own token the form is read"
    token = other.get("/patients/new").text.split('name="csrf_token" value="')[1].split('"')[0]
    assert post(nurse, "/patients/new", csrf_token=token).status_code == 400


def test_a_form_without_its_key_is_refused(client_as):
    assert client_as("nurse").post("/patients/new", data={"family_name": "Quandt"}).status_code == 400


@pytest.mark.parametrize("url", ["/", "/login", "/nothing", "/static/css/tokens.css", "/healthz", "/patients"])
def test_every_answer_says_the_same_to_the_browser(client_as, url):
    with client_as("nurse").get(url) as answer:
        headers = answer.headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for part in ("base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"):
        assert part in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    assert "charset=utf-8" in headers["Content-Type"].lower() or not headers["Content-Type"].startswith("text/")


def test_a_patient_s_page_is_kept_in_no_cache(client_as, session, team):
    one = patient(team)
    assert client_as("nurse").get(f"/patients/{one.id}").headers["Cache-Control"] == "no-store"


def test_the_session_s_cookie_is_out_of_reach_of_scripts(client):
    cookie = sign_in(client).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
def test_unknown_methods_are_refused(client_as, method):
    assert client_as("nurse").open("/patients", method=method).status_code == 405
