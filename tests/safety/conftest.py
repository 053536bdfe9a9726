"""The ward of the stories."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from clinic import clock
from tests.safety import moments
from tests.safety.driver import Ward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    from tests.factories import Team


@pytest.fixture
def ward(session: Session, team: Team, client_as: Callable) -> Ward:
    """The northern clinic."""
    return Ward(session, team, client_as)


def _to_daytime(hour: int) -> timedelta:
    """Return how far the clock is set, so that no story of a few hours runs over a midnight that it did not ask for."""
    return timedelta() if 8 <= hour < 17 else timedelta(hours=12 - hour)


SHIFT = _to_daytime(clock.local(clock.now(), "Europe/Berlin").hour)
"""One shift for the whole run: scenes are built once and copied."""


@pytest.fixture(autouse=True)
def _daytime() -> Iterator[None]:
    """Each story is told by day and counts back from a minute of its own; midnights are tests of their own."""
    with time_machine.travel(clock.now() + SHIFT, tick=True):
        moments.begin_again()
        yield
