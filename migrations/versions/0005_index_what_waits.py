"""Index what the worklist chooses, orders and counts by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WAITS = sa.text("title <> ''")


def upgrade() -> None:
    op.drop_index("ix_course_line_site_id_danger_due_at_key", table_name="course_line")
    op.create_index(
        "ix_course_line_waiting",
        "course_line",
        ["site_id", "danger", "due_at", "key", "roles", "title", "since"],
        sqlite_where=WAITS,
        postgresql_where=WAITS,
    )


def downgrade() -> None:
    op.drop_index("ix_course_line_waiting", table_name="course_line")
    op.create_index("ix_course_line_site_id_danger_due_at_key", "course_line", ["site_id", "danger", "due_at", "key"])
