"""The form on which a record is filled in, made from its declared facts; nothing typed is ever lost."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flask_wtf import FlaskForm

from clinic.errors import RuleBroken, Unconfirmed
from clinic.fields import Field, fields_of
from clinic.form_fields import Box, ChoiceBox, DayBox, LongBox, ManyBox, MomentBox, NumberBox, Sure, WholeBox, YesNoBox

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clinic.model import Model


class RecordForm(FlaskForm):
    """Base of every form of ours. ``zone`` is the site's; ``record_version`` the version that the person saw."""

    _fields: dict[str, Box]
    can_draft = False
    draft_note = ""

    def __init__(self, *args: Any, zone: str = "Etc/UTC", record_version: int | None = None, **more: Any) -> None:
        self.zone, self.record_version = zone, record_version
        self.more_errors: list[tuple[str, str]] = []
        super().__init__(*args, **more)

    def process(self, *args: Any, **more: Any) -> None:
        """Tell every box the site's zone before it reads."""
        for box in self._fields.values():
            if isinstance(box, Box):
                box.zone = self.zone
        super().process(*args, **more)

    @property
    def boxes(self) -> list[Box]:
        """The boxes, in order, without the hidden ones."""
        return [box for box in self._fields.values() if isinstance(box, Box)]

    @property
    def sections(self) -> list[tuple[str, list[Box]]]:
        """Boxes by section, in the order of the work."""
        found: dict[str, list[Box]] = {}
        for box in self.boxes:
            found.setdefault(box.fact.section, []).append(box)
        return list(found.items())

    @property
    def error_list(self) -> list[tuple[str, str]]:
        """Anchor and sentence of every fault."""
        return [(box.anchor, sentence) for box in self.boxes for sentence in box.errors] + self.more_errors

    def refuse(self, sentence: str, anchor: str = "main") -> None:
        """Add a fault that a rule found, to be shown like the others."""
        self.more_errors.append((anchor, sentence))

    def take(self, fault: RuleBroken) -> None:
        """Show what a rule said: an odd combination as a question under its box, anything else among the errors."""
        for question in fault.questions if isinstance(fault, Unconfirmed) else []:
            box = self._fields[question.name]
            answer, reason = box.sent.get("sure", ""), box.sent.get("why", "")
            box.sure = Sure(question.question, question.explain, answer, reason)
            box.errors = [*box.errors, f"{box.label.text}: {question.question}"]
        if not isinstance(fault, Unconfirmed):
            self.refuse(str(fault))

    def facts(self) -> dict[str, Any]:
        """Return what was filled in, as `Entry.log` takes it, with the reasons given for unexpected values."""
        confirmed = {
            box.short_name: box.sent["why"] for box in self.boxes if box.sent.get("sure") == "yes" and box.sent["why"]
        }
        values = {box.short_name: box.data for box in self.boxes if box.fact.order >= -100}
        return values | ({"confirmed": confirmed} if confirmed else {})

    def offer(
        self, name: str, pairs: Iterable[tuple[str, str]], *, chosen: str | None = None, filled: str = ""
    ) -> None:
        """Fill a choice with what can be chosen here and now."""
        box = self._fields[name]
        box.pairs = list(pairs)
        if chosen and not self.is_submitted() and not box.text:
            box.text, box.data, box.filled = chosen, chosen, filled

    def prefill(self, name: str, value: Any, filled: str = "") -> None:
        """Fill a box in for the person: now, me, the planned route. Never over what was typed."""
        box = self._fields[name]
        if not self.is_submitted() and value is not None and box.data in (None, "", []):
            box.data = value
            box.show(value)
            box.filled = filled


def box_for(name: str, fact: Field, python_type: type) -> Box:
    """Return the box in which one declared fact is filled in."""
    if fact.many:
        kind: type[Box] = ManyBox
    elif fact.choices is not None or name.endswith("_id"):
        kind = ChoiceBox
    else:
        kind = {
            bool: YesNoBox, Decimal: NumberBox, int: WholeBox, datetime: MomentBox, date: DayBox,
        }.get(python_type, LongBox if fact.long else Box)  # fmt: skip
    return kind(fact.label, fact)


def form_for(
    model: type[Model],
    *,
    only: Iterable[str] | None = None,
    without: Iterable[str] = (),
    extra: Mapping[str, Field] | None = None,
    other: Mapping[str, type[Box]] | None = None,
) -> type[RecordForm]:
    """Return a form class with a box for each declared fact of a model, in order of declaration.

    ``only`` / ``without`` choose facts by name; ``extra`` adds boxes that are no column, such as a reason; ``other``
    names the kind of box for a fact that has one of its own.
    """
    chosen = [
        (name, fact)
        for name, fact in fields_of(model).items()
        if (only is None or name in set(only)) and name not in set(without)
    ]
    boxes: dict[str, Any] = {}
    columns: Any = model.__table__.columns  # type: ignore[attr-defined]
    for name, fact in chosen:
        special = (other or {}).get(name)
        boxes[name] = special(fact.label, fact) if special else box_for(name, fact, columns[name].type.python_type)
    for name, fact in (extra or {}).items():
        boxes[name] = box_for(name, fact, str)
    return type(f"{model.__name__}Form", (RecordForm,), boxes)
