"""What tests stand on: a clinic with two sites and its staff, signed-in clients, pages that are looked over."""

from __future__ import annotations

import gc
import os
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from flask.testing import FlaskClient
from flask_security.proxies import _security
from passlib.context import CryptContext
from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session

from clinic import clock, create_app, idempotency
from clinic.access import Role
from clinic.accounts.models import SignIn, User
from clinic.extensions import db
from clinic.identifiers import fingerprint
from clinic.ledger.listener import set_actor
from clinic.model import Model
from clinic.schema import MIGRATIONS, head
from config import Settings
from tests.databases import PostgreSQLStore, SQLiteStore, Store, keep_nothing_over_a_power_cut
from tests.demonstration import demonstration, empty, grown, pytest_collection_modifyitems
from tests.factories import PASSWORD, Team, clinic_of, team_of
from tests.reading import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from werkzeug.test import TestResponse

__all__ = ["demonstration", "empty", "grown", "pytest_collection_modifyitems"]
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
"""No test is about time: a loaded machine finds no example too slow."""
gc.set_threshold(20_000, 20, 20)
FAST = CryptContext(schemes=["argon2"], argon2__time_cost=1, argon2__memory_cost=8, argon2__parallelism=1)
"""Real argon2 with the least work: a test signs in often, and no password of a test is worth guessing."""


@dataclass
class House:
    """One application on one kind of database, made once for the run."""

    app: Flask
    store: Store
    reading: threading.local = field(default_factory=threading.local)

    def renew(self) -> None:
        """Give the next test a fresh copy of the clinic."""
        with self.app.app_context():
            db.engine.dispose()
        shutil.rmtree(Path(self.app.instance_path, "imports"), ignore_errors=True)  # what the last test uploaded
        self.store.renew()


class Client(FlaskClient):
    """A test client before which everything that the test itself wrote is committed."""

    before: Callable[[], None] = staticmethod(lambda: None)

    def open(self, *args: Any, **more: Any) -> TestResponse:
        """Commit the test's own session, so that the request sees it and waits for no lock of it."""
        self.before()
        return super().open(*args, **more)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """Which database: SQLite unless a test asks for both or CLINIC_TEST_DATABASE says postgresql."""
    return getattr(request, "param", None) or os.environ.get("CLINIC_TEST_DATABASE", "sqlite")


@pytest.fixture(scope="session")
def _houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], House]]:
    made: dict[str, House] = {}

    def house(database: str) -> House:
        if database not in made:
            folder = tmp_path_factory.mktemp(database)
            store: Store = {"sqlite": lambda: SQLiteStore(folder), "postgresql": PostgreSQLStore}[database]()
            store.renew()
            made[database] = _built(store, folder)
        return made[database]

    yield house
    for one in made.values():
        with one.app.app_context():
            db.engine.dispose()
        one.store.close()


def settings(url: str, folder: Any) -> Settings:
    """Return the settings of an application under test."""
    return Settings(
        instance=folder, database_url=url, secret_key="a-key-of-the-tests-and-of-nothing-else", testing=True
    )


def _built(store: Store, folder: Any) -> House:
    app = create_app(settings(store.url, folder))
    app.config["WTF_CSRF_ENABLED"] = False
    app.test_client_class = Client
    with app.app_context():
        keep_nothing_over_a_power_cut(db.engine)
        _security.pwd_context = FAST
        make_schema(app)
        with Session(db.engine) as session:
            clinic_of(session, password=FAST.hash(PASSWORD))
            session.commit()
        db.engine.dispose()
    store.keep()
    gc.collect()
    gc.freeze()  # the app lives as long as the run: no collection needs to walk through it
    return House(app, store)


def make_schema(app: Flask) -> None:
    """Make the tables as a clinic gets them: by the migrations."""
    if head() is None:
        Model.metadata.create_all(db.engine)
        return
    from flask_migrate import upgrade  # noqa: PLC0415 - loads alembic's commands

    upgrade(directory=str(MIGRATIONS))
    app.logger.disabled = False


@pytest.fixture
def house(_houses: Callable[[str], House], database: str) -> Iterator[House]:
    """The application and its database, fresh for this test."""
    one = _houses(database)
    one.renew()
    yield one
    one.app.config["WTF_CSRF_ENABLED"] = False


@pytest.fixture
def app(house: House) -> Flask:
    """The application over a clinic with two sites and its staff, and nobody treated yet.

    Hold no application context open around a client's request: both would share who is signed in.
    """
    return house.app


@pytest.fixture
def engine(app: Flask) -> Any:
    """The engine of the test's database."""
    with app.app_context():
        return db.engine


@pytest.fixture
def session(engine: Any, app: Flask) -> Iterator[Session]:
    """A session of the test's own, for setting the scene and for looking at what is there.

    What is written here is committed, and read anew, before each request of a client. A physician of the north
    is named as the actor; say `set_actor` for somebody else.
    """
    lock = threading.Lock()
    with Session(engine) as session:

        def commit_pending() -> None:
            with lock:
                if session.in_transaction() or session.new or session.dirty or session.deleted:
                    session.commit()

        actor = session.scalar(select(User.id).where(User.email == "physician@north.demo"))
        set_actor(session, str(actor))
        Client.before = staticmethod(commit_pending)
        try:
            yield session
        finally:
            Client.before = staticmethod(lambda: None)


@pytest.fixture
def team(session: Session) -> Team:
    """The staff of the northern clinic, in the test's session."""
    return team_of(session, "north")


@pytest.fixture
def southern_team(session: Session) -> Team:
    """The staff of the southern clinic, in the test's session."""
    return team_of(session, "south")


@pytest.fixture
def user(session: Session) -> Callable[..., User]:
    """Return a member of the staff: ``user("nurse")``, ``user(Role.NURSE, site="south", second=True)``."""

    def one(role: Role | str, site: str = "north", *, second: bool = False) -> User:
        email = f"{Role(role).value}{'2' if second else ''}@{site}.demo"
        return session.scalars(select(User).where(User.email == email)).one()

    return one


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser in which nobody is signed in."""
    return app.test_client()


@pytest.fixture
def client_as(app: Flask, engine: Any) -> Callable[..., FlaskClient]:
    """Return a signed-in browser: ``client_as("nurse")``, ``client_as("nurse", site="south", second=True)``.

    Its session is what signing in makes, without the work of checking the password;
    tests/core/test_sign_in.py goes through the form.
    """

    def signed_in(role: Role | str, site: str = "north", *, second: bool = False) -> FlaskClient:
        email = f"{Role(role).value}{'2' if second else ''}@{site}.demo"
        browser, at = app.test_client(), clock.now()
        Client.before()
        with engine.begin() as connection:
            who = connection.execute(select(User.id, User.fs_uniquifier).where(User.email == email)).one()
            token = f"a session of the tests {idempotency.new_key()}"
            connection.execute(
                insert(SignIn).values(token_hash=fingerprint(token), user_id=who.id, began_at=at, address="")
            )
        with browser.session_transaction() as cookie:
            cookie.update(
                _user_id=who.fs_uniquifier, _fresh=True, token=token, began=at.timestamp(), seen=at.timestamp()
            )
        return browser

    return signed_in


@pytest.fixture
def post() -> Callable[..., TestResponse]:
    """Send a form as the page would: ``post(client, url, {"performed_at-d": "3"}, volume="121")``.

    Adds a fresh idempotency key; where the application checks it, also the CSRF token of the page at ``url``.
    Values that are no text are written as people would: moments through `tests.factories.boxes`.
    """

    def send(browser: FlaskClient, url: str, boxes: dict[str, Any] | None = None, **fields: Any) -> TestResponse:
        sent = {"idempotency_key": idempotency.new_key(), **(boxes or {}), **fields}
        if browser.application.config["WTF_CSRF_ENABLED"] and "csrf_token" not in sent:
            shown = Page.of(browser.get(url).text)
            sent["csrf_token"] = shown.hidden.get("csrf_token", "")
        kept = {name: value for name, value in sent.items() if value is not None}
        return browser.post(url, data=kept)

    return send


@pytest.fixture
def page(app: Flask) -> Callable[..., Page]:
    """Open a page and look it over: status, title, one h1, labels, no None, no inline style or script."""

    def opened(browser: FlaskClient, url: str, status: int = 200) -> Page:
        answer = browser.get(url)
        assert answer.status_code == status, f"{url} answered {answer.status_code}: {Page.of(answer.text).text[:400]}"
        shown = Page.of(answer.text)
        assert shown.problems() == [], f"{url}: {shown.problems()}"
        return shown

    return opened


@pytest.fixture
def queries(engine: Any) -> Callable[[], int]:
    """Count statements from here on: ``count = queries(); …; assert count() <= 8``. BEGIN and PRAGMA do not count."""
    counted: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            counted.append(statement)

    event.listen(engine, "before_cursor_execute", listen)

    def start() -> Callable[[], int]:
        counted.clear()
        return lambda: len(counted)

    yield start  # type: ignore[misc]
    event.remove(engine, "before_cursor_execute", listen)
