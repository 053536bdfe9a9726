"""What somebody once wrote is shown as text on every page, to every role (ASVS 1.2.1, R20): never as an element."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from html.parser import HTMLParser

import pytest
from sqlalchemy import String, Text, inspect

from clinic.access import Role
from clinic.fields import fields_of
from clinic.ledger.verify import models
from tests.bedside import checked, given, released_product
from tests.factories import patient, ready_for_harvest
from tests.reading import Page

NASTY = """<zz9 onfocus=alert(1)>"'{{7*7}}</script></style>*/<zz9>"""
NEVER = {"email", "password", "fs_uniquifier", "code", "zone", "theme", "role", "content_hash", "record", "record_id",
         "meaning", "din", "division", "chain_of_identity", "facility_code", "id", "site_id"}  # fmt: skip
"""What a person does not write freely: chosen of a list, made by the program, or checked against a pattern."""


class Elements(HTMLParser):
    """The names of elements and attributes that a browser would make."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _value in attrs)}


def spoil(file) -> int:
    """Write the nasty text into every cell of free text, behind the program; return how many columns there are."""
    columns = [
        (table, attribute.key)
        for table, model in models().items()
        for attribute in inspect(model).column_attrs
        if isinstance(attribute.columns[0].type, String | Text)
        and attribute.key not in NEVER
        and not attribute.key.endswith("_id")
        and not attribute.columns[0].unique
        and type(attribute.columns[0].type) in {String, Text}
        and not (attribute.key in fields_of(model) and fields_of(model)[attribute.key].choices)
    ]
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for table, column in columns:
            connection.execute(f'UPDATE "{table}" SET "{column}" = ? || rowid', (NASTY,))  # noqa: S608 - names of our own
        connection.commit()
    return len(columns)


@pytest.mark.slow
def test_what_was_written_is_text_on_every_page_of_every_role(house, session, team, client_as):
    if house.store.url.startswith("postgresql"):
        pytest.fail("this test writes into a SQLite file behind the program")
    course = ready_for_harvest(team)
    given(checked(course, released_product(course, team), team), team)
    released_product(ready_for_harvest(team), team, released=False)
    session.commit()
    session.close()
    assert spoil(house.store.file) > 60
    shown, opened = 0, 0
    for role in Role:
        browser, seen, kinds, waiting = client_as(role), set(), {}, ["/"]
        while waiting and len(seen) < 90:
            url = waiting.pop(0).partition("#")[0]
            kind = re.sub(r"[A-Z]{2}-[0-9A-Z]{9}", "ID", url)
            if (
                url in seen
                or not url.startswith("/")
                or url.startswith(("/static", "/exports/"))
                or kinds.get(kind, 0) > 1
            ):
                continue
            seen.add(url)
            kinds[kind] = kinds.get(kind, 0) + 1
            answer = browser.get(url)
            assert answer.status_code < 500, url
            if answer.mimetype == "text/css":
                assert "<" not in answer.text, f"{url} could end a style sheet"
            if answer.mimetype != "text/html":
                continue
            read, page = Elements(), Page.of(answer.text)
            read.feed(answer.text)
            assert not read.found & {"zz9", "onfocus"}, f"{role} {url} makes an element of a text"
            assert "49</script>" not in page.text, f"{role} {url} works out a text"
            assert not page.inline, f"{role} {url}: {page.inline}"
            shown += "<zz9" in page.text
            opened += 1
            waiting += page.links
    assert opened > 200
    assert shown > 150


@pytest.mark.parametrize(
    "name", ['x"}body{display:none}', "a\\", "b\n}*{x:url(//e)}", "c\\22 }", "</style><zz9>", "*/"]
)
def test_a_name_never_ends_its_string_in_the_printed_margin(client_as, session, team, name):
    one = patient(team, family_name=name)
    session.commit()
    said = client_as("nurse").get(f"/patients/{one.id}/print.css").text
    assert "<" not in said
    bare = re.sub(r'"(?:[^"\\\n\f\r]|\\[^\n\f\r])*"', '""', said)
    assert '"' not in bare.replace('""', "")
    for told in ("display:none", "url(", "zz9", "*{x"):
        assert told not in bare.lower()
