"""Every page finds its rows by an index that begins with what is asked, with the database's statistics and without."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from bench.__main__ import busiest, signed_in
from clinic import create_app
from clinic.access import OPEN, ROUTES, Role, own_site
from clinic.course_records import load
from clinic.extensions import db
from clinic.model import Model, unindexed
from clinic.patients.models import Patient
from clinic.reading import reading
from clinic.record_kinds import table_of
from tests.conftest import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask

SMALL = {"site", "user_account", "protocol", "protocol_version", "staff_authorization", "downtime_kit", "sign_in"}
"""Tables that do not grow with the patients."""
FEW = 200
"""Rows of a table that SQLite rightly reads whole, once it knows that there are no more."""
NAMED = {
    "course": "treatment", "run": "processing_run", "check": "bedside_check", "visit": "follow_up_visit",
    "plan": "planned_visit", "version": "protocol_version", "event": "adverse_event", "user": "user_account",
    "record": "harvest",
}  # fmt: skip
"""What an address calls a record, where it is not its table."""
ACCEPTED = {
    ("exchange.index", ""): "counts what would leave, up to a bound",
    ("products.assign", "treatment"): "offers every running course",
}
"""Pages that read a table of the whole site by what they are for."""
NARROWED = [
    ("pathway.patients", "/patients?state=active&step=release&condition=knee_osteoarthritis"),
    ("pathway.patients", "/patients?state=finished"), ("pathway.patients", "/patients?state=stopped"),
    ("pathway.patients", "/patients?state=died"), ("pathway.patients", "/patients?state=none"),
    ("products.index", "/products?state=all"), ("products.index", "/products?state=hold&ends=30"),
    ("products.index", "/products?state=given"), ("products.index", "/products?sort=newest"),
]  # fmt: skip
"""Lists as they are narrowed and sorted."""
SCAN = re.compile(r"(?:SCAN|BLOOM FILTER ON) (\w+)(?! VIRTUAL)")
WALK = re.compile(r"SEARCH (\w+) .*\(site_id=\?\)$")


@dataclass(frozen=True)
class Asked:
    """A statement with its values, and the page that asked it first."""

    page: str
    statement: str
    values: Any


def a_record_of_each_kind(app: Flask) -> dict[str, str]:
    """Return the id of one record of each table: of one busy course where it has one."""
    with app.app_context(), reading():
        session: Any = db.session()
        course_id = busiest(session)["course"][0].rsplit("/", 1)[1]
        records = load(session, [course_id])[course_id]
        site_id = records.course.site_id
        found = {}
        for mapper in Model.registry.mappers:
            kind: Any = mapper.class_
            if issubclass(kind, Model):
                own = next(iter(records.pool.rows.get(kind, ())), None)
                any_one = select(kind.id).where(kind.site_id == site_id).limit(1)
                found[table_of(kind)] = own.id if own is not None else session.scalar(any_one)
        found |= {"treatment": course_id, "patient": records.course.patient_id}
        db.session.remove()
    return found


def addresses(app: Flask, ids: dict[str, str]) -> Iterator[tuple[str, str, Role]]:
    """Yield endpoint, address and a role that may open it, of every page whose address can be filled in."""
    here = app.url_map.bind("localhost")
    for endpoint, url in NARROWED:
        yield endpoint, url, Role.PHYSICIAN
    for rule in app.url_map.iter_rules():
        names = {name: name.removesuffix("_id") for name in rule.arguments}
        values = {name: ids.get(NAMED.get(said, said)) for name, said in names.items()}
        roles = ROUTES.get(rule.endpoint)
        shown = "GET" in (rule.methods or ()) and rule.endpoint not in OPEN and roles != frozenset()
        if shown and all(values.values()):
            role = Role.PHYSICIAN if roles is None or Role.PHYSICIAN in roles else min(roles)
            yield rule.endpoint, here.build(rule.endpoint, values), role


@pytest.fixture(scope="module")
def asked(grown: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Asked]:
    """Every statement that the pages ask the grown clinic, once."""
    app = create_app(settings(f"sqlite:///{grown}", tmp_path_factory.mktemp("instance")))
    found: dict[str, Asked] = {}
    page = ""

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            found.setdefault(statement, Asked(page, statement, values))

    with app.app_context():
        engine = db.engine
    cookies = {role: signed_in(app, f"{role.value}@north.demo")[0] for role in Role}
    ids, shown = a_record_of_each_kind(app), 0
    event.listen(engine, "before_cursor_execute", note)
    for endpoint, url, role in addresses(app, ids):
        page, client = endpoint, app.test_client()
        client.set_cookie("session", cookies[role].partition("=")[2])
        status = client.get(url).status_code
        assert status in {200, 204, 302, 404, 409}, (url, status)
        shown += status == 200
    engine.dispose()
    assert shown > 80, "most pages are shown, or their statements are not asked"
    return list(found.values())


@pytest.mark.parametrize("statistics", [True, False])
def test_no_page_reads_a_table_or_a_site_from_end_to_end(grown, asked, statistics, tmp_path):
    connection = sqlite3.connect(grown)
    copy = sqlite3.connect(tmp_path / "copy.db")
    connection.backup(copy)
    connection.close()
    copy.execute("ANALYZE")
    if statistics:
        as_of_a_large_clinic(copy)
    else:
        copy.execute("DELETE FROM sqlite_stat1")
    copy.commit()
    copy.close()
    connection = sqlite3.connect(tmp_path / "copy.db")
    counted = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    sizes = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in counted}  # noqa: S608
    found = [
        f"{one.page}: {line}\n{one.statement}"
        for one in asked
        for plan in [[row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {one.statement}", one.values)]]
        for line in plan
        if reads_everything(line, plan, one, sizes if statistics else {})
    ]
    connection.close()
    assert found == []


def as_of_a_large_clinic(connection: sqlite3.Connection) -> None:
    """Let the statistics say that there are a hundred times as many patients, each with as many rows as before."""
    for table, index, said in connection.execute("SELECT tbl, idx, stat FROM sqlite_stat1").fetchall():
        if table in SMALL or index is None:
            continue
        rows, *each = map(int, said.split())
        columns = [name for _, _, name in connection.execute(f'PRAGMA index_info("{index}")')]
        whole = [set(columns[: at + 1]) <= {"site_id", "record"} for at in range(len(each))]
        counts = [
            rows * 100,
            *(count * 100 if all_of_it else count for count, all_of_it in zip(each, whole, strict=True)),
        ]
        many = " ".join(map(str, counts))
        connection.execute("UPDATE sqlite_stat1 SET stat = ? WHERE tbl = ? AND idx = ?", (many, table, index))


def reads_everything(line: str, plan: list[str], one: Asked, sizes: dict[str, int]) -> bool:
    """Whether a line of a plan reads all rows of a table that grows, or all of a site that no index puts in order."""
    match = SCAN.match(line) or WALK.match(line)
    table = re.sub(r"_\d+$", "", match[1]) if match else ""
    if table not in Model.metadata.tables or table in SMALL or sizes.get(table, FEW) < FEW:
        return False
    if {(one.page, ""), (one.page, table)} & set(ACCEPTED) or table.endswith("_head"):
        return False
    ordered = "LIMIT" in one.statement and not any("TEMP B-TREE FOR ORDER BY" in other for other in plan)
    return not (ordered and "USING INDEX" in line) and not ("_waiting (" in line or "_open (" in line)


def test_the_site_alone_chooses_no_index_but_that_of_a_list(session):
    session.info["site_id"] = "ST-000000000"
    said = str(select(Patient.id).where(unindexed(Patient.site_id) == "x").compile(session.get_bind()))
    assert "+patient.site_id = ?" in said
    assert [str(one) for one in own_site(session, Patient)] == ["patient.site_id = :site_id_1"]
    with Session(session.get_bind()) as other:
        assert own_site(other, Patient) == []
