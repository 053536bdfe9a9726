"""The demonstration clinic, built once for the run, and an empty database for what builds a whole clinic."""

from __future__ import annotations

import fcntl
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

import clinic.attachments.models
import clinic.demo
import clinic.downtime.models
import clinic.pathway.projection
import clinic.preferences
import clinic.reports.kept
import clinic.reports.saved
from bench.grow import grow
from clinic.demo import build
from clinic.extensions import prepare
from clinic.model import Model
from clinic.schema import make_file
from tests.databases import keep_nothing_over_a_power_cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GROWN = 360
"""Patients of the grown clinic: half as many again as in the demonstration, a third of them in open courses."""
AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
DATA = Path(clinic.demo.__path__[0], "data")
"""The published tables that come with the demonstration."""
STORIES = {"safety", "security", "journeys", "proof", "rules", "reports"}
"""Folders of tests that walk through the whole clinic over HTTP: part of every full run, not of the quick check."""


def empty_database(folder: Path) -> Session:
    """Return a session on a new database with the schema and nothing in it."""
    engine = create_engine(f"sqlite:///{folder / 'empty.db'}")
    prepare(engine)
    keep_nothing_over_a_power_cut(engine)
    make_file(engine)
    Model.metadata.create_all(engine)
    return Session(engine)


@pytest.fixture
def empty(tmp_path: Path, app: object) -> Iterator[Session]:
    """A session on an empty database."""
    session = empty_database(tmp_path)
    yield session
    session.close()
    session.get_bind().dispose()


def _build(folder: Path) -> Path:
    """Build the demonstration and return its file, complete: nothing waits beside it to be written."""
    session = empty_database(folder)
    build.build(session, seed=1, at=AT, password_hash="not required")
    session.commit()
    session.close()
    session.get_bind().dispose()
    return folder / "empty.db"


def built_once(folders: pytest.TempPathFactory, name: str, make: Callable[[Path], Path]) -> Path:
    """Return a copy of a database that ``make`` puts into a folder, made by whoever of several workers comes first.

    ``make`` returns its file, complete. Each worker gets a copy of its own.
    """
    base = folders.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with Path(shared, f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = shared / f"{name}.db"
        if not built.exists():
            make(folders.mktemp("building")).replace(built)
        return Path(shutil.copy(built, folders.mktemp(name) / "clinic.db"))


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """The demonstration clinic as it stands on one morning; for reading only."""
    engine = create_engine(f"sqlite:///{built_once(tmp_path_factory, 'demonstration', _build)}")
    prepare(engine)
    session = Session(engine)
    yield session
    session.close()
    session.get_bind().dispose()


@pytest.fixture(scope="session")
def grown(demonstration: Session, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the demonstration clinic with copied patients besides; for reading only, built once for the run."""

    def make(folder: Path) -> Path:
        growing = folder / "grown.db"
        shutil.copy(demonstration.get_bind().url.database or "", growing)  # type: ignore[union-attr]
        engine = create_engine(f"sqlite:///{growing}")
        prepare(engine)
        keep_nothing_over_a_power_cut(engine)
        with Session(engine) as session:
            grow(session, GROWN, share_open=0.3, say=lambda _said: None)
        engine.dispose()
        return growing

    return built_once(tmp_path_factory, "grown", make)


LONGEST = ("journeys", "proof")
"""Folders whose tests last longest: begun first, so that no worker is left alone with one of them at the end."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Call slow what waits for the demonstration clinic to be built, and a story what is told over many pages."""
    items.sort(key=lambda item: not set(LONGEST) & set(item.path.parts))
    for item in items:
        if {"demonstration", "grown"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
        if STORIES & set(item.path.parts):
            item.add_marker(pytest.mark.story)
