"""The page on which a person says which column is which fact: what it suggests, and the mapping that it makes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from clinic.exchange import parse_cell
from clinic.exchange.datasets import datasets
from clinic.exchange.heading_units import BRACKETS, told_otherwise, wanted_unit
from clinic.exchange.import_labels import Labels
from clinic.exchange.import_targets import SEVERAL, described, slot
from clinic.exchange.mapping import Target
from clinic.exchange.tables import UNNAMED
from clinic.protocols.catalogues import QC_TESTS

if TYPE_CHECKING:
    from collections.abc import Mapping as Form

    from clinic.exchange.import_targets import Slot
    from clinic.exchange.tables import Table
    from clinic.exchange.uploads import Upload

ALSO_CALLED = {
    "number": "record_number", "mrn": "record_number", "patientid": "record_number", "patientnumber": "record_number",
    "family": "family_name", "surname": "family_name", "lastname": "family_name",
    "given": "given_names", "givenname": "given_names", "firstname": "given_names", "forename": "given_names",
    "born": "birth_date", "dob": "birth_date", "dateofbirth": "birth_date", "birthdate": "birth_date",
    "gender": "sex", "phone": "phone", "died": "died_on", "dateofdeath": "died_on",
}  # fmt: skip
"""What other systems call a patient's facts."""
LEFT_OUT = "left out on the page of the columns"
DETAILS = ("as", "date", "factor", "decimal", "default", "template", "never")
"""How a column is read, one box each; ``missing`` and ``values`` are lists."""
SAMPLES, VALUES, BLANK = 3, 40, 4
OPTIONS = ("source", "reason", "encoding", "sheet", "heading_row", "separator", "decimal")
SEXES = {
    "f": "female", "w": "female", "female": "female", "woman": "female", "weiblich": "female", "frau": "female",
    "m": "male", "male": "male", "man": "male", "männlich": "male", "mann": "male",
}  # fmt: skip
"""How other systems write a sex; a person sees what is suggested before it is used."""


@dataclass(kw_only=True)
class Column:
    """One column of the table on the page.

    ``unnamed``: it has no heading; ``left_out``: and somebody said that it is left out.
    ``values``: each cell that is translated or is none of the fact's choices, and what it means.
    """

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
    unnamed: bool = False
    left_out: bool = False

    @property
    def detailed(self) -> bool:
        """Whether anything but the fact is said about it."""
        return bool(self.missing or any(self.details.values()))


def columns(table: Table, upload: Upload) -> list[Column]:
    """Return the columns of a table as the mapping has them so far, with suggestions where it says nothing yet."""
    said, ignored = upload.mapping.get("columns", {}), upload.mapping.get("ignored", {})
    elsewhere = spoken_for_elsewhere(upload.mapping)
    first = list(islice((cells for _number, cells in table.rows), 200))
    found, guess = [], suggestions(upload.kind)
    taken = {one["to"] for targets in said.values() for one in targets}
    taken |= {target for part in ("numbered", "texts", "pairs") for target in upload.mapping.get(part, {})}
    for number, name in enumerate(table.headings):
        samples = list(dict.fromkeys(cells[name] for cells in first if cells[name]))
        column = Column(number=number, name=name, samples=samples[:SAMPLES])
        column.unnamed, column.left_out = name in table.unnamed, name in ignored
        targets = said.get(name, [])
        if targets:
            column.to, column.more = targets[0]["to"], [one["to"] for one in targets[1:]]
            column.details = {key: str(targets[0].get(key, "")) for key in DETAILS}
            column.missing = "; ".join(targets[0].get("missing", ()))
        elif (
            name not in ignored
            and name not in elsewhere
            and (target := guess.get(plain(name)))
            and target not in taken
            and not told_otherwise(name, wanted_unit(Target(to=target), upload.kind))
        ):
            column.to, column.suggested = target, True
            taken.add(target)
        _offer_values(column, upload, table, targets[0].get("values", {}) if targets else {})
        found.append(column)
    return [one for one in found if one.name not in table.of_rejects]


def plain(text: str) -> str:
    """Return a heading without case, marks and units."""
    return re.sub(r"[\W_]+", "", BRACKETS.sub("", text)).casefold()


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
    for word, name in ALSO_CALLED.items():
        if slot(f"patient.{name}", kind) is not None:
            found.setdefault(word, f"patient.{name}")
    return found


def _choices(wanted: Slot | None) -> dict[str, str]:
    """Return the choices of a fact, by what a mapping says for each."""
    if wanted is None:
        return {}
    if wanted.part == "qc":
        return dict(QC_TESTS[wanted.name].outcomes or {}) if wanted.name in QC_TESTS else {}
    fact = wanted.fact
    return dict(fact.choices or {}) if fact is not None and not fact.many else {}


def _offer_values(column: Column, upload: Upload, table: Table, known: Form[str, str]) -> None:
    """Offer the choices for each cell that is not written as one of them; show what a mapping translates already."""
    column.choices = _choices(slot(column.to, upload.kind)) if column.to else {}
    column.values = list(known.items())
    if not column.choices:
        return
    missing = {
        *upload.mapping.get("missing", ()),
        *filter(None, (one.strip() for one in column.missing.split(";"))),
    }
    unknown = dict.fromkeys(known)
    for _number, cells in table.rows:
        text = cells[column.name]
        known_code = not text or parse_cell.code_of(text, missing)
        if not known_code and text not in unknown and not _is_choice(text, column.choices):
            unknown[text] = None
            if len(unknown) >= VALUES:
                break
    suggested = SEXES if set(SEXES.values()) <= column.choices.keys() else {}
    column.values = [(text, known.get(text) or suggested.get(text.strip().casefold(), "")) for text in unknown]


def _is_choice(text: str, choices: dict[str, str]) -> bool:
    try:
        parse_cell.one_of(text, choices)
    except parse_cell.NotThat:
        return False
    return True


def spoken_for_elsewhere(mapping: Form[str, Any]) -> set[str]:
    """Return the columns that are a part of a text, or of a time with whether it happened."""
    found = {name for columns_ in mapping.get("texts", {}).values() for name in columns_}
    return found | {name for pair in mapping.get("pairs", {}).values() for name in (pair["time"], pair["happened"])}


def spoken_for(mapping: Form[str, Any]) -> set[str]:
    """Return the headings that a mapping names."""
    return {*mapping.get("columns", {}), *mapping.get("ignored", {}), *spoken_for_elsewhere(mapping)}


def absent(upload: Upload, headings: list[str]) -> list[str]:
    """Return the columns that the mapping reads and the table does not have; a person may drop them."""
    return [name for name in upload.mapping.get("columns", {}) if name not in headings]


def keys_of(upload: Upload) -> list[tuple[str, str, str]]:
    """Return each visit that targets name, with its name and its day of the course."""
    targets = [one["to"] for said in upload.mapping.get("columns", {}).values() for one in said]
    targets += [
        target for part in ("constants", "numbered", "texts", "pairs") for target in upload.mapping.get(part, {})
    ]
    words = [target.split(".") for target in targets]
    keys = dict.fromkeys(one[1] for one in words if len(one) == 3 and one[0] in SEVERAL - {"event"})
    return [(key, *_visit(upload.mapping.get("visits", {}).get(key, {}))) for key in keys]


def _visit(said: Form[str, Any]) -> tuple[str, str]:
    day = said.get("course_day")
    return said.get("name", ""), "" if day is None else str(day)


def constants_of(upload: Upload) -> list[tuple[str, str]]:
    """Return the constants of a mapping, and empty lines for more."""
    return [*upload.mapping.get("constants", {}).items(), *[("", "")] * BLANK]


def as_read(names: list[str], headings: list[str]) -> list[str]:
    """Return the headings that a form sent back as the table has them: a browser ends lines in its own way."""
    known = {"\r\n".join(name.splitlines()): name for name in headings}
    return [known.get("\r\n".join(name.splitlines()), name) for name in names]


def written(upload: Upload, names: list[str], form: Any) -> dict[str, Any]:
    """Return the mapping that a form says. What the page did not show, and what nobody changed there, stays as it was.

    ``names``: the headings of the columns that the page showed.
    """
    before = upload.mapping
    mapping: dict[str, Any] = {**before, "kind": upload.kind}
    for name in OPTIONS:
        mapping[name] = _typed(form, name, before.get(name, ""))
        if mapping[name] == "" and name != "source":
            del mapping[name]
    if parse_cell.is_whole(row := mapping.get("heading_row", "")):
        mapping["heading_row"] = int(row)
    mapping["missing"] = _list(form, "missing", before.get("missing", []))
    mapping["constants"] = _constants(form, before.get("constants", {}))
    mapping["columns"], mapping["ignored"] = _columns(before, names, form)
    mapping["visits"] = _visits(upload, form)
    return mapping


def _columns(before: Form[str, Any], names: list[str], form: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the columns that become facts, and those that are left out."""
    was, left_out, dropped = before.get("columns", {}), before.get("ignored", {}), form.getlist("drop")
    columns_ = {name: targets for name, targets in was.items() if name not in {*names, *dropped}}
    ignored = {name: why for name, why in left_out.items() if name not in names and not (names and why == LEFT_OUT)}
    elsewhere, labels = spoken_for_elsewhere(before), Labels(str(before.get("kind", "")))
    for number, name in enumerate(names):
        old = was.get(name, [])
        target = _target(form, number, old[0] if old else {}, labels)
        if target["to"]:
            columns_[name] = [target, *old[1:]]
            ignored |= {name: left_out[name]} if old and name in left_out else {}
        elif name and (name not in elsewhere or name in left_out) and _may_leave(name, form, left_out):
            ignored[name] = left_out.get(name, LEFT_OUT)
    return columns_, ignored


def _may_leave(name: str, form: Any, left_out: Form[str, str]) -> bool:
    """Whether a column may be left out as nobody chose a fact for it: of one without a heading somebody must say so."""
    return not UNNAMED.fullmatch(name) or name in form.getlist("leave") or (name in left_out and "leave" not in form)


def _visits(upload: Upload, form: Any) -> dict[str, Any]:
    visits = dict(upload.mapping.get("visits", {}))
    for key, was, _day in keys_of(upload):
        name = _typed(form, f"visit-{key}", was)
        day = _typed(form, f"day-{key}", visits.pop(key, {}).get("course_day", ""))
        if name or day not in {"", None}:
            visits[key] = {"name": name or key} | ({"course_day": day} if day not in {"", None} else {})
    return visits


def _target(form: Any, number: int, old: Form[str, Any], labels: Labels) -> dict[str, Any]:
    was = old.get("to", "") or form.get(f"was-{number}", "")
    found: dict[str, Any] = {"to": labels.target(_typed(form, f"to-{number}", old.get("to", "")), was)}
    found |= {key: text for key in DETAILS if (text := _typed(form, f"{key}-{number}", old.get(key, "")))}
    if missing := _list(form, f"missing-{number}", old.get("missing", [])):
        found["missing"] = missing
    values = dict(old.get("values", {})) if found["to"] == old.get("to") else {}
    for was, to in _pairs(form, f"value-{number}"):
        if to or values.get(was) != "":
            values.pop(was, None)
        if to:
            values[was] = to
    return found | ({"values": values} if values else {})


def _constants(form: Any, old: dict[str, str]) -> dict[str, str]:
    if "constant-of" not in form:
        return old
    labels = Labels(form.get("kind", ""))
    named = dict(zip(map(labels.shown, old), old, strict=True))
    told = ((target.strip(), value) for target, value in _pairs(form, "constant"))
    said = ((named.get(target) or labels.target(target), value) for target, value in told)
    return {target: _unchanged(value, old.get(target, "")) for target, value in said if target}


def _typed(form: Any, name: str, old: Any) -> Any:
    """Return what was typed, without the space around it; what stands in a box as it was put there is kept exactly."""
    return _unchanged(form[name], old) if name in form else old


def _unchanged(typed: str, old: Any) -> Any:
    one_line = re.sub(r"[\r\n]", "", str(old)).strip()  # as a browser sends it back
    return old if old not in {"", None} and typed.strip() == one_line else typed.strip()


def _list(form: Any, name: str, old: Any) -> list[str]:
    found = _typed(form, name, "; ".join(old))
    return list(old) if found == "; ".join(old) else [one.strip() for one in found.split(";") if one.strip()]


def _pairs(form: Any, name: str) -> list[tuple[str, str]]:
    return list(zip(form.getlist(f"{name}-of"), form.getlist(f"{name}-is"), strict=False))
