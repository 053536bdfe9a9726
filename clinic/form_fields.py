"""Form fields: subclasses of WTForms' fields that parse what people type and validate it by its declared fact.

Numbers are written 1.5 or 1,5 and never 1e8; days are day, month, year; times are 24 h on the site's clock.
Only WTForms' hooks are used, so ``validators=[...]`` and ``validate_<field>`` work as its documentation says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import wtforms
from wtforms.fields import choices as wtforms_choices
from wtforms.validators import ValidationError
from wtforms.widgets import PasswordInput, Select, TextArea, TextInput

from clinic import clock, wording
from clinic.errors import naming
from clinic.fields import FACTS, SHORT_TEXT, Field, Unreadable, about, parse_decimal, parse_whole, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clinic.errors import Question

RADIO_MOST = 4
_choices: Any = wtforms_choices  # the published types are of an older release: they know neither of these names
PARTS = ("d", "m", "y")
"""Name suffixes of the inputs of a day: ``born-d``, ``born-m``, ``born-y``; a moment has ``-t`` too."""


@dataclass(frozen=True)
class Sure:
    """The question under a field whose value is possible but not expected, and what was answered."""

    question: str
    explain: str
    answer: str = ""
    reason: str = ""


class FactField(wtforms.Field):
    """Base of our fields. ``kind`` says how the page draws it; ``text`` is what was typed, kept as it was.

    What is declared about the value is given as a `Field` (``fact``), or by the same words: ``required``, ``unit``,
    ``hint``, ``section``, ``possible``, ``choices`` and so on.
    """

    kind = "text"
    always: ClassVar[dict[str, Any]] = {}
    """What is declared about every field of a class that is declared by words."""
    widget = TextInput()
    autocomplete = "off"
    autofocus = False
    longest_reason = SHORT_TEXT
    """The most characters of the reason why an unexpected value is right."""
    _form: Any
    name: str
    short_name: str
    label: Any
    flags: Any
    data: Any
    errors: Any
    other_than = ""  # another box: whoever is chosen there is not offered here

    def __init__(
        self, label: str | None = None, validators: Any = None, *, fact: Field | None = None, **options: Any
    ) -> None:
        declared = {name: options.pop(name) for name in FACTS & options.keys()}
        self.fact = fact or Field(label=label or "", **self.always | declared)
        self.text, self.filled = "", ""
        self.answer, self.reason = "", ""
        self.sure: Sure | None = None
        self.may_be_left = False
        super().__init__(label or self.fact.label, validators, **options)
        self.unit, self.hint = self.fact.unit, self.fact.hint
        self.required = self.fact.required or bool(self.flags.required)

    @property
    def wide(self) -> bool:
        """Whether it is drawn over the whole width of its column."""
        return self.kind in {"text", "long"}

    @property
    def optional(self) -> bool:
        """Whether the field is marked “(optional)”: no rule can require it, or none does of what this form records."""
        return not (self.required or self.fact.required or (self.fact.conditional and not self.may_be_left))

    def process_data(self, value: Any) -> None:
        """Show the value of a record; without one the field is empty."""
        self.data, self.text = value, ""
        if value is not None:
            self.show(value)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was sent; what cannot be read is a `ValueError`, and stays in the field as it was typed."""
        self.text, self.data = (valuelist[0].strip() if valuelist else ""), None
        try:
            self.data = self.read(self.text) if self.text else None
        except Unreadable as problem:
            raise Unreadable(self.named(str(problem))) from problem

    def read(self, text: str) -> Any:
        """Return the value of what was typed; `Unreadable` where there is none."""
        return text

    def show(self, value: Any) -> None:
        """Set the field's text as a person would have typed the value."""
        self.text = "" if value is None else str(value)

    def _value(self) -> str:
        return self.text

    def post_process(self, formdata: Any = None) -> None:
        """Take the answer to “Is this right?” and its reason, which are inputs beside the field's own."""
        base: Any = super()  # the published types do not know this hook
        base.post_process(formdata)
        if formdata is not None:
            self.answer = formdata.get(f"{self.name}-sure", "").strip()
            self.reason = formdata.get(f"{self.name}-why", "").strip()

    @property
    def stated(self) -> list[str]:
        """The errors that stand at the field: a question stands below it, in a box of its own."""
        asked = self.named(self.sure.question) if self.sure is not None else ""
        return [one for one in self.errors if one != asked]

    def named(self, sentence: str) -> str:
        """Return a sentence that begins with the field's label."""
        return sentence if sentence.startswith(self.label.text) else about(self.label.text, sentence)

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms' signature
        """Judge the value by its declared fact, as the record does."""
        if not self.process_errors:
            rule = self.fact.rule if self.data else 0
            self.errors.extend(naming(said, rule) for said in self.problems())

    def problems(self) -> list[str]:
        """Return what is wrong with the value by itself, a sentence each."""
        if self.data in (None, "", []):
            return [self.named("required")] if self.required else []
        return self.fact.problems(self.data, at=clock.now(), zone=self._form.zone)

    def post_validate(self, form: Any, validation_stopped: bool) -> None:  # noqa: ARG002, FBT001
        """Ask once whether an unexpected value is right, and require a reason."""
        asked = None if self.errors else self.fact.question(self.short_name, self.data)
        if asked is not None:
            self.ask(asked)

    def ask(self, asked: Question) -> None:
        """Show a question under the field; raises `ValidationError` until it is answered with a reason."""
        self.sure = Sure(asked.question, asked.explain, self.answer, self.reason)
        if self.answer != "yes":
            raise ValidationError(self.named(asked.question))
        if not self.reason:
            raise ValidationError(self.named("give the reason"))
        if len(self.reason) > self.longest_reason:
            said = f"the reason has {len(self.reason):,} characters; use at most {self.longest_reason}"
            raise ValidationError(self.named(said))

    @property
    def anchor(self) -> str:
        """The id to which the error summary leads."""
        if self.sure is not None:
            return f"{self.id}-sure-yes"
        return self.id


class StringField(FactField, wtforms.StringField):
    """One line of text."""


class PasswordField(FactField, wtforms.PasswordField):
    """A password: never shown again, kept exactly as it was typed."""

    kind = "password"
    widget = PasswordInput()

    def __init__(self, *args: Any, autocomplete: str = "off", **options: Any) -> None:
        super().__init__(*args, **options)
        self.autocomplete = autocomplete

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read without stripping spaces."""
        self.data = (valuelist[0] if valuelist else "") or None


class TextAreaField(FactField, wtforms.TextAreaField):
    """Several lines of text."""

    kind = "long"
    always: ClassVar[dict[str, Any]] = {"long": True}
    widget = TextArea()


class DecimalField(FactField):
    """A decimal quantity, its digits kept."""

    kind = "number"

    def read(self, text: str) -> Any:
        return parse_decimal(text)

    def show(self, value: Any) -> None:
        self.text = plain(value) if isinstance(value, Decimal) else ""


class IntegerField(FactField):
    """A whole number."""

    kind = "whole"

    def read(self, text: str) -> Any:
        return parse_whole(text)


class SelectField(FactField, wtforms_choices.SelectFieldBase):
    """One of a list: radios where few, a select where many or ``listed``. ``unoffered`` is said to any other choice."""

    widget = Select()
    drawn = ""

    def __init__(
        self, label: str | None = None, validators: Any = None, *, listed: bool = False, unoffered: str = "", **own: Any
    ) -> None:
        self.choices: list[Any] = []
        self.listed, self.unoffered = listed, unoffered
        super().__init__(label, validators, **own)
        if self.fact.choices is not None:
            self.offer(self.fact.choices.items())

    @property
    def kind(self) -> str:  # type: ignore[override]
        """How the template draws the field."""
        return self.drawn or ("radio" if 0 < len(self.choices) <= RADIO_MOST and not self.listed else "choice")

    def offer(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Set the choices offered now: value and label of each."""
        self.choices = [_choices.SelectChoice(value, label) for value, label in pairs]

    @property
    def offered(self) -> dict[str, str]:
        """Label of each value that can be chosen."""
        return {choice.value: choice.label for choice in self.choices}

    def chosen(self, value: str) -> bool:
        """Whether a value is chosen."""
        return value == self.text

    def iter_choices(self) -> Iterator[Any]:
        """Yield each choice as WTForms' widgets draw it."""
        for choice in self.choices:
            yield _choices.Choice(choice.value, choice.label, self.chosen(choice.value), choice.render_kw)

    @property
    def choices_now(self) -> list[tuple[str, str, bool]]:
        """Value, label and whether it is chosen."""
        return [(choice.value, choice.label, choice.selected) for choice in self.iter_choices()]

    def problems(self) -> list[str]:
        """Also: the chosen value is among the choices offered now, which may be fewer than declared."""
        chosen = [self.data] if isinstance(self.data, str) else self.data
        if chosen and not set(chosen) <= self.offered.keys():
            return [self.named(self.unoffered or "choose from the list")]
        return super().problems()

    @property
    def anchor(self) -> str:
        if self.sure is None and self.kind != "choice" and self.choices:
            return f"{self.id}-0"
        return super().anchor


class YesNoField(SelectField):
    """Yes, no, or not answered."""

    drawn = "yesno"

    def __init__(self, label: str | None = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, **options)
        self.offer((("yes", "Yes"), ("no", "No")))

    def read(self, text: str) -> Any:
        return {"yes": True, "no": False}.get(text)

    def show(self, value: Any) -> None:
        self.text = {True: "yes", False: "no"}.get(value, "")

    def problems(self) -> list[str]:
        return FactField.problems(self)


class MultiSelectField(SelectField):
    """Any number of a list."""

    drawn = "multi"
    always: ClassVar[dict[str, Any]] = {"many": True}
    widget = Select(multiple=True)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read every value that was ticked."""
        self.data = list(valuelist)

    def show(self, value: Any) -> None:
        self.text = ", ".join(value or ())

    def chosen(self, value: str) -> bool:
        return value in (self.data or ())

    def leave_open(self, recorded: Any) -> None:
        """Tell “none of them” from “not recorded” on a record that lacks the fact: nothing ticked says nothing."""
        if recorded is None:
            self.offer([*self.offered.items(), ("none", "None of them")])
            self.data = [] if self.data == ["none"] else self.data or None


class DateField(FactField):
    """A calendar day in three inputs, ``<name>-d``, ``-m`` and ``-y``."""

    kind = "day"
    inputs: tuple[str, ...] = PARTS
    parts: dict[str, str]

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the inputs in their order; `RecordForm` gives them together."""
        typed = [part.strip() for part in valuelist] or [""] * len(self.inputs)
        self.parts |= dict(zip(self.inputs, typed, strict=True))
        self.text, self.data = " ".join(typed).strip(), None
        try:
            self.data = self.read_parts(typed)
        except ValueError as problem:
            raise Unreadable(self.named(str(problem))) from problem

    def read_parts(self, typed: list[str]) -> date | None:
        """Return the day of the three inputs, None where all are empty."""
        day, month, year = typed[:3]
        if not (day or month or year):
            return None
        if not (day and month and year):
            raise Unreadable("enter day, month and year")
        try:
            return date(parse_whole(year), parse_whole(month), parse_whole(day))
        except ValueError as problem:
            raise Unreadable(f"{day}.{month}.{year} is not a calendar date") from problem

    def process_data(self, value: Any) -> None:
        self.data = value
        self.show(value)

    def show(self, value: Any) -> None:
        self.parts = dict.fromkeys((*PARTS, "t", "twice"), "")
        if value is not None:
            self.parts |= {"d": str(value.day), "m": str(value.month), "y": str(value.year)}

    @property
    def anchor(self) -> str:
        return super().anchor if self.sure is not None else f"{self.id}-d"


class DateTimeField(DateField):
    """A day and a time on the site's clock; kept in UTC.

    ``twice``: the clock showed this time twice when summer time ended, so the form asks which of the two it was;
    ``which`` is the answer, “first” or “second”.
    """

    kind = "moment"
    inputs = (*PARTS, "t", "twice")
    twice = False
    which = ""

    day_is_filled_in = False
    """Whether the page fills in today, so that today without a time says nothing yet."""

    def read_parts(self, typed: list[str]) -> datetime | None:
        """Return the moment that the site's clock showed."""
        day, time = super().read_parts(typed), typed[3]
        if not time and (day is None or (self.day_is_filled_in and day == clock.today(self._form.zone))):
            return None
        match = re.fullmatch(r"([01]?\d|2[0-3])[:.h]?([0-5]\d)", time, re.ASCII)
        if day is None or match is None:
            raise Unreadable("enter the day and the time, like 14 May 2026, 09:30")
        wall = datetime(day.year, day.month, day.day, int(match[1]), int(match[2]))  # noqa: DTZ001 - the wall clock
        self.which = typed[4]
        self.twice = clock.came_twice(wall, self._form.zone)
        try:
            return clock.from_wall(wall, self._form.zone, second={"first": False, "second": True}.get(self.which))
        except clock.TwiceOnTheClock as fault:
            raise Unreadable(f"{fault}. Say which of the two it was") from fault

    def show(self, value: Any) -> None:
        wall = clock.local(value, self._form.zone) if value is not None else None
        super().show(wall)
        if wall is not None:
            self.parts["t"] = wording.time_of_day(value, self._form.zone)
            self.twice = clock.came_twice(wall, self._form.zone)
            self.which = "second" if wall.fold else "first"
