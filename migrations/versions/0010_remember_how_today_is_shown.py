"""Keep whose patients a task is about, who may not do it, which results fail, and the filters that a person chose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

WAITS = sa.text("title <> ''")
BEFORE = ["site_id", "danger", "due_at", "key", "roles", "title", "since"]
NOW = [*BEFORE, "patient_id", "step", "due_words", "people", "barred"]


def _index(columns: list[str]) -> None:
    op.create_index("ix_course_line_waiting", "course_line", columns, sqlite_where=WAITS, postgresql_where=WAITS)


def upgrade() -> None:
    op.create_table(
        "preference",
        sa.Column("user_id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "name", name=op.f("pk_preference")),
    )
    op.drop_index("ix_course_line_waiting", table_name="course_line")
    for name in ("people", "failing", "barred"):
        op.add_column("course_line", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    _index(NOW)
    # every line is judged anew with its people: at once where a list is shown, for good by the sweep
    op.execute("UPDATE course_line SET changes_at = '2000-01-01 00:00:00.000000'")


def downgrade() -> None:
    op.drop_index("ix_course_line_waiting", table_name="course_line")
    for name in ("people", "failing", "barred"):
        op.drop_column("course_line", name)
    _index(BEFORE)
    op.drop_table("preference")
