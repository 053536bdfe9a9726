"""What may go wrong in a way that a person can mend; each refusal may name its rule in the clinic's rule book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from clinic.steps import Blocked


def naming(sentence: str, rule: int) -> str:
    """Return a sentence with the number of its rule before the full stop: “… was held (rule 27).”; 0 names none."""
    if not rule:
        return sentence
    said, stop = (sentence[:-1], sentence[-1]) if sentence.endswith((".", "?")) else (sentence, "")
    return f"{said} (rule {rule}){stop}"


class Problem(str):
    """A sentence that says what is wrong with a record; ``rule`` is the number of the rule that it breaks, or 0."""

    __slots__ = ("rule",)
    rule: int

    def __new__(cls, sentence: str, *, rule: int = 0) -> Self:
        """Return the sentence, ending with its rule's number."""
        problem = super().__new__(cls, naming(sentence, rule))
        problem.rule = rule
        return problem


class ClinicError(Exception):
    """A fault that is told to the person in one sentence."""


class RuleBroken(ClinicError):
    """A rule of the clinic says no; the message is the sentence that the user reads (HTTP 409).

    ``rule`` is its number in the rule book, 0 where none fits; the sentence ends with it.
    """

    def __init__(self, sentence: str, *, rule: int = 0) -> None:
        super().__init__(naming(sentence, rule))
        self.rule = rule


@dataclass(frozen=True)
class Question:
    """Something possible but unusual: asked once about one fact, and confirmed with a reason.

    ``rule`` is the number of the rule that asks; the explanation ends with it.
    """

    name: str
    question: str
    explain: str
    rule: int = 0

    def __post_init__(self) -> None:
        """Name the rule where the question is explained."""
        object.__setattr__(self, "explain", naming(self.explain, self.rule))


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
