"""The forms of requests and comments."""

from __future__ import annotations

from typing import Any

from clinic.fields import LONG_TEXT
from clinic.form_fields import PasswordField, SelectField, StringField, TextAreaField
from clinic.forms import RecordForm, form_for
from clinic.requests.models import ANSWERS, DANGER, DECISIONS, OBJECTION, SIGNED, Comment, Request


class RequestForm(form_for(Request, only=("kind", "text", "due_on"))):
    """Whom to ask, for what, in which words, by when."""

    whom = SelectField("Who is asked", required=True, hint="A person, or anyone with a role")


class AnswerForm(RecordForm):
    """Agree, disagree or answer; a review and a second check are signed."""

    answer = SelectField("Your answer", choices=ANSWERS, required=True)
    answer_text = TextAreaField("In words", long=True, conditional=True, max_length=LONG_TEXT)
    password = PasswordField("Confirm with your password", autocomplete="current-password", required=True)

    def plan(self, kind: str) -> None:
        """Ask for the password where the answer is a signature; of an objection for a decision in words."""
        about: Any = self["answer"]
        if kind == DANGER:
            self.offer("answer", [("answered", ANSWERS["answered"])])
            about.hint = "If the cells must not be given, put the product on hold first. Your answer ends the warning"
            del self.password
        elif kind == OBJECTION:
            self.offer("answer", DECISIONS.items())
            about.hint = "If it is right, its stop ends. If it is wrong, what rests on it stays stopped"
        elif kind in SIGNED:
            self.offer("answer", [(key, label) for key, label in ANSWERS.items() if key != "answered"])
            about.hint = "If you disagree, what rests on this record is stopped until quality has decided"
        else:
            del self.password


class ReasonForm(RecordForm):
    """Why a request is withdrawn or a comment is struck."""

    reason = StringField("Reason", required=True)


CommentForm = form_for(Comment, only=("text",))
