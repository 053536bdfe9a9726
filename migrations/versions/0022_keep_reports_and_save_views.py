"""Keep reports as they were at one moment, and save views of reports under a name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_report",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("report", sa.String(length=40), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("kept_json", sa.Text(), nullable=False),
        sa.Column("scheduled", sa.Boolean(), nullable=False),
        sa.Column("course_day", sa.Integer(), nullable=True),
        sa.Column("paper", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("performed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("performed_by_id", sa.String(length=12), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "origin",
            sa.Enum("clinic", "imported", name="origin", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("source_note", sa.Text(), nullable=False),
        sa.Column("not_recorded", sa.JSON(), nullable=False),
        sa.Column("confirmed", sa.JSON(), nullable=False),
        sa.Column("precision", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("recorded_by_id", sa.String(length=12), nullable=False),
        sa.CheckConstraint(
            "performed_at IS NOT NULL OR origin = 'imported'", name=op.f("ck_kept_report_performed_at_recorded")
        ),
        sa.CheckConstraint(
            "performed_by_id IS NOT NULL OR origin = 'imported'", name=op.f("ck_kept_report_performed_by_id_recorded")
        ),
        sa.CheckConstraint("title IS NOT NULL OR origin = 'imported'", name=op.f("ck_kept_report_title_recorded")),
        sa.ForeignKeyConstraint(["performed_by_id"], ["user_account.id"], name=op.f("fk_kept_report_performed_by_id")),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["user_account.id"], name=op.f("fk_kept_report_recorded_by_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_kept_report_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_report")),
    )
    with op.batch_alter_table("kept_report", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_kept_report_performed_at"), ["performed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_kept_report_recorded_at_id"), ["recorded_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_kept_report_recorded_by_id"), ["recorded_by_id"], unique=False)

    op.create_table(
        "saved_view",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("owner_id", sa.String(length=12), nullable=False),
        sa.Column("report", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("every", sa.String(length=10), nullable=False),
        sa.Column("next_on", sa.Date(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["user_account.id"], name=op.f("fk_saved_view_owner_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_saved_view_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
    )
    with op.batch_alter_table("saved_view", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_saved_view_next_on"), ["next_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_saved_view_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_saved_view_site_id_shared"), ["site_id", "shared"], unique=False)

    op.create_table(
        "report_submission",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("kept_id", sa.String(length=12), nullable=False),
        sa.Column("submitted_to", sa.Text(), nullable=False),
        sa.Column("reference_number", sa.Text(), nullable=True),
        sa.Column("course_day", sa.Integer(), nullable=True),
        sa.Column("paper", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("performed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("performed_by_id", sa.String(length=12), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "origin",
            sa.Enum("clinic", "imported", name="origin", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("source_note", sa.Text(), nullable=False),
        sa.Column("not_recorded", sa.JSON(), nullable=False),
        sa.Column("confirmed", sa.JSON(), nullable=False),
        sa.Column("precision", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("recorded_by_id", sa.String(length=12), nullable=False),
        sa.CheckConstraint(
            "performed_at IS NOT NULL OR origin = 'imported'", name=op.f("ck_report_submission_performed_at_recorded")
        ),
        sa.CheckConstraint(
            "performed_by_id IS NOT NULL OR origin = 'imported'",
            name=op.f("ck_report_submission_performed_by_id_recorded"),
        ),
        sa.CheckConstraint(
            "submitted_to IS NOT NULL OR origin = 'imported'", name=op.f("ck_report_submission_submitted_to_recorded")
        ),
        sa.ForeignKeyConstraint(["kept_id"], ["kept_report.id"], name=op.f("fk_report_submission_kept_id")),
        sa.ForeignKeyConstraint(
            ["performed_by_id"], ["user_account.id"], name=op.f("fk_report_submission_performed_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by_id"], ["user_account.id"], name=op.f("fk_report_submission_recorded_by_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_report_submission_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_submission")),
    )
    with op.batch_alter_table("report_submission", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_report_submission_kept_id"), ["kept_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_report_submission_performed_at"), ["performed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_report_submission_recorded_by_id"), ["recorded_by_id"], unique=False)


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
