"""What the database is told so that it finds rows by the best index: statistics, and words in a statement.

Without statistics SQLite guesses how many rows an index finds; with them it still knows nothing of a recursive query.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import NullType

from clinic.reading import to_write

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.sql.compiler import SQLCompiler

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


class unindexed(FunctionElement[str]):  # noqa: N801 - reads as a function of SQL
    """A column by which SQLite looks for no index.

    A site has nearly all rows of its table. Without statistics SQLite takes every index that begins with the site for
    a good one, and reads the whole clinic where another index would find ten rows.
    """

    type = String()
    inherit_cache = True
    name = "unindexed"


class few(FunctionElement[Any]):  # noqa: N801 - as above
    """The condition that a column has a value, of a recursive query with few rows.

    SQLite takes such a query for a million rows, and reads whole tables beforehand to look these up faster.
    """

    type = NullType()
    inherit_cache = True
    name = "few"


@compiles(unindexed)
def _plainly(element: unindexed, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(element.clauses, **more)


@compiles(unindexed, "sqlite")
def _with_sign(element: unindexed, compiler: SQLCompiler, **more: Any) -> str:
    return f"+{compiler.process(element.clauses, **more)}"


@compiles(few)
def _there(element: few, compiler: SQLCompiler, **more: Any) -> str:
    return f"{compiler.process(element.clauses, **more)} IS NOT NULL"


@compiles(few, "sqlite")
def _unlikely(element: few, compiler: SQLCompiler, **more: Any) -> str:
    return f"likelihood({_there(element, compiler, **more)}, 0.00001)"
