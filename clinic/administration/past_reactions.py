"""A reaction to earlier cells as the bedside hears of it, and what ends that it stops the giving (rule 23)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clinic import wording
from clinic.eligibility.models import Eligibility
from clinic.patients.doubted import is_after

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.course_records import CourseRecords


class PastReaction(NamedTuple):
    """A reaction to cells or to their administration.

    ``severe``: or not yet known to be mild. ``written``: when it was written last. ``event_id``: the adverse event that
    waits for a physician's assessment and signature. ``of_cells``: whether it is known to be one of cells, as what was
    seen while they were given. ``over_at``: when an event that does not go on was over. ``report_in``: the
    course in which somebody reports as an adverse event what a visit, ``visit_id``, told.
    """

    words: str
    at: datetime | None
    severe: bool
    written: datetime | None = None
    event_id: str = ""
    of_cells: bool = True
    over_at: datetime | None = None
    grave: bool = False
    report_in: str = ""
    visit_id: str = ""

    def open_in(self, records: CourseRecords) -> bool:
        """Whether it stops the giving: severe, and no physician has decided since it happened and was written."""
        return self.severe and self._undecided(records)

    def _undecided(self, records: CourseRecords) -> bool:
        """Whether no physician has decided since.

        Of what was over before a decision nobody needs to have known: the patient whom the physician saw was well.
        """
        return not any(
            (self.over_at is not None and one.performed_at > self.over_at)
            or (
                one.performed_at >= (self.at or one.performed_at)
                and (self.written is None or is_after(one.performed_at, one.recorded_at, self.written, self.written))
            )
            for one in records.of(Eligibility)
            if one.signed and one.eligible and one.performed_at is not None
        )

    def stops(self, records: CourseRecords, begun: datetime) -> bool:
        """Whether it stops cells that run since a moment.

        What began while they run stops them where it is grave: who assesses an event has not decided that they go on.
        """
        before = self.at is None or self.at < begun.replace(second=0, microsecond=0)
        return self.open_in(records) if before else self.grave and self._undecided(records)

    @property
    def check(self) -> str:
        """The name of its line at the bedside."""
        if self.report_in:
            return "New symptoms"
        return "Earlier reaction" if self.of_cells else "Adverse event"

    @property
    def because(self) -> str:
        """Why no cells may be given, and what ends that."""
        if self.report_in:
            then = (
                "A physician signs the adverse event that was reported of it, or decides on eligibility again."
                if self.event_id
                else "Report it as an adverse event, or have a physician decide on eligibility again."
            )
            return f"A visit told of new symptoms: {self.words}. {then}"
        what = "Earlier reaction to cells" if self.of_cells else "Adverse event"
        return f"{what}: {self._undecided_words}"

    def because_in(self, zone: str, begun: datetime | None) -> str:
        """Return the same of cells that run since a moment: what began with them is told with its time, as of now."""
        if begun is None or self.at is None or self.at < begun.replace(second=0, microsecond=0):
            return self.because
        return f"While these cells run, {wording.time_of_day(self.at, zone)}: {self._undecided_words}"

    @property
    def _undecided_words(self) -> str:
        assess = "assessed and signed the adverse event, or decided" if self.event_id else "decided"
        return f"{self.words}. A physician has not {assess} on eligibility since then."
