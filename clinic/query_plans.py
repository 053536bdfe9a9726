"""The database's statistics about its own tables: without them it guesses how many rows an index finds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from clinic.reading import to_write

if TYPE_CHECKING:
    from sqlalchemy import Engine

SAMPLED = 1000
"""Rows of each index that SQLite looks at: enough to tell a site from a patient, and done in a blink at any size."""
EVERY = timedelta(days=1)
"""How often the server counts anew. PostgreSQL does so by itself too, as its tables grow."""


def gather(engine: Engine) -> None:
    """Count anew what the tables hold. Called after a migration, a demonstration, an import, and by the server.

    Connections that are open plan with what they read when they were opened, so they are opened again.
    """
    with to_write(), engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA analysis_limit={SAMPLED}")
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()
