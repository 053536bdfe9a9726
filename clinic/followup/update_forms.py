"""The forms of what is added to an adverse event: a follow-up report, its closing and reopening, who was told."""

from __future__ import annotations

from typing import Any

from wtforms.validators import ValidationError

from clinic.fields import Field, fields_of
from clinic.followup.adverse_events import OUTCOMES, AdverseEvent
from clinic.followup.closing import CHANGED
from clinic.followup.event_records import ENDED, EventNotification, EventUpdate
from clinic.form_fields import DateTimeField, MultiSelectField, PasswordField, SelectField, TextAreaField
from clinic.forms import RecordForm, form_for

EVENT = fields_of(AdverseEvent)
OVER = frozenset(ENDED) - {"unknown"}
"""The outcomes of an event that has ended at a time that can be asked for."""


class FollowUpForm(form_for(EventUpdate, without={"kind", "outcome"})):
    """What is new of an event, and what it changes: the outcome, the end, the criteria of seriousness."""

    serious = MultiSelectField(fact=EVENT["serious"])
    ended_at = DateTimeField(fact=EVENT["ended_at"])
    outcome = SelectField(fact=EVENT["outcome"])

    def validate_ended_at(self, field: Any) -> None:
        """Ask for the end of an event that is said to be over: its length is reported with it (rule 67)."""
        outcome = self._fields["outcome"].data
        if outcome in OVER and field.data is None:
            raise ValidationError(
                f"End: required, because the outcome is “{OUTCOMES[outcome]}”. Enter the day and the time, or choose "
                "another outcome."
            )

    def plan(self, event: AdverseEvent) -> None:
        """Fill in what the event says now."""
        for name in CHANGED:
            if not self.is_submitted():
                self.prefill(name, getattr(event, name))

    def facts(self) -> dict[str, Any]:
        """Return the facts of the report and those of the event."""
        return RecordForm.facts(self)


class ClosingForm(RecordForm):
    """With which outcome an event is closed; signed."""

    outcome = SelectField("Outcome", choices={key: OUTCOMES[key] for key in ENDED}, required=True)
    said = TextAreaField(fact=Field(label="Final assessment", long=True, required=True))
    password = PasswordField("Confirm with your password", autocomplete="current-password", required=True)


class ReopeningForm(RecordForm):
    """Why a closed event is opened again."""

    said = TextAreaField(fact=Field(label="Why is the event opened again?", long=True, required=True))


class NotificationForm(form_for(EventNotification)):
    """Who was told of an event, or why somebody need not be told."""

    def plan(self, recipient: str, *, excuses: bool) -> None:
        """Keep the recipient that a deadline names; only some roles may say that nobody need be told."""
        self.prefill("recipient", recipient)
        if not excuses:
            del self._fields["not_needed"]
