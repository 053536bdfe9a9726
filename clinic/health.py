"""Health checks: whether the program runs, and whether it can serve."""

from __future__ import annotations

import os
import shutil

from flask import Blueprint
from sqlalchemy.exc import SQLAlchemyError

from clinic.access import allow
from clinic.extensions import db
from clinic.schema import current, database_file, head

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


def why_not_ready() -> str:
    """Return why this process cannot serve; None if it can."""
    file = database_file(db.engine)
    if file is not None and not file.exists():
        return "the database file is not there"
    if file is not None and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
        return "the database cannot be written"
    try:
        at = current(db.engine)
    except SQLAlchemyError:
        return "the database does not answer"
    if at != head():
        return "the database needs clinic migrate"
    if file is not None and shutil.disk_usage(file.parent).free < LEAST_SPACE:
        return "the disk of the database is full"
    return ""
