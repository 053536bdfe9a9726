"""A reaction to earlier cells as the bedside hears of it, and what ends that it stops the giving (rule 23)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clinic.eligibility.models import Eligibility

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.course_records import CourseRecords


class PastReaction(NamedTuple):
    """A reaction to cells or to their administration.

    ``severe``: or not yet known to be mild. ``written``: when it was written last. ``unassessed``: an adverse event
    that waits for a physician's assessment and signature.
    """

    words: str
    at: datetime | None
    severe: bool
    written: datetime | None = None
    unassessed: bool = False

    def open_in(self, records: CourseRecords) -> bool:
        """Whether it stops the giving: severe, and no physician has decided since it happened and was written."""
        return self.severe and not any(
            one.performed_at >= (self.at or one.performed_at)
            and (self.written is None or one.recorded_at > self.written)
            for one in records.of(Eligibility)
            if one.signed and one.eligible and one.performed_at is not None
        )

    @property
    def because(self) -> str:
        """Why no cells may be given, and what ends that."""
        assess = "assessed and signed the adverse event, or decided" if self.unassessed else "decided"
        return f"Earlier reaction to cells: {self.words}. A physician has not {assess} on eligibility since then."
