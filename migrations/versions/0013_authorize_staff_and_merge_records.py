"""Add who is authorized for which step, and which records of patients are one person's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _of_record() -> list[sa.Column]:
    """Return the columns that every record has, without those of every row."""
    return [
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
    ]


def _constraints(table: str, required: tuple[str, ...], references: dict[str, str]) -> list[sa.Constraint]:
    """Return what must be recorded, what a column refers to, and the key of a table."""
    return [
        *(
            sa.CheckConstraint(f"{name} IS NOT NULL OR origin = 'imported'", name=op.f(f"ck_{table}_{name}_recorded"))
            for name in required
        ),
        *(
            sa.ForeignKeyConstraint([name], [f"{other}.id"], name=op.f(f"fk_{table}_{name}"))
            for name, other in references.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _indexes(table: str, *indexed: list[str]) -> None:
    with op.batch_alter_table(table, schema=None) as batch_op:
        for columns in indexed:
            batch_op.create_index(batch_op.f(f"ix_{table}_{'_'.join(columns)}"), columns, unique=False)


def upgrade() -> None:
    staff = {"recorded_by_id": "user_account", "performed_by_id": "user_account", "site_id": "site"}
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
        *_of_record(),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_by_id IS NULL)", name=op.f("ck_staff_authorization_ended_by_somebody")
        ),
        sa.CheckConstraint("valid_until >= valid_from", name=op.f("ck_staff_authorization_days_in_order")),
        *_constraints(
            "staff_authorization",
            ("basis", "performed_at", "performed_by_id", "step", "valid_from", "valid_until"),
            staff | {"user_id": "user_account", "ended_by_id": "user_account"},
        ),
    )
    _indexes(
        "staff_authorization", ["site_id"], ["user_id"], ["performed_at"], ["recorded_by_id"],
        ["site_id", "valid_until"], ["site_id", "step"],
    )  # fmt: skip
    op.create_table(
        "patient_merge",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("patient_id", sa.String(length=12), nullable=False),
        sa.Column("merged_id", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by_id", sa.String(length=12), nullable=True),
        sa.Column("undo_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undo_asked_by_id", sa.String(length=12), nullable=True),
        sa.Column("undo_reason", sa.Text(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by_id", sa.String(length=12), nullable=True),
        *_of_record(),
        sa.CheckConstraint("patient_id <> merged_id", name=op.f("ck_patient_merge_two_records")),
        sa.CheckConstraint(
            "(confirmed_at IS NULL) = (confirmed_by_id IS NULL)", name=op.f("ck_patient_merge_confirmed_by_somebody")
        ),
        sa.CheckConstraint(
            "(undone_at IS NULL) = (undone_by_id IS NULL)", name=op.f("ck_patient_merge_undone_by_somebody")
        ),
        *_constraints(
            "patient_merge",
            ("performed_at", "performed_by_id", "reason"),
            staff
            | {"patient_id": "patient", "merged_id": "patient"}
            | dict.fromkeys(("confirmed_by_id", "undo_asked_by_id", "undone_by_id"), "user_account"),
        ),
    )
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.add_column(sa.Column("person_id", sa.String(length=12), nullable=True))
        batch_op.create_index(batch_op.f("ix_patient_person_id"), ["person_id"], unique=False)
    _indexes("patient_merge", ["site_id"], ["patient_id"], ["merged_id"], ["performed_at"], ["recorded_by_id"])


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
