"""What a file is, judged by its content; how and within which limits it is attached; whether its bytes are the same."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from clinic import wording
from clinic.attachments.content import KINDS
from clinic.attachments.models import Attachment, AttachmentContent
from clinic.errors import Problem, RuleBroken
from clinic.fields import Unreadable
from clinic.form_fields import FactField

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.records import Entry

MOST = 10 * 1024 * 1024
"""Bytes of one file; a larger request than 16 MB is refused by the server before it is read."""
FILES = 20
"""Files of one record, without those that were taken back."""
QUOTA, PER = 250 * 1024 * 1024, timedelta(days=1)
"""Bytes that one person attaches in a day (ASVS 5.2.4)."""
TYPES = {
    "application/pdf": ("pdf",), "image/jpeg": ("jpg", "jpeg"), "image/png": ("png",), "image/tiff": ("tif", "tiff"),
    "text/plain": ("txt", "log", "text"), "text/csv": ("csv",),
}  # fmt: skip
"""Each kind of file with the endings of its name; the first is the one it is given out with."""
WORDS = {
    "application/pdf": "PDF", "image/jpeg": "JPEG", "image/png": "PNG", "image/tiff": "TIFF", "text/plain": "Text",
    "text/csv": "CSV",
}  # fmt: skip
WANTED = "Use a PDF, PNG, JPEG, TIFF, plain text or CSV file"
LIMITS = f"PDF, PNG, JPEG, TIFF, plain text or CSV; {MOST // 1024 // 1024} MB at most"

_MARKUP = re.compile(r"<\s*(!doctype|html|head|body|script|svg|iframe|object|embed|\?xml)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


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
    """Return what a file is by its content; "" for what is none of `TYPES`, is cut off, or could do something."""
    for start, kind, fits in KINDS:
        if content.startswith(start):
            return kind if fits(content) else ""
    return "text/plain" if is_plain(content) else ""


def is_plain(content: bytes) -> bool:
    """Whether a file is text of lines without markup: no control characters, no page and no drawing in it."""
    if not content.strip() or content.startswith(b"%PDF"):
        return False
    text = content.decode(charset(content), errors="replace")
    return not _CONTROL.search(text) and not _MARKUP.search(text)


def charset(content: bytes) -> str:
    """Return how the letters of a text are written: as UTF-8, else as Windows writes them."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


def checked(name: str, content: bytes) -> Upload:
    """Return a file as an upload; raises `Unreadable` where ending and content do not agree (ASVS 5.2.2).

    A text that is called CSV is one. A file without an ending is what its content is.
    """
    found, dot, ending = media_type(content), *name.rpartition(".")[1:]
    ending = ending.lower()
    if not found:
        raise Unreadable(f"this is no file that can be attached: it is cut off, of another kind, or not safe. {WANTED}")
    if found == "text/plain" and ending in TYPES["text/csv"]:
        found = "text/csv"
    if dot and ending not in TYPES[found]:
        raise Unreadable(f"the content of this file does not match the ending of its name. {WANTED}")
    return Upload(content, found)


class UploadField(FactField):
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


def attach(  # noqa: PLR0913 - what, on what, and who
    session: Session, record: Entry, upload: Upload, *, title: str, by: User, at: datetime, box: str = "file"
) -> Attachment:
    """Attach a file to a record; the ledger keeps its SHA-256.

    Raises `RuleBroken`, shown at ``box``, where the record has this file already or enough of them, or where the
    person attached too much today.
    """
    known = of_record(session, record.id)
    present = [one for one in known if one.withdrawn_at is None]
    if any(one.sha256 == upload.sha256 for one in present):
        raise RuleBroken(Problem("This file is attached already.", box))
    if len(present) >= FILES:
        raise RuleBroken(Problem(f"This record has {FILES} files, the most it can have. Take one back first.", box))
    mine = select(func.coalesce(func.sum(Attachment.size), 0))
    used = session.scalar(mine.where(Attachment.attached_by_id == by.id, Attachment.attached_at > at - PER)) or 0
    if used + len(upload.content) > QUOTA:
        raise RuleBroken(Problem("You attached too much today. Ask a colleague, or go on tomorrow.", box))
    made = Attachment(
        site_id=record.site_id, record=record.__tablename__, record_id=record.id,
        title=wording.recorded(title).strip(), media_type=upload.media_type, size=len(upload.content),
        sha256=upload.sha256, attached_by_id=by.id,
        attached_at=at,
    )  # fmt: skip
    session.add_all([made, AttachmentContent(scan_id=made.id, content=upload.content)])
    return made


def of_record(session: Session, *record_ids: str) -> list[Attachment]:
    """Return the files of some records, the first one first, those that were taken back too."""
    chosen = select(Attachment).where(Attachment.record_id.in_(record_ids))
    return list(session.scalars(chosen.order_by(Attachment.attached_at, Attachment.id)))


def unchanged(one: Attachment, content: bytes) -> None:
    """Raise `RuleBroken` where the stored bytes of a file are not those that were attached (rule 70)."""
    if hashlib.sha256(content).hexdigest() != one.sha256:
        raise RuleBroken(
            "The stored content of this file is not the one that was attached, so it is not given out. Ask the "
            "administrator to run “clinic verify” and to restore the file from a backup.", rule=70,
        )  # fmt: skip


def disagreements(session: Session) -> Iterator[str]:
    """Yield a sentence for each file whose bytes are missing, nobody's, or not those that the ledger knows."""
    rows = select(Attachment.id, Attachment.record_id, Attachment.sha256, AttachmentContent.content)
    joined = rows.join(AttachmentContent, AttachmentContent.scan_id == Attachment.id, isouter=True)
    for row in session.execute(joined.execution_options(yield_per=1)):
        if row.content is None:
            yield f"attachment {row.id} of {row.record_id}: its content is missing"
        elif hashlib.sha256(row.content).hexdigest() != row.sha256:
            yield f"attachment {row.id} of {row.record_id}: its content is not the one that was attached"
    known = select(Attachment.id).where(Attachment.id == AttachmentContent.scan_id).exists()
    for name in session.scalars(select(AttachmentContent.scan_id).where(~known).order_by(AttachmentContent.scan_id)):
        yield f"stored content {name}: it belongs to no attachment"
