"""Keep who a person is: accounts of one person, consents with site and side, donors' consents, confirmed corrections.

A patient may have one name, and a birth date that nobody knows. Everything is empty in the rows that are there. A
signature leaves empty columns that came later out, so it covers its record as before.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "donor_consent",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("donor_id", sa.String(length=12), nullable=False),
        sa.Column("given_by", sa.Text(), nullable=True),
        sa.Column("form_version", sa.Text(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
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
        sa.CheckConstraint(
            "form_version IS NOT NULL OR origin = 'imported'", name=op.f("ck_donor_consent_form_version_recorded")
        ),
        sa.CheckConstraint(
            "given_by IS NOT NULL OR origin = 'imported'", name=op.f("ck_donor_consent_given_by_recorded")
        ),
        sa.CheckConstraint(
            "performed_at IS NOT NULL OR origin = 'imported'", name=op.f("ck_donor_consent_performed_at_recorded")
        ),
        sa.CheckConstraint(
            "performed_by_id IS NOT NULL OR origin = 'imported'", name=op.f("ck_donor_consent_performed_by_id_recorded")
        ),
        sa.ForeignKeyConstraint(["donor_id"], ["donor.id"], name=op.f("fk_donor_consent_donor_id")),
        sa.ForeignKeyConstraint(
            ["performed_by_id"], ["user_account.id"], name=op.f("fk_donor_consent_performed_by_id")
        ),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["user_account.id"], name=op.f("fk_donor_consent_recorded_by_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_donor_consent_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_donor_consent")),
    )
    with op.batch_alter_table("donor_consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_donor_consent_donor_id"), ["donor_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_donor_consent_performed_at"), ["performed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_donor_consent_recorded_by_id"), ["recorded_by_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_donor_consent_site_id"), ["site_id"], unique=False)

    op.create_table(
        "continuation",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("treatment_id", sa.String(length=12), nullable=False),
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
        sa.CheckConstraint(
            "performed_at IS NOT NULL OR origin = 'imported'", name=op.f("ck_continuation_performed_at_recorded")
        ),
        sa.CheckConstraint(
            "performed_by_id IS NOT NULL OR origin = 'imported'", name=op.f("ck_continuation_performed_by_id_recorded")
        ),
        sa.CheckConstraint("reason IS NOT NULL OR origin = 'imported'", name=op.f("ck_continuation_reason_recorded")),
        sa.ForeignKeyConstraint(["performed_by_id"], ["user_account.id"], name=op.f("fk_continuation_performed_by_id")),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["user_account.id"], name=op.f("fk_continuation_recorded_by_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_continuation_site_id")),
        sa.ForeignKeyConstraint(["treatment_id"], ["treatment.id"], name=op.f("fk_continuation_treatment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_continuation")),
    )
    with op.batch_alter_table("continuation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_continuation_performed_at"), ["performed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_continuation_recorded_by_id"), ["recorded_by_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_continuation_site_id"), ["site_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_continuation_treatment_id"), ["treatment_id"], unique=False)

    with op.batch_alter_table("amendment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    for name in ("birth_date", "family_name", "given_names"):
        _no_longer_required("patient", name)
    _refer("amendment", "confirmed_by_id", "user_account")

    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.add_column(sa.Column("body_site", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("side", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("representation", sa.Text(), nullable=True))

    _refer("donor_eligibility", "urgent_for_id", "patient")

    with op.batch_alter_table("eligibility", schema=None) as batch_op:
        batch_op.add_column(sa.Column("pregnancy_tested_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("valid_until", sa.Date(), nullable=True))

    with op.batch_alter_table("user_account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("staff_number", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("person_id", sa.String(length=12), nullable=True))
        batch_op.add_column(sa.Column("told_apart", sa.JSON(none_as_null=True), nullable=True))
        batch_op.create_index(batch_op.f("ix_user_account_person_id"), ["person_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_user_account_staff_number"), ["staff_number"], unique=False)


def _refer(table: str, column: str, other: str) -> None:
    """Add a column that refers to another table without copying the table, which would lose its checks on SQLite."""
    named = f"CONSTRAINT fk_{table}_{column} REFERENCES {other} (id)"
    op.execute(f"ALTER TABLE {table} ADD COLUMN {column} VARCHAR(12) {named}")
    op.create_index(f"ix_{table}_{column}", table, [column], unique=False)


def _no_longer_required(table: str, column: str) -> None:
    """Drop the check that a fact is recorded; on SQLite as its manual says, since a copy would lose the others."""
    name = f"ck_{table}_{column}_recorded"
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        op.drop_constraint(op.f(name), table, type_="check")
        return
    kept = bind.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).scalar_one()
    check = re.compile(rf",\s*CONSTRAINT {name} CHECK \([^()]*\)")
    changed, found = check.subn("", kept)
    if found != 1:
        raise RuntimeError(f"The check {name} is not where it was.")
    number = bind.exec_driver_sql("PRAGMA schema_version").scalar_one()
    bind.exec_driver_sql("PRAGMA writable_schema=ON")
    bind.exec_driver_sql("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", (changed, table))
    bind.exec_driver_sql(f"PRAGMA schema_version={number + 1}")
    bind.exec_driver_sql("PRAGMA writable_schema=OFF")


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
