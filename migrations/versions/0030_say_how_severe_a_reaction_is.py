"""Ask how severe a reaction to cells is; of those that were recorded before nobody has said so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("infusion_event", sa.Column("severity", sa.Text(), nullable=True))
    op.add_column("administration", sa.Column("reaction_severity", sa.Text(), nullable=True))


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
