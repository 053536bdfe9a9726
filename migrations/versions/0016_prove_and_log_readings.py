"""Record who reads patients' records, and refuse to replace an entry of the ledger.

SQLite's REPLACE removes a row without asking the triggers for DELETE, so that the insertion itself has to be refused.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SENTENCE = "The ledger is never changed"


def upgrade() -> None:
    op.create_table(
        "read_entry",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reader_id", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("what", sa.String(length=80), nullable=False),
        sa.Column("about", sa.String(length=80), nullable=False),
        sa.Column("patient_id", sa.String(length=12), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_read_entry")),
        sa.UniqueConstraint("site_id", "number", name=op.f("uq_read_entry_site_id_number")),
    )
    op.create_index(op.f("ix_read_entry_site_id_patient_id_number"), "read_entry", ["site_id", "patient_id", "number"])
    op.create_index(op.f("ix_read_entry_site_id_reader_id_number"), "read_entry", ["site_id", "reader_id", "number"])
    op.create_table(
        "read_head",
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_read_head")),
    )
    op.add_column("failed_sign_in", sa.Column("address_hash", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_failed_sign_in_address_hash"), "failed_sign_in", ["address_hash"], unique=False)
    op.create_index(op.f("ix_sign_in_address_began_at"), "sign_in", ["address", "began_at"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER read_entry_no_{act.lower()} BEFORE {act} ON read_entry "
                f"BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END"
            )
        for table in ("ledger_entry", "read_entry"):
            op.execute(_no_replace(table))
        return
    op.execute(
        "CREATE TRIGGER read_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON read_entry "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()"
    )


def _no_replace(table: str) -> str:
    there = "key = NEW.key OR (site_id = NEW.site_id AND number = NEW.number)"
    when = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {there})"  # noqa: S608 - the names of our own tables
    trigger = f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} {when}"
    return f"{trigger} BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END"


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
