"""What one row of a table says about each fact, read as its mapping tells (constants, defaults, dates, factors)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.errors import RuleBroken
from clinic.exchange import parse_cell
from clinic.exchange.import_checks import Fault, Given
from clinic.exchange.import_targets import NEW_PEOPLE, Slot, slot
from clinic.ledger.models import digest

if TYPE_CHECKING:
    from clinic.exchange.mapping import Mapping, Pair, Target


def given(row: int, number: int, cells: dict[str, str], mapping: Mapping, problems: list[Fault]) -> dict[Slot, Given]:
    """Return what one row says about each slot. A reading error is reported once, and the slot counts as missing.

    An empty cell says nothing: a constant for the same fact then counts.
    """
    found: dict[Slot, Given] = {}
    for target, text in mapping.constants.items():
        found[_slot(target, mapping)] = Given(text=text, column="the mapping", written=text)
    for target, prefix in mapping.numbered.items():
        found[_slot(target, mapping)] = Given(text=f"{prefix}{number:03}", column="the mapping", written=prefix)
    for target, columns in mapping.texts.items():
        said = [
            f"{label}: {cells[name]}"
            for name, label in columns.items()
            if cells[name] and cells[name] not in mapping.missing
        ]
        found[_slot(target, mapping)] = Given(text="; ".join(said) or None, column=", ".join(columns))
    for target, pair in mapping.pairs.items():
        found[_slot(target, mapping)] = _timed(row, cells, pair, mapping, problems)
    for name, wanted in mapping.columns.items():
        for target in wanted:
            empty = cells[name] in mapping.missing or cells[name] in target.missing
            said = read(row, name, "" if empty else cells[name], target, problems)
            place = _slot(target.to, mapping)
            if said.text is not None or said.never or said.written or place not in found:
                found[place] = said
    return found


def _timed(row: int, cells: dict[str, str], pair: Pair, mapping: Mapping, problems: list[Fault]) -> Given:
    """Return the time at which something happened, or by which day of the course it had not."""
    time, happened = cells[pair.time], cells[pair.happened]
    if not time or not happened or {time, happened} & set(mapping.missing):
        return Given(text=None, column=pair.time)
    if happened in pair.yes:
        return Given(text=time, column=pair.time, written=time)
    column, value, expected = pair.happened, happened, f"one of {', '.join((*pair.yes, *pair.no))}"
    if happened in pair.no:
        column, value = pair.time, time
        try:
            return Given(text=None, column=column, written=time, never=True, by_day=parse_cell.whole(time))
        except parse_cell.NotThat as fault:
            expected = str(fault)
    problems.append(Fault(row=row, column=column, value=value, expected=expected))
    return Given(text=None, column=column, written=value)


def content_of(found: dict[Slot, Given], mapping: Mapping) -> str:
    """Return the SHA-256 of what a row says, by which the same row is known again: kind, source, and each fact."""
    facts = {f"{at.part}.{at.key}.{at.name}": [one.text, one.never, one.by_day] for at, one in found.items()}
    return digest([mapping.kind, mapping.source, facts])


def key_of(found: dict[Slot, Given], mapping: Mapping) -> str:
    """Return what tells a row from the others of its source; "" where the table has no column for that."""
    key = found.get(Slot(part="row", name="key"))
    apart = "" if mapping.kind in NEW_PEOPLE else f"{mapping.kind}: "
    return f"{mapping.source}: {apart}{key.text}" if key is not None and key.text else ""


def _slot(target: str, mapping: Mapping) -> Slot:
    found = slot(target, mapping.kind)
    if found is None:
        raise RuleBroken(f"There is no fact {target}.")
    return found


def read(row: int, name: str, written: str, target: Target, problems: list[Fault]) -> Given:
    """Return what a cell says: translated, converted, and put in the place of a template."""
    if not written:
        return Given(text=target.default or None, column=name, written=target.default)
    text = target.values.get(written, written)
    if target.never and _same(text, target.never):
        occurred = target.transform == "event_occurred"
        return Given(text="0" if occurred else None, column=name, written=written, never=not occurred)
    try:
        text = parse_cell.TRANSFORMS[target.transform](text) if target.transform else text
        text = parse_cell.dated(text, target.date) if target.date else text
        text = parse_cell.multiplied(text, target.factor) if target.factor else text
    except parse_cell.NotThat as fault:
        problems.append(Fault(row=row, column=name, value=written, expected=str(fault)))
        return Given(text=None, column=name, written=written)
    return Given(text=target.template.replace("{}", text) if target.template else text, column=name, written=written)


def _same(text: str, never: str) -> bool:
    try:
        return parse_cell.number(text) == parse_cell.number(never)
    except parse_cell.NotThat:
        return text == never
