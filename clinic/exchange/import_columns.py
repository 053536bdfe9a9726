"""The page on which a person says which column is which fact: what it suggests, and the mapping that it makes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from clinic.exchange import parse_cell
from clinic.exchange.datasets import datasets
from clinic.exchange.import_targets import SEVERAL, described, slot
from clinic.protocols.catalogues import QC_TESTS

if TYPE_CHECKING:
    from collections.abc import Mapping as Form

    from clinic.exchange.import_targets import Slot
    from clinic.exchange.tables import Table
    from clinic.exchange.uploads import Upload

LEFT_OUT = "left out on the page of the columns"
DETAILS = ("as", "date", "factor", "default", "template", "never")
"""How a column is read, one box each; ``missing`` and ``values`` are lists."""
SAMPLES, VALUES, BLANK = 3, 40, 4
OPTIONS = ("source", "reason", "encoding", "sheet", "heading_row")


@dataclass(kw_only=True)
class Column:
    """One column of the table on the page. ``values``: each cell that is none of the fact's choices, and its choice."""

    number: int
    name: str
    samples: list[str]
    to: str = ""
    details: dict[str, str] = field(default_factory=dict)
    missing: str = ""
    more: list[str] = field(default_factory=list)
    choices: dict[str, str] = field(default_factory=dict)
    values: list[tuple[str, str]] = field(default_factory=list)
    suggested: bool = False

    @property
    def detailed(self) -> bool:
        """Whether anything but the fact is said about it."""
        return bool(self.missing or any(self.details.values()))


def columns(table: Table, upload: Upload) -> list[Column]:
    """Return the columns of a table as the mapping has them so far, with suggestions where it says nothing yet."""
    said, ignored = upload.mapping.get("columns", {}), upload.mapping.get("ignored", {})
    first = list(islice((cells for _number, cells in table.rows), 200))
    found, guess = [], suggestions(upload.kind)
    taken = {one["to"] for targets in said.values() for one in targets}
    for number, name in enumerate(table.headings):
        samples = list(dict.fromkeys(cells[name] for cells in first if cells[name]))
        column = Column(number=number, name=name, samples=samples[:SAMPLES])
        targets = said.get(name, [])
        if targets:
            column.to, column.more = targets[0]["to"], [one["to"] for one in targets[1:]]
            column.details = {key: str(targets[0].get(key, "")) for key in DETAILS}
            column.missing = "; ".join(targets[0].get("missing", ()))
        elif name not in ignored and (target := guess.get(plain(name))) and target not in taken:
            column.to, column.suggested = target, True
            taken.add(target)
        _offer_values(column, upload, table, targets[0].get("values", {}) if targets else {})
        found.append(column)
    return found


def plain(text: str) -> str:
    """Return a heading without case, marks and units."""
    return re.sub(r"[\W_]+", "", re.sub(r"\([^)]*\)", "", text)).casefold()


def suggestions(kind: str) -> dict[str, str]:
    """Return which fact a heading probably is: it has the fact's label, its name, or the heading of our own export."""
    found: dict[str, str] = {}
    for _kind, target, label, _unit, _values in described(kind) if kind else ():
        if ".KEY." not in target:
            for said in (target, label, target.split(".", 1)[1]):
                found.setdefault(plain(said), target)
    for column in datasets()["patients"].columns:
        if slot(f"patient.{column.key}", kind) is not None:
            found.setdefault(plain(column.heading), f"patient.{column.key}")
    return found


def _choices(wanted: Slot | None) -> dict[str, str]:
    """Return the choices of a fact, by what a mapping says for each."""
    if wanted is None:
        return {}
    if wanted.part == "qc":
        return dict(QC_TESTS[wanted.name].outcomes or {})
    fact = wanted.fact
    return dict(fact.choices or {}) if fact is not None and not fact.many else {}


def _offer_values(column: Column, upload: Upload, table: Table, known: Form[str, str]) -> None:
    """Offer the choices for each cell that is not written as one of them."""
    column.choices = _choices(slot(column.to, upload.kind)) if column.to else {}
    if not column.choices:
        return
    missing = {
        "",
        *upload.mapping.get("missing", ()),
        *filter(None, (one.strip() for one in column.missing.split(";"))),
    }
    unknown = dict.fromkeys(known)
    for _number, cells in table.rows:
        text = cells[column.name]
        if text not in missing and text not in unknown and not _is_choice(text, column.choices):
            unknown[text] = None
            if len(unknown) >= VALUES:
                break
    column.values = [(text, known.get(text, "")) for text in unknown]


def _is_choice(text: str, choices: dict[str, str]) -> bool:
    try:
        parse_cell.one_of(text, choices)
    except parse_cell.NotThat:
        return False
    return True


def keys_of(upload: Upload) -> list[tuple[str, str, str]]:
    """Return each visit that targets name, with its name and its day of the course."""
    targets = [one["to"] for said in upload.mapping.get("columns", {}).values() for one in said]
    targets += [*upload.mapping.get("constants", {})]
    words = [target.split(".") for target in targets]
    keys = dict.fromkeys(one[1] for one in words if len(one) == 3 and one[0] in SEVERAL - {"event"})
    visits = upload.mapping.get("visits", {})
    return [
        (key, visits.get(key, {}).get("name", ""), str(visits.get(key, {}).get("course_day") or "")) for key in keys
    ]


def constants_of(upload: Upload) -> list[tuple[str, str]]:
    """Return the constants of a mapping, and empty lines for more."""
    return [*upload.mapping.get("constants", {}).items(), *[("", "")] * BLANK]


def written(upload: Upload, headings: list[str], form: Any) -> dict[str, Any]:
    """Return the mapping that a form says; parts that the page does not show stay as an uploaded mapping has them."""
    kept = {
        name: upload.mapping[name]
        for name in ("numbered", "texts", "pairs", "not_recorded", "confirmed", "title")
        if name in upload.mapping
    }
    said = {name: form.get(name, "").strip() for name in OPTIONS if form.get(name, "").strip()}
    said["source"] = said.get("source", "")
    if "heading_row" in said:
        said["heading_row"] = int(said["heading_row"]) if said["heading_row"].isdecimal() else said["heading_row"]
    mapping: dict[str, Any] = {**kept, **said, "kind": form.get("kind", upload.kind)}
    mapping["missing"] = _list(form.get("missing", ""))
    mapping["constants"] = dict(pair for pair in _pairs(form, "constant") if pair[0])
    mapping["columns"], mapping["ignored"] = {}, {}
    texts = {name for columns_ in kept.get("texts", {}).values() for name in columns_}
    texts |= {name for pair in kept.get("pairs", {}).values() for name in (pair["time"], pair["happened"])}
    for number, name in enumerate(headings):
        old = upload.mapping.get("columns", {}).get(name, [])
        target = _target(form, number)
        if target["to"]:
            mapping["columns"][name] = [target, *old[1:]]
        elif name and name not in texts:
            mapping["ignored"][name] = upload.mapping.get("ignored", {}).get(name, LEFT_OUT)
    visits = {}
    for key, _name, _day in keys_of(upload):
        name, day = form.get(f"visit-{key}", "").strip(), form.get(f"day-{key}", "").strip()
        if name or day:
            visits[key] = {"name": name or key} | ({"course_day": day} if day else {})
    mapping["visits"] = visits
    return mapping


def _target(form: Any, number: int) -> dict[str, Any]:
    found: dict[str, Any] = {"to": form.get(f"to-{number}", "").strip()}
    found |= {key: text for key in DETAILS if (text := form.get(f"{key}-{number}", "").strip())}
    if missing := _list(form.get(f"missing-{number}", "")):
        found["missing"] = missing
    values = {was: to for was, to in _pairs(form, f"value-{number}") if to}
    return found | ({"values": values} if values else {})


def _list(text: str) -> list[str]:
    return [one.strip() for one in text.split(";") if one.strip()]


def _pairs(form: Any, name: str) -> list[tuple[str, str]]:
    return [
        (first.strip(), second.strip())
        for first, second in zip(form.getlist(f"{name}-of"), form.getlist(f"{name}-is"), strict=False)
    ]
