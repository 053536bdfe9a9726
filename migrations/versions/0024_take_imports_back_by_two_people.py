"""Keep who proposed to take an import back, until a second person confirms it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("import_batch", schema=None) as batch_op:
        batch_op.add_column(sa.Column("undo_asked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("undo_asked_by_id", sa.String(length=12), nullable=True))
        batch_op.add_column(sa.Column("undo_reason", sa.Text(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_import_batch_undo_asked_by_id"), "user_account", ["undo_asked_by_id"], ["id"]
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_import_batch_undo_asked_by_somebody"),
            "(undo_asked_at IS NULL) = (undo_asked_by_id IS NULL)",
        )
    counts = sa.text("taken_back_at IS NULL")
    op.create_index(
        "ix_import_batch_undo_asked", "import_batch", ["site_id", "undo_asked_at"], sqlite_where=counts,
        postgresql_where=counts,
    )  # fmt: skip


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
