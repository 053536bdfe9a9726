"""What the extracts for registries share: the questions of a form, one row for each form that is due, blanks first.

A form is declared: its questions with the number that the form gives them, what fills each one in, and who. What is
not recorded is blank, never guessed; a question that does not apply to a row says so. Each blank is told with who can
fill it in and on which page, and its records are a click away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from clinic.reports.report import Column, Figure, Result, Row, count, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from clinic.reports.report import Value

DOES_NOT_APPLY = "does not apply"
"""What stands where a question does not arise, as of the date of death of somebody alive."""
UNNUMBERED = "its number was not confirmed: compare the form's present revision"
ONE_RECORD = Column("record", "Record")
BLANK = Column("blank", "Blank")


class Question(NamedTuple):
    """One question of a form. ``number``: as the form numbers it, or the range of its section; "": not confirmed.

    ``of``: the fact that answers it. ``who``: who can fill it in. ``where``: on which page.
    """

    key: str
    number: str
    heading: str
    of: str
    who: str
    where: str

    @property
    def column(self) -> Column:
        """Its column of the table."""
        return Column(self.key, f"{self.number} {self.heading}".strip(), numeric=False)

    @property
    def defined(self) -> tuple[str, str]:
        """What the dictionary says of its column."""
        asked = f"question {self.number.removeprefix('Q')}" if self.number else UNNUMBERED
        return f"Column {self.key}", f"{self.heading}: {self.of}; {asked}"


@dataclass(frozen=True, kw_only=True)
class Form:
    """One form of a registry. ``of``: what its rows are; ``not_kept``: what it asks that is not recorded here."""

    name: str
    of: str
    first: str
    questions: tuple[Question, ...]
    not_kept: str


class Filled(NamedTuple):
    """One form as far as the records fill it in. ``record``: what it is about; None stands for a blank."""

    record: str
    told: Mapping[str, Value | Figure]


def extract(form: Form, filled: Iterable[Filled], excluded: Sequence[tuple[str, list[str]]] = ()) -> Result:
    """Return the table of a form, the rows with most blanks first."""
    every = sorted(filled, key=lambda one: -_blanks(form, one))
    missing: list[tuple[str, list[str]]] = [
        (
            f"{question.column.heading} ({question.who}, on {question.where})",
            [one.record for one in every if one.told[question.key] is None],
        )
        for question in form.questions
    ]
    missing.sort(key=lambda pair: -len(pair[1]))
    whole = sum(not _blanks(form, one) for one in every)
    says = f"{form.name}: {len(every)} {form.of}, {whole} without a blank."
    return Result(
        columns=(ONE_RECORD, BLANK, *(question.column for question in form.questions)),
        rows=[_row(form, one) for one in every],
        of=form.of,
        included=[one.record for one in every],
        missing=missing,
        excluded=excluded,
        finding=says if every else f"{form.name}: no {form.of}.",
        first=form.first,
        notes=[f"The form also asks what is not recorded here: {form.not_kept}."],
        dictionary=[question.defined for question in form.questions],
    )


def _blanks(form: Form, one: Filled) -> int:
    return sum(one.told[question.key] is None for question in form.questions)


def _row(form: Form, one: Filled) -> Row:
    told = [one.told[question.key] for question in form.questions]
    figures = [value if isinstance(value, Figure) else Figure(value) for value in told]
    return Row(one.record, one.record, (count([one.record]), number(float(_blanks(form, one)), 0), *figures))


def yes_no(value: object) -> str | None:
    """Return an answer in words; None where it is not recorded."""
    return None if value is None else "yes" if value else "no"
