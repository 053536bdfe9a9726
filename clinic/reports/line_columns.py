"""What a line list can show, filter, sort and group by: the columns of one data set, and those of its course.

A column is one expression of the database, so that rows, counts and filters cannot read it in different ways. What is
joined has one row at most for each row of the data set: a join never multiplies what is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum as Words
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Enum as EnumType
from sqlalchemy import Float, Integer, String, Text, case, cast, exists, func, inspect, literal_column, select
from sqlalchemy.orm import aliased

from clinic.exchange.datasets import datasets
from clinic.fields import fields_of
from clinic.model import Quantity
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.protocols.models import Protocol, ProtocolVersion
from clinic.records import Amendment, Entry, Signature
from clinic.reports.dimensions import ORIGINS
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clinic.exchange.datasets import Column, Dataset

LEFT_OUT = {"wall", "site", "zone", "signers", "age"}
"""Kinds of columns of a data set that a list has not: a moment is one column here, the site is always the reader's."""
OF_COURSE = ("condition", "source", "route", "relation", "body_site", "asa_class")
UNITS = {"year": "by year", "quarter": "by quarter", "month": "by month"}
"""By what rows are grouped that have a day or a moment."""
AMENDED = {"no": "No", "yes": "Yes", "after": "Yes, after it was signed"}
GROUPED = {"choice", "yesno", "whole", "person", "code", "day", "moment", "text"}
SORTED = (GROUPED | {"number"}) - {"person"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Item:
    """One column of a list.

    ``kind``: code (an id, or a code of ours), text (in somebody's words), choice, yesno, whole, number, day, moment,
    person (of staff), choices (several of a list), patient or map. ``of`` is its expression; empty text is None there.
    ``values``: each choice as the database has it, by its key. ``hidden``: it says who the patient is, or is long text;
    neither filters nor groups are made of it. ``own``: a column of the row itself, which may be known in part only.
    """

    key: str
    heading: str
    kind: str
    of: Any
    unit: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    hidden: bool = False
    own: bool = True

    @property
    def grouped(self) -> bool:
        """Whether rows can be grouped by it."""
        return self.kind in GROUPED and not self.hidden and self.key != "id"

    @property
    def sorted(self) -> bool:
        """Whether rows can be put in its order."""
        return self.kind in SORTED

    @property
    def title(self) -> str:
        """Heading with unit."""
        return f"{self.heading} ({self.unit})" if self.unit else self.heading


class Listed(NamedTuple):
    """One data set as lists read it. ``joins``: what is joined, and on what; ``patient``: whose row it is, or None."""

    dataset: Dataset
    items: Mapping[str, Item]
    joins: tuple[tuple[Any, Any], ...]
    patient: Any

    @property
    def model(self) -> Any:
        """The kind of record that is a row."""
        return self.dataset.model

    @property
    def dated(self) -> Item | None:
        """The column by whose day a period chooses."""
        return self.items.get(self.dataset.counted_by) if self.dataset.counted_by != "id" else None

    @property
    def usual(self) -> tuple[str, ...]:
        """The columns of a list that nobody has chosen yet: whose, when, and the first facts."""
        facts = [key for key in fields_of(self.model) if key in self.items and self.items[key].kind != "map"]
        first = [key for key in ("id", "patient", self.dataset.counted_by) if key in self.items]
        return tuple(dict.fromkeys([*first, *facts[:6]]))


def lists() -> list[Dataset]:
    """Return the data sets that can be listed: all whose columns are columns of the database."""
    return [one for one in datasets().values() if one.name != "doses"]


ROOMS = {
    "Patients and donors": ("patients",),
    "Courses": ("treatments",),
    "Consent and eligibility": ("consent", "eligibility"),
    "Harvest and processing": ("harvest", "processing"),
    "Products and release": ("products", "release"),
    "Administration": ("administration",),
    "Follow-up and adverse events": ("followup",),
}
"""Under which heading the data sets of a room are listed; those of other rooms come last."""
OTHERS = "Protocols, staff and records"


def grouped() -> dict[str, list[Dataset]]:
    """Return the data sets that can be listed by their headings, in the order in which a course goes on."""
    found: dict[str, list[Dataset]] = {heading: [] for heading in (*ROOMS, OTHERS)}
    heading_of = {room: heading for heading, rooms in ROOMS.items() for room in rooms}
    for one in lists():
        found[heading_of.get(one.model.__module__.split(".")[1], OTHERS)].append(one)
    return {heading: sorted(some, key=lambda one: one.title) for heading, some in found.items()}


@lru_cache(maxsize=64)
def listed(name: str) -> Listed | None:
    """Return a data set as lists read it; None where there is none of that name."""
    dataset = next((one for one in lists() if one.name == name), None)
    if dataset is None:
        return None
    joins, course, person, version = _around(dataset.model)
    found = [*_own(dataset), *_of_course(dataset.model, course, version), *_of_patient(dataset.model, person)]
    items = {one.key: one for one in found}
    order = ["id", *(key for key in ("patient", "patient_number") if key in items), *items]
    return Listed(dataset, {key: items[key] for key in dict.fromkeys(order)}, joins, person and person.id)


def _around(model: Any) -> tuple[tuple[tuple[Any, Any], ...], Any, Any, Any]:
    """Return what is joined to a kind of record, and its course, patient and protocol version as far as there are."""
    keys = {column.key for column in inspect(model).columns}
    if model is Patient:
        return (), None, Patient, None
    joins: list[tuple[Any, Any]] = []
    course: Any = Treatment if model is Treatment else None
    if model is not Treatment and {"treatment_id", "product_id"} & keys:
        course, of = aliased(Treatment), getattr(model, "treatment_id", None)
        if of is None:
            cells = aliased(Product)
            joins.append((cells, cells.id == getattr(model, "product_id")))  # noqa: B009 - not every kind has one
            of = cells.treatment_id
        joins.append((course, course.id == of))
    person = aliased(Patient)
    if course is None:
        if "patient_id" not in keys:
            return (), None, None, None
        return ((person, person.id == model.patient_id),), None, person, None
    version = aliased(ProtocolVersion)
    joins += [(person, person.id == course.patient_id), (version, version.id == course.protocol_version_id)]
    return tuple(joins), course, person, version


def _own(dataset: Dataset) -> Iterator[Item]:
    for column in dataset.columns:
        if column.kind not in LEFT_OUT:
            yield _read(dataset.model, column)


def _read(model: Any, column: Column) -> Item:
    if column.kind in {"signed", "amended"}:
        return _signed(model) if column.kind == "signed" else _amended(model)
    fact, of = column.fact, getattr(model, column.key)
    heading = fact.label if fact else column.heading.removesuffix(" (UTC)")
    item = Item(
        key=column.key, heading=heading, kind=column.kind, of=of, unit=fact.unit if fact else "",
        hidden=column.identifying or bool(fact and fact.long),
    )  # fmt: skip
    if column.kind == "choices":
        return replace(item, choices=(fact and fact.choices) or {})
    if fact and fact.choices:
        values = {str(key): key for key in fact.choices}
        return replace(item, kind="choice", of=_said(of), choices=fact.choices, values=values)
    if isinstance(of.type, EnumType):
        members: Any = of.type.enum_class
        labels = {one.value: ORIGINS.get(one.value) or _words(one) for one in members}
        return replace(item, kind="choice", choices=labels, values={one.value: one for one in members})
    return replace(item, kind=_kind(column.kind, of), of=_said(of))


def _kind(kind: str, of: Any) -> str:
    """Return the kind of a column that has no choices."""
    if kind == "number":
        return "whole" if isinstance(of.type, Integer) else "number"
    if kind == "text":
        return "code" if of.key == "id" or of.property.columns[0].foreign_keys else "text"
    return kind if kind in {"moment", "day", "yesno", "person", "list"} else "map"


def _signed(model: type[Entry]) -> Item:
    at = select(func.max(Signature.signed_at)).where(Signature.record_id == model.id).scalar_subquery()
    return Item(key="signed_at", heading="Last signed at", kind="moment", of=at, own=False)


def _words(one: Words) -> str:
    return str(getattr(one, "label", None) or str(one.value).replace("_", " ").capitalize())


def _said(of: Any) -> Any:
    """Return a column with None in place of empty text; the text stands in the statement, as databases group by it."""
    return func.nullif(of, literal_column("''"), type_=of.type) if isinstance(of.type, String) else of


def _amended(model: type[Entry]) -> Item:
    signed = select(func.max(Signature.signed_at)).where(Signature.record_id == model.id).scalar_subquery()
    any_one = exists().where(Amendment.record_id == model.id)
    after = exists().where(Amendment.record_id == model.id, Amendment.amended_at > signed)
    no, yes, late = (literal_column(f"'{key}'", String) for key in AMENDED)
    of = case((after, late), (any_one, yes), else_=no)
    values = {key: key for key in AMENDED}
    return Item(key="amended", heading="Amended", kind="choice", of=of, choices=AMENDED, values=values, own=False)


def _of_course(model: Any, course: Any, version: Any) -> Iterator[Item]:
    if course is None:
        return
    code = select(Protocol.code).where(Protocol.id == version.protocol_id).scalar_subquery()
    yield Item(key="course_protocol", heading="Course: protocol", kind="code", of=code, own=False)
    if model is Treatment:
        return
    facts = fields_of(Treatment)
    for key in OF_COURSE:
        labels = facts[key].choices or {}
        yield Item(
            key=f"course_{key}", heading=f"Course: {_inside(facts[key].label)}", kind="choice",
            of=_said(getattr(course, key)), choices=labels, values={one: one for one in labels}, own=False,
        )  # fmt: skip


def _inside(heading: str) -> str:
    """Return a heading as it stands inside a line: condition, but ASA class."""
    return heading if heading[1:2].isupper() else heading[:1].lower() + heading[1:]


def _of_patient(model: Any, person: Any) -> Iterator[Item]:
    if person is None:
        return
    yield Item(key="patient", heading="Patient", kind="patient", of=person.id, hidden=True, own=False)
    if model is Patient:
        return
    yield Item(
        key="patient_number", heading="Record number", kind="text", of=_said(person.record_number), hidden=True,
        own=False,
    )  # fmt: skip
    sexes = fields_of(Patient)["sex"].choices or {}
    values = {one: one for one in sexes}
    yield Item(
        key="patient_sex", heading="Patient: sex", kind="choice", of=_said(person.sex), choices=sexes, values=values,
        own=False,
    )  # fmt: skip


def as_number(of: Any) -> Any:
    """Return a quantity to compare and to sort by: on SQLite its digits are text."""
    return cast(of, Float) if isinstance(of.type, Quantity) else of


def as_text(of: Any) -> Any:
    """Return a stored list or map as its text."""
    return cast(of, Text)
