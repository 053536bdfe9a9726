"""Let an adverse event be reported first and assessed by a physician later; say to whom its report was sent.

No value changes: five columns lose the constraint that asked for them in the first moment, and one column is added.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

LATER = ("grade", "expected", "from_cells", "from_harvest", "from_delivery")


def upgrade() -> None:
    with op.batch_alter_table("adverse_event") as table:
        table.add_column(sa.Column("reported_to", sa.Text(), nullable=True))
        for name in LATER:
            table.drop_constraint(op.f(f"ck_adverse_event_{name}_recorded"), type_="check")


def downgrade() -> None:
    with op.batch_alter_table("adverse_event") as table:
        table.drop_column("reported_to")
        for name in LATER:
            table.create_check_constraint(f"{name}_recorded", f"{name} IS NOT NULL OR origin = 'imported'")
