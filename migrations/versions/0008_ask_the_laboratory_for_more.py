"""Keep which physician was informed of a release, and when the lot of an anticoagulant expires.

Both columns are empty in every row that is there; a signature leaves them out, so it covers the row as before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("release", sa.Column("told_id", sa.String(length=12), nullable=True))
    op.add_column("harvest", sa.Column("anticoagulant_expires_on", sa.Date(), nullable=True))


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
