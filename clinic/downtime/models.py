"""That a downtime kit was printed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped

from clinic.fields import field
from clinic.model import Model, reference


class DowntimeKit(Model):
    """One printing of the downtime kit: who read which courses, and when (rule 70); nobody where a command wrote it."""

    KIND = "DK"
    NOUN = "Downtime kit"

    printed_at: Mapped[datetime]
    printed_by_id: Mapped[str | None] = reference("user_account", index=False)
    courses: Mapped[list[str]] = field("Courses", default=list)
    patients: Mapped[int] = field("Number of patients")
    sha256: Mapped[str | None] = field("SHA-256 of the file")
