"""A fact of a protocol, declared once on its field: `Annotated[int, Fact(label="After thaw", unit="min")]`.

The form of a draft, the page of a version, the comparison of two versions and the check of catalogue keys are loops
over these facts, so a new field needs no other edit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict

from clinic.fields import Range, plain
from clinic.protocols.catalogue import Catalogue, labels

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


class Kind(StrEnum):
    """What a value is; it tells the form which field to use and the page how to write it."""

    TEXT = "text"
    LINES = "lines"
    YES_NO = "yes_no"
    WHOLE = "whole"
    NUMBER = "number"
    RANGE = "range"
    CHOICE = "choice"
    MANY = "many"


@dataclass(frozen=True, kw_only=True, eq=False)
class Fact:
    """What a person reads about one value. ``section``: its heading on form and page; in a table, its column.

    ``catalogue`` or ``choices``: what its keys mean. ``keys``: the value is a dict with these keys, each a value of
    its own. ``words(value, part)`` writes the value where label and unit do not say enough, "" to leave it out;
    ``empty`` is written where there is none. ``join`` parts several choices. ``required``: a draft is not kept
    without it; ``at_least_one``: not published without it. ``scaled``: drawn as a bar on its part's ``scale``.
    ``claim``: said wherever a patient or physician agrees to the protocol (rules 22, 74).
    """

    label: str
    section: str = ""
    unit: str = ""
    hint: str = ""
    catalogue: Catalogue[Any] | None = None
    choices: Mapping[str, str] | None = None
    keys: Mapping[str, str] | None = None
    possible: Range | None = None
    words: Callable[[Any, Any], str] | None = None
    empty: str = ""
    join: str = ", "
    long: bool = False
    required: bool = False
    at_least_one: bool = False
    scaled: bool = False
    claim: bool = False

    @property
    def options(self) -> Mapping[str, str]:
        """Words of each key that may be chosen, as the catalogue has them now; empty where nothing is chosen."""
        return labels(self.catalogue) if self.catalogue is not None else self.choices or {}


class Part(BaseModel):
    """Base of the parts of a protocol: frozen, unknown keys refused, a field without its `Fact` a `TypeError`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def __pydantic_init_subclass__(cls, **more: Any) -> None:
        super().__pydantic_init_subclass__(**more)
        for name, field in cls.model_fields.items():
            if _fact(field) is None:
                raise TypeError(f"{cls.__name__}.{name} declares no Fact")


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One declared value: ``path`` leads to it; ``optional``: it may be None; ``preset``: it has a default."""

    path: tuple[str, ...]
    fact: Fact
    kind: Kind
    optional: bool = False
    preset: bool = False

    @property
    def name(self) -> str:
        """Its name on the form: "dose_usual"."""
        return "_".join(self.path)

    @property
    def required(self) -> bool:
        """Whether a draft is not kept without it; texts, lists and what may be None can be filled in later."""
        later = {Kind.TEXT, Kind.LINES, Kind.RANGE, Kind.MANY}
        return self.fact.required or (not self.optional and self.kind not in later)

    def value(self, whole: Any) -> Any:
        """Return the value in a content (or in a row, for a leaf of a row)."""
        for name in self.path:
            whole = whole.get(name, ()) if isinstance(whole, dict) else getattr(whole, name)
        return whole

    def part(self, whole: Any) -> Any:
        """Return the part that has the value."""
        for name in self.path[:-1]:
            whole = getattr(whole, name)
        return whole

    def words(self, whole: Any) -> str:
        """Return the value as the page says it; "" where it is left out."""
        value = self.value(whole)
        if value is not None and self.fact.words is not None:
            return self.fact.words(value, self.part(whole)) or self.fact.empty
        return self.plain_words(whole) or self.fact.empty

    def plain_words(self, whole: Any) -> str:
        """Return the value with its unit, by its kind alone."""
        value = self.value(whole)
        return "" if value is None else WORDS[self.kind](value, self.fact)


WORDS: dict[Kind, Callable[[Any, Fact], str]] = {
    Kind.TEXT: lambda value, _fact: value,
    Kind.LINES: lambda value, _fact: "\n".join(value),
    Kind.YES_NO: lambda value, _fact: "yes" if value else "no",
    Kind.WHOLE: lambda value, fact: f"{plain(Decimal(value))} {fact.unit}".strip(),
    Kind.NUMBER: lambda value, fact: f"{plain(value)} {fact.unit}".strip(),
    Kind.RANGE: lambda value, fact: f"{value} {fact.unit}".strip(),
    Kind.CHOICE: lambda value, fact: fact.options.get(value, value),
    Kind.MANY: lambda value, fact: fact.join.join(fact.options.get(key, key) for key in value),
}
"""How a value of each kind is written."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A list of parts, a row each. The first leaf names the row."""

    name: str
    fact: Fact
    leaves: tuple[Leaf, ...]

    def of(self, content: Any) -> tuple[Any, ...]:
        """Return the rows of a content."""
        return getattr(content, self.name)

    @property
    def columns(self) -> dict[str, list[Leaf]]:
        """The leaves by column of the page."""
        found: dict[str, list[Leaf]] = {}
        for leaf in self.leaves:
            found.setdefault(leaf.fact.section or leaf.fact.label, []).append(leaf)
        return found


@cache
def leaves(model: type[BaseModel]) -> tuple[Leaf, ...]:
    """Return every declared value of a content, parts within parts included, in order; no rows."""
    return tuple(_leaves(model, (), ""))


@cache
def tables(model: type[BaseModel]) -> tuple[Rows, ...]:
    """Return the lists of parts of a content: its tests, its visits."""
    return tuple(
        Rows(name=name, fact=_declared(field), leaves=leaves(row))
        for name, field in model.model_fields.items()
        if (row := _row(field)) is not None
    )


def _leaves(model: type[BaseModel], path: tuple[str, ...], section: str) -> Iterator[Leaf]:
    for name, field in model.model_fields.items():
        fact, (core, optional) = _declared(field), _core(field.annotation)
        fact = replace(fact, section=fact.section or section)
        if isinstance(core, type) and issubclass(core, Part):
            yield from _leaves(core, (*path, name), fact.section)
        elif fact.keys is not None:
            for key, label in fact.keys.items():
                each = replace(fact, label=f"{label}: {fact.label}")
                yield Leaf(path=(*path, name, key), fact=each, kind=Kind.MANY)
        elif _row(field) is None:
            options = _enum_words(core)
            fact = replace(fact, choices=options) if options else fact
            preset = not field.is_required()
            yield Leaf(path=(*path, name), fact=fact, kind=_kind(core, fact), optional=optional, preset=preset)


def _fact(field: FieldInfo) -> Fact | None:
    return next((one for one in field.metadata if isinstance(one, Fact)), None)


def _declared(field: FieldInfo) -> Fact:
    found = _fact(field)
    if found is None:
        raise TypeError("a field of a protocol declares no Fact")
    return found


def _core(annotation: Any) -> tuple[Any, bool]:
    """Return a type without ``| None`` and without its metadata, and whether it may be None."""
    if hasattr(annotation, "__metadata__"):
        return _core(annotation.__origin__)
    members = get_args(annotation)
    if NoneType in members:
        return _core(next(one for one in members if one is not NoneType))[0], True
    return annotation, False


def _item(core: Any) -> Any:
    """Return the type of the items of ``tuple[…, ...]``, None of anything else."""
    return get_args(core)[0] if get_origin(core) is tuple else None


def _row(field: FieldInfo) -> type[Part] | None:
    item = _item(_core(field.annotation)[0])
    return item if isinstance(item, type) and issubclass(item, Part) else None


def _enum_words(core: Any) -> dict[str, str]:
    kind = _item(core) or core
    members: Any = kind if isinstance(kind, type) and issubclass(kind, Enum) else ()
    return {member.value: member.label for member in members}


def _kind(core: Any, fact: Fact) -> Kind:
    if _item(core) is not None:
        return Kind.MANY if fact.options else Kind.LINES
    if fact.options:
        return Kind.CHOICE
    return {bool: Kind.YES_NO, int: Kind.WHOLE, Decimal: Kind.NUMBER, Range: Kind.RANGE, str: Kind.TEXT}[core]
