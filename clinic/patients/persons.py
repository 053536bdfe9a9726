"""Questions about one person, who may have several records: the weight that counts, and whether she or he has died."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.patients.weighing import doubted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


def weight_of(people: Iterable[Any], moment: datetime) -> Any:
    """Return the last weight measured by a moment on any of a person's records, of those that count (rule 51)."""
    weighed = [w for one in people for w in one.weights]
    left = doubted(weighed) if len(weighed) > 1 else []
    known = [w for w in weighed if w.performed_at is not None and w.performed_at <= moment and w not in left]
    return max(known, key=lambda w: w.performed_at or moment, default=None)


def has_died(people: Iterable[Any]) -> bool:
    """Whether any of a person's records says that she or he died."""
    return any(one.died_on is not None or bool(one.not_recorded.get("died_on")) for one in people)


def had_died(people: Iterable[Any], moment: datetime, zone: str) -> bool:
    """Whether a person had died by a moment, as far as any of her or his records says (rules 23, 69).

    On the day of a death it is over at the latest when the death was written down: nobody records the hour.
    """
    day = clock.day(moment, zone)
    for one in people:
        died_on = one.death
        if died_on is not None and day >= died_on:
            told = [
                made.amended_at for made in one.amendments if made.changes.get("died_on", [0, 0])[1] == str(died_on)
            ]
            if day > died_on or moment >= min(told, default=one.recorded_at):
                return True
    return False
