"""Writes a report that was kept on a schedule into the folder of the instance, whole or not at all.

The name of a file tells site, report, day and the number of the saved view: nothing that somebody typed is in it, and
nothing of a patient. Its owner on this machine alone reads it.
"""

from __future__ import annotations

import errno
import hashlib
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

from clinic.reports import files
from clinic.reports.paper import as_pdf
from clinic.whole_files import written_whole

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from clinic.reports.files import Made
    from clinic.reports.saved import SavedView

UNSET = "no folder for reports is set any more"
WHY = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full",
    errno.ENOENT: "the folder is not there",
    errno.ENOTDIR: "the folder is not there",
    errno.EACCES: "the clinic may not write into the folder",
    errno.EPERM: "the clinic may not write into the folder",
    errno.EROFS: "the folder can only be read",
}


def content(made: Made, form: str) -> bytes:
    """Return a report as a file of one kind, as its page gives it out."""
    ways = {"csv": files.as_csv, "xlsx": files.as_xlsx, "json": files.as_json, "pdf": as_pdf}
    found = ways[form](made)
    return found.encode() if isinstance(found, str) else found


def name_of(view: SavedView, made: Made, day: date) -> str:
    """Return the name of the file; the same view on the same day has the same one."""
    return f"{view.owner.site.code}-{made.report.name}-{day:%Y-%m-%d}-{view.id}.{view.folder}"


def digest(written: bytes) -> str:
    """Return the SHA-256 of a file as the access log keeps it: 43 letters (base64url, RFC 4648)."""
    return urlsafe_b64encode(hashlib.sha256(written).digest()).rstrip(b"=").decode()


def write(folder: Path | None, name: str, written: bytes) -> str:
    """Write a file; return why it could not be written, empty: it is there, whole and on the disk."""
    if folder is None:
        return UNSET
    try:
        with written_whole(folder / name) as file:
            file.write(written)
    except OSError as fault:
        return WHY.get(fault.errno or 0, f"the folder does not take it ({fault.strerror or type(fault).__name__})")
    return ""
