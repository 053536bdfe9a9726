"""Health checks: whether the program runs, and whether it can serve."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from flask import Blueprint
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from clinic.access import allow
from clinic.extensions import db
from clinic.schema import current, database_file, head

if TYPE_CHECKING:
    from pathlib import Path

bp = Blueprint("health", __name__)

LEAST_SPACE = 16 * 1024 * 1024
"""Bytes that the disk of a SQLite database has free at least; below, a save may fail."""


@bp.get("/healthz")
@allow(None)
def alive() -> dict[str, str]:
    """Answer while the process runs, whatever its database does."""
    return {"status": "alive"}


@bp.get("/readyz")
@allow(None)
def ready() -> tuple[dict[str, str], int]:
    """Answer 200 only where the database is there, has the current schema and can be written."""
    reason = why_not_ready()
    return ({"status": reason}, 503) if reason else ({"status": "ready"}, 200)


def _takes_writes(file: Path | None) -> bool:
    """Whether a file can be written; of a PostgreSQL server, whether it is set to read only or follows another one."""
    if file is not None:
        return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)
    refused = select(func.current_setting("transaction_read_only") == "on", func.pg_is_in_recovery())
    with db.engine.connect() as connection:
        return not any(connection.execute(refused).one())


def why_not_ready() -> str:
    """Return why this process cannot serve; None if it can."""
    file = database_file(db.engine)
    if file is not None and not file.exists():
        return "the database file is not there"
    try:
        takes_writes = _takes_writes(file)
        at = current(db.engine) if takes_writes else None
    except SQLAlchemyError:
        return "the database does not answer"
    if not takes_writes:
        return "the database cannot be written"
    if at != head():
        return "the database needs clinic migrate"
    if file is not None and shutil.disk_usage(file.parent).free < LEAST_SPACE:
        return "the disk of the database is full"
    return ""
