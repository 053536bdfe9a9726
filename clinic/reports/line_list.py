"""A line list: rows of one data set as they are asked for, and the same rows counted in groups.

Rows, their number and the counts of groups are statements over the same conditions of one `Listing`, so that a count
and its list cannot differ: each row is in one group, of what is not recorded too.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, literal_column, or_, select
from sqlalchemy.types import Boolean

from clinic import clock, wording
from clinic.accounts.models import User
from clinic.model import unindexed
from clinic.patients.models import Patient
from clinic.reports.line_columns import as_number, as_text
from clinic.reports.marks import key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from clinic.reports.asking import Asked
    from clinic.reports.line_columns import Item, Listed

PAGE = 100
MOST_GROUPS = 500
"""Groups that a page shows; it says how many there are besides, and files have all of them."""
TOGETHER = 1000
"""Rows that a file reads at once."""
NOT_RECORDED, RECORDED, ANY_TEXT, PART = "-", "+", "~", "*"
"""What a filter says in place of a value: none; any; before a text's mark; after a year where the month is unknown."""
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
WHOLE = re.compile(r"-?[0-9]{1,9}")
SPAN = re.compile(r"([1-9]\d{3})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?(\*?)", re.ASCII)
YEAR_ONLY = ("year", f"{wording.ESTIMATED}year")


class Filter(NamedTuple):
    """One condition: a column, the test (is, min or max), what the address says, and the value that it means."""

    item: Item
    test: str
    said: str
    value: Any = None


class Grouping(NamedTuple):
    """One column by which rows are grouped; of a day or moment by year, quarter or month."""

    item: Item
    unit: str = ""

    @property
    def key(self) -> str:
        """How an address says it."""
        return f"{self.item.key}.{self.unit}" if self.unit else self.item.key


class Group(NamedTuple):
    """The rows that have the same values: these in words, how many rows, and the list of just these."""

    labels: tuple[str, ...]
    count: int
    listing: Listing


class Line(NamedTuple):
    """One row: its id, whose it is, its values in the order of the columns, and what is known of its dates."""

    id: str
    patient_id: str | None
    values: tuple[Any, ...]
    precision: dict[str, str]


class Names(NamedTuple):
    """Who is named in some rows, by id: staff and patients."""

    staff: dict[str, str]
    patients: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Which rows of a data set, which columns of them, in which order, and by what they are counted.

    ``asked`` has the period. ``site_id`` and ``zone`` are the reader's: no row of another site is listed.
    """

    of: Listed
    columns: tuple[Item, ...]
    asked: Asked
    site_id: str
    zone: str
    filters: tuple[Filter, ...] = ()
    order: Item | None = None
    descending: bool = False
    by: tuple[Grouping, ...] = ()

    def matching(self, *columns: Any, dated: bool = True) -> Any:
        """Return the statement that reads some columns of the rows that are asked for: of all presentations the one.

        ``dated=False``: of the rows that the period leaves out, since they have no date.
        """
        model = self.of.model
        chosen = select(*columns).select_from(model)
        for target, on in self.of.joins:
            chosen = chosen.join(target, on, isouter=True)
        chosen = chosen.where(unindexed(model.site_id) == self.site_id)
        chosen = chosen.where(*(self._holds(one) for one in self.filters))
        when = self.of.dated
        if when is None or not self.asked.dated:
            return chosen
        return chosen.where(self._within(when, self.asked.since, self.asked.until) if dated else when.of.is_(None))

    def count(self, session: Session) -> int:
        """Return how many rows there are."""
        return int(session.scalar(self.matching(func.count())) or 0)

    def undated(self, session: Session) -> int:
        """Return how many rows the period leaves out because they have no date."""
        asked = self.of.dated is not None and self.asked.dated
        return int(session.scalar(self.matching(func.count(), dated=False)) or 0) if asked else 0

    def lines(self, session: Session, *, skip: int = 0, most: int | None = None) -> Iterator[list[Line]]:
        """Yield the rows in their order, some at a time, read by one statement."""
        model, patient = self.of.model, self.of.patient
        part = getattr(model, "precision", literal_column("NULL")).label("known")
        whose = (literal_column("NULL") if patient is None else patient).label("whose")
        read = [one.of.label(f"c{place}") for place, one in enumerate(self.columns)]
        order: list[Any] = []
        if self.order is not None:
            of = as_number(self.order.of)
            order = [of.is_(None), of.desc() if self.descending else of.asc()]
        chosen = self.matching(model.id, whose, part, *read).order_by(*order, model.id).offset(skip).limit(most)
        found = session.execute(chosen, execution_options={"yield_per": TOGETHER})
        for some in found.partitions(TOGETHER):
            rows: list[Any] = list(some)
            yield [Line(row[0], row[1], tuple(row[3:]), row[2] or {}) for row in rows]

    def groups(self, session: Session) -> list[Group]:
        """Return the rows counted by what they are grouped by; the sum of the counts is `count`."""
        read = [one for grouping in self.by for one in self._read_for(grouping)]
        inner = self.matching(*(of.label(f"c{place}") for place, of in enumerate(read))).subquery()
        found: Counter[tuple[str, ...]] = Counter()
        words: dict[tuple[str, ...], tuple[str, ...]] = {}
        staff = names(session, [], staff=any(one.item.kind == "person" for one in self.by)).staff
        texts: dict[str, Any] = {}
        for *values, count in session.execute(select(*inner.c, func.count()).group_by(*inner.c)):
            keys, labels = [], []
            for grouping, start in zip(self.by, range(0, len(values), 2), strict=True):
                value, known = values[start], values[start + 1]
                key = self._key(grouping, value, known)
                texts[key] = value
                keys.append(key)
                labels.append(label(grouping.item, key, value, staff))
            found[tuple(keys)] += count
            words[tuple(keys)] = tuple(labels)
        order = sorted(found, key=lambda keys: [self._rank(*pair) for pair in zip(self.by, keys, strict=True)])
        return [Group(words[keys], found[keys], self._narrowed(keys, texts)) for keys in order]

    def texts(self, session: Session, item: Item) -> list[str]:
        """Return every text that a column has at this site, to find the one that an address marks."""
        every = replace(self, filters=(), asked=replace(self.asked, since=None, until=None, span=""))
        return [text for (text,) in session.execute(every.matching(item.of).distinct()) if isinstance(text, str)]

    def _read_for(self, grouping: Grouping) -> tuple[Any, Any]:
        """Return what is read to group: the value, and how much of it is known."""
        return grouping.item.of, self._known(grouping.item)

    def _known(self, item: Item) -> Any:
        precision = getattr(self.of.model, "precision", None)
        part = item.own and item.kind in {"day", "moment"} and precision is not None
        return precision[item.key].as_string() if part and precision is not None else literal_column("NULL")

    def _key(self, grouping: Grouping, value: Any, known: str | None) -> str:
        """Return how an address says the group that a value is in."""
        item = grouping.item
        if value is None:
            return NOT_RECORDED
        if grouping.unit:
            on = clock.day(value, self.zone) if item.kind == "moment" else value
            return bucket(on, grouping.unit, known)
        if item.kind == "text":
            return f"{ANY_TEXT}{key_of(value)}"
        if item.kind == "yesno":
            return "yes" if value else "no"
        if item.kind != "choice":
            return str(value)
        known = next((key for key, one in item.values.items() if one == value), None)
        return known or f"{ANY_TEXT}{key_of(str(value))}"  # a choice that the catalogue no longer has

    def _rank(self, grouping: Grouping, key: str) -> tuple[Any, ...]:
        """Return what groups are sorted by: choices as their list has them, days by time; not recorded is the last."""
        choices = list(grouping.item.choices)
        place = choices.index(key) if key in choices else len(choices)
        number = int(key) if grouping.item.kind == "whole" and key != NOT_RECORDED else 0
        return key == NOT_RECORDED, place, number, key

    def _narrowed(self, keys: Sequence[str], texts: dict[str, Any]) -> Listing:
        """Return the list of the rows of one group."""
        filters = list(self.filters)
        for grouping, key in zip(self.by, keys, strict=True):
            wanted = Filter(grouping.item, "is", key, texts[key] if key.startswith(ANY_TEXT) else None)
            same = [one for one in filters if one.item.key == grouping.item.key and one.test == "is"]
            if same and grouping.unit and _inside(same[0].said, key):
                continue
            filters = [one for one in filters if one not in same] + [wanted]
        return replace(self, filters=tuple(filters), by=())

    def _holds(self, one: Filter) -> Any:
        """Return the condition of a filter; raises `ValueError` where its column has no such value."""
        item, said = one.item, one.said
        if one.test != "is":
            return as_number(item.of) >= one.value if one.test == "min" else as_number(item.of) <= one.value
        if said in {NOT_RECORDED, RECORDED}:
            return _nothing(item) if said == NOT_RECORDED else ~_nothing(item)
        if item.kind in {"day", "moment"}:
            return self._in_bucket(item, said)
        if item.kind == "choices":
            text = as_text(item.of)
            return text == "[]" if said == "none" else text.contains(f'"{said}"', autoescape=True)
        if said.startswith(ANY_TEXT):
            return item.of.in_([] if one.value is None else [one.value])
        return item.of == value_of(item, said)

    def _in_bucket(self, item: Item, said: str) -> Any:
        first, last, part = span_of(said)
        held = self._within(item, first, last)
        if not part and len(said) == len("2015"):
            return held
        known = self._known(item)
        year_only = known.in_(YEAR_ONLY)
        return held & (year_only if part else or_(known.is_(None), ~year_only))

    def _within(self, item: Item, first: date | None, last: date | None) -> Any:
        if item.kind == "day":
            ends = [item.of >= first if first else None, item.of <= last if last else None]
        else:
            ends = [
                item.of >= clock.start_of(first, self.zone) if first else None,
                item.of < clock.midnight_after(last, self.zone) if last else None,
            ]
        held = literal_column("1 = 1", Boolean)
        for end in ends:
            held = held if end is None else held & end
        return held


def _nothing(item: Item) -> Any:
    if item.kind in {"map", "choices", "list"}:
        empty = ["null", "{}"] if item.kind != "list" else ["null", "{}", "[]"]
        return or_(item.of.is_(None), as_text(item.of).in_(empty))
    return item.of.is_(None)


def value_of(item: Item, said: str) -> Any:
    """Return the value that an address says; raises `ValueError` where the column cannot have it."""
    if item.kind == "yesno" and said in {"yes", "no"}:
        return said == "yes"
    if item.kind == "whole" and WHOLE.fullmatch(said):
        return int(said)
    if item.kind == "choice":
        if said not in item.values:
            raise ValueError(said)
        return item.values[said]
    if item.kind in {"code", "person"} and CODE.fullmatch(said):
        return said
    raise ValueError(said)


def bucket(on: date, unit: str, known: str | None = None) -> str:
    """Return the year, quarter or month of a day: 2026, 2026-Q1, 2026-03; 2026* where only the year is known."""
    year = f"{on.year:04d}"
    if unit == "year":
        return year
    if known in YEAR_ONLY:
        return year + PART
    return f"{year}-{on.month:02d}" if unit == "month" else f"{year}-Q{(on.month + 2) // 3}"


def span_of(said: str) -> tuple[date, date, bool]:
    """Return first and last day of a year, quarter or month, and whether no more than the year may be known.

    Raises `ValueError` for what is none.
    """
    match = SPAN.fullmatch(said)
    if match is None or (match[4] and (match[2] or match[3])):
        raise ValueError(said)
    year = int(match[1])
    first, months = (int(match[3]), 1) if match[3] else (int(match[2]) * 3 - 2, 3) if match[2] else (1, 12)
    after = date(year + (first + months > 12), (first + months - 1) % 12 + 1, 1) if year < 9999 else date.max
    return date(year, first, 1), after - timedelta(days=1), bool(match[4])


def _inside(said: str, key: str) -> bool:
    """Whether what is asked already is no more than a group: its filter then stays as it is."""
    try:
        (first, last, part), (since, until, of_part) = span_of(said), span_of(key)
    except ValueError:
        return False
    return since <= first and last <= until and (part or not of_part)


def label(item: Item, key: str, value: Any, staff: dict[str, str]) -> str:
    """Return the key of a group in words."""
    fixed = {NOT_RECORDED: "Not recorded", RECORDED: "Recorded"}
    if key in fixed:
        return fixed[key]
    if item.kind in {"day", "moment"}:
        return _when(key)
    if key.startswith(ANY_TEXT):
        return str(value) if value is not None else "A text that no row has"
    known = {
        "yesno": {"yes": "Yes", "no": "No"},
        "person": staff,
        "choices": {"none": "Not one of these", **item.choices},
    }
    return known.get(item.kind, item.choices).get(key, key)


def _when(key: str) -> str:
    """Return a year, quarter or month in words."""
    if key.endswith(PART):
        return f"{key[:-1]}, month not known"
    year, _, rest = key.partition("-")
    if rest.startswith("Q"):
        return f"{rest} {year}"
    return wording.day(date(int(year), int(rest), 1), "month") if rest else year


def names(session: Session, patients: Sequence[str | None], *, staff: bool) -> Names:
    """Return the names of staff, where they are asked for, and of some patients."""
    people = {row.id: row.printed_name for row in session.execute(select(User.id, User.printed_name))} if staff else {}
    wanted = sorted({one for one in patients if one})
    found = {}
    for start in range(0, len(wanted), TOGETHER):
        read = select(Patient.id, Patient.family_name, Patient.given_names, Patient.record_number)
        for row in session.execute(read.where(Patient.id.in_(wanted[start : start + TOGETHER]))):
            found[row.id] = wording.person(row.family_name, row.given_names, row.record_number)
    return Names(people, found)
