"""What may go wrong in a way that a person can mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinic.steps import Blocked


class ClinicError(Exception):
    """A fault that is told to the person in one sentence."""


class Problem(str):
    """A sentence about what is wrong; ``field`` names the fact that it is about, where it is about one."""

    __slots__ = ("field",)

    field: str

    def __new__(cls, sentence: str, field: str = "") -> Self:
        """Return the sentence with the name of its fact."""
        problem = super().__new__(cls, sentence)
        problem.field = field
        return problem


@dataclass(frozen=True)
class Question:
    """Something possible but unusual: asked once about one fact, and confirmed with a reason."""

    name: str
    question: str
    explain: str


class RuleBroken(ClinicError):
    """A rule of the clinic says no; the message is what the user reads (HTTP 409).

    ``problems`` are its sentences, each shown at the field that it names; ``questions`` are asked on the form.
    """

    def __init__(self, *problems: str, questions: Sequence[Question] = ()) -> None:
        asked = [f"{question.question} {question.explain}" for question in questions]
        said = [*problems, *asked]
        super().__init__(
            said[0] if len(said) == 1 else " ".join(one if one[-1:] in ".?!" else f"{one}." for one in said)
        )
        self.problems = list(problems)
        self.questions = list(questions)


class Unconfirmed(RuleBroken):
    """Facts that fit together oddly; the form asks each question, and the reason stays with the record."""

    def __init__(self, questions: Sequence[Question]) -> None:
        super().__init__(questions=questions)


class StepBlocked(RuleBroken):
    """A step's gate is closed; it carries every reason, each with who can mend it and where."""

    def __init__(self, title: str, reasons: Sequence[Blocked]) -> None:
        super().__init__(f"{title} is blocked: " + " ".join(reason.because for reason in reasons))
        self.title = title
        self.reasons = list(reasons)


class SettingsWrong(ClinicError):
    """A setting is missing, weak or contradicts another; the program does not start (exit status 2)."""
