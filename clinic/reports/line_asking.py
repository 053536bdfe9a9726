"""What was asked of a line list: columns, filters, period, order and groups, read from an address and said in words.

An address has ids, codes and keys of choices, never a word that somebody typed: a text is named by its mark.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from clinic.fields import parse_decimal, plain
from clinic.reports import asking
from clinic.reports.line_columns import UNITS
from clinic.reports.line_list import (
    ANY_TEXT,
    NOT_RECORDED,
    RECORDED,
    Filter,
    Grouping,
    Listing,
    label,
    span_of,
    value_of,
)
from clinic.reports.marks import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from sqlalchemy.orm import Session

    from clinic.reports.line_columns import Item, Listed

PERIOD = (asking.SPAN, *asking.ENDS, *(f"{end}-{part}" for end in asking.ENDS for part in "dmy"))
GROUPS = ("by", "then")
PLACES = {"page", "part"}
"""What an address says besides: which page, and whether a file has the rows or the counts."""
LONGEST = 30
"""Characters of a number that is filtered by."""
TESTS = {"is": "", "min": "at least", "max": "at most"}


@dataclass(frozen=True, kw_only=True)
class Reader:
    """For whom a list is read: the session, the site and its zone, and the day there."""

    session: Session
    site_id: str
    zone: str
    today: date


class Period:
    """What may be asked of the period of a list."""

    by: tuple[str, ...] = ()
    options: tuple[asking.Option, ...] = ()

    def __init__(self, listed: Listed) -> None:
        self.counted_by = listed.dated.heading.lower() if listed.dated else "no date"


def read(listed: Listed, said: Mapping[str, str], reader: Reader) -> tuple[Listing, dict[str, str]]:
    """Return the list that an address asks for, and what is wrong with it: a sentence by the box's name."""
    dates = {key: value for key, value in said.items() if key in PERIOD}
    asked, wrong = asking.read(Period(listed), dates, today=reader.today)
    if asked.dated and listed.dated is None:
        wrong["period"] = f"Period: {listed.dataset.title.lower()} have no date to choose by."
    columns = [key for key in said.get("columns", "").split(",") if key] or list(listed.usual)
    for key in columns:
        if key not in listed.items:
            wrong["columns"] = f"Columns: there is no column called “{key[:40]}”."
    order = said.get("order", "").strip() or usual_order(listed)
    ordered = listed.items.get(order.removeprefix("-"))
    if order and (ordered is None or not ordered.sorted):
        wrong["order"], ordered = "Order: choose one of the list.", None
    listing = Listing(
        of=listed, asked=asked, site_id=reader.site_id, zone=reader.zone, order=ordered,
        columns=tuple(one for key, one in listed.items.items() if key in {"id", *columns}),
        descending=order.startswith("-"), by=_groups(listed, said, wrong),
    )  # fmt: skip
    return replace(listing, filters=_filters(listing, said, reader, wrong)), wrong


def usual_order(listed: Listed) -> str:
    """Return the order of a list that nobody has chosen yet: the newest first."""
    return f"-{listed.dated.key}" if listed.dated else ""


def _groups(listed: Listed, said: Mapping[str, str], wrong: dict[str, str]) -> tuple[Grouping, ...]:
    known, found = {one.key: one for one in offered(listed)}, []
    for name in GROUPS:
        key = said.get(name, "").strip()
        if key and key not in known:
            wrong[name] = "Grouped by: choose one of the list."
        elif key and known[key] not in found:
            found.append(known[key])
    return tuple(found)


def offered(listed: Listed) -> list[Grouping]:
    """Return everything that rows can be grouped by."""
    found = []
    for item in listed.items.values():
        if item.grouped:
            found += [Grouping(item, unit) for unit in (UNITS if item.kind in {"day", "moment"} else ("",))]
    return found


def _filters(listing: Listing, said: Mapping[str, str], reader: Reader, wrong: dict[str, str]) -> tuple[Filter, ...]:
    found, items = [], listing.of.items
    for name, text in said.items():
        if name in {*PERIOD, *GROUPS, *PLACES, "columns", "order"}:
            continue
        test, _, key = name.partition(".")
        item, value = items.get(key), text.strip()
        if item is None or test not in TESTS or (test != "is" and item.kind not in {"number", "whole"}):
            wrong[name] = f"This list has no filter called “{name[:40]}”."
        elif value:
            try:
                found.append(_filter(listing, item, test, value, reader))
            except ValueError:
                number = f"“{value[:40]}” is not a number." if test != "is" else "choose one of the list."
                wrong[name] = f"{item.heading}: {number}"
    return tuple(found)


def _filter(listing: Listing, item: Item, test: str, said: str, reader: Reader) -> Filter:
    """Return one filter; raises `ValueError` where the column cannot have that value."""
    if test != "is":
        if len(said) > LONGEST:
            raise ValueError(said)
        return Filter(item, test, said, float(parse_decimal(said)))
    if said in {NOT_RECORDED, RECORDED}:
        return Filter(item, test, said)
    if item.hidden:
        raise ValueError(said)
    if (item.kind == "text") != said.startswith(ANY_TEXT) and item.kind != "choice":
        raise ValueError(said)
    if said.startswith(ANY_TEXT):
        texts = listing.texts(reader.session, item)
        return Filter(item, test, said, next((one for one in texts if key_of(one) == said[1:]), None))
    if item.kind in {"day", "moment"}:
        return Filter(item, test, said, span_of(said))
    if item.kind == "choices":
        if said != "none" and said not in item.choices:
            raise ValueError(said)
        return Filter(item, test, said)
    return Filter(item, test, said, value_of(item, said))


def params(listing: Listing) -> dict[str, Any]:
    """Return a list as parameters of an address; what is usual is left out."""
    found = listing.asked.params(Period(listing.of))
    columns = [one.key for one in listing.columns]
    usual = [key for key in listing.of.items if key in {"id", *listing.of.usual}]
    if columns != usual:
        found["columns"] = ",".join(columns)
    order = ("-" if listing.descending else "") + (listing.order.key if listing.order else "")
    if order != usual_order(listing.of):
        found["order"] = order
    found |= {name: one.key for name, one in zip(GROUPS, listing.by, strict=False)}
    return found | {f"{one.test}.{one.item.key}": one.said for one in listing.filters}


def words(listing: Listing, site: str, staff: dict[str, str]) -> list[tuple[str, str]]:
    """Return site, period, filters, order and groups in words, as every format has them."""
    found = [("Data set", listing.of.dataset.title), *listing.asked.said(Period(listing.of), site)]
    found = [pair for pair in found if pair[0] != "Filters"]
    found += [(one.item.heading, said_of(one, staff)) for one in listing.filters] or [("Filters", "none")]
    if listing.order is not None:
        found.append(("Order", f"{listing.order.heading}, {'last' if listing.descending else 'first'} value first"))
    if listing.by:
        found.append(("Counted by", ", then by ".join(grouping_words(one) for one in listing.by)))
    return found


def said_of(one: Filter, staff: dict[str, str]) -> str:
    """Return a filter in words."""
    if one.test != "is":
        return f"{TESTS[one.test]} {plain(parse_decimal(one.said))} {one.item.unit}".strip()
    return label(one.item, one.said, one.value, staff)


def grouping_words(one: Grouping) -> str:
    """Return in words by what rows are grouped."""
    return f"{one.item.heading}, {UNITS[one.unit]}" if one.unit else one.item.heading
