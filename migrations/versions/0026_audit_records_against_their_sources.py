"""Audit the record against its source: samples drawn, and what each check found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "source_audit",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("seed", sa.String(length=16), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("drawn", sa.JSON(), nullable=False),
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
            "performed_at IS NOT NULL OR origin = 'imported'", name=op.f("ck_source_audit_performed_at_recorded")
        ),
        sa.CheckConstraint(
            "performed_by_id IS NOT NULL OR origin = 'imported'", name=op.f("ck_source_audit_performed_by_id_recorded")
        ),
        sa.CheckConstraint("since IS NOT NULL OR origin = 'imported'", name=op.f("ck_source_audit_since_recorded")),
        sa.CheckConstraint("size IS NOT NULL OR origin = 'imported'", name=op.f("ck_source_audit_size_recorded")),
        sa.CheckConstraint("until IS NOT NULL OR origin = 'imported'", name=op.f("ck_source_audit_until_recorded")),
        sa.ForeignKeyConstraint(["performed_by_id"], ["user_account.id"], name=op.f("fk_source_audit_performed_by_id")),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["user_account.id"], name=op.f("fk_source_audit_recorded_by_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_source_audit_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_audit")),
    )
    with op.batch_alter_table("source_audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_source_audit_performed_at"), ["performed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_source_audit_recorded_at_id"), ["recorded_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_source_audit_recorded_by_id"), ["recorded_by_id"], unique=False)

    op.create_table(
        "source_check",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("audit_id", sa.String(length=12), nullable=False),
        sa.Column("treatment_id", sa.String(length=12), nullable=False),
        sa.Column("disease", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("donor", sa.Text(), nullable=True),
        sa.Column("engraftment", sa.Text(), nullable=False),
        sa.Column("survival", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("said", sa.JSON(), nullable=False),
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
        sa.CheckConstraint("disease IS NOT NULL OR origin = 'imported'", name=op.f("ck_source_check_disease_recorded")),
        sa.CheckConstraint(
            "engraftment IS NOT NULL OR origin = 'imported'", name=op.f("ck_source_check_engraftment_recorded")
        ),
        sa.CheckConstraint(
            "performed_at IS NOT NULL OR origin = 'imported'", name=op.f("ck_source_check_performed_at_recorded")
        ),
        sa.CheckConstraint(
            "performed_by_id IS NOT NULL OR origin = 'imported'", name=op.f("ck_source_check_performed_by_id_recorded")
        ),
        sa.CheckConstraint("source IS NOT NULL OR origin = 'imported'", name=op.f("ck_source_check_source_recorded")),
        sa.CheckConstraint(
            "survival IS NOT NULL OR origin = 'imported'", name=op.f("ck_source_check_survival_recorded")
        ),
        sa.ForeignKeyConstraint(["audit_id"], ["source_audit.id"], name=op.f("fk_source_check_audit_id")),
        sa.ForeignKeyConstraint(["performed_by_id"], ["user_account.id"], name=op.f("fk_source_check_performed_by_id")),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["user_account.id"], name=op.f("fk_source_check_recorded_by_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_source_check_site_id")),
        sa.ForeignKeyConstraint(["treatment_id"], ["treatment.id"], name=op.f("fk_source_check_treatment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_check")),
        sa.UniqueConstraint("audit_id", "treatment_id", name=op.f("uq_source_check_audit_id_treatment_id")),
    )
    with op.batch_alter_table("source_check", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_source_check_audit_id"), ["audit_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_source_check_performed_at"), ["performed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_source_check_recorded_by_id"), ["recorded_by_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_source_check_treatment_id"), ["treatment_id"], unique=False)


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
