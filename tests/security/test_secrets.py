"""A password is judged and forgotten: no draft and no page keeps what was typed into a box for one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
import wtforms
from alembic import command
from sqlalchemy import insert, make_url, select

import clinic
from clinic import clock, create_app
from clinic.drafts import Draft
from clinic.extensions import db, migrate
from clinic.secret_boxes import is_secret
from tests import factories
from tests.conftest import settings
from tests.databases import both_databases
from tests.reading import Page

NOON = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
WORD = "the sea is calm tonight"
NAMES = ("own_password", "password", "second_password", "password_again", "PASSWORD", "new-password[]", "passphrase")
"""Boxes in which a form of today or of tomorrow asks for a secret."""


def all_forms(kind=wtforms.Form):
    yield kind
    for one in kind.__subclasses__():
        yield from all_forms(one)


def boxes_of(form):
    found = ((name, getattr(form, name)) for name in dir(form) if not name.startswith("__"))
    return [(name, box) for name, box in found if isinstance(box, wtforms.fields.core.UnboundField)]


def test_every_box_for_a_password_of_every_form_is_known_as_a_secret(app):
    asked = {
        (form.__name__, name)
        for form in all_forms()
        for name, box in boxes_of(form)
        if issubclass(box.field_class, wtforms.PasswordField)
    }
    assert {("BedsideForm", "own_password"), ("VoidForm", "own_password"), ("WelcomeForm", "password_again")} < asked
    assert sorted(one for one in asked if not is_secret(one[1])) == []
    for page in Path(clinic.__file__).parent.rglob("*.html"):
        for box in re.findall(r"<input[^>]*type=\"password\"[^>]*>", page.read_text()):
            name = re.search(r'name="([^"]*)"', box).group(1)
            assert is_secret(name) or name.startswith("{{"), page.name


def test_what_a_form_says_of_a_patient_is_no_secret(app):
    ours = [form for form in all_forms() if form.__module__.startswith("clinic.")]
    taken = {name for form in ours for name, box in boxes_of(form)
             if not issubclass(box.field_class, wtforms.PasswordField) and is_secret(name)}  # fmt: skip
    assert len(ours) > 50
    assert taken == set()


@pytest.fixture
def course(session, team):
    made = factories.harvested(factories.ready_for_harvest(team), team)
    session.commit()
    return made.treatment.id


@pytest.mark.parametrize("how", ["no session", "idle", "kept by itself", "kept by hand"])
def test_no_draft_keeps_a_password(client_as, post, session, course, how):
    url, typed = f"/treatments/{course}/bedside", dict.fromkeys(NAMES, WORD) | {"volume": "62"}
    with time_machine.travel(NOON, tick=False) as now:
        browser = client_as("nurse")
        sent = {"typed_by": Page.of(browser.get(url).text).hidden["typed_by"], **typed}
        if how == "no session":
            browser.delete_cookie("session")
        if how == "idle":
            now.shift(timedelta(minutes=20))
        do = {"kept by itself": "autosave", "kept by hand": "draft"}.get(how, "")
        post(browser, url, sent, do=do)
    kept = session.scalars(select(Draft.typed)).one()
    assert kept["volume"] == ["62"]
    assert WORD not in str(kept)


def test_a_draft_that_is_refused_sends_no_password_back(client_as, post, course):
    browser, url = client_as("nurse"), f"/treatments/{course}/bedside"
    answer = post(browser, url, dict.fromkeys(NAMES, WORD) | {"volume": "6" * 100_001}, do="draft")
    assert answer.status_code == 409
    assert WORD not in answer.text


@both_databases
def test_the_migration_takes_passwords_out_of_drafts_that_are_kept(house, tmp_path):
    url = house.store.empty("drafts")
    app = create_app(settings(url, tmp_path))
    with app.app_context():
        command.upgrade(migrate.get_config(), "0032")
        typed = {"own_password": [WORD], "volume": ["62"]}
        rows = [
            {"id": f"DR-{n}", "user_id": "US-1", "path": f"/{n}", "title": "Check", "typed": one, "at": clock.now()}
            for n, one in enumerate([typed, {"kg": ["81"]}])
        ]
        with db.engine.begin() as connection:
            connection.execute(insert(Draft), rows)
        command.upgrade(migrate.get_config(), "head")
        with db.engine.connect() as connection:
            assert connection.scalars(select(Draft.typed).order_by(Draft.id)).all() == [
                {"volume": ["62"]}, {"kg": ["81"]},
            ]  # fmt: skip
        db.session.remove()
        db.engine.dispose()
    if name := make_url(url).database if url.startswith("sqlite") else None:
        assert WORD.encode() not in Path(name).read_bytes(), "what was kept is overwritten in the file"
