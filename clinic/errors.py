"""What may go wrong in a way that a person can correct; each refusal may name its rule in the clinic's rule book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self


def naming(sentence: str, rule: int) -> str:
    """Return a sentence with the number of its rule before the full stop: “… was held (rule 27).”; 0 names none."""
    if not rule:
        return sentence
    said, stop = (sentence[:-1], sentence[-1]) if sentence.endswith((".", "?")) else (sentence, "")
    return f"{said} (rule {rule}){stop}"


class Problem(str):
    """A sentence about what is wrong with a record.

    ``field`` names the fact that it is about, where it is about one; ``rule`` is the number of the rule that it
    breaks, or 0.
    """

    __slots__ = ("field", "rule")
    field: str
    rule: int

    def __new__(cls, sentence: str, field: str = "", *, rule: int = 0) -> Self:
        """Return the sentence, ending with its rule's number."""
        problem = super().__new__(cls, naming(sentence, rule))
        problem.field, problem.rule = field, rule
        return problem


class ClinicError(Exception):
    """An error that is shown to the person as one sentence."""


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


class RuleBroken(ClinicError):
    """A rule of the clinic says no; the message is what the user reads (HTTP 409).

    ``problems`` are its sentences, each shown at the field that it names; ``questions`` are asked on the form.
    ``rule`` is its number in the rule book, 0 where none fits; the sentence ends with it.
    """

    def __init__(self, *problems: str, questions: Sequence[Question] = (), rule: int = 0) -> None:
        self.problems = [one if isinstance(one, Problem) else Problem(one, rule=rule) for one in problems]
        self.questions = list(questions)
        self.rule = rule or next((one.rule for one in self.problems if one.rule), 0)
        asked = [f"{question.question} {question.explain}" for question in questions]
        said = [*self.problems, *asked]
        super().__init__(
            str(said[0]) if len(said) == 1 else " ".join(one if one[-1:] in ".?!" else f"{one}." for one in said)
        )


class Unconfirmed(RuleBroken):
    """Values that are unusual together; the form asks each question, and the reason is saved with the record."""

    def __init__(self, questions: Sequence[Question]) -> None:
        super().__init__(questions=questions)


class StepBlocked(RuleBroken):
    """A step's gate is closed; ``reasons`` are all of them, each a `clinic.steps.Blocked`."""

    def __init__(self, title: str, reasons: Sequence[Any]) -> None:
        super().__init__(f"{title} is blocked: " + " ".join(reason.because for reason in reasons))
        self.title = title
        self.reasons = list(reasons)


class SettingsWrong(ClinicError):
    """A setting is missing, weak or contradicts another; the program does not start (exit status 2)."""
