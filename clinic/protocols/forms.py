"""The form on which a draft of a protocol is written: a loop over its declared facts, a row for each test and visit."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.fields import Field, Range, Unreadable, parse_decimal, plain
from clinic.form_fields import (
    DecimalField,
    FactField,
    IntegerField,
    MultiSelectField,
    SelectField,
    StringField,
    TextAreaField,
    YesNoField,
)
from clinic.forms import RecordForm
from clinic.protocols.catalogue import within
from clinic.protocols.conditions import CONDITIONS
from clinic.protocols.facts import Kind, Leaf, Rows, leaves, tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.protocols.content import Content

SPARE = 3
"""Empty rows under the tests and the visits."""
MOST_ROWS = 80


class LimitField(StringField):
    """One end of a limit: a figure, or ``> 4`` / ``< 4`` where the figure itself is not enough.

    Its data: the figure, and whether the figure itself is left out.
    """

    kind = "number"

    def read(self, text: str) -> tuple[Decimal, bool]:
        """Return the figure, and whether it is left out."""
        return parse_decimal(text.lstrip("<>").strip()), text[0] in "<>"

    def show(self, value: Any) -> None:
        sign = "<" if self.short_name.endswith("high") else ">"
        self.text = "" if value is None else f"{f'{sign} ' if value[1] else ''}{plain(value[0])}"


class DayNumberField(StringField):
    """A day counted from the administration; days before it are negative."""

    kind = "whole"

    def read(self, text: str) -> int:
        """Return the number of days."""
        if not re.fullmatch(r"-?\d{1,5}", text.replace("−", "-"), re.ASCII):
            raise Unreadable(f"“{text}” is not a whole number of days")
        return int(text.replace("−", "-"))


class TickField(StringField):
    """A mark that is set or not."""

    kind = "tick"

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read a mark; a box that was not sent is not marked."""
        super().process_formdata(valuelist)
        self.data = self.text == "yes"

    def show(self, value: Any) -> None:
        self.text = "yes" if value else ""


FIELDS: dict[Kind, type[FactField]] = {
    Kind.TEXT: StringField,
    Kind.LINES: TextAreaField,
    Kind.YES_NO: YesNoField,
    Kind.WHOLE: IntegerField,
    Kind.NUMBER: DecimalField,
    Kind.CHOICE: SelectField,
    Kind.MANY: MultiSelectField,
}
"""The form field of each kind of value; a range has one for each of its `ENDS`."""
ENDS = {"low": "at least", "high": "at most"}


class CodeForm(RecordForm):
    """A new protocol: its code, and what its first version is copied from."""

    code = StringField("Code", required=True, hint="Short, like BM-MSC-KNEE", section="The new protocol")
    start = SelectField("Copy from", required=True, section="The new protocol")


class CopyForm(RecordForm):
    """The next version: what it is copied from."""

    start = SelectField("Copy from", required=True, section="The next version")


def _boxes(leaf: Leaf, row: str = "", label: str = "") -> dict[str, Any]:
    """Return the form fields of one value by name. In a row: ``row`` begins their names, ``label`` is theirs."""
    fact, kind = leaf.fact, FIELDS.get(leaf.kind, LimitField)
    if fact.long:
        kind = TextAreaField
    elif row and leaf.kind is Kind.YES_NO:
        kind = TickField
    elif fact.possible is not None and fact.possible.low is not None and fact.possible.low < 0:
        kind = DayNumberField
    named = label or fact.label
    declared = Field(
        label=named,
        section="" if row else fact.section,
        unit="" if row else fact.unit,
        hint="" if row else fact.hint,
        choices=fact.options or None,
        many=leaf.kind is Kind.MANY,
        possible=fact.possible,
        long=kind is TextAreaField,
        required=not row and leaf.required,
    )
    if leaf.kind is not Kind.RANGE:
        return {f"{row}{leaf.name}": kind(fact=declared)}
    return {
        f"{row}{leaf.name}_{end}": LimitField(fact=replace(declared, label=f"{named}, {words}"))
        for end, words in ENDS.items()
    }


@dataclass(frozen=True)
class DraftTable:
    """The rows of one list of parts, as the page draws them: a heading for each column, boxes for each row."""

    rows: Rows
    columns: list[str]
    lines: list[list[Any]]


class DraftForm(RecordForm):
    """Base of the form of a draft; `draft_form` adds the boxes and the rows."""

    model: type[Content]
    counts: dict[str, int]

    def offer_conditions(self, field: str) -> None:
        """Offer the conditions of a field, and what is chosen: a condition of another field is a fault, not hidden."""
        box = self._fields["conditions"]
        chosen = set(box.data or ())
        box.offer((key, one.label) for key, one in CONDITIONS.items() if one.field == field or key in chosen)

    @property
    def sections(self) -> list[tuple[str, list[Any]]]:
        """The single boxes by section; the rows are drawn in tables of their own."""
        return [(title, boxes) for title, boxes in super().sections if title]

    @property
    def tables(self) -> list[DraftTable]:
        """The rows of tests, of visits, the empty ones last."""
        return [
            DraftTable(
                rows,
                [
                    f"{leaf.fact.label}{f', {end}' if end else ''}"
                    for leaf in rows.leaves
                    for end in (ENDS.values() if leaf.kind is Kind.RANGE else ("",))
                ],
                [
                    [self._fields[name] for leaf in rows.leaves for name in _names(leaf, row)]
                    for row in self._rows(rows)
                ],
            )
            for rows in tables(self.model)
        ]

    def _rows(self, rows: Rows) -> list[str]:
        return [f"{rows.name}_{number}_" for number in range(self.counts[rows.name])]

    def _filled(self, rows: Rows) -> list[str]:
        """Return how the names of each row begin that names its test or its visit."""
        return [row for row in self._rows(rows) if self._fields[f"{row}{rows.leaves[0].name}"].data]

    def validate(self, extra_validators: Any = None) -> bool:
        """Also: a row that says anything names its test or its visit, and says what a row cannot be without."""
        good = super().validate(extra_validators)
        for rows in tables(self.model):
            key, *others = rows.leaves
            for row in self._rows(rows):
                box, others_filled = self._fields[f"{row}{key.name}"], any(
                    self._fields[name].data for leaf in others for name in _names(leaf, row)
                )  # fmt: skip
                if not box.data and others_filled and not box.errors:
                    box.errors = [f"{box.label.text}: {'choose' if key.fact.options else 'name'} it, or clear the row"]
            for row in self._filled(rows):
                for leaf in others:
                    box = self._fields[_names(leaf, row)[0]]
                    if leaf.required and not leaf.preset and box.data is None and not box.errors:
                        box.errors = [f"{box.label.text}: required"]
        return good and not self.error_list

    def content(self, before: Content) -> Content:
        """Return what was written; what was chosen before keeps its order, new choices follow."""
        said: dict[str, Any] = {}
        for leaf in leaves(self.model):
            *parts, last = leaf.path
            part = said
            for name in parts:
                part = part.setdefault(name, {})
            value = self._value(leaf, before)
            if leaf.fact.keys is None or value:
                part[last] = value
        for rows in tables(self.model):
            key = rows.leaves[0]
            earlier = {key.value(row): row for row in rows.of(before)}
            said[rows.name] = [
                {
                    leaf.name: value
                    for leaf in rows.leaves
                    if (value := self._value(leaf, earlier.get(self._fields[f"{row}{key.name}"].data), row)) is not None
                }
                for row in self._filled(rows)
            ]
        return self.model.model_validate(said)

    def _value(self, leaf: Leaf, before: Any, row: str = "") -> Any:
        data = [self._fields[name].data for name in _names(leaf, row)]
        match leaf.kind:
            case Kind.RANGE:
                return _range(*data) or (None if leaf.optional else Range())
            case Kind.MANY:
                return _in_order(data[0] or [], () if before is None else leaf.value(before))
            case Kind.LINES:
                return [line.strip() for line in (data[0] or "").splitlines() if line.strip()]
            case Kind.TEXT:
                return data[0] or ""
            case _:
                return data[0]


def _names(leaf: Leaf, row: str = "") -> list[str]:
    """Return the names of the boxes in which a value is filled in."""
    name = f"{row}{leaf.name}"
    return [f"{name}_{end}" for end in ENDS] if leaf.kind is Kind.RANGE else [name]


def _in_order(chosen: Iterable[str], before: Iterable[str]) -> tuple[str, ...]:
    """Return what was chosen in the order in which it stood before; what is new follows, as the catalogue has it."""
    kept = [str(key) for key in before if key in chosen]
    return (*kept, *(key for key in chosen if key not in kept))


def _range(low: tuple[Decimal, bool] | None, high: tuple[Decimal, bool] | None) -> Range | None:
    if low is None and high is None:
        return None
    return Range(
        low=low[0] if low else None,
        high=high[0] if high else None,
        above=bool(low and low[1]),
        below=bool(high and high[1]),
    )


def _shown(leaf: Leaf, whole: Any) -> list[Any]:
    """Return a value as its boxes have it."""
    value = leaf.value(whole)
    match leaf.kind:
        case Kind.RANGE:
            ends = ((value.low, value.above), (value.high, value.below)) if value is not None else ((None, False),) * 2
            return [None if figure is None else (figure, left_out) for figure, left_out in ends]
        case Kind.MANY:
            return [[str(key) for key in value]]
        case Kind.LINES:
            return ["\n".join(value)]
        case Kind.CHOICE:
            return [None if value is None else str(value)]
        case _:
            return [value]


def flat(content: Content) -> dict[str, Any]:
    """Return a content as the boxes of the form have it."""
    shown = [(_names(leaf), _shown(leaf, content)) for leaf in leaves(type(content))] + [
        (_names(leaf, f"{rows.name}_{number}_"), _shown(leaf, row))
        for rows in tables(type(content))
        for number, row in enumerate(rows.of(content))
        for leaf in rows.leaves
    ]
    return {
        name: value for names, values in shown for name, value in zip(names, values, strict=True) if value is not None
    }


def draft_form(content: Content, sent: Iterable[str] = ()) -> type[DraftForm]:
    """Return the form class of one draft: its rows and three empty ones, or as many rows as were sent."""
    boxes: dict[str, Any] = {name: box for leaf in leaves(type(content)) for name, box in _boxes(leaf).items()}
    counts: dict[str, int] = {}
    came = list(sent)
    for rows in tables(type(content)):
        numbers = [int(match[1]) for name in came if (match := re.match(rf"{rows.name}_(\d{{1,2}})_", name))]
        counts[rows.name] = min(max([len(rows.of(content)) + SPARE, *(number + 1 for number in numbers)]), MOST_ROWS)
        for number in range(counts[rows.name]):
            row, label = f"{rows.name}_{number}_", f"{rows.fact.label} {number + 1}"
            for leaf in rows.leaves:
                named = label if leaf is rows.leaves[0] else f"{label}, {within(leaf.fact.label)}"
                boxes |= _boxes(leaf, row, named)
    return type("ProtocolDraftForm", (DraftForm,), {**boxes, "model": type(content), "counts": counts})
