"""The scan of a paper record: a PDF, JPEG or PNG, checked by its content, kept in the database, never shown inline."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from clinic.downtime.models import PaperScan, ScanContent
from clinic.errors import Problem, RuleBroken
from clinic.fields import Unreadable
from clinic.form_fields import FactField
from clinic.forms import RecordForm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.records import Record

MOST = 10 * 1024 * 1024
"""Bytes of one scan; a larger request than 16 MB is refused by the server before it is read."""
QUOTA, PER = 250 * 1024 * 1024, timedelta(days=1)
"""Bytes that one person attaches in a day (ASVS 5.2.4)."""
TYPES = {"application/pdf": ("pdf",), "image/jpeg": ("jpg", "jpeg"), "image/png": ("png",)}
"""Each kind of file with the endings of its name; the first is the one it is given out with."""
WANTED = "Use a PDF, JPEG or PNG of the paper"


@dataclass(frozen=True)
class Upload:
    """A file that was sent, whose content is what its name says."""

    content: bytes
    media_type: str

    @property
    def sha256(self) -> str:
        """The hash that the ledger keeps."""
        return hashlib.sha256(self.content).hexdigest()


def media_type(content: bytes) -> str:
    """Return what a file is by its first and last bytes; "" for anything but a whole PDF, JPEG or PNG."""
    head, tail = content[:16], content[-2048:]
    if head.startswith(b"%PDF-") and b"%%EOF" in tail:
        return "application/pdf"
    if head.startswith(b"\xff\xd8\xff") and b"\xff\xd9" in tail:
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n") and b"IEND" in tail:
        return "image/png"
    return ""


def checked(name: str, content: bytes) -> Upload:
    """Return a file as an upload; raises `Unreadable` where ending and content do not agree (ASVS 5.2.2)."""
    found, ending = media_type(content), name.rpartition(".")[2].lower()
    if not found:
        raise Unreadable(f"this file is not a scan. {WANTED}")
    if ending not in TYPES[found]:
        raise Unreadable(f"the content of this file does not match the ending of its name. {WANTED}")
    return Upload(content, found)


class ScanField(FactField):
    """A file of the form; its size is asked before it is read into memory."""

    kind = "file"

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Check the file that was sent; nothing was sent where its name is empty."""
        sent = next((one for one in valuelist if getattr(one, "filename", "")), None)
        self.text, self.data = "", None
        if sent is None:
            return
        try:
            self.data = checked(sent.filename, _content(sent.stream))
        except Unreadable as problem:
            raise Unreadable(self.named(str(problem))) from problem


def _content(stream: Any) -> bytes:
    """Return what is in a file; raises `Unreadable` where it is too large, before it is read into memory."""
    size = stream.seek(0, 2)
    if size > MOST:
        raise Unreadable(f"the file is larger than {MOST // 1024 // 1024} MB. {WANTED}, with fewer dots an inch")
    stream.seek(0)
    return bytes(stream.read())


class ScanForm(RecordForm):
    """A scan that is attached to a record afterwards."""

    multipart = True
    paper_scan = ScanField("Scan of the paper", required=True, hint="PDF, JPEG or PNG, 10 MB at most")


def attach(session: Session, record: Record, upload: Upload, *, by: User, at: datetime) -> PaperScan:
    """Attach a scan to a record that was copied from paper; the ledger keeps its SHA-256.

    Raises `RuleBroken` where the record is not from paper, has this scan already, or the person attached too much.
    """
    if record.paper is None:
        raise RuleBroken("This record was not copied from paper.")
    known = select(PaperScan.id).where(PaperScan.record_id == record.id, PaperScan.sha256 == upload.sha256)
    if session.scalar(known) is not None:
        raise RuleBroken(Problem("This scan is attached already.", "paper_scan"))
    mine = select(func.coalesce(func.sum(PaperScan.size), 0))
    used = session.scalar(mine.where(PaperScan.attached_by_id == by.id, PaperScan.attached_at > at - PER)) or 0
    if used + len(upload.content) > QUOTA:
        raise RuleBroken(Problem("You attached too much today. Ask a colleague, or go on tomorrow.", "paper_scan"))
    scan = PaperScan(
        site_id=record.site_id, record=record.__tablename__, record_id=record.id, media_type=upload.media_type,
        size=len(upload.content), sha256=upload.sha256, attached_by_id=by.id, attached_at=at,
    )  # fmt: skip
    session.add_all([scan, ScanContent(scan_id=scan.id, content=upload.content)])
    return scan


def disagreements(session: Session) -> Iterator[str]:
    """Yield a sentence for each scan whose content is not the one that the ledger knows."""
    rows = select(PaperScan.id, PaperScan.sha256, ScanContent.content)
    joined = rows.join(ScanContent, ScanContent.scan_id == PaperScan.id, isouter=True)
    for row in session.execute(joined.execution_options(yield_per=1)):
        if row.content is None:
            yield f"paper_scan {row.id}: its content is missing"
        elif hashlib.sha256(row.content).hexdigest() != row.sha256:
            yield f"paper_scan {row.id}: its content is not the one that was attached"
