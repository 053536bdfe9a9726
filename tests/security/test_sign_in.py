"""What is tried at the sign-in from outside: leading elsewhere, odd bodies, huge boxes, other spellings."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urljoin, urlsplit

import pytest
from sqlalchemy import func, select

from clinic.accounts import security
from clinic.accounts.models import FailedSignIn, User
from clinic.accounts.security import within
from tests.factories import PASSWORD

ELSEWHERE = (
    "https://evil.example/", "//evil.example", "///evil.example", "////evil.example", "/\\evil.example",
    "\\\\evil.example", "\\/evil.example", "/\\/evil.example", "http:evil.example", "https:///evil.example",
    "javascript:alert(1)", "data:text/html,x", "/\t/evil.example", "\t//evil.example", " //evil.example",
    "/\r\n/evil.example", "\x00//evil.example", "https://evil.example@localhost/", "//localhost@evil.example",
    "ftp://evil.example", "http://[evil", "\u2028//evil.example", "/.//evil.example", "//evil.example/%2f..",
    "\uff0f\uff0fevil.example", "evil.example",
)  # fmt: skip
PEOPLE = [f"{role}{n}@{site}.demo" for role in ("nurse", "physician", "quality", "director", "inspector",
          "technologist", "coordinator") for n in ("", "2") for site in ("north", "south")]  # fmt: skip


def sign_in(browser, email="nurse@north.demo", password=PASSWORD, **more):
    return browser.post("/login", data={"email": email, "password": password, **more.pop("data", {})}, **more)


@pytest.mark.parametrize("way", ["address", "form"])
def test_no_spelling_of_another_place_leads_out_of_the_clinic(app, way):
    for number, elsewhere in enumerate(ELSEWHERE):
        more = {"query_string": {"next": elsewhere}} if way == "address" else {"data": {"next": elsewhere}}
        answer = sign_in(app.test_client(), PEOPLE[number], **more)
        if "\0" in elsewhere:
            assert answer.status_code == 400
            continue
        assert answer.status_code == 302, f"{elsewhere!r} kept somebody from signing in"
        assert answer.location.isascii()
        assert answer.location.isprintable()
        led_to = urlsplit(urljoin("http://localhost/login", answer.location.replace("\\", "/").strip()))
        assert (led_to.scheme, led_to.netloc) == ("http", "localhost"), elsewhere
        assert "evil" not in app.test_client().get("/login", query_string={"next": elsewhere}).text or within(elsewhere)


def test_a_path_of_the_clinic_is_where_the_sign_in_leads(client):
    assert client.get("/patients").location == "/login?next=/patients"
    assert sign_in(client, query_string={"next": "/patients"}).location == "/patients"


@pytest.mark.parametrize("place", ELSEWHERE)
def test_only_a_path_is_within_the_clinic(place):
    assert within(place) == ("" if place != "/.//evil.example" else place), "a browser stays here with /.//"
    assert within("/patients") == "/patients"


@pytest.mark.parametrize(
    "body", [{"email": {"a": 1}, "password": []}, {"email": ["x"], "password": 5}, [1], "x", {"email": None}]
)
def test_a_sign_in_that_is_no_form_is_refused_in_a_sentence(client, body):
    answer = client.post("/login?include_auth_token", json=body)
    assert answer.status_code == 400
    assert "form on the page" in answer.text


@pytest.mark.parametrize(("email", "password"), [
    ("nurse@north.demo", "é" * 500_000), ("é" * 500_000, "x"), ("nurse@north.demo", "\x00"), ("a@" * 100_000, "x"),
    ("\x00", "\x00"), ("nurse@north.demo", "x" * 1_000_000),
])  # fmt: skip
def test_a_huge_or_odd_sign_in_is_refused_before_anything_is_hashed(client, monkeypatch, email, password):
    hashed: list[int] = []
    monkeypatch.setattr(User, "verify_and_update_password", lambda _user, typed: bool(hashed.append(len(typed))))
    answer = sign_in(client, email, password)
    assert answer.status_code == (400 if "\0" in email + password else 200)
    assert "The e-mail address or the password is incorrect" in answer.text or answer.status_code == 400
    assert not answer.headers.get("Location")
    assert all(length <= security.MOST_TYPED for length in hashed)


def test_doubled_boxes_of_the_sign_in_break_nothing(client):
    answer = client.post("/login", data={"email": ["a@b.de", "c@d.de"], "password": ["x", "y"], "next": ["/", "//e"]})
    assert answer.status_code == 200


def test_every_spelling_of_an_address_is_throttled_as_one(app):
    spellings = (
        "nurse@north.demo", "NURSE@north.demo", "nurse@NORTH.DEMO", " nurse@north.demo ",
        "nurse@\uff4eorth.demo", "nurse@n\uff4frth.demo", "nurse@no\uff52th.demo",
    )  # fmt: skip
    for spelling in spellings:
        sign_in(app.test_client(), spelling, "wrong")
    browser = app.test_client()
    assert sign_in(browser).status_code == 200, "seven failures, and the right password still has to wait"
    assert browser.get("/").status_code == 302


def test_nobody_is_remembered_on_a_shared_tablet(client):
    answer = sign_in(client, data={"remember": "y"})
    assert answer.status_code == 302
    assert [c.partition("=")[0] for c in answer.headers.getlist("Set-Cookie")] == ["session"]


def test_a_flood_of_unknown_names_fills_no_table(client, session, monkeypatch):
    monkeypatch.setattr("clinic.accounts.throttle.THROTTLE_WINDOW", timedelta(seconds=-1))
    for number in range(5):
        sign_in(client, f"nobody{number}@north.demo", "x")
    assert session.scalar(select(func.count()).select_from(FailedSignIn)) <= 1
