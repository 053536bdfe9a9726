"""How migrations are made and run: numbered, in one transaction, one program at a time, on SQLite and PostgreSQL.

All steps that a database still lacks run in one transaction: whoever stops in the middle has changed nothing
(hazard H33). When many programs start at once, the first takes the lock and the others find nothing left to do.
A revision imports nothing of the clinic: it must mean the same when the models have moved on.
"""

from __future__ import annotations

from pathlib import Path

from alembic import context
from alembic.script import ScriptDirectory
from flask import current_app

from clinic.schema import make_file

HERE = Path(__file__).resolve().parent
HEAD = HERE / "current_head.txt"
LOCK = 7_202_611_231
"""The number of the lock that a migrating program holds on PostgreSQL; any fixed number would do."""

database = current_app.extensions["migrate"].db
PLAIN_TYPES = {
    "UTCDateTime": "sa.DateTime(timezone=True)",
    "Quantity": 'sa.Numeric().with_variant(sa.Text(), "sqlite")',
}


def plain_type(kind, item, _autogen):
    """Write a type of ours with SQLAlchemy's own words."""
    return PLAIN_TYPES.get(type(item).__name__, False) if kind == "type" else False


def number(_context, _revision, directives):
    """Give the next revision the next number, and note it where two branches cannot both write it unseen."""
    script = directives[0]
    if script.message is None:  # nothing is written: models and database are only compared
        return
    if getattr(context.config.cmd_opts, "autogenerate", False) and script.upgrade_ops.is_empty():
        directives[:] = []
        print("The models and the migrations agree: there is nothing to write.")  # noqa: T201
        return
    last = ScriptDirectory.from_config(context.config).get_current_head()
    script.rev_id = f"{int(last or 0) + 1:04d}"
    HEAD.write_text(f"{script.rev_id}\n")


def run() -> None:
    """Bring the database of the application to the wanted revision."""
    make_file(database.engine)
    with database.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # tables are copied to change them, which foreign keys would forbid; they are checked before the commit
            connection.connection.dbapi_connection.execute("PRAGMA foreign_keys=OFF")
        context.configure(
            connection=connection, target_metadata=database.metadata, render_as_batch=True, compare_type=True,
            render_item=plain_type, process_revision_directives=number, transactional_ddl=True,
        )  # fmt: skip
        try:
            with context.begin_transaction():
                if not sqlite:
                    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
                context.run_migrations()
                if sqlite and (loose := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
                    raise RuntimeError(
                        f"{len(loose)} rows refer to rows that are not there, the first in {loose[0][0]}"
                    )
        finally:
            if sqlite:
                connection.connection.dbapi_connection.execute("PRAGMA foreign_keys=ON")


run()
