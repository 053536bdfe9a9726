"""A mapping file: which column of a foreign table is which of our facts. Data only: it contains no expressions.

kind = "courses"
source = "Where the table comes from"
missing = ["?"]                            # what means "not recorded"
reason = "not in the published data set"   # why a required fact without a column is missing

[constants]                                # the same for every row
"treatment.route" = "intravenous"
[numbered]                                 # this text and the number of the row
"patient.record_number" = "UCI565-"
[columns]
number = { to = "patient.record_number", template = "OLD-{}" }
seen = { to = "visit.month6.performed_at", date = ["DD.MM.YYYY", "YYYY-MM"] }
cells = { to = "product.amount", decimal = "," }   # else a column with 1,250 and 72.5 is refused
volume_l = { to = "harvest.volume", factor = "1000", missing = ["-1"], default = "100" }
recipient_gender = { to = "patient.sex" }
recipient_ABO = { to = "patient.abo", values = { 0 = "O" } }
ANC_recovery = [{ to = "score.outcome.anc_recovery", as = "event_day", never = "1000000" }, …]
[texts."treatment.diagnosis"]              # several columns as one text: "Risk group: high; …"
risk_group = "Risk group"
[pairs."score.outcome.relapse_day"]         # a time and whether it happened: else “did not occur by day 400”
time = "days"
happened = "relapsed"
[ignored]                                  # every other column, and why it is left out
recipient_age_int = "recipient_age says it"
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from clinic import wording
from clinic.errors import RuleBroken
from clinic.exchange.parse_cell import TRANSFORMS, is_factor
from clinic.exchange.separators import MARKS
from clinic.exchange.tables import MOST_ROWS
from clinic.exchange.text_files import ENCODINGS
from clinic.exchange.written_days import date_pattern, date_patterns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


MOST_BYTES = 128 * 1024
MOST_DOTS = 60
"""In one line: the time that a key of many parts takes grows with the square of their number."""
MOST_DAYS = 50_000
MOST_FAULTS, MOST_SAID = 20, 300
"""Mistakes that are told of one mapping, and characters of each."""


Mark = Literal["", ",", "."]
"""The decimal mark of figures; "" where nobody said."""


class Part(BaseModel):
    """Base of the parts of a mapping: unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _known_way(name: str) -> str:
    if name and name not in TRANSFORMS:
        raise ValueError(f"no way to read a cell is called “{name}”; there are: {', '.join(TRANSFORMS)}")
    return name


class Target(Part):
    """Where a column goes. ``values`` translates a cell, ``as`` names how it is read; ``never``: did not occur.

    ``missing``: what means “not recorded” in this column too; ``default`` is then taken. ``date``: how its days and
    moments are written, ``DD.MM.YYYY hh:mm``, or a list of such ways. ``decimal``: the decimal mark of its figures.
    ``factor``: what they are multiplied by. ``template``: the text of which the cell is a part, in the place of ``{}``.
    """

    to: str
    values: dict[str, str] = Field(default_factory=dict)
    transform: str = Field(default="", alias="as")
    never: str = ""
    missing: tuple[str, ...] = ()
    default: str = ""
    date: str = ""
    factor: str = ""
    template: str = ""
    decimal: Mark = ""

    @field_validator("date", mode="before")
    @classmethod
    def _patterns(cls, said: object) -> object:
        return "; ".join(map(str, said)) if isinstance(said, list | tuple) else said

    @field_validator("date")
    @classmethod
    def _pattern(cls, said: str) -> str:
        for pattern in date_patterns(said):
            date_pattern(pattern)
        return said

    @field_validator("factor", mode="before")
    @classmethod
    def _figure(cls, factor: object) -> object:
        return format(Decimal(repr(factor)), "f") if isinstance(factor, float) else factor

    @field_validator("factor")
    @classmethod
    def _number(cls, factor: str) -> str:
        if factor and not is_factor(factor):
            raise ValueError(f"“{factor[:40]}” is not a number to multiply by; write it like 0.001")
        return factor

    @field_validator("template")
    @classmethod
    def _place(cls, template: str) -> str:
        if template and template.count("{}") != 1:
            raise ValueError(f"“{template}” needs {{}} once, where the cell goes")
        return template

    @field_validator("transform")
    @classmethod
    def _way(cls, name: str) -> str:
        return _known_way(name)


class Visit(Part):
    """One visit of a wide row, named in targets as ``visit.KEY.fact`` and ``score.KEY.instrument``."""

    name: str
    course_day: int | None = Field(default=None, ge=-MOST_DAYS, le=MOST_DAYS)


class Pair(Part):
    """A time and whether it happened: where it did not, the score says that it did not occur by that day.

    ``as``: how the time is read, such as `months_to_days`.
    """

    time: str
    happened: str
    transform: str = Field(default="", alias="as")
    yes: tuple[str, ...] = ("1", "yes")
    no: tuple[str, ...] = ("0", "no")

    @field_validator("transform")
    @classmethod
    def _way(cls, name: str) -> str:
        return _known_way(name)


class Mapping(Part):
    """All that a mapping file says. ``holds_dates``: whether cells of the file are dates themselves, not texts of them.

    That, and whether it has rejected rows (``of_rejects``), is no word of the mapping:
    `clinic.exchange.importing.prepared` sets both.
    """

    kind: str
    source: str
    title: str = ""
    encoding: str = ""
    sheet: str = ""
    heading_row: int = Field(default=0, ge=0, le=MOST_ROWS)
    separator: str = ""
    decimal: Mark = ""
    holds_dates: bool = Field(default=False, exclude=True)
    of_rejects: bool = Field(default=False, exclude=True)
    missing: tuple[str, ...] = ()
    reason: str = ""
    constants: dict[str, str] = Field(default_factory=dict)
    numbered: dict[str, str] = Field(default_factory=dict)
    columns: dict[str, tuple[Target, ...]] = Field(default_factory=dict)
    texts: dict[str, dict[str, str]] = Field(default_factory=dict)
    ignored: dict[str, str] = Field(default_factory=dict)
    pairs: dict[str, Pair] = Field(default_factory=dict)
    visits: dict[str, Visit] = Field(default_factory=dict)
    not_recorded: dict[str, str] = Field(default_factory=dict)
    confirmed: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _as_recorded(cls, said: object) -> object:
        return _recorded(said)

    @field_validator("columns", mode="before")
    @classmethod
    def _one_or_several(cls, columns: object) -> object:
        if not isinstance(columns, dict):
            return columns
        return {name: target if isinstance(target, list | tuple) else [target] for name, target in columns.items()}

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, name: str) -> str:
        if name and name not in ENCODINGS:
            raise ValueError(f"no encoding is called “{name}”; there are: {', '.join(ENCODINGS)}")
        return name

    @field_validator("separator")
    @classmethod
    def _separator(cls, mark: str) -> str:
        mark = "tab" if mark == "\t" else mark
        if mark and mark not in MARKS:
            raise ValueError(f"“{mark[:40]}” separates no cells; use one of: {' '.join(MARKS)}")
        return mark

    def doubled(self) -> dict[str, list[str]]:
        """Return each target to which more than one column or part of the mapping goes, with these."""
        found: dict[str, list[str]] = {}
        for target, column in self.targets():
            found.setdefault(target, []).append(column)
        constant = self.constants.keys() - self.numbered.keys() - self.texts.keys()  # what an empty cell falls back on
        return {to: said for to, said in found.items() if len(said) > 1 + (to in constant)}

    def kept(self) -> dict[str, Any]:
        """Return the mapping as it is kept with a batch; a part that says nothing is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield each target with the column, or the part of the mapping, that names it."""
        for column, wanted in self.columns.items():
            yield from ((target.to, column) for target in wanted)
        for part in (self.constants, self.numbered, self.texts, self.pairs):
            yield from ((target, "the mapping") for target in part)

    def spoken_for(self) -> set[str]:
        """Return every column that the mapping says something about."""
        pairs = {name for pair in self.pairs.values() for name in (pair.time, pair.happened)}
        return {*self.columns, *self.ignored, *pairs, *(name for columns in self.texts.values() for name in columns)}


def _recorded(said: Any) -> Any:
    """Return what a mapping says with its texts as records keep them; what databases cannot store is a mistake."""
    if isinstance(said, str):
        if "\0" in said:
            raise ValueError("a text contains a character that cannot be stored (U+0000)")
        return wording.recorded(said)
    if isinstance(said, int) and not isinstance(said, bool):
        return str(said)  # who writes sheet = 2 or missing = [-9] means that text
    if isinstance(said, dict):
        return {_recorded(name): _recorded(one) for name, one in said.items()}
    return [_recorded(one) for one in said] if isinstance(said, list | tuple) else said


def load(path: Path, kind: str) -> Mapping:
    """Return a mapping; raises `RuleBroken` naming what is wrong with the file."""
    try:
        with path.open("rb") as file:
            return read_from(file, path.name, kind)
    except FileNotFoundError as fault:
        raise RuleBroken(f"There is no mapping file {path.name}.") from fault


def read_from(file: IO[bytes], name: str, kind: str = "") -> Mapping:
    """Return the mapping that an open file says, of which no more is read than a mapping may have."""
    raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise RuleBroken(f"The mapping {name} is larger than {MOST_BYTES // 1024} kB. Is this the mapping?")
    try:
        return parsed(raw.decode("utf-8-sig"), name, kind)
    except UnicodeDecodeError as fault:
        raise RuleBroken(f"The mapping {name} cannot be read: {fault}.") from fault


def parsed(text: str, name: str, kind: str = "") -> Mapping:
    """Return the mapping that a file called ``name`` says; ``kind``: for which kind of import, "" for any."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.count(".") > MOST_DOTS:
            raise RuleBroken(f"The mapping {name} cannot be read: line {number} has more than {MOST_DOTS} full stops.")
    try:
        mapping = Mapping.model_validate(tomllib.loads(text))
    except RecursionError as fault:
        raise RuleBroken(f"The mapping {name} cannot be read: too many brackets stand in each other.") from fault
    except ValidationError as fault:
        raise RuleBroken(f"The mapping {name} is wrong: {'; '.join(faults_of(fault))}.") from fault
    except ValueError as fault:  # no TOML, or a number of thousands of digits
        raise RuleBroken(f"The mapping {name} cannot be read: {_short(str(fault))}.") from fault
    if kind and mapping.kind != kind:
        raise RuleBroken(f"The mapping {name} is for {mapping.kind}, not for {kind}.")
    return mapping


def faults_of(fault: ValidationError) -> list[str]:
    """Return what is wrong with a mapping, a sentence each: the first mistakes, and how many more there are."""
    errors = fault.errors(include_url=False, include_context=False, include_input=False)
    told = [
        f"{_short('.'.join(str(part) for part in one['loc']))}: {_short(one['msg'])}" for one in errors[:MOST_FAULTS]
    ]
    return told + [f"{len(errors) - MOST_FAULTS:,} more mistakes"] * (len(errors) > MOST_FAULTS)


def _short(text: str) -> str:
    return text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}…"
