"""Reading waits for no writer; where the database is away, every page says so, and nothing of one's work is lost."""

from __future__ import annotations

import io
import re
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
from click.testing import CliRunner
from sqlalchemy import event, func, select

from clinic import create_app, guards
from clinic.access import ROUTES, SEARCHES, Role
from clinic.accounts import security
from clinic.accounts.models import FailedSignIn, User
from clinic.cli import clinic
from clinic.extensions import db
from clinic.health import LEAST_SPACE
from clinic.idempotency import new_key
from clinic.patients.models import Patient
from tests.conftest import FAST, make_schema, settings
from tests.databases import PostgreSQLStore
from tests.factories import PASSWORD, clinic_of, harvested, ready_for_harvest
from tests.reading import Page, searched


@contextmanager
def locked(store):
    """Hold the write lock from outside, as a writer that never ends."""
    with closing(sqlite3.connect(store.file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        yield writer
        writer.execute("ROLLBACK")


@pytest.fixture
def impatient(house, engine):
    """The application, which waits for another writer no time at all."""

    @event.listens_for(engine, "connect")
    def _no_patience(connection, _record):
        connection.execute("PRAGMA busy_timeout=0")

    engine.dispose()
    house.app.testing = False
    yield house.app
    house.app.testing = True
    event.remove(engine, "connect", _no_patience)


@pytest.fixture
def begun(engine):
    """How each transaction was begun."""
    said = []

    def listen(_connection, _cursor, statement, *_rest):
        if statement.startswith("BEGIN"):
            said.append(statement)

    event.listen(engine, "before_cursor_execute", listen)
    yield said
    event.remove(engine, "before_cursor_execute", listen)


@pytest.fixture
def course(session, team):
    made = harvested(ready_for_harvest(team), team)
    session.commit()
    return made


def pages_of(app, ids):
    """Yield each address that is asked with GET, filled in with ids of rows that are there."""
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or ROUTES[rule.endpoint] == frozenset():
            continue
        url = rule.rule.replace("<path:filename>", "vendor/clinic.css").replace("<token>", "x.y.z")
        url = url.replace("<name>.<form>", "patients.csv")
        if "<" not in url:
            yield rule.endpoint, url
        for one in ids if "<" in url else ():
            yield rule.endpoint, re.sub(r"<[^>]+>", one, url)


def ids_of(session):
    kinds = [mapper.class_ for mapper in Patient.registry.mappers if hasattr(mapper.class_, "KIND")]
    found = [session.scalar(select(kind.id).limit(1)) for kind in kinds if hasattr(kind, "id")]
    session.commit()
    return [one for one in found if one]


@pytest.mark.slow
@pytest.mark.parametrize("role", [Role.PHYSICIAN, Role.ADMINISTRATOR])
def test_no_page_waits_for_a_writer(house, impatient, begun, client_as, session, course, role):
    ids, browser, shown = ids_of(session), client_as(role), set()
    with locked(house.store):
        begun.clear()
        for endpoint, url in pages_of(impatient, ids):
            with browser.get(url) as answer:
                assert answer.status_code < 500, f"{url} waits for the lock: {answer.status_code}"
                answer.get_data()
                if answer.status_code == 200:
                    shown.add(endpoint)
    assert "BEGIN IMMEDIATE" not in begun
    assert "BEGIN" in begun
    assert {"static", "health.alive", "health.ready"} < shown
    if role is Role.PHYSICIAN:
        assert len(shown) > 50, f"only {len(shown)} pages were shown"
        assert {"exchange.download", "pathway.timeline_of", "pathway.today", "record_pages.amendment"} < shown


def test_a_search_waits_for_no_writer(house, impatient, begun, client_as, session, course):
    browser, quality = client_as("nurse"), client_as("quality")
    treatment = course.treatment.id
    session.commit()
    with locked(house.store):
        begun.clear()
        for url in ("/patients", "/products", "/donors"):
            assert searched(browser, url, q="lind").status_code == 200
        for url in ("/ledger", "/ledger/readings"):
            assert searched(quality, url, kind="view").status_code == 200
        found = browser.post("/scan", data={"code": treatment})
        assert (found.status_code, found.location) == (303, f"/treatments/{treatment}")
        assert "Scan it again" in browser.post("/scan", data={"code": "no such code"}).text
    assert set(begun) == {"BEGIN"}
    assert len(SEARCHES) == 6


@pytest.mark.parametrize("url", ["/static/vendor/clinic.css", "/static/logo.svg", "/healthz"])
def test_a_style_sheet_and_the_sign_of_life_load_nobody(client_as, queries, url):
    browser = client_as("nurse")
    count = queries()
    with browser.get(url) as answer:
        assert answer.status_code == 200
    assert count() == 0


def test_whoever_is_refused_takes_no_write_lock(house, impatient, begun, client, client_as, post):
    signed_in = client_as("nurse")
    with locked(house.store):
        begun.clear()
        assert post(client, "/patients/new").status_code == 302
        assert post(signed_in, "/staff/new").status_code == 403
    assert "BEGIN IMMEDIATE" not in begun


def is_the_page(answer):
    """Whether this is the page of a clinic whose database is away, with everything that every page has."""
    page = Page.of(answer.text)
    assert answer.status_code == 503, f"{answer.request.path}: {answer.status_code}"
    assert answer.headers["Retry-After"] == "10"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["Cache-Control"] == "no-store"
    assert page.problems() == []
    assert "cannot be reached" in page.text
    assert "Wait a minute" in page.text or "wait a minute" in page.text
    return page


def test_a_form_that_meets_a_held_lock_is_kept_by_its_page_and_saved_once(house, impatient, client_as, session):
    browser = client_as("nurse")
    shown = Page.of(browser.get("/patients/new").text)
    sent = {**shown.hidden, "family_name": "Lindqvist", "record_number": "N-77"}
    with locked(house.store):
        page = is_the_page(browser.post("/patients/new", data=sent))
        assert "was not saved" in page.text
        assert "busy" in page.text
        kept = {name: page.hidden[name] for name in sent if sent[name]}
        assert kept == {name: value for name, value in sent.items() if value}
        is_the_page(browser.post("/patients/new", data=kept))
    session.commit()
    assert session.scalar(select(func.count()).select_from(Patient)) == 0
    again = browser.post("/patients/new", data=kept)
    assert again.status_code in {303, 422}, "the form is read as any other"
    assert 'value="Lindqvist"' in again.text or again.status_code == 303


def test_a_password_is_never_put_into_the_page(house, impatient, client):
    with locked(house.store):
        answer = client.post("/login", data={"email": "nurse@north.demo", "password": PASSWORD})
        page = is_the_page(answer)
        assert PASSWORD not in answer.text
        assert page.hidden["email"] == "nurse@north.demo"
        assert [box["type"] for box in page.inputs if box.get("name") == "password"] == ["password"]
    assert client.post("/login", data={"email": "nurse@north.demo", "password": PASSWORD}).status_code == 302


def test_the_page_asks_for_passwords_and_files_again_and_keeps_the_rest(house, impatient, client_as, session, course):
    browser, url = client_as("nurse"), f"/treatments/{course.treatment.id}/bedside"
    session.commit()
    secret = dict.fromkeys(("own_password", "password", "password_again"), PASSWORD)
    letter = {"letter": (io.BytesIO(b"%PDF"), "letter.pdf")}
    with locked(house.store):
        sent = {"volume": "62", "second_person_id": "US-1", "idempotency_key": new_key(), **secret, **letter}
        answer = browser.post(url, data=sent)
    page = is_the_page(answer)
    assert PASSWORD not in answer.text
    assert page.hidden["volume"] == "62"
    assert {box["name"]: box["type"] for box in page.inputs} == {**dict.fromkeys(secret, "password"), "letter": "file"}
    for said in ("without password and file", "Your password", "Password of the second person", "letter.pdf"):
        assert said in page


def test_the_work_of_checking_a_password_is_done_before_the_lock_is_taken(begun, client_as, course, monkeypatch):
    before = []
    check = security.verify_password
    monkeypatch.setattr(security, "verify_password", lambda *given: before.append(list(begun)) or check(*given))
    browser, harvest = client_as("physician", second=True), course.id
    shown = Page.of(browser.get(f"/records/{harvest}/signature").text)
    begun.clear()
    answer = browser.post(f"/records/{harvest}/signature", data={**shown.hidden, "password": PASSWORD})
    assert answer.status_code == 303, Page.of(answer.text).text
    assert len(before) == 1, "once"
    assert "BEGIN IMMEDIATE" not in before[0]
    assert "BEGIN IMMEDIATE" in begun


def test_a_sign_in_is_counted_before_it_is_judged_and_judged_without_the_lock(house, client, session, monkeypatch):
    """Otherwise many tries at once would all be judged before the first of them counts."""
    counted = select(func.count()).select_from(FailedSignIn)
    judge, seen = User.verify_and_update_password, []

    def judged(person, typed):
        with locked(house.store):  # which would wait for five seconds and then fail if this request held the lock
            seen.append(session.scalar(counted))
            session.commit()
        return judge(person, typed)

    monkeypatch.setattr(User, "verify_and_update_password", judged)
    assert client.post("/login", data={"email": "nurse@north.demo", "password": "wrong"}).status_code == 200
    assert client.post("/login", data={"email": "nurse@north.demo", "password": PASSWORD}).status_code == 302
    assert seen == [1, 2]
    assert session.scalar(counted) == 1, "the one that was right is taken back"


@pytest.mark.parametrize("damage", ["moved", "no database", "empty"])
def test_every_page_says_that_the_database_is_away_and_comes_back_by_itself(house, impatient, client_as, damage):
    browser, file = client_as("nurse"), house.store.file
    assert browser.get("/").status_code == 200
    kept = file.with_name("kept.db")
    with impatient.app_context():
        db.engine.dispose()
    for ending in ("", "-wal", "-shm"):
        part = file.with_name(file.name + ending)
        if part.exists():
            part.rename(kept.with_name(kept.name + ending))
    if damage == "no database":
        file.write_bytes(b"This is no database, but a text of some length. " * 40)
    if damage == "empty":
        file.touch()
    for url in ("/", "/patients", "/exports/patients.csv", "/login"):
        is_the_page(browser.get(url))
    is_the_page(browser.post("/patients/new", data={"family_name": "Lindqvist"}))
    assert is_the_page(browser.get("/patients?page=2")).links[-1] == "/patients?page=2"
    assert browser.get("/healthz").status_code == 200
    with browser.get("/static/vendor/clinic.css") as sheet:
        assert sheet.status_code == 200
    ready = browser.get("/readyz")
    assert ready.status_code == 503
    assert ready.json["status"] != "ready"
    assert damage != "moved" or not file.exists(), "no empty database is put in its place"
    for ending in ("", "-wal", "-shm"):
        file.with_name(file.name + ending).unlink(missing_ok=True)
        part = kept.with_name(kept.name + ending)
        if part.exists():
            part.rename(file.with_name(file.name + ending))
    assert browser.get("/").status_code == 200
    assert browser.get("/readyz").status_code == 200


def test_a_file_that_is_moved_while_connections_are_open_takes_no_more_writes(house, impatient, client_as, post):
    browser, file = client_as("nurse"), house.store.file
    assert browser.get("/").status_code == 200
    kept = file.rename(file.with_name("kept.db"))
    is_the_page(post(browser, "/patients/new", family_name="Lindqvist"))
    kept.rename(file)
    assert browser.get("/").status_code == 200


def test_a_page_waits_five_seconds_for_another_writer_and_no_longer(house, engine):
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000


def test_a_disk_that_is_almost_full_is_not_ready(house, client, monkeypatch):
    free = LEAST_SPACE - 1
    monkeypatch.setattr("clinic.health.shutil.disk_usage", lambda _place: type("Usage", (), {"free": free})())
    assert client.get("/readyz").json == {"status": "the disk of the database is full"}


def test_a_full_disk_is_said_as_it_is(house, impatient, client_as, post, engine):
    browser = client_as("nurse")

    def full(_connection, _cursor, statement, *_rest):
        if statement.startswith("INSERT"):
            fault = sqlite3.OperationalError("database or disk is full")
            fault.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise fault

    event.listen(engine, "before_cursor_execute", full)
    try:
        answer = post(browser, "/patients/new", family_name="Lindqvist")
    finally:
        event.remove(engine, "before_cursor_execute", full)
    assert "disk is full" in is_the_page(answer).text


@pytest.mark.postgres
@pytest.mark.slow
def test_a_postgresql_server_that_stops_or_is_frozen_is_said_and_comes_back(tmp_path):
    """A server of this test's own, which it may stop."""
    store = PostgreSQLStore()
    try:
        store.renew()
        app = create_app(replace(settings(store.url, tmp_path), database_wait=2, database_silence=1))
        app.config["WTF_CSRF_ENABLED"] = False
        with app.app_context():
            make_schema(app)
            clinic_of(db.session(), password=FAST.hash(PASSWORD))
            db.session.commit()
        app.testing = False
        browser = app.test_client()
        browser.post("/login", data={"email": "nurse@north.demo", "password": PASSWORD})
        assert browser.get("/").status_code == 200
        store.stop()
        is_the_page(browser.get("/"))
        is_the_page(browser.post("/patients/new", data={"family_name": "Lindqvist"}))
        assert browser.get("/healthz").status_code == 200
        assert browser.get("/readyz").status_code == 503
        store.start_again()
        assert browser.get("/").status_code == 200, "the first page after the restart works"
        with store.frozen():
            is_the_page(browser.get("/"))
            assert browser.get("/healthz").status_code == 200
            assert browser.get("/readyz").json == {"status": "the database does not answer"}
        assert browser.get("/").status_code == 200, "the first page after the thaw works"
        with app.app_context():
            db.engine.dispose()
    finally:
        store.close()


def test_commands_that_read_wait_for_no_writer(house, impatient, session, course, tmp_path, monkeypatch):
    monkeypatch.setenv("CLINIC_INSTANCE", str(tmp_path))
    monkeypatch.setenv("CLINIC_DATABASE_URL", house.store.url)
    monkeypatch.setattr("clinic.console.COMMAND_WAIT", 0)
    table = tmp_path / "patients.csv"
    table.write_text("patient.record_number,patient.family_name,patient.sex\nN-9,Lindqvist,female\n")
    person = session.scalar(select(User.email).where(User.role == Role.COORDINATOR).limit(1))
    session.commit()
    with locked(house.store):
        for words in (
            ["export", "patients", "-o", str(tmp_path / "out.csv")],
            ["export", "--list"],
            ["verify"],
            ["seal"],
            ["user", "list"],
            ["site", "list"],
            ["import", "patients", str(table), "--dry-run", "--as", person],
        ):
            done = CliRunner().invoke(clinic, words)
            assert "locked" not in str(done.exception), words
            assert done.exit_code in {0, 1}, (words, done.output, done.exception)
    assert (tmp_path / "out.csv").stat().st_size > 0


def test_the_guards_are_these_and_in_this_order():
    """A guard that is taken away or moved is noticed here; each has its own tests."""
    assert [guard.__name__ for guard in guards.GUARDS] == [
        "begin_by_reading",
        "refuse_unstorable_characters",
        "refuse_foreign_forms",
        "keep_sign_in_within_the_clinic",
        "require_sign_in",
        "require_open_session",
        "keep_to_own_site",
        "require_role",
        "check_password_without_lock",
        "take_write_lock",
        "take_form_once",
    ]
    assert all(guard.__doc__ for guard in guards.GUARDS)


def test_the_guards_are_asked_before_anything_else_of_the_program(app):
    first = app.before_request_funcs[None]
    ours = [function.__module__ for function in first]
    assert ours.index("clinic.guards") < ours.index("flask_principal")
