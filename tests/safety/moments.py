"""Moments of a story, counted back from one minute: a test that runs over the turn of a minute says the same."""

from __future__ import annotations

from datetime import datetime, timedelta

from clinic import clock

_BEGUN: list[datetime] = []


def begin_again() -> None:
    """Forget the minute of the last story."""
    _BEGUN.clear()


def minutes(number: float) -> datetime:
    """A moment so many minutes ago, to the minute as a form has it."""
    now = clock.now()
    if not _BEGUN or not timedelta() <= now - _BEGUN[0] < timedelta(minutes=2):
        _BEGUN[:] = [now]
    return (_BEGUN[0] - timedelta(minutes=number)).replace(second=0, microsecond=0)
