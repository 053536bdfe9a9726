"""Refuse to replace an entry of the ledger.

SQLite's REPLACE removes a row without asking the triggers for DELETE, so that the insertion itself has to be refused.
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SENTENCE = "The ledger is never changed"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_no_replace("ledger_entry"))


def _no_replace(table: str) -> str:
    there = "key = NEW.key OR (site_id = NEW.site_id AND number = NEW.number)"
    when = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {there})"  # noqa: S608 - the names of our own tables
    trigger = f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} {when}"
    return f"{trigger} BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END"


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
