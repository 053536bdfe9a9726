"""The packages that the app is built on, unbound."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import event

from clinic.model import Model

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

db = SQLAlchemy(metadata=Model.metadata, disable_autonaming=True)
migrate = Migrate()
csrf = CSRFProtect()

reading_only: ContextVar[bool] = ContextVar("reading_only", default=False)
"""Whether what runs now only reads. On SQLite everything else takes the write lock at its first statement, so that
no decision rests on rows that another writer changes before the commit."""


def prepare(engine: Engine) -> None:
    """Set up SQLite for several readers and one writer at a time, with every commit on the disk."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if reading_only.get() else "BEGIN IMMEDIATE")
