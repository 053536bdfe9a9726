"""Add the body weight at a harvest, by which limits per kg are judged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("harvest", schema=None) as batch_op:
        batch_op.add_column(sa.Column("weight_kg", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True))


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
