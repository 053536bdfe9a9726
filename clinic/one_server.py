"""The lock that a server holds while it serves a clinic, so that nothing is put in the place of what it serves.

A SQLite file has one server, and the lock is beside it. A PostgreSQL database has as many as there are; each holds a
share of the lock in the instance folder, and servers of other instances are found by the name of their connections.
The system takes the lock back when its process ends, however it ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from clinic.errors import RuleBroken, SettingsWrong
from clinic.schema import database_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

NAME = "cellcourse serve"
"""How a server calls its connections to PostgreSQL."""
STOP = "Nothing was replaced. Stop the server first, for systemd with: systemctl stop cellcourse."

IN_USE = "A backup is being restored into this database. Wait until that has ended."
SERVED = (
    "another server serves this database already, or a backup is being restored. A SQLite database is served by one"
    " process: stop that one first, or use PostgreSQL."
)


@contextmanager
def serving(engine: Engine, instance: Path) -> Iterator[None]:
    """Serve within. Raises `SettingsWrong` where a SQLite file is served already, or just being replaced.

    Connections that are opened from here on, by this process and those that it starts, bear the name of a server.
    """
    file, before = database_file(engine), os.environ.get("PGAPPNAME")
    lock = _opened(engine, instance)
    try:
        if lock is not None and not _locked(lock, fcntl.LOCK_EX if file is not None else fcntl.LOCK_SH):
            raise SettingsWrong(IN_USE if file is None else f"{file}: {SERVED}")
        os.environ["PGAPPNAME"] = NAME
        yield
    finally:
        os.environ.pop("PGAPPNAME", None)
        if before is not None:
            os.environ["PGAPPNAME"] = before
        _close(lock)


@contextmanager
def nobody_serving(engine: Engine, instance: Path) -> Iterator[None]:
    """Replace the database within; meanwhile no server starts. Raises `RuleBroken` where one serves it."""
    lock = _opened(engine, instance)
    try:
        if lock is not None and not _locked(lock, fcntl.LOCK_EX):
            raise RuleBroken(f"A server is running on this database. {STOP}")
        if engine.dialect.name != "sqlite" and _connections(engine):
            raise RuleBroken(f"A server is connected to this database. {STOP}")
        yield
    finally:
        _close(lock)


def _connections(engine: Engine) -> int:
    """Return how many connections servers have to a PostgreSQL database, on whatever machine."""
    asked = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = :name"
    )
    with engine.connect() as connection:
        return connection.scalar(asked, {"name": NAME}) or 0


def _opened(engine: Engine, instance: Path) -> int | None:
    """Open the lock's file; None in a folder in which nothing can be written, and so nothing be replaced."""
    file = database_file(engine)
    place = file.with_name(f"{file.name}.lock") if file is not None else instance / "serving.lock"
    try:
        return os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as fault:
        if fault.errno not in {errno.EROFS, errno.EACCES}:
            raise
        return None


def _close(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _locked(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
