"""The file in which an installation adds instruments and conditions to the catalogues; see docs/catalogues.md.

It is read once, when the program starts. Every fault is told in one round: its table, its key, and what to do.
"""

from __future__ import annotations

import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from clinic.errors import SettingsWrong
from clinic.fields import Range, plain
from clinic.protocols.catalogue import KEY, Entry
from clinic.protocols.cells import CELL_TYPES
from clinic.protocols.conditions import CONDITIONS, FIELDS, Condition
from clinic.protocols.delivery import BODY_SITES
from clinic.protocols.instruments import INSTRUMENTS, MOST_CHOICES, Instrument
from clinic.protocols.toml_table import Table, parsable_as_number, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from clinic.protocols.catalogue import Catalogue

MOST_BYTES = 64 * 1024
"""The size of a file; several processes of a server hand its text on in their environment."""
MOST_DECIMALS = 4
LONGEST_KEY, LONGEST_UNIT = 40, 20
DAYS = "days"
"""The unit of instruments that count the days to an event, which may never occur."""
RESERVED: Mapping[str, frozenset[str]] = MappingProxyType({
    "instruments": frozenset({"instrument", "value", "did_not_occur", "none", "unknown"}),
    "conditions": frozenset({*CELL_TYPES, "none", "unknown"}),
})  # fmt: skip
"""Keys that mean something else where a key of the catalogue is written: in targets, filters, and joined groups."""


@dataclass(frozen=True, kw_only=True)
class Added:
    """What a file adds."""

    instruments: tuple[Instrument, ...] = ()
    conditions: tuple[Condition, ...] = ()


def text_of(file: Path | None) -> str:
    """Return the text of a file; "" of none. Raises `SettingsWrong` where it cannot be read."""
    if file is None:
        return ""
    try:
        read = file.read_bytes()
        if len(read) > MOST_BYTES:
            raise SettingsWrong(f"{file.name} is larger than {MOST_BYTES // 1024} KB. Take out what is not used.")
        return read.decode()
    except UnicodeDecodeError:
        raise SettingsWrong(f"{file.name} is not written in UTF-8. Save it as UTF-8.") from None
    except OSError as fault:
        raise SettingsWrong(f"{file} cannot be read: {fault.strerror}.") from fault


def read(text: str, name: str) -> Added:
    """Return what a file adds, by its text. Raises `SettingsWrong` with every fault, a line each."""
    added, faults = judged(text, name)
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise SettingsWrong("\n".join([f"{name} has {count}; the catalogues are not extended.", *faults]))
    return added


def judged(text: str, name: str) -> tuple[Added, list[str]]:
    """Return what can be added, and a sentence for each fault."""
    try:
        whole = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as fault:
        return Added(), [f"{name} is not TOML: {fault}. Correct that place."]
    except ValueError:  # Python reads no whole number of that many digits
        return Added(), [f"{name} holds a number of thousands of digits. Shorten it."]
    except RecursionError:
        return Added(), [f"{name} holds lists within lists without end. Write each entry as docs/catalogues.md shows."]
    faults: list[str] = []
    faults += [
        f"[{key}]: only instruments and conditions can be added. Remove it, or name it [instruments.KEY] or"
        " [conditions.KEY]."
        for key in whole
        if key not in KINDS
    ]
    made = {kind: list(_entries(kind, whole.get(kind, {}), faults)) for kind in KINDS}
    for kind in KINDS:
        faults += _shared_names(kind, made[kind])
    added = Added(
        instruments=tuple(cast("list[Instrument]", made["instruments"])),
        conditions=tuple(cast("list[Condition]", made["conditions"])),
    )
    return added, faults


def use(added: Added) -> None:
    """Let the catalogues have what is built in and these entries, in place of what was added before."""
    INSTRUMENTS.add(added.instruments)
    CONDITIONS.add(added.conditions)


@contextmanager
def using(text: str) -> Iterator[Added]:
    """Let the catalogues have the entries of a text until the end of the block, then those that they had before."""
    before = Added(instruments=INSTRUMENTS.added, conditions=CONDITIONS.added)
    added = read(text, "the text")
    use(added)
    try:
        yield added
    finally:
        use(before)


def _entries(kind: str, tables: Any, faults: list[str]) -> Iterator[Entry]:
    """Yield the entries of one catalogue that have a key and a label, and add the faults of all."""
    if not isinstance(tables, dict):
        faults.append(f"{kind}: write a table for each entry, like [{kind}.KEY].")
        return
    for key, facts in tables.items():
        where = f"[{kind}.{key}]"
        if not KEY.fullmatch(key) or len(key) > LONGEST_KEY:
            faults.append(
                f"{where}: a key is made of small letters, digits and single underscores, begins with a letter and has"
                f" at most {LONGEST_KEY} characters. Choose another key."
            )
        elif key in RESERVED[kind]:
            faults.append(f"{where}: this key has another meaning in tables and filters. Choose another key.")
        if not isinstance(facts, dict):
            faults.append(f"{where}: write it as a table with its fields below it.")
            continue
        table = Table(where, facts, faults)
        entry = KINDS[kind](key, table)
        table.refuse_others()
        yield entry


def _instrument(key: str, table: Table) -> Instrument:
    """Return an instrument; where something is wrong, the table has the fault and the figure is a stand-in."""
    label, aliases = table.line("label"), table.texts("aliases")
    better = table.one_of("better", ("higher", "lower"))
    has_grades, grades = table.has("grades"), table.graded("grades", MOST_CHOICES)
    lowest, highest, step, unit = _graded_range(table, max(2, len(grades))) if has_grades else _range(table)
    _refuse_number_words(table, grades)
    mcid, source = _mcid(table, highest - lowest)
    start = int(lowest) if grades else 0
    return Instrument(
        key=key, label=label, aliases=aliases, better=cast("Any", better or "higher"), range=Range(lowest, highest),
        step=step, unit=unit, mcid=mcid, mcid_source=source, license="", note=table.line("note", needed=False),
        grades=MappingProxyType({start + n: words[0] for n, words in enumerate(grades)}) if grades else None,
        said=MappingProxyType({
            " ".join(word.casefold().split()): start + n for n, words in enumerate(grades) for word in words[1:]
        }) if grades else None,
    )  # fmt: skip


def _graded_range(table: Table, count: int) -> tuple[Decimal, Decimal, Decimal, str]:
    """Return the range of a graded score: whole numbers from the lowest on, one for each grade."""
    for name in ("highest", "decimals", "unit"):
        if table.has(name):
            table.take(name)
            table.fault(name, "grades are whole numbers without a unit, counted from “lowest”. Remove it.")
    lowest = table.number("lowest", needed=False) or Decimal(0)
    if lowest != lowest.to_integral_value() or lowest < 0:
        table.fault("lowest", f"{plain(lowest)} is no whole number from 0 on. Write the value of the first grade.")
        lowest = Decimal(0)
    return lowest, lowest + count - 1, Decimal(1), ""


def _range(table: Table) -> tuple[Decimal, Decimal, Decimal, str]:
    """Return lowest, highest, step and unit of a score that is a figure."""
    lowest, highest = table.number("lowest"), table.number("highest")
    decimals, unit = table.whole("decimals", MOST_DECIMALS), table.line("unit", needed=False, longest=LONGEST_UNIT)
    step = Decimal(1).scaleb(-decimals)
    if lowest is not None and highest is not None:
        if lowest >= highest:
            table.fault("highest", f"{plain(highest)} is not more than lowest, {plain(lowest)}. Write the larger one.")
        for name, end in (("lowest", lowest), ("highest", highest)):
            if end % step:
                table.fault(name, f"{plain(end)} has more decimals than {decimals}. Write fewer, or more “decimals”.")
    if unit == DAYS and (decimals or (lowest is not None and lowest < 0)):
        table.fault("unit", "days to an event are whole and not negative. Leave out “decimals”, begin at 0 or more.")
    return lowest or Decimal(0), highest or Decimal(1), step, unit


def _refuse_number_words(table: Table, grades: tuple[tuple[str, ...], ...]) -> None:
    for word in (word for words in grades for word in words):
        if parsable_as_number(word):
            table.fault(
                "grades", f"{quoted(word)} would be read as a figure. Write the grade as a word, like “grade 2”."
            )


def _mcid(table: Table, span: Decimal) -> tuple[Decimal | None, str]:
    """Return the MCID with its source; both are given, or none."""
    mcid, source = table.number("mcid", needed=False), table.line("mcid_source", needed=False, longest=200)
    if mcid is not None and (mcid <= 0 or mcid > span > 0):
        table.fault("mcid", f"{plain(mcid)} is no change within the range. Write one above 0, up to {plain(span)}.")
    if mcid is not None and not source:
        table.fault("mcid_source", "required with “mcid”. Name where the figure was published.")
    if mcid is None and source:
        table.fault("mcid", "required with “mcid_source”. Write the figure, or remove the source.")
    return mcid, source


def _condition(key: str, table: Table) -> Condition:
    field = table.one_of("field", tuple(FIELDS))
    sites = table.texts("sites")
    for site in sites:
        if site not in BODY_SITES:
            table.fault("sites", f"{quoted(site)} is no body site. Choose from {', '.join(BODY_SITES)}.")
    unproven = table.yes_no("unproven")
    if field == "wellness" and unproven is False:
        table.fault("unproven", "every indication of wellness is unproven (rule 74). Remove it.")
    return Condition(
        key=key, label=table.line("label"), aliases=table.texts("aliases"), field=field,
        sites=tuple(site for site in sites if site in BODY_SITES), malignant=bool(table.yes_no("malignant")),
        unproven=bool(unproven) or field == "wellness",
    )  # fmt: skip


KINDS: Mapping[str, Any] = MappingProxyType({"instruments": _instrument, "conditions": _condition})
CATALOGUES: Mapping[str, Catalogue[Any]] = MappingProxyType({"instruments": INSTRUMENTS, "conditions": CONDITIONS})
"""The catalogues that can be extended, by the name of their tables."""


def _shared_names(kind: str, entries: list[Entry]) -> Iterator[str]:
    """Yield a fault for each key, label or other name that another entry has; capitals make no difference."""
    known = {name: one for one in CATALOGUES[kind].built_in.values() for name in _names(one)}
    for entry in entries:
        for name, said in _names(entry).items():
            other = known.setdefault(name, entry)
            if other is not entry:
                whose = "built-in" if other.key in CATALOGUES[kind].built_in else "added"
                yield (
                    f"[{kind}.{entry.key}]: {quoted(said)} is a name of the {whose} entry {other.key}, {other.label}."
                    " Use that entry, or choose another name."
                )


def _names(entry: Entry) -> dict[str, str]:
    """Return all names of an entry as they were written, by what two of them are compared by."""
    written = [one for one in (entry.key, entry.label, *entry.aliases) if one]
    return {" ".join(one.casefold().replace("_", " ").split()): one for one in written}
