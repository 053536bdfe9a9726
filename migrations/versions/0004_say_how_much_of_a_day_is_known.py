"""Say how much of a day is known, and from which cells a visit is counted.

Both columns are empty in every row that is there: everything is known of its days, and the visits of a course are
counted from its first cells. A signature leaves an empty precision out, so it covers the row as before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

RECORDS = (
    "administration", "adverse_event", "alert", "bedside_check", "blood_typing", "consent", "contact_attempt", "donor",
    "donor_eligibility", "eligibility", "follow_up_visit", "harvest", "in_process_count", "manipulation", "movement",
    "outcome_score", "patient", "processing_run", "product", "qc_result", "release", "run_input", "stop", "treatment",
    "vital_signs", "weight", "withdrawal",
)  # fmt: skip


def upgrade() -> None:
    for table in RECORDS:
        op.add_column(table, sa.Column("precision", sa.JSON(none_as_null=True), nullable=True))
    with op.batch_alter_table("planned_visit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("administration_id", sa.String(length=12), nullable=True))
        batch_op.create_index(batch_op.f("ix_planned_visit_administration_id"), ["administration_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_planned_visit_administration_id"), "administration", ["administration_id"], ["id"]
        )


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
