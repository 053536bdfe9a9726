"""An empty database of its own for what builds a whole clinic, and the demonstration clinic, built once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from clinic.demo import build
from clinic.exchange import importing
from clinic.extensions import prepare
from clinic.model import Model
from tests.factories import Team, published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
PACKAGE = Path(importing.__file__).parent


def empty_database(folder: Path) -> Session:
    """Return a session on a new database with the schema and nothing in it."""
    engine = create_engine(f"sqlite:///{folder / 'empty.db'}")
    prepare(engine)
    Model.metadata.create_all(engine)
    return Session(engine)


@pytest.fixture
def empty(tmp_path: Path, app: object) -> Iterator[Session]:
    """A session on an empty database."""
    session = empty_database(tmp_path)
    yield session
    session.close()
    session.get_bind().dispose()


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """The demonstration clinic as it stands on one morning; for reading only."""
    session = empty_database(tmp_path_factory.mktemp("demonstration"))
    build.build(session, seed=1, at=AT, password_hash="not asked for")
    session.commit()
    yield session
    session.close()
    session.get_bind().dispose()


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Write a file: ``table("a;b", "1;2")`` or ``table(raw=bytes, name="t.xlsx")``."""

    def write(*lines: str, name: str = "table.csv", raw: bytes | None = None) -> Path:
        file = tmp_path / name
        file.write_bytes(raw if raw is not None else "\n".join(lines).encode())
        return file

    return write


@pytest.fixture
def children(team: Team) -> Team:
    """The northern staff with the two protocols published under which the 187 children come in."""
    for code in ("HPC-A-CHILD", "HPC-M-CHILD"):
        published(team, code)
    return team


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Call slow what waits for the demonstration clinic to be built."""
    for item in items:
        if "demonstration" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
