"""A file that hangs on a record of any kind, and its bytes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.errors import RuleBroken
from clinic.fields import field
from clinic.identifiers import LENGTH
from clinic.model import ADDED, Base, Model, reference

if TYPE_CHECKING:
    from clinic.accounts.models import User


class Attachment(Model):
    """One file: what it shows, what it is, who attached it when. Its bytes lie in `AttachmentContent`.

    The ledger keeps the SHA-256. The name that the file had is not kept: names of files tell of patients. The table
    is called after its first use, the scan of a paper record, because the ledger's entries name it so.
    """

    __tablename__: Any = "paper_scan"
    KIND = "PS"
    NOUN = "Attachment"

    record: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str] = mapped_column(String(LENGTH), index=True)
    title: Mapped[str | None] = field("Description", identifying=True, max_length=120, info=ADDED)
    media_type: Mapped[str] = field("Kind of file")
    size: Mapped[int] = field("Size", unit="bytes")
    sha256: Mapped[str] = field("SHA-256")
    attached_by_id: Mapped[str] = reference("user_account", index=False)
    attached_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None] = mapped_column(info=ADDED)
    withdrawn_by_id: Mapped[str | None] = reference("user_account", index=False, info=ADDED)
    withdrawn_because: Mapped[str | None] = field("Taken back because", identifying=True, info=ADDED)

    attached_by: Mapped[Any] = relationship("User", foreign_keys=[attached_by_id])
    withdrawn_by: Mapped[Any] = relationship("User", foreign_keys=[withdrawn_by_id])

    @property
    def headline(self) -> str:
        """What it shows; a scan of before files had titles is named as what it is."""
        return self.title or "Scan of the paper"

    def withdraw(self, *, by: User, at: datetime, reason: str) -> None:
        """Take a file back: it stays readable and says why (rule 70). Raises `RuleBroken`."""
        if self.withdrawn_at is not None:
            raise RuleBroken("This file is taken back already.")
        if not reason.strip():
            raise RuleBroken("Give the reason why the file is taken back.", rule=70)
        self.withdrawn_at, self.withdrawn_by_id, self.withdrawn_because = at, by.id, reason.strip()


class AttachmentContent(Base):
    """The bytes of a file. `Attachment` has their SHA-256, which the ledger keeps and `clinic verify` compares."""

    __tablename__: Any = "scan_content"

    scan_id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
