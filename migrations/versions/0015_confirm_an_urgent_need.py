"""Name the account of the physician who was informed of an urgent need for a donor who is not eligible.

It is empty in every determination that is there: a name was enough. A signature leaves an empty one out, so it covers
the determination as before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("donor_eligibility", sa.Column("told_id", sa.String(length=12), nullable=True))


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
