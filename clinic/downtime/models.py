"""The scan of a paper record, and that a downtime kit was printed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from clinic.fields import field
from clinic.identifiers import LENGTH
from clinic.model import Base, Model, reference


class PaperScan(Model):
    """The scan of the paper that a record was copied from. Its content lies in `ScanContent`, its SHA-256 here.

    The name that the file had is not kept: names of files tell of patients.
    """

    KIND = "PS"
    NOUN = "Scan of the paper"

    record: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str] = mapped_column(String(LENGTH), index=True)
    media_type: Mapped[str] = field("Kind of file")
    size: Mapped[int] = field("Size", unit="bytes")
    sha256: Mapped[str] = field("SHA-256")
    attached_by_id: Mapped[str] = reference("user_account", index=False)
    attached_at: Mapped[datetime]


class ScanContent(Base):
    """The bytes of a scan. `PaperScan` has their SHA-256, which the ledger keeps and `clinic verify` compares."""

    scan_id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class DowntimeKit(Model):
    """One printing of the downtime kit: who read which courses, and when (rule 70); nobody where a command wrote it."""

    KIND = "DK"
    NOUN = "Downtime kit"

    printed_at: Mapped[datetime]
    printed_by_id: Mapped[str | None] = reference("user_account", index=False)
    courses: Mapped[list[str]] = field("Courses", default=list)
    patients: Mapped[int] = field("Number of patients")
    sha256: Mapped[str | None] = field("SHA-256 of the file")
