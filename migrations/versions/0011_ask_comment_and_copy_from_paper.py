"""Add requests, comments and notices, and what is known of records that were copied from paper.

``paper`` is empty in every record that is there: none of them says that it came from paper. A signature leaves an empty
one out, so it covers the record as before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _records() -> list[str]:
    """Return the tables of what is done to or known about a patient: those that say on which day of the course."""
    inspector = sa.inspect(op.get_bind())
    columns = {
        table: {column["name"] for column in inspector.get_columns(table)} for table in inspector.get_table_names()
    }
    return sorted(
        table
        for table, names in columns.items()
        if {"performed_at", "course_day"} <= names - {"paper"} and "paper" not in names
    )


def upgrade() -> None:
    op.create_table(
        "notice_mail",
        sa.Column("notice_id", sa.String(length=12), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notice_mail")),
    )
    op.create_table(
        "scan_content",
        sa.Column("scan_id", sa.String(length=12), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("scan_id", name=op.f("pk_scan_content")),
    )
    op.create_table(
        "downtime_kit",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("printed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("printed_by_id", sa.String(length=12), nullable=True),
        sa.Column("courses", sa.JSON(), nullable=False),
        sa.Column("patients", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["printed_by_id"], ["user_account.id"], name=op.f("fk_downtime_kit_printed_by_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_downtime_kit_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_downtime_kit")),
    )
    with op.batch_alter_table("downtime_kit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_downtime_kit_site_id"), ["site_id"], unique=False)

    op.create_table(
        "notice",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("user_id", sa.String(length=12), nullable=False),
        sa.Column("made_by_id", sa.String(length=12), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("record", sa.String(length=40), nullable=False),
        sa.Column("record_id", sa.String(length=12), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["made_by_id"], ["user_account.id"], name=op.f("fk_notice_made_by_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_notice_site_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_notice_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notice_site_id"), ["site_id"], unique=False)
        batch_op.create_index(
            "ix_notice_unread",
            ["user_id"],
            unique=False,
            sqlite_where=sa.text("read_at IS NULL"),
            postgresql_where=sa.text("read_at IS NULL"),
        )
        batch_op.create_index(batch_op.f("ix_notice_user_id_made_at_id"), ["user_id", "made_at", "id"], unique=False)

    op.create_table(
        "paper_scan",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("record", sa.String(length=40), nullable=False),
        sa.Column("record_id", sa.String(length=12), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("attached_by_id", sa.String(length=12), nullable=False),
        sa.Column("attached_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attached_by_id"], ["user_account.id"], name=op.f("fk_paper_scan_attached_by_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_paper_scan_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_scan")),
    )
    with op.batch_alter_table("paper_scan", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_paper_scan_record_id"), ["record_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_paper_scan_site_id"), ["site_id"], unique=False)

    op.create_table(
        "comment",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("record", sa.String(length=40), nullable=False),
        sa.Column("record_id", sa.String(length=12), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.String(length=12), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("struck_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("struck_by_id", sa.String(length=12), nullable=True),
        sa.Column("struck_reason", sa.Text(), nullable=True),
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
            "performed_at IS NOT NULL OR origin = 'imported'", name=op.f("ck_comment_performed_at_recorded")
        ),
        sa.CheckConstraint(
            "performed_by_id IS NOT NULL OR origin = 'imported'", name=op.f("ck_comment_performed_by_id_recorded")
        ),
        sa.CheckConstraint("text IS NOT NULL OR origin = 'imported'", name=op.f("ck_comment_text_recorded")),
        sa.CheckConstraint("(struck_at IS NULL) = (struck_by_id IS NULL)", name=op.f("ck_comment_struck_by_somebody")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_comment_patient_id")),
        sa.ForeignKeyConstraint(["performed_by_id"], ["user_account.id"], name=op.f("fk_comment_performed_by_id")),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["user_account.id"], name=op.f("fk_comment_recorded_by_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_comment_site_id")),
        sa.ForeignKeyConstraint(["struck_by_id"], ["user_account.id"], name=op.f("fk_comment_struck_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment")),
    )
    with op.batch_alter_table("comment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_comment_patient_id"), ["patient_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_comment_performed_at"), ["performed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_comment_record_id"), ["record_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_comment_recorded_by_id"), ["recorded_by_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_comment_site_id"), ["site_id"], unique=False)

    op.create_table(
        "request",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=12), nullable=False),
        sa.Column("record", sa.String(length=40), nullable=False),
        sa.Column("record_id", sa.String(length=12), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.String(length=12), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("asked_of_id", sa.String(length=12), nullable=True),
        sa.Column("asked_role", sa.String(length=20), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answer_text", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by_id", sa.String(length=12), nullable=True),
        sa.Column("seen_hash", sa.String(length=64), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by_id", sa.String(length=12), nullable=True),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
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
        sa.CheckConstraint("kind IS NOT NULL OR origin = 'imported'", name=op.f("ck_request_kind_recorded")),
        sa.CheckConstraint(
            "performed_at IS NOT NULL OR origin = 'imported'", name=op.f("ck_request_performed_at_recorded")
        ),
        sa.CheckConstraint(
            "performed_by_id IS NOT NULL OR origin = 'imported'", name=op.f("ck_request_performed_by_id_recorded")
        ),
        sa.CheckConstraint("text IS NOT NULL OR origin = 'imported'", name=op.f("ck_request_text_recorded")),
        sa.CheckConstraint(
            "(answered_at IS NULL) = (answered_by_id IS NULL)", name=op.f("ck_request_answered_by_somebody")
        ),
        sa.CheckConstraint("(asked_of_id IS NULL) <> (asked_role IS NULL)", name=op.f("ck_request_one_asked")),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by_id IS NULL)", name=op.f("ck_request_withdrawn_by_somebody")
        ),
        sa.CheckConstraint("answered_at IS NULL OR withdrawn_at IS NULL", name=op.f("ck_request_one_end")),
        sa.ForeignKeyConstraint(["answered_by_id"], ["user_account.id"], name=op.f("fk_request_answered_by_id")),
        sa.ForeignKeyConstraint(["asked_of_id"], ["user_account.id"], name=op.f("fk_request_asked_of_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_request_patient_id")),
        sa.ForeignKeyConstraint(["performed_by_id"], ["user_account.id"], name=op.f("fk_request_performed_by_id")),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["user_account.id"], name=op.f("fk_request_recorded_by_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_request_site_id")),
        sa.ForeignKeyConstraint(["withdrawn_by_id"], ["user_account.id"], name=op.f("fk_request_withdrawn_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request")),
    )
    with op.batch_alter_table("request", schema=None) as batch_op:
        batch_op.create_index(
            "ix_request_open",
            ["site_id", "asked_of_id", "asked_role"],
            unique=False,
            sqlite_where=sa.text("answered_at IS NULL AND withdrawn_at IS NULL"),
            postgresql_where=sa.text("answered_at IS NULL AND withdrawn_at IS NULL"),
        )
        batch_op.create_index(batch_op.f("ix_request_patient_id"), ["patient_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_request_performed_at"), ["performed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_request_record_id"), ["record_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_request_recorded_by_id"), ["recorded_by_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_request_site_id"), ["site_id"], unique=False)

    for table in _records():
        op.add_column(table, sa.Column("paper", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    raise RuntimeError("Migrations only go forward. Restore the backup that was made before this one.")
