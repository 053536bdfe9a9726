"""Drop the indexes on a site alone, and add those that lists and the search for products are read from.

An index on the site finds nearly all rows of a table. SQLite preferred it to the one that finds ten of them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLES = (
    "administration", "adverse_event", "alert", "amendment", "bedside_check", "blood_typing", "comment", "consent",
    "contact_attempt", "continuation", "donor", "donor_consent", "donor_eligibility", "dose_change", "downtime_kit",
    "eligibility", "follow_up_visit", "harvest", "in_process_count", "infusion_event", "manipulation", "movement",
    "notice", "outcome_score", "paper_scan", "patient", "patient_merge", "planned_visit", "processing_run",
    "product", "protocol", "protocol_version", "qc_result", "release", "request", "run_input", "signature", "site",
    "staff_authorization", "stop", "treatment", "user_account", "vital_signs", "weight", "withdrawal",
)  # fmt: skip


def upgrade() -> None:
    for table in TABLES:
        op.drop_index(f"ix_{table}_site_id", table_name=table)
    op.create_index("ix_donor_site_id_recorded_at_id", "donor", ["site_id", "recorded_at", "id"])
    others = sa.text("kind <> 'self'")
    op.create_index(
        "ix_donor_others", "donor", ["site_id", "kind", "donor_number", "name"], sqlite_where=others,
        postgresql_where=others,
    )  # fmt: skip
    op.create_index("ix_request_recorded_at_id", "request", ["recorded_at", "id"])
    searched = ["site_id", "name", "din", "donor_id", "treatment_id", "id"]
    op.create_index("ix_product_search", "product", searched)


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
