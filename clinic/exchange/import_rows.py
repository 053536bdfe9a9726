"""What one row of a table says about each fact, read as its mapping tells (constants, defaults, dates, factors)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.errors import RuleBroken
from clinic.exchange import parse_cell
from clinic.exchange.heading_units import sentence, told_otherwise
from clinic.exchange.import_checks import Fault, Given
from clinic.exchange.import_constants import FIGURES
from clinic.exchange.import_targets import NEW_PEOPLE, Slot, slot
from clinic.exchange.mapping import Target
from clinic.exchange.table_cells import has_codes, has_unit, is_figure, unit_of
from clinic.exchange.written_days import dated
from clinic.ledger.models import digest
from clinic.protocols.catalogues import INSTRUMENTS, QC_TESTS, labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinic.exchange.mapping import Mapping, Pair


def given(row: int, number: int, cells: dict[str, str], mapping: Mapping, problems: list[Fault]) -> dict[Slot, Given]:
    """Return what one row says about each slot. A reading error is reported once, and the slot counts as missing.

    An empty cell says nothing: a constant for the same fact then counts. A cell that says “not recorded” does not: what
    somebody looked for and did not find is not replaced.
    """
    found: dict[Slot, Given] = {}
    for target, text in mapping.constants.items():
        found[_slot(target, mapping)] = Given(text=text, column="the mapping", written=text, cell=False)
    for target, prefix in mapping.numbered.items():
        text = f"{prefix}{number:03}"
        found[_slot(target, mapping)] = Given(text=text, column="the mapping", written=prefix, cell=False)
    for target, columns in mapping.texts.items():
        said = [
            f"{label}: {cells[name]}"
            for name, label in columns.items()
            if cells[name] and not parse_cell.code_of(cells[name], mapping.missing)
        ]
        found[_slot(target, mapping)] = Given(text="; ".join(said) or None, column=", ".join(columns))
    for target, pair in mapping.pairs.items():
        place, halves = _slot(target, mapping), _halves(cells, pair, mapping)
        found[place] = _timed(row, halves, (target, pair), mapping, problems)
        _tell_status(found, place, halves[1], pair, mapping)
    unit = _unit_of_row(cells, mapping)
    for name, wanted in mapping.columns.items():
        for target in wanted:
            place = _slot(target.to, mapping)
            written = _code_of(cells[name], place, target, mapping)
            if written and (written in mapping.missing or written in target.missing):
                said = read(row, name, "", target, problems)
                said = (
                    said
                    if said.text is not None
                    else replace(said, written=written, missing=_code(found, place, written))
                )
            else:
                said = read(row, name, written, target, problems, mapping, unit)
            if said.text is not None or said.never or said.written or place not in found:
                found[place] = said
    return found


VALUE, INSTRUMENT = Slot(part="score", name="value"), "score.instrument"


def _unit_of_row(cells: dict[str, str], mapping: Mapping) -> str:
    """Return the unit of the instrument that a row names; "" where it names none."""
    said = mapping.constants.get(INSTRUMENT, "")
    for name, wanted in mapping.columns.items():
        for target in wanted:
            if target.to == INSTRUMENT and (text := cells[name] or target.default):
                said = target.values.get(text, text)
    try:
        return INSTRUMENTS[parse_cell.one_of(said, labels(INSTRUMENTS))].unit if said else ""
    except parse_cell.NotThat:
        return ""


def _code_of(written: str, place: Slot, target: Target, mapping: Mapping) -> str:
    """Return a cell; as the mapping has it where that says what it means: -1 of “-1 kg”, 99 of 99.0 and 99,00."""
    codes = dict.fromkeys((*target.missing, *target.values, *filter(None, [target.never]), *mapping.missing))
    if not written or not codes or written in codes:
        return written
    text = parse_cell.figure_of(written) if is_figure(place) else written
    decimal = target.decimal or mapping.decimal
    return parse_cell.code_of(text, codes, decimal, figures=has_codes(place)) or written


MORE_THAN_MISSING = frozenset({"died_on", "side"})
"""Facts of which a reason for their absence says more than that they are missing: that of a day of death, a death."""


def _code(found: dict[Slot, Given], place: Slot, written: str) -> str:
    """Return what a code for “not recorded” leaves, which is the reason of a fact that may be missing.

    Where a fact must be there or be explained, the code alone explains nothing but why no constant fills it.
    """
    fact, explained = place.fact, getattr(place.model, "EXPLAINED", ())
    may_be_missing = fact is not None and not fact.required and place.name not in explained
    kept = place.part == "score" or ((may_be_missing or place in found) and place.name not in MORE_THAN_MISSING)
    return f"“{written}”" if kept else ""


STATUS = {True: "1", False: "0"}


def _tell_status(found: dict[Slot, Given], place: Slot, happened: str, pair: Pair, mapping: Mapping) -> None:
    """Say of a time of survival whether the patient died then, as the pair does: the time alone does not tell."""
    status = replace(place, name="survival_status")
    if (place.part, place.name) != ("score", "survival_days") or slot_given(found, status) is not None:
        return
    if happened in {*pair.yes, *pair.no} and happened not in mapping.missing:
        text = STATUS[happened in pair.yes]
        found[status] = Given(text=text, column=pair.happened, written=happened, derived=True)


def slot_given(found: dict[Slot, Given], place: Slot) -> str | None:
    """Return what a row says about a slot."""
    return found[place].text if place in found else None


def _halves(cells: dict[str, str], pair: Pair, mapping: Mapping) -> tuple[str, str]:
    """Return the time of a pair and whether it happened, each as the mapping has it where it is one of its codes."""
    time, happened, missing = cells[pair.time], cells[pair.happened], mapping.missing
    code = parse_cell.code_of(parse_cell.figure_of(time), missing, mapping.decimal, figures=True)
    return code or time, parse_cell.code_of(happened, (*missing, *pair.yes, *pair.no), figures=True) or happened


def _timed(row: int, halves: tuple[str, str], said: tuple[str, Pair], mapping: Mapping, problems: list[Fault]) -> Given:
    """Return the time at which something happened, or by which day of the course it had not."""
    target, pair = said
    time, happened = halves
    no_time, unsaid = (not one or one in mapping.missing for one in (time, happened))
    if no_time or unsaid:
        return Given(text=None, column=pair.time, written=time, missing=_half(time, happened, pair, no_time, unsaid))
    try:
        place = _slot(target, mapping)
        time = parse_cell.without_unit(
            time, unit_of(place, Target.model_validate({"to": target, "as": pair.transform}))
        )
        time = parse_cell.one_way(time, mapping.decimal)
        time = parse_cell.TRANSFORMS[pair.transform](time) if pair.transform else time
    except parse_cell.NotThat as fault:
        problems.append(Fault(row=row, column=pair.time, value=time, expected=str(fault)))
        return Given(text=None, column=pair.time, written=time)
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


def _half(time: str, happened: str, pair: Pair, no_time: bool, unsaid: bool) -> str:  # noqa: FBT001 - two of a pair
    """Return what is known where only one half of a pair is; "" where none is said at all."""
    if no_time and unsaid:
        return f"“{time or happened}”" if time or happened else ""
    if unsaid:
        return f"whether it happened is not recorded; {pair.time} is {time}"
    return f"the time is not recorded{f' (“{time}”)' if time else ''}; {pair.happened} is {happened}"


def content_of(found: dict[Slot, Given], mapping: Mapping, zone: str) -> str:
    """Return the SHA-256 of what a row says, by which the same row is known again: kind, source, and each fact.

    Facts count by their values: 70 and 70,0, or a day in two ways of writing, are the same.
    """
    return digest([mapping.kind, mapping.source, _facts(found, lambda at, text: value_of(at, text, zone))])


def written_content_of(found: dict[Slot, Given], mapping: Mapping) -> str:
    """Return the SHA-256 by which rows of older imports are known: of the texts of their cells."""
    return digest([mapping.kind, mapping.source, _facts(found, lambda _at, text: text)])


def _facts(found: dict[Slot, Given], told: Callable[[Slot, str], Any]) -> dict[str, list[Any]]:
    return {
        f"{at.part}.{at.key}.{at.name}": [None if one.text is None else told(at, one.text), one.never, one.by_day]
        for at, one in found.items()
        if not one.derived
    }


def value_of(at: Slot, text: str, zone: str) -> Any:
    """Return what a text says as a value that JSON has; a text that cannot be read, or is no other value, is itself."""
    try:
        if (at.part == "qc" and at.name in QC_TESTS) or at.part == "score":
            return _measured(at, text)
        column = at.model.__table__.columns.get(at.name) if at.model is not None else None
        if column is None or (at.part, at.name) == ("product", "din"):
            return text
        value = parse_cell.cell(text, column, at.fact, zone)
    except parse_cell.NotThat:
        return text
    if isinstance(value, date):
        return [value.isoformat(), parse_cell.precision(text) or ("" if isinstance(value, datetime) else "day")]
    if isinstance(value, Decimal):
        return _digits(value)
    return sorted(value) if isinstance(value, list) else value


def _measured(at: Slot, text: str) -> Any:
    outcomes = QC_TESTS[at.name].outcomes if at.part == "qc" else None
    if outcomes is not None:
        return parse_cell.one_of(text, dict(outcomes))
    if at.name == "instrument":
        return parse_cell.one_of(text, labels(INSTRUMENTS))
    if at.name == "did_not_occur":
        return parse_cell.yes_no(text)
    sign, figure = parse_cell.comparator(text)
    return [sign, _digits(figure)]


def _digits(value: Decimal) -> str:
    return format(value.normalize() + 0, "f")


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


def read(  # noqa: PLR0913, PLR0917 - one cell and how it is read
    row: int,
    name: str,
    written: str,
    target: Target,
    problems: list[Fault],
    mapping: Mapping | None = None,
    unit: str = "",
) -> Given:
    """Return what a cell says: translated, converted, and put in the place of a template.

    ``unit``: that of the instrument which another cell of the row names.
    """
    if not written:
        cell = not target.default or target.to.partition(".")[0] in FIGURES
        return Given(text=target.default or None, column=name, written=target.default, cell=cell)
    text = _translated(written, target, mapping)
    if target.never and _same(text, target.never):
        occurred = target.transform == "event_occurred"
        return Given(text="0" if occurred else None, column=name, written=written, never=not occurred)
    decimal, held, rejected = "", False, False
    if mapping is not None:
        decimal, held, rejected = target.decimal or mapping.decimal, mapping.holds_dates, mapping.of_rejects
    try:
        transform = target.transform
        if mapping and is_figure(place := _slot(target.to, mapping)):
            if transform == "percent_of_one" and text.endswith("%"):
                text, transform = parse_cell.without_unit(text, "%"), ""  # it is one already
            unit = _unit_of_value(name, unit) if place == VALUE and not target.factor else unit_of(place, target)
            text = parse_cell.without_unit(text, unit) if has_unit(target) else text
            text = parse_cell.one_way(text, decimal)
        text = parse_cell.TRANSFORMS[transform](text) if transform else text
        text = dated(text, target.date, held=held, rejected=rejected) if target.date else text
        text = parse_cell.multiplied(text, target.factor) if target.factor else text
    except parse_cell.NotThat as fault:
        problems.append(Fault(row=row, column=name, value=written, expected=str(fault)))
        return Given(text=None, column=name, written=written)
    return Given(text=target.template.replace("{}", text) if target.template else text, column=name, written=written)


def _unit_of_value(heading: str, unit: str) -> str:
    """Return the unit of the instrument that the row names, if the heading of the figures has no other one."""
    if said := told_otherwise(heading, unit):
        raise parse_cell.NotThat(sentence(said, unit))
    return unit


def _translated(written: str, target: Target, mapping: Mapping | None) -> str:
    """Return what a cell means by the ``values`` of its column; of a list, each of its parts."""
    if written in target.values or not target.values or mapping is None or ";" not in written:
        return target.values.get(written, written)
    fact = _slot(target.to, mapping).fact
    if fact is None or not fact.many:
        return written
    parts = [part.strip() for part in written.split(";")]
    return "; ".join(target.values.get(parse_cell.code_of(one, target.values), one) for one in parts)


def _same(text: str, never: str) -> bool:
    try:
        return parse_cell.number(text) == parse_cell.number(never)
    except parse_cell.NotThat:
        return text == never
