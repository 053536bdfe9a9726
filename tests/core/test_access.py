"""Every route for every role, another clinic's rows, and pages that only read."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import closing

import pytest
from flask import Blueprint
from sqlalchemy import func, select

import clinic
from clinic.access import OPEN, ROUTES, Role
from clinic.identifiers import check_character
from clinic.ledger.listener import set_actor
from clinic.ledger.models import LedgerEntry
from clinic.ledger.verify import models
from tests.conftest import settings
from tests.factories import harvested, ready_for_harvest, stranger

NOBODY = ("security.login", "security.logout")
ID = re.compile(r"<[^>]+>")
TOKENS = re.compile(r'value="[\w.-]{20,}"|data-now="[^"]*"|Page created [^<]*')


def addresses(app, method):
    """Yield endpoint and address of every route of ours that takes a method; ids in it are of nobody."""
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()) and rule.endpoint != "static" and not rule.endpoint.endswith(".static"):
            yield rule.endpoint, ID.sub("PT-00000000", rule.rule), rule


def missing(kind):
    """Return an id of a kind, right in its check character, that no row has."""
    return f"{kind}-00000000{check_character(f'{kind}00000000')}"


@pytest.mark.hazard("H35")
@pytest.mark.parametrize("role", list(Role))
def test_a_role_opens_what_the_table_gives_it_and_nothing_else(app, client_as, post, role):
    browser = client_as(role)
    for method in ("GET", "POST"):
        for endpoint, url, _rule in addresses(app, method):
            if endpoint in {"security.logout", *OPEN}:
                continue
            roles = ROUTES[endpoint]
            answer = browser.get(url) if method == "GET" else post(browser, url)
            if roles is None or role in roles:
                assert answer.status_code not in {401, 403}, f"{role} may not {method} {url}"
                assert answer.status_code < 500, f"{method} {url} broke"
            else:
                assert answer.status_code == 403, f"{role} may {method} {url}: {answer.status_code}"


def test_whoever_is_not_signed_in_is_led_to_the_sign_in(app, client, post):
    tried = 0
    for method in ("GET", "POST"):
        for endpoint, url, _rule in addresses(app, method):
            if ROUTES[endpoint] is None:
                continue
            answer = client.get(url) if method == "GET" else post(client, url)
            assert answer.status_code == 302, f"{method} {url}"
            assert answer.location.startswith("/login"), f"{method} {url} leads to {answer.location}"
            tried += 1
    assert tried > 60


def test_open_to_everybody_are_only_sign_in_and_the_signs_of_life(app):
    known = {"static", "health.alive", "health.ready", "accounts.welcome", *NOBODY}
    assert {endpoint for endpoint, roles in ROUTES.items() if roles is None} - known == set()


def test_every_route_is_in_the_table(app):
    assert {rule.endpoint for rule in app.url_map.iter_rules()} <= set(ROUTES)


def test_a_route_that_names_no_roles_stops_the_start(monkeypatch, tmp_path):
    bp = Blueprint("forgotten", "forgotten")
    bp.add_url_rule("/forgotten", "page", lambda: "")
    monkeypatch.setattr(clinic, "import_module", lambda _name: type("Room", (), {"bp": bp}))
    monkeypatch.setattr(clinic, "ROOMS", ("forgotten",))
    with pytest.raises(RuntimeError, match=r"forgotten\.page names no roles"):
        clinic.create_app(settings("sqlite://", tmp_path), pathway=())


@pytest.fixture
def south(session, southern_team):
    """Ids of rows of every kind that a southern course has, by kind."""
    set_actor(session, southern_team.physician.id)
    harvested(ready_for_harvest(southern_team), southern_team)
    stranger(southern_team)
    session.commit()
    found = {}
    for model in models().values():
        row = session.scalar(select(model.id).where(model.site_id == southern_team.site.id).limit(1))
        if row is not None:
            found[model.KIND] = row
    session.commit()
    assert len(found) >= 12
    return found


@pytest.mark.slow
@pytest.mark.hazard("H35")
def test_another_clinic_s_row_is_as_good_as_missing(app, south, client_as, post):
    """The southern staff finds each row; the northern staff gets the very page that a number of nobody gives."""
    browsers = {(role, site): client_as(role, site=site) for role in Role for site in ("north", "south")}
    compared = 0
    for method in ("GET", "POST"):
        for endpoint, _url, rule in addresses(app, method):
            roles = ROUTES[endpoint]
            if "_id>" not in rule.rule or not roles:
                continue
            role = min(roles)
            for kind, row in south.items():
                browser = browsers[role, "north"]
                ask = (lambda by, url: by.get(url)) if method == "GET" else post
                if ask(browsers[role, "south"], ID.sub(row, rule.rule)).status_code == 404:
                    continue
                foreign, nobody = (ask(browser, ID.sub(id_, rule.rule)) for id_ in (row, missing(kind)))
                assert foreign.status_code == nobody.status_code == 404, (
                    f"{method} {rule.rule} shows {kind} of another clinic"
                )
                assert _without_marks(foreign.text, row) == _without_marks(nobody.text, missing(kind))
                compared += 1
    assert compared > 25


def _without_marks(html, public_id):
    return TOKENS.sub("", html.replace(public_id, "ID"))


def _whole(file):
    with closing(sqlite3.connect(file)) as connection:
        return hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("role", [Role.PHYSICIAN, Role.QUALITY, Role.ADMINISTRATOR])
def test_looking_at_pages_writes_nothing(house, session, team, client_as, role):
    if house.store.url.startswith("postgresql"):
        pytest.fail("this test compares the bytes of a SQLite database")
    harvested(ready_for_harvest(team), team)
    browser = client_as(role)
    session.commit()
    entries = session.scalar(select(func.count()).select_from(LedgerEntry))
    session.commit()
    before, seen, waiting = _whole(house.store.file), set(), ["/"]
    while waiting and len(seen) < 150:
        url = waiting.pop(0).partition("#")[0]
        if url in seen or not url.startswith("/") or url.startswith("/static"):
            continue
        seen.add(url)
        answer = browser.get(url)
        assert answer.status_code < 500, url
        if answer.mimetype == "text/html":
            waiting += re.findall(r'href="(/[^"]*)"', answer.text)
    assert len(seen) > 5
    assert _whole(house.store.file) == before
    assert session.scalar(select(func.count()).select_from(LedgerEntry)) == entries
