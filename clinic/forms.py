"""The form of a record, built from its declared facts; what was typed is never lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms.validators import ValidationError

from clinic import clock
from clinic.errors import Problem
from clinic.fields import Field, Range, fields_of
from clinic.form_fields import (
    DateField,
    DateTimeField,
    DecimalField,
    FactField,
    IntegerField,
    MultiSelectField,
    SelectField,
    StringField,
    TextAreaField,
    YesNoField,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from clinic.errors import Question, RuleBroken
    from clinic.model import Model

FILLED = {"now": "prefilled: now", "me": "prefilled: me"}


@dataclass(frozen=True, kw_only=True)
class Live:
    """A value that the page works out beside the boxes while somebody types; on saving the record works it out itself.

    ``of`` is the box, ``by`` another box or a fixed quantity, by which it is divided, or multiplied where ``times``;
    ``unit``, ``of_unit``, ``by_unit`` are theirs. ``before`` is added to the box. ``ratio``: written 1 : n.
    ``digits`` are those behind the point, None three significant ones. ``range`` is
    what is accepted, ``limit`` the same in words; None: no verdict.
    """

    label: str
    of: str
    by: str | Decimal
    of_unit: str = ""
    by_unit: str = ""
    unit: str = ""
    times: bool = False
    ratio: bool = False
    before: Decimal = Decimal(0)
    digits: int | None = None
    range: Range | None = None
    limit: str = ""


class RecordForm(FlaskForm):
    """Base of every form of ours. ``zone`` is the site's; ``record_version`` the version that the person saw.

    ``about`` are the rows that the new record belongs to, such as ``{"patient": patient}``: with them the record
    judges its facts together even where a field alone is wrong already, so that every problem is shown at once.
    """

    _fields: dict[str, Any]
    model: Any = None
    can_draft = False
    multipart = False
    refused = False
    draft_note = ""

    class Meta(FlaskForm.Meta):
        """Passes the inputs of a day or a moment to its field together."""

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """Add the list of its inputs under the name of each `DateField`."""
            sent = super().wrap_formdata(form, formdata)
            if sent is None:
                return None
            sent = MultiDict(sent)
            for field in form.visible_fields:
                names = [f"{field.name}-{part}" for part in field.inputs] if isinstance(field, DateField) else []
                if any(name in sent for name in names):
                    sent.setlist(field.name, [sent.get(name, "") for name in names])
            return sent

    def __init__(
        self,
        *args: Any,
        zone: str = "Etc/UTC",
        record_version: str | None = None,
        about: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self.zone, self.record_version, self.about = zone, record_version, about
        self.more_errors: list[tuple[str, str]] = []
        self.live: Callable[[], list[Live]] = list
        super().__init__(*args, **more)

    @property
    def visible_fields(self) -> list[Any]:
        """The fields that a person fills in, in order."""
        return [field for field in self._fields.values() if isinstance(field, FactField)]

    @property
    def sections(self) -> list[tuple[str, list[Any]]]:
        """Fields by section, in the order of the work."""
        found: dict[str, list[Any]] = {}
        for field in self.visible_fields:
            found.setdefault(field.fact.section, []).append(field)
        return list(found.items())

    @property
    def error_list(self) -> list[tuple[str, str]]:
        """Anchor and sentence of every problem."""
        return [
            (field.anchor, sentence) for field in self.visible_fields for sentence in field.errors
        ] + self.more_errors

    def refuse(self, sentence: str, field: str = "") -> None:
        """Show a problem at a field, or above the form where it is about none."""
        found = self._fields.get(field)
        if isinstance(found, FactField):
            found.errors = [*found.errors, found.named(sentence)]
        else:
            self.more_errors.append(("main", sentence))

    def refuse_all(self, problems: Iterable[str], questions: Sequence[Question] = (), field: str = "") -> None:
        """Show what a rule or a record said: each problem at its field, once, and each question under its field.

        A problem that is about no fact is shown at ``field``.
        """
        complained = {one.short_name for one in self.visible_fields if one.errors}
        for problem in problems:
            name = (problem.field if isinstance(problem, Problem) else "") or field
            if not name or name not in complained:
                self.refuse(problem, name)
        for question in questions:
            if question.name not in complained:
                self._ask(question)

    def unanswered(self, problems: Iterable[str]) -> list[str]:
        """Return the problems without those about a field that is no fact of the model and that is filled in."""
        filled = {field.short_name for field in self.visible_fields if field.data not in (None, "", [])}
        other = filled - fields_of(self.model).keys()
        return [problem for problem in problems if getattr(problem, "field", "") not in other]

    def _ask(self, question: Question) -> None:
        field = self._fields.get(question.name)
        if not isinstance(field, FactField):
            self.more_errors.append(("main", question.question))
            return
        try:
            field.ask(question)
        except ValidationError as unanswered:
            field.errors = [*field.errors, str(unanswered)]

    def take(self, broken: RuleBroken, field: str = "") -> None:
        """Show what a rule said; what is about no fact is shown at ``field``."""
        self.refused = True
        self.refuse_all(broken.problems, broken.questions, field)

    def facts(self) -> dict[str, Any]:
        """Return what was filled in, as `Entry.log` takes it, with the reasons given for unexpected values."""
        confirmed = {
            field.short_name: field.reason for field in self.visible_fields if field.answer == "yes" and field.reason
        }
        values = {field.short_name: field.data for field in self.visible_fields}
        return values | ({"confirmed": confirmed} if confirmed else {})

    def declared(self) -> dict[str, Any]:
        """Return what was filled in of the model's own facts, with the reasons for unexpected values."""
        known = {*fields_of(self.model), "confirmed"}
        return {name: value for name, value in RecordForm.facts(self).items() if name in known}

    def offer(
        self, name: str, pairs: Iterable[tuple[str, str]], *, chosen: str | None = None, filled: str = ""
    ) -> None:
        """Set the choices of a field."""
        field = self._fields[name]
        field.offer(pairs)
        if chosen:
            self.prefill(name, chosen, filled)

    def prefill(self, name: str, value: Any, filled: str = "") -> None:
        """Prefill a field, such as the planned route or the last weight. Never replaces what was typed or recorded."""
        field = self._fields[name]
        empty = field.data in (None, "", []) and not field.text
        if not self.is_submitted() and value is not None and (empty or field.filled in FILLED.values()):
            field.process_data(value)
            field.filled = filled

    def prefill_starts(self, *names: str, me: str = "") -> None:
        """Fill in what is declared to start with now or with ``me``; ``names`` limits it to some fields."""
        now = clock.now().replace(second=0, microsecond=0)
        for field in self.visible_fields:
            starts = field.fact.starts
            if not starts or (names and field.short_name not in names):
                continue
            if starts == "me" and me in field.offered:
                self.prefill(field.short_name, me, FILLED["me"])
            elif starts == "now" and isinstance(field, DateTimeField):
                self.prefill(field.short_name, now, FILLED["now"])
            elif starts == "now":
                self.prefill(field.short_name, clock.day(now, self.zone), "prefilled: today")


def field_for(name: str, fact: Field, python_type: type) -> Any:
    """Return the form field for one declared fact."""
    if fact.many:
        return MultiSelectField(fact=fact)
    if fact.choices is not None or name.endswith("_id"):
        return SelectField(fact=fact)
    kind = {
        bool: YesNoField, Decimal: DecimalField, int: IntegerField, datetime: DateTimeField, date: DateField,
    }.get(python_type, TextAreaField if fact.long else StringField)  # fmt: skip
    return kind(fact=fact)


def form_for(  # noqa: PLR0913 - each says another way in which a form differs from its model
    model: type[Model],
    *,
    only: Iterable[str] | None = None,
    without: Iterable[str] = (),
    extra: Mapping[str, Field] | None = None,
    other: Mapping[str, type[FactField]] | None = None,
    told: Callable[[str, Field], Field] = lambda _name, fact: fact,
    first: Sequence[str] = (),
) -> type[RecordForm]:
    """Return a form class with a field for each declared fact of a model, ``first`` some, then in order of declaration.

    ``only`` / ``without`` choose facts by name; ``extra`` adds fields that are no column, such as a reason; ``other``
    names the class of a fact's field where it has one of its own; ``told`` returns a fact as one record reads it.
    """
    facts = fields_of(model)
    chosen = [
        (name, told(name, fact))
        for name, fact in ({name: facts[name] for name in first} | dict(facts)).items()
        if (only is None or name in set(only)) and name not in set(without)
    ]
    fields: dict[str, Any] = {"model": model}
    columns: Any = model.__table__.columns  # type: ignore[attr-defined]
    for name, fact in chosen:
        special = (other or {}).get(name)
        fields[name] = special(fact=fact) if special else field_for(name, fact, columns[name].type.python_type)
    for name, fact in (extra or {}).items():
        fields[name] = field_for(name, fact, str)
    return type(f"{model.__name__}Form", (RecordForm,), fields)
