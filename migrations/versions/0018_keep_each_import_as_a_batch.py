"""Keep each import as a batch, with the rows that came in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "import_batch",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(12), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("mapping_hash", sa.String(64), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("made", sa.JSON(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("imported_by_id", sa.String(12), nullable=False),
        sa.Column("taken_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_back_by_id", sa.String(12), nullable=True),
        sa.Column("taken_back_because", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(taken_back_at IS NULL) = (taken_back_by_id IS NULL)", name=op.f("ck_import_batch_taken_back_by_somebody")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name="fk_import_batch_site_id"),
        sa.ForeignKeyConstraint(["imported_by_id"], ["user_account.id"], name="fk_import_batch_imported_by_id"),
        sa.ForeignKeyConstraint(["taken_back_by_id"], ["user_account.id"], name="fk_import_batch_taken_back_by_id"),
        sa.PrimaryKeyConstraint("id", name="pk_import_batch"),
    )
    op.create_index("ix_import_batch_imported_by_id", "import_batch", ["imported_by_id"])
    op.create_index("ix_import_batch_site_id_imported_at_id", "import_batch", ["site_id", "imported_at", "id"])
    op.create_index("ix_import_batch_site_id_sha256", "import_batch", ["site_id", "sha256"])
    op.create_table(
        "imported_row",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(12), nullable=False),
        sa.Column("batch_id", sa.String(12), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=True),
        sa.Column("records", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name="fk_imported_row_site_id"),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], name="fk_imported_row_batch_id"),
        sa.PrimaryKeyConstraint("id", name="pk_imported_row"),
    )
    op.create_index("ix_imported_row_batch_id_row", "imported_row", ["batch_id", "row"])
    op.create_index("ix_imported_row_site_id_content", "imported_row", ["site_id", "content"])
    op.create_index("ix_imported_row_site_id_source_key", "imported_row", ["site_id", "source_key"])


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
