"""Which visit is the baseline: one on the day of the first cells or before, or one whose name says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from clinic.followup.models import BASELINE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.reports.data import Data

ALSO_CALLED = frozenset({
    "bl", "before", "beforecells", "beforetreatment", "day0", "pre", "preinfusion", "preop", "preoperative",
    "pretransplant", "pretreatment", "screening", "visit0", "week0", "month0",
})  # fmt: skip
"""Names of a baseline that count where neither a date nor a day of the course tells the day."""


_SPAN = r"(?:days?|weeks?|months?|years?|hours?)"
LATER = re.compile(rf"(?i){_SPAN}\W{{0,2}}0*[1-9]|[1-9]\d*\W{{0,2}}{_SPAN}\b")
"""A name that tells a time after the cells: of a visit on the day of the cells, this one came after them."""


class Reading(NamedTuple):
    """One value of a score: the name of its visit, the day of the course, and the value."""

    name: str
    day: int | None
    value: Any


def named(name: str | None) -> bool:
    """Whether a visit has the name of the baseline, in whatever case."""
    return " ".join((name or "").split()).casefold() == BASELINE.casefold()


def is_baseline(name: str | None, day: int | None) -> bool:
    """Whether a visit was before the cells; ``day``: of the course, by its date where that is known."""
    if named(name):
        return True
    if day == 0 and LATER.search(name or ""):
        return False
    return day <= 0 if day is not None else re.sub(r"[\W_]+", "", name or "").casefold() in ALSO_CALLED


def baseline_of(readings: Iterable[Reading]) -> Any:
    """Return the value before the cells: that of the visit called so, else the last one; None where there is none."""
    before = [one for one in readings if is_baseline(one.name, one.day)]
    so_called = [one for one in before if named(one.name)]
    if so_called:
        return so_called[0].value
    return max(before, key=lambda one: 0 if one.day is None else one.day).value if before else None


def day_of_visit(data: Data, row: Any) -> int | None:
    """Return the day of the course of a visit: from its date and the first cells, else as it is written down."""
    on, zero = data.when(row.performed_at, row.precision), data.zero.get(row.treatment_id)
    if on is not None and on.day is not None and zero is not None:
        return (on.day - zero).days
    return row.course_day
