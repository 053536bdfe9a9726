"""What may go wrong in a way that a person can mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinic.steps import Blocked


class ClinicError(Exception):
    """A fault that is told to the person in one sentence."""


class RuleBroken(ClinicError):
    """A rule of the clinic says no; the message is the sentence that the user reads (HTTP 409)."""


@dataclass(frozen=True)
class Question:
    """Something possible but unusual: asked once about one fact, and confirmed with a reason."""

    name: str
    question: str
    explain: str


class Unconfirmed(RuleBroken):
    """Facts that fit together oddly; the form asks each question, and the reason stays with the record."""

    def __init__(self, questions: Sequence[Question]) -> None:
        super().__init__(" ".join(f"{q.question} {q.explain}" for q in questions))
        self.questions = list(questions)


class StepBlocked(RuleBroken):
    """A step's gate is closed; it carries every reason, each with who can mend it and where."""

    def __init__(self, title: str, reasons: Sequence[Blocked]) -> None:
        super().__init__(f"{title} is blocked: " + " ".join(reason.because for reason in reasons))
        self.title = title
        self.reasons = list(reasons)


class SettingsWrong(ClinicError):
    """A setting is missing, weak or contradicts another; the program does not start (exit status 2)."""
