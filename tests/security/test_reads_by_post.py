"""What is sent and writes nothing waits for no writer; and the server says that it cannot write where that is so."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import make_url, select, text

from clinic.drafts import Draft
from clinic.extensions import db
from clinic.idempotency import new_key
from tests.reading import Page
from tests.security.test_database_away import begun, impatient, locked

__all__ = ["begun", "impatient"]
TABLE = b"MRN,Surname,Sex\nN-9,Lindqvist,female\n"


@pytest.fixture
def upload(client_as):
    """A browser, and the address of the table that it sent."""
    browser = client_as("coordinator")
    sent = {"kind": "patients", "idempotency_key": new_key(), "table": (io.BytesIO(TABLE), "people.csv")}
    return browser, browser.post("/imports/new", data=sent).location


def boxes(browser, url):
    """Return what the page at an address sends where nobody changes anything in it."""
    page = Page.of(browser.get(url).text)
    return {**page.values, **page.hidden, "column": ["MRN", "Surname", "Sex"], "idempotency_key": new_key()}


def test_a_table_is_checked_while_somebody_else_writes(house, impatient, begun, upload):
    browser, url = upload
    sent = boxes(browser, url)
    with locked(house.store):
        begun.clear()
        for do in ("again", "check"):
            answer = browser.post(url, data={**sent, "do": do})
            assert answer.status_code in {303, 422}, do
        assert browser.post(f"{url}/preview", data={"do": "check", "idempotency_key": new_key()}).status_code in {
            303,
            422,
        }
    assert set(begun) == {"BEGIN"}


def test_an_import_itself_takes_the_lock_and_is_refused_while_another_one_holds_it(house, impatient, upload):
    browser, url = upload
    with locked(house.store):
        answer = browser.post(f"{url}/preview", data={"do": "import", "idempotency_key": new_key()})
    assert answer.status_code == 503


def test_a_draft_of_the_columns_is_over_once_they_are_saved_and_goes_with_the_table(client_as, session, upload):
    browser, url = upload
    sent = boxes(browser, url)
    assert (
        browser.post(
            url, data={**sent, "constant-of": "source", "constant-is": "From the old system", "do": "autosave"}
        ).status_code
        == 204
    )
    assert "From the old system" in browser.get(url).text
    browser.post(url, data={**sent, "constant-of": "source", "constant-is": "From the register", "do": "again"})
    assert "From the old system" not in browser.get(url).text
    browser.post(f"{url}/discard", data={"idempotency_key": new_key()})
    assert session.scalars(select(Draft)).all() == []


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_server_that_is_set_to_read_only_is_not_ready(house, client):
    assert client.get("/readyz").status_code == 200
    name = make_url(house.store.url).database
    with house.app.app_context():
        try:
            with db.engine.begin() as connection:
                connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
            db.engine.dispose()
            answer = client.get("/readyz")
            assert (answer.status_code, answer.json) == (503, {"status": "the database cannot be written"})
        finally:
            db.engine.dispose()
