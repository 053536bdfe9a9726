"""No health data in addresses: what is searched for travels in the form, and looking writes nothing (ASVS 14.2.1)."""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select

from clinic.drafts import Draft
from clinic.idempotency import Submission
from clinic.patients import search as searching
from tests import factories
from tests.reading import Page, searched


@pytest.fixture
def grace(team, session):
    """A patient whose name and number are known."""
    one = factories.patient(
        team, family_name="Lindqvist", given_names="Grace", birth_date=date(1974, 3, 9), record_number="N-004187"
    )
    factories.harvested(factories.ready_for_harvest(team, one), team)
    session.commit()
    return one


@pytest.mark.parametrize("url", ["/patients", "/products"])
def test_a_search_is_sent_in_the_form_and_shown_on_a_page_of_its_own(client_as, grace, url):
    browser = client_as("nurse")
    form = next(action for action in Page.of(browser.get(url).text).actions if action[1] == url)
    assert form[0] == "post"
    answer = searched(browser, url, q="lindqvist")
    assert answer.status_code == 200
    shown = Page.of(answer.text)
    assert shown.problems() == []
    assert "LINDQVIST, Grace" in shown
    assert shown.values["q"] == "lindqvist"


@pytest.mark.parametrize("url", ["/patients", "/products"])
def test_words_in_an_address_find_nobody(client_as, grace, url):
    browser = client_as("nurse")
    everything, asked = browser.get(url), browser.get(f"{url}?q=zzzz")
    assert asked.status_code == 200
    assert "LINDQVIST" in everything.text
    assert "LINDQVIST" in asked.text, "words in the address are ignored"
    assert "zzzz" not in asked.text


@pytest.mark.parametrize("url", ["/patients", "/products"])
def test_a_search_writes_nothing_and_waits_for_nobody(client_as, post, session, grace, url):
    browser = client_as("nurse")
    post(browser, url, q="lindqvist")
    post(browser, url, q="lindqvist", do="draft")
    assert session.scalar(select(func.count()).select_from(Submission)) == 0
    assert session.scalar(select(func.count()).select_from(Draft)) == 0


def test_the_same_search_sent_twice_is_answered_twice(client_as, grace):
    browser = client_as("nurse")
    for _ in range(2):
        answer = searched(browser, "/patients", q="grace", idempotency_key="a" * 24)
        assert answer.status_code == 200
        assert "LINDQVIST" in answer.text


def test_further_pages_of_a_search_keep_to_it_and_no_address_holds_its_words(client_as, team, session, monkeypatch):
    monkeypatch.setattr(searching.search, "__kwdefaults__", {**searching.search.__kwdefaults__, "size": 2})
    for number in range(5):
        factories.patient(team, family_name="Same", given_names="Name", record_number=f"K-{number}", weight=None)
    session.commit()
    factories.patient(team, family_name="Other", given_names="Name", record_number="K-9", weight=None)
    session.commit()
    browser, seen = client_as("nurse"), []
    html = searched(browser, "/patients", q="same").text
    for _turn in range(3):
        assert Page.of(html).problems() == []
        seen += re.findall(r"\bK-\d\b", Page.of(html).text)
        further = re.search(r'rel="next" href="([^"]+)"', html)
        if further:
            assert "same" not in further[1]
            html = browser.get(further[1].replace("&amp;", "&")).text
    assert sorted(seen) == [f"K-{number}" for number in range(5)]
    back = re.search(r'rel="prev" href="([^"]+)"', html)
    assert back is not None
    assert "K-" in Page.of(browser.get(back[1].replace("&amp;", "&")).text)


@pytest.mark.parametrize("url", ["/patients", "/products"])
def test_back_shows_the_search_again_and_nobody_elses_words(client_as, grace, url):
    browser = client_as("nurse")
    first = browser.post(url, data={"q": "lindqvist"}).location
    second = browser.post(url, data={"q": "zzzz"}).location
    assert first != second
    assert "lindqvist" not in first
    assert Page.of(browser.get(first).text).values["q"] == "lindqvist"
    assert "LINDQVIST" in browser.get(first).text
    assert "LINDQVIST" not in browser.get(second).text
    colleague = client_as("nurse", second=True).get(first).text
    assert Page.of(colleague).values["q"] == ""
    for key in ("../secret_key", "x" * 22, "", "%00"):
        assert browser.get(f"{url}?search={key}").status_code in {200, 400}


@pytest.mark.slow
def test_no_link_of_any_page_holds_a_name_a_birth_date_or_a_record_number(client_as, grace):
    browser, seen, waiting = client_as("physician"), set(), ["/"]
    told = re.compile(r"lindqvist|grace|n-?004187|1974", re.IGNORECASE)
    while waiting and len(seen) < 200:
        url = waiting.pop(0).partition("#")[0]
        if url in seen or urlsplit(url).netloc or not url.startswith("/") or url.startswith(("/static", "/exports/")):
            continue
        seen.add(url)
        assert not told.search(url), url
        answer = browser.get(url)
        assert answer.status_code in {200, 302, 405}, (url, answer.status_code, Page.of(answer.text).text)
        assert "/login" not in (answer.location or ""), url
        if answer.mimetype == "text/html":
            waiting += [*Page.of(answer.text).links, *(action for _method, action in Page.of(answer.text).actions)]
    assert len(seen) > 60, sorted(seen)
