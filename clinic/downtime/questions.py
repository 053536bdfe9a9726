"""What is asked of every record that is copied from paper, before the questions of the record itself."""

from __future__ import annotations

from functools import cache
from typing import Any

from wtforms.validators import ValidationError

from clinic.attachments.files import LIMITS, UploadField
from clinic.form_fields import SelectField, StringField
from clinic.forms import FILLED, RecordForm

LATE_BECAUSE = {"outage": "The system was unavailable", "other": "Another reason"}
SECTION = "Copied from paper"
MARK = "paper_"
"""Begins the names of these questions."""


class PaperQuestions(RecordForm):
    """Who wrote the paper, why it is entered late, its scan, who was the second person."""

    multipart = True
    paper_written_by_id = SelectField("Written on paper by", required=True, section=SECTION)
    paper_why = SelectField("Why is it entered late?", choices=LATE_BECAUSE, required=True, section=SECTION)
    paper_note = StringField("Which reason, or which outage", conditional=True, section=SECTION)
    paper_second_id = SelectField(
        "Second person on the paper", section=SECTION, hint="Will be asked to confirm your entry", conditional=True
    )
    paper_scan = UploadField("Scan of the paper", section=SECTION, hint=f"{LIMITS}. It can be attached later")

    def __init__(self, *args: Any, **more: Any) -> None:
        """Put these questions first, in the order of the work."""
        super().__init__(*args, **more)
        first = {name: field for name, field in self._fields.items() if name.startswith(MARK)}
        self._fields = first | {name: field for name, field in self._fields.items() if name not in first}

    def validate_paper_note(self, field: StringField) -> None:
        """Ask for the reason where it is not an outage."""
        if self["paper_why"].data == "other" and not field.data:
            raise ValidationError("Which reason, or which outage: required")

    def facts(self) -> dict[str, Any]:
        """Return the facts of the record itself."""
        return {name: value for name, value in super().facts().items() if not name.startswith(MARK)}

    def ask_for_all(self, staff: list[tuple[str, str]]) -> None:
        """Offer everybody; nothing is filled in with now and me, since the paper says when and who."""
        for name in ("paper_written_by_id", "paper_second_id"):
            if name in self:
                self.offer(name, staff)
        for field in self.visible_fields:
            if not self.is_submitted() and field.filled in FILLED.values():
                field.process_data(None)
                field.filled, field.text = "", ""
                if hasattr(field, "parts"):
                    field.parts = dict.fromkeys(field.parts, "")


@cache
def asked_of_paper(form: type[RecordForm]) -> type[Any]:
    """Return the form of a record with the questions about its paper."""
    return type(f"{form.__name__}FromPaper", (PaperQuestions, form), {})
