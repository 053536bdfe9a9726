"""Scenes that several tests begin with: built once, and copied for each test."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from clinic import clock
from clinic.extensions import db
from clinic.model import Model
from tests.databases import SQLiteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from tests.conftest import House
    from tests.safety.driver import Ward

FRESH = 240
"""Seconds for which a scene is copied; then it is built anew, so that its times stay those that the tests expect."""
_built: dict[tuple[Callable, Path], Kept] = {}


_numbers = count()
"""A scene that is built again keeps no file that another one of its name has."""


@dataclass
class Kept:
    """A clinic in a file, what the scene returned, with ids for its records, and until when its clock ran."""

    file: Path
    found: Any
    until: datetime
    at: float


def scene(build: Callable[[Ward], Any]) -> Any:
    """Make a fixture of a function that sets a scene on an untouched ward and returns records.

    Built live where another scene was set before it, and on PostgreSQL.
    """

    @pytest.fixture(name=build.__name__)
    def copied(ward: Ward, house: House) -> Iterator[Any]:
        store = house.store
        if ward.staged or not isinstance(store, SQLiteStore):
            yield build(ward)
            return
        ward.staged = True
        kept = _built.get((build, store.file))
        if kept is None or time.perf_counter() - kept.at > FRESH:
            found = build(ward)
            ward.session.commit()
            _built[build, store.file] = _kept(store, build.__name__, found)
            yield found
            return
        _put_back(ward, house, kept)
        if clock.now() >= kept.until:
            yield _found(ward, kept.found)
        else:  # the test's clock was set back to where the scene's began
            with time_machine.travel(kept.until, tick=True):
                yield _found(ward, kept.found)

    return copied


def _kept(store: SQLiteStore, name: str, found: Any) -> Kept:
    file = store.folder / f"scene-{name}-{next(_numbers)}.db"
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(store.file)) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)
    return Kept(file, _ids(found), clock.now(), time.perf_counter())


def _put_back(ward: Ward, house: House, kept: Kept) -> None:
    ward.session.commit()
    ward.session.expire_all()
    with house.app.app_context():
        db.engine.dispose()
    house.store.put(kept.file)


def _ids(found: Any) -> Any:
    if isinstance(found, Model):
        return type(found), found.id
    return type(found)(_ids(one) for one in found) if isinstance(found, (list, tuple)) else found


def _found(ward: Ward, ids: Any) -> Any:
    if isinstance(ids, tuple) and len(ids) == 2 and isinstance(ids[0], type):
        return ward.session.get(*ids)
    return type(ids)(_found(ward, one) for one in ids) if isinstance(ids, (list, tuple)) else ids
