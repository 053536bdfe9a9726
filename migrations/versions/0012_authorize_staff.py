"""Add who is authorized for which step, from which day until which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "staff_authorization",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("user_id", sa.String(length=12), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("basis", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", sa.String(length=12), nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=True),
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
            "(ended_at IS NULL) = (ended_by_id IS NULL)", name=op.f("ck_staff_authorization_ended_by_somebody")
        ),
        sa.CheckConstraint("valid_until >= valid_from", name=op.f("ck_staff_authorization_days_in_order")),
        *(
            sa.CheckConstraint(
                f"{name} IS NOT NULL OR origin = 'imported'", name=op.f(f"ck_staff_authorization_{name}_recorded")
            )
            for name in ("basis", "performed_at", "performed_by_id", "step", "valid_from", "valid_until")
        ),
        sa.ForeignKeyConstraint(["ended_by_id"], ["user_account.id"], name=op.f("fk_staff_authorization_ended_by_id")),
        sa.ForeignKeyConstraint(
            ["performed_by_id"], ["user_account.id"], name=op.f("fk_staff_authorization_performed_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by_id"], ["user_account.id"], name=op.f("fk_staff_authorization_recorded_by_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_staff_authorization_site_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_staff_authorization_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_authorization")),
    )
    with op.batch_alter_table("staff_authorization", schema=None) as batch_op:
        for columns in (
            ["site_id"], ["user_id"], ["performed_at"], ["recorded_by_id"], ["site_id", "valid_until"],
            ["site_id", "step"],
        ):  # fmt: skip
            batch_op.create_index(batch_op.f(f"ix_staff_authorization_{'_'.join(columns)}"), columns, unique=False)


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
