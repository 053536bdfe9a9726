"""What is added to an adverse event: follow-up reports, its closing and reopening, and who was told of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Text
from sqlalchemy.orm import Mapped, relationship

from clinic.errors import Problem
from clinic.fields import field
from clinic.followup.adverse_events import OUTCOMES
from clinic.model import reference
from clinic.records import Record
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.followup.adverse_events import AdverseEvent

UPDATES = {"follow_up": "Follow-up report", "closed": "Closed", "reopened": "Reopened"}
ENDED = ("resolved", "sequelae", "fatal", "unknown")
"""The outcomes with which an event can be closed."""
RECIPIENTS = {
    "authority": "Authority or sponsor", "ethics": "Ethics board", "laboratory": "Laboratory or manufacturer",
    "facility": "Facility that received cells of the same origin",
    "recipients": "Physicians of other patients with cells of the same origin",
    "donor_physician": "Physician of the donor", "other": "Somebody else",
}  # fmt: skip
WAYS = {
    "portal": "Reporting portal", "email": "E-mail", "phone": "Telephone", "letter": "Letter", "person": "In person"
}  # fmt: skip


class EventUpdate(Record):
    """One later report of an event, its closing, or its reopening. The last one says whether the event is closed.

    It is never corrected: what turns out to be wrong is told by the next one.
    """

    KIND = "EU"
    NOUN = "Event update"
    HAPPENED = "Known since"
    DONE = "Reported by"
    ASKED_FIRST = False
    PERSON = "event.treatment.patient"
    AFTER_DEATH = True
    TELLS_MORE = True  # what it says can speak against cells, see `projection.touched`
    NOT_BEFORE = ("event.performed_at",)

    treatment_id: Mapped[str] = reference("treatment")
    event_id: Mapped[str] = reference("adverse_event")
    kind: Mapped[str] = field("Update", choices=UPDATES, required=True)
    said: Mapped[str | None] = field(
        "What is new since the last report", Text, long=True, required=True, identifying=True
    )
    outcome: Mapped[str | None] = field("Outcome", choices=OUTCOMES, conditional=True)

    treatment: Mapped[Treatment] = relationship()
    event: Mapped[AdverseEvent] = relationship(back_populates="updates")

    def headline(self) -> str:
        ended = f", {OUTCOMES[self.outcome].lower()}" if self.kind == "closed" and self.outcome in OUTCOMES else ""
        about = f": {self.event.term}" if self.event is not None and self.event.term else ""
        return f"{UPDATES.get(self.kind, '')}{ended}{about}"


class EventNotification(Record):
    """That somebody was told of an event, or why somebody need not be told: either ends the deadline."""

    KIND = "EN"
    NOUN = "Event notification"
    HAPPENED = "Told at"
    DONE = "Told by"
    ASKED_FIRST = False
    NOT_BEFORE = ("event.aware_on",)
    __table_args__ = (CheckConstraint("whom IS NOT NULL OR not_needed IS NOT NULL", name="told_or_not"),)

    treatment_id: Mapped[str] = reference("treatment")
    event_id: Mapped[str] = reference("adverse_event")
    product_id: Mapped[str | None] = reference("product")
    recipient: Mapped[str] = field("Who was told", choices=RECIPIENTS, required=True)
    whom: Mapped[str | None] = field(
        "Name of the board, laboratory, facility or person", conditional=True, identifying=True
    )
    way: Mapped[str | None] = field("How", choices=WAYS, conditional=True)
    reference: Mapped[str | None] = field("Their reference number", conditional=True)
    not_needed: Mapped[str | None] = field(
        "Or: why they need not be told", Text, long=True, conditional=True, identifying=True,
        hint="Fill in this box only if nobody was told",
    )  # fmt: skip

    treatment: Mapped[Treatment] = relationship()
    event: Mapped[AdverseEvent] = relationship(back_populates="notifications")

    def problems(self, *, at: datetime) -> list[str]:
        """Also: it names who was told and how, or why they need not be told, never both; the authority is told."""
        found = super().problems(at=at)
        if self.not_needed and (self.whom or self.way or self.reference):
            said = "Either enter who was told, or why they need not be told. Clear one of the two."
            found.append(Problem(said, "not_needed", rule=67))
        elif self.not_needed and self.recipient == "authority":
            said = (
                "The authority or sponsor is always told of an event with a deadline. Enter who was told, or correct "
                "the assessment that makes the report due."
            )
            found.append(Problem(said, "not_needed", rule=67))
        elif not self.not_needed:
            for name, said in (("whom", "Enter who was told."), ("way", "Select how they were told.")):
                if not getattr(self, name):
                    found.append(Problem(said, name, rule=67))
        return found

    def headline(self) -> str:
        who = RECIPIENTS.get(self.recipient, "")
        return f"{who}: need not be told" if self.not_needed else f"{who} told: {self.whom}"
