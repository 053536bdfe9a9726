"""Keep the judgement of each course and product for lists, and the evidence of releases and checks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "course_line",
        sa.Column("key", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("treatment_id", sa.String(length=12), nullable=False),
        sa.Column("patient_id", sa.String(length=12), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("target", sa.JSON(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_words", sa.Text(), nullable=False),
        sa.Column("danger", sa.Boolean(), nullable=False),
        sa.Column("changes_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_course_line")),
    )
    with op.batch_alter_table("course_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_course_line_patient_id"), ["patient_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_course_line_site_id_changes_at"), ["site_id", "changes_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_course_line_site_id_danger_due_at_key"), ["site_id", "danger", "due_at", "key"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_course_line_site_id_step_state_treatment_id"),
            ["site_id", "step", "state", "treatment_id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_course_line_treatment_id"), ["treatment_id"], unique=False)

    op.create_table(
        "product_line",
        sa.Column("product_id", sa.String(length=12), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("changes_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_product_line")),
    )
    with op.batch_alter_table("product_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_product_line_site_id_changes_at"), ["site_id", "changes_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_product_line_site_id_state_product_id"), ["site_id", "state", "product_id"], unique=False
        )

    with op.batch_alter_table("bedside_check", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rests_on", sa.Text(), nullable=True))

    with op.batch_alter_table("release", schema=None) as batch_op:
        batch_op.add_column(sa.Column("basis", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
