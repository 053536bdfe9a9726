"""A report as it was made once, kept with its moment and the ledger's head, to be reviewed, signed and submitted.

The figures are kept as they were; what a record that was entered or corrected later would change is shown beside them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.errors import Problem, RuleBroken
from clinic.fields import field
from clinic.model import reference
from clinic.records import Record
from clinic.reports.files import as_json
from clinic.reports.page_columns import told_table

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.accounts.models import User
    from clinic.reports.asking import Asked
    from clinic.reports.files import Made
    from clinic.reports.page_columns import PageColumn, ToldRow


MARK = re.compile(r"[0-9a-f]{12}|[0-9a-f]{32}")
"""The key of a row whose label somebody typed (`marks`); the short ones were kept before there was a secret."""


class KeptReport(Record):
    """The figures of one report as of one moment. It is reviewed by its signatures, then submitted to somebody."""

    KIND = "KR"
    NOUN = "Kept report"
    JUDGED = False
    HAPPENED = "Made at"
    DONE = "Kept by"
    __table_args__ = (Index(None, "recorded_at", "id"),)

    title: Mapped[str] = field("Name", required=True, max_length=120, hint="Such as “Activity return 2026”")
    note: Mapped[str | None] = field("Note", Text, long=True)
    report: Mapped[str] = mapped_column(String(40))
    asked: Mapped[dict[str, str]]
    kept_json: Mapped[str]
    scheduled: Mapped[bool] = mapped_column(default=False)

    submissions: Mapped[list[ReportSubmission]] = relationship(order_by="ReportSubmission.performed_at")

    @classmethod
    def keep(cls, made: Made, asked: Asked, *, by: User, at: datetime, **facts: Any) -> KeptReport:
        """Return a report as it was just made. ``facts``: title, note, scheduled.

        The period is kept by its days: “last quarter” would be another one later.
        """
        said = asked.fixed().params(made.report)
        return cls.log(
            by=by, at=at, performed_by=by, performed_by_id=by.id, performed_at=made.at, report=made.report.name,
            asked=said, kept_json=as_json(made), **facts,
        )  # fmt: skip

    @property
    def told(self) -> dict[str, Any]:
        """What was kept, as the JSON file of the report has it."""
        found: dict[str, Any] = json.loads(self.kept_json)
        return found

    @property
    def table(self) -> tuple[list[PageColumn], list[ToldRow]]:
        """Columns and rows of its table on a page."""
        return told_table(self.told)

    @property
    def standing(self) -> str:
        """Draft, reviewed or submitted, in a word."""
        if self.submissions:
            return "Submitted"
        return "Reviewed" if self.signed else "Draft"

    def headline(self) -> str:
        return self.title


class ReportSubmission(Record):
    """That a kept report was submitted: to whom, when, by whom."""

    KIND = "RB"
    NOUN = "Submission"
    JUDGED = False
    HAPPENED = "Submitted at"
    DONE = "Submitted by"

    kept_id: Mapped[str] = reference("kept_report")
    submitted_to: Mapped[str] = field("Submitted to", required=True, max_length=120)
    reference_number: Mapped[str | None] = field("Their reference", max_length=120)

    @classmethod
    def of(cls, kept: KeptReport, *, by: User, at: datetime, **facts: Any) -> ReportSubmission:
        """Return the submission of a kept report. Raises `RuleBroken` before a review is signed.

        ``facts``: submitted_to, reference_number, performed_at, performed_by_id.
        """
        if not kept.signed:
            raise RuleBroken("Sign the review first. A report that nobody has reviewed is not submitted.")
        made = cls.log(by=by, at=at, kept_id=kept.id, **facts)
        if made.performed_at is not None and made.performed_at < kept.recorded_at.replace(second=0, microsecond=0):
            raise RuleBroken(Problem("Submitted at: this is before the report was made.", "performed_at"))
        return made

    def headline(self) -> str:
        return f"To {self.submitted_to}"


class Difference(NamedTuple):
    """One figure that is another one today: its row and column, then and now; an en dash where there was none."""

    row: str
    column: str
    then: str
    now: str


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[Difference]:
    """Return the figures of a kept report that are other ones in a later one, rows that came or went too."""
    before, after = _figures(then), _figures(now)
    found = []
    for place in {**before, **after}:
        old, new = before.get(place), after.get(place)
        if (old and old[2]) != (new and new[2]):
            words = old or new or ("", "", "")
            found.append(Difference(words[0], words[1], old[2] if old else "–", new[2] if new else "–"))
    return found


def _figures(told: dict[str, Any]) -> dict[tuple[str, str], tuple[str, str, str]]:
    """Return the figures of a report by the keys of row and column: label, heading and value in words.

    A row whose label somebody typed is known by it: its key is a mark, another one under another secret.
    """
    found = {("", one["key"]): (one["label"], "", str(one["n"])) for one in told["asides"]}
    for row in told["rows"]:
        place = f"typed {row['label']}" if MARK.fullmatch(row["key"]) else row["key"]
        for column in told["columns"]:
            value = row[column["key"]]
            words = "–" if value is None else str(value)
            found[place, column["key"]] = (row["label"], column["heading"], words)
    return found
