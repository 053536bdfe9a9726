"""Whether the database is built as the migrations build it: tables, columns, constraints, unique indexes, triggers.

Whoever takes a trigger or a constraint away can write what the program refuses, and leave no trace in the rows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint, inspect, text

from clinic.ledger import excess
from clinic.ledger.verify import Fault
from clinic.model import Base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Dialect, Inspector, Table
    from sqlalchemy.orm import Session

APPEND_ONLY = ("ledger_entry", "read_entry")
"""Tables whose rows the database itself never changes."""
REFUSAL = "SELECT RAISE(ABORT, 'The ledger is never changed'); END"
BODY = "BEGIN RAISE EXCEPTION 'The ledger is never changed'; END"
SQLITE = "SELECT name, tbl_name AS place, sql AS said FROM sqlite_master WHERE type = 'trigger'"
POSTGRESQL = """
SELECT t.tgname AS name, c.relname AS place,
  pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text || ' ' || p.prosrc AS said
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace
UNION ALL
SELECT rulename, tablename, definition FROM pg_rules WHERE schemaname = current_schema()
"""
QUOTE = '"'


def problems(session: Session) -> Iterator[Fault]:
    """Yield each part of the schema that is missing, changed, or not ours."""
    yield from _trigger_problems(session)
    inspector: Inspector = inspect(session.connection())
    tables = set(inspector.get_table_names())
    for table in Base.metadata.sorted_tables:
        if table.name not in tables:
            yield Fault(table=table.name, row="", because="the table is missing from the database")
        else:
            yield from _table_problems(inspector, table)
    yield from excess.problems(session.connection(), inspector)


def _table_problems(inspector: Inspector, table: Table) -> Iterator[Fault]:
    there = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
    for column in table.columns:
        if column.name not in there:
            yield Fault(table=table.name, row="", column=column.name, because="the column is missing")
        elif there[column.name] and not column.nullable:
            yield Fault(table=table.name, row="", column=column.name, because="the database lets it be empty")
    found = dict(_found(inspector, table))
    for what, said in sorted(_declared(inspector, table)):
        if what not in found:
            yield Fault(table=table.name, row="", because=f"the {what} is missing from the database")
        elif found[what] != said:
            yield Fault(table=table.name, row="", because=f"the {what} was changed: it refuses something else")


def _declared(inspector: Inspector, table: Table) -> Iterator[tuple[str, str]]:
    """Yield each constraint and unique index of a table with what it says.

    A foreign key is named by its column, for SQLite gives no name to one added later.
    """
    dialect, name_of = inspector.dialect, inspector.dialect.identifier_preparer.format_constraint
    for one in table.constraints:
        if isinstance(one, ForeignKeyConstraint):
            yield f"reference of {', '.join(one.column_keys)} to {one.referred_table.name}", ""
        elif isinstance(one, CheckConstraint) and name_of(one):
            yield f"constraint {str(name_of(one)).strip(QUOTE)}", _meaning(dialect, table.name, one.sqltext)
        elif isinstance(one, UniqueConstraint) and name_of(one):
            columns = ", ".join(column.name for column in one.columns)
            yield f"constraint {str(name_of(one)).strip(QUOTE)}", columns
    for one in table.indexes:
        if one.unique:
            where = one.dialect_options[dialect.name].get("where")
            columns = ", ".join(column.name for column in one.columns)
            yield f"unique index {one.name}", f"{columns} {_meaning(dialect, table.name, where)}"


def _found(inspector: Inspector, table: Table) -> Iterator[tuple[str, str]]:
    dialect, name = inspector.dialect, table.name
    for one in inspector.get_foreign_keys(name):
        yield f"reference of {', '.join(one['constrained_columns'])} to {one['referred_table']}", ""
    for one in inspector.get_check_constraints(name):
        yield f"constraint {one['name']}", _meaning(dialect, name, one["sqltext"])
    for one in inspector.get_unique_constraints(name):
        yield f"constraint {one['name']}", ", ".join(one["column_names"])
    for one in inspector.get_indexes(name):
        if one["unique"]:
            where = one.get("dialect_options", {}).get(f"{dialect.name}_where")
            columns = ", ".join(column or "" for column in one["column_names"])
            yield f"unique index {one['name']}", f"{columns} {_meaning(dialect, name, where)}"


def _meaning(dialect: Dialect, table: str, said: Any) -> str:
    """Return what a condition says, however it is spelled; of PostgreSQL, which rewrites it, the values in it."""
    if said is None:
        return ""
    if not isinstance(said, str):
        said = str(said.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    if dialect.name != "sqlite":
        return " ".join(sorted(set(re.findall(r"'([^']*)'", said))))
    return re.sub(r'[\s"()]+', "", said.replace(f"{table}.", "").replace("!=", "<>")).lower()


def _trigger_problems(session: Session) -> Iterator[Fault]:
    dialect = session.get_bind().dialect.name
    rows = session.execute(text(SQLITE if dialect == "sqlite" else POSTGRESQL)).all()
    there = {(row.place, row.name): _plain(row.said) for row in rows}
    wanted = {(place, name): _plain(said) for place, name, said in _triggers(dialect)}
    for place, name in sorted({*there, *wanted}):
        if (place, name) not in there:
            yield Fault(table=place, row="", because=f"the trigger {name}, which protects it, is missing")
        elif (place, name) not in wanted:
            yield Fault(table=place, row="", because=f"the trigger {name} is none of this program's")
        elif there[place, name] != wanted[place, name]:
            yield Fault(table=place, row="", because=f"the trigger {name} was changed or switched off")


def _plain(said: str) -> str:
    return re.sub(r"\s+", " ", said.replace("public.", "")).strip()


def _triggers(dialect: str) -> Iterator[tuple[str, str, str]]:
    """Yield table, name and definition of each trigger that the migrations make."""
    for table in APPEND_ONLY:
        if dialect != "sqlite":
            yield (
                table,
                f"{table}_append_only",
                (
                    f"CREATE TRIGGER {table}_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON {table} "
                    f"FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only() O {BODY}"
                ),
            )
            continue
        for act in ("UPDATE", "DELETE"):
            name = f"{table}_no_{act.lower()}"
            yield table, name, f"CREATE TRIGGER {name} BEFORE {act} ON {table} BEGIN {REFUSAL}"
        there = "key = NEW.key OR (site_id = NEW.site_id AND number = NEW.number)"
        when = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {there})"  # noqa: S608 - our own names
        name = f"{table}_no_replace"
        yield table, name, f"CREATE TRIGGER {name} BEFORE INSERT ON {table} {when} BEGIN {REFUSAL}"
