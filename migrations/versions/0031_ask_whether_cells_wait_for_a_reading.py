"""Ask of an alert whether cells may be collected or given before a physician has read it; no older one says so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("may_go_on", sa.Text(), nullable=True))


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
