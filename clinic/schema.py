"""The schema's version: the newest migration, and the revision of a database."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

if TYPE_CHECKING:
    from sqlalchemy import Engine

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


@lru_cache(maxsize=1)
def head() -> str | None:
    """Return the newest revision."""
    return _scripts().get_current_head()


def is_known(revision: str) -> bool:
    """Whether a revision is one that this program leads on from."""
    return revision in {script.revision for script in _scripts().walk_revisions()}


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


def current(engine: Engine) -> str | None:
    """Return the revision that a database is at; None for an empty one and for a file that is not there."""
    file = database_file(engine)
    if file is not None and not file.exists():
        return None
    with engine.connect().execution_options(only_reads=True) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def database_file(engine: Engine) -> Path | None:
    """Return the file of a SQLite database; None for a database that is no file."""
    name = engine.url.database
    return Path(name) if engine.dialect.name == "sqlite" and name and name != ":memory:" else None


def make_file(engine: Engine) -> None:
    """Make the file of a new SQLite database, for its owner alone; one that is there stays."""
    file = database_file(engine)
    if file is not None:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
