"""Let an adverse event be reported first and assessed by a physician later; say to whom its report was sent.

No value changes: five columns lose the constraint that asked for them in the first moment, and one column is added.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

LATER = ("grade", "expected", "from_cells", "from_harvest", "from_delivery")


def upgrade() -> None:
    op.add_column("adverse_event", sa.Column("reported_to", sa.Text(), nullable=True))
    for name in LATER:
        _no_longer_required("adverse_event", name)


def _no_longer_required(table: str, column: str) -> None:
    """Drop the check that a fact is recorded; on SQLite as its manual says, since a copy would lose the others."""
    name = f"ck_{table}_{column}_recorded"
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        op.drop_constraint(op.f(name), table, type_="check")
        return
    kept = bind.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).scalar_one()
    check = re.compile(rf",\s*CONSTRAINT {name} CHECK \([^()]*\)")
    changed, found = check.subn("", kept)
    if found != 1:
        raise RuntimeError(f"The check {name} is not where it was.")
    number = bind.exec_driver_sql("PRAGMA schema_version").scalar_one()
    bind.exec_driver_sql("PRAGMA writable_schema=ON")
    bind.exec_driver_sql("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", (changed, table))
    bind.exec_driver_sql(f"PRAGMA schema_version={number + 1}")
    bind.exec_driver_sql("PRAGMA writable_schema=OFF")


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
