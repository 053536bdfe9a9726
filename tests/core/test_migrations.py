"""The schema comes from the migrations alone: complete, in one piece, by one program at a time."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Column, MetaData, NullPool, Table, create_engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from clinic import create_app, schema
from clinic.extensions import db, migrate
from clinic.judged_lines import CourseLine
from clinic.ledger.models import LedgerEntry
from clinic.model import Base
from clinic.pathway import sweeping
from clinic.record_content import columns_signed
from clinic.treatments.models import Treatment
from tests.conftest import settings
from tests.databases import both_databases
from tests.demonstration import AT
from tests.earlier import inserted
from tests.factories import patient

VERSIONS = schema.MIGRATIONS / "versions"
ROOT = schema.MIGRATIONS.parent
FIRST_RELEASE = "0002"


@pytest.fixture
def fresh(house, tmp_path):
    """An application over a quite empty database, and its engine."""
    app = create_app(settings(house.store.empty("fresh"), tmp_path))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def upgrade(app, revision="head"):
    command.upgrade(migrate.get_config(), revision)


@both_databases
@pytest.mark.hazard("H33")
def test_from_nothing_the_migrations_lead_to_what_the_models_say(fresh):
    assert schema.current(db.engine) is None
    upgrade(fresh)
    assert schema.current(db.engine) == schema.head()
    command.check(migrate.get_config())
    tables = set(inspect(db.engine).get_table_names())
    assert tables == {*Base.metadata.tables, "alembic_version"}


@both_databases
def test_running_them_twice_changes_nothing(fresh):
    upgrade(fresh)
    upgrade(fresh)
    command.check(migrate.get_config())


@both_databases
@pytest.mark.hazard("H33")
def test_a_migration_that_breaks_off_leaves_the_database_as_it_was(fresh, monkeypatch):
    last = ScriptDirectory.from_config(migrate.get_config()).get_revision("head").module
    monkeypatch.setattr("alembic.script.ScriptDirectory.run_env", _broken(last, monkeypatch))
    with pytest.raises(RuntimeError, match="the power went"):
        upgrade(fresh)
    monkeypatch.undo()
    assert inspect(db.engine).get_table_names() in ([], ["alembic_version"])
    upgrade(fresh)
    command.check(migrate.get_config())


def _broken(module, monkeypatch):
    """Return a runner whose last revision stops after its work."""
    run_env = ScriptDirectory.run_env

    def run(script):
        revision = script.get_revision("head").module
        work = revision.upgrade

        def upgrade_and_stop():
            work()
            raise RuntimeError("the power went")

        monkeypatch.setattr(revision, "upgrade", upgrade_and_stop)
        return run_env(script)

    return run


@both_databases
@pytest.mark.slow
@pytest.mark.hazard("H33")
def test_a_whole_clinic_of_the_first_release_comes_through_to_the_last_cell(fresh, demonstration):
    upgrade(fresh, FIRST_RELEASE)
    columns = {table: {column["name"] for column in inspect(db.engine).get_columns(table)} for table in _tables()}
    kept = [
        Table(table.name, MetaData(), *(Column(c.name, c.type) for c in table.columns if c.name in columns[table.name]))
        for table in Base.metadata.sorted_tables
        if table.name in columns
    ]
    before = {table.name: [_as_then(row) for row in demonstration.execute(select(table)).mappings()] for table in kept}
    with db.engine.begin() as connection:
        for table in kept:
            if before[table.name]:
                connection.execute(inserted(table), before[table.name])
    upgrade(fresh)
    with Session(db.engine) as session:
        for table in kept:
            rows = (dict(row) for row in session.execute(select(table)).mappings())
            assert Counter(map(repr, rows)) == Counter(map(repr, before[table.name])), table.name
        sweeping.sweep(session, AT)
        courses = session.scalar(select(func.count()).select_from(Treatment))
        assert session.scalar(select(func.count(CourseLine.treatment_id.distinct()))) == courses > 200


SIGNED_SINCE = {"adverse_event.reported_to"}
"""A column without the mark that came later: events with it empty were signed since, and the mark would void them."""


@pytest.mark.slow
def test_no_column_that_came_later_voids_what_was_signed_before(fresh):
    upgrade(fresh, FIRST_RELEASE)
    there = {table: {column["name"] for column in inspect(db.engine).get_columns(table)} for table in _tables()}
    signed = [one.class_ for one in Base.registry.mappers if hasattr(one.class_, "signatures")]
    assert len(signed) > 10
    voiding = {
        f"{one.__tablename__}.{name}"
        for one in signed
        for name in set(columns_signed(one)) - there.get(one.__tablename__, set(columns_signed(one)))
        if not inspect(one).attrs[name].columns[0].info.get("added")
    }
    assert voiding == SIGNED_SINCE


INVENTED = {"allergy_status": "not_asked", "containers": 1, "made": "made", "alive": True, "serious": []}
"""What the first release wrote where an imported table said nothing: the usual value of these columns."""


def _as_then(row):
    """Return a row as the first release would have kept it."""
    return {name: INVENTED[name] if value is None and name in INVENTED else value for name, value in row.items()}


def _tables():
    return set(inspect(db.engine).get_table_names()) - {"alembic_version"}


@both_databases
@pytest.mark.rule(70)
@pytest.mark.parametrize("statement", ["UPDATE ledger_entry SET reason = 'x'", "DELETE FROM ledger_entry"])
def test_the_database_itself_refuses_to_change_the_ledger(session, team, statement):
    patient(team)
    session.commit()
    before = session.scalar(select(func.count()).select_from(LedgerEntry))
    with pytest.raises(DBAPIError, match="The ledger is never changed"):
        session.execute(text(statement))
    session.rollback()
    assert session.scalar(select(func.count()).select_from(LedgerEntry)) == before


def test_revisions_are_numbered_without_a_gap_and_titled():
    files = sorted(path.stem for path in VERSIONS.glob("*.py"))
    assert [name[:4] for name in files] == [f"{number:04d}" for number in range(1, len(files) + 1)]
    assert (schema.MIGRATIONS / "current_head.txt").read_text().strip() == schema.head() == files[-1][:4]


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("*.py")), ids=lambda path: path.stem)
def test_a_revision_means_the_same_when_the_models_have_moved_on(path):
    source = path.read_text()
    assert not re.search(r"^\s*(from|import) (clinic|config|tests)\b", source, re.MULTILINE)
    assert source.startswith('"""')


@pytest.mark.slow
@both_databases
@pytest.mark.hazard("H33")
def test_many_programs_may_migrate_at_once(house, tmp_path):
    url = house.store.empty("many")
    environment = {
        "CLINIC_INSTANCE": str(tmp_path),
        "CLINIC_DATABASE_URL": url,
        "CLINIC_SECRET_KEY": "k" * 40,
        "PYTHONPATH": str(ROOT),
    }
    program = [sys.executable, "-c", "from clinic.cli import main; main()", "migrate"]
    running = [
        subprocess.Popen(program, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
        for _ in range(4)
    ]
    told = [(one.communicate(timeout=120), one.returncode) for one in running]
    assert [code for _said, code in told] == [0] * 4, told
    assert schema.current(create_engine(url, poolclass=NullPool)) == schema.head()
