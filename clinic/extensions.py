"""The Flask extensions, unbound, and how the database is opened, read and written."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import event, text
from sqlalchemy.exc import DisconnectionError

from clinic.model import Model
from clinic.reading import reading_only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.orm import Session

db = SQLAlchemy(metadata=Model.metadata, disable_autonaming=True)
migrate = Migrate()
csrf = CSRFProtect()

SQLITE_THREADS = 16
"""Threads that serve a SQLite clinic, each with a connection: enough to serve readers while writers wait."""


def read_from_here(session: Session) -> None:
    """Read from here on in one snapshot, without blocking writers."""
    session.rollback()
    reading_only.set(True)
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


def write_from_here(session: Session) -> None:
    """End the reading and take the write lock with the next statement; rows are then loaded again."""
    if reading_only.get():
        session.rollback()
        reading_only.set(False)


@contextmanager
def writing(session: Session) -> Iterator[None]:
    """Write within, in a transaction that the block itself commits; afterwards only read again."""
    before = reading_only.get()
    write_from_here(session)
    try:
        yield
    finally:
        reading_only.set(before)


compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
"""Writes a document as it is stored: as a hash of it is taken, so that the proof compares it as it is."""


def engine_options(url: str, wait: int) -> dict[str, Any]:
    """Return the engine's options: nothing waits longer than ``wait`` seconds for a connection or a lock."""
    options: dict[str, Any] = {"hide_parameters": True, "json_serializer": compact}
    if url.startswith("sqlite:///"):
        options |= {"pool_size": SQLITE_THREADS, "max_overflow": 4, "pool_timeout": wait}
    elif not url.startswith("sqlite"):
        limits = f"-c lock_timeout={wait * 1000}"
        options |= {
            "pool_pre_ping": True,  # after the server's restart, pages work with their first try
            "pool_timeout": wait,
            "connect_args": {"connect_timeout": wait, "options": limits},
        }
    return options


def prepare(engine: Engine, *, wait: int = 30) -> None:
    """Set up SQLite for several readers and one writer at a time, with every commit on the disk.

    ``wait`` is for how many seconds a writer waits for another one.
    """
    if engine.dialect.name != "sqlite":
        return
    name = engine.url.database
    file = Path(name) if name and name != ":memory:" else None

    @event.listens_for(engine, "do_connect")
    def _only_what_is_there(*_: Any) -> None:
        """Refuse a file that was moved away: SQLite would put an empty one in its place (`schema.make_file` does)."""
        if file is not None and not file.exists():
            raise sqlite3.OperationalError("unable to open database file")

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={wait * 1000}"):
            connection.execute(f"PRAGMA {pragma}")
        record.info["file"] = _identity(file)

    @event.listens_for(engine, "checkout")
    def _still_the_same_file(_connection: Any, record: Any, _proxy: Any) -> None:
        """Reopen the file if it was replaced: what is written to a moved file would be lost."""
        if record.info["file"] != _identity(file):
            raise DisconnectionError("the database file was moved or replaced")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = reading_only.get() or connection.get_execution_options().get("only_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _identity(file: Path | None) -> tuple[int, int] | None:
    """Return what distinguishes a file from another one of the same name; None if it does not exist."""
    try:
        found = file.stat() if file is not None else None
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino) if found is not None else None
