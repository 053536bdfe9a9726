"""What happens while cells are given: another rate, an interruption, a reaction."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, relationship

from clinic.administration.severity import HINT, SEVERITIES, unanswered, worst
from clinic.errors import Problem
from clinic.fields import Range, field
from clinic.model import reference
from clinic.records import Origin, Record
from clinic.wording import quantity

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.treatments.models import Treatment

EVENTS = {"rate": "Rate changed", "stopped": "Interrupted", "resumed": "Resumed", "reaction": "Reaction"}


class InfusionEvent(Record):
    """One thing that happened during an administration. Only ever added to; corrected by an amendment."""

    KIND = "IE"
    NOUN = "During the administration"
    DONE = "Observed by"
    PERSON = "treatment.patient"
    NOT_BEFORE = ("administration.performed_at",)
    QUALIFIED, QUALIFIED_IF = (("performed_by_id", 2),), ("kind", frozenset({"resumed"}))

    treatment_id: Mapped[str] = reference("treatment")
    administration_id: Mapped[str] = reference("administration")
    kind: Mapped[str | None] = field("Event", choices=EVENTS, required=True, section="What happened")
    rate: Mapped[Decimal | None] = field(
        "New rate", unit="mL/h", possible=Range(0, 2000), conditional=True, section="What happened"
    )
    reason: Mapped[str | None] = field("Reason", conditional=True, section="What happened")
    signs: Mapped[str | None] = field(
        "Signs and symptoms", conditional=True, section="What happened", hint="For example: chills, flushing, dyspnea"
    )
    severity: Mapped[str | None] = field(
        "How severe", choices=SEVERITIES, conditional=True, added=True, section="What happened", hint=HINT
    )
    measures: Mapped[str | None] = field(
        "What was done", Text, long=True, conditional=True, section="What happened", hint="Drugs with dose and time"
    )

    treatment: Mapped[Treatment] = relationship(viewonly=True)
    administration: Mapped[Any] = relationship("Administration", back_populates="events")

    def problems(self, *, at: datetime) -> list[str]:
        """Also: each kind says what belongs to it, and nothing is resumed that was not interrupted."""
        found, given = super().problems(at=at), self.administration
        wanted = {"rate": ("rate", "New rate"), "stopped": ("reason", "Reason"), "reaction": ("signs", "Signs")}
        name, label = wanted.get(self.kind or "", ("", ""))
        if name and getattr(self, name) in {None, ""}:
            found.append(Problem(f"{label}: required.", name))
        if self.kind == "reaction":
            found += unanswered(self, "signs", "severity")
        if given is None or self.performed_at is None or self.kind == "reaction":
            return found
        if given.ended_at is not None and self.performed_at > given.ended_at:
            found.append(Problem("Happened at: after the end of the administration.", "performed_at"))
        if self.kind in {"stopped", "resumed"} and interrupted(given, self.performed_at, but=self) is (
            self.kind == "stopped"
        ):
            said = "It is interrupted already." if self.kind == "stopped" else "It was not interrupted."
            found.append(Problem(said, "kind"))
        return found

    def headline(self) -> str:
        said = {"rate": quantity(self.rate, "mL/h"), "reaction": self._told()}.get(self.kind or "", self.reason)
        return ": ".join(part for part in (EVENTS.get(self.kind or "", self.NOUN), said) if part)

    def _told(self) -> str:
        """Return the signs of a reaction and how severe it was: “chills, flushing (mild)”."""
        how = {"unknown": "severity not known"}.get(self.severity or "", self.severity)
        return f"{self.signs or ''} ({how})" if how else self.signs or ""


def severity(given: Any) -> str | None:
    """Return the worst that was said of the reactions during an administration, None where nobody said."""
    return worst(one.severity for one in given.events if one.kind == "reaction")


def reactions(given: Any) -> str | None:
    """Return the signs of every reaction during an administration, None where there was none."""
    return "; ".join(one.signs for one in given.events if one.kind == "reaction" and one.signs) or None


def unsigned(given: Any) -> list[InfusionEvent]:
    """Return what happened during an administration and carries no signature of its own yet."""
    return [one for one in given.events if one.origin is Origin.CLINIC and not one.signed]


def interrupted(given: Any, at: datetime, *, but: InfusionEvent | None = None) -> bool:
    """Whether an administration is interrupted at a moment."""
    turns = [
        one
        for one in given.events
        if one is not but and one.kind in {"stopped", "resumed"} and one.performed_at and one.performed_at <= at
    ]
    return bool(turns) and max(turns, key=lambda one: (one.performed_at, one.recorded_at)).kind == "stopped"
