"""Read one cell as the fact that it is, or say what was expected."""

from __future__ import annotations

import re
import unicodedata
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Boolean, Date, Integer

from clinic.clock import NotOnTheClock, TwiceOnTheClock, from_wall, start_of
from clinic.errors import RuleBroken
from clinic.exchange.day_words import hint
from clinic.exchange.units import are_same
from clinic.model import Quantity, UTCDateTime
from clinic.protocols.catalogue import Labels
from clinic.wording import ESTIMATED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from clinic.fields import Field
    from clinic.protocols.instruments import Instrument

YES = frozenset({"yes", "y", "true", "1", "+"})
PARTLY = re.compile(r"(?P<y>\d{4})(-(?P<m>\d{2})(-(?P<d>\d{2}))?)?(?P<about>~)?", re.ASCII)
NONE = "none"
"""What says that of a list of choices none applies, which is not the same as that nobody recorded any."""
NO = frozenset({"no", "n", "false", "0"})
"""A dash is neither: in most tables it says that nothing was recorded."""
DASHES = frozenset("-–—−?.")


NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
MOST_DIGITS, MOST_EXPONENT = 60, 30


class NotThat(ValueError):
    """A cell does not fit its column; the text says what was expected."""


NOT_RECORDED = "; if it means “not recorded”, say so under “missing”"
SPACES = "'’ \u00a0\u2007\u2009\u202f"
"""What sets thousands apart beside point and comma: marks and spaces that are all alike to the eye."""
THOUSANDS = re.compile(rf"[<>≤≥=]*\s*[+-]?\d{{1,3}}(?:[.,{SPACES}]\d{{3}})+(?:[.,]\d+)?")
MARK = '; say which mark is the decimal one, decimal = "," or decimal = ".", and thousands are read too'


def without(text: str) -> str:
    """Return what may be done about a cell that says nothing, such as a dash; "" where it says something."""
    return "" if any(one.isalnum() for one in text) else NOT_RECORDED


def _of_figure(text: str) -> str:
    """Return what may be done about a cell that is no figure."""
    if not any(one.isdigit() for one in text):
        return NOT_RECORDED
    return MARK if THOUSANDS.fullmatch(text.replace("−", "-")) else ""


def number(text: str) -> Decimal:
    """Return a decimal number, its digits kept; a decimal comma is understood, a thousands separator is not."""
    wanted = text.replace("−", "-").strip()
    if re.fullmatch(r"[+-]?\d+,\d+(?:[eE][+-]?\d{1,3})?", wanted):
        wanted = wanted.replace(",", ".")
    if len(wanted) > MOST_DIGITS or not NUMBER.fullmatch(wanted):
        raise NotThat(f"a number{_of_figure(text)}")
    value = Decimal(wanted)
    if value and abs(value.adjusted()) > MOST_EXPONENT:
        raise NotThat("a number of a size that can be measured")
    return value


def one_way(text: str, decimal: str) -> str:
    """Return a figure, its sign such as ``<`` kept, of which is known which mark is the decimal one.

    The other mark then sets thousands apart, as spaces and apostrophes do: with ``,`` 1.250,5 is 1250.5.
    """
    found = re.fullmatch(r"(<=|>=|[<>≤≥=]?)\s*(.+)", text, re.DOTALL)
    if not decimal or found is None:
        return text
    sign, figure = found[1], found[2].replace("−", "-")
    other = "." if decimal == "," else ","
    if re.fullmatch(rf"[+-]?\d{{1,3}}(?:[{other}{SPACES}]\d{{3}})+(?:[{decimal}]\d+)?", figure):
        figure = re.sub(rf"[{other}{SPACES}]", "", figure)
    elif decimal == "." and "," in figure:
        raise NotThat("a figure with . as its decimal mark")
    return sign + figure.replace(",", ".")


WITH_UNIT = re.compile(
    r"(?P<figure>(?:<=|>=|[<>≤≥=])?\s*[+−-]?\d[\d.,'’ \u00a0\u2007\u2009\u202f]*)(?![eE][+-]?\d)"
    r"(?P<unit>[^\W\d_].*|[%°×/].*)",
    re.DOTALL,
)
"""A figure and what is written behind it."""
SAME = str.maketrans(
    {"^": "", "×": "x", "*": "x", "μ": "u", "µ": "u", **dict.fromkeys(" \u00a0\u2007\u2009\u202f", "")}
)


def without_unit(text: str, unit: str) -> str:
    """Return a figure without the unit that is written behind it, where that is the unit of its column.

    ``unit``: that unit; "" where the column has none. mL and ml, µ and μ, × and x, 10⁶ and 10^6 are the same.
    """
    found = WITH_UNIT.fullmatch(text)
    if found is None:
        return text
    if unit and (_unit(found["unit"]) == _unit(unit) or are_same(found["unit"], unit)):
        return found["figure"].strip()
    said = f"in {unit}" if unit else "without a unit"
    raise NotThat(f"a figure {said}: “{found['unit'].strip()[:40]}” is written behind it")


def figure_of(text: str) -> str:
    """Return the figure of a text that is one with a unit behind it; any other text is itself."""
    found = WITH_UNIT.fullmatch(text)
    return text if found is None else found["figure"].strip()


def _unit(text: str) -> str:
    return unicodedata.normalize("NFKC", text.translate(SAME)).translate(SAME).casefold().removesuffix(".")


def is_factor(text: str) -> bool:
    """Whether figures can be multiplied by what somebody wrote: not by 0, nor by more than units differ by."""
    try:
        return len(text) <= MOST_DIGITS and Decimal(text).is_finite() and _fits(Decimal(text))
    except InvalidOperation:
        return False


def _fits(factor: Decimal) -> bool:
    exponent = factor.as_tuple().exponent
    return factor != 0 and isinstance(exponent, int) and max(abs(factor.adjusted()), abs(exponent)) <= MOST_EXPONENT


def whole(text: str) -> int:
    """Return a whole number; 19.0 is one."""
    value = number(text)
    if value != value.to_integral_value():
        raise NotThat("a whole number")
    return int(value)


def is_whole(text: object) -> bool:
    """Whether what somebody typed is a whole number that is not negative, of at most nine digits."""
    return isinstance(text, str) and re.fullmatch(r"\d{1,9}", text, re.ASCII) is not None


def day(text: str) -> date:
    """Return a day written 2026-11-23; a moment's day counts too. Of a month or a year alone it is the first day."""
    partly = PARTLY.fullmatch(text)
    try:
        if partly is not None:
            return date(int(partly["y"]), int(partly["m"] or 1), int(partly["d"] or 1))
        if WRITTEN.fullmatch(text):
            return date.fromisoformat(text[:10])
    except ValueError as fault:
        raise NotThat("a day like 2026-11-23") from fault
    raise NotThat(f"a day like 2026-11-23{hint(text) or without(text)}")


def day_of(text: str) -> date:
    """Return a day that an address names; raises `RuleBroken` with how to write one."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RuleBroken(f"“{text}” is not a day. Write it like 2026-11-23.") from None


ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?", re.ASCII)
WRITTEN = re.compile(ISO.pattern + r"(?:Z|[+-]\d{2}:?\d{2})?", re.ASCII)
"""A day or a moment as it may be written: nothing may stand beside it."""


def multiplied(text: str, factor: str) -> str:
    """Return a figure in the unit of its fact; the sign of a result such as ``<5`` stays."""
    sign, figure = comparator(text)
    return ("" if sign == "=" else sign) + format(figure * Decimal(factor), "f")


def precision(text: str) -> str:
    """Return how much of a moment is written, as `Entry.precision` has it; "" where it has a time of day.

    Written 2015-04-01, 2015-04 or 2015; a ``~`` behind says that it is estimated (ISO 8601-2).
    """
    found = PARTLY.fullmatch(text)
    if found is None:
        return ""
    return (ESTIMATED if found["about"] else "") + ("day" if found["d"] else "month" if found["m"] else "year")


def moment(text: str, zone: str) -> datetime:
    """Return an aware moment; one without an offset is on the site's wall clock.

    A day, month or year alone is its first moment there; `precision` tells that no more is known.
    """
    partly = PARTLY.fullmatch(text)
    try:
        if partly is not None:
            return _on_any_clock(start_of(date(int(partly["y"]), int(partly["m"] or 1), int(partly["d"] or 1)), zone))
        value = datetime.fromisoformat(text if WRITTEN.fullmatch(text) else "")
        return _on_any_clock(value if value.tzinfo is not None else from_wall(value, zone))
    except NotOnTheClock as fault:
        raise NotThat(f"a time that was: {fault}. Correct it, or bring the day alone") from fault
    except TwiceOnTheClock as fault:
        how = "such as 2020-10-25T02:30+02:00"
        raise NotThat(f"a moment with its offset, {how}: {fault}") from fault
    except (ValueError, OverflowError) as fault:
        said = "a moment like 2026-11-23T14:05, on the site's clock or with its offset"
        raise NotThat(said + (hint(text) or without(text))) from fault


def _on_any_clock(value: datetime) -> datetime:
    """Return a moment that has a day on the clock of every zone, as those at the ends of the calendar have not."""
    if not MINYEAR < value.astimezone(UTC).year < MAXYEAR:
        raise ValueError("the calendar ends there")
    return value


def yes_no(text: str) -> bool:
    """Return yes or no."""
    text = whole_of(text)
    if text.casefold() in YES:
        return True
    if text.casefold() in NO:
        return False
    if set(text) <= DASHES:
        raise NotThat(f"yes or no; say under “values” or “missing” what “{text}” means")
    raise NotThat("yes or no")


def one_of(text: str, choices: Mapping[str, str]) -> str:
    """Return the key of a choice that was written as its key, its label or another name; 2.0 and 02 are the key 2."""
    for said in (text, whole_of(text), whole_of(text).lstrip("0") or "0"):
        for key, label in choices.items():
            if said == key or said.casefold() in {key.casefold(), label.casefold()}:
                return key
    for name, key in choices.aliases() if isinstance(choices, Labels) else ():
        if text.casefold() == name.casefold():
            return key
    code = f"; say under “values” which of them “{text}” is" if is_whole(text) else ""
    raise NotThat("one of " + ", ".join(choices) + (code or without(text)))


def score(text: str, instrument: Instrument) -> Decimal:
    """Return a score, written as a figure or as the word for a grade: 3, "III" and "iii" are one NYHA class."""
    if (graded := instrument.value_of(text)) is not None:
        return graded
    try:
        return number(text)
    except NotThat as fault:
        if not instrument.grades:
            raise
        raise NotThat("one of " + ", ".join(instrument.grades.values()) + without(text)) from fault


def several_of(text: str, choices: Mapping[str, str]) -> list[str]:
    """Return the keys of the choices that a list names; raises `NotThat`, which says how a list is written."""
    try:
        return [one_of(part.strip(), choices) for part in text.split(";")]
    except NotThat as fault:
        raise NotThat(f"{fault}. Several of them are separated by ;") from fault


WHOLE = re.compile(r"([+-]?\d+)[.,]0{1,2}", re.ASCII)


def whole_of(text: str) -> str:
    """Return a whole number without the decimals that a program gave it, as 2 of 2.0; any other text is itself.

    Of three zeros nobody knows whether they are decimals or thousands.
    """
    found = WHOLE.fullmatch(text)
    return text if found is None else found[1]


@lru_cache(maxsize=4096)
def _figure(text: str, decimal: str) -> Decimal | None:
    try:
        return number(one_way(text, decimal))
    except NotThat:
        return None


def code_of(text: str, codes: Collection[str], decimal: str = "", *, figures: bool = False) -> str:
    """Return which of some codes a cell has, in the code's own writing; "" where it has none.

    A program that keeps figures writes the code 99 as 99.0 or 99,00. ``figures``: the cell is in a column of figures,
    where whatever is the same figure is the same code; ``decimal``: the decimal mark of the column.
    """
    if text in codes:
        return text
    if not figures:
        return said if (said := whole_of(text)) in codes else ""
    value = _figure(text, decimal) if any(one.isdigit() for one in text) else None
    return "" if value is None else next((one for one in codes if _figure(one, decimal) == value), "")


def cell(text: str, column: Any, fact: Field | None, zone: str) -> Any:
    """Return a cell as the value of a column; raises `NotThat`."""
    kind = column.type
    if fact is not None and fact.choices is not None:
        if fact.many and text.casefold() == NONE:
            return []
        return several_of(text, fact.choices) if fact.many else one_of(text, fact.choices)
    for types, read in (
        (UTCDateTime, lambda said: moment(said, zone)),
        (Quantity, number),
        (Boolean, yes_no),
        (Integer, whole),
        (Date, day),
        (JSON, _pairs),
    ):
        if isinstance(kind, types):
            return read(text)
    return text


def _pairs(text: str) -> dict[str, str]:
    parts = [part.split(":", 1) for part in text.split(";") if part.strip()]
    keys = [part[0].strip() for part in parts]
    if not parts or len(set(keys)) < len(keys) or any(len(part) < 2 for part in parts):
        raise NotThat("key: value, separated by ; and each key once")
    return {key.strip(): value.strip() for key, value in parts}


def comparator(text: str) -> tuple[str, Decimal]:
    """Return the sign and the figure of a result such as ``<0.05`` or ``97``."""
    found = re.fullmatch(r"(<=|>=|[<>≤≥=]?)\s*(.+)", text, re.DOTALL)
    sign, figure = (found[1], found[2]) if found else ("", text)
    return {"": "=", "<=": "≤", ">=": "≥"}.get(sign, sign), number(figure)


def _scaled(factor: str) -> Callable[[str], str]:
    return lambda text: multiplied(text, factor)


def _event_day(text: str) -> str:
    return str(whole(text))


def _occurred(text: str) -> str:
    if not any(one.isalnum() for one in text):
        raise NotThat(f"that it occurred; say under “values”, “missing” or “never” what “{text}” means")
    return "1"


def _weeks(text: str) -> str:
    """Return weeks as a number of days: ``24+5d`` is 173, ``34`` is 238."""
    found = re.fullmatch(r"(\d{1,4})(?:\+(\d)d?)?", text, re.ASCII)
    if not found:
        raise NotThat("weeks, or weeks+days like 24+5d")
    return str(int(found[1]) * 7 + int(found[2] or 0))


TRANSFORMS: MappingProxyType[str, Callable[[str], str]] = MappingProxyType(
    {
        "years": lambda text: format(number(text), "f"),
        "months_to_days": lambda text: str(int(number(text) * Decimal("30.4375"))),
        "weeks_to_days": _weeks,
        "grams_to_kg": _scaled("0.001"),
        "pounds_to_kg": _scaled("0.45359237"),
        "inches_to_cm": _scaled("2.54"),
        "percent_of_one": _scaled("100"),
        "whole": lambda text: str(whole(text)),
        "event_day": _event_day,
        "event_occurred": _occurred,
    }
)
"""The ways in which a mapping may have a cell read, by name. `event_occurred` is 1, and 0 where the cell says never."""
