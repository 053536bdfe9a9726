"""Keep what happens while cells are given, a voided start, an approved dose, and telephone numbers of a site."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dose_change",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("treatment_id", sa.String(length=12), nullable=False),
        sa.Column("low", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("high", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("course_day", sa.Integer(), nullable=True),
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
        sa.CheckConstraint("high IS NOT NULL OR origin = 'imported'", name=op.f("ck_dose_change_high_recorded")),
        sa.CheckConstraint("low IS NOT NULL OR origin = 'imported'", name=op.f("ck_dose_change_low_recorded")),
        sa.CheckConstraint(
            "performed_at IS NOT NULL OR origin = 'imported'", name=op.f("ck_dose_change_performed_at_recorded")
        ),
        sa.CheckConstraint(
            "performed_by_id IS NOT NULL OR origin = 'imported'", name=op.f("ck_dose_change_performed_by_id_recorded")
        ),
        sa.CheckConstraint("reason IS NOT NULL OR origin = 'imported'", name=op.f("ck_dose_change_reason_recorded")),
        sa.ForeignKeyConstraint(["performed_by_id"], ["user_account.id"], name=op.f("fk_dose_change_performed_by_id")),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["user_account.id"], name=op.f("fk_dose_change_recorded_by_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_dose_change_site_id")),
        sa.ForeignKeyConstraint(["treatment_id"], ["treatment.id"], name=op.f("fk_dose_change_treatment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dose_change")),
    )
    with op.batch_alter_table("dose_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dose_change_performed_at"), ["performed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_dose_change_recorded_by_id"), ["recorded_by_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_dose_change_site_id"), ["site_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_dose_change_treatment_id"), ["treatment_id"], unique=False)

    op.create_table(
        "infusion_event",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("treatment_id", sa.String(length=12), nullable=False),
        sa.Column("administration_id", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("rate", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("signs", sa.Text(), nullable=True),
        sa.Column("measures", sa.Text(), nullable=True),
        sa.Column("course_day", sa.Integer(), nullable=True),
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
        sa.CheckConstraint("kind IS NOT NULL OR origin = 'imported'", name=op.f("ck_infusion_event_kind_recorded")),
        sa.CheckConstraint(
            "performed_at IS NOT NULL OR origin = 'imported'", name=op.f("ck_infusion_event_performed_at_recorded")
        ),
        sa.CheckConstraint(
            "performed_by_id IS NOT NULL OR origin = 'imported'",
            name=op.f("ck_infusion_event_performed_by_id_recorded"),
        ),
        sa.ForeignKeyConstraint(
            ["administration_id"], ["administration.id"], name=op.f("fk_infusion_event_administration_id")
        ),
        sa.ForeignKeyConstraint(
            ["performed_by_id"], ["user_account.id"], name=op.f("fk_infusion_event_performed_by_id")
        ),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["user_account.id"], name=op.f("fk_infusion_event_recorded_by_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_infusion_event_site_id")),
        sa.ForeignKeyConstraint(["treatment_id"], ["treatment.id"], name=op.f("fk_infusion_event_treatment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_infusion_event")),
    )
    with op.batch_alter_table("infusion_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_infusion_event_administration_id"), ["administration_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_infusion_event_performed_at"), ["performed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_infusion_event_recorded_by_id"), ["recorded_by_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_infusion_event_site_id"), ["site_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_infusion_event_treatment_id"), ["treatment_id"], unique=False)

    with op.batch_alter_table("administration", schema=None) as batch_op:
        batch_op.add_column(sa.Column("outcome", sa.Text(), nullable=True))
        batch_op.drop_index(batch_op.f("ix_administration_product_id"))
        batch_op.create_index(batch_op.f("ix_administration_product_id"), ["product_id"], unique=False)
        batch_op.create_index(
            "ix_administration_once",
            ["product_id"],
            unique=True,
            sqlite_where=sa.text("outcome IS NULL OR outcome <> 'voided'"),
            postgresql_where=sa.text("outcome IS NULL OR outcome <> 'voided'"),
        )

    with op.batch_alter_table("site", schema=None) as batch_op:
        batch_op.add_column(sa.Column("laboratory_phone", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("quality_phone", sa.Text(), nullable=True))


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
