"""Periods that move with the calendar: a saved view of last quarter is always about the quarter before today's."""

from __future__ import annotations

from datetime import date, timedelta

SPANS = {
    "last-week": "Last week, Monday to Sunday",
    "this-month": "This month",
    "last-month": "Last month",
    "this-quarter": "This quarter",
    "last-quarter": "Last quarter",
    "this-year": "This year",
    "last-year": "Last year",
    "last-12-months": "The last 12 whole months",
}
"""The periods that can be asked for by name."""
EVERY = {"week": "Every week", "month": "Every month", "quarter": "Every quarter", "year": "Every year"}
"""How often a saved view can be made by itself: on the first day of each."""
MONTHS = {"month": 1, "quarter": 3, "year": 12}


def days_of(span: str, today: date) -> tuple[date, date]:
    """Return first and last day of a period by its name, as of a day on the site's clock."""
    if span == "last-week":
        monday = today - timedelta(days=today.weekday())
        return monday - timedelta(days=7), monday - timedelta(days=1)
    if span == "last-12-months":
        first = today.replace(day=1)
        return _later(first, -12), first - timedelta(days=1)
    which, _, unit = span.partition("-")
    first = _first(unit, today)
    if which == "last":
        return _later(first, -MONTHS[unit]), first - timedelta(days=1)
    return first, _later(first, MONTHS[unit]) - timedelta(days=1)


def next_of(every: str, today: date) -> date:
    """Return the first day of the week, month, quarter or year after the one that a day is in."""
    if every == "week":
        return today + timedelta(days=7 - today.weekday())
    return _later(_first(every, today), MONTHS[every])


def _first(unit: str, today: date) -> date:
    months = MONTHS[unit]
    return today.replace(month=(today.month - 1) // months * months + 1, day=1)


def _later(first: date, months: int) -> date:
    """Return the first day of a month some months later, or earlier."""
    count = first.year * 12 + first.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
