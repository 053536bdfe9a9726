"""Add the indexes that Today's list of open confirmations is read from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    unconfirmed, standing = sa.text("confirmed_by_id IS NULL"), sa.text("undone_at IS NULL")
    op.create_index(
        "ix_amendment_unconfirmed", "amendment", ["site_id", "record", "amended_at"], sqlite_where=unconfirmed,
        postgresql_where=unconfirmed,
    )  # fmt: skip
    for name in ("confirmed_at", "undo_asked_at"):
        op.create_index(
            f"ix_patient_merge_{name}", "patient_merge", ["site_id", name], sqlite_where=standing,
            postgresql_where=standing,
        )  # fmt: skip


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
