"""A served clinic and people at its screens, each in a browser of her or his own."""

from __future__ import annotations

import logging
import shutil
import threading
from traceback import format_exception
from typing import TYPE_CHECKING, Any

import pytest
from flask import got_request_exception
from playwright.sync_api import Browser, expect, sync_playwright
from werkzeug.serving import make_server

from tests.factories import PASSWORD
from tests.journeys.person import DESK, Faults, Person
from tests.safety.driver import Ward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from sqlalchemy.orm import Session

    from tests.factories import Team

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 15_000
"""Milliseconds for one expectation: two slow cores may be shared by many."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for the run: the machine's own where it has one, else Playwright's."""
    own = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=own, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def live(app: Flask, problems: Faults) -> Iterator[str]:
    """The address of the application under test, served with its forms' tokens as for real."""
    app.config["WTF_CSRF_ENABLED"] = True

    def broke(_app: Flask, exception: Exception, **_more: Any) -> None:
        problems.found.append("".join(format_exception(exception, limit=-4)))

    got_request_exception.connect(broke, app)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    got_request_exception.disconnect(broke, app)


@pytest.fixture
def problems() -> Iterator[Faults]:
    """What is wrong with the pages of this test; there must be nothing in the end."""
    kept = Faults()
    yield kept
    assert kept.found == []


@pytest.fixture
def visitor(browser: Browser, live: str, problems: Faults) -> Iterator[Callable[[], Person]]:
    """Return somebody who has just opened a browser."""
    contexts: list[Any] = []

    def one() -> Person:
        context = browser.new_context(
            base_url=live, viewport=DESK, locale="en-GB", timezone_id="Europe/Berlin", reduced_motion="reduce"
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        return Person(context.new_page(), problems)

    yield one
    for context in contexts:
        context.close()


@pytest.fixture
def arrive(visitor: Callable[[], Person]) -> Callable[..., Person]:
    """Return a person of the north who has signed in through the page: ``arrive("nurse")``; later the same one."""
    here: dict[str, Person] = {}

    def one(name: str) -> Person:
        if name not in here:
            person = here[name] = visitor()
            person.email = f"{name}@north.demo"
            person.goes_to("/login")
            person.page.get_by_label("E-mail address").fill(person.email)
            person.page.get_by_label("Password").fill(PASSWORD)
            person.presses("Sign in")
        return here[name]

    return one


@pytest.fixture
def ward(session: Session, team: Team, client_as: Callable) -> Ward:
    """The rest of the clinic: it prepares what the story begins with."""
    return Ward(session, team, client_as)
