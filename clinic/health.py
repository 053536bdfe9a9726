"""Whether the program is alive, and whether it may serve."""

from __future__ import annotations

from flask import Blueprint
from sqlalchemy import text

from clinic.access import allow
from clinic.extensions import db
from clinic.schema import current, head

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@allow(None)
def alive() -> dict[str, str]:
    """Answer while the process runs."""
    return {"status": "alive"}


@bp.get("/readyz")
@allow(None)
def ready() -> tuple[dict[str, str], int]:
    """Answer 200 only where the database has the current schema."""
    if db.session.execute(text("SELECT 1")).scalar() != 1 or current(db.engine) != head():
        return {"status": "the database waits for clinic migrate"}, 503
    return {"status": "ready"}, 200
