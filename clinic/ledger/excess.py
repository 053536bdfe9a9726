"""What a database has beyond what the migrations build: tables, columns, indexes, conditions, defaults, clauses.

One more condition can refuse what the program must write, a default or a cascade changes what nobody changed, a
collation lets two texts count as one; none of it leaves a trace in the rows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint, text

from clinic.ledger.verify import Fault
from clinic.model import Base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Inspector, Table

BESIDE = {"alembic_version"}
"""Tables that the migrations keep for themselves."""
DEFAULTS = {("saved_view", "folder"): "''"}
"""Defaults that a migration left with a column that was added to rows that were there."""
QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/", re.DOTALL)
NEVER = (
    "COLLATE", "ON CONFLICT", "ON DELETE", "ON UPDATE", "GENERATED", "STRICT", "WITHOUT", "DEFERRABLE", "MATCH", "DESC",
)  # fmt: skip
"""Clauses of SQLite that no table and no index of ours has."""
COUNTED = ("CHECK", "UNIQUE", "REFERENCES", "DEFAULT")
"""Words of SQLite that each table has as often as it declares such a thing."""
OF_SQLITE = "SELECT type, name, tbl_name AS place, sql AS said FROM sqlite_master WHERE sql IS NOT NULL"
OF_POSTGRESQL = """
SELECT c.relname AS place, 'the column ' || a.attname || ' has the collation ' || o.collname AS said
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_collation o ON o.oid = a.attcollation
WHERE c.relnamespace = current_schema()::regnamespace AND a.attnum > 0 AND c.relkind IN ('r', 'p')
  AND a.attcollation <> t.typcollation
UNION ALL
SELECT c.relname, 'the column ' || a.attname || ' is generated'
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = current_schema()::regnamespace AND a.attnum > 0 AND a.attgenerated <> ''
UNION ALL
SELECT c.relname, 'the constraint ' || k.conname || ' was changed: ' || pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = current_schema()::regnamespace AND (
  k.contype NOT IN ('c', 'f', 'p', 'u', 'n') OR k.condeferrable OR NOT k.convalidated
  OR (k.contype = 'f' AND (k.confdeltype <> 'a' OR k.confupdtype <> 'a')))
UNION ALL
SELECT c.relname, 'its rows are hidden by a policy'
FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND (c.relrowsecurity OR c.relforcerowsecurity)
UNION ALL
SELECT c.relname, 'it is none of this program''s tables'
FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('f', 'm', 'p')
"""


def problems(connection: Connection, inspector: Inspector) -> Iterator[Fault]:
    """Yield each part of the schema that no migration makes."""
    known = Base.metadata.tables
    for name in sorted(set(inspector.get_table_names()) - known.keys() - BESIDE):
        yield Fault(table=name, row="", because="the table is none of this program's")
    for name in sorted(inspector.get_view_names()):
        yield Fault(table=name, row="", because="the view is none of this program's")
    for name in sorted(set(inspector.get_table_names()) & known.keys()):
        yield from _of_table(inspector, known[name])
    if connection.dialect.name == "sqlite":
        yield from _clauses(connection)
    else:
        for row in connection.execute(text(OF_POSTGRESQL)):
            yield Fault(table=row.place, row="", because=row.said)


def _of_table(inspector: Inspector, table: Table) -> Iterator[Fault]:
    declared = {column.name: column for column in table.columns}
    for one in inspector.get_columns(table.name):
        column, name = declared.get(one["name"]), one["name"]
        if column is None:
            yield Fault(table=table.name, row="", column=name, because="the column is none of this program's")
            continue
        wanted, found = column.type.compile(inspector.dialect), one["type"].compile(inspector.dialect)
        if wanted.upper() != found.upper():
            yield Fault(table=table.name, row="", column=name, because=f"its type is {found}, not {wanted}")
        if not column.nullable and one["nullable"]:
            continue  # said among what is missing
        if column.nullable and not one["nullable"]:
            yield Fault(table=table.name, row="", column=name, because="the database refuses it empty")
        said = one["default"]
        if said is not None and "nextval(" not in said and _plain(said) not in _defaults(table.name, column):
            yield Fault(table=table.name, row="", column=name, because=f"the database gives it the value {said}")
    if inspector.get_pk_constraint(table.name)["constrained_columns"] != [
        one.name for one in table.primary_key.columns
    ]:
        yield Fault(table=table.name, row="", because="its primary key was changed")
    yield from _too_many(inspector, table)


def _plain(default: str) -> str:
    """Return a default as it is written in both databases: PostgreSQL adds its type."""
    return re.sub(r"::[a-z ]+(\(\d+\))?$", "", default)


def _defaults(table: str, column: Any) -> set[str]:
    declared = column.server_default
    said = {DEFAULTS[table, column.name]} if (table, column.name) in DEFAULTS else set()
    return said | ({f"'{declared.arg}'"} if declared is not None else set())


def _too_many(inspector: Inspector, table: Table) -> Iterator[Fault]:
    """Yield the indexes and constraints of a table that it does not declare, and other columns of an index."""
    plain = inspector.dialect.identifier_preparer.format_constraint
    named = {
        kind: {str(plain(one)).strip('"') for one in table.constraints if isinstance(one, kind) and plain(one)}
        for kind in (CheckConstraint, UniqueConstraint)
    }
    found = [("condition", one["name"], named[CheckConstraint]) for one in inspector.get_check_constraints(table.name)]
    found += [
        ("constraint", one["name"], named[UniqueConstraint]) for one in inspector.get_unique_constraints(table.name)
    ]
    for kind, name, declared in found:
        if name not in declared:
            yield Fault(
                table=table.name, row="", because=f"the {kind} {name or 'without name'} is none of this program's"
            )
    references = {tuple(one.column_keys) for one in table.constraints if isinstance(one, ForeignKeyConstraint)}
    there = [tuple(one["constrained_columns"]) for one in inspector.get_foreign_keys(table.name)]
    for columns in there:
        if columns not in references or there.count(columns) > 1:
            yield Fault(
                table=table.name, row="", because=f"the reference of {', '.join(columns)} is not this program's"
            )
    indexes = {str(one.name): bool(one.unique) for one in table.indexes}
    for one in inspector.get_indexes(table.name):
        if one.get("duplicates_constraint"):
            continue
        if indexes.get(str(one["name"])) is not bool(one["unique"]):
            yield Fault(table=table.name, row="", because=f"the index {one['name']} is none of this program's")


def _clauses(connection: Connection) -> Iterator[Fault]:
    """Yield the clauses of tables and indexes that SQLite keeps as text and shows nowhere else."""
    for row in connection.execute(text(OF_SQLITE)):
        table = Base.metadata.tables.get(row.place)
        if table is None or row.type not in {"table", "index"}:
            continue
        said = " ".join(QUOTED.sub(" x ", row.said).upper().split())
        words = [clause for clause in NEVER if re.search(rf"\b{clause}\b", said)]
        if row.type == "table":
            often = _expected(table)
            words += [word for word in COUNTED if len(re.findall(rf"\b{word}\b", said)) > often[word]]
        for word in words:
            yield Fault(table=row.place, row="", because=f"the {row.type} {row.name} has a clause {word} too many")


def _expected(table: Table) -> dict[str, int]:
    def count(kind: type[Any]) -> int:
        return sum(isinstance(one, kind) for one in table.constraints)

    defaults = sum(bool(_defaults(table.name, column)) for column in table.columns)
    return {
        "CHECK": count(CheckConstraint), "UNIQUE": count(UniqueConstraint), "REFERENCES": count(ForeignKeyConstraint),
        "DEFAULT": defaults,
    }  # fmt: skip
