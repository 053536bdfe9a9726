"""Take passwords out of kept drafts; note when an account was allowed to sign in again after wrong passwords.

The password of the first of two people at the bedside was kept as if it were a fact.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

SECRET = re.compile(r"passw|passphrase|passcode|^again$", re.IGNORECASE)
draft = sa.table("draft", sa.column("id", sa.Text()), sa.column("typed", sa.JSON()))


def upgrade() -> None:
    op.add_column("user_account", sa.Column("unlocked_at", sa.DateTime(timezone=True), nullable=True))
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.execute("PRAGMA secure_delete=ON")  # what is replaced is overwritten in the file
    for key, typed in connection.execute(sa.select(draft.c.id, draft.c.typed)).all():
        kept = {name: said for name, said in typed.items() if not SECRET.search(name)}
        if kept != typed:
            connection.execute(sa.update(draft).where(draft.c.id == key).values(typed=kept))


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
