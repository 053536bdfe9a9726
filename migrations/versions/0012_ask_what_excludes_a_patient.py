"""Add the protocol's exclusion criteria to the eligibility decision, and the days of the last doses of medicines.

They are empty in every decision that is there: no protocol asked for them. A signature leaves empty ones out, so it
covers the decision as before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("eligibility", recreate="never") as table:
        table.add_column(sa.Column("criteria", sa.JSON(none_as_null=True), nullable=True))
        table.add_column(sa.Column("anticoagulant_last_on", sa.Date(), nullable=True))
        table.add_column(sa.Column("anti_inflammatory_last_on", sa.Date(), nullable=True))


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
