"""Record against source: a random sample of courses that can be drawn again, and what its check found, field by field.

An audit keeps its seed and the courses drawn. Each of them is checked once; a mistaken mark is amended with a reason.
Nothing is signed: who marked what, and when, is in the ledger.
"""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from sqlalchemy import Index, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from clinic import wording
from clinic.errors import Problem, RuleBroken
from clinic.fields import Range, field, plain
from clinic.followup.models import FollowUpVisit, OutcomeScore
from clinic.model import reference
from clinic.protocols.catalogues import CONDITIONS, INSTRUMENTS, SOURCES, labels
from clinic.records import Record
from clinic.reports.asking import Asked
from clinic.reports.data import Data
from clinic.reports.dimensions import DONORS
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from clinic.accounts.models import User

VERDICTS = {"right": "As in the source", "wrong": "Differs from the source", "missing": "Source missing"}
ENGRAFTMENT = VERDICTS | {"none": "Does not apply"}
CHECKED = {
    "disease": "Disease",
    "source": "Cell source",
    "donor": "Donor type",
    "engraftment": "Engraftment",
    "survival": "Survival",
}
"""The fields of an audit: the donor type of allogeneic courses only."""
GRAFTS = ("anc_recovery", "platelet_recovery")
MOST = 200
"""Courses of one sample."""


def sample(seed: str, ids: Iterable[str], size: int) -> list[str]:
    """Return a random sample of some ids: those with the smallest SHA-256 of seed, space and id, in that order."""
    return sorted(set(ids), key=lambda one: sha256(f"{seed} {one}".encode()).digest())[:size]


class SourceAudit(Record):
    """One audit: courses with first cells in a period, of which ``size`` are drawn by ``seed``."""

    KIND = "SA"
    NOUN = "Source audit"
    JUDGED = False
    HAPPENED = "Drawn at"
    DONE = "Drawn by"
    __table_args__ = (Index(None, "recorded_at", "id"),)

    since: Mapped[date] = field("First day", required=True, section="Sample")
    until: Mapped[date] = field("Last day", required=True, section="Sample", not_before=("since",))
    size: Mapped[int] = field("Courses to check", required=True, possible=Range(1, MOST), section="Sample")
    seed: Mapped[str] = mapped_column(String(16))
    population: Mapped[int]
    drawn: Mapped[list[str]]

    checks: Mapped[list[SourceCheck]] = relationship(back_populates="audit", order_by="SourceCheck.recorded_at")

    @classmethod
    def draw(cls, data: Data, *, by: User, at: datetime, seed: str = "", **facts: Any) -> SourceAudit:
        """Return an audit of a sample drawn now. ``facts``: since, until, size. Raises `RuleBroken`."""
        made = cls.log(
            by=by, at=at, performed_by=by, performed_by_id=by.id, performed_at=at, seed=seed or token_hex(8),
            population=0, drawn=[], **facts,
        )  # fmt: skip
        asked = Asked(since=made.since, until=made.until)
        begun = Data(data.session, asked, zone=data.zone, at=data.at).begun
        if not begun:
            raise RuleBroken(Problem("First day: no course has its first cells in these days.", "since"))
        made.population, made.drawn = len(begun), sample(made.seed, begun, made.size)
        return made

    def headline(self) -> str:
        return f"{wording.day(self.since)} to {wording.day(self.until)}"


class SourceCheck(Record):
    """What the check of one course found. ``said``: what the record said at that time, by field."""

    KIND = "SK"
    NOUN = "Check against the source"
    JUDGED = False
    HAPPENED = "Checked at"
    DONE = "Checked by"
    __table_args__ = (UniqueConstraint("audit_id", "treatment_id"),)

    audit_id: Mapped[str] = reference("source_audit")
    treatment_id: Mapped[str] = reference("treatment")
    disease: Mapped[str] = field("Disease", choices=VERDICTS, required=True, section="Record against source")
    source: Mapped[str] = field("Cell source", choices=VERDICTS, required=True, section="Record against source")
    donor: Mapped[str | None] = field("Donor type", choices=VERDICTS, conditional=True, section="Record against source")
    engraftment: Mapped[str] = field("Engraftment", choices=ENGRAFTMENT, required=True, section="Record against source")
    survival: Mapped[str] = field("Survival", choices=VERDICTS, required=True, section="Record against source")
    note: Mapped[str | None] = field(
        "What the source says", Text, long=True, section="Record against source", conditional=True,
        hint="Where it differs, and where the source is",
    )  # fmt: skip
    said: Mapped[dict[str, str]]

    audit: Mapped[SourceAudit] = relationship(back_populates="checks")
    treatment: Mapped[Treatment] = relationship()

    def problems(self, *, at: datetime) -> list[str]:
        """Also: the donor type of an allogeneic course, and what the source says where it differs."""
        found = super().problems(at=at)
        if self.treatment.relation == "allogeneic" and self.donor is None:
            found.append(Problem("Donor type: required for donor cells. Choose what the source shows.", "donor"))
        if "wrong" in self.verdicts().values() and not (self.note or "").strip():
            found.append(Problem("What the source says: required where the record differs from it.", "note"))
        return found

    def verdicts(self) -> dict[str, str]:
        """Return what was found of each field that was checked."""
        told = {key: getattr(self, key) for key in CHECKED}
        return {key: value for key, value in told.items() if value in VERDICTS}

    def headline(self) -> str:
        return self.treatment.patient.display_name


def recorded(course: Treatment, zone: str) -> dict[str, str]:
    """Return what the record of a course says of each field that is checked, in words."""
    donor = course.donor.kind if course.donor else "self" if course.relation == "autologous" else None
    found = {
        "disease": labels(CONDITIONS).get(course.condition or ""),
        "source": labels(SOURCES).get(course.source or ""),
        "donor": DONORS.get(donor or "") if course.relation != "autologous" else "",
        "engraftment": _engraftment(course),
        "survival": _survival(course, zone),
    }
    return {key: "Not recorded" if value is None else value for key, value in found.items() if value != ""}


def _engraftment(course: Treatment) -> str | None:
    chosen = select(OutcomeScore.instrument, OutcomeScore.value, OutcomeScore.did_not_occur, OutcomeScore.course_day)
    chosen = chosen.where(OutcomeScore.treatment_id == course.id, OutcomeScore.instrument.in_(GRAFTS))
    session = object_session(course)
    rows = session.execute(chosen.order_by(OutcomeScore.instrument, OutcomeScore.id)).all() if session else []
    told = [
        f"{INSTRUMENTS[row.instrument].label}: "
        + (f"not by day {row.course_day}" if row.did_not_occur else f"day {plain(row.value)}")
        for row in rows
        if row.did_not_occur or row.value is not None
    ]
    return "; ".join(told) or None


def _survival(course: Treatment, zone: str) -> str | None:
    died = course.patient.died_on
    if died is not None:
        return f"Died on {wording.day(died, course.patient.precision_of('died_on'))}"
    chosen = select(FollowUpVisit.performed_at, FollowUpVisit.precision).where(
        FollowUpVisit.treatment_id == course.id,
        FollowUpVisit.made == "made",
        FollowUpVisit.performed_at.is_not(None),
    )
    session = object_session(course)
    last = session.execute(chosen.order_by(FollowUpVisit.performed_at.desc()).limit(1)).first() if session else None
    if last is None:
        return None
    seen = wording.moment(last.performed_at, zone, (last.precision or {}).get("performed_at", ""))
    return f"Not known to have died; last seen {seen}"
