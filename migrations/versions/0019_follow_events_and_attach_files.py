"""Follow an adverse event to its end, record who was told of it, and attach files to any record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def _of_record() -> list[sa.Column]:
    """Return the columns that every record has."""
    return [
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
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


STAFF = {"recorded_by_id": "user_account", "performed_by_id": "user_account", "site_id": "site"}
OF_EVENT = {"treatment_id": "treatment", "event_id": "adverse_event"}


def upgrade() -> None:
    for name in ("from_drug", "from_disease"):
        op.add_column("adverse_event", sa.Column(name, sa.Text(), nullable=True))
    op.create_table(
        "event_update",
        *_of_record(),
        sa.Column("treatment_id", sa.String(length=12), nullable=False),
        sa.Column("event_id", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        *_constraints("event_update", ("performed_at", "performed_by_id", "kind", "said"), STAFF | OF_EVENT),
    )
    op.create_table(
        "event_notification",
        *_of_record(),
        sa.Column("treatment_id", sa.String(length=12), nullable=False),
        sa.Column("event_id", sa.String(length=12), nullable=False),
        sa.Column("product_id", sa.String(length=12), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("whom", sa.Text(), nullable=True),
        sa.Column("way", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("not_needed", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "whom IS NOT NULL OR not_needed IS NOT NULL", name=op.f("ck_event_notification_told_or_not")
        ),
        *_constraints(
            "event_notification", ("performed_at", "performed_by_id", "recipient"),
            STAFF | OF_EVENT | {"product_id": "product"},
        ),
    )  # fmt: skip
    indexed = {"event_update": ["treatment_id", "event_id"]}
    indexed["event_notification"] = [*indexed["event_update"], "product_id"]
    for table, columns in indexed.items():
        for column in ("performed_at", "recorded_by_id", *columns):
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    with op.batch_alter_table("paper_scan", schema=None) as batch_op:
        batch_op.add_column(sa.Column("title", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("withdrawn_by_id", sa.String(length=12), nullable=True))
        batch_op.add_column(sa.Column("withdrawn_because", sa.Text(), nullable=True))
        who = batch_op.f("fk_paper_scan_withdrawn_by_id")
        batch_op.create_foreign_key(who, "user_account", ["withdrawn_by_id"], ["id"])


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
