"""A batch: one import as a record, with the file, its mapping, who answers for it, and what each row became."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Index, String, Text, and_, column, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.fields import field
from clinic.ledger.models import digest
from clinic.model import Model, reference

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.exchange.mapping import Mapping as TableMapping

COUNTS = column("taken_back_at").is_(None)
WAITS = and_(column("undo_asked_at").is_not(None), COUNTS)
"""That somebody proposed to take an import back and no second person has agreed yet."""


class ImportBatch(Model):
    """One table that was imported. ``mapping``: as `Mapping.kept` gives it; ``made``: how many records of each noun.

    ``taken_back_at``: when the whole batch was undone. Its records are then removed; the ledger keeps each of them, and
    the batch keeps the id that each had. ``undo_asked_at``: when one person proposed that; the records count until a
    second person agrees.
    """

    KIND = "IM"
    NOUN = "Import"
    __table_args__ = (
        Index(None, "site_id", "imported_at", "id"),
        Index(None, "site_id", "sha256"),
        CheckConstraint("(taken_back_at IS NULL) = (taken_back_by_id IS NULL)", name="taken_back_by_somebody"),
        CheckConstraint("(undo_asked_at IS NULL) = (undo_asked_by_id IS NULL)", name="undo_asked_by_somebody"),
        Index("ix_import_batch_undo_asked", "site_id", "undo_asked_at", sqlite_where=COUNTS, postgresql_where=COUNTS),
    )

    kind: Mapped[str] = field("Kind of import")
    file: Mapped[str] = field("File", identifying=True)
    sha256: Mapped[str] = field("SHA-256 of the file", String(64))
    source: Mapped[str] = field("Source", identifying=True)
    mapping: Mapped[dict[str, Any]] = field("Mapping", identifying=True)
    mapping_hash: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int] = field("Rows")
    skipped: Mapped[int] = field("Rows that were imported before")
    made: Mapped[dict[str, Any]] = field("Records")
    notes: Mapped[list[str]] = field("Notes", identifying=True)
    imported_at: Mapped[datetime] = field("Imported at")
    imported_by_id: Mapped[str] = reference("user_account")
    taken_back_at: Mapped[datetime | None] = field("Taken back at")
    taken_back_by_id: Mapped[str | None] = reference("user_account", index=False)
    taken_back_because: Mapped[str | None] = field("Why it was taken back", Text, identifying=True)

    undo_asked_at: Mapped[datetime | None] = field("Undo proposed at")
    undo_asked_by_id: Mapped[str | None] = reference("user_account", index=False)
    undo_reason: Mapped[str | None] = field("Why it is to be taken back", Text, identifying=True)

    imported_by: Mapped[User] = relationship("User", foreign_keys=[imported_by_id])
    taken_back_by: Mapped[User | None] = relationship("User", foreign_keys=[taken_back_by_id])
    undo_asked_by: Mapped[User | None] = relationship("User", foreign_keys=[undo_asked_by_id])


class ImportedRow(Model):
    """One row of a batch: its number in the file, the hash of what it says, and the ids of the records it became.

    ``source_key``: what tells it from the other rows of its source, where the table has a column for that.
    """

    KIND = "IR"
    NOUN = "Imported row"
    __table_args__ = (
        Index(None, "batch_id", "row"),
        Index(None, "site_id", "content"),
        Index(None, "site_id", "source_key"),
    )

    batch_id: Mapped[str] = reference("import_batch", index=False)
    row: Mapped[int] = field("Row")
    content: Mapped[str] = mapped_column(String(64))
    source_key: Mapped[str | None] = field("Key in the source", identifying=True)
    records: Mapped[list[str]] = field("Records")

    batch: Mapped[ImportBatch] = relationship()


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_of_mapping(mapping: TableMapping) -> str:
    """Return the SHA-256 of what a mapping says, in whatever order."""
    return digest(mapping.kept())


def same_import(session: Session, site_id: str, sha256: str, mapping: TableMapping) -> ImportBatch | None:
    """Return the batch that came of the same file by the same mapping and was not taken back."""
    return session.scalar(
        select(ImportBatch)
        .where(
            ImportBatch.site_id == site_id, ImportBatch.sha256 == sha256, ImportBatch.kind == mapping.kind,
            ImportBatch.mapping_hash == hash_of_mapping(mapping), ImportBatch.taken_back_at.is_(None),
        )
        .order_by(ImportBatch.imported_at.desc())
        .limit(1)
    )  # fmt: skip


PIECE = 500


def known_rows(session: Session, site_id: str, column: Any, values: Iterable[str]) -> dict[str, ImportedRow]:
    """Return the rows of batches that count still, by one of their columns."""
    wanted, found = sorted(set(values)), {}
    for start in range(0, len(wanted), PIECE):
        chosen = select(ImportedRow).join(ImportBatch, ImportBatch.id == ImportedRow.batch_id)
        chosen = chosen.where(ImportedRow.site_id == site_id, column.in_(wanted[start : start + PIECE]))
        for one in session.scalars(chosen.where(ImportBatch.taken_back_at.is_(None))):
            found[getattr(one, column.key)] = one
    return found
