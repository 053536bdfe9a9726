"""What was asked of a report: period, filters and grouping, read from the address and said in words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from clinic import wording
from clinic.day_filter import day_asked
from clinic.protocols.models import CODE
from clinic.reports.dimensions import DIMENSIONS, FILTERS, UNKNOWN
from clinic.reports.periods import SPANS, days_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


EARLIEST, LATEST = date(1900, 1, 1), date(2999, 12, 31)
ENDS = ("from", "to")
DAYS = {"from": "First day", "to": "Last day"}
SPAN = "period"
LONGEST = 200
"""Characters of what a reader types."""
PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?")
PARTS = ("part", "part-changed", "part-records", "part-then")
"""Which part of a long table a page shows: of a report, and of the three tables of a report of the past."""
PLACES = {"row", "column", "page", *PARTS}
"""What an address of records says besides."""


class Option(NamedTuple):
    """A choice of one report beside the filters, such as an instrument: its name in the address, label and choices.

    ``typed``: the reader types it, a share ("percent") or a few words ("text"), never of a patient. ``beside``: the
    option without which it says nothing: both are entered, or neither.
    """

    key: str
    label: str
    choices: Collection[tuple[str, str]] = ()
    usual: str = ""
    typed: str = ""
    beside: str = ""

    def words(self, value: str) -> str:
        """Return a value in words."""
        if self.typed:
            return f"{value}{' %' if self.typed == 'percent' else ''}" if value else "not entered"
        return dict(self.choices).get(value, value)  # what was kept may name what nobody offers any more

    def fault(self, value: str) -> str:
        """Return what is wrong with a value, in a sentence; empty: nothing."""
        if not self.typed:
            return "" if value in dict(self.choices) else f"{self.label}: choose one of the list."
        if self.typed == "percent" and value and not (PERCENT.fullmatch(value) and 0 < Decimal(value) <= 100):
            return f"{self.label}: “{value[:40]}” is not a percentage. Enter a number above 0 and up to 100, like 71.5."
        if len(value) > LONGEST or not value.isprintable():
            return f"{self.label}: enter up to {LONGEST} printable characters."
        return ""

    def said(self, text: str) -> str:
        """Return the value that a text says: without spaces around it, a share as a plain number."""
        found = " ".join(text.split()) or self.usual
        return found.removesuffix("%").strip().replace(",", ".") if self.typed == "percent" else found


class Askable(Protocol):
    """What a report says about what may be asked of it."""

    @property
    def counted_by(self) -> str: ...

    @property
    def by(self) -> tuple[str, ...]: ...

    @property
    def options(self) -> tuple[Option, ...]: ...


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which records a report counts, and by what it groups them. ``options``: choices of this report alone.

    ``span``: the name of a period that moves with the calendar; ``since`` and ``until`` are then its days of today.
    """

    since: date | None = None
    until: date | None = None
    chosen: Mapping[str, str] = field(default_factory=dict)
    by: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    span: str = ""

    @property
    def dated(self) -> bool:
        """Whether a period was asked for."""
        return self.since is not None or self.until is not None

    def fixed(self) -> Asked:
        """Return the same by its days: a period that moves with the calendar stays where it is today."""
        return replace(self, span="")

    def params(self, report: Askable) -> dict[str, Any]:
        """Return it as parameters of an address; what is usual is left out."""
        ends = {SPAN: self.span} if self.span else {"from": str(self.since or ""), "to": str(self.until or "")}
        found = {**ends, **self.chosen}
        if report.by and self.by != report.by[0]:
            found["by"] = self.by
        usual = {option.key: option.usual for option in report.options}
        found |= {key: value for key, value in self.options.items() if value != usual[key]}
        return {key: value for key, value in found.items() if value}

    def said(self, report: Askable, site: str) -> list[tuple[str, str]]:
        """Return site, period, filters and grouping in words, as they are printed on every format."""
        period = f"All dates (by {report.counted_by})"
        if self.dated:
            ends = [wording.day(day) for day in (self.since, self.until)]
            span = " to ".join(ends) if all(ends) else f"from {ends[0]}" if ends[0] else f"until {ends[1]}"
            period = f"{span}, by {report.counted_by}"
            period = f"{SPANS[self.span]}: {period}" if self.span else period
        found = [("Site", site), ("Period", period)]
        found += [(DIMENSIONS[key].label, DIMENSIONS[key].words(value)) for key, value in self.chosen.items()]
        for option in report.options:
            found.append((option.label, option.words(self.options[option.key])))
        if self.by:
            found.append(("Grouped by", DIMENSIONS[self.by].label.lower()))
        return found if self.chosen else [*found, ("Filters", "none")]


def read(report: Askable, said: Mapping[str, str], *, today: date) -> tuple[Asked, dict[str, str]]:
    """Return what an address asks for on a day of the site, and what is wrong with it: a sentence by the box's name.

    A filter that is not understood is refused: figures without it would be other figures than were asked for.
    """
    wrong: dict[str, str] = {}
    ends = {name: day_in(DAYS[name], day_asked(said, name)[0], wrong, name) for name in ENDS}
    since, until = ends["from"], ends["to"]
    if since and until and since > until:
        wrong["to"] = f"Last day: {wording.day(until)} is before the first day, {wording.day(since)}."
    span = said.get(SPAN, "").strip()
    if span and (since or until):
        wrong[SPAN] = "Period: choose a period or enter days, not both."
    elif span and span not in SPANS:
        wrong[SPAN] = "Period: choose one of the list."
        span = ""
    elif span:
        since, until = days_of(span, today)
    options = _options(report, said, wrong)
    by = said.get("by", "").strip() or (report.by[0] if report.by else "")
    if by and by not in report.by:
        wrong["by"] = "Grouped by: choose one of the list."
        by = report.by[0] if report.by else ""
    known = {*ENDS, SPAN, *(f"{end}-{part}" for end in ENDS for part in "dmy"), "by", *FILTERS, *options, *PLACES}
    for name in sorted(set(said) - known):
        wrong[name] = f"This report has no filter called “{name[:40]}”."
    chosen = {key: value for key in FILTERS if (value := said.get(key, "").strip())}
    for key in [key for key, value in chosen.items() if not _known(key, value)]:
        wrong[key] = f"{DIMENSIONS[key].label}: choose one of the list."
        del chosen[key]
    return Asked(since=since, until=until, chosen=chosen, by=by, options=options, span=span), wrong


def _options(report: Askable, said: Mapping[str, str], wrong: dict[str, str]) -> dict[str, str]:
    """Return the options of a report; what was typed is kept in its box also where it is wrong."""
    found = {}
    for option in report.options:
        value = option.said(said.get(option.key, ""))
        if fault := option.fault(value):
            wrong[option.key] = fault
            value = value if option.typed else option.usual
        found[option.key] = value
    labels = {option.key: option.label for option in report.options}
    for option in report.options:
        if option.beside and found[option.key] and not found[option.beside]:
            wrong[option.beside] = f"{labels[option.beside]}: required with “{option.label}”. Enter both, or neither."
    return found


def boxes(said: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return what stands in the boxes of the first and the last day."""
    return {name: day_asked(said, name)[1] for name in ENDS}


def _known(key: str, value: str) -> bool:
    labels = DIMENSIONS[key].labels
    return value in labels or (bool(labels) and value == UNKNOWN) or (not labels and CODE.fullmatch(value) is not None)


PARTS_MISSING = re.compile(r"\d{0,4}-(00?-\d{0,2}|\d{0,2}-(00?)?|-\d{0,2})")
"""A day of which the boxes say only a part."""


def day_in(label: str, text: str, wrong: dict[str, str], name: str) -> date | None:
    """Return the day that an address says; None, and what is wrong with it under its box's name, where it says none."""
    if not text:
        return None
    try:
        found = date.fromisoformat(text) if len(text) == len("2026-11-23") else None
    except ValueError:
        found = None
    if found is None or not EARLIEST <= found <= LATEST:
        wrong[name] = f"{label}: “{text[:40]}” is not a date. Enter a day such as 23 Nov 2026."
        if PARTS_MISSING.fullmatch(text):
            wrong[name] = f"{label}: enter day, month and year."
        return None
    return found
