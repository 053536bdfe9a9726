"""Let facts that an imported source does not give be empty, where they had what is usual. What is there stays."""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

OPEN = (
    ("patient", "allergy_status", sa.Text()),
    ("harvest", "containers", sa.Integer()),
    ("follow_up_visit", "made", sa.Text()),
    ("follow_up_visit", "alive", sa.Boolean()),
    ("adverse_event", "serious", sa.JSON()),
)


def upgrade() -> None:
    bind = op.get_bind()
    # a history is judged anew as soon as it is shown
    bind.exec_driver_sql(
        "UPDATE course_line SET changes_at = '2000-01-01 00:00:00' "
        "WHERE treatment_id IN (SELECT id FROM treatment WHERE origin = 'imported')"
    )
    if bind.dialect.name != "sqlite":
        for table, column, kind in OPEN:
            op.alter_column(table, column, existing_type=kind, nullable=True)
        return
    # as SQLite's manual says: a copy of the table would lose its checks
    number = bind.exec_driver_sql("PRAGMA schema_version").scalar_one()
    bind.exec_driver_sql("PRAGMA writable_schema=ON")
    for table, column, _kind in OPEN:
        kept = bind.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).scalar_one()
        changed, found = re.subn(rf"(\n\s*\"?{column}\"? [A-Z]+) NOT NULL", r"\1", kept)
        if found != 1:
            raise RuntimeError(f"The column {column} of {table} is not where it was.")
        bind.exec_driver_sql("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", (changed, table))
    bind.exec_driver_sql(f"PRAGMA schema_version={number + 1}")
    bind.exec_driver_sql("PRAGMA writable_schema=OFF")


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
