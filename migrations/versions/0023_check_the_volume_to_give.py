"""Check at the bedside how much of a container is to be given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bedside_check", sa.Column("volume", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True))


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
