"""Keep who a member of staff is, in every account.

Accounts that are there are each their own person, and nobody has told two of one name apart.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_people"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user_account", sa.Column("staff_number", sa.Text(), nullable=True))
    op.add_column("user_account", sa.Column("person_id", sa.String(length=12), nullable=True))
    op.add_column("user_account", sa.Column("told_apart", sa.JSON(none_as_null=True), nullable=True))
    op.create_index("ix_user_account_staff_number", "user_account", ["staff_number"])
    op.create_index("ix_user_account_person_id", "user_account", ["person_id"])


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
