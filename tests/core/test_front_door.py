"""How the application is made and found: by Flask's own command, with a step more, under a prefix, its secrets."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from flask import Blueprint, url_for
from flask_security.utils import hash_password, verify_password
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client as Browser
from werkzeug.wrappers import Response

from clinic import UnderPrefix, assets, create_app
from clinic.access import ROUTES, allow
from clinic.followup.step import FOLLOW_UP
from clinic.pathway.order import PATHWAY, choose, current
from clinic.schema import MIGRATIONS
from tests.conftest import settings
from tests.factories import PASSWORD, harvested, ready_for_harvest

FLASK = Path(sys.executable).with_name("flask")


def flask(folder, *words):
    environ = {**os.environ, "CLINIC_INSTANCE": str(folder), "CLINIC_ENV": "development"}
    return subprocess.run(  # noqa: S603 - Flask's own program
        [str(FLASK), *words], env=environ, cwd=MIGRATIONS.parent, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("front", ["clinic", "wsgi"])
def test_flask_finds_the_application_and_every_command_that_it_lists_answers(tmp_path, front):
    listed = flask(tmp_path, "--app", front, "--help")
    assert (listed.returncode, listed.stderr) == (0, "")
    commands = re.findall(r"^  ([a-z]+)  ", listed.stdout.partition("Commands:")[2], re.MULTILINE)
    assert commands == ["db", "routes", "run", "shell"], "and none of the sign-in package, which knows no ledger"
    every = (("routes",), ("db", "upgrade"), ("db", "current"), ("db", "check"))
    for words in every if front == "clinic" else every[:1]:  # both fronts are one application
        done = flask(tmp_path, "--app", front, *words)
        assert done.returncode == 0, (words, done.stderr)


def test_every_purpose_has_a_secret_of_its_own_that_tells_nothing_of_the_key(tmp_path):
    one = settings("sqlite://", tmp_path)
    derived = {purpose: one.derived(purpose) for purpose in ("password salt", "another purpose")}
    assert len(set(derived.values())) == 2
    assert all(len(secret) == 64 for secret in derived.values())
    for secret in (*derived.values(), create_app(one).config["SECURITY_PASSWORD_SALT"]):
        assert one.secret_key not in secret
        assert one.secret_key[::-1] not in secret


def test_a_password_that_was_kept_under_another_salt_is_still_right(app):
    """Argon2 salts each password by itself; the salt of the application is no part of it."""
    with app.test_request_context():
        app.config["SECURITY_PASSWORD_SALT"], salt = app.secret_key[::-1], app.config["SECURITY_PASSWORD_SALT"]
        kept = hash_password(PASSWORD)
        app.config["SECURITY_PASSWORD_SALT"] = salt
        assert verify_password(PASSWORD, kept)
        assert not verify_password(PASSWORD[::-1], kept)


@pytest.fixture
def a_step(monkeypatch):
    """Return a step whose pages are in a module of the test's own."""
    bp = Blueprint("transport", __name__)
    bp.add_url_rule("/transports", "index", allow({"nurse"})(lambda: ""))
    bp.add_url_rule("/transports/new", "new", allow({"nurse"})(lambda: ""))
    module = ModuleType("transport_pages")
    module.bp = bp
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def step(**facts):
        given = {"name": "transport", "endpoint": "transport.index", "begin": "transport.new"}
        return replace(FOLLOW_UP, views=(module.__name__,), **given | facts)

    return step


@pytest.fixture
def routes():
    """The table of routes and the order of the steps as the clinic has them, again after the test."""
    before = dict(ROUTES)
    yield ROUTES
    choose(PATHWAY)
    ROUTES.clear()
    ROUTES.update(before)


def test_an_application_with_one_step_more_has_its_pages(tmp_path, routes, a_step):
    app = create_app(settings("sqlite://", tmp_path), (*PATHWAY, a_step()))
    assert routes["transport.new"] == {"nurse"}
    assert current()[-1].name == "transport"
    with app.test_request_context():
        assert url_for("transport.new") == "/transports/new"


@pytest.mark.parametrize(("facts", "said"), [
    ({"begin": "transport.begin"}, "transport.begin, which is no page"),
    ({"endpoint": "transport.list"}, "transport.list, which is no page"),
    ({"templates": ("transport/nowhere.html",)}, "the template transport/nowhere.html"),
])  # fmt: skip
def test_a_step_without_its_pages_stops_the_start(tmp_path, routes, a_step, facts, said):
    with pytest.raises(RuntimeError, match=said):
        create_app(settings("sqlite://", tmp_path), (*PATHWAY, a_step(**facts)))


def links_of(html):
    """Return every address that a page names in href, src and action."""
    return re.findall(r'(?:href|src|action)="([^"#][^"]*)"', html)


@pytest.mark.parametrize("mount", ["dispatcher", "proxy that cuts off", "proxy that leaves it"])
def test_every_address_of_every_page_is_under_the_prefix(app, session, team, mount):
    course = harvested(ready_for_harvest(team), team)
    session.commit()
    cut = mount == "proxy that cuts off"
    if mount == "dispatcher":
        whole = DispatcherMiddleware(Response("not ours", 404), {"/clinic": app.wsgi_app})
    else:
        whole = UnderPrefix(app.wsgi_app, "/clinic")
    browser = Browser(whole, Response)

    def asked(url):
        return url.removeprefix("/clinic") if cut else url

    answer = browser.post(asked("/clinic/login"), data={"email": "physician@north.demo", "password": PASSWORD})
    assert answer.location == "/clinic/"
    waiting, seen = ["/clinic/", f"/clinic/harvests/{course.id}", "/clinic/login?next=/clinic/patients"], set()
    while waiting and len(seen) < 40:
        url = waiting.pop(0)
        if url in seen or url in {"/clinic/logout", "/clinic/today/filter"}:  # are sent, not opened
            continue
        seen.add(url)
        with browser.get(asked(url)) as answer:
            assert answer.status_code in {200, 302}, url
            if answer.status_code == 302:
                assert answer.location.startswith("/clinic/"), (url, answer.location)
            if answer.mimetype != "text/html":
                continue
            links = links_of(answer.text)
        assert [link for link in links if not link.startswith(("/clinic/", "?"))] == [], url
        waiting += [link.replace("&amp;", "&") for link in links if link.startswith("/clinic/")]
    assert len(seen) == 40
    assert any(url.startswith("/clinic/static/vendor/clinic.css?v=") for url in {*seen, *waiting})


def test_who_is_not_signed_in_is_led_to_the_sign_in_and_back_under_the_prefix(app):
    browser = Browser(DispatcherMiddleware(Response("not ours", 404), {"/clinic": app.wsgi_app}), Response)
    answer = browser.get("/clinic/patients")
    assert answer.location == "/clinic/login?next=/clinic/patients"
    signed_in = browser.post(answer.location, data={"email": "nurse@north.demo", "password": PASSWORD})
    assert signed_in.location == "/clinic/patients"
    assert browser.get("/clinic/nothing").status_code == 404


def test_a_one_time_link_names_the_public_path_once(tmp_path):
    public = replace(settings("sqlite://", tmp_path), public_url="https://clinics.example/north")
    app = create_app(public)
    with app.test_request_context(base_url=public.public_url):
        assert url_for("accounts.welcome", token="x") == "/north/staff/welcome/x"


def test_no_template_module_or_style_sheet_names_an_absolute_path(app):
    """Whoever mounts the clinic elsewhere finds no link that leads out of it."""
    package, found = Path(app.root_path), []
    for file in (*package.rglob("*.html"), *package.rglob("*.py"), *package.glob("static/css/*.css")):
        text = file.read_text()
        found += [f"{file.name}: {hit}" for hit in re.findall(r'(?:href|src|action)=\\?"/[^"]*|url\("?/[^")]*', text)]
    assert found == []


def test_style_sheet_and_script_are_one_each_and_kept_for_good_where_the_address_names_the_content(client):
    page = client.get("/login").text
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    scripts = re.findall(r'<script src="([^"]+)"', page)
    assert len(sheets) == len(scripts) == 1
    for url in (*sheets, *scripts):
        assert re.fullmatch(r"/static/vendor/clinic\.(css|js)\?v=[0-9a-f]{12}", url)
        with client.get(url, headers={"Accept-Encoding": "gzip"}) as packed, client.get(url) as plain:
            assert packed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert packed.headers["Content-Encoding"] == "gzip"
            assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
            assert packed.mimetype == plain.mimetype
            assert gzip.decompress(packed.data) == plain.data
            assert len(packed.data) < len(plain.data) / 2
        with client.get(url.partition("?")[0]) as bare, client.get(f"{url}0") as old:
            for answer in (bare, old):
                assert "immutable" not in answer.headers["Cache-Control"]
                assert "max-age=86400" in answer.headers["Cache-Control"]


def test_the_font_that_the_page_fetches_ahead_is_the_one_that_the_style_sheet_names(client):
    ahead = re.search(r'rel="preload" href="/static/vendor/([^"]+)"', client.get("/login").text)[1]
    assert f'url("{ahead}")' in (assets.STATIC / "vendor" / "clinic.css").read_text()


@pytest.mark.parametrize("name", ["../config.py", "..%2f__init__.py", "vendor/../../access.py", "nothing.css"])
def test_nothing_but_static_files_is_sent(client, name):
    assert client.get(f"/static/{name}?v=").status_code == 404


def test_the_style_sheet_holds_every_part_of_ours(app):
    whole = (assets.STATIC / "vendor" / "clinic.css").read_text()
    for part in (assets.STATIC / "css").glob("*.css"):
        assert part.read_text().splitlines()[0] in whole, f"run make set-up: {part.name} is missing"


def spoken_for(package):
    """Return every word of templates, modules and scripts, and every beginning that a template completes."""
    files = [*package.rglob("*.html"), *package.rglob("*.py"), *package.glob("static/js/*.js")]
    text = "\n".join(file.read_text() for file in files)
    words = set(re.findall(r"[A-Za-z_][\w-]*", text))
    begun = set(re.findall(r"([a-z][\w-]*-+)(?=\{\{|['\"] ?~)", text))
    return words, tuple(begun)


def test_every_class_of_the_style_sheets_is_used_by_a_page(app):
    words, begun = spoken_for(Path(app.root_path))
    unused = []
    for file in (assets.STATIC / "css").glob("*.css"):
        text = re.sub(r'/\*.*?\*/|url\([^)]*\)|"[^"]*"', "", file.read_text(), flags=re.DOTALL)
        names = set(re.findall(r"\.([A-Za-z_][\w-]*)", text))
        unused += [f"{file.name}: {name}" for name in names - words if not name.startswith(begun)]
    assert unused == []


def test_every_class_of_a_page_is_styled(app):
    """A class of ours that no style sheet knows was renamed in one of the two places."""
    styled = (assets.STATIC / "vendor" / "clinic.css").read_text()
    for file in Path(app.root_path).rglob("*.html"):
        for said in re.findall(r'class="([^"]*)"', re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "*", file.read_text())):
            for name in said.split():
                assert not re.fullmatch(r"c-[\w-]+", name) or f".{name}" in styled, f"{file.name}: {name}"


def test_every_hook_of_the_script_is_in_a_page(app):
    pages = "\n".join(file.read_text() for file in Path(app.root_path).rglob("*.html"))
    hooks = re.findall(r"\[data-([a-z-]+)\]", "\n".join(file.read_text() for file in assets.STATIC.glob("js/*.js")))
    made_by_the_script = {"typed", "sent"}
    assert {hook for hook in hooks if f"data-{hook}" not in pages} <= made_by_the_script
