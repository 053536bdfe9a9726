"""Ask at each planned contact whether there is a new symptom or event."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("follow_up_visit", sa.Column("new_symptoms", sa.Boolean(), nullable=True))


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
